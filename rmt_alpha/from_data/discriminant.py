r"""Which of K classes: the linear discriminant of scores that were trained one class against the rest.

Squared loss of K columns knows no classes: where a class lies between two others its column is nowhere the
largest, and errors of columns go together.  Within a class the scores u, less their mean over the columns, of
samples that were left out are taken as Gaussian, with means m_k and one covariance W:

.. math:: g_k(x) = m_k^\top W^{-1} u(x) - \tfrac12 m_k^\top W^{-1} m_k + \log(n_k + K^2) ,

    m_k = \frac{\sum_{i \in k} c_i u_i + K a e_k}{n_k + K} , \qquad
    W = \frac{\sum_k \bigl[ \sum_{i \in k} c_i (u_i - m_k)(u_i - m_k)^\top + K (m_k - a e_k)(m_k - a e_k)^\top
    \bigr] + K^2 s^2 I}{n + K^2} .

So the prior says what one column per class means: the means are a times those of the labels e_k, less their
mean, and the covariance is s^2 I, both by least squares.  It counts as many samples as there are numbers, K
of a mean and K^2 of the covariance; and K^2 of every class say that all are as frequent.  Without samples the
scores decide as they are.  This is the posterior mean under a normal, inverse Wishart and Dirichlet prior;
without one, linear discriminant analysis of fitted scores is that of the features (Hastie, Tibshirani and
Buja, JASA 89, 1994).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.linalg import helmert

from rmt_alpha._core.types import FloatArray


class Discriminant(NamedTuple):
    """Scores u (K,) become ``u @ matrix + shift``."""

    matrix: FloatArray
    """Shape (K, K)."""
    shift: FloatArray
    """Shape (K,)."""
    left_out: FloatArray
    """What becomes of each sample's scores by the others' means and covariance (a and s held), (n, K)."""


def discriminant(
    scores: FloatArray, labels: FloatArray, mass: FloatArray, removed: FloatArray
) -> Discriminant | None:
    """That of leave-one-out scores (n, K > 2) with labels -1 and +1 (n, K) and weights of samples (n,).

    ``removed`` (n,) is what leaving out takes from the weights.  None if the scores do not tell the classes
    from one another (a is not positive), or do so without any error.
    """
    n, classes = mass.sum(), labels.shape[1]
    size = np.abs(scores).max()
    if not size > 0:
        return None
    axes = helmert(classes).T / size  # (K, K - 1): without the mean over the columns, in units of order 1
    own, member = scores @ axes, (labels > 0).astype(np.float64)
    kinds = size * axes  # of the labels, less their mean; squares are 1 - 1/K
    weighted = mass[:, None] * own
    slope = float((weighted * (member @ kinds)).sum() / (n * (1.0 - 1.0 / classes)))
    if not slope > 0:
        return None
    counts = mass @ member
    totals, frequencies = counts + classes, counts + classes**2
    means = (member.T @ weighted + classes * slope * kinds) / totals[:, None]
    scatter = own.T @ weighted + classes * slope**2 * np.eye(classes - 1) - (means.T * totals) @ means
    variance = float(np.trace(scatter) / (n * (classes - 1)))
    if not variance > np.finfo(np.float64).eps:
        return None
    inverse = np.linalg.inv(scatter + classes**2 * variance * np.eye(classes - 1))
    weights = inverse @ means.T
    norms = np.einsum("kd,dk->k", means, weights)
    # Without a sample the mean of its class moves along the miss, and the scatter loses a matrix of rank one.
    every, kind = np.arange(len(own)), member.argmax(axis=1)
    misses, rest = own - means[kind], totals[kind] - removed
    moved = means[kind] - (removed / rest)[:, None] * misses
    lost, seen = removed * totals[kind] / rest, misses @ inverse
    gain = lost / (1.0 - lost * _products(misses, seen))

    def by_the_others(rows: FloatArray) -> FloatArray:
        """Each row times the inverse scatter without its sample."""
        return np.asarray(rows @ inverse + (gain * _products(rows, seen))[:, None] * seen)

    along = by_the_others(own)
    linear, squares = along @ means.T, norms + gain[:, None] * np.square(seen @ means.T)
    linear[every, kind] = _products(moved, along)
    squares[every, kind] = _products(moved, by_the_others(moved))
    left_out = (n - removed + classes**2)[:, None] * (linear - squares / 2) + np.log(frequencies)
    left_out[every, kind] += np.log1p(-removed / frequencies[kind])
    total = n + classes**2
    return Discriminant(total * axes @ weights, np.log(frequencies) - total / 2 * norms, left_out)


def _products(rows: FloatArray, others: FloatArray) -> FloatArray:
    """Of each row with that of the others, (n,)."""
    return np.asarray(np.einsum("id,id->i", rows, others))
