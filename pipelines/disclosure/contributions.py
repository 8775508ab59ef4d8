"""Loading: from the relations that dbt gives to the arrays of one occasion, and which figures its marts show of it.

The models `contributions` and `memberships` say who has contributed what, and in which slices it counts. What a mart
sums of that is said here, in one function for each kind of occasion.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from pipelines.database import literal
from pipelines.disclosure.accept import Raters
from pipelines.disclosure.measures import measures_of, packed
from pipelines.disclosure.occasion import Figure, Occasion, Use
from pipelines.disclosure.search import Bools, Floats, Ints

KINDS = ("answers", "ratings", "goals", "meetings", "recognitions", "trainings", "exits", "populations")
PERSPECTIVES = ("self", "manager", "peer", "report")
# Windows of exits as first and last month, from those that show most people: the year, its quarters, its months.
BLOCKS: Mapping[str, tuple[int, int]] = {
    "year": (1, 12),
    **{f"quarter-{n + 1}": (3 * n + 1, 3 * n + 3) for n in range(4)},
    **{f"month-{n:02d}": (n, n) for n in range(1, 13)},
}
# Exits of a year within so many years of tenure.
TENURES: Mapping[str, int] = {f"tenure-{n:02d}": n for n in range(1, 11)}
# Sets of people whose gender or ethnicity a figure sums, from the most useful: fairness of reviews, then headcounts.
POPULATIONS = (
    "ratings", "closing", "opening", "last_day", "exits", "hires", "average", "retained", "rehires", "changes_in",
    "changes_out", "twelfth", "goals", "answers", "recognitions", "meetings",
)  # fmt: skip


@dataclass(frozen=True)
class Rules:
    """What the settings say of disclosure control.

    Attributes:
        k: people that a figure needs.
        larger: the same of surveys or cycles that need more.
        raters: raters that a perspective needs.
        suppresses_unanimity: whether cells in which all did the same are suppressed.
        dimensions: of each mart, in the order of their use.
        budget: columns that the search may look at for one part of an occasion.
        observed_to: last day of which the exports speak; None where no stints of employment are known.
    """

    k: int
    larger: Mapping[str, int]
    raters: int
    suppresses_unanimity: bool
    dimensions: Mapping[str, Sequence[str]]
    budget: int
    observed_to: date | None = None

    def k_of(self, occasion: str) -> int:
        """The minimum group of an occasion."""
        return max(self.k, self.larger.get(occasion, self.k))

    def of(self, *marts: str) -> tuple[str, ...]:
        """The dimensions of some marts together, in their order."""
        return tuple(dict.fromkeys(name for mart in marts for name in self.dimensions.get(mart, ())))

    @property
    def order(self) -> tuple[str, ...]:
        """All dimensions in the order in which their slices are offered."""
        names = self.of(*self.dimensions)
        teams = [name for name in names if name == "manager"]
        return (*(name for name in names if name != "manager"), *teams, "goal", *POPULATIONS)


@dataclass(frozen=True)
class Loaded:
    """An occasion as it is delivered now.

    Attributes:
        kind, name: of the occasion.
        people: ids, in the order of the arrays.
        named: of each person, whether the id names a known person; false for the id of an anonymous sheet.
        parts: names, sorted.
        content: people × parts, what they contributed; -1 for nothing.
        category: people × parts; -1 for nothing.
        slices: dimension and value, those of one dimension together, the largest first.
        members: slices × people, 1 where someone is in a slice (another number where a sum counts them otherwise).
        measures: part and measure → of each person, the number that figures sum (see `measures.py`); -1 for nothing.
        times: people × parts, how often the same contribution counts, as that of two equal sheets; None for once each.
    """

    kind: str
    name: str
    people: list[str]
    named: Bools
    parts: list[str]
    content: Ints
    category: Ints
    slices: list[tuple[str, str]]
    members: sparse.csr_array
    measures: dict[tuple[str, str], Ints]
    times: Ints | None = None


def by_occasion(
    con: duckdb.DuckDBPyConnection, kind: str, contributions: duckdb.DuckDBPyRelation
) -> dict[str, pa.Table]:
    """The contributions of a kind, read at once: occasion → its rows; the earliest first as far as names tell.

    Args:
        con: the connection that the relation belongs to.
        kind: of the occasions.
        contributions: the model.
    """
    # Without parameters: DuckDB gives a query with parameters its rows in any order.
    rows = con.sql(
        f"select occasion, person_id, part, content, category from contributions where kind = {literal(kind)}"
    ).to_arrow_table()
    names, occasion = _codes(rows["occasion"])
    order = np.argsort(occasion, kind="stable")
    ends = np.cumsum(np.bincount(occasion, minlength=len(names)))
    columns = rows.drop_columns("occasion")
    starts = np.concatenate([[0], ends])
    numbers = sorted(range(len(names)), key=names.__getitem__)
    return {names[one]: columns.take(order[starts[one] : starts[one + 1]]) for one in numbers}


def load(
    con: duckdb.DuckDBPyConnection,
    kind: str,
    name: str,
    rows: pa.Table,
    memberships: duckdb.DuckDBPyRelation,
    dimensions: Sequence[str],
    employees: Mapping[str, str] | None = None,
) -> Loaded:
    """Reads an occasion.

    Args:
        con: the connection that the relation belongs to.
        kind, name: of the occasion.
        rows: its contributions, as `by_occasion` gives them.
        memberships: the model.
        dimensions: in their order; slices of others are left out.
        employees: respondent → employee, for those whose sheets say who they are; without it, all ids are of people.
    """
    ids, person = _codes(rows["person_id"])
    parts, part = _codes(rows["part"])
    order = np.argsort(np.array(parts, dtype=object), kind="stable")
    place = np.empty(len(parts), dtype=np.int64)
    place[order] = np.arange(len(parts))
    content = np.full((len(ids), len(parts)), -1, dtype=np.int64)
    category = np.full((len(ids), len(parts)), -1, dtype=np.int64)
    content[person, place[part]] = rows["content"].fill_null(0).to_numpy()
    category[person, place[part]] = rows["category"].fill_null(-1).to_numpy()
    slices, members = _slices(con, kind, name, memberships, pa.array(ids, "string"), dimensions)
    parts = [parts[one] for one in order]
    if kind == "goals" and "goals" in parts:
        members = _with_goals_weighted(slices, members, content[:, parts.index("goals")])
    measures = {
        (part, measure): numbers
        for number, part in enumerate(parts)
        for measure, numbers in measures_of(kind, part, content[:, number], category[:, number]).items()
    }
    named = np.ones(len(ids), dtype=bool)
    if kind == "answers":
        # Sheets without a name are recognised by what was answered, whatever an item's scale makes of it.
        content = np.column_stack([measures[part, "answer"] for part in parts]) if parts else content
    if employees is not None:
        named = np.array([one in employees for one in ids], dtype=bool)
        ids = [employees.get(one, one) for one in ids]
    loaded = Loaded(kind, name, ids, named, parts, content, category, slices, members, measures)
    return _one_column_each(loaded) if len(set(ids)) < len(ids) else loaded


def _one_column_each(sheets: Loaded) -> Loaded:
    """Puts several sheets of one person together: they are one person, however many sheets count."""
    ids, content, category = sheets.people, sheets.content, sheets.category
    place: dict[str, int] = {}
    column = np.array([place.setdefault(one, len(place)) for one in ids], dtype=np.int64)
    first = np.full(len(place), -1, dtype=np.int64)
    first[column[::-1]] = np.arange(len(ids))[::-1]
    whole, kinds = content[first].copy(), category[first].copy()
    times = np.ones_like(whole)
    for sheet in np.flatnonzero(first[column] != np.arange(len(ids))):
        person = column[sheet]
        both = (content[sheet] >= 0) & (whole[person] >= 0)
        is_equal = both & (whole[person] == content[sheet])
        kinds[person] = np.where(both & (kinds[person] != category[sheet]), -1, kinds[person])
        kinds[person] = np.where(whole[person] < 0, category[sheet], kinds[person])
        mixed = (whole[person] * 1_000_003 + content[sheet]) % 2_000_000_011
        whole[person] = np.where(both & ~is_equal, mixed, np.maximum(whole[person], content[sheet]))
        times[person] += is_equal
    entries = sparse.coo_array(sheets.members)
    merged = sparse.csr_array((entries.data, (entries.row, column[entries.col])), (sheets.members.shape[0], len(place)))
    merged.data = np.minimum(merged.data, 1.0)
    named = sheets.named[first]
    measures = {}
    for one, numbers in sheets.measures.items():
        counted = np.bincount(column, np.maximum(numbers, 0), len(place)).astype(np.int64)
        measures[one] = np.where(np.bincount(column[numbers >= 0], minlength=len(place)) > 0, counted, -1)
    return replace(
        sheets, people=list(place), named=named, content=whole, category=kinds, members=merged, measures=measures,
        times=times,
    )  # fmt: skip


def _codes(column: pa.ChunkedArray) -> tuple[list[str], Ints]:
    encoded = (
        column.combine_chunks().dictionary_encode() if column.num_chunks else pa.array([], "string").dictionary_encode()
    )
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    return encoded.dictionary.to_pylist(), np.asarray(encoded.indices.to_numpy(zero_copy_only=False), dtype=np.int64)


def _slices(
    con: duckdb.DuckDBPyConnection,
    kind: str,
    name: str,
    memberships: duckdb.DuckDBPyRelation,
    people: pa.Array,
    dimensions: Sequence[str],
) -> tuple[list[tuple[str, str]], sparse.csr_array]:
    """The slices of an occasion, in order, and who is in them with which weight: slices × people."""
    # Populations are many sets of everybody, so they are read set by set.
    wanted = [f"slice_dimension = {literal(one)}" for one in POPULATIONS] if kind == "populations" else ["true"]
    number_of: dict[tuple[str, str], int] = {}
    parts: list[tuple[Ints, Ints, Floats]] = []
    for which in wanted:
        rows = con.sql(
            "select person_id, slice_dimension, slice_value, weight::double as weight from memberships "
            f"where kind = {literal(kind)} and occasion = {literal(name)} and {which}"
        ).to_arrow_table()
        who = pc.index_in(rows["person_id"], value_set=people)
        is_known = pc.is_valid(who)
        if not pc.all(is_known).as_py():
            rows, who = rows.filter(is_known), who.filter(is_known)
        names, dimension = _codes(rows["slice_dimension"])
        values, value = _codes(rows["slice_value"])
        key, place = np.unique(dimension * max(len(values), 1) + value, return_inverse=True)
        pairs = [(names[one // max(len(values), 1)], values[one % max(len(values), 1)]) for one in key]
        numbers = np.array([number_of.setdefault(pair, len(number_of)) for pair in pairs], dtype=np.int32)
        parts.append((numbers[place.ravel()], who.to_numpy().astype(np.int32), rows["weight"].to_numpy()))
    if not parts:
        return [], sparse.csr_array((0, len(people)))
    row, column, weight = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    matrix = sparse.csr_array((weight, (row, column)), (len(number_of), len(people)))
    rank = {one: number for number, one in enumerate(dimensions)}
    sizes = np.diff(matrix.indptr)
    kept = [(pair, number) for pair, number in number_of.items() if pair[0] in rank]
    kept.sort(key=lambda one: (rank[one[0][0]], -int(sizes[one[1]]), one[0][1]))
    return [pair for pair, _ in kept], sparse.csr_array(matrix[[number for _, number in kept]])


def weights_of(kind: str, part: str, name: str, parts: Sequence[str], content: Ints) -> Floats:
    """How much each person counts in a use of a part, which follows from what they have contributed.

    Args:
        kind: of the occasion.
        part, name: the use.
        parts: names of the columns of `content`.
        content: people × parts, what of the content the weights need; -1 for nothing.
    """
    has = content >= 0
    column = {one: number for number, one in enumerate(parts)}
    mine = has[:, column[part]]
    if name == "":
        # Of answers, a further equal sheet is written as 1.
        return np.where(mine, content[:, column[part]] + 1.0 if kind == "answers" else 1.0, 0.0)
    if kind == "ratings":
        perspective = part.partition(":")[0]
        weight = mine.astype(np.float64)
        if "all" in name:  # a person's mean over the competencies that they have
            weight = weight / np.maximum(_number(has, parts, perspective), 1)
        for other in PERSPECTIVES:
            if f"with {other}" in name:
                competency = part.partition(":")[2]
                both = _number(has, parts, other) > 0 if "all" in name else has[:, column[f"{other}:{competency}"]]
                weight = weight * both
        return weight
    if kind == "exits":
        if name in TENURES:
            return (mine & (content[:, column[part]] // 10_000 <= TENURES[name])).astype(np.float64)
        first, last = BLOCKS[name]
        month = content[:, column[part]] // 100 % 100
        return (mine & (month >= first) & (month <= last)).astype(np.float64)
    raise ValueError(f"{kind}: no weights {name!r}")


def _number(has: Bools, parts: Sequence[str], perspective: str) -> Floats:
    mine = [number for number, part in enumerate(parts) if part.startswith(f"{perspective}:")]
    number: Floats = has[:, mine].sum(axis=1).astype(np.float64)
    return number


def figures_of_answers(
    loaded: Loaded, rules: Rules, drivers: Mapping[str, str | None], enps: Sequence[str]
) -> list[Figure]:
    """`morale`, `morale_item`, `enps`: an item sums its answers, a driver those of its items, `all` those of all."""
    of_driver: dict[str, list[str]] = {}
    for item in loaded.parts:
        if drivers.get(item):
            of_driver.setdefault(str(drivers[item]), []).append(item)
    by_driver, by_item, by_enps = rules.of("morale"), rules.of("morale_item"), rules.of("enps")
    figures = [Figure("driver:all", tuple((item, "") for item in loaded.parts), by_driver)]
    for driver, items in sorted(of_driver.items()):
        figures.append(Figure(f"driver:{driver}", tuple((item, "") for item in items), by_driver, "driver:all"))
    # The last items are those that are suppressed beside others: not the eNPS item, which has a mart of its own.
    for item in sorted(loaded.parts, key=lambda item: (item not in enps, item)):
        parent = f"driver:{drivers[item]}" if drivers.get(item) else "driver:all"
        figures.append(Figure(f"item:{item}", ((item, ""),), by_item, parent))
    asked = [item for item in loaded.parts if item in enps]
    if asked:
        figures.append(Figure("enps:", tuple((item, "") for item in asked), by_enps))
    return figures


def figures_of_ratings(loaded: Loaded, rules: Rules) -> list[Figure]:
    """`rating_distribution`, `rating_gap`, `adverse_impact`."""
    by_band = (*rules.of("rating_distribution"), "gender", "ethnicity")
    by_gap = rules.of("rating_gap")
    figures = []
    if "rating" in loaded.parts:
        figures.append(Figure("rating:", (("rating", ""),), tuple(dict.fromkeys(by_band))))
    if "promotion" in loaded.parts:
        figures.append(Figure("promotion:", (("promotion", ""),), ("gender", "ethnicity")))
    of: dict[str, list[str]] = {}
    for part in loaded.parts:
        perspective, _, competency = part.partition(":")
        if competency:
            of.setdefault(perspective, []).append(competency)
    for perspective, competencies in of.items():
        for competency in competencies:
            figures.append(Figure(f"{perspective}:{competency}", ((f"{perspective}:{competency}", ""),), by_gap))
    for perspective, competencies in of.items():
        uses: tuple[Use, ...] = tuple((f"{perspective}:{competency}", "all") for competency in competencies)
        figures.append(Figure(f"{perspective}:all", uses, by_gap))
    for one in ("self", "peer"):
        if one not in of or "manager" not in of:
            continue
        for competency in sorted(set(of[one]) & set(of["manager"])):
            uses = ((f"{one}:{competency}", "with manager"), (f"manager:{competency}", f"with {one}"))
            figures.append(Figure(f"{one}_manager_gap:{competency}", uses, by_gap))
        uses = (
            *((f"{one}:{competency}", "all with manager") for competency in of[one]),
            *((f"manager:{competency}", f"all with {one}") for competency in of["manager"]),
        )
        figures.append(Figure(f"{one}_manager_gap:all", uses, by_gap))
    return figures


def figures_of_goals(loaded: Loaded, rules: Rules) -> list[Figure]:
    """`goal_attainment`, `goal_attainment_distribution`, `goal_alignment`."""
    by_slice = rules.of("goal_attainment", "goal_attainment_distribution")
    figures = [Figure(f"{part}:", ((part, ""),), by_slice) for part in loaded.parts]
    if "attainment" in loaded.parts:
        figures.append(Figure("rolled_up:", (("attainment", ""),), ("goal",)))
    return figures


def _figures_by_month(*marts: str) -> Callable[[Loaded, Rules], list[Figure]]:
    def figures(loaded: Loaded, rules: Rules) -> list[Figure]:
        return [Figure(f"{part}:", ((part, ""),), rules.of(*marts)) for part in loaded.parts]

    return figures


def figures_of_trainings(loaded: Loaded, rules: Rules) -> list[Figure]:
    """`manager_scorecard`: open trainings of a team."""
    return [Figure("trainings:", (("trainings", ""),), ("company", "manager"))]


def figures_of_exits(loaded: Loaded, rules: Rules) -> list[Figure]:
    """`headcount_walk`, `turnover`, `retention_survival`: classes and regret of who left, by window.

    Only windows that have ended: what a running one shows would have to stay until many more have left.
    """
    year, end = int(loaded.name), rules.observed_to
    ended = [
        block
        for block, (_, last) in BLOCKS.items()
        if end and end >= date(year + last // 12, last % 12 + 1, 1) - timedelta(days=1)
    ]
    dimensions = rules.of("headcount_walk", "turnover")
    figures = [Figure(f"{one}:", (("exit", one),), dimensions, block=_quarter_of(one)) for one in ended]
    return figures + [Figure(f"{tenure}:", (("exit", tenure),), ("company",)) for tenure in TENURES]


def _quarter_of(block: str) -> str:
    """The quarter within which a window of exits lies; "" for windows that are longer."""
    first, last = BLOCKS[block]
    return f"quarter-{(first + 2) // 3}" if (first - 1) // 3 == (last - 1) // 3 else ""


def figures_of_populations(loaded: Loaded, rules: Rules) -> list[Figure]:
    """Figures by gender or ethnicity: each set of people of whom a figure says what they are."""
    return [Figure("population:", (("value", ""),), POPULATIONS)]


FIGURES: Mapping[str, Callable[[Loaded, Rules], list[Figure]]] = {
    "ratings": figures_of_ratings,
    "goals": figures_of_goals,
    "meetings": _figures_by_month("one_on_one"),
    "recognitions": _figures_by_month("recognition"),
    "trainings": figures_of_trainings,
    "exits": figures_of_exits,
    "populations": figures_of_populations,
}


def raters_of(
    con: duckdb.DuckDBPyConnection, loaded: Loaded, ratings: duckdb.DuckDBPyRelation, minimum: int
) -> Iterator[tuple[str, Raters]]:
    """Who has rated whom, part by part. A rating without a name counts as that of one more rater of the person."""
    rows = con.sql(
        f"""
        select distinct
            reviewee_id, relationship || ':' || competency as part, coalesce(rater_id, '? ' || reviewee_id) as rater
        from ratings
        where cycle = {literal(loaded.name)} and score_100 is not null and relationship in ('manager', 'peer', 'report')
        """
    ).to_arrow_table()
    where_in = pc.index_in(rows["reviewee_id"], value_set=pa.array(loaded.people, "string"))
    is_known = pc.is_valid(where_in)
    rows, person = rows.filter(is_known), np.asarray(where_in.filter(is_known).to_numpy(), dtype=np.int64)
    parts, part = _codes(rows["part"])
    raters, rater = _codes(rows["rater"])
    for number, name in enumerate(parts):
        mine = part == number
        place = (person[mine], rater[mine])
        yield name, Raters(sparse.csr_array((np.ones(mine.sum()), place), (len(loaded.people), len(raters))), minimum)


def occasion_of(loaded: Loaded, figures: Sequence[Figure], people: int | None = None) -> Occasion:
    """The arrays of an occasion, with room for people who are known from earlier states only."""
    count = len(loaded.people)
    people = people or count
    room = people - count
    answered: dict[str, Bools] = {}
    category: dict[str, Ints] = {}
    weights: dict[Use, Floats] = {}
    for number, part in enumerate(loaded.parts):
        answered[part] = np.pad(loaded.content[:, number] >= 0, (0, room))
        if (loaded.category[:, number] >= 0).any():
            # A person without a category has one of their own, so a group with them is not homogeneous.
            alone = np.arange(count) + 1_000_000
            mine = np.where(loaded.category[:, number] >= 0, loaded.category[:, number], -alone)
            category[part] = np.pad(mine, (0, room), constant_values=-1)
    if loaded.times is not None:
        for number, part in enumerate(loaded.parts):
            weights[part, ""] = np.pad(answered[part][:count] * loaded.times[:, number].astype(np.float64), (0, room))
    for part, name in {use for figure in figures for use in figure.uses if use[1]}:
        weight = weights_of(loaded.kind, part, name, loaded.parts, loaded.content)
        weights[part, name] = np.pad(weight, (0, room))
    members = loaded.members
    wide = sparse.csr_array((members.data, members.indices, members.indptr), (members.shape[0], people))
    return Occasion(
        loaded.kind,
        loaded.name,
        people,
        [dimension for dimension, _ in loaded.slices],
        [value for _, value in loaded.slices],
        wide,
        answered,
        weights,
        category,
    )


def _with_goals_weighted(slices: Sequence[tuple[str, str]], members: sparse.csr_array, goals: Ints) -> sparse.csr_array:
    """A goal of the company sums goals, a slice people: with several goals these are two contributions of a person.

    Both become one column with weights that cannot be guessed: a combination is zero there only if it is zero in both.

    Args:
        slices, members: of the occasion.
        goals: of each person, what they have contributed to the part `goals`.
    """
    weight = np.where(packed(goals, 4, 0) == 1, 1.0, 0.5 + (goals % 1_000_003) / 1_000_003)
    is_goal = np.array([dimension == "goal" for dimension, _ in slices], dtype=bool)
    row_of = np.repeat(np.arange(members.shape[0]), np.diff(members.indptr))
    weighted = members.copy()
    weighted.data = np.where(is_goal[row_of], weight[weighted.indices], weighted.data)
    return weighted
