"""Which slices of an occasion are hidden: small ones, and those that would give small ones away.

A **part** is what has respondents of its own (item, driver, the eNPS item, a perspective on a competency). A slice
is shown in all parts or in none, so what can be worked out of one part cannot be sharpened with another. Only parts
that many leave out (a question for managers only) are decided by themselves.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipelines.protection.exposure import Bools, Floats, Ints, Table, hidden_slices
from pipelines.protection.occasions import Slices

# Parts that fewer answer than this share of the occasion's people are decided by themselves: else they would hide what
# everybody answers.
_ANSWERED_BY_MOST = 0.8

Key = tuple[str, str]
EVERYTHING: Key = ("", "")


@dataclass(frozen=True)
class Use:
    """A figure in which people's answers to one question are summed up.

    key: grain and name of what shows it; how the decisions' table names it.
    factor: of each person, what the answer is multiplied with; 0 for who has none there.
    dimensions: in which it is shown.
    """

    key: Key
    factor: Floats
    dimensions: Sequence[str]


# All uses of the answers to one question: they are known together.
Question = Sequence[Use]


def decide(
    slices: Slices,
    questions: Sequence[Question],
    minimum: int,
    parents: Mapping[Key, Key] | None = None,
    anyway: Bools | None = None,
    never_masks: Collection[Key] = (),
    open_to: tuple[Floats, Mapping[str, Sequence[float]]] | None = None,
) -> dict[Key, Bools]:
    """Which slices are hidden: under `EVERYTHING` in all uses, under a use's key in it alone.

    Args:
        slices: of the occasion.
        questions: each with its uses.
        minimum: people that a figure needs.
        parents: use → the one whose figures are its own and its siblings' together.
        anyway: what is hidden for other reasons.
        never_masks: what is not hidden for the sake of another part; rather their parent is.
        open_to: of each slice, how many people could answer; by dimension, the same of slices in which nobody did.
    """
    if not questions or not slices.value or minimum < 2:
        return {}
    counted: dict[Key, Bools] = {}
    for use in itertools.chain.from_iterable(questions):
        counted[use.key] = counted.get(use.key, False) | (use.factor > 0)
    somebody = np.logical_or.reduce(list(counted.values()))
    decided = {EVERYTHING: slices.sizes(somebody) < minimum}
    if anyway is not None:
        decided[EVERYTHING] |= anyway
    for key, people in counted.items():
        if people.sum() < _ANSWERED_BY_MOST * somebody.sum():
            decided[key] = decided[EVERYTHING] | (slices.sizes(people) < minimum)
    # What is safe stays so while more is hidden: questions that the same people answered need one look.
    seen = set()
    alone = frozenset(decided)
    for question in sorted(questions, key=lambda question: any(use.key in alone for use in question)):
        looks = {_look(use, alone): use for use in reversed(question)}
        if frozenset(looks) not in seen:
            _hide(slices, list(reversed(looks.values())), minimum, decided)
        seen.add(frozenset(looks))
    sizes = slices.sizes(somebody)
    decided[EVERYTHING] = _with_room(slices, sizes, minimum, decided[EVERYTHING], *(open_to or (sizes + np.inf, {})))
    _mask(decided, parents or {}, never_masks)
    return decided


def _look(use: Use, alone: Collection[Key]) -> tuple[bytes, tuple[str, ...], Key | None]:
    """What tells uses apart: those of the same people, times a number, in the same dimensions tell the same."""
    factor = use.factor / max(use.factor.max(), 1e-9)
    return factor.tobytes(), tuple(use.dimensions), use.key if use.key in alone else None


def _with_room(
    slices: Slices, sizes: Ints, minimum: int, hidden: Bools, most: Floats, silent: Mapping[str, Sequence[float]]
) -> Bools:
    """Hides further slices, from the smallest up, until it is not known how many people of a small one answered.

    What is left of the total for the hidden slices of a dimension is known, and which of them are small is told; how
    many could answer is known from headcounts. Where that leaves one number whatever is hidden, as all have answered,
    it is left out of account.
    """
    hidden = hidden.copy()
    dimension = np.array(slices.dimension)
    for name in dict.fromkeys(slices.dimension):
        mine = np.flatnonzero(dimension == name)
        quiet = np.array(silent.get(name, ()), dtype=np.float64)
        for known, of_quiet in ((most, quiet), (most + np.inf, quiet + np.inf)):
            found = _with_room_in(slices, mine, sizes, minimum, hidden, known, of_quiet)
            if found is not None:
                hidden |= found
                break
        else:
            hidden[mine] = True
    return hidden


def _with_room_in(
    slices: Slices, mine: Ints, sizes: Ints, minimum: int, hidden: Bools, most: Floats, quiet: Floats
) -> Bools | None:
    """The same for one dimension; None where it takes all of its slices, and even then does not help."""
    hidden = hidden.copy()
    further = iter(mine[::-1][~hidden[mine[::-1]]])
    while True:
        is_hidden = mine[hidden[mine]]
        left = np.isin(slices.table.cell_of, is_hidden).any(axis=1).sum()
        is_small = np.append(sizes[is_hidden] < minimum, np.ones(len(quiet), dtype=bool))
        least = np.where(is_small, 0, minimum)
        at_most = np.minimum(np.append(most[is_hidden], quiet), np.where(is_small, minimum - 1, left))
        low = np.maximum(0, left - (at_most.sum() - at_most))
        high = np.minimum(at_most, left - (least.sum() - least))
        if (low < high)[is_small].all():
            return hidden
        if (smallest := next(further, None)) is None:
            return None
        hidden[smallest] = True


def _hide(slices: Slices, question: Question, minimum: int, decided: dict[Key, Bools]) -> None:
    """Hides further slices, of everything or of a use that is decided by itself."""
    if len(question) == 1:
        (use,) = question
        outside = slices.outside(use.dimensions)
        key = use.key if use.key in decided else EVERYTHING
        hidden = hidden_slices(slices.table, use.factor, minimum, decided[EVERYTHING] | decided[key] | outside)
        decided[key] = decided[key] | (hidden & ~outside)
        return
    count = len(slices.value)
    alone = [EVERYTHING, *dict.fromkeys(use.key for use in question if use.key in decided)]
    cell_of: list[Ints] = []
    factor: list[Floats] = []
    slice_of: list[Ints] = []
    for use in question:
        place = alone.index(use.key) if use.key in alone else 0
        is_shown = ~(decided[EVERYTHING] | decided[alone[place]] | slices.outside(use.dimensions))
        cells = slices.table.cell_of
        is_in = (cells >= 0) & is_shown[cells] & (use.factor > 0)[:, None]
        cell_of.append(np.where(is_in, cells + len(slice_of) * count, -1))
        factor.append(np.broadcast_to(use.factor[:, None], cells.shape))
        slice_of.append(np.arange(count) + place * count)
    in_common = np.full(count * len(question), -1)
    table = Table(np.hstack(cell_of), in_common, np.concatenate(slice_of), np.hstack(factor))
    weights = np.logical_or.reduce([use.factor > 0 for use in question]).astype(np.float64)
    hidden = hidden_slices(table, weights, minimum, np.concatenate([decided[key] for key in alone]))
    for place, key in enumerate(alone):
        decided[key] = decided[key] | hidden[place * count : (place + 1) * count]


def _mask(decided: dict[Key, Bools], parents: Mapping[Key, Key], never: Collection[Key]) -> None:
    """Hides a second part wherever one is hidden by itself: else it were its parent less its siblings.

    The second is one that nearly all answer: with the first it is known as a sum over many.
    """

    def parts(key: Key) -> list[Key]:
        return [child for child, parent in parents.items() if parent == key]

    def depth(key: Key) -> int:
        return depth(parents[key]) + 1 if key in parents else 0

    def can_mask(key: Key) -> bool:
        return key not in decided and (any(map(can_mask, parts(key))) if parts(key) else key not in never)

    def hide(key: Key, hidden: Bools) -> None:
        decided[key] = decided.get(key, hidden) | hidden
        # One of its own, without which it could be worked out.
        second = next(filter(can_mask, parts(key)), None)
        is_masked = any(not (hidden & ~decided[part]).any() for part in parts(key) if part in decided)
        if second and not is_masked:
            hide(second, hidden)

    for parent in sorted(set(parents.values()), key=lambda key: (-depth(key), key)):
        alone = [part for part in parts(parent) if part in decided]
        if alone:
            hidden = np.logical_or.reduce([decided[part] for part in alone])
            second = next(filter(can_mask, parts(parent)), parent)
            for part in [*alone, second]:
                hide(part, hidden)
