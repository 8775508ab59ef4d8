"""Rows of a survey from which it would follow what somebody answered: where all did alike, or all that is left did.

Items are summed up by driver, and all together. Where an item's row is hidden, so are all of its driver, or it were
the driver's row less the others'; where the driver's row is hidden, so is another's, or it were the row of all less the
others'. What is left to find is found with all rows of the survey at once.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from pipelines.protection.choosing import EVERYTHING, Key
from pipelines.protection.exposure import Bools
from pipelines.protection.occasions import Occasion, Rules
from pipelines.protection.unanimity import FEW, certain, hidden_for_unanimity, incidence, rows_that_tell

# Of more answers, each question, each driver and the total are looked at by themselves only: all rows together would
# take minutes, and in surveys of this size they have told nothing further.
_NOT_MANY = 20_000

MARTS = {"driver": "morale", "item": "morale_item", "enps": "enps"}
ALL: Key = ("driver", "all")
ENPS: Key = ("enps", "")


@dataclass(frozen=True)
class Group:
    """Items whose answers one row sums up, that of their driver; or an item without such a row."""

    items: tuple[str, ...]
    row: Key | None
    is_enps: bool

    @property
    def item_keys(self) -> list[Key]:
        return [("item", item) for item in self.items]

    @property
    def keys(self) -> list[Key]:
        return [*([self.row] if self.row else []), *self.item_keys]


def groups_of(traits: Collection[tuple[str, str | None, bool]]) -> list[Group]:
    """The groups of items, each given with its driver and whether it is the eNPS item."""
    by_driver: dict[str, list[str]] = {}
    for item, driver, _ in traits:
        if driver:
            by_driver.setdefault(driver, []).append(item)
    of_enps = {item for item, _, is_enps in traits if is_enps}
    found = [Group(tuple(items), ("driver", driver), bool(of_enps & set(items))) for driver, items in by_driver.items()]
    return found + [Group((item,), None, item in of_enps) for item, driver, _ in traits if not driver]


@dataclass(frozen=True)
class Alike:
    """The decisions on one survey, to which further ones are added.

    decided: which slices are hidden under each key.
    groups: its items.
    of_enps: the eNPS items, which stand in a mart of their own as well.
    """

    occasion: Occasion
    decided: dict[Key, Bools]
    groups: Sequence[Group]
    of_enps: Collection[Key]
    rules: Rules

    def hide(self) -> None:
        """Adds what is hidden."""
        for group in self.groups:
            if len(group.items) > 1:
                alike = [self._alike([item], self._with_enps([("item", item)])) for item in group.items]
                self._hide(group.item_keys, np.logical_or.reduce(alike))
            rows = [group.row] if len(group.items) > 1 and group.row else self._with_enps(group.keys)
            self._hide(group.keys, self._alike(group.items, rows))
        self._hide([ALL], self._alike([item for group in self.groups for item in group.items], [ALL]))
        self._mask()
        self._check()

    def _with_enps(self, keys: Sequence[Key]) -> list[Key]:
        return [*keys, *([ENPS] if set(keys) & set(self.of_enps) else [])]

    def _shown(self, keys: Collection[Key]) -> Bools:
        """In which slices the sums of some rows, which are the same, are shown."""
        inside = ~self.occasion.slices.outside(self.rules.dimensions_of({MARTS[key[0]] for key in keys}))
        for key in (EVERYTHING, *keys):
            inside = inside & ~self.decided.get(key, self.decided[EVERYTHING])
        return inside

    def _hide(self, keys: Collection[Key], which: Bools) -> None:
        for key in keys if which.any() else ():
            self.decided[key] = self.decided.get(key, self.decided[EVERYTHING]) | which

    def _alike(self, items: Sequence[str], keys: Sequence[Key]) -> Bools:
        shown = self._shown(keys)
        yes, answers = self.occasion.sums(items)
        return hidden_for_unanimity(self.occasion.slices.table, yes, answers - yes, ~shown) & shown

    def _mask(self) -> None:
        """Hides a further row of a slice where all that is hidden of it, which is what `all` leaves, is of one kind.

        The same one in all slices of a dimension in which something is hidden: else it followed from the others.
        """
        table, dimension = self.occasion.slices.table, np.array(self.occasion.slices.dimension)
        yes, answers, left = [], [], []
        for group in self.groups:
            shows_row = self._shown([group.row]) if group.row else np.zeros(len(dimension), dtype=bool)
            for item, key in zip(group.items, group.item_keys, strict=True):
                of_yes, of_all = self.occasion.sums([item])
                yes.append(table.sums(of_yes))
                answers.append(table.sums(of_all))
                left.append(~(shows_row | self._shown(self._with_enps([key]))))
        all_yes, all_answers, is_left = np.array(yes), np.array(answers), np.array(left)
        group_of = np.repeat(np.arange(len(self.groups)), [len(group.items) for group in self.groups])
        shows_all = self._shown([ALL])
        # Those with the fewest answers first, eNPS last.
        size = [(group.is_enps, all_answers[group_of == one].sum(), one) for one, group in enumerate(self.groups)]
        for *_, one in sorted(size):
            of_yes, of_all = (all_yes * is_left).sum(axis=0), (all_answers * is_left).sum(axis=0)
            is_told = shows_all & (of_all > 0) & ((of_yes == 0) | (of_yes == of_all))
            further = is_left.any(axis=0) & np.isin(dimension, dimension[is_told])
            self._hide(self.groups[one].keys, further)
            is_left[group_of == one] |= further

    def _check(self) -> None:
        """Hides rows, those of items first, until no answer is certain from all rows together; of not many."""
        occasion, count = self.occasion, len(self.occasion.slices.value)
        items = [item for group in self.groups for item in group.items]
        asked = {item: np.flatnonzero(occasion.answered[item]) for item in items}
        yes = np.concatenate([occasion.value[item][asked[item]] for item in items])
        if len(yes) > _NOT_MANY:
            return
        rows: list[tuple[list[Key], Sequence[str], list[Key]]] = [([ALL], items, [ALL])]
        rows += [([group.row], group.items, group.keys) for group in self.groups if group.row]
        rows += [
            (self._with_enps([("item", item)]), [item], group.item_keys)
            for group in self.groups
            for item in group.items
        ]
        while True:
            sums = sparse.vstack(
                [
                    sparse.hstack(
                        [
                            incidence(occasion.slices.table.cell_of[asked[item]], ~shown)
                            if item in summed
                            else sparse.csr_array((count, len(asked[item])))
                            for item in items
                        ]
                    )
                    for keys, summed, _ in rows
                    for shown in [self._shown(keys)]
                ]
            ).tocsr()
            told = rows_that_tell(sums, yes, 1 - yes)
            if not len(told) and len(yes) <= FEW:
                told = sums[:, certain(sums, yes, sums.sum(axis=0) > 0, is_whole=True)].sum(axis=1).nonzero()[0]
            if not len(told):
                break
            row, slice_ = divmod(int(told.max()), count)
            self._hide(rows[row][2], np.arange(count) == slice_)
            self._mask()
