"""The theory of many problems, as arrays: the same numbers as one by one, to the last bit, far sooner."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from rmt_alpha._core.alphas import EXTREME
from rmt_alpha._core.types import FloatArray
from rmt_alpha.problems.transfer import TransferProblem
from rmt_alpha.validation.sweeps.axes import OPTIMAL

QUANTITIES = ("mean", "variance", "accuracy", "risk")
"""Functions of alpha; simulated ones are called ``simulated_...`` and have a ``..._stderr``."""

Asked = tuple[tuple[tuple[str, float | None], ...], tuple[float | str, ...]]
"""The fields of a problem, and alphas."""


class CellTheory(NamedTuple):
    """What the theory says about one problem."""

    values: Sequence[float | None]
    """alpha* and the neutral alpha."""
    points: Sequence[Sequence[float | None]]
    """For each alpha, alpha and `QUANTITIES`."""


def theory_of(asked: Sequence[Asked]) -> list[CellTheory | Exception]:
    """The theory of each problem, or what it raised.

    Every operation is elementwise and in the same order for one problem as for many, so that results do not
    depend on what is evaluated together.  Problems that need branches of their own (extreme alphas) and those
    that are refused are found by halving, and evaluated by themselves.
    """
    found: list[CellTheory | Exception] = []
    for part in _alike(asked):
        found += _evaluated(part)
    return found


def _alike(asked: Sequence[Asked]) -> Iterator[Sequence[Asked]]:
    """Neighbours that can be one array: with the same alphas, all with a known source or all without."""
    start, kind = 0, None
    for place, (problem, alpha) in enumerate(asked):
        this = [name for name, value in problem if value is None], alpha
        if place and this != kind:
            yield asked[start:place]
            start = place
        kind = this
    if asked:
        yield asked[start:]


def _evaluated(asked: Sequence[Asked]) -> list[CellTheory | Exception]:
    alpha = asked[0][1]
    if len(asked) == 1:
        try:
            single: dict[str, Any] = dict(asked[0][0])
            return _as_lists(*as_arrays(single, alpha, 1))
        except Exception as failure:
            return [failure]
    try:
        columns = zip(*(problem for problem, _ in asked), strict=True)
        fields: dict[str, Any] = {
            column[0][0]: None if column[0][1] is None else np.array([[value] for _, value in column])
            for column in columns
        }
        return _as_lists(*as_arrays(fields, alpha, len(asked)))
    except Exception:
        half = len(asked) // 2
        return [*_evaluated(asked[:half]), *_evaluated(asked[half:])]


def _as_lists(values: FloatArray, points: FloatArray) -> list[CellTheory | Exception]:
    return [CellTheory(*of_one) for of_one in zip(values.tolist(), points.tolist(), strict=True)]


def as_arrays(
    fields: Mapping[str, Any], alpha: Sequence[float | str], count: int
) -> tuple[FloatArray, FloatArray]:
    """alpha* and the neutral alpha, shape (count, 2); alpha and `QUANTITIES`, shape (count, alphas, 5).

    Fields are numbers, or have shape (count, 1).

    Raises
    ------
    ValueError
        If a problem is refused, or there are extreme alphas among those of some problems and not of all.
    ArithmeticError
        If there is a NaN.
    """
    curve = TransferProblem(**fields).curve()
    best = _column(curve.optimal_alpha(), count)
    alphas = np.empty((count, len(alpha)))
    for place, value in enumerate(alpha):
        alphas[:, place] = best[:, 0] if value == OPTIMAL else value
    extreme = (np.abs(alphas) > EXTREME).any(axis=1)
    if extreme.any() and not extreme.all():
        raise ValueError("extreme alphas are evaluated by another branch")
    at = alphas if count > 1 else alphas[0]
    columns = [np.broadcast_to(getattr(curve, name)(at), alphas.shape) for name in QUANTITIES]
    points = np.stack([alphas, *columns], axis=-1) + 0.0
    values = np.hstack([best, _column(curve.neutral_alpha(), count)]) + 0.0
    if np.isnan(points).any() or np.isnan(values).any():
        raise not_a_number()
    return values, points


def _column(value: Any, count: int) -> FloatArray:
    return np.asarray(np.broadcast_to(np.asarray(value, dtype=np.float64), (count, 1)))


def not_a_number() -> ArithmeticError:
    """The error of a cell one of whose results is NaN."""
    return ArithmeticError("a result is NaN; please report the parameters of this cell as a bug")
