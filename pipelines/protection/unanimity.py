"""Which slices are hidden, as everybody's answer in them, or in what is left over of them, would be known.

Whoever sees how many of each shown slice answered yes knows an answer for certain if every way in which all could have
answered, with these numbers, has the same answer there: in a slice where all answered alike, and in what is left over
when shown slices are taken away from others.

Nobody's answer is certain exactly if an additive logistic model of the answers on the shown slices has estimates that
are finite: their fitted probabilities are a mixture of all possible ways. This is quick to see for most questions; what
is left is a linear program, whose solution says which slices give the answers away.

Source: S. J. Haberman, The Analysis of Frequency Data (1974), theorem 2.2, on when estimates exist; A. Albert and
J. A. Anderson, On the existence of maximum likelihood estimates in logistic regression models, Biometrika 71 (1984);
W. E. Deming and F. F. Stephan, On a least squares adjustment of a sampled frequency table (1940), for the fitting.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import optimize, sparse
from scipy.sparse.linalg import cg
from scipy.special import expit

from pipelines.protection.exposure import Bools, Floats, Ints, Table

_STEPS = 12
_LONGEST_STEP = 5.0
_SHORT_STEP = 0.9
# Sums are met but for 1e-7 each, which add up.
_OTHER = 1e-3
_NOUGHT = 1e-7
# So many answers are few enough to look for whole numbers; among more it is likely that there is another way, and the
# solver may need minutes to find it.
FEW = 200
_NODES = 200
_ROUNDS = 200
_NEARLY = 0.6


def hidden_for_unanimity(table: Table, yes: Floats, no: Floats, hidden: Bools, yes_only: bool = False) -> Bools:
    """Hides further slices until no answer to one question, or to some that are added up, is certain.

    Args:
        table: n people and their slices; of these the ones shown have sums of both kinds of answers shown.
        yes, no: (n,) how much of each a person answered: one of them is nought where there was one question, both where
            there was no answer.
        hidden: of each slice, whether it is hidden anyway.
        yes_only: that somebody certainly did not answer yes is no harm (a rating is not a certain one of many).

    Returns:
        Of each slice, whether it is hidden.
    """
    hidden = hidden.copy()

    def extreme(of_yes: Floats, of_no: Floats) -> Bools:
        found: Bools = (of_no == 0) & (of_yes > 0) if yes_only else (of_yes == 0) ^ (of_no == 0)
        return found

    hidden |= extreme(table.sums(yes), table.sums(no))
    # The common case: of everybody, all slices of one dimension but those that are hidden.
    answered = yes + no > 0
    is_whole = table.sums(answered * 1.0) == answered.sum()
    for column in table.cell_of.T if (is_whole & ~hidden).any() else ():
        while True:
            is_left = answered & ((column < 0) | hidden[column])
            shown = column[answered & ~is_left]
            if not len(shown) or not extreme(yes[is_left].sum(), no[is_left].sum()):
                break
            hidden[shown.max()] = True
    asked = np.flatnonzero(answered)
    while len(told := rows_that_tell(incidence(table.cell_of[asked], hidden), yes[asked], no[asked], yes_only)):
        hidden[told.max()] = True
    return hidden


def rows_that_tell(rows: sparse.csr_array, yes: Floats, no: Floats, yes_only: bool = False) -> Ints:
    """The rows that some answers follow from with certainty; none if no answer does.

    Args:
        rows: rows × answers; what is summed up in each, nothing in those that are hidden.
        yes, no: of each answer, as above.
        yes_only: as above.
    """
    if yes_only:
        # Who is in a slice without a yes is out of the question, everywhere.
        is_open = ~((rows.T @ ((rows @ yes) == 0).astype(float)) > 0)
        rows, yes, no = rows[:, is_open], yes[is_open], no[is_open]
    if not rows.nnz or _has_estimates(rows, yes, no):
        return np.zeros(0, dtype=np.int64)
    return _giving_away(rows, yes, no, yes_only)


def incidence(cells: Ints, hidden: Bools) -> sparse.csr_array:
    """Slices × people; rows of hidden slices are empty."""
    person, column = np.nonzero((cells >= 0) & ~hidden[cells])
    return sparse.csr_array(
        (np.ones(len(person)), (cells[person, column], person)), shape=(len(hidden), len(cells)), dtype=np.float64
    )


def _has_estimates(rows: sparse.csr_array, yes: Floats, no: Floats) -> bool:
    """Whether a logistic model has finite estimates; False where that is not seen soon.

    A step of Newton's leads to chances that have the shown sums. If none of them has left the way from 0 to 1, which is
    so where no linear predictor moves by 1, they are a mixture of possible answers, and none is certain; where there
    are no estimates, the steps tend to 1.
    """
    transposed = rows.T.tocsr()
    answers = yes + no
    linear = np.full(len(yes), np.log(max(yes.sum(), _NOUGHT) / max(no.sum(), _NOUGHT)))
    for _ in range(_STEPS):
        chance = expit(linear)
        gradient = rows @ (yes - answers * chance)
        weight = answers * chance * (1 - chance)
        scale = 1 / np.sqrt(np.maximum(rows @ weight, _NOUGHT))
        hessian = sparse.linalg.LinearOperator(
            (len(scale),) * 2, matvec=lambda x, w=weight, s=scale: s * (rows @ (w * (transposed @ (s * x))))
        )
        with np.errstate(divide="ignore", invalid="ignore"):
            step = transposed @ (scale * cg(hessian, scale * gradient, rtol=1e-6, maxiter=200)[0])
        longest = np.abs(step).max()
        if not np.isfinite(longest):
            return False
        if longest < _SHORT_STEP:
            return True
        linear = linear + step * min(1, _LONGEST_STEP / longest)
    return False


def _giving_away(rows: sparse.csr_array, yes: Floats, no: Floats, yes_only: bool) -> Ints:
    """The slices of the smallest combination that is at its bound, which makes all answers in it certain."""
    # A combination is at its upper bound if it counts only yes with a plus, and only no with a minus.
    sign = np.where(no == 0, 1.0, -1.0)
    is_pure = (yes == 0) | (no == 0)
    transposed = rows.T.tocsr()
    signed = sparse.diags_array(sign) @ transposed
    both_ways = sparse.hstack([signed, -signed]).tocsr()
    counted = both_ways[is_pure & ((no == 0) | (not yes_only))].sum(axis=0)
    found = optimize.linprog(
        np.ones(both_ways.shape[1]),
        A_ub=sparse.vstack([-both_ways[is_pure], sparse.csr_array(-counted[None, :])]),
        b_ub=np.append(np.zeros(is_pure.sum()), -1.0),
        A_eq=both_ways[~is_pure] if (~is_pure).any() else None,
        b_eq=np.zeros((~is_pure).sum()) if (~is_pure).any() else None,
        method="highs",
    )
    if found.x is None:
        return np.zeros(0, dtype=np.int64)
    used: Ints = np.flatnonzero(found.x > _NOUGHT) % rows.shape[0]
    return used


def certain(sums: sparse.csr_array, truth: Floats, asked: Bools, is_whole: bool) -> Ints:
    """The answers that are the same in all ways that have the same sums, by integer programming; for few answers.

    Args:
        sums: rows × answers; what each of them adds to each sum that is known.
        truth: of each answer, what it was, from 0 to 1.
        asked: of which it matters whether they are certain.
        is_whole: whether all answers are 0 or 1, and nothing between.
    """
    left = asked.copy()
    total = sums @ truth
    while left.any():
        # Another way, with as many other answers as there can be.
        found = optimize.milp(
            np.where(truth > 0.5, 1.0, -1.0) * left,
            constraints=optimize.LinearConstraint(sums, total - _NOUGHT, total + _NOUGHT),
            bounds=optimize.Bounds(0, 1),
            integrality=np.full(len(truth), int(is_whole)),
            options={"node_limit": _NODES},
        )
        if found.x is None:
            # It has given up: the truth itself is a way that it did not find, so it would not have found another.
            return np.zeros(0, dtype=np.int64)
        is_other = left & (np.abs(found.x - truth) > _OTHER)
        if not is_other.any():
            break
        left &= ~is_other
    return np.flatnonzero(left)


def nearly_certain(blocks: Sequence[sparse.csr_array], truth: Floats) -> Bools:
    """Which answers may be certain: those that nearly are what they were in the likeliest way with the same sums.

    Iterative proportional fitting tends to that way, in which no answer is at an end that is not there in all ways. It
    is quick, and the linear program is asked about these alone.

    Args:
        blocks: sums × answers of 0 or 1, some sums at a time; those of a dimension, of which an answer is in one.
        truth: of each answer, what it was.
    """
    found = np.ones(len(truth))
    totals = [block @ truth for block in blocks]
    # An answer may be in several sums of a block, where departments lie within others.
    overlaps = [max(block.sum(axis=0).max(initial=1), 1) for block in blocks]
    for _ in range(_ROUNDS):
        for block, total, overlap in zip(blocks, totals, overlaps, strict=True):
            now = block @ found
            is_some = (total > 0) & (now > 0)
            change = np.zeros(len(total))
            change[is_some] = np.log(total[is_some] / now[is_some])
            found *= np.exp(block.T @ change / overlap)
    return (truth > 0) & (found > _NEARLY)
