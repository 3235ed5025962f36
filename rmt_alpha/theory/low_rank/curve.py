"""`LowRankCurve`: the risk of fine-tuning with a correction of low rank, as a function of alpha."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize

from rmt_alpha._core.types import FloatArray, Real
from rmt_alpha.problems.low_rank import LowRankTransfer
from rmt_alpha.theory import curve as base
from rmt_alpha.theory.curve import QUESTIONS, Curve, Optimum

ANSWERED = ("risk", "optimum", "optimal_alpha", "gain", "transfer_interval", "tolerance_interval")
SHARED = ("landmarks", "along")
FARTHEST = 1e12
"""Of a tolerance interval, in units of the source: beyond it the risk no longer depends on alpha."""


@dataclass(frozen=True, eq=False, repr=False)
class LowRankCurve(Curve):
    r"""The test risk with a correction of one rank, as a function of alpha.

    .. math:: E |y - (\alpha W_s + R_r) x|^2 = d \sigma^2 + E |\alpha W_s + R_r - W_t|_F^2

    It depends on alpha through :math:`(\alpha - \beta)^2`, and is least at beta.  The best alpha, gains and
    intervals are those of the risk; there are no classes, and no accuracy.  Curves come from
    ``LowRankTransfer.curve(rank)``.

    Examples
    --------
    >>> from rmt_alpha import LowRankTransfer
    >>> problem = LowRankTransfer(0.6, [3, 2, 1.5], 6.0, 1.0, n=500, p=200, d=150)
    >>> problem.curve(3)
    LowRankCurve(rank 3: risk 166 at alpha=0, 159 at 1, 153 at 0.6)
    >>> problem.curve(3).excess_risk([0, 0.6, 1]).round(2)
    array([15.92,  3.32,  8.92])
    """

    problem: LowRankTransfer
    """What was asked."""
    rank: int
    """Largest rank of the correction."""

    dps = None
    criteria: ClassVar[tuple[str, ...]] = ("risk",)
    infinite_alpha: ClassVar[bool] = False

    def excess_risk(self, alpha: ArrayLike) -> Real:
        """Squared distance to the target, the risk without the noise that no weights remove."""
        return self.problem.excess_risk(alpha, self.rank)

    def risk(self, alpha: ArrayLike) -> Real:
        """Test risk E|y - W x|^2, the noise of the test outputs included; alpha is finite."""
        return self.problem.d * self.problem.noise**2 + self.excess_risk(alpha)

    def optimum(self, criterion: str = "risk") -> Optimum:
        """The alpha of least risk, which is always finite."""
        best = self.optimal_alpha(criterion)
        return Optimum(best, self.risk(best), None, (best, best), True)

    def optimal_alpha(self, criterion: str = "risk") -> Real:
        """The alpha of least risk, beta; 1 if there is no source to be rescaled.

        At full rank without ridge every alpha is as good.
        """
        self._check_criterion(criterion)
        return self.problem.optimal_alpha()

    def gain(self, over: ArrayLike = 1.0) -> Real:
        """Risk that alpha* saves over ``over``: 1 is standard fine-tuning, 0 ignores the source."""
        return self.excess_risk(over) - self.excess_risk(self.optimal_alpha())

    def transfer_interval(self) -> tuple[Real, Real]:
        """The open interval of alpha with a smaller risk than alpha = 0; (0, 0) if there is none."""
        end = 2 * self.problem.beta if self._matters else 0.0
        return (end, 0.0) if end < 0 else (0.0, end)

    def tolerance_interval(self, tolerance: ArrayLike) -> tuple[Real, Real]:
        """The interval whose risk is at most (1 + tolerance) times the least; tolerance in (0, 1]."""
        allowed = np.asarray(base.check_tolerance(tolerance), float)
        best, widths = self.problem.beta, np.array([self._width(each) for each in allowed.flat])
        low, high = (best + side * widths.reshape(allowed.shape) for side in (-1, 1))
        return (float(low), float(high)) if allowed.ndim == 0 else (low, high)

    def along(self, direction: ArrayLike) -> LowRankCurve:
        """The curve of s with alpha = s * direction, a finite number."""
        factor, old = float(base.check_direction(direction, 1)[0]), self.problem
        if factor == 0:
            rest = float(np.hypot(old.rest, old.beta * old.source_norm))
            return replace(self, problem=replace(old, source_norm=0.0, rest=rest))
        norm = old.source_norm * abs(factor)
        return replace(self, problem=replace(old, beta=old.beta / factor, source_norm=norm))

    @property
    def _matters(self) -> bool:
        """Whether alpha does: a full correction without ridge rescales the source by itself."""
        problem = self.problem
        rank = min(problem.largest_rank, problem.n)
        free = self.rank >= rank and problem.gamma == 0 and problem.n > problem.p
        return problem.source_norm > 0 and not free

    def _width(self, tolerance: float) -> float:
        """Distance from alpha* at which the risk is (1 + tolerance) times the least."""
        if not self._matters:
            return float(np.inf)
        best = self.problem.beta
        level = (1 + tolerance) * float(self.risk(best))
        unit = np.sqrt(level) / self.problem.source_norm

        def above(log_width: float) -> float:
            return float(np.log(self.risk(best + unit * np.exp(log_width)) / level))

        end = np.log(FARTHEST)
        if above(end) < 0:
            return float(np.inf)
        return float(unit * np.exp(optimize.brentq(above, -end, end, xtol=1e-14)))

    def _refusals(self) -> Mapping[str, str]:
        reason = "a regression has no classes: ask for the risk, whose gain and intervals are known"
        own = ("excess_risk", *ANSWERED, *SHARED)
        return dict.fromkeys((name for name in QUESTIONS if name not in own), reason)

    def _summary(self) -> str:
        alphas: tuple[float, ...] = (0.0, 1.0, self.problem.optimal_alpha())
        risks = self.risk(np.array(alphas))
        return f"rank {self.rank}: {base.summary('risk', list(zip(alphas, risks, strict=True)))}"  # type: ignore[arg-type]


def low_rank_curve(problem: LowRankTransfer, rank: int) -> LowRankCurve:
    """See `LowRankTransfer.curve`."""
    checked = problem.check_rank(rank)
    if checked.ndim:
        raise TypeError(f"rank must be one whole number here, got {rank!r}; excess_risk takes an array")
    return LowRankCurve(problem, int(checked))


def risks_of_ranks(problem: LowRankTransfer, alpha: float) -> FloatArray:
    """The excess risk of all ranks, from 0 to min(d, p)."""
    return np.asarray(problem.excess_risk(alpha, np.arange(problem.largest_rank + 1)))
