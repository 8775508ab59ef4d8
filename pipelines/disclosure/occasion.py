"""One occasion (a survey wave, a review cycle, a goal period, a month, a year of exits) and the decision on its cells.

An occasion has **parts**: what people have contributed to it, such as the answers to one item. A **figure** sums the
contributions to one or more parts over a slice; each (part, weights) that it takes is a **use**. Parts are decided one
by one. That is enough, as each combination of figures that is not zero is not zero in some part, and rests there on k
people or more. A figure is shown in a slice only where the slice is accepted in all parts that the figure takes.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy import sparse

from pipelines.disclosure.accept import Acceptance, Raters
from pipelines.disclosure.search import Bools, Budget, BudgetSpent, Floats, Ints, leaks, span_of

# States of a cell. What is not in a state that shows is suppressed.
NEW, HELD, BELOW_MINIMUM, COMPLEMENTARY = "new", "held", "below_minimum", "complementary"
# A part that fewer people have contributed to than this share of all is sparse: it must not decide on the others.
_ANSWERED_BY_MOST = 0.8

# Part and the name of the weights with which its contributions are summed ("" where each counts once).
Use = tuple[str, str]


@dataclass(frozen=True)
class Figure:
    """What a mart shows of an occasion, slice by slice.

    Attributes:
        name: as the decision table and the declarations name it, such as `driver:growth`.
        uses: what it sums.
        dimensions: in which it is shown.
        parent: the figure that sums this one and its siblings, where there is one.
        block: figures of one block rest on other people than those of another one, so each block is decided by itself;
            "" for figures that belong to none, which are decided afterwards.
    """

    name: str
    uses: tuple[Use, ...]
    dimensions: tuple[str, ...]
    parent: str | None = None
    block: str = ""


@dataclass
class Occasion:
    """People, slices and contributions as arrays.

    Attributes:
        kind: of what, such as `answers`.
        name: survey_id, cycle, period, month or year.
        people: number of columns: people now, then those who are known from earlier states only.
        slice_dimension, slice_value: of each slice; by dimension, the largest slice first.
        members: slices × people, 1 where someone is in a slice now (another weight where a sum counts them otherwise).
        answered: part → of each person, whether they contribute now.
        weights: use → of each person, the weight; uses with the name "" need none.
        category: part → of each person, what they did as far as a unanimous cell gives it away; -1 for nothing.
        fixed: part → cells × people that readers have already; several matrices where measures have changed otherwise.
        raters: part → people × raters.
        touched: part → slices in which somebody has contributed otherwise in an earlier state.
        masked_before: parts that an earlier state showed in sums only.
    """

    kind: str
    name: str
    people: int
    slice_dimension: list[str]
    slice_value: list[str]
    members: sparse.csr_array
    answered: dict[str, Bools]
    weights: dict[Use, Floats] = field(default_factory=dict)
    category: dict[str, Ints] = field(default_factory=dict)
    fixed: dict[str, list[sparse.csr_array]] = field(default_factory=dict)
    raters: dict[str, Raters] = field(default_factory=dict)
    touched: dict[str, set[tuple[str, str]]] = field(default_factory=dict)
    masked_before: set[str] = field(default_factory=set)

    def weight(self, use: Use) -> Floats:
        """Of each person, how much they count in a use."""
        return self.weights[use] if use in self.weights else self.answered[use[0]].astype(np.float64)

    def rows(self, slices: Ints, weight: Floats) -> sparse.csr_array:
        """Slices × people, weighted."""
        weighted = sparse.csr_array(self.members[slices] @ sparse.diags_array(weight))
        weighted.eliminate_zeros()
        return weighted

    def sizes(self, weight: Floats) -> Ints:
        """Of each slice, how many people have a weight that is not zero."""
        counted: Ints = np.asarray((self.members != 0).astype(np.int64) @ (weight != 0)).astype(np.int64)
        return counted


@dataclass
class Decider:
    """Decides on the cells of one occasion.

    Attributes:
        occasion: with its contributions.
        k: people that a figure needs.
        dimensions: in the order of their use; cells of later ones are suppressed for the sake of earlier ones.
        budget: counted work for each part.
        suppresses_unanimity: whether cells in which all did the same are suppressed.
    """

    occasion: Occasion
    k: int
    dimensions: Sequence[str]
    budget: int
    suppresses_unanimity: bool = True
    spent: int = 0
    suppressed_for_budget: int = 0
    # Use → slices in which sums may hold it although it could not be shown by itself, since a second part masks it.
    masked: dict[Use, Bools] = field(default_factory=dict)
    _cache: dict[bytes, list[Bools]] = field(default_factory=dict)

    def decide(self, figures: Sequence[Figure]) -> dict[str, list[str]]:
        """Of each figure, the state of each slice."""
        occasion = self.occasion
        uses = list(dict.fromkeys(use for figure in figures for use in figure.uses))
        dimensions_of = {
            use: tuple(dict.fromkeys(d for f in figures if use in f.uses for d in f.dimensions)) for use in uses
        }
        blocks = {use: figure.block for figure in figures for use in figure.uses}
        everybody = np.logical_or.reduce([occasion.answered[part] for part, _ in uses]) if uses else np.zeros(0, bool)
        first = self._first_choice(everybody, uses, dimensions_of)
        accepted: dict[Use, Bools] = {}
        for part in dict.fromkeys(part for part, _ in uses):
            mine = [use for use in uses if use[0] == part]
            accepted |= self._accept(part, mine, dimensions_of, first, blocks)
        alike = self._alike(figures) if self.suppresses_unanimity else {}
        sparse_parts = {part for part, _ in uses if occasion.answered[part].sum() < _ANSWERED_BY_MOST * everybody.sum()}
        return self._states(figures, accepted, alike, sparse_parts)

    def _first_choice(self, everybody: Bools, uses: Sequence[Use], dimensions_of: Mapping[Use, Sequence[str]]) -> Bools:
        """The slices that are accepted for all who contributed anything: all parts then make the same choice."""
        count = len(self.occasion.slice_value)
        if len({use[0] for use in uses}) < 2:
            return np.ones(count, dtype=bool)
        dimensions = tuple(dict.fromkeys(d for use in uses for d in dimensions_of[use]))
        acceptance = Acceptance(self.k, Budget(self.budget), sparse.csr_array((0, self.occasion.people)))
        return self._offer(acceptance, everybody.astype(np.float64), dimensions, np.ones(count, dtype=bool))

    def _accept(
        self,
        part: str,
        uses: Sequence[Use],
        dimensions_of: Mapping[Use, tuple[str, ...]],
        allowed: Bools,
        blocks: Mapping[Use, str],
    ) -> dict[Use, Bools]:
        """Of each use of a part, the slices of which it can be shown."""
        occasion = self.occasion
        all_fixed = occasion.fixed.get(part) or [sparse.csr_array((0, occasion.people))]
        raters = occasion.raters.get(part)
        weights = {use: occasion.weight(use) for use in uses}
        uses_mark = b"".join(weights[use].tobytes() + repr(dimensions_of[use]).encode() for use in uses)
        accepted = [np.ones(len(allowed), dtype=bool) for _ in uses]
        for fixed in all_fixed:
            mark = hashlib.sha256(uses_mark)
            for array in (fixed, raters.of if raters else None):
                if array is not None:
                    mark.update(array.indices.tobytes() + array.indptr.tobytes() + array.data.tobytes())
            key = mark.digest()
            if key not in self._cache:
                if any(blocks[use] for use in uses):
                    self._cache[key] = self._accept_blocks(list(weights.items()), dimensions_of, fixed, allowed, blocks)
                else:
                    self._cache[key] = self._accept_uses(list(weights.items()), dimensions_of, fixed, raters, allowed)
            # A cell is shown where it is safe for each measure; fewer cells beside it make nothing unsafe.
            accepted = [one & slices for one, slices in zip(accepted, self._cache[key], strict=True)]
        return dict(zip(uses, accepted, strict=True))

    def _accept_uses(
        self,
        weights: Sequence[tuple[Use, Floats]],
        dimensions_of: Mapping[Use, tuple[str, ...]],
        fixed: sparse.csr_array,
        raters: Raters | None,
        allowed: Bools,
    ) -> list[Bools]:
        """Of each use of a part with its weights, the slices of which it can be shown."""
        acceptance = Acceptance(self.k, Budget(self.budget), fixed, raters=raters)
        (use, first), *further = weights
        if not further:
            return [self._offer(acceptance, first, dimensions_of[use], allowed)]
        if fixed.shape[0] or any(weight[first == 0].any() for _, weight in further):
            return self._offer_by_dimension(acceptance, weights, dimensions_of, allowed)
        trial = Acceptance(self.k, Budget(self.budget), fixed, raters=raters)
        shown = [self._offer(trial, first, dimensions_of[use], allowed)]
        apart = self._deviations([weight for _, weight in weights], shown[0])
        if apart is None:
            return self._offer_by_dimension(acceptance, weights, dimensions_of, allowed)
        for number, (other, weight) in enumerate(further, 1):
            seen = next((n for n, (_, one) in enumerate(weights[:number]) if self._tells_the_same(weight, one)), None)
            if seen is not None and set(dimensions_of[other]) <= set(dimensions_of[weights[seen][0]]):
                shown.append(shown[seen])
            else:
                shown.append(self._accept_deviating(apart, weight, first, dimensions_of[other], shown[0], raters))
        return shown

    def _accept_blocks(
        self,
        weights: Sequence[tuple[Use, Floats]],
        dimensions_of: Mapping[Use, tuple[str, ...]],
        fixed: sparse.csr_array,
        allowed: Bools,
        blocks: Mapping[Use, str],
    ) -> list[Bools]:
        """Of each use its slices: block by block, then the uses that sum several blocks.

        Blocks have no people in common. So a combination of rows of several blocks that is not zero is not zero in some
        block, and rests there on k people or more. A search within a block takes a small part of the work of one over
        all blocks.
        """
        shown = {use: np.zeros(len(allowed), dtype=bool) for use, _ in weights}
        whole = Acceptance(self.k, Budget(self.budget), fixed)
        for block in sorted({blocks[use] for use, _ in weights} - {""}):
            mine = [(use, weight) for use, weight in weights if blocks[use] == block]
            is_in = np.logical_or.reduce([weight != 0 for _, weight in mine])
            inside = np.asarray((fixed != 0).astype(np.int64) @ is_in.astype(np.int64))
            straddles = (inside > 0) & (inside < np.diff(fixed.indptr))
            apart = whole if straddles.any() else Acceptance(self.k, Budget(self.budget), fixed[np.flatnonzero(inside)])
            before = apart.shown.shape[0]
            accepted = self._offer_by_dimension(apart, mine, dimensions_of, allowed)
            shown |= {use: slices for (use, _), slices in zip(mine, accepted, strict=True)}
            if apart is not whole:
                whole.shown = sparse.vstack([whole.shown, apart.shown[before:]]).tocsr()
        rest = [(use, weight) for use, weight in weights if not blocks[use]]
        accepted = self._offer_by_dimension(whole, rest, dimensions_of, allowed)
        shown |= {use: slices for (use, _), slices in zip(rest, accepted, strict=True)}
        return [shown[use] for use, _ in weights]

    def _offer_by_dimension(
        self,
        acceptance: Acceptance,
        weights: Sequence[tuple[Use, Floats]],
        dimensions_of: Mapping[Use, tuple[str, ...]],
        allowed: Bools,
    ) -> list[Bools]:
        """Offers all uses of one dimension before the next dimension: rows of the company are the most useful ones."""
        shown = [np.zeros(len(allowed), dtype=bool) for _ in weights]
        for name in self.dimensions:
            # Each dimension has its share of the budget, so that small teams do not use up what departments need.
            acceptance.renew(self.budget // 4)
            for accepted, (use, weight) in zip(shown, weights, strict=True):
                if name in dimensions_of[use]:
                    accepted |= self._offer(acceptance, weight, (name,), allowed)
        return shown

    def _deviations(self, weights: Sequence[Floats], shown: Bools) -> Acceptance | None:
        """An acceptance of the differences between the uses of a part, over the people in whom the uses differ.

        Most people count in all uses alike, up to a factor. A combination of rows of several uses is, for these people,
        one of single rows: it is not zero on any of them, and rests on k people or more, or it is zero on all of them.
        Then it is a combination of differences, and rests on the others alone. So both are looked at apart, which
        takes far less work than all uses together.

        Returns:
            None where these people are too few to tell all rows apart, or a combination rests on few of them.
        """
        first, *others = weights
        is_usual = first != 0
        for weight in others:
            is_usual &= np.abs(weight - _usual_ratio(weight, first) * first) < 1e-9
        rows = self.occasion.rows(np.flatnonzero(shown), first)
        usual = sparse.csr_array(rows @ sparse.diags_array(is_usual.astype(np.float64)))
        usual.eliminate_zeros()
        if (np.diff(usual.indptr) == 0).any():
            return None
        try:
            budget = Budget(self.budget)
            whole, part = span_of(rows), span_of(usual)
            if whole.rank != part.rank or leaks(part, self.k, budget):
                return None
        except BudgetSpent:
            return None
        finally:
            self.spent += budget.spent
        return Acceptance(self.k, Budget(self.budget), sparse.csr_array((0, self.occasion.people)))

    def _accept_deviating(
        self,
        apart: Acceptance,
        weight: Floats,
        first: Floats,
        dimensions: Sequence[str],
        shown: Bools,
        raters: Raters | None,
    ) -> Bools:
        """The slices in which a further use can be shown beside the first one, by how it differs from it."""
        difference = weight - _usual_ratio(weight, first) * first
        difference[np.abs(difference) < 1e-9] = 0
        dimension = np.array(self.occasion.slice_dimension, dtype=object)
        mine = shown & np.isin(dimension, dimensions)
        is_equal = mine & (self.occasion.sizes(difference) == 0)
        accepted = is_equal | self._offer(apart, difference, dimensions, mine)
        if raters and accepted.any():
            before = Acceptance(1, Budget(self.budget), self.occasion.rows(np.flatnonzero(shown), first), raters=raters)
            accepted &= self._offer(before, weight, dimensions, accepted)
        shown_here: Bools = accepted & (self.occasion.sizes(weight) >= self.k)
        return shown_here

    @staticmethod
    def _tells_the_same(one: Floats, other: Floats) -> bool:
        """Whether two weights are equal up to a factor."""
        if not np.array_equal(one != 0, other != 0):
            return False
        ratio = one[one != 0] / other[one != 0]
        return not len(ratio) or bool(np.ptp(ratio) <= 1e-9 * abs(ratio[0]))

    def _offer(self, acceptance: Acceptance, weight: Floats, dimensions: Sequence[str], allowed: Bools) -> Bools:
        """Offers the slices of some dimensions: all together, and one dimension after the other where that leaks."""
        occasion = self.occasion
        is_offered = (occasion.sizes(weight) >= self.k) & allowed
        dimension = np.array(occasion.slice_dimension, dtype=object)
        groups = [np.flatnonzero(is_offered & (dimension == name)) for name in self.dimensions if name in dimensions]
        groups = [group for group in groups if len(group)]
        accepted = np.zeros(len(is_offered), dtype=bool)
        spent, suppressed = acceptance.spent, acceptance.suppressed_for_budget
        together = np.concatenate(groups) if len(groups) > 1 else np.zeros(0, dtype=np.int64)
        if len(together) and acceptance.take_all(occasion.rows(together, weight)):
            accepted[together] = True
        else:
            for group in groups:
                accepted[group] = acceptance.offer(occasion.rows(group, weight))
        self.spent += acceptance.spent - spent
        self.suppressed_for_budget += acceptance.suppressed_for_budget - suppressed
        return accepted

    def _alike(self, figures: Sequence[Figure]) -> dict[str, Bools]:
        """Of each figure, the slices in which all contributions are of one category."""
        occasion = self.occasion
        homogeneous: dict[str, Bools] = {}
        is_member = sparse.csr_array((occasion.members != 0).astype(np.float64))
        for figure in figures:
            parts = [part for part, name in figure.uses if part in occasion.category and name == ""]
            if len(parts) < len(figure.uses):
                continue
            values = np.unique(np.concatenate([occasion.category[part] for part in parts]))
            of_each = np.vstack([occasion.answered[part] for part in parts])
            total = np.asarray(is_member @ of_each.sum(axis=0).astype(np.float64))
            is_alike = np.zeros(len(occasion.slice_value), dtype=bool)
            for value in values[values >= 0]:
                same = sum(
                    ((occasion.category[part] == value) & occasion.answered[part]).astype(float) for part in parts
                )
                is_alike |= (np.asarray(is_member @ same) == total) & (total > 0)
            homogeneous[figure.name] = is_alike
        return homogeneous

    def _states(
        self,
        figures: Sequence[Figure],
        accepted: Mapping[Use, Bools],
        alike: Mapping[str, Bools],
        sparse_parts: set[str],
    ) -> dict[str, list[str]]:
        occasion = self.occasion
        dimension = np.array(occasion.slice_dimension, dtype=object)
        count = len(dimension)
        sizes = {use: occasion.sizes(occasion.weight(use)) for use in accepted}
        # A part without contributions in a slice does not restrict the slice.
        safe = {use: accepted[use] | (sizes[use] == 0) for use in accepted}
        singles = {figure.uses[0][0]: figure for figure in figures if len(figure.uses) == 1 and figure.uses[0][1] == ""}
        withheld = {name: slices.copy() for name, slices in alike.items()}
        covered: set[str] = set()
        if len(singles) > 1:
            covered = self._mask_sparse(figures, singles, safe, sparse_parts, withheld)
            unsafe = {figure.name: ~np.logical_and.reduce([safe[use] for use in figure.uses]) for figure in figures}
            self._mask_alike(figures, unsafe, withheld)
        # Two figures of the same uses are one figure in two marts.
        for figure, other in itertools.permutations(figures, 2):
            if figure.uses == other.uses and other.name in withheld:
                withheld[figure.name] = withheld.get(figure.name, np.False_) | withheld[other.name]
        states: dict[str, list[str]] = {}
        for figure in figures:
            is_sum = len(figure.uses) > 1
            needed = [use for use in figure.uses if not (is_sum and use[0] in covered)] or list(figure.uses)
            is_safe = np.logical_and.reduce([safe[use] for use in needed])
            for part in {use[0] for use in figure.uses} & (covered | occasion.masked_before) if is_sum else ():
                # A masked part is, or was, seen in the sums alone, so no sum may move with it.
                changed = occasion.touched.get(part, set())
                slices = zip(occasion.slice_dimension, occasion.slice_value, strict=True)
                is_safe = is_safe & ~np.array([one in changed for one in slices], dtype=bool)
            people = np.max([sizes[use] for use in figure.uses], axis=0)
            is_small = people < self.k
            in_dimensions = np.isin(dimension, figure.dimensions)
            shown = is_safe & ~is_small & in_dimensions
            hidden = withheld.get(figure.name, np.zeros(count, dtype=bool)) & shown
            if hidden.any():
                shown = self._not_following(figure, shown & ~hidden, hidden)
            names = np.where(shown, NEW, np.where(is_small, BELOW_MINIMUM, COMPLEMENTARY)).astype(object)
            # A cell without people needs no decision.
            names[~in_dimensions | (people == 0)] = ""
            states[figure.name] = names.tolist()
        return states

    def _mask_sparse(
        self,
        figures: Sequence[Figure],
        singles: Mapping[str, Figure],
        safe: Mapping[Use, Bools],
        sparse_parts: set[str],
        withheld: dict[str, Bools],
    ) -> set[str]:
        """Lets sums hold sparse parts in slices where these themselves are suppressed.

        The sum minus its other parts would be the sparse part. So a second part of the sum, one that all people of the
        sparse part have contributed to, is suppressed there as well: then only both together follow, which rest on the
        people of the second part.

        Returns:
            The sparse parts for which there is such a second part in each sum that holds them.
        """
        occasion = self.occasion
        sums = [figure for figure in figures if len(figure.uses) > 1]
        covered: set[str] = set()
        for part in sorted(sparse_parts & set(singles)):
            holding = [figure for figure in sums if (part, "") in figure.uses]
            if not holding:
                continue
            # A second part in the smallest sum is in the larger ones too, as sums are nested.
            smallest = min(holding, key=lambda figure: len(figure.uses))
            others = [
                other
                for other, _ in smallest.uses
                if other in singles
                and other not in sparse_parts
                and not (occasion.answered[part] & ~occasion.answered[other]).any()
                and all((other, "") in figure.uses for figure in holding)
                and not any((other, "") in figure.uses and (part, "") not in figure.uses for figure in sums)
            ]
            if others:
                second = singles[others[-1]]
                hidden = ~safe[part, ""]
                withheld[second.name] = withheld.get(second.name, np.zeros(len(hidden), dtype=bool)) | hidden
                covered.add(part)
                self.masked[part, ""] = hidden
        return covered

    @staticmethod
    def _mask_alike(figures: Sequence[Figure], unsafe: Mapping[str, Bools], withheld: dict[str, Bools]) -> None:
        """Withholds a sibling beside a figure that is withheld alone: its parent minus the others would be the figure.

        A sibling that has parts of its own is withheld together with the last of them, or it would be their sum.
        """
        children_of: dict[str, list[str]] = {}
        for figure in figures:
            if figure.parent:
                children_of.setdefault(figure.parent, []).append(figure.name)
        nothing = np.zeros(len(next(iter(unsafe.values()))), dtype=bool)
        for parent in sorted(children_of, key=lambda name: name == "driver:all"):
            children = children_of[parent]
            if len(children) < 2:
                for child in children:  # the only child is its parent
                    withheld[parent] = withheld.get(parent, nothing) | withheld.get(child, nothing)
                continue
            chosen = np.vstack([withheld.get(child, nothing) for child in children])
            missing = chosen | np.vstack([unsafe[child] for child in children])
            alone = (chosen.sum(axis=0) == 1) & (missing.sum(axis=0) == 1) & ~withheld.get(parent, nothing)
            for slice_ in np.flatnonzero(alone):
                second = children[int(np.flatnonzero(~missing[:, slice_])[-1])]
                for name in (second, *children_of.get(second, [])[-1:]):
                    withheld[name] = withheld.get(name, nothing).copy()
                    withheld[name][slice_] = True

    def _not_following(self, figure: Figure, shown: Bools, hidden: Bools) -> Bools:
        """Suppresses further slices until what is withheld does not follow from the rest."""
        occasion = self.occasion
        weight = np.sum([occasion.weight(use) for use in figure.uses], axis=0)
        protected = occasion.rows(np.flatnonzero(hidden), weight)
        dimension = np.array(occasion.slice_dimension, dtype=object)
        empty = sparse.csr_array((0, occasion.people))
        acceptance = Acceptance(1, Budget(self.budget), empty, protected=protected)
        result = np.zeros(len(shown), dtype=bool)
        for name in self.dimensions:
            group = np.flatnonzero(shown & (dimension == name))
            if len(group):
                result[group] = acceptance.offer(occasion.rows(group, weight))
        self.spent += acceptance.spent
        return result


def _usual_ratio(weight: Floats, other: Floats) -> float:
    """The ratio of two weights that most people have who have both."""
    both = (weight != 0) & (other != 0)
    if not both.any():
        return 0.0
    ratios, counts = np.unique(np.round(weight[both] / other[both], 9), return_counts=True)
    return float(ratios[counts.argmax()])
