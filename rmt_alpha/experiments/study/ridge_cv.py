"""scikit-learn's `RidgeClassifierCV` for many more samples than features, from one small eigendecomposition.

It decomposes the samples, which for thousands of pooled rows takes most of the time of a study.  The same
leave-one-out errors follow from the products of the features; a test compares the two.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def ridge_cv_weights(features: Array, labels: Array, penalties: Array) -> Array:
    r"""Weights at the penalty of least leave-one-out squared error, without an intercept.

    .. math:: w = (X^\top X + \lambda I)^{-1} X^\top y, \qquad
        y_i - f_{-i}(x_i) = \frac{y_i - w^\top x_i}{1 - x_i^\top (X^\top X + \lambda I)^{-1} x_i}

    Parameters
    ----------
    features : ndarray of shape (n, p)
    labels : ndarray of shape (n,)
    penalties : ndarray of shape (m,)
        lambda, positive, not per sample.

    Returns
    -------
    ndarray of shape (p,)

    Examples
    --------
    >>> X = np.array([[1.0], [2.0], [-1.0]])
    >>> print(ridge_cv_weights(X, np.array([1.0, 1.0, -1.0]), np.array([1.0, 10.0])))
    [0.57142857]
    """
    values, vectors = np.linalg.eigh(features.T @ features)
    rotated = features @ vectors
    target = rotated.T @ labels
    shrunk = 1.0 / (np.maximum(values, 0.0)[:, None] + penalties)
    fitted = rotated @ (target[:, None] * shrunk)
    errors = (labels[:, None] - fitted) / (1.0 - rotated**2 @ shrunk)
    best = int(np.square(errors).mean(axis=0).argmin())
    return np.asarray(vectors @ (target * shrunk[:, best]))
