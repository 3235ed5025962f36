r"""`RegressionCurve`: the risk of multi-output ridge regression from a rescaled source.

With Q = (X X^T/n + gamma I)^-1 the error of the fit is

    W_alpha - W_t = -gamma (W_t - alpha W_s) Q + (E X^T/n) Q,       E the noise,

a part that the prior missed and a part that is noise, uncorrelated because the noise has mean 0.  So the risk
is a constant plus a quadratic form of W_t - alpha W_s, at every size: a parabola in alpha.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from rmt_alpha._core import arithmetic
from rmt_alpha._core.alphas import FINITE
from rmt_alpha._core.arithmetic import MP_ARRAY
from rmt_alpha._core.checks import as_real, check_choice, check_dps, check_range
from rmt_alpha._core.types import Array, Real
from rmt_alpha.problems.regression import RidgeRegressionTransfer
from rmt_alpha.theory import curve as base
from rmt_alpha.theory.curve import QUESTIONS, Curve, Optimum
from rmt_alpha.theory.error_bars.regression import RegressionSpread
from rmt_alpha.theory.ridge.covariance_model import covariance_model
from rmt_alpha.theory.ridge.mixture import MixtureRidge, fit_ridge
from rmt_alpha.theory.ridge.spectrum import Spectrum

ANSWERED = (
    *("risk", "optimum", "optimal_alpha", "gain", "transfer_interval", "tolerance_interval"),
    *("risk_std", "optimal_alpha_std"),
)
SHARED = ("landmarks", "along")


@dataclass(frozen=True, eq=False, repr=False)
class RegressionCurve(Curve):
    r"""The test risk of multi-output ridge regression as a function of alpha.

    .. math:: E |y - W_\alpha x|^2 = r^* + c\,(\alpha - \alpha^*)^2

    The best alpha, gains and intervals are those of the risk; there are no classes, and no accuracy.  Curves
    come from ``RidgeRegressionTransfer.curve()``.

    Examples
    --------
    >>> from rmt_alpha import RidgeRegressionTransfer
    >>> curve = RidgeRegressionTransfer(
    ...     None, [2.0, 1.0], [1.0, 0.0], 0.5, n=4, gamma=0.1
    ... ).curve()
    >>> curve
    RegressionCurve(risk 0.565 at alpha=0, 0.461 at 1, 0.427 at 2)
    >>> [round(end, 2) for end in curve.tolerance_interval(0.1)]
    [0.89, 3.11]
    """

    best: float
    """The alpha of least risk."""
    floor: float
    """The least risk, the noise of the test outputs included."""
    curvature: float
    """c, 0 if the source has no influence."""
    dps: int | None = None
    """Decimal digits in high precision, None for float64."""
    fluctuations: Callable[[], RegressionSpread] | None = None
    """Makes what finite-size error bars are computed from."""

    criteria: ClassVar[tuple[str, ...]] = ("risk",)
    infinite_alpha: ClassVar[bool] = False

    def risk(self, alpha: ArrayLike) -> Real:
        """Test risk E|y - W_alpha x|^2, the noise of the test outputs included; alpha is finite."""
        with arithmetic.working_precision(self.dps):
            exact = self.dps is not None
            value = arithmetic.exact_numbers("alpha", alpha) if exact else as_real("alpha", alpha)
            check_range("alpha", value, FINITE)
            if self._overflows:
                raise ValueError(
                    "the risk of weights so large overflows float64: rescale coef_target and coef_source, or "
                    "use dps"
                )
            # Around the minimum: no difference of large numbers.
            risk = self.floor + self.curvature * (value - self.best) ** 2
            return self._result(risk)

    def optimum(self, criterion: str = "risk") -> Optimum:
        """The alpha of least risk, which is always finite."""
        best = self.optimal_alpha(criterion)
        return Optimum(best, self._result(self.floor), None, (best, best), True)

    def optimal_alpha(self, criterion: str = "risk") -> Real:
        """The alpha of least risk; 0 if the source weights have no influence at all."""
        self._check_criterion(criterion)
        return self._result(self.best)

    def gain(self, over: ArrayLike = 1.0) -> Real:
        """Risk that alpha* saves over ``over``: 1 is standard fine-tuning, 0 ignores the source."""
        return self.risk(over) - self.risk(self.optimal_alpha())

    def transfer_interval(self) -> tuple[Real, Real]:
        """The open interval of alpha with a smaller risk than alpha = 0; (0, 0) if there is none."""
        with arithmetic.working_precision(self.dps):
            end = self._result(2 * self.best if self.curvature > 0 else 0 * self.best)
        return (end, 0.0) if end < 0 else (0.0, end)

    def tolerance_interval(self, tolerance: ArrayLike) -> tuple[Real, Real]:
        """The interval whose risk is at most (1 + tolerance) times the least; tolerance in (0, 1]."""
        allowed = base.check_tolerance(tolerance)
        with arithmetic.working_precision(self.dps):
            ops = arithmetic.arithmetic_of((allowed,), self.dps)
            width = ops.sqrt(ops.ratio(ops.number(allowed) * self.floor, self.curvature + 0 * allowed))
            if self.curvature == 0:
                width = width + ops.number(np.inf)
            return self._result(self.best - width), self._result(self.best + width)

    def along(self, direction: ArrayLike) -> RegressionCurve:
        """The curve of s with alpha = s * direction, a finite number."""
        factor: Any = base.check_direction(direction, 1)[0]
        with arithmetic.working_precision(self.dps):
            if self.dps is not None:
                factor = arithmetic.to_mpf(factor)
            if factor == 0:
                floor = self.floor + self.curvature * self.best**2
                moved = replace(self, best=0 * self.best, floor=floor, curvature=0 * self.curvature)
            else:
                moved = replace(self, best=self.best / factor, curvature=self.curvature * factor**2)
        spread = self.fluctuations and partial(_fluctuations_along, self.fluctuations, float(factor))
        return replace(moved, fluctuations=spread)

    def optimal_alpha_std(self, criterion: str = "risk", *, class_counts: str = "fixed") -> Real:
        """Standard deviation, over draws of the training data, of the alpha of least risk for the draw.

        0 if the source weights have no influence at all.  ``class_counts`` has no meaning here.
        """
        self._check("optimal_alpha_std")
        self._check_criterion(criterion)
        check_choice("class_counts", class_counts, base.CLASS_COUNTS)
        assert self._spread is not None
        return self._spread.optimum_std(self.best, self.curvature) if self.curvature > 0 else 0.0

    def _error_bar(self, quantity: str, alpha: ArrayLike, class_counts: str) -> Real:
        self._check(f"{quantity}_std")
        check_choice("class_counts", class_counts, base.CLASS_COUNTS)
        check_range("alpha", values := as_real("alpha", alpha), FINITE)
        assert self._spread is not None
        return self._result(self._spread.std(np.asarray(values, float)))

    @cached_property
    def _spread(self) -> RegressionSpread | None:
        return self.fluctuations and self.fluctuations()

    def _refusals(self) -> Mapping[str, str]:
        reason = "a regression has no classes: ask for the risk, whose gain and intervals are known"
        found = dict.fromkeys((name for name in QUESTIONS if name not in (*ANSWERED, *SHARED)), reason)
        if self.fluctuations is None or self._overflows:
            reason = (
                "finite-size error bars are computed in float64: use curve() without dps, and weights whose "
                "squares do not overflow"
            )
            found |= dict.fromkeys(("risk_std", "optimal_alpha_std"), reason)
        return found

    @property
    def _overflows(self) -> bool:
        """Whether the weights are so large that their squares have no float64."""
        return self.dps is None and not np.isfinite(self.floor + self.curvature)

    def _summary(self) -> str:
        if self._overflows:
            return f"least at alpha={float(self.best):.3g}"
        alphas: tuple[Any, ...] = (0.0, 1.0, self.optimal_alpha())
        return base.summary("risk", [(alpha, self.risk(alpha)) for alpha in alphas])


def regression_ridge(problem: RidgeRegressionTransfer) -> MixtureRidge:
    """See `RidgeRegressionTransfer.ridge`."""
    return fit_ridge(_model(problem), problem.n, problem.gamma)


def regression_curve(problem: RidgeRegressionTransfer, dps: int | None = None) -> RegressionCurve:
    """See `RidgeRegressionTransfer.curve`."""
    dps = check_dps(dps)
    model = _model(problem)
    # Squares of huge weights overflow; the best alpha does not need them.
    with arithmetic.working_precision(dps), np.errstate(over="ignore"):
        rows = [np.atleast_2d(model.basis.coordinates(w)) for w in (problem.coef_target, problem.coef_source)]
        noise: Array = np.broadcast_to(problem.noise, (len(rows[0]),))
        if dps is None:
            ridge = problem.ridge
        else:
            rows = [MP_ARRAY.number(w) for w in rows]
            noise = MP_ARRAY.number(noise)
            n, gamma = arithmetic.to_mpf(problem.n), arithmetic.to_mpf(problem.gamma)
            ridge = fit_ridge(model.exact(), n, gamma)
        target, source = rows
        scale = abs(source).max()
        unit = source / (scale if scale > 0 else 1)
        moved = ridge.resolvent.apply(unit)
        inner = _trace_form(ridge, ridge.resolvent.apply(target), moved)
        length = _trace_form(ridge, moved, moved)
        best = inner / length if length > 0 else 0 * length
        missed = ridge.resolvent.apply(target - best * unit)
        variance = (noise * noise).sum()
        inflation, k = ridge.inflation[0, 0], ridge.kappa_max
        floor = inflation * (variance + k * k * _trace_form(ridge, missed, missed))
        curvature = inflation * k * k * length * scale * scale
        best = best / (scale if scale > 0 else 1)
        unit = float(abs(target).max() / scale) if dps is None and scale > 0 else 1.0
        spread = partial(RegressionSpread, problem, model, unit or 1.0) if dps is None else None
        return RegressionCurve(best, floor, curvature, dps, spread)


def _fluctuations_along(fluctuations: Callable[[], RegressionSpread], factor: float) -> RegressionSpread:
    return fluctuations().along(factor)


def _model(problem: RidgeRegressionTransfer) -> Spectrum:
    """Spectrum and eigenvectors of the covariance."""
    model = covariance_model((problem.covariance,), np.zeros(1, int), np.ones(1), problem.p)
    assert isinstance(model, Spectrum)  # one covariance commutes with itself
    return model


def _trace_form(ridge: MixtureRidge, left: Array, right: Array) -> Any:
    """tr(left C right^T)."""
    spectrum = ridge.resolvent.spectrum  # type: ignore[union-attr]
    return (left * spectrum.values[0] * right).sum()
