"""What readers have already of an occasion, and what stays or is hidden because of that.

The figures of two versions differ by those who came, went or answered otherwise, question by question. Where these are
few in one of the questions, or all have in the same way, all figures of the occasion stay; for good, where somebody has
gone meanwhile. Else the figures are made anew, and a slice in which only a few have changed, or all alike, is hidden.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import duckdb
import numpy as np
import pyarrow as pa

from pipelines.database import literal
from pipelines.protection.changes import BETWEEN, Change, all_alike, parts_of, questions
from pipelines.protection.choosing import EVERYTHING, Key
from pipelines.protection.earlier import hidden_beside
from pipelines.protection.exposure import MANY, Bools
from pipelines.protection.occasions import Hidden, Occasion, Slices, table_of
from pipelines.protection.unanimity import hidden_for_unanimity

Slice = tuple[str, str]
# Person → part → value.
Contents = Mapping[str, Mapping[str, str]]


def settled_occasions_of(
    con: duckdb.DuckDBPyConnection,
    settings: duckdb.DuckDBPyRelation,
    larger_minimum_groups: duckdb.DuckDBPyRelation,
    releases: duckdb.DuckDBPyRelation,
    contents: duckdb.DuckDBPyRelation,
    survey_invited: duckdb.DuckDBPyRelation,
) -> pa.Table:
    """The occasions that readers have and that stay: those in which nobody has changed, and those in which few have.

    Args:
        con: the connection that the relations belong to.
        settings: `protected_dimensions`.
        larger_minimum_groups: occasion, minimum_group.
        releases: `releases` of the version that readers have.
        contents: `release_contents`.
        survey_invited: `hist_survey_invited`.

    Returns:
        kind, occasion (texts), keeps_figures (else only what is hidden stays), people_changed (their number).
    """
    least = con.sql("select max(minimum_group) from settings").fetchone()
    larger = dict(larger_minimum_groups.fetchall())
    both = "select kind, occasion from releases intersect select kind, occasion from contents order by all"
    known = con.sql(both).fetchall()
    changed = con.sql(
        """
        with differing as (
            (select * from contents except select * from releases)
            union all
            (select * from releases where person_id <> '' except select * from contents)
        ),
        people as (select distinct kind, occasion, person_id from differing)
        select p.kind, p.occasion, p.person_id, b.slices is distinct from a.slices, b.content, a.content
        from people as p
        left join releases as b on p.kind = b.kind and p.occasion = b.occasion and p.person_id = b.person_id
        left join contents as a on p.kind = a.kind and p.occasion = a.occasion and p.person_id = a.person_id
        where (p.kind, p.occasion) in (select (kind, occasion) from releases)
        """
    ).fetchall()
    told = con.sql("select slices, kind, occasion, content::bigint from releases where person_id = ''").fetchall()
    gone = Counter({(kind, occasion): count for what, kind, occasion, count in told if what == "gone"})
    could_answer = {(kind, occasion): count for what, kind, occasion, count in told if what == "invited"}
    can_answer = con.sql(
        "select survey_id, could_answer from survey_invited where slice_dimension = 'company'"
    ).fetchall()
    more = Counter({("survey", survey): count for survey, count in can_answer})
    more.subtract({one: count for one, count in could_answer.items()})
    people: Counter[tuple[str, str]] = Counter(gone)
    parts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    changes: dict[tuple[str, str], dict[str, dict[str, Change]]] = defaultdict(lambda: defaultdict(dict))
    for kind, occasion, person, has_moved, before, after in changed:
        then, now = parts_of(before), parts_of(after)
        people[kind, occasion] += 1
        for part in {*then, *now}:
            change = then.get(part), now.get(part)
            # Who has moved from slice to slice has in all parts.
            parts[kind, occasion][part] += has_moved or change[0] != change[1]
            if change[0] != change[1]:
                changes[kind, occasion][part][person] = change
    settled = []
    for one in known:
        minimum = larger.get(one[1], least[0] if least else 1)
        fewest = min(filter(None, parts[one].values()), default=0)
        is_told = any(all_alike(part, some) for part, some in changes[one].items())
        # Nobody knows any more in which slices those were who are gone: whatever is made anew could be without them.
        if gone[one] or is_told or min(people[one], fewest) < minimum:
            # Who could answer and did not has no figure but the response rate.
            settled.append((*one, people[one] > 0 or 0 < abs(more[one]) < minimum, people[one]))
    kinds, occasions, keeps, counts = zip(*settled, strict=True) if settled else ((), (), (), ())
    return pa.table(
        {
            "kind": pa.array(kinds, "string"),
            "occasion": pa.array(occasions, "string"),
            "keeps_figures": pa.array(keeps, pa.bool_()),
            "people_changed": pa.array(counts, "int64"),
        }
    )


@dataclass(frozen=True)
class Released:
    """What readers have, of one kind of occasions.

    settled: the decisions on occasions of which they stay.
    shown: occasion → slice → the people in it.
    before, now: occasion → what people had contributed, and what they contribute now.
    """

    settled: Mapping[str, list[Hidden]] = field(default_factory=dict)
    shown: Mapping[str, Mapping[Slice, Collection[str]]] = field(default_factory=dict)
    before: Mapping[str, Contents] = field(default_factory=dict)
    now: Mapping[str, Contents] = field(default_factory=dict)

    def decided(self, occasion: Occasion) -> dict[Key, Bools]:
        """The settled decisions on all of a slice, as they are made otherwise."""
        gone = {row[2:4] for row in self.settled[occasion.name] if not row[4]}
        slices = zip(occasion.slices.dimension, occasion.slices.value, strict=True)
        return {EVERYTHING: np.array([one in gone for one in slices], dtype=bool)}

    def hidden(self, occasion: Occasion, minimum: int) -> Bools | None:
        """Which slices are hidden because of what readers have of the occasion; None where they have nothing."""
        shown = self.shown.get(occasion.name)
        if not shown:
            return None
        slices, before, now = occasion.slices, self.before[occasion.name], self.now.get(occasion.name, {})
        members = [
            [occasion.people[person] for person in np.flatnonzero((slices.table.cell_of == cell).any(axis=1))]
            for cell in range(len(slices.value))
        ]
        hidden = slices.sizes(np.ones(len(occasion.people), dtype=bool)) < minimum
        few = Counter(dimension for dimension, _ in shown)
        looked_at = set()
        for part in sorted({part for parts in (*before.values(), *now.values()) for part in parts}):
            then = {key: _who(people, part, before) for key, people in shown.items()}
            known: dict[int, list[frozenset[str]]] = {}
            changed: dict[int, int] = {}
            # Who has changed, as far as it is seen in a slice: somebody who moved came to one and left another.
            seen: dict[tuple[str, Change], list[int]] = defaultdict(list)
            places = dict(zip(zip(slices.dimension, slices.value, strict=True), range(len(slices.value)), strict=True))
            for key, those in then.items():
                number = places.get(key)  # None: a slice that nobody is in any more
                people: dict[str, Change] = {}
                for name in those ^ (_who(members[number], part, now) if number is not None else frozenset()):
                    person, _, content = name.partition(BETWEEN)
                    old, new = people.get(person, (None, None))
                    people[person] = (content, new) if name in those else (old, content)
                if number is not None and 0 < len(people) < minimum:
                    known[number], changed[number] = [those], len(people)
                for one in people.items():
                    seen[one] += [number] if number is not None else []
            # Parts in which the same people have changed, and the same have not, tell the same.
            look = (
                frozenset((person, *[one is None for one in change]) for person, change in seen),
                frozenset(person for person in occasion.people if part in now.get(person, {})),
            )
            if look not in looked_at:
                looked_at.add(look)
                names = [f"{person}{BETWEEN}{now.get(person, {}).get(part)}" for person in occasion.people]
                beside = [people for (dimension, _), people in then.items() if few[dimension] <= MANY]
                answering = _of_those_in(look[1], occasion)
                hidden = hidden_beside(answering, names, hidden, known, changed, beside, minimum, _owner)
            hidden = _hidden_for_alike(slices, part, seen, hidden)
        return hidden


def _hidden_for_alike(
    slices: Slices, part: str, seen: Mapping[tuple[str, Change], Sequence[int]], hidden: Bools
) -> Bools:
    """Hides slices, too, in which those who have changed all did alike, or from which it follows.

    Args:
        slices: of the occasion.
        part: in which they have changed.
        seen: who has changed, and how → the slices in which that is seen.
        hidden: of each slice, whether it is hidden anyway.
    """
    if not seen:
        return hidden
    names, dimension = np.unique(slices.dimension, return_inverse=True)
    person = np.repeat(np.arange(len(seen)), [len(numbers) for numbers in seen.values()])
    cell = np.array([number for numbers in seen.values() for number in numbers], dtype=np.int64)
    table = table_of(len(seen), person, cell, dimension, len(names))
    for ends, yes_only in questions(part, {str(n): change for n, (_, change) in enumerate(seen)}):
        yes, no = np.array([ends.get(str(n), (0.0, 0.0)) for n in range(len(seen))]).T
        hidden = hidden_for_unanimity(table, yes, no, hidden, yes_only)
    return hidden


def _of_those_in(people: Collection[str], occasion: Occasion) -> Slices:
    """The slices without all others: whoever has not contributed to a part protects nobody in it."""
    has = np.array([person in people for person in occasion.people])
    table = occasion.slices.table
    cell_of = np.where(has[:, None], table.cell_of, -1)
    return replace(occasion.slices, table=replace(table, cell_of=cell_of, _layouts={}))


def _owner(name: str) -> str:
    return name.partition(BETWEEN)[0]


def _who(people: Iterable[str], part: str, contents: Contents) -> frozenset[str]:
    """Those of some people who have contributed to a part, each with what they did."""
    return frozenset(f"{one}{BETWEEN}{contents[one][part]}" for one in people if part in contents.get(one, {}))


def released(
    con: duckdb.DuckDBPyConnection,
    kind: str,
    settled: duckdb.DuckDBPyRelation,
    hidden: duckdb.DuckDBPyRelation,
    releases: duckdb.DuckDBPyRelation,
    contents: duckdb.DuckDBPyRelation,
) -> Released:
    """What readers have of surveys, or of reviews.

    Args:
        con: the connection that the relations belong to.
        kind: survey or review.
        settled: `settled_occasions`.
        hidden, releases: of the version that readers have, `hidden_slices` and `releases`.
        contents: `release_contents`.
    """
    settled_ones = con.sql(f"select occasion from settled where kind = {literal(kind)}").fetchall()
    decisions: dict[str, list[Hidden]] = {occasion: [] for (occasion,) in settled_ones}
    gone: dict[str, set[Slice]] = defaultdict(set)
    for row in con.sql(f"select * from hidden where kind = {literal(kind)} order by all").fetchall():
        if row[1] in decisions:
            decisions[row[1]].append(row)
        elif not row[4]:
            gone[row[1]].add(row[2:4])
    rows = con.sql(
        f"select occasion, person_id, slices from releases where kind = {literal(kind)} and person_id <> '' "
        f"and not list_contains({_list(decisions)}, occasion)"
    ).fetchall()
    shown: dict[str, dict[Slice, set[str]]] = defaultdict(dict)
    for occasion, person, slices in rows:
        for one in slices.split(BETWEEN):
            dimension, _, value = one.partition("=")
            if (dimension, value) not in gone[occasion]:
                shown[occasion].setdefault((dimension, value), set()).add(person)
    before, now = (_contents(con, told, kind, list(shown)) for told in (releases, contents))
    return Released(decisions, shown, before, now)


def _contents(
    con: duckdb.DuckDBPyConnection, told: duckdb.DuckDBPyRelation, kind: str, occasions: list[str]
) -> dict[str, dict[str, dict[str, str]]]:
    found: dict[str, dict[str, dict[str, str]]] = {occasion: {} for occasion in occasions}
    rows = con.sql(
        f"select occasion, person_id, content from told where kind = {literal(kind)} "
        f"and list_contains({_list(occasions)}, occasion) and person_id <> ''"
    )
    for occasion, person, content in rows.fetchall() if occasions else ():
        found[occasion][person] = parts_of(content)
    return found


def _list(texts: Iterable[str]) -> str:
    return f"[{', '.join(map(literal, texts))}]::varchar[]"
