"""Which rows a run trains on, and which choose its learning rate and checkpoint."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_VALIDATION_SEED = 20_251_021
"""The validation rows are the same for every seed, so that seeds differ in their training rows alone."""

Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class RowSplit:
    """Positions in the training file; the three are disjoint.

    Attributes
    ----------
    train : ndarray of int
        Rows the adapter trains on.
    alpha : ndarray of int
        Rows that only alpha trains on; empty unless asked for.
    validation : ndarray of int
        Rows that choose the learning rate and the checkpoint.
    """

    train: Indices
    alpha: Indices
    validation: Indices


def validation_split(n_rows: int, validation_rows: int) -> tuple[Indices, Indices]:
    """Rows left for training, and validation rows: sorted positions, a function of the two numbers alone.

    Parameters
    ----------
    n_rows : int
        Rows of the training file.
    validation_rows : int
        Rows to set aside.

    Raises
    ------
    ValueError
        If fewer than two rows would be left to train on.

    Examples
    --------
    >>> rest, validation = validation_split(10, 4)
    >>> (
    ...     sorted([*rest.tolist(), *validation.tolist()]) == list(range(10)),
    ...     len(validation),
    ... )
    (True, 4)
    """
    if n_rows < validation_rows + 2:
        raise ValueError(
            f"validation_rows must be at most {n_rows - 2} for a training file of {n_rows} rows, got "
            f"{validation_rows}"
        )
    order = np.random.default_rng(_VALIDATION_SEED).permutation(n_rows)
    return np.sort(order[validation_rows:]), np.sort(order[:validation_rows])


def split(n_rows: int, validation_rows: int, size: int, seed: int, holdout: float = 0.0) -> RowSplit:
    """The rows of one run: ``size`` rows drawn by ``seed``, of which ``holdout`` are for alpha.

    A larger size with the same seed contains the smaller one, and the rows for alpha are drawn from the same
    ``size`` rows that other methods train on: nobody sees more labels than the others.

    Parameters
    ----------
    n_rows, validation_rows : int
        See `validation_split`.
    size : int
        Training rows, those for alpha included.
    holdout : float
        Share of them for alpha, at least one row; 0: none.

    Raises
    ------
    ValueError
        If there are fewer than ``size`` rows, or no row would be left for the adapter.

    Examples
    --------
    >>> one = split(1000, 200, 100, seed=1, holdout=0.2)
    >>> len(one.train), len(one.alpha), len(one.validation)
    (80, 20, 200)
    """
    rest, validation = validation_split(n_rows, validation_rows)
    if not 2 <= size <= len(rest):
        raise ValueError(
            f"size must be between 2 and {len(rest)} ({n_rows} training rows less {validation_rows} for "
            f"validation), got {size}"
        )
    drawn = rest[np.random.default_rng([seed, 0]).permutation(len(rest))[:size]]
    if holdout == 0:
        return RowSplit(drawn, drawn[:0], validation)
    held = max(1, round(holdout * size))
    if held >= size:
        raise ValueError(f"alpha_holdout = {holdout} of {size} rows leaves none for the adapter; lower it")
    chosen = np.random.default_rng([seed, 1]).permutation(size)
    return RowSplit(drawn[np.sort(chosen[held:])], drawn[np.sort(chosen[:held])], validation)
