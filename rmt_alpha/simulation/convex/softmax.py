"""Training with softmax by scipy's truncated Newton method, and its classifiers, each scored exactly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize
from scipy.sparse import linalg

from rmt_alpha._core.types import FloatArray, IntArray
from rmt_alpha.errors import NotAvailable
from rmt_alpha.simulation.mixtures.decision import right_probabilities
from rmt_alpha.simulation.scores import CLASS_QUANTITIES, Draws

GRADIENT = 1e-8
"""Largest gradient, relative to the size of the data, at which training ends."""
POLISHES = 30
"""Newton steps at most after scipy's method, which stops where values no longer tell steps apart."""


class SoftmaxTrainer:
    r"""The minimiser of :math:`-\frac1n \sum_i \log p_{t_i}(W^\top x_i + b) + \frac\gamma2 \|W - P\|_F^2`.

    Here :math:`p_k(z) = e^{z_k} / \sum_l e^{z_l}`.  W - P lies in the span of the data, in an orthonormal
    basis of which each of its columns has at most n coordinates.  Intercepts sum to zero, as a constant
    changes nothing.

    Parameters
    ----------
    x : ndarray, shape (p, n)
        Features, a sample in each column.
    labels : ndarray, shape (n,)
        Labels 0 to K - 1.
    classes : int
        K.
    gamma : float
        Ridge penalty per sample.
    intercept : bool
        Whether unpenalised intercepts are trained.
    """

    def __init__(self, x: FloatArray, labels: IntArray, classes: int, gamma: float, intercept: bool) -> None:
        self.x, self.labels, self.intercept = x, labels, intercept
        p, n = x.shape
        self.basis: FloatArray | None = None
        self.rows = x
        if p > n:
            self.basis, self.rows = np.linalg.qr(x)
        if intercept:
            self.rows = np.vstack([self.rows, np.ones(n)])
        self.ridge = np.full((len(self.rows), 1), gamma)
        if intercept:
            self.ridge[-1] = 0.0
        self.hot = np.eye(classes)[:, labels]
        self.start = np.zeros((len(self.rows), classes))

    def fit(self, prior: FloatArray) -> tuple[FloatArray, FloatArray, float]:
        """Weights (p, K), intercepts (K,) and average training loss for one prior (p, K)."""
        base = prior.T @ self.x
        v = self._minimise(base)
        self.start = v
        inner = v[:-1] if self.intercept else v
        move = inner if self.basis is None else self.basis @ inner
        loss = float(self._values(base + v.T @ self.rows)[0].mean())
        return prior + move, v[-1] if self.intercept else np.zeros(v.shape[1]), loss

    def _values(self, z: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Loss of every sample, and the stated probabilities (K, n)."""
        top = z.max(axis=0)
        powers = np.exp(z - top)
        total = powers.sum(axis=0)
        return top + np.log(total) - (z * self.hot).sum(axis=0), powers / total

    def _minimise(self, base: FloatArray) -> FloatArray:
        n, shape = base.shape[1], self.start.shape

        def objective(flat: FloatArray) -> tuple[float, FloatArray]:
            v = flat.reshape(shape)
            losses, stated = self._values(base + v.T @ self.rows)
            gradient = self.rows @ (stated - self.hot).T / n + self.ridge * v
            return float(losses.mean() + 0.5 * (self.ridge * v * v).sum()), gradient.ravel()

        def curved(flat: FloatArray, direction: FloatArray) -> FloatArray:
            v, d = flat.reshape(shape), direction.reshape(shape)
            stated = self._values(base + v.T @ self.rows)[1]
            change = d.T @ self.rows
            change = stated * (change - (stated * change).sum(axis=0))
            return np.asarray((self.rows @ change.T / n + self.ridge * d).ravel())

        size = float(np.sqrt((self.rows**2).sum() / n))
        found: Any = optimize.minimize(
            objective,
            self.start.ravel(),
            jac=True,
            hessp=curved,
            method="Newton-CG",
            options={"xtol": 1e-9, "maxiter": 200},
        )
        # Newton's steps by the gradient alone.
        v = np.asarray(found.x)
        gradient = objective(v)[1]
        for _ in range(POLISHES):
            if np.linalg.norm(gradient) <= GRADIENT * size:
                return v.reshape(shape)
            operator: Any = linalg.LinearOperator((v.size, v.size), matvec=lambda d, at=v: curved(at, d))
            step, _ = linalg.cg(operator, -gradient, rtol=1e-3, maxiter=500)
            new = objective(v + step)[1]
            if not np.linalg.norm(new) < np.linalg.norm(gradient):
                break
            v, gradient = v + step, new
        if np.linalg.norm(gradient) > 1e3 * GRADIENT * size:
            raise ArithmeticError(
                f"training ended with a gradient of {np.linalg.norm(gradient):.2g}, above "
                f"{GRADIENT * size:.2g}; a larger gamma makes it easier"
            )
        return v.reshape(shape)


@dataclass(frozen=True, eq=False, repr=False)
class SoftmaxDraws(Draws):
    r"""Every classifier of a simulated `FineTuning` that is trained with softmax.

    Given the classifier, its scores for class c are exactly :math:`\mathcal N(W^\top m_c + b, W^\top C_c W)`;
    here less their average over the K classes, which neither the loss nor the answer depends on.

    Parameters
    ----------
    alpha : ndarray
        Where classifiers were trained: any shape S, or (\*S, k) for k sources.
    priors : ndarray, shape (K,)
        Probabilities of the classes.
    means : ndarray, shape (replicates, \*S, K, K)
        Mean of the K scores (last axis) in each class.
    covariances : ndarray, shape (replicates, \*S, K, K, K)
        Their covariance in each class.
    training : ndarray, shape (replicates, \*S)
        Average cross-entropy on the training sample, with the labels it has.
    """

    alpha: FloatArray
    priors: FloatArray
    means: FloatArray
    covariances: FloatArray
    training: FloatArray
    kind = "a FineTuning trained with softmax"
    quantities = (*CLASS_QUANTITIES, "training_loss")

    @property
    def mean(self) -> FloatArray:
        """That of two classes with labels -1 and +1."""
        raise self._missing("mean")

    @property
    def variance(self) -> FloatArray:
        """That of two classes with labels -1 and +1."""
        raise self._missing("variance")

    @property
    def replicates(self) -> int:
        """Number of independent draws of the data."""
        return len(self.means)

    @property
    def class_mean(self) -> FloatArray:
        r"""Mean of the scores in each class: (replicates, \*S, K, K)."""
        return self.means

    @property
    def class_variance(self) -> FloatArray:
        r"""Variance of the scores in each class: (replicates, \*S, K, K)."""
        return np.maximum(np.diagonal(self.covariances, axis1=-2, axis2=-1), 0.0)

    @property
    def class_accuracy(self) -> FloatArray:
        r"""Probability that a fresh sample of each class is classified rightly, (replicates, \*S, K)."""
        return right_probabilities(self.means, self.covariances)[0]

    @property
    def accuracy(self) -> FloatArray:
        r"""Probability that a fresh target sample is classified rightly, (replicates, \*S)."""
        return np.asarray(self.class_accuracy @ self.priors)

    @property
    def risk(self) -> FloatArray:
        r"""Squared error on fresh target samples, against their true labels, (replicates, \*S)."""
        miss = ((self.means - np.eye(len(self.priors))) ** 2).sum(axis=-1)
        return np.asarray((miss + self.class_variance.sum(axis=-1)) @ self.priors)

    @property
    def training_loss(self) -> FloatArray:
        r"""Average cross-entropy on the training sample, (replicates, \*S)."""
        return self.training

    def at(self, alpha: ArrayLike) -> NoReturn:
        """Refused: no other alpha follows from these classifiers."""
        raise NotAvailable(
            "with a loss that is not squared every alpha is trained by itself: simulate again with "
            f"alpha={alpha!r}"
        )
