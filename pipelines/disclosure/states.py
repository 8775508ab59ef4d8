"""What readers have had of an occasion before: its states, how they are recognised, and what follows for a new one.

A **state** is what an occasion was made of when a version showed it: its people as keyed digests, what they contributed
as keyed digests, and the cells shown. Cells of earlier states are rows of the same matrix as new ones. Somebody who has
contributed the same since is one unknown in both; somebody who has contributed something else, has come or has gone is
one column in which the old contribution has a random weight, so that no combination loses sight of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from scipy import sparse

from pipelines.disclosure.contributions import Loaded, weights_of
from pipelines.disclosure.occasion import NEW
from pipelines.disclosure.search import Bools, Floats, Ints

# Weights of a part that a sum holds although it could not be shown by itself.
MASKED = "masked"
# A prime: a digest is content times a secret number modulo this, so equal contents, and only these, have equal digests.
_PRIME = 2_147_483_647
# Share of people with equal content from which two waves are the same one, whatever their ids.
_SAME_WAVE = 0.5
# Days between the middles of two waves from which they are different ones, unless the ids say that they are the same.
_APART_DAYS = 14


@dataclass(frozen=True)
class State:
    """An earlier state of an occasion.

    Attributes:
        kind, occasion, wave: which; `wave` stays the same where the occasion is renamed.
        settings: digest of the minimum group and the dimensions under which it was decided.
        digest: of all that it was made of.
        day: middle of the days of its contributions, as an ordinal; 0 where no day is known.
        gone: people who have been erased since.
        people: digests of who contributed.
        parts: names.
        content: people × parts, digests; -1 for nothing.
        presence: people × parts, the part of the content that weights need (see `weights_of`); -1 for nothing.
        measures: part and name of each measure (see `measures.py`).
        measured: people × measures, digests; -1 for nothing.
        slices: dimension and value.
        members: slices × people.
        rows: number of a part, name of the weights, number of a slice: what readers have.
        cells: figure, dimension, value, state.
    """

    kind: str
    occasion: str
    wave: str
    settings: str
    digest: str
    day: int
    gone: int
    people: Ints
    parts: list[str]
    content: Ints
    presence: Ints
    measures: list[tuple[str, str]]
    measured: Ints
    slices: list[tuple[str, str]]
    members: sparse.csr_array
    rows: list[tuple[int, str, int]] = field(default_factory=list)
    cells: list[tuple[str, str, str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Digests:
    """Keyed digests of an occasion as it is now.

    Attributes:
        people: of each person; equal sheets without a name are told apart by a number.
        content: people × parts; -1 for nothing.
        measures: part and name of each measure.
        measured: people × measures; -1 for nothing.
        whole: of everything, to see at once that nothing has changed.
    """

    people: Ints
    content: Ints
    measures: list[tuple[str, str]]
    measured: Ints
    whole: str
    _mixed: Ints
    _key: bytes

    def of_measure(self, one: tuple[str, str], part: int) -> Ints:
        """Of each person the digest of a measure; that of 0 where no contribution has the measure now; -1 for nothing.

        Args:
            one: part and name of the measure.
            part: number of the part.
        """
        return self.measured[:, self.measures.index(one)] if one in self.measures else self.of_zero(one, part)

    def of_zero(self, one: tuple[str, str], part: int) -> Ints:
        """Of each person the digest of a measure that is 0; -1 for those who have not contributed to its part."""
        nothing = np.where(self.content[:, part] >= 0, 0, -1)
        return _digests(self._mixed, nothing, self._key, f"measure {one[0]} {one[1]}")


def digests(loaded: Loaded, key: bytes) -> Digests:
    """Digests of an occasion.

    Args:
        loaded: the occasion.
        key: secret; whoever has only the ledger learns nothing from the digests.
    """
    person = np.array([_number(key, one) for one in loaded.people], dtype=np.int64)
    common = _number(key, "sheet")
    mixed = np.where(loaded.named, person, common)
    content = np.empty_like(loaded.content)
    for number, part in enumerate(loaded.parts):
        content[:, number] = _digests(mixed, loaded.content[:, number], key, f"part {part}")
    measured = np.empty((len(loaded.people), len(loaded.measures)), dtype=np.int64)
    for number, ((part, name), numbers) in enumerate(loaded.measures.items()):
        measured[:, number] = _digests(mixed, numbers, key, f"measure {part} {name}")
    if not loaded.named.all():
        sheets = np.flatnonzero(~loaded.named)
        person[sheets] = _sheets(content[sheets], loaded.parts, key)
    order = np.argsort(person, kind="stable")
    whole = hashlib.blake2b(key=key, digest_size=16)
    whole.update(repr((loaded.parts, loaded.slices)).encode())
    for array in (person, content, measured):
        whole.update(np.ascontiguousarray(array[order]).tobytes())
    members = sparse.csr_array(sparse.csc_array(loaded.members)[:, order])
    members.sort_indices()
    whole.update(members.indptr.tobytes() + members.indices.astype(np.int64).tobytes())
    return Digests(person, content, list(loaded.measures), measured, whole.hexdigest(), mixed, key)


def _digests(mixed: Ints, numbers: Ints, key: bytes, of: str) -> Ints:
    """Digests of numbers that people have contributed; -1 for nothing."""
    factor = (mixed % _PRIME + (_number(key, of) % _PRIME or 1)) % _PRIME
    factor[factor == 0] = 1
    # Two remainders, of primes, so that numbers that are far apart have different digests as well.
    told = (numbers % _PRIME + numbers // _PRIME * 1_000_003 + 1) % _PRIME
    return np.where(numbers >= 0, factor * told % _PRIME, -1)


def _sheets(content: Ints, parts: Sequence[str], key: bytes) -> Ints:
    """Digests of sheets without a name, from what they hold; equal ones are numbered."""
    factors = np.array([_number(key, f"sheet {part}") | 1 for part in parts], dtype=np.uint64)
    with np.errstate(over="ignore"):
        mixed = (content.astype(np.uint64) * factors[None, :]).sum(axis=1)
    mixed = (mixed >> np.uint64(2)).astype(np.int64)
    order = np.argsort(mixed, kind="stable")
    ranked = mixed[order]
    starts = np.flatnonzero(np.append(True, ranked[1:] != ranked[:-1]))
    ordinal = np.arange(len(ranked)) - np.repeat(starts, np.diff(np.append(starts, len(ranked))))
    digest: Ints = np.empty_like(mixed)
    digest[order] = ranked + ordinal
    return digest


def person_digest(key: bytes, person_id: str) -> int:
    """The digest by which the ledger knows somebody.

    Args:
        key: secret.
        person_id: as the contributions name them.
    """
    return _number(key, person_id)


@lru_cache(maxsize=1 << 18)
def _number(key: bytes, text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), key=key, digest_size=8).digest(), "big") >> 2


def same_waves(
    now: Mapping[str, tuple[Digests, int]], states: Sequence[State], parts: Mapping[str, Sequence[str]]
) -> dict[str, str]:
    """Which of the waves that readers have had each occasion is.

    An occasion is the wave of its own name, and else one with which it shares most of its content and whose days are
    near. A wave belongs to one occasion.

    Args:
        now: occasion → digests, and the middle of its days (0: not known).
        states: the last state of each wave.
        parts: occasion → its parts.
    """
    free = {state.wave: state for state in states}
    wave_of: dict[str, str] = {}
    shares: list[tuple[float, str, str]] = []
    for name, (one, day) in now.items():
        for state in states:
            named = state.occasion == name
            if not named and _apart(day, state.day):
                continue
            share = _shared(one, parts[name], state)
            if named and (share >= _SAME_WAVE / 5 or not _apart(day, state.day)):
                shares.append((2 + share, name, state.wave))
            elif not named and share >= _SAME_WAVE:
                shares.append((share, name, state.wave))
    for _, name, wave in sorted(shares, key=lambda one: (-one[0], one[1], one[2])):
        if name not in wave_of and wave in free:
            wave_of[name] = wave
            del free[wave]
    return wave_of


def _apart(day: int, other: int) -> bool:
    return bool(day and other and abs(day - other) > _APART_DAYS)


def _shared(one: Digests, parts: Sequence[str], state: State) -> float:
    """The share of the smaller one's people who have contributed the same to most parts that both have."""
    common = [part for part in parts if part in state.parts]
    if not common or not len(one.people) or not len(state.people):
        return 0.0
    _, mine, theirs = np.intersect1d(one.people, state.people, assume_unique=False, return_indices=True)
    if not len(mine):
        return 0.0
    here = one.content[mine][:, [list(parts).index(part) for part in common]]
    there = state.content[theirs][:, [state.parts.index(part) for part in common]]
    equal = (here == there).mean(axis=1) > 0.5
    return float(equal.sum() / min(len(one.people), len(state.people)))


@dataclass(frozen=True)
class Matched:
    """Earlier states of an occasion over the columns of its matrix.

    Attributes:
        people: number of columns: people now, then those of earlier states only.
        places: of each state, the column of each of its people.
        fixed: part → matrices of cells × columns that readers have, one for each measure that changed otherwise than
            the others; a new cell has to be safe beside each of them.
        touched: part → slices in which somebody contributes otherwise, or is no more, than in some state.
        masked: parts that an earlier state showed in sums only.
    """

    people: int
    places: list[Ints]
    fixed: dict[str, list[sparse.csr_array]]
    touched: dict[str, set[tuple[str, str]]]
    masked: set[str]


def match(loaded: Loaded, now: Digests, states: Sequence[State]) -> Matched:
    """Puts the rows of earlier states beside the people of an occasion.

    Args:
        loaded: the occasion.
        now: its digests.
        states: its earlier states, the last one at the end.
    """
    places_of, total = _places(loaded, now, states)
    measures: dict[str, list[str]] = {}
    for part, name in dict.fromkeys([*now.measures, *(one for state in states for one in state.measures)]):
        measures.setdefault(part, []).append(name)
    fixed: dict[str, dict[str, list[sparse.csr_array]]] = {}
    touched: dict[str, set[tuple[str, str]]] = {}
    for state, places in zip(states, places_of, strict=True):
        for (number, name), slices in _by_use(state).items():
            part = state.parts[number]
            weight = weights_of(loaded.kind, part, name, state.parts, state.presence)
            members = sparse.coo_array(state.members[slices])
            for measure in measures[part]:
                mine = weight * _marks(loaded, now, state, places, (part, measure))
                wide = sparse.csr_array(
                    (members.data * mine[members.col], (members.row, places[members.col])), (len(slices), total)
                )
                wide.eliminate_zeros()
                fixed.setdefault(part, {}).setdefault(measure, []).append(wide)
        for named, cells in _touched(loaded, now, state, places).items():
            touched.setdefault(named, set()).update(cells)
    masked = {state.parts[part] for state in states for part, name, _ in state.rows if name == MASKED}
    return Matched(total, places_of, {part: _different(rows) for part, rows in fixed.items()}, touched, masked)


def _places(loaded: Loaded, now: Digests, states: Sequence[State]) -> tuple[list[Ints], int]:
    """Of each state the column of each of its people, and how many columns there are."""
    column = {int(one): number for number, one in enumerate(now.people)}
    # Sheets without a name that differ in something: paired, so that a corrected sheet is one person and not two.
    unsigned = [number for number in np.flatnonzero(~loaded.named)]
    places_of: list[Ints] = []
    total = len(loaded.people)
    for state in states:
        places = np.array([column.get(int(one), -1) for one in state.people], dtype=np.int64)
        missing = np.flatnonzero(places < 0)
        taken = set(places[places >= 0].tolist())
        spare = [number for number in unsigned if number not in taken]
        spare.sort(key=lambda number: tuple(now.content[number].tolist()))
        missing = (
            missing[np.lexsort(state.content[missing].T[::-1])] if len(missing) and state.content.shape[1] else missing
        )
        for person in missing:
            if spare:
                places[person] = spare.pop(0)
            else:
                places[person] = total
                column[int(state.people[person])] = total
                total += 1
        places_of.append(places)
    return places_of, total


def _marks(loaded: Loaded, now: Digests, state: State, places: Ints, measure: tuple[str, str]) -> Floats:
    """Of each person of a state: 1 where the measure has not changed, and an unpredictable number where it has."""
    part = measure[0]
    if part not in loaded.parts:
        return np.ones(len(places))
    number = loaded.parts.index(part)
    is_here = places < len(loaded.people)
    # Somebody who contributes nothing now is in no new row: any weight stands for them alone.
    here, there = (np.full(len(places), -1, dtype=np.int64) for _ in range(2))
    here[is_here] = now.of_measure(measure, number)[places[is_here]]
    if measure in state.measures:
        there = state.measured[:, state.measures.index(measure)]
    else:
        there[is_here] = now.of_zero(measure, number)[places[is_here]]
    differs = (here != there) & (here >= 0)
    marks: Floats = np.where(differs, 0.5 + (there % 1_000_003) / 1_000_003, 1.0)
    return marks


def _different(rows_of: Mapping[str, Sequence[sparse.csr_array]]) -> list[sparse.csr_array]:
    """The rows of each measure, those of equal ones once, without empty rows."""
    found: dict[bytes, sparse.csr_array] = {}
    for rows in rows_of.values():
        stacked = sparse.csr_array(sparse.vstack(rows))
        kept = stacked[np.flatnonzero(np.diff(stacked.indptr) > 0)]
        mark = hashlib.sha256(kept.indptr.tobytes() + kept.indices.tobytes() + kept.data.tobytes()).digest()
        found.setdefault(mark, kept)
    return list(found.values())


def waiting(
    loaded: Loaded,
    now: Digests,
    states: Sequence[State],
    places_of: Sequence[Ints],
    held: Mapping[tuple[str, str, str], Sequence[str]],
) -> int:
    """How many people have changed something that readers do not see yet.

    Args:
        loaded: the occasion.
        now: its digests.
        states: its earlier states, the last one at the end.
        places_of: of each state, the column of each of its people.
        held: figure, dimension and value of each cell that is shown as readers have it → the parts that it sums.
    """
    left = dict(held)
    size = max([len(loaded.people), *(int(places.max(initial=-1)) + 1 for places in places_of)])
    is_waiting = np.zeros(size, dtype=bool)
    here = {one: number for number, one in enumerate(loaded.slices)}
    for state, places in zip(reversed(states), reversed(places_of), strict=True):
        there = {one: number for number, one in enumerate(state.slices)}
        shown: dict[tuple[str, ...], list[tuple[str, str]]] = {}
        for figure, dimension, value, decision in state.cells:
            if decision == NEW and (parts := left.pop((figure, dimension, value), None)) is not None:
                shown.setdefault(tuple(parts), []).append((dimension, value))
        for parts, slices in shown.items():
            mine = _told(loaded.parts, now.content, parts)
            theirs = _told(state.parts, state.content, parts)
            rows_now = _rows(loaded.members, [here.get(one, -1) for one in slices], mine, np.arange(len(mine)), size)
            rows_then = _rows(state.members, [there.get(one, -1) for one in slices], theirs, places, size)
            changed = sparse.coo_array(rows_now - rows_then)
            is_waiting[changed.col[changed.data != 0]] = True
    return int(is_waiting.sum())


def _told(names: Sequence[str], content: Ints, parts: Sequence[str]) -> Floats:
    """One number for all that somebody has contributed to some parts; 0 for nothing."""
    told = np.zeros(len(content))
    for part, mark in zip(parts, np.random.default_rng(5).random(len(parts)), strict=True):
        if part in names:
            told += (content[:, names.index(part)] + 1) * mark
    return told


def _rows(members: sparse.csr_array, slices: Sequence[int], told: Floats, places: Ints, size: int) -> sparse.csr_array:
    entries = sparse.coo_array(members[[one for one in slices if one >= 0]])
    numbers = np.flatnonzero(np.array(slices) >= 0)
    place = (numbers[entries.row], places[entries.col])
    return sparse.csr_array((told[entries.col], place), (len(slices), size))


def _touched(loaded: Loaded, now: Digests, state: State, places: Ints) -> dict[str, set[tuple[str, str]]]:
    count = len(loaded.people)
    size = max(count, int(places.max(initial=-1)) + 1)
    moved = _moved(loaded, state, places, size)
    is_in, was_in = sparse.csr_array(loaded.members != 0), sparse.csr_array(state.members != 0)
    touched: dict[str, set[tuple[str, str]]] = {}
    # A part that an earlier state did not have is in none of its rows.
    for part in state.parts:
        here, there = (np.full(size, -1, dtype=np.int64) for _ in range(2))
        if part in loaded.parts:
            here[:count] = now.content[:, loaded.parts.index(part)]
        there[places] = state.content[:, state.parts.index(part)]
        differs = (here != there) | (moved & ((here >= 0) | (there >= 0)))
        if differs.any():
            slices = {loaded.slices[one] for one in np.flatnonzero(is_in.astype(float) @ differs[:count])}
            slices |= {state.slices[one] for one in np.flatnonzero(was_in.astype(float) @ differs[places])}
            touched[part] = slices
    return touched


def _by_use(state: State) -> dict[tuple[int, str], Ints]:
    slices_of: dict[tuple[int, str], list[int]] = {}
    for part, name, slice_ in state.rows:
        if name == MASKED:
            continue
        slices_of.setdefault((part, name), []).append(slice_)
    return {use: np.array(sorted(set(slices)), dtype=np.int64) for use, slices in slices_of.items()}


def _moved(loaded: Loaded, state: State, places: Ints, size: int) -> Bools:
    """Who is in other slices than in a state."""
    number = {one: index for index, one in enumerate(dict.fromkeys([*loaded.slices, *state.slices]))}
    marks = np.random.default_rng(4).random(len(number))
    here, there = np.zeros(size), np.zeros(size)
    is_in = (loaded.members != 0).astype(np.float64)
    here[: len(loaded.people)] = is_in.T @ marks[[number[one] for one in loaded.slices]] if loaded.slices else 0
    was_in = (state.members != 0).astype(np.float64)
    there[places] = was_in.T @ marks[[number[one] for one in state.slices]] if state.slices else 0
    moved: Bools = np.abs(here - there) > 1e-9
    return moved
