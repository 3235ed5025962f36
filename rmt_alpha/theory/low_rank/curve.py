"""`LowRankCurve`: the risk of fine-tuning with a correction of low rank, as a function of alpha."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize

from rmt_alpha._core.types import BoolArray, FloatArray, Real
from rmt_alpha.problems.low_rank import LowRankTransfer
from rmt_alpha.theory import curve as base
from rmt_alpha.theory.curve import QUESTIONS, Curve, Optimum

ANSWERED = ("risk", "optimum", "optimal_alpha", "gain", "transfer_interval", "tolerance_interval")
SHARED = ("landmarks", "along")
DISTANCES = np.concatenate([[0.0], np.geomspace(1e-3, 1e6, 46)])
"""Distances of alpha from beta at which the risk is compared first, in units of `noise_level`."""
FLAT = 1e-9
"""Relative differences of risks that are numerical error."""


@dataclass(frozen=True, eq=False, repr=False)
class LowRankCurve(Curve):
    r"""The test risk with a correction of one rank, as a function of alpha.

    .. math:: E |y - (\alpha W_s + R_r) x|^2 = d \sigma^2 + E |\alpha W_s + R_r - W_t|_F^2

    It depends on alpha through :math:`(\alpha - \beta)^2`, and is least at beta, unless the rank is so high
    and samples so few that what alpha leaves of the source helps to tell the larger from the smaller singular
    values of the noise: then two alphas are best, one on each side of beta, and the one nearer to 1 is given.
    The best alpha, gains and intervals are those of the risk; there are no classes, and no accuracy.  Curves
    come from ``LowRankTransfer.curve(rank)``.

    Examples
    --------
    >>> from rmt_alpha import LowRankTransfer
    >>> problem = LowRankTransfer(0.6, [3, 2, 1.5], 6.0, 1.0, n=500, p=200, d=150)
    >>> problem.curve(3)
    LowRankCurve(rank 3: risk 166 at alpha=0, 159 at 1, 153 at 0.6)
    >>> problem.curve(3).excess_risk([0, 0.6, 1]).round(2)
    array([15.93,  3.33,  8.93])
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
        """The alpha of least risk, beta at all but the highest ranks.

        At full rank without ridge every alpha is as good.  Without a source to be rescaled it is 1.
        """
        self._check_criterion(criterion)
        return self._best

    def gain(self, over: ArrayLike = 1.0) -> Real:
        """Risk that alpha* saves over ``over``: 1 is standard fine-tuning, 0 ignores the source."""
        return self.excess_risk(over) - self.excess_risk(self.optimal_alpha())

    def transfer_interval(self) -> tuple[Real, Real]:
        """The open interval of alpha around alpha* with a smaller risk than alpha = 0; (0, 0) if none has."""
        if not self._matters or not float(self.gain(0.0)) > 0:
            return 0.0, 0.0
        low, high = self._interval(float(self.risk(0.0)))
        # The risk passes its value at 0 exactly there.
        return (0.0 if abs(low) < 1e-9 * abs(high) else low), (0.0 if abs(high) < 1e-9 * abs(low) else high)

    def tolerance_interval(self, tolerance: ArrayLike) -> tuple[Real, Real]:
        """The interval around alpha* whose risk is at most (1 + tolerance) times the least, in (0, 1]."""
        allowed = np.asarray(base.check_tolerance(tolerance), float)
        least = float(self.risk(self._best))
        ends = [self._interval((1 + each) * least) for each in allowed.flat]
        low, high = np.array(ends).reshape(*allowed.shape, 2).T
        return (float(low), float(high)) if allowed.ndim == 0 else (low.T, high.T)

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
        free = self.rank == problem.largest_rank and problem.gamma == 0 and problem.n > problem.p
        return problem.source_norm > 0 and not free

    @cached_property
    def _best(self) -> float:
        if not self._matters:
            return default_alpha(self.problem)
        return best_alpha(self.problem, self.rank, self._risks)

    @cached_property
    def _risks(self) -> FloatArray:
        """The excess risk at `DISTANCES` from beta."""
        alphas = self.problem.beta + noise_level(self.problem) * DISTANCES
        return np.asarray(self.excess_risk(alphas))

    def _interval(self, level: float) -> tuple[float, float]:
        """The largest interval around alpha* where the risk is at most ``level``."""
        if not self._matters:
            return -np.inf, np.inf
        best, unit = self._best, noise_level(self.problem)
        alphas = self.problem.beta + unit * np.concatenate([-DISTANCES[:0:-1], DISTANCES])
        floor = self.problem.d * self.problem.noise**2
        above = np.concatenate([self._risks[:0:-1], self._risks]) > level - floor

        def excess(alpha: float) -> float:
            return float(self.risk(alpha)) - level

        def end(beyond: BoolArray, side: int) -> float:
            outside = alphas[beyond & above][::side]
            if not outside.size:
                return float(side * np.inf)
            between = alphas[beyond & ~above & (side * alphas < side * outside[0])][::side]
            inner = between[-1] if between.size else best
            return (
                float(optimize.brentq(excess, inner, outside[0], xtol=1e-15)) if excess(inner) < 0 else inner
            )

        return end(alphas < best, -1), end(alphas > best, 1)

    def _refusals(self) -> Mapping[str, str]:
        reason = "a regression has no classes: ask for the risk, whose gain and intervals are known"
        own = ("excess_risk", *ANSWERED, *SHARED)
        found = dict.fromkeys((name for name in QUESTIONS if name not in own), reason)
        spread = "the spread over draws is not derived for corrections of low rank: simulate"
        return found | dict.fromkeys(("risk_std", "optimal_alpha_std"), spread)

    def _summary(self) -> str:
        alphas: tuple[float, ...] = (0.0, 1.0, self._best)
        risks = self.risk(np.array(alphas))
        return f"rank {self.rank}: {base.summary('risk', list(zip(alphas, risks, strict=True)))}"  # type: ignore[arg-type]


def low_rank_curve(problem: LowRankTransfer, rank: int) -> LowRankCurve:
    """See `LowRankTransfer.curve`."""
    checked = problem.check_rank(rank)
    if checked.ndim:
        raise TypeError(f"rank must be one whole number here, got {rank!r}; excess_risk takes an array")
    return LowRankCurve(problem, int(checked))


def default_alpha(problem: LowRankTransfer) -> float:
    """beta; 1 if there is no source to be rescaled."""
    return problem.beta if problem.source_norm > 0 else 1.0


def noise_level(problem: LowRankTransfer) -> float:
    """Distance of alpha from beta at which what is left of the source is as large as the noise."""
    if problem.source_norm == 0:
        return 1.0
    return float(problem.noise * np.sqrt(problem.d * problem.p / problem.n) / problem.source_norm)


def best_alpha(problem: LowRankTransfer, rank: int, risks: FloatArray) -> float:
    """The alpha of least risk: beta, or of two beside it the one nearer to 1.  ``risks`` at `DISTANCES`."""
    best = int(np.argmin(risks))
    if best == 0:
        return problem.beta

    def risk(distance: float) -> float:
        return float(problem.excess_risk(problem.beta + noise_level(problem) * distance, rank))

    around = DISTANCES[max(best - 1, 0)], DISTANCES[min(best + 1, DISTANCES.size - 1)]
    found = optimize.minimize_scalar(
        risk, bounds=around, method="bounded", options={"xatol": 1e-9 * around[1]}
    )
    if not found.fun < risks[0] * (1 - FLAT):
        return problem.beta
    side = 1.0 if problem.beta <= 1 else -1.0
    return float(problem.beta + side * noise_level(problem) * found.x)


def best_rank(problem: LowRankTransfer, alpha: float | None) -> int:
    """See `LowRankTransfer.optimal_rank`."""
    alphas = problem.beta + noise_level(problem) * DISTANCES if alpha is None else np.array([alpha])
    risks = problem.excess_risk(alphas[:, None], np.arange(problem.largest_rank + 1))
    return int(np.argmin(np.asarray(risks).min(axis=0)))
