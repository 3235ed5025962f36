"""Error bars of ridge regression: one covariance, no classes, Gaussian noise in the outputs."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from rmt_alpha._core.types import Array
from rmt_alpha.problems.regression import RidgeRegressionTransfer
from rmt_alpha.theory.error_bars.kernel import Kernel
from rmt_alpha.theory.error_bars.pairs import Overlaps, Trained
from rmt_alpha.theory.error_bars.squared import SampleCells, SquaredAnswer, SquaredFit
from rmt_alpha.theory.ridge.spectrum import Spectrum

NODES = np.array([0.0, 1.0, -1.0])


@dataclass(frozen=True, eq=False)
class RegressionSpread:
    """Covariance over draws of the data of the coefficients of the risk, a parabola in alpha."""

    problem: RidgeRegressionTransfer
    model: Spectrum
    unit: float
    """A natural size of alpha."""
    factor: float = 1.0
    """alpha is this times the argument."""

    def along(self, factor: float) -> RegressionSpread:
        """For alpha = s * factor."""
        return replace(self, factor=self.factor * factor, unit=self.unit / (abs(factor) or 1.0))

    @cached_property
    def coefficients(self) -> Array:
        """Covariance of the coefficients of 1, x, x^2 with x = alpha / unit, (3, 3)."""
        problem, basis = self.problem, self.model.basis
        target, source = (
            np.atleast_2d(basis.coordinates(w)) for w in (problem.coef_target, problem.coef_source)
        )
        outputs, p = target.shape
        ridge = problem.ridge
        k = float(ridge.kappa_max)
        kernel = Kernel.of_model(self.model, np.ones(1), k, float(problem.n))
        alphas = NODES * self.unit * self.factor
        errors = kernel.damped(k * (alphas[:, None, None] * source - target))
        noise = np.diag(np.broadcast_to(problem.noise, (outputs,)) ** 2)
        none, unused = np.zeros((0, p)), np.zeros(0)
        cells = SampleCells(
            none, unused, unused.astype(int), unused.astype(int), unused, np.zeros((0, outputs))
        )
        trained = Trained(kernel, errors, np.zeros((len(NODES), 0)), ())
        fit = SquaredFit(trained, cells, np.ones(1), np.zeros((len(NODES), 0, outputs)), noise, False)
        risk = Overlaps(
            np.zeros((1, outputs, p)), np.zeros((1, outputs)), np.ones((1, 1)), 2 * np.eye(outputs)[None]
        )
        covariance = SquaredAnswer.of(fit, risk).covariance("fixed") / float(problem.n)
        inverse = np.linalg.inv(np.vander(NODES, 3, increasing=True))
        return np.asarray(inverse @ covariance @ inverse.T)

    def std(self, alphas: Array) -> Array:
        """Of the risk."""
        powers = (alphas / self.unit)[..., None] ** np.arange(3)
        return np.asarray(np.sqrt(np.maximum(((powers @ self.coefficients) * powers).sum(axis=-1), 0.0)))

    def optimum_std(self, best: float, curvature: float) -> float:
        """Of the alpha of least risk: a zero of the derivative, whose slope is 2 ``curvature``."""
        slope = np.array([0.0, 1.0, 2 * best / self.unit]) / self.unit
        variance = float(slope @ self.coefficients @ slope)
        return math.sqrt(max(variance, 0.0)) / (2 * curvature)
