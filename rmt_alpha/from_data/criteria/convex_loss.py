"""The criteria of a convex fit: sums over samples of log-losses, left out or by the evidence."""

from __future__ import annotations

import numpy as np

from rmt_alpha._core.alphas import as_point
from rmt_alpha._core.types import FloatArray
from rmt_alpha.from_data.convex.path import ConvexFit, ConvexPath
from rmt_alpha.from_data.convex.solution import ConvexSolution
from rmt_alpha.from_data.criteria.base import Choice, accuracy_covariance
from rmt_alpha.from_data.criteria.convex_search import ConvexCriterion, Local
from rmt_alpha.from_data.zero_one import StepFunction, nearest_best, zero_one_path


class LooLogLoss(ConvexCriterion):
    """Least leave-one-out log-loss."""

    name = "loo_log_loss"

    def local(self, fit: ConvexFit, solution: ConvexSolution) -> Local:
        """The sum, its exact slope, and the curvature that it has if the outputs are affine in alpha."""
        slopes, bends = self.pulls(fit, solution)
        counts = fit.path.design.samples.mass
        return Local(self.value(fit, solution), counts @ slopes, np.tensordot(counts, bends, 1))

    def value(self, fit: ConvexFit, solution: ConvexSolution) -> float:
        """The sum."""
        return float(fit.path.design.samples.mass @ fit.path.loss.value(solution.left_out))

    def unit(self, path: ConvexPath) -> float:
        """Of a mean."""
        return 1.0 / path.design.total

    def score(self, fit: ConvexFit, solution: ConvexSolution) -> float:
        """Minus the mean."""
        return -self.value(fit, solution) / fit.path.design.total

    def pulls(self, fit: ConvexFit, solution: ConvexSolution) -> tuple[FloatArray, FloatArray]:
        """The loss at the outputs left out, which are kept as they are when another sample is left out."""
        loss, moved = fit.path.loss, solution.left_out_tangents
        slopes = np.einsum("ia,kia->ik", loss.gradient(solution.left_out), moved)
        bent = loss.product(solution.left_out)(moved)
        return slopes, np.einsum("jia,kia->ijk", moved, bent)


class LaplaceEvidence(ConvexCriterion):
    """Largest marginal likelihood, by Laplace's approximation."""

    name = "evidence"

    def local(self, fit: ConvexFit, solution: ConvexSolution) -> Local:
        """Minus the logarithm, its slope, and the curvature of the fit (without that of the volume)."""
        design, minimum = fit.path.design, solution.minimum
        slope = np.einsum("i,ia,kia->k", design.samples.mass, minimum.gradient, solution.scores)
        moved = solution.product(solution.tangents)
        curvature = np.einsum("i,jia,kia->jk", design.samples.mass, solution.scores, moved)
        slope = slope + solution.volume_gradient
        return Local(self.value(fit, solution), slope, (curvature + curvature.T) / 2)

    def value(self, fit: ConvexFit, solution: ConvexSolution) -> float:
        """n times the objective, plus half the log determinant of its Hessian, up to a constant."""
        return fit.path.design.total * solution.minimum.value + solution.curvature.volume

    def pulls(self, fit: ConvexFit, solution: ConvexSolution) -> tuple[FloatArray, FloatArray]:
        """Leaving out a sample moves the slope by its tangent times its slope where it is left out."""
        return solution.pulls


class ConvexConsensus(ConvexCriterion):
    """Least mean of minus the log evidence and the sum of leave-one-out log-losses.

    Both are log-losses of predicting the n labels: the evidence of predicting each from those before it, none
    at first; leaving one out, each from all the others.
    """

    name = "consensus"
    parts = (LaplaceEvidence(), LooLogLoss())

    def local(self, fit: ConvexFit, solution: ConvexSolution) -> Local:
        """The mean, its slope, and the mean curvature."""
        one, two = (part.local(fit, solution) for part in self.parts)
        slope, curvature = (one.slope + two.slope) / 2, (one.curvature + two.curvature) / 2
        return Local((one.value + two.value) / 2, slope, curvature)

    def value(self, fit: ConvexFit, solution: ConvexSolution) -> float:
        """The mean."""
        return sum(part.value(fit, solution) for part in self.parts) / 2

    def pulls(self, fit: ConvexFit, solution: ConvexSolution) -> tuple[FloatArray, FloatArray]:
        """Means of those of the parts."""
        (slopes, bends), (others, more) = (part.pulls(fit, solution) for part in self.parts)
        return (slopes + others) / 2, (bends + more) / 2


class ConvexLooAccuracy(LooLogLoss):
    """Largest leave-one-out accuracy.

    The lines that touch the leave-one-out scores where the log-loss is least give the accuracy along the
    line from 0 through that alpha.  The nearest best alpha between nothing and twice it is tried, and kept
    if it is better.
    """

    name = "loo_accuracy"

    def choose(self, fit: ConvexFit, point: FloatArray | None = None) -> Choice:
        """See the class; between equal accuracies the smaller log-loss wins."""
        alpha = self.search(fit) if point is None else point[1:]
        best = self._choice(fit, alpha)
        if point is None and alpha.any():
            where = nearest_best(_between(zero_one_path(fit.leave_one_out(alpha), alpha), 0.0, 2.0), 1.0)
            if np.isfinite(where) and where != 1.0:
                other = self._choice(fit, where * alpha)
                best = max(best, other, key=lambda one: (one.score, one.tie))
        return best

    def _choice(self, fit: ConvexFit, alpha: FloatArray) -> Choice:
        solution = fit.solve(alpha)
        accuracy = fit.leave_one_out(alpha).accuracy(as_point(alpha))
        return Choice(fit.gamma, as_point(alpha), accuracy, -self.value(fit, solution))

    def covariance(self, fit: ConvexFit, point: FloatArray) -> FloatArray:
        """From the alphas that are not worse by more than one paired standard error."""
        alpha = point[1:]
        some = bool(alpha.any())
        along = alpha if some else np.ones_like(alpha)
        return accuracy_covariance(fit.leave_one_out(alpha), along, 1.0 if some else 0.0)


def _between(path: StepFunction, low: float, high: float) -> StepFunction:
    """The part of a step function between two ends, continued by its last values."""
    inside = (path.breakpoints > low) & (path.breakpoints < high)
    first = int(np.searchsorted(path.breakpoints, low, side="right"))
    values = path.values[first : first + int(inside.sum()) + 1]
    return StepFunction(path.breakpoints[inside], values, path.at_breakpoints[inside])
