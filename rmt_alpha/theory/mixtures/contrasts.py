"""`Contrasts`: the differences between scores that decide which class a sample is given."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import special

from rmt_alpha._core import arithmetic
from rmt_alpha._core.arithmetic import ARRAY, MP, MP_ARRAY, Arithmetic
from rmt_alpha._core.small_linear import solve_squares
from rmt_alpha._core.types import Array
from rmt_alpha.theory.mixtures.orthant import orthant_gradient, orthant_probability
from rmt_alpha.theory.searches import margin_of

SAME = 1e-12
"""Relative difference below which the margins of two classes count as one."""

DIGITS, SURE = 50, 1e-9
"""Digits in which near-ties are settled, and the share of what cancels that floats are trusted with."""
LARGEST = 5
"""Dimension up to which the gradient of an orthant probability is integrated."""
DIFFERENCE = 1e-3
"""Step of the differences beyond, where accuracy has an error of 1e-5."""


@dataclass(frozen=True, eq=False)
class Contrasts:
    r"""The law of the differences that must be positive for a right answer, at points z = (1, t).

    .. math:: \text{accuracy}(z) = \sum_c \pi_c\, P(x_c > 0), \qquad
        x_c \sim \mathcal N\big(L_c z, \textstyle\sum_j (R_{cj} z)(R_{cj} z)^\top\big),

    which depends on the direction of z only.
    """

    lines: Array
    """Means, shape (K, d, 1 + k): d = 1, label times score, for two classes with one score, else K - 1."""
    rows: Array
    """Square roots of the covariances, shape (K, J, d, 1 + k)."""
    priors: Array
    """Class probabilities, shape (K,)."""
    dps: int | None
    """Decimal digits in high precision, None for float64."""

    @classmethod
    def of_scores(cls, center: Array, rows: Array, priors: Array, dps: int | None) -> Contrasts:
        """From the laws of the scores, of shapes (K, q, 1 + k) and (K, J, q, 1 + k)."""
        classes, outputs = center.shape[:2]
        if outputs == 1:
            signs = np.array([[[-1]], [[1]]])
        else:
            identity = np.eye(classes, dtype=int)
            signs = np.stack([identity[c] - np.delete(identity, c, axis=0) for c in range(classes)])
        lines = np.asarray(np.einsum("cdq,cqz->cdz", signs, center))
        return cls(lines, np.asarray(np.einsum("cdq,cjqz->cjdz", signs, rows)), priors, dps)

    @property
    def ops(self) -> Arithmetic:
        """The number type."""
        return ARRAY if self.dps is None else MP_ARRAY

    @property
    def sources(self) -> int:
        """Number of sources, k."""
        return int(self.lines.shape[-1]) - 1

    @property
    def exact(self) -> bool:
        """Whether accuracy is a closed form, with a gradient."""
        return bool(self.lines.shape[1] == 1)

    def margins(self, z: Array) -> Array:
        """Mean over standard deviation of the only contrast, shape (..., K)."""
        means, rows = at_points(self.lines, z), at_points(self.rows, z)[..., 0]
        spread = arithmetic.square_root((rows * rows).sum(axis=-1))
        return np.asarray(self.ops.ratio(means[..., 0], spread))

    def class_accuracy(self, z: Array) -> tuple[Array, Array]:
        """Accuracy of each class, shape (..., K), and its numerical error."""
        if self.exact:
            accuracy = np.asarray(self.ops.ndtr(self.margins(z)))
            return accuracy, np.zeros(accuracy.shape) + float(np.finfo(float).eps)
        return orthant_probability(at_points(self.lines, z), squared(at_points(self.rows, z)))

    def accuracy(self, z: Array) -> Any:
        """Accuracy, shape (...)."""
        return self.class_accuracy(z)[0] @ self.priors

    def lead(self, z: Array, over: Array) -> Any:
        """By how much accuracy is higher at one z than at another, to all digits of an mpmath number.

        For these very lines and rows, and from the smaller tail of each class: its digits count where the
        other tail is 1 to rounding.
        """
        ours, theirs = (np.asarray(self.margins(x), float) for x in (z, over))
        side = np.where(ours > -theirs, -1.0, 1.0)  # infinite ones, too
        tails = self.priors.astype(float) * np.stack(
            [special.ndtr(side * theirs), -special.ndtr(side * ours)]
        )
        total = float((-side * tails).sum())
        if abs(total) > SURE * abs(tails).sum() > 0:
            return total
        with arithmetic.working_precision(DIGITS):
            exact = self._exactly
            pairs = zip(*(exact.margins(MP_ARRAY.number(x)) for x in (z, over)), strict=True)
            return sum(
                share * -s * (MP.ndtr(s * b) - MP.ndtr(s * a))
                for share, s, (a, b) in zip(exact.priors, side.astype(int).tolist(), pairs, strict=True)
            )

    @cached_property
    def _exactly(self) -> Contrasts:
        lines, rows, priors = (MP_ARRAY.number(x) for x in (self.lines, self.rows, self.priors))
        return Contrasts(lines, rows, priors, DIGITS)

    def roughly(self, z: Array, points: int) -> Any:
        """Accuracy to about 1e-3, shape (...), smooth in z."""
        mean, covariance = at_points(self.lines, z), squared(at_points(self.rows, z))
        return orthant_probability(mean, covariance, points)[0] @ self.priors

    def gradient(self, z: Array) -> Array:
        """Gradient of the accuracy in one z."""
        if self.exact:
            return self._closed_gradient(z)
        if self.lines.shape[1] > LARGEST:
            return self._differences(z)
        return self._orthant_gradient(z)

    def _differences(self, z: Array) -> Array:
        """The gradient, of one sequence of points: probabilities of pairs are too many to integrate.

        Accuracy depends on the direction of z only: along z there is no slope.
        """
        largest = int(np.argmax(abs(z / self.scales)))
        others = np.arange(len(z)) != largest
        sizes = DIFFERENCE * np.linalg.norm(z / self.scales) * self.scales
        steps, slopes = np.diag(sizes)[others], np.zeros(len(z))
        both = self.accuracy(z + np.concatenate([steps, -steps]))
        slopes[others] = (both[: len(steps)] - both[len(steps) :]) / (2 * sizes[others])
        slopes[largest] = -(slopes @ z) / z[largest]
        return slopes

    def _orthant_gradient(self, z: Array) -> Array:
        rows = at_points(self.rows, z)
        first, second = orthant_gradient(at_points(self.lines, z), squared(rows))
        slopes = np.einsum("cd,cdz->cz", first, self.lines)
        slopes += 2 * np.einsum("cjd,cde,cjez->cz", rows, second, self.rows)
        return np.asarray(self.priors @ slopes)

    def scaled_gradient(self, z: Array) -> Array:
        """The gradient where it is a closed form, times exp(m^2/2) for the least margin m.

        Its sign and its zeros are seen where accuracy is 1, or 0, to rounding.
        """
        return self._closed_gradient(z, scaled=True)

    def margin(self, z: Array) -> Any:
        r""":math:`\Phi^{-1}(\text{accuracy})` where that is a closed form, shape (...)."""
        margins = np.asarray(self.margins(z), float)
        tails = [special.log_ndtr(side * margins) for side in (1, -1)]
        return margin_of(*(special.logsumexp(tail, axis=-1, b=self.priors) for tail in tails))

    def margin_gradient(self, z: Array) -> Array:
        """Gradient of `margin` in one z."""
        least = np.min(np.asarray(self.margins(z), float) ** 2) / 2
        scale = np.exp(float(self.margin(z)) ** 2 / 2 - least) * np.sqrt(2 * np.pi)
        return np.asarray(self.scaled_gradient(z) * scale)

    def _closed_gradient(self, z: Array, scaled: bool = False) -> Array:
        """That of sum_c pi_c Phi(margin_c)."""
        lines, rows = self.lines[:, 0], self.rows[:, :, 0]
        parts = rows @ z
        sigma = arithmetic.square_root((parts * parts).sum(axis=1))
        varies = sigma > 0
        sigma = np.where(varies, sigma, 1)
        margin = lines @ z / sigma
        pull = np.einsum("cj,cjz->cz", parts, rows)
        slopes = lines / sigma[:, None] - (margin / (sigma * sigma))[:, None] * pull
        power = margin * margin / 2
        least = power[varies].min() if scaled and varies.any() else 0 * power[0]
        density = self.ops.exp(least - power) / arithmetic.square_root(2 * self.ops.pi)
        return np.asarray((self.priors * density * varies) @ slopes)

    @cached_property
    def scales(self) -> Array:
        """Units of the coordinates of z: those in which each alone has a score of variance 1."""
        size = arithmetic.square_root((self.rows**2).sum(axis=(0, 1, 2)))
        return np.where(size > 0, 1 / np.where(size > 0, size, 1), 1 + 0 * size)

    @cached_property
    def one_margin(self) -> bool:
        """Whether both of two classes have the same margin at every alpha."""
        lines = self.lines
        if lines.shape[:2] != (2, 1):
            return False
        rows = self.rows[:, :, 0]
        grams = np.swapaxes(rows, -1, -2) @ rows
        width = np.diagonal(abs(grams).max(axis=0))
        tolerance = SAME * arithmetic.square_root(np.multiply.outer(width, width))
        close = np.all(abs(grams[0] - grams[1]) <= tolerance)
        gaps, sizes = abs(lines[0, 0] - lines[1, 0]), abs(lines[:, 0]).max(axis=0)
        return bool(close and np.all(gaps <= SAME * sizes))

    def pooled_direction(self) -> Array:
        """H^-1 a of the pooled score: exact where classes share one margin, a starting point elsewhere."""
        a = self.priors @ self.lines.mean(axis=1)
        rows = self.rows * arithmetic.square_root(self.priors)[:, None, None, None]
        flat = rows.reshape(-1, len(a))
        z = solve_squares(flat, a)
        if z[0] > 0:
            return z
        far = np.concatenate([0 * z[:1], solve_squares(flat[:, 1:], a[1:])])
        # Equal class means: no direction separates them.
        return far if np.any(far) else np.concatenate([0 * z[:1] + 1, far[1:]])

    def of_source(self, source: int) -> Contrasts:
        """With one source alone."""
        lines, rows = (np.ascontiguousarray(x[..., [0, 1 + source]]) for x in (self.lines, self.rows))
        return Contrasts(lines, rows, self.priors, self.dps)

    def in_floats(self) -> Contrasts:
        """The same in float64."""
        return Contrasts(self.lines.astype(float), self.rows.astype(float), self.priors.astype(float), None)


def at_points(lines: Array, z: Array) -> Array:
    """lines (A, ..., 1 + k) at points (..., 1 + k), shape (..., A, ...)."""
    return np.tensordot(z, lines, axes=(-1, -1))


def squared(rows: Array) -> Array:
    """Sum over j of rows_j rows_j^T, (..., J, q) to (..., q, q)."""
    return np.swapaxes(rows, -1, -2) @ rows
