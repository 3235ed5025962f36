"""One cell of a sweep over the fields of a `FineTuning`: its content, written canonically, and its theory."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from rmt_alpha._core.records.record_text import DIGITS, canonical
from rmt_alpha._core.types import FloatArray
from rmt_alpha.problems.described import build
from rmt_alpha.problems.fine_tuning import FineTuning
from rmt_alpha.validation.sweeps.axes import OPTIMAL
from rmt_alpha.validation.sweeps.cell import ALPHA_STAR, Cell, parameter_frame
from rmt_alpha.validation.sweeps.theory import QUANTITIES, CellTheory, not_a_number

WRITTEN = 64
"""Entries of an array that a record writes out; of a larger one it has the hash."""
JOIN = "+"
"""Between the names of fields that have the same value: "target.exponent+source.exponent"."""


@dataclass(frozen=True, eq=False)
class ProblemCell(Cell):
    """A `FineTuning` of a grid and what is asked about it; ``problem`` has the axes and the fixed scalars."""

    content: Mapping[str, Any] = field(repr=False)
    """What `build` makes the problem of."""
    told: Mapping[str, Any] = field(repr=False)
    """The same as a record holds it."""
    together: ClassVar[bool] = False

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ProblemCell) and self.parameters == other.parameters

    def __hash__(self) -> int:
        return hash(self.parameters)

    @cached_property
    def parameters(self) -> str:
        """Canonical JSON, as of every cell."""
        before, after = parameter_frame(self.alpha, self.replicates, self.method, self.seed)
        return before + canonical(self.told)[1:-1] + after

    @cached_property
    def _problem(self) -> FineTuning:
        return build(self.content)  # once, for the theory and the simulation

    def build(self) -> FineTuning:
        """The problem."""
        return self._problem

    @staticmethod
    def theories(cells: Sequence[Any]) -> list[CellTheory | Exception]:
        """The theory of each, or what it raised."""
        return [_theory(cell) for cell in cells]

    @staticmethod
    def absent(problem: Any) -> frozenset[str]:
        """What the model does not have: moments of one-hot scores, the best alpha of a trained draw."""
        names = set() if problem.outputs == 1 else {"mean", "variance"}
        return frozenset(names if problem.squared else names.union(ALPHA_STAR))


def _theory(cell: ProblemCell) -> CellTheory | Exception:
    try:
        problem = cell.build()
        curve, absent = problem.curve(), cell.absent(problem)
        best = float(curve.optimal_alpha())
        alphas = np.array([best if alpha == OPTIMAL else alpha for alpha in cell.alpha], dtype=np.float64)
        columns = [None if name in absent else _column(getattr(curve, name), alphas) for name in QUANTITIES]
        values = [best, float(curve.neutral_alpha())]
        return CellTheory(_sound(values), [_sound(row) for row in _rows(alphas, columns)])
    except Exception as failure:
        return failure


def _column(quantity: Callable[[Any], Any], alphas: FloatArray) -> list[float | None]:
    """A quantity at all alphas, None at infinite ones where it has no limit."""
    finite = np.isfinite(alphas)
    values = iter(np.asarray(quantity(alphas[finite])).tolist()) if finite.any() else iter(())
    return [
        next(values) if there else _limit(quantity, alpha)
        for there, alpha in zip(finite, alphas, strict=True)
    ]


def _limit(quantity: Callable[[Any], Any], alpha: float) -> float | None:
    try:
        return float(quantity(alpha))
    except ValueError:  # of a loss that is not squared only the accuracy is known there
        return None


def _rows(alphas: FloatArray, columns: list[Any]) -> list[list[float | None]]:
    return [
        [alpha, *(None if column is None else column[place] for column in columns)]
        for place, alpha in enumerate(alphas.tolist())
    ]


def _sound(numbers: Sequence[float | None]) -> list[float | None]:
    if any(number is not None and np.isnan(number) for number in numbers):
        raise not_a_number()
    return [None if number is None else number + 0.0 for number in numbers]


def with_values(content: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of a problem's content with fields, named as "n" or "target.exponent", set to values."""
    changed = dict(content)
    for names, value in values.items():
        for name in names.split(JOIN):
            table, dot, key = name.partition(".")
            if dot:
                changed[table] = {**changed.get(table, {}), key: value}
            else:
                changed[table] = value
    return changed


def told(value: Any) -> Any:
    """A part of a problem's content as a record holds it: equal numbers look alike, None is left out."""
    if isinstance(value, Mapping):
        return {name: told(part) for name, part in value.items() if part is not None}
    if isinstance(value, str | bool | None):
        return value
    if isinstance(value, list | tuple) and not all(isinstance(each, int | float) for each in value):
        return [told(each) for each in value]
    numbers = np.asarray(value, dtype=np.float64) + 0.0  # -0.0 is 0.0
    if numbers.size <= WRITTEN:
        return numbers.tolist()
    text = hashlib.sha256(np.ascontiguousarray(numbers).tobytes()).hexdigest()[:DIGITS]
    return f"{'x'.join(map(str, numbers.shape))} numbers, sha256 {text}"
