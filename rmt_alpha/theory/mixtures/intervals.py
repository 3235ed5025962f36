"""Where accuracy passes a level as alpha moves: intervals of one scalar alpha on a mixture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mpmath
import numpy as np
from scipy import optimize

from rmt_alpha._core import arithmetic
from rmt_alpha._core.checks import as_real, check_range
from rmt_alpha.theory.isotropic.curve import LOSS, AlphaCurve
from rmt_alpha.theory.mixtures.optimum import has_one_margin

if TYPE_CHECKING:
    from rmt_alpha.theory.mixtures.curve import MixtureCurve

Array = np.ndarray[Any, Any]

STEPS = {True: 2000, False: 60}
"""Angles at which accuracy is compared with the level: many where it has a closed form."""


def neutral_alpha(curve: MixtureCurve) -> Any:
    """Zero of the common margin."""
    _check_scalar(curve)
    common = one_margin(curve)
    if common is None:
        raise ValueError(
            "neutral_alpha exists where both classes share one margin (symmetric classes); here they do "
            "not, and are guessed at different alphas: see class_accuracy"
        )
    return common.neutral_alpha


def transfer_interval(curve: MixtureCurve) -> tuple[Any, Any]:
    """Where accuracy exceeds its value at alpha = 0, around alpha*."""
    _check_scalar(curve)
    best = curve.optimum()
    common = one_margin(curve)
    if common is not None and (best.finite or curve.strength == 0):
        return common.transfer_interval
    alone = curve._class_accuracy(curve._direction(0.0))[0] @ curve.priors
    if best.alpha == 0:
        return 0.0, 0.0
    if not best.value > alone:  # rounding hides what alpha* gains
        return (best.alpha, 0.0) if best.alpha < 0 else (0.0, best.alpha)
    low, high = _level_interval(curve, alone)
    # Accuracy passes its value at 0 exactly there.
    return (0.0 if abs(low) < 1e-9 * abs(high) else low), (0.0 if abs(high) < 1e-9 * abs(low) else high)


def tolerance_interval(curve: MixtureCurve, loss: Any) -> tuple[Any, Any]:
    """Where accuracy is within ``loss`` of the best, around alpha*."""
    _check_scalar(curve)
    check_range("loss", loss := as_real("loss", loss), LOSS)
    if isinstance(loss, np.ndarray):
        raise TypeError(f"loss must be one number, got an array of shape {loss.shape}")
    best = curve.optimum()
    common = one_margin(curve)
    if common is not None and best.finite:
        return common.tolerance_interval(loss)
    if curve.strength == 0:
        return -np.inf, np.inf
    return _level_interval(curve, best.value - loss)


def one_margin(curve: MixtureCurve) -> AlphaCurve | None:
    """The isotropic kind of curve, with the same mean and variance in both classes, if this is one."""
    if not has_one_margin(curve):
        return None
    zero = 0 * curve.unit
    mean = (curve.contrast_lines[0, 0] + curve.contrast_lines[1, 0]) / 2
    terms = tuple((row[0], row[1]) for row in curve.contrast_rows[0, :, 0])
    ops = arithmetic.FLOAT if curve.dps is None else arithmetic.MP
    line = mean[0], mean[1]
    return AlphaCurve(curve.strength, line, zero, terms, lambda: (zero, ()), ops, curve.dps)


def _check_scalar(curve: MixtureCurve) -> None:
    if curve.sources > 1 or not curve.single:
        raise ValueError(
            f"intervals of alpha exist for one scalar alpha, here it has {curve.sources} components: use "
            "along(direction), the curve of their common factor"
        )


def _level_interval(curve: MixtureCurve, level: Any) -> tuple[Any, Any]:
    """The ends of the interval around alpha* with accuracy >= level, by angle: alpha = scale tan(angle)."""
    best = curve.optimum()
    rows = curve.contrast_rows.astype(float)
    size = np.sqrt((rows**2).sum(axis=(0, 1, 2)))
    scale = float(size[0] / size[1]) / float(curve.strength)
    center = np.arctan(float(best.alpha) / scale)

    def excess(angle: Any) -> Any:
        return np.asarray(curve.accuracy(scale * np.tan(angle)), float) - float(level)

    def end(side: float) -> Any:
        angles = np.linspace(center, side * np.pi / 2, STEPS[curve.contrast_lines.shape[1] == 1])
        values = excess(angles[1:-1])
        below = np.flatnonzero(values < 0)
        if not len(below):
            return side * np.inf
        first = int(below[0]) + 1
        inner, outer = angles[first - 1], angles[first]
        # At the best alpha itself rounding may leave nothing of a level that is hardly below it.
        angle = optimize.brentq(excess, inner, outer, xtol=1e-15) if excess(inner) > 0 else inner
        return _polished(curve, level, scale * np.tan(angle))

    return end(-1.0), end(1.0)


def _polished(curve: MixtureCurve, level: Any, alpha: float) -> Any:
    if curve.dps is None:
        return float(alpha)
    root = mpmath.findroot(
        lambda x: curve.accuracy(x) - level, (alpha, alpha * (1 + 1e-9) + 1e-12), verify=False
    )
    return arithmetic.rounded(root, curve.dps)
