r"""Log-loss of leave-one-out scores, as a function of their scale: probabilities from squared loss.

With scores f of K classes the probabilities are softmax(s f), of two classes the logistic function of s f.
Dempster, Webb and Schmidt (arXiv 2401.15610) choose the scale s by the log-loss of the exact leave-one-out
scores.  With alpha, scores are A + alpha B, and s (A + alpha B) = s A + beta B: the best scale and the best
alpha together are a logistic regression on the lines (A, B), a convex problem in z = (s, beta).

A few samples say little of s, and one that points the wrong way cannot be told from one that knows nothing.
So s is the mean of what it may be, all values being alike beforehand, provided that it is positive (`Scale`):
where scores are no better than chance, a fraction of its standard error, probabilities that are nearly alike
and keep the order of the scores.

A few samples may all be right, and no scale would then be large enough.  So labels are only nearly sure: each
sample has its class with probability 1 - epsilon, epsilon = 1/(2 (n + 1)), the posterior mean of the error
rate when n of n are right, under Jeffreys' prior Beta(1/2, 1/2).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy import special

from rmt_alpha._core.types import FloatArray
from rmt_alpha.from_data.leave_one_out import LeaveOneOut, solve_scaled

PRECISION = 1e-12
"""A search ends when the sum of the log-losses would fall by less than this."""
STEPS = 100
FAR = -300.0
"""Deviations below 0 from which on the mean of what is positive is taken from its series, to 1e-9."""


class Scale(NamedTuple):
    r"""A number s of Gaussian law with centre c and deviation d, of which only s > 0 makes sense.

    .. math:: \Pr(s > 0) = \Phi(z) , \qquad E[s \mid s > 0] = d \Bigl(z + \frac{\varphi(z)}{\Phi(z)}\Bigr) ,
        \qquad z = c/d
    """

    chance: float
    """That it is positive: that the scores point the right way."""
    mean: float
    """If it is."""

    @classmethod
    def of(cls, centre: float, deviation: float) -> Scale:
        """With these."""
        z = centre / deviation
        if z < FAR:
            mean = -1.0 / z + 2.0 / z**3
        else:
            mean = z + math.sqrt(2.0 / math.pi) / float(special.erfcx(-z / math.sqrt(2.0)))
        return cls(float(special.ndtr(z)), deviation * mean)


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
    def _unit(self) -> FloatArray:
        """Of z: one over the size of the lines, 0 where they are; (d,)."""
        size = np.sqrt(np.einsum("i,iak->a", self.mass, np.square(self.lines)))
        return np.where(size > 0, math.sqrt(self.mass.sum()) / np.where(size > 0, size, 1.0), 0.0)

    @cached_property
    def minimum(self) -> FloatArray:
        """The z of least loss, (d,), by Newton's method; it is finite."""
        unit = self._unit
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

    @cached_property
    def scale(self) -> Scale:
        """What the labels say of the one scale z, by Laplace's method at the most probable z >= 0."""
        (unit,) = self._unit
        best = np.maximum(self.minimum, 0.0) / (unit or 1.0)
        each = replace(self, lines=unit * self.lines).slopes(best)
        slope, bend = (float(self.mass @ one.ravel()) for one in each)
        if not bend > 0:
            return Scale(0.5, 1.0)  # nothing to be scaled
        found = Scale.of(float(best[0]) - slope / bend, bend**-0.5)
        return found._replace(mean=float(unit) * found.mean)

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
    """The scale that turns scores (n, K) into log-odds of labels (n, K): its mean, if it is positive."""
    return LogLoss.of(scores[:, None], labels, mass).scale.mean
