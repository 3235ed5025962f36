"""One cell of a sweep of any other problem: its content, written canonically, and its theory."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from rmt_alpha._core.records.record_text import DIGITS, canonical
from rmt_alpha._core.types import FloatArray
from rmt_alpha.problems.described import Described, build
from rmt_alpha.problems.fine_tuning import FineTuning
from rmt_alpha.problems.low_rank import LowRankTransfer
from rmt_alpha.simulation import Simulation, simulate
from rmt_alpha.theory.curve import Curve, check_direction
from rmt_alpha.validation.sweeps.axes import OPTIMAL
from rmt_alpha.validation.sweeps.cell import ALPHA_STAR, Cell, parameter_frame
from rmt_alpha.validation.sweeps.theory import QUANTITIES, CellTheory, not_a_number

WRITTEN = 64
"""Entries of an array that a record writes out; of a larger one it has the hash."""
JOIN = "+"
"""Between the names of fields that have the same value: "target.exponent+source.exponent"."""
OF_CLASSES = frozenset({"mean", "variance", "accuracy", "neutral_alpha"})
"""What a regression does not have."""


@dataclass(frozen=True)
class Asked:
    """A problem, and the scalar alpha of its curve."""

    problem: Described
    rank: int | None
    """Of the correction of a `LowRankTransfer`."""
    direction: str | tuple[float, ...] | None
    """Proportions of the alphas of several sources, or "optimal"; by default all are the same."""

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> Asked:
        """ValueError or TypeError if the content is no problem, or something about its alpha is missing."""
        problem = build({name: value for name, value in content.items() if name not in ("rank", "direction")})
        rank, direction = content.get("rank"), content.get("direction")
        if isinstance(problem, LowRankTransfer) == (rank is None):
            raise ValueError(
                f"rank is needed, from 0 to {problem.largest_rank}, for a correction of low rank"
                if isinstance(problem, LowRankTransfer)
                else "rank is for a LowRankTransfer, which has spikes: leave it out"
            )
        if rank is not None and isinstance(problem, LowRankTransfer):
            rank = int(problem.check_rank(int(rank) if float(rank).is_integer() else rank))
        several = problem.components if isinstance(problem, FineTuning) else None
        if direction is not None and several is None:
            raise ValueError("direction is for several sources, whose alphas have proportions: leave it out")
        if several is not None and direction != OPTIMAL:
            direction = tuple(check_direction([1.0] * several if direction is None else direction, several))
        return cls(problem, rank, direction)

    @cached_property
    def proportions(self) -> FloatArray | None:
        """By which alpha is multiplied; None where it is a number."""
        if self.direction != OPTIMAL:
            return None if self.direction is None else np.array(self.direction)
        best = self._whole.optimum()
        return np.asarray(best.alpha if best.finite else best.direction, dtype=np.float64)

    @cached_property
    def _whole(self) -> Curve:
        problem = self.problem
        if isinstance(problem, LowRankTransfer):
            assert self.rank is not None  # checked
            return problem.curve(self.rank)
        return problem.curve()

    @cached_property
    def curve(self) -> Curve:
        """The curve of one alpha."""
        return self._whole if self.proportions is None else self._whole.along(self.proportions)


@dataclass(frozen=True, eq=False)
class ProblemCell(Cell):
    """A problem of a grid and what is asked about it; ``problem`` has the axes and the fixed scalars."""

    content: Mapping[str, Any] = field(repr=False)
    """What `Asked` is made of."""
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
    def asked(self) -> Asked:
        """The problem and its alpha: made once, for the theory and the simulation."""
        return Asked.of(self.content)

    def build(self) -> Described:
        """The problem."""
        return self.asked.problem

    def simulated(self, alphas: FloatArray) -> Simulation:
        """Its simulation at alphas of the curve."""
        asked = self.asked
        at = alphas if asked.proportions is None else alphas[:, None] * asked.proportions
        return simulate(asked.problem, at, rank=asked.rank, **self.drawing)

    @staticmethod
    def theories(cells: Sequence[Any]) -> list[CellTheory | Exception]:
        """The theory of each, or what it raised."""
        return [_theory(cell) for cell in cells]

    @staticmethod
    def absent(problem: Any) -> frozenset[str]:
        """What the model does not have: moments of one-hot scores, the best alpha of some trained draws."""
        if not isinstance(problem, FineTuning):
            return OF_CLASSES.union(ALPHA_STAR if isinstance(problem, LowRankTransfer) else ())
        names = set() if problem.outputs == 1 else {"mean", "variance"}
        single = problem.squared and problem.components is None
        return frozenset(names if single else names.union(ALPHA_STAR))


def _theory(cell: ProblemCell) -> CellTheory | Exception:
    try:
        curve, absent = cell.asked.curve, cell.absent(cell.build())
        best = float(np.squeeze(curve.optimal_alpha()))
        alphas = np.array([best if alpha == OPTIMAL else alpha for alpha in cell.alpha], dtype=np.float64)
        columns = [None if name in absent else _column(getattr(curve, name), alphas) for name in QUANTITIES]
        neutral = None if "neutral_alpha" in absent else float(curve.neutral_alpha())
        return CellTheory(_sound([best, neutral]), [_sound(row) for row in _rows(alphas, columns)])
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
    """A copy of a problem's content with fields set, named "n", "target.exponent" or "source.2.n"."""
    changed: Any = content
    for names, value in values.items():
        for name in names.split(JOIN):
            changed = _changed(changed, name, value)
    return dict(changed)


def _changed(content: Any, name: str, value: Any) -> Any:
    first, dot, rest = name.partition(".")
    if isinstance(content, list | tuple):  # several sources, counted from 1
        place = int(first) - 1
        return [_changed(each, rest, value) if i == place else each for i, each in enumerate(content)]
    return {**content, first: _changed(content.get(first, {}), rest, value) if dot else value}


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
