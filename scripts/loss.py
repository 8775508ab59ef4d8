"""What hiding costs: cells with enough people that are not shown, beside the best choice and two rules that leak.

Random tables of one, two and three dimensions; the best choice is an integer program, to which the combinations of
cells that tell of few people are added until there are none.
Usage: python scripts/loss.py [--tables 50] [--minimum 5]
"""

from __future__ import annotations

import argparse

import numpy as np
from scipy import optimize

from pipelines.protection.exposure import Table, exposed_slices, hidden_slices


def random_table(random: np.random.Generator, dimensions: int) -> tuple[Table, np.ndarray]:
    """A table of its total and the values of each dimension, the largest cell first; and the cells' sizes."""
    people = int(random.integers(30, 120))
    columns = [np.zeros(people, dtype=int)]
    for _ in range(dimensions):
        values = int(random.integers(3, 8))
        columns.append(random.choice(values, people, p=random.dirichlet(np.full(values, 1.5))))
    cells = [(-(column == value).sum(), d, value) for d, column in enumerate(columns) for value in np.unique(column)]
    cell_of = np.full((people, dimensions + 1), -1)
    for number, (_, d, value) in enumerate(sorted(cells)):
        cell_of[columns[d] == value, d] = number
    table = Table(cell_of, np.array([d for _, d, _ in sorted(cells)]), np.arange(len(cells)))
    return table, -np.array([size for size, *_ in sorted(cells)])


def best(table: Table, everybody: np.ndarray, minimum: int, small: np.ndarray) -> np.ndarray:
    """The hidden cells of a choice that shows as many as can be."""
    cuts: list[np.ndarray] = []
    while True:
        constraints = (
            [optimize.LinearConstraint(np.array(cuts), -np.inf, [cut.sum() - 1 for cut in cuts])] if cuts else []
        )
        found = optimize.milp(
            -np.ones(len(small)),
            constraints=constraints,
            bounds=optimize.Bounds(0, 1.0 - small),
            integrality=np.ones(len(small)),
        )
        hidden = found.x < 0.5
        told = exposed_slices(table, everybody, minimum, hidden)
        if not told:
            return hidden
        cuts += [np.isin(np.arange(len(small)), list(cells)).astype(float) for cells in told]


def next_smallest(table: Table, sizes: np.ndarray, small: np.ndarray) -> np.ndarray:
    """The usual rule: where one cell of a dimension is small, the next smallest is hidden too."""
    hidden = small.copy()
    for d in range(1, table.cell_of.shape[1]):
        mine = np.flatnonzero(table.dimension == d)
        if small[mine].sum() == 1 and (~small[mine]).any():
            hidden[mine[~small[mine]][-1]] = True
    return hidden


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--tables", type=int, default=50)
    options.add_argument("--minimum", type=int, default=5)
    given = options.parse_args()
    random = np.random.default_rng(1)
    print(f"{given.tables} random tables each, k = {given.minimum}; shares of the cells with at least k people\n")
    print(f"{'dimensions':<12}{'small hidden':>24}{'next smallest too':>24}{'ours':>24}{'best':>24}")
    for dimensions in (1, 2, 3):
        shown, leaks = np.zeros(4), np.zeros(4, dtype=int)
        eligible = 0
        for _ in range(given.tables):
            table, sizes = random_table(random, dimensions)
            everybody, small = np.ones(len(table.cell_of)), sizes < given.minimum
            choices = [
                small,
                next_smallest(table, sizes, small),
                hidden_slices(table, everybody, given.minimum, small),
                best(table, everybody, given.minimum, small),
            ]
            eligible += (~small).sum()
            shown += [(~hidden).sum() for hidden in choices]
            leaks += [bool(exposed_slices(table, everybody, given.minimum, hidden)) for hidden in choices]
        told = [
            f"{share:.1%} shown, {leak / given.tables:.0%} leak"
            for share, leak in zip(shown / eligible, leaks, strict=True)
        ]
        print(f"{dimensions:<12}{told[0]:>24}{told[1]:>24}{told[2]:>24}{told[3]:>24}")


if __name__ == "__main__":
    main()
