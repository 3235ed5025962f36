r"""Log-loss of leave-one-out scores, as a function of their scale: probabilities from squared loss.

With scores f of K classes the probabilities are softmax(s f), of two classes the logistic function of s f.
Dempster, Webb and Schmidt (arXiv 2401.15610) choose the scale s by the log-loss of the exact leave-one-out
scores.  With alpha, scores are A + alpha B, and s (A + alpha B) = s A + beta B: the best scale and the best
alpha together are a logistic regression on the lines (A, B), a convex problem in z = (s, beta).

A few samples may all be right, and no scale would then be large enough.  So labels are only nearly sure: each
sample has its class with probability 1 - epsilon, epsilon = 1/(2 (n + 1)), the posterior mean of the error
rate when n of n are right, under Jeffreys' prior Beta(1/2, 1/2).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import optimize

from rmt_alpha._core.types import FloatArray
from rmt_alpha.from_data.leave_one_out import LeaveOneOut, solve_scaled

PRECISION = 1e-12
"""A search ends when the sum of the log-losses would fall by less than this."""
STEPS = 100


@dataclass(frozen=True, eq=False)
class LogLoss:
    """Log-loss as a function of z, for scores that are linear in it."""

    lines: FloatArray
    """What z multiplies, in units in which it is of order 1: scores are ``lines . z``; shape (n, d, K)."""
    targets: FloatArray
    """Probabilities of the classes, nearly 0 and 1; shape (n, K)."""
    mass: FloatArray
    """Weights of the rows; shape (n,)."""

    @classmethod
    def of(cls, lines: FloatArray, labels: FloatArray, mass: FloatArray) -> LogLoss:
        """Lines (n, d, K) and labels -1 and +1 (n, K), one column for two classes."""
        if labels.shape[1] == 1:  # the logistic function is the softmax of (0, f)
            lines = np.concatenate([np.zeros_like(lines), lines], axis=2)
            labels = np.hstack([-labels, labels])
        epsilon = 0.5 / (mass.sum() + 1.0)
        wrong = epsilon / (labels.shape[1] - 1)
        return cls(lines, np.where(labels > 0, 1.0 - epsilon, wrong), mass)

    def losses(self, z: FloatArray) -> FloatArray:
        """Loss of each row, (n,)."""
        return self._predicted((z @ self.lines).T)[0]

    def value(self, z: FloatArray) -> float:
        """The sum."""
        return float(self.mass @ self.losses(z))

    def slopes(self, z: FloatArray) -> tuple[FloatArray, FloatArray]:
        """First and second derivatives of the loss of each row, (n, d) and (n, d, d)."""
        lines, p = self.lines, self._predicted((z @ self.lines).T)[1]
        weighted = lines * p.T[:, None]
        mean = weighted.sum(axis=2)
        gradient = mean - (lines * self.targets[:, None]).sum(axis=2)
        hessian = weighted @ np.swapaxes(lines, 1, 2)
        return gradient, np.asarray(hessian - mean[:, :, None] * mean[:, None, :])

    @cached_property
    def minimum(self) -> FloatArray:
        """The z of least loss, (d,), by Newton's method; it is finite."""
        size = np.sqrt(np.einsum("i,iak->a", self.mass, np.square(self.lines)))
        unit = np.where(size > 0, math.sqrt(self.mass.sum()) / np.where(size > 0, size, 1.0), 0.0)
        # One row for each number of z: sums over samples are products of matrices.
        rows = np.transpose(self.lines, (1, 2, 0)).reshape(unit.size, -1) * unit[:, None]

        def at(z: FloatArray) -> tuple[float, FloatArray]:
            losses, p = self._predicted((z @ rows).reshape(-1, len(self.mass)))
            return float(self.mass @ losses), p

        z = np.zeros(unit.size)
        value, p = at(z)
        for _ in range(STEPS):
            slope = rows @ (self.mass * (p - self.targets.T)).ravel()
            mean = (rows * p.ravel()).reshape(unit.size, *p.shape).sum(axis=1)
            hessian = (rows * (self.mass * p).ravel()) @ rows.T - (self.mass * mean) @ mean.T
            step = -solve_scaled(hessian, slope)
            gain = -float(slope @ step)
            if gain <= PRECISION:
                break
            length = 1.0
            while (found := at(z + length * step))[0] > value - 1e-4 * length * gain:
                length /= 2
                if length < PRECISION:  # rounding: no better z in this direction
                    return np.asarray(unit * z)
            z, (value, p) = z + length * step, found
        return np.asarray(unit * z)

    def _predicted(self, scores: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Loss of each row, (n,), and probabilities of the classes, (K, n), for scores (K, n)."""
        top = scores.max(axis=0)
        p = np.exp(scores - top)
        total = p.sum(axis=0)
        return np.asarray(top + np.log(total) - (self.targets.T * scores).sum(axis=0)), p / total


def log_loss(lines: LeaveOneOut) -> LogLoss:
    """That of leave-one-out lines, as a function of (s, s alpha); of several labels their mean."""
    each = lines.decisions
    share = lines.counts.sum() / each.counts.sum()
    return LogLoss.of(each.lines, each.labels, share * each.counts)


def best_scale(scores: FloatArray, labels: FloatArray, mass: FloatArray) -> float:
    r"""The positive scale of scores (n, K) that gives labels (n, K) their probabilities.

    .. math:: s = \arg\min_{s > 0} \; \sum_i c_i\, \ell(y_i, s f_i) - \log s

    The last term makes it the most probable log s if all s > 0 are alike beforehand.  It moves s by the
    square of its relative standard error, and where scores are no better than chance, s becomes one standard
    error: probabilities nearly alike, in the order of the scores.
    """
    loss = LogLoss.of(scores[:, None], labels, mass)
    size = math.sqrt(float(mass @ np.square(scores).sum(axis=1)) / float(mass.sum()) / scores.shape[1])
    if not size > 0:
        return 1.0  # nothing to be scaled

    def excess(log: float) -> float:
        seen = math.exp(log) * loss.lines[:, 0].T
        return float((seen * (loss._predicted(seen)[1] - loss.targets.T)).sum(axis=0) @ mass) - 1.0

    low = high = -math.log(size)
    while excess(low) > 0:
        low -= 2.0
    while excess(high) < 0:
        high += 2.0
    return math.exp(optimize.brentq(excess, low, high, xtol=1e-10) if low < high else low)
