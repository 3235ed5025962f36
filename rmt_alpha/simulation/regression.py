"""Dense simulation of ridge regression from a rescaled source."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rmt_alpha._core.checks import check_choice
from rmt_alpha._core.types import FloatArray
from rmt_alpha.simulation.scores import Draws


@dataclass(frozen=True, eq=False, repr=False)
class RegressionDraws(Draws):
    r"""Every fit of a simulated `RidgeRegressionTransfer`, reduced to the three numbers of its risk.

    The fit is affine in alpha, :math:`W_0 + \alpha W_1`.  With :math:`E_0 = W_0 - W_t`, :math:`E_1 = W_1`
    and :math:`H_{ij} = \operatorname{tr}(E_i C E_j^\top)` its risk on a fresh sample is exactly

    .. math:: E \|y - W_\alpha x\|^2 = \sigma^2 + H_{00} + 2 \alpha H_{01} + \alpha^2 H_{11} .

    Parameters
    ----------
    alpha : ndarray
        Where the risk is evaluated, any shape.
    floor : float
        Variance of the noise, all outputs together.
    error_gram : ndarray, shape (replicates, 2, 2)
        H.

    Examples
    --------
    >>> import numpy as np
    >>> import rmt_alpha as ra
    >>> from rmt_alpha.problems.regression import RidgeRegressionTransfer
    >>> problem = RidgeRegressionTransfer(
    ...     1.0, np.ones(20), np.arange(20.0), 1.0, n=30, gamma=0.1
    ... )
    >>> ra.simulate(problem, [0, 1], replicates=10, rng=0).draws.risk.shape
    (10, 2)
    """

    alpha: FloatArray
    floor: float
    error_gram: FloatArray
    kind = "a regression"
    quantities = ("risk",)

    @property
    def replicates(self) -> int:
        """Number of independent draws of the data."""
        return len(self.error_gram)

    @property
    def risk(self) -> FloatArray:
        """Squared error on fresh data, their noise included: shape (replicates, *alpha.shape)."""
        u = np.stack([np.ones_like(self.alpha), self.alpha], axis=-1)
        return np.asarray(self.floor + np.einsum("...i,rij,...j->r...", u, self.error_gram, u))

    def optimal_alpha(self, criterion: str = "risk") -> FloatArray:
        r"""The alpha of least risk of every replicate, :math:`-H_{01}/H_{11}`; 0 if alpha has no effect."""
        check_choice("criterion", criterion, ("risk",))
        cross, square = self.error_gram[:, 0, 1], self.error_gram[:, 1, 1]
        return np.divide(-cross, square, out=np.zeros_like(cross), where=square > 0)
