"""Which slices of review cycles are hidden: `rating_distribution` and `rating_gap` together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import duckdb
import numpy as np
from scipy import sparse

from pipelines.database import literal
from pipelines.protection.choosing import EVERYTHING, Key, Question, Use, decide
from pipelines.protection.exposure import Bools, Floats, Ints
from pipelines.protection.occasions import Hidden, Occasion, Rules, hidden_rows, occasions
from pipelines.protection.owners import Means, hidden_for_raters
from pipelines.protection.released import Released
from pipelines.protection.unanimity import FEW, certain, hidden_for_unanimity, incidence, nearly_certain

# Of more scores, only what stands in one row each is looked at.
_NOT_MANY = 2000
# The same of ratings, times the bands that each may be in.
_NOT_MANY_RATINGS = 20_000
_RATING: Key = ("rating", "")
_RATING_PART = "rating:"


def hidden_in_reviews(
    con: duckdb.DuckDBPyConnection,
    rules: Rules,
    slices: duckdb.DuckDBPyRelation,
    scores: duckdb.DuckDBPyRelation,
    reviewees: duckdb.DuckDBPyRelation,
    ratings: duckdb.DuckDBPyRelation,
    before: Released,
) -> list[Hidden]:
    """The decisions on `rating_distribution` and `rating_gap`.

    Args:
        con: the connection that the relations belong to.
        rules: what the settings say.
        slices: `hist_review_slices`.
        scores: `agg_review_competency`.
        reviewees: `fct_reviewee`.
        ratings: `fct_review_rating`.
        before: what readers have already.
    """
    counted = con.sql(
        """
        with scored as (
            select cycle as occasion, reviewee_id as person_id, competency, relationship, score from scores
            where score is not null and relationship in ('self', 'manager', 'peer', 'report')
        )
        select occasion, person_id, relationship || ':' || competency as part, score / 100 as value from scored
        union all
        select cycle, reviewee_id, 'rating:', rating_band from reviewees
        where rating_band is not null and left_out_because is null
        """
    )
    members = con.sql("select cycle as occasion, reviewee_id as person_id, slice_dimension, slice_value from slices")
    hidden: list[Hidden] = []
    could_answer = con.sql(
        "select distinct occasion, slice_dimension, slice_value, null::bigint as people from members"
    )
    mine = rules.dimensions_of(("rating_distribution", "rating_gap"))
    cycles = con.sql("select distinct occasion from counted order by occasion").fetchall()
    for occasion in occasions(con, members, counted, could_answer, mine, [cycle for (cycle,) in cycles]):
        if occasion.name in before.settled:
            hidden += before.settled[occasion.name]
            continue
        anyway = before.hidden(occasion, rules.minimum_of(occasion.name))
        if hidden_here := _decide(occasion, rules, _raters(con, ratings, occasion), anyway):
            hidden += hidden_rows("review", occasion, hidden_here)
    return hidden


def _raters(
    con: duckdb.DuckDBPyConnection, ratings: duckdb.DuckDBPyRelation, occasion: Occasion
) -> dict[str, sparse.csr_array]:
    """Of each part, people × raters. Who does not give their name is taken for one person for each they rate."""
    told = con.sql(
        f"""
        with named as (
            select distinct
                p.person, r.relationship || ':' || r.competency as part,
                coalesce(r.rater_id, '? ' || r.reviewee_id) as rater
            from ratings as r
            inner join counted_people as p on r.cycle = p.occasion and r.reviewee_id = p.person_id
            where r.cycle = {literal(occasion.name)} and r.score_100 is not null
        )
        select person, part, dense_rank() over (order by rater) - 1 as rater from named order by part, person, rater
        """
    ).fetchnumpy()
    shape = len(occasion.people), len(np.unique(told["rater"]))
    found = {}
    for part in occasion.answered:
        rows = np.flatnonzero(told["part"] == part)
        place = told["person"][rows], told["rater"][rows]
        found[part] = sparse.csr_array((np.ones(len(rows)), place), shape)
    return found


def _decide(
    occasion: Occasion, rules: Rules, raters: Mapping[str, sparse.csr_array], anyway: Bools | None
) -> dict[Key, Bools]:
    means = _means(occasion)
    gap = rules.dimensions["rating_gap"]
    # What all who have a rating come to must not give those away who count otherwise elsewhere.
    questions: list[Question] = [
        [Use(key, np.abs(parts[part]), gap) for key, parts in means.items() if part in parts]
        for part in occasion.answered
        if part != _RATING_PART
    ]
    if _RATING_PART in occasion.answered:
        rated = occasion.answered[_RATING_PART] * 1.0
        questions.insert(0, [Use(_RATING, rated, rules.dimensions["rating_distribution"])])
    minimum = rules.minimum_of(occasion.name)
    decided = decide(
        occasion.slices, questions, minimum, anyway=anyway, open_to=(occasion.could_answer, occasion.silent)
    )
    if decided:
        _hide_for_raters(occasion, decided, means, rules, raters)
    if decided and rules.hides_unanimity:
        _Alike(occasion, decided, means, rules).hide()
    return decided


def _hide_for_raters(
    occasion: Occasion,
    decided: dict[Key, Bools],
    means: Mapping[Key, Mapping[str, Floats]],
    rules: Rules,
    raters: Mapping[str, sparse.csr_array],
) -> None:
    """Adds what is hidden as too few raters are behind it: of a perspective, and of the gaps to it."""
    outside = occasion.slices.outside(rules.dimensions["rating_gap"])
    nobody = np.zeros(len(occasion.people))
    for perspective in sorted({part.partition(":")[0] for part in occasion.answered if part != _RATING_PART}):
        akin = [key for key in means if perspective in key[0]]
        further = np.zeros(len(outside), dtype=bool)
        shown = {}
        for part in occasion.answered:
            uses = [
                (means[key][part], outside | decided.get(key, decided[EVERYTHING]))
                for key in akin
                if part.startswith(f"{perspective}:") and means[key].get(part, nobody).any()
            ]
            if uses:
                one = Means.of(uses, raters[part])
                shown[one.look] = one
        for one in shown.values():
            further |= hidden_for_raters(occasion.slices.table.cell_of, one, rules.minimum_perspective, further)
        for key in akin if further.any() else ():
            decided[key] = decided.get(key, decided[EVERYTHING]) | (further & ~outside)


def _means(occasion: Occasion) -> dict[Key, dict[str, Floats]]:
    """What each mean is made of: the part and each person's factor in it, which is nought for who does not count.

    Among all competencies, each is divided by how many someone has; a gap is over those with both ratings.
    """
    of_perspective: dict[str, dict[str, str]] = {}
    for part in occasion.answered:
        if part != _RATING_PART:
            perspective, _, competency = part.partition(":")
            of_perspective.setdefault(perspective, {})[competency] = part
    means: dict[Key, dict[str, Floats]] = {}
    for perspective, parts in of_perspective.items():
        has = np.add.reduce([occasion.answered[part] for part in parts.values()], dtype=np.float64)
        for competency, part in parts.items():
            means[perspective, competency] = {part: occasion.answered[part] * 1.0}
        means[perspective, "all"] = {part: occasion.answered[part] / np.maximum(has, 1) for part in parts.values()}
    for one in ("self", "peer"):
        for competency in [competency for perspective, competency in means if perspective == one]:
            mine, managers = means[one, competency], means.get(("manager", competency), {})
            both = _somebody(mine) & _somebody(managers) if managers else np.zeros(1, dtype=bool)
            if both.any():
                means[f"{one}_manager_gap", competency] = {
                    **{part: factor * both for part, factor in mine.items()},
                    **{part: -factor * both for part, factor in managers.items()},
                }
    return means


def _somebody(parts: Mapping[str, Floats]) -> Bools:
    """Who counts in a mean."""
    found: Bools = np.logical_or.reduce([factor != 0 for factor in parts.values()])
    return found


@dataclass(frozen=True)
class _Alike:
    """The decisions on one cycle, to which are added: rows from which it would follow which rating somebody has.

    That is where all have one rating, or all the highest or the lowest, or all that is left of others has. Where a
    mean is hidden, so are those on other competencies, and the gaps to it: they are made of one another.
    """

    occasion: Occasion
    decided: dict[Key, Bools]
    means: Mapping[Key, Mapping[str, Floats]]
    rules: Rules

    def hide(self) -> None:
        """Adds what is hidden."""
        occasion = self.occasion
        if _RATING_PART in occasion.answered:
            rated, band = occasion.answered[_RATING_PART], occasion.value[_RATING_PART]
            for one in np.unique(band[rated]):
                self._hide([_RATING], self._further(_RATING, rated * (band == one), rated * (band != one), True))
            self._check_ratings()
        for key, parts in self.means.items():
            has = _somebody(parts) * 1.0
            level = np.add.reduce([factor * occasion.value[part] for part, factor in parts.items()])
            yes = (level + has) / 2 if key[0].endswith("_gap") else level
            akin = [other for other in self.means if key[0] in other[0]]
            self._hide(akin, self._further(key, yes, has - yes))
        if self.means:
            self._check_means()

    def _shown(self, key: Key) -> Bools:
        mart = "rating_distribution" if key == _RATING else "rating_gap"
        outside = self.occasion.slices.outside(self.rules.dimensions[mart])
        return ~(outside | self.decided.get(key, self.decided[EVERYTHING]))

    def _hide(self, keys: Iterable[Key], which: Bools) -> None:
        for key in keys if which.any() else ():
            self.decided[key] = self.decided.get(key, self.decided[EVERYTHING]) | which

    def _further(self, key: Key, yes: Floats, no: Floats, yes_only: bool = False) -> Bools:
        shown = self._shown(key)
        return hidden_for_unanimity(self.occasion.slices.table, yes, no, ~shown, yes_only) & shown

    def _check_ratings(self) -> None:
        """Hides slices, the smallest first, until nobody's rating is certain; where there are not many."""
        rated = np.flatnonzero(self.occasion.answered[_RATING_PART])
        bands, band = np.unique(self.occasion.value[_RATING_PART][rated], return_inverse=True)
        count = len(self.occasion.slices.value)
        if len(rated) * len(bands) > _NOT_MANY_RATINGS:
            return
        is_of_band = sparse.csr_array((np.ones(len(rated)), (np.arange(len(rated)), band)))
        dimension = np.array(self.occasion.slices.dimension)
        # Where another rating is possible, it still is when less is shown.
        is_in_question = np.ones(len(rated), dtype=bool)
        while True:
            sums = self._sums(_RATING)[:, rated]
            # Of bands that nobody has in some slice of theirs, nobody asks any more: the rest are a person's choices.
            is_open = (sums.T @ ((sums @ is_of_band).toarray() == 0)) == 0
            choice, person = np.nonzero(is_open.T)
            truth = (band[person] == choice) * 1.0
            who = [person[choice == one] for one in range(len(bands))]
            choices = sparse.csr_array((np.ones(len(person)), (person, np.arange(len(person)))))
            rows = sparse.block_diag([sums[:, some] for some in who], format="csr")
            asked, is_few = truth > 0, len(truth) <= FEW
            if not is_few:
                of_dimension = [np.tile(dimension == one, len(bands)) for one in np.unique(dimension)]
                asked = nearly_certain([*(rows[mine] for mine in of_dimension), choices], truth)
            told = certain(sparse.vstack([rows, choices]).tocsr(), truth, asked & is_in_question[person], is_few)
            is_in_question = np.isin(np.arange(len(rated)), person[told])
            if not self._hide_smallest([_RATING], rows, told, count):
                break

    def _check_means(self) -> None:
        """Hides slices, the smallest first, until nobody is certainly at an end of a scale; where there are few."""
        occasion, count = self.occasion, len(self.occasion.slices.value)
        parts = [part for part in occasion.answered if part != _RATING_PART]
        if sum(occasion.answered[part].sum() for part in parts) > _NOT_MANY:
            return
        truth = np.concatenate([occasion.value[part] for part in parts])
        nobody = np.zeros(len(occasion.people))
        while True:
            rows = sparse.vstack(
                [
                    sparse.hstack([sums @ sparse.diags_array(factors.get(part, nobody)) for part in parts])
                    for key, factors in self.means.items()
                    for sums in [self._sums(key)]
                ]
            ).tocsr()
            is_extreme = np.isin(truth, (0, 1)) & (abs(rows).sum(axis=0) > 0)
            if not self._hide_smallest(self.means, rows, certain(rows, truth, is_extreme, is_whole=False), count):
                break

    def _sums(self, key: Key) -> sparse.csr_array:
        return incidence(self.occasion.slices.table.cell_of, ~self._shown(key))

    def _hide_smallest(self, keys: Iterable[Key], rows: sparse.csr_array, answers: Ints, count: int) -> bool:
        """Hides the smallest slice of which a row holds some of the answers, if any does."""
        found = np.flatnonzero(abs(rows[:, answers]).sum(axis=1)) % count
        if len(found):
            self._hide(keys, np.arange(count) == found.max())
        return len(found) > 0
