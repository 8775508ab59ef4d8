"""What earlier surveys show of nearly the same people, and what is hidden because of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from scipy import sparse

from pipelines.protection.choosing import EVERYTHING, Key
from pipelines.protection.exposure import MANY, Bools, Table, hidden_slices
from pipelines.protection.occasions import Occasion, Slices
from pipelines.protection.owners import hidden_for_owners
from pipelines.protection.unanimity import incidence

# In groups of fewer than so many times k, it is likely that most answer as they did before.
_ANSWER_AS_BEFORE = 4
# Of a slice, where it is small and they are known.
People = frozenset[str] | None


class Earlier:
    """Small groups of earlier surveys that were shown, by the people in them.

    A group of five that becomes one of six gives the sixth away, if the five answer as before.
    """

    def __init__(self) -> None:
        self.shown: dict[tuple[str, str], list[frozenset[str]]] = {}

    def groups(
        self, occasion: Occasion, employees: Mapping[str, str | None], minimum: int
    ) -> list[tuple[tuple[str, str], People]]:
        """The slices of a survey with their people; without these where there are many, or they are not known."""
        slices = occasion.slices
        known = [employees.get(respondent) for respondent in occasion.people]
        sizes = slices.sizes(np.ones(len(known), dtype=bool))
        found: list[tuple[tuple[str, str], People]] = []
        is_small = sizes < minimum * _ANSWER_AS_BEFORE
        person, column = np.nonzero((slices.table.cell_of >= 0) & is_small[slices.table.cell_of])
        cell = slices.table.cell_of[person, column]
        by = np.argsort(cell, kind="stable")
        bounds = np.searchsorted(cell[by], np.arange(len(sizes) + 1))
        for number, key in enumerate(zip(slices.dimension, slices.value, strict=True)):
            members = [known[one] for one in person[by[bounds[number] : bounds[number + 1]]]]
            people = frozenset(member for member in members if member is not None)
            found.append((key, people if members and len(people) == len(members) else None))
        return found

    def hidden(
        self,
        occasion: Occasion,
        groups: Sequence[tuple[tuple[str, str], People]],
        employees: Mapping[str, str | None],
        minimum: int,
    ) -> Bools:
        """Which slices are hidden, as what an earlier survey shows of nearly the same people is known beside them.

        Such a slice itself is; and more, where those of a dimension differ by few people all together. What else
        follows is looked for in dimensions that are no teams.
        """
        slices = occasion.slices
        hidden = slices.sizes(np.ones(len(occasion.people), dtype=bool)) < minimum
        known: dict[int, list[frozenset[str]]] = {}
        changed: dict[int, int] = {}
        for number, (key, people) in enumerate(groups):
            for before in self.shown.get(key, ()):
                if people and (before < people or people < before) and len(before ^ people) < minimum:
                    known.setdefault(number, []).append(before)
                    changed[number] = len(before ^ people)
        dimension = np.array(slices.dimension)
        few = [number for number in known if (dimension == dimension[number]).sum() <= MANY]
        # Who has gone since has no cell in this survey.
        names = [employees.get(respondent) or respondent for respondent in occasion.people]
        beside = [before for number in few for before in known[number]]
        return hidden_beside(slices, names, hidden, known, changed, beside, minimum)

    def remember(self, groups: Sequence[tuple[tuple[str, str], People]], decided: Mapping[Key, Bools]) -> None:
        """Keeps what a survey shows."""
        hidden = decided.get(EVERYTHING, np.zeros(len(groups), dtype=bool))
        for number, (key, people) in enumerate(groups):
            if people is not None and not hidden[number]:
                self.shown.setdefault(key, []).append(people)


def hidden_beside(
    slices: Slices,
    names: Sequence[str],
    hidden: Bools,
    known: Mapping[int, Sequence[frozenset[str]]],
    changed: Mapping[int, int],
    beside: Sequence[frozenset[str]],
    minimum: int,
    owner_of: Callable[[str], str] | None = None,
) -> Bools:
    """Which slices are hidden where sums over other groups of nearly the same people are known.

    A slice that differs by few from a known one is; and more, where those of a dimension differ by few people all
    together. What else follows is looked for in dimensions that are no teams.

    Args:
        slices: of the occasion.
        names: of its people.
        hidden: what is hidden anyway.
        known: slice → groups that differ from it by few people.
        changed: slice → by how many.
        beside: all groups that are known beside the slices, by the names of their people.
        minimum: people that a figure needs.
        owner_of: whose a name is, where a person may be several of the names.
    """
    hidden = hidden.copy()
    hidden[list(known)] = True
    dimension = np.array(slices.dimension)
    for name in np.unique(dimension[list(known)]):
        mine = np.flatnonzero(dimension == name)
        differing = sum(count for number, count in changed.items() if dimension[number] == name)
        for further in mine[::-1][~hidden[mine[::-1]]]:
            others = [one for one in mine if hidden[one] and one not in known]
            if differing + np.isin(slices.table.cell_of, others).any(axis=1).sum() >= minimum:
                break
            hidden[further] = True
    if not beside:
        return hidden
    gone = sorted(set().union(*beside) - set(names))
    place = {name: number for number, name in enumerate([*names, *gone])}
    count, width = len(beside), slices.table.cell_of.shape[1]
    cell_of = np.full((len(place), width + count), -1)
    cell_of[: len(names), :width] = np.where(slices.table.cell_of >= 0, slices.table.cell_of + count, -1)
    for number, people in enumerate(beside):
        cell_of[[place[name] for name in people], width + number] = number
    table = Table(
        cell_of,
        np.append(np.full(count, -1), slices.table.dimension),
        np.append(np.full(count, -1), slices.table.slice_of),
    )
    whose, number_of = np.unique([owner_of(name) if owner_of else name for name in place], return_inverse=True)
    if len(whose) == len(place):
        return hidden_slices(table, np.ones(len(place)), minimum, hidden)
    mine = sparse.csr_array((np.ones(len(place)), (np.arange(len(place)), number_of)), (len(place), len(whose)))
    name, counts = np.unique(dimension, return_counts=True)
    is_team = np.isin(dimension, name[counts > MANY])
    cells = incidence(cell_of, np.append(np.zeros(count, dtype=bool), is_team)).T.toarray()
    return hidden | (hidden_for_owners(cells, table.slice_of, mine, minimum, hidden | is_team) & ~is_team)
