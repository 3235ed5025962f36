"""Least leave-one-out log-loss at the best scale: probabilities from squared loss."""

from __future__ import annotations

import numpy as np

from rmt_alpha._core.alphas import normalised
from rmt_alpha._core.types import FloatArray
from rmt_alpha.from_data.calibration import LogLoss, log_loss
from rmt_alpha.from_data.criteria.base import Choice, SmoothCriterion
from rmt_alpha.from_data.leave_one_out import solve_scaled
from rmt_alpha.from_data.ridge_path import RidgeFit


class ScaledLogLoss(SmoothCriterion):
    r"""Least log-loss of scale times leave-one-out scores, in scale, alpha and ridge.

    .. math:: \min_{s, \beta} \sum_i c_i\, \ell(y_i, s A_i + \beta \cdot B_i) , \qquad \alpha = \beta / s

    A convex problem of 1 + k numbers at each ridge, by Newton's method; softmax for more than two classes.
    """

    name = "loo_log_loss"

    def best(self, fit: RidgeFit) -> FloatArray:
        """(s, beta); where a negative s would be best, the best of s = 0, which is alpha at infinity."""
        return _best(log_loss(fit.leave_one_out))

    def score(self, fit: RidgeFit, point: FloatArray) -> float:
        """Minus the mean log-loss at the best scale, 0 or more."""
        loss = log_loss(fit.leave_one_out)
        along = LogLoss(np.einsum("iak,a->ik", loss.lines, point)[:, None], loss.targets, loss.mass)
        return -along.value(np.maximum(along.minimum, 0.0)) / float(loss.mass.sum())

    def choose(self, fit: RidgeFit, point: FloatArray | None = None) -> Choice:
        """The choice at one ridge: the best point comes with its scale."""
        if point is not None:
            return super().choose(fit, point)
        best = _best(loss := log_loss(fit.leave_one_out))
        return Choice(fit.gamma, normalised(best), -loss.value(best) / float(loss.mass.sum()))

    def replicates(self, fit: RidgeFit) -> FloatArray:
        """One Newton step to the best point without the line of one sample; the other lines are kept."""
        loss, samples = log_loss(fit.leave_one_out), fit.path.design.samples
        best = _best(loss)
        share = samples.removed / samples.mass
        slopes, bends = (
            (share * (loss.mass * one.T).reshape(*one.T.shape[:-1], len(share), -1).sum(axis=-1)).T
            for one in loss.slopes(best)
        )
        total = np.tensordot(loss.mass, loss.slopes(best)[1], 1)
        return best + solve_scaled(total - bends, slopes)


def _best(loss: LogLoss) -> FloatArray:
    z = loss.minimum
    if z[0] > 0:
        return z
    return np.concatenate([[0.0], LogLoss(loss.lines[:, 1:], loss.targets, loss.mass).minimum])
