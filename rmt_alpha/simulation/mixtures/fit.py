"""Ridge fits with a prior and an intercept: one factorisation for every alpha."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.linalg
from scipy.linalg import lapack

from rmt_alpha._core.types import FloatArray

WORST_CONDITION = 1e7
"""Condition number above which normal equations are left for singular values."""


class AffineFit(NamedTuple):
    """W_alpha = base + slopes alpha, b_alpha = base_intercept + slopes_intercept alpha."""

    base: FloatArray
    slopes: FloatArray
    base_intercept: FloatArray
    slopes_intercept: FloatArray


def ridge(x: FloatArray, t: FloatArray, gamma: float, prior: FloatArray, intercept: bool) -> AffineFit:
    r"""The classifiers that minimise the ridge loss, affine in the prior.

    .. math:: \min_{W, b} \frac1n \sum_i \|t_i - W^\top x_i - b\|^2 + \gamma \|W - P\|_F^2

    The result for prior 0, and what each column of ``prior`` adds to a column of W.  The intercept is
    not penalised: it makes the residuals sum to 0, so that W solves the same problem for centred data.

    Parameters
    ----------
    x : ndarray, shape (p, n)
        Data; overwritten if there is an intercept.
    t : ndarray, shape (n, q)
        Targets.
    gamma : float
        Ridge, per sample.  0 is the limit of small ridges: the minimiser nearest to the prior.
    prior : ndarray, shape (p, m)
        Any number of columns, 0 included.
    intercept : bool
        Without one, b = 0.

    Returns
    -------
    AffineFit
        Of shapes (p, q), (p, m), (q,), (m,).

    Notes
    -----
    With centred data X and targets T, and :math:`Q = (X X^\top / n + \gamma I)^{-1}`,

    .. math:: W = Q (X T / n + \gamma P)
        = X K^{-1} T / n + P - X K^{-1} X^\top P / n, \qquad K = X^\top X / n + \gamma I .

    The smaller of the two matrices is factorised.  If it is too badly conditioned (tiny ridges for p near n,
    or for singular covariances), singular values of X take its place: they lose no digits to squaring.

    Examples
    --------
    >>> import numpy as np
    >>> x, t = np.array([[1.0, -1.0, 3.0]]), np.array([[1.0], [0.0], [2.0]])
    >>> fit = ridge(x, t, 0.0, np.ones((1, 1)), intercept=True)  # t = (x + 1) / 2
    >>> [part.round(12).item() + 0.0 for part in fit]
    [0.5, 0.0, 0.5, 0.0]
    """
    p, n = x.shape
    x_mean, t_mean = np.zeros(p), np.zeros(t.shape[1])
    if intercept:
        x_mean, t_mean = x.mean(axis=1), t.mean(axis=0)
        x -= x_mean[:, None]
        t = t - t_mean
    solution = _primal(x, t, gamma, prior) if p <= n else _dual(x, t, gamma, prior, intercept)
    base, slopes = _singular_values(x, t, gamma, prior) if solution is None else solution
    return AffineFit(base, slopes, t_mean - x_mean @ base, -(x_mean @ slopes))


Solution = tuple[FloatArray, FloatArray]


def _primal(x: FloatArray, t: FloatArray, gamma: float, prior: FloatArray) -> Solution | None:
    p, n = x.shape
    matrix = x @ x.T
    matrix /= n
    matrix[np.diag_indices(p)] += gamma
    solved = _positive_solve(matrix, np.hstack([x @ t / n, gamma * prior]))
    return None if solved is None else (solved[:, : t.shape[1]], solved[:, t.shape[1] :])


def _dual(x: FloatArray, t: FloatArray, gamma: float, prior: FloatArray, centred: bool) -> Solution | None:
    n = x.shape[1]
    matrix = x.T @ x
    matrix /= n
    if centred:
        # The vector of ones is an eigenvector of K, with eigenvalue gamma, and orthogonal to all right-hand
        # sides: raising its eigenvalue changes no solution, and without ridge it makes K invertible.
        matrix += np.trace(matrix) / n**2
    matrix[np.diag_indices(n)] += gamma
    solved = _positive_solve(matrix, np.hstack([t / n, -(x.T @ prior) / n]))
    if solved is None:
        return None
    w = x @ solved
    return w[:, : t.shape[1]], w[:, t.shape[1] :] + prior


def _positive_solve(matrix: FloatArray, sides: FloatArray) -> FloatArray | None:
    # None if the matrix is not safely positive definite.
    norm = np.abs(matrix).sum(axis=0).max()
    factor, failed = lapack.dpotrf(matrix, lower=True, overwrite_a=True)
    if failed:
        return None
    reciprocal, _ = lapack.dpocon(factor, norm, uplo="L")
    if not reciprocal * WORST_CONDITION > 1:
        return None
    return np.asarray(lapack.dpotrs(factor, sides, lower=True)[0])


def _singular_values(x: FloatArray, t: FloatArray, gamma: float, prior: FloatArray) -> Solution:
    p, n = x.shape
    left, s, right = scipy.linalg.svd(x / np.sqrt(n), full_matrices=False)
    s[s <= max(p, n) * np.finfo(float).eps * s[0]] = 0.0
    total = s * s + gamma
    fitted = np.divide(s, total, out=np.zeros_like(s), where=total > 0)
    kept = np.divide(gamma, total, out=np.ones_like(s), where=total > 0)
    seen = left.T @ prior
    slopes = left @ (kept[:, None] * seen)
    if p > n:
        slopes += prior - left @ seen  # the part of the prior that no sample sees
    return left @ (fitted[:, None] * (right @ t)) / np.sqrt(n), slopes
