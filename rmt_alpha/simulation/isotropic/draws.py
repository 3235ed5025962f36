"""`TransferDraws`: the trained classifiers of an isotropic simulation, each scored exactly."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import special

from rmt_alpha._core.checks import check_choice
from rmt_alpha._core.types import FloatArray
from rmt_alpha.simulation.scores import CLASS_QUANTITIES, CRITERIA, Draws


@dataclass(frozen=True, eq=False, repr=False)
class TransferDraws(Draws):
    r"""Every trained classifier of a simulation, reduced to the five numbers that its scores depend on.

    The classifier is affine in alpha, :math:`w_\alpha = w_0 + \alpha w_1`.  With :math:`u` the direction of
    the target mean :math:`\mu_t`, a replicate is

    .. math:: a_i = u^\top w_i, \qquad
        C_{ij} = w_i^\top (I - u u^\top)\, w_j, \qquad i, j \in \{0, 1\},

    from which, for every alpha and given the classifier,

    .. math:: m = \|\mu_t\| (a_0 + \alpha a_1), \qquad
        \sigma^2 = \|w_\alpha\|^2 = (a_0 + \alpha a_1)^2 + C_{00} + 2 \alpha C_{01} + \alpha^2 C_{11},

    accuracy = :math:`\Phi(m / \sigma)` and risk = :math:`\sigma^2 + (1 - m)^2`, exactly: no test set is
    drawn.  A zero classifier has accuracy 1/2.

    Parameters
    ----------
    alpha : ndarray
        Where the arrays below are evaluated, any shape.
    target_norm : float
        Length of the target mean.
    along : ndarray, shape (replicates, 2)
        :math:`a_0, a_1`.
    across : ndarray, shape (replicates, 3)
        :math:`C_{00}, C_{01}, C_{11}`.

    Notes
    -----
    ``mean``, ``variance``, ``accuracy`` and ``risk`` have shape ``(replicates, *alpha.shape)``.

    Examples
    --------
    >>> import rmt_alpha as ra
    >>> draws = ra.simulate(
    ...     ra.TransferProblem(beta=0.8, p=400, n=40), [0, 1], rng=0
    ... ).draws
    >>> draws.accuracy.shape, draws.optimal_alpha().shape
    ((100, 2), (100,))
    """

    alpha: FloatArray
    target_norm: float
    along: FloatArray
    across: FloatArray
    kind = "a TransferProblem"
    quantities = (*CLASS_QUANTITIES, "mean", "variance")

    @property
    def replicates(self) -> int:
        """Number of independent draws of the data."""
        return len(self.along)

    @property
    def mean_coefficients(self) -> FloatArray:
        r"""``(b0, b1)`` of the mean :math:`b_0 + b_1 \alpha`, shape (replicates, 2)."""
        return np.asarray(self.target_norm * self.along)

    @property
    def variance_coefficients(self) -> FloatArray:
        r"""``(q00, q01, q11)`` of :math:`\|w\|^2 = q_{00} + 2 q_{01} \alpha + q_{11} \alpha^2`."""
        a0, a1 = self.along.T
        return np.asarray(self.across + np.stack([a0 * a0, a0 * a1, a1 * a1], axis=1))

    @cached_property
    def _along_alpha(self) -> FloatArray:
        a0, a1 = self._columns(self.along)
        return np.asarray(a0 + self.alpha * a1)

    @cached_property
    def mean(self) -> FloatArray:
        r"""Mean :math:`w_\alpha^\top \mu_t` of the score :math:`y w_\alpha^\top x`, given the classifier."""
        return np.asarray(self.target_norm * self._along_alpha)

    @cached_property
    def variance(self) -> FloatArray:
        r"""Variance :math:`\|w_\alpha\|^2` of the score, given the classifier."""
        c00, c01, c11 = self._columns(self.across)
        # A quadratic form with a positive semidefinite matrix: below zero only by rounding.
        across = np.maximum(c00 + self.alpha * (2 * c01 + self.alpha * c11), 0.0)
        return np.asarray(self._along_alpha**2 + across)

    @cached_property
    def accuracy(self) -> FloatArray:
        r"""Signed accuracy :math:`\Phi(m / \sigma)` on fresh target data, given the classifier."""
        std = np.sqrt(self.variance)
        ratio = np.divide(self.mean, std, out=np.zeros_like(std), where=std > 0)
        return np.asarray(special.ndtr(ratio))

    @cached_property
    def risk(self) -> FloatArray:
        r"""Squared error :math:`E (y - w_\alpha^\top x)^2` on fresh target data, given the classifier."""
        return np.asarray(self.variance + (1.0 - self.mean) ** 2)

    # By class, as for any mixture: the score w.x of class y is y times the above.

    @property
    def class_accuracy(self) -> FloatArray:
        """Accuracy in the classes -1 and +1, the same: shape (replicates, *alpha.shape, 2)."""
        return np.stack([self.accuracy, self.accuracy], axis=-1)

    @property
    def class_mean(self) -> FloatArray:
        r"""Mean of the score :math:`w_\alpha^\top x` in the classes -1 and +1, on the last axis."""
        return np.stack([-self.mean, self.mean], axis=-1)

    @property
    def class_variance(self) -> FloatArray:
        """Variance of the score in the classes -1 and +1, the same, on the last axis."""
        return np.stack([self.variance, self.variance], axis=-1)

    def optimal_alpha(self, criterion: str = "accuracy") -> FloatArray:
        r"""The best alpha of every replicate, shape (replicates,).

        For the accuracy, with
        :math:`z_0 = C_{11} a_0 - C_{01} a_1` and :math:`z_1 = C_{00} a_1 - C_{01} a_0`,

        .. math:: \alpha^\star = z_1 / z_0 \quad (z_0 > 0);

        for the risk, with :math:`b_i = \|\mu_t\| a_i` and :math:`q = C + a a^\top`,

        .. math:: \alpha^\star = \frac{b_1 (1 - b_0) - q_{01}}{q_{11} + b_1^2}.

        Parameters
        ----------
        criterion : {"accuracy", "risk"}
            Maximise the signed accuracy or minimise the squared error.

        Returns
        -------
        ndarray
            Where :math:`z_0 \le 0` the accuracy has no finite maximiser (the only critical point is its
            minimum) and the result is infinite, with the sign of :math:`a_1`.  Where the quantity does not
            depend on alpha (no target mean, or a source part that vanishes, or p = 1 and a positive margin)
            it is 0.

        Raises
        ------
        ValueError
            If ``criterion`` is neither.
        """
        check_choice("criterion", criterion, CRITERIA)
        if criterion == "risk":
            (b0, b1), (_, q01, q11) = self.mean_coefficients.T, self.variance_coefficients.T
            return _ratio(b1 * (1.0 - b0) - q01, q11 + b1 * b1)
        (a0, a1), (c00, c01, c11) = self.along.T, self.across.T
        z0, z1 = c11 * a0 - c01 * a1, c00 * a1 - c01 * a0
        # z = 0: the two parts of the classifier are parallel, or one is missing.  Then only the sign of the
        # margin can change with alpha.
        flat = (z0 == 0) & (z1 == 0) & ((a0 >= 0) | (a1 == 0))
        if self.target_norm == 0:
            flat[:] = True
        best = np.where(z0 > 0, _ratio(z1, np.where(z0 > 0, z0, 1.0)), np.copysign(np.inf, a1))
        return np.where(flat, 0.0, best)

    def _columns(self, table: FloatArray) -> FloatArray:
        # One axis of length 1 for every axis of alpha.
        return table.T.reshape(table.shape[1], len(table), *(1,) * self.alpha.ndim)


def _ratio(x: FloatArray, y: FloatArray) -> FloatArray:
    return np.divide(x, y, out=np.zeros_like(x), where=y != 0)
