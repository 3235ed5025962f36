r"""`RidgeRegressionTransfer`: ridge regression from a rescaled source, features of any covariance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Unpack

import numpy as np
from numpy.typing import ArrayLike

from rmt_alpha._core.checks import Range, as_real, check_range, check_scalar, frozen
from rmt_alpha._core.pictures.html import Card, Shown
from rmt_alpha._core.types import FloatArray, Real, SimulationOptions
from rmt_alpha._core.values import Value, shown
from rmt_alpha.problems.covariances import parse_one
from rmt_alpha.problems.ranges import RIDGE, SAMPLES

if TYPE_CHECKING:
    from rmt_alpha.simulation.result import Simulation
    from rmt_alpha.theory.curve_array import CurveArray
    from rmt_alpha.theory.mixtures.regression import RegressionCurve
    from rmt_alpha.theory.ridge.mixture import MixtureRidge

NOISE = Range("a finite number >= 0, or one per output", 0.0, math.inf)


@dataclass(frozen=True, eq=False, init=False, repr=False)
class RidgeRegressionTransfer(Value, Shown):
    r"""Multi-output ridge regression fine-tuned from alpha times the source weights.

    .. math:: W_\alpha = \arg\min_W \frac1n \sum_i |y_i - W x_i|^2 + \gamma |W - \alpha W_s|_F^2,
        \qquad x \sim \mathcal N(0, C), \quad y = W_t x + \text{noise} .

    In the limit of large p and n its test risk is

    .. math:: E |y - W_\alpha x|^2 = \frac{\sigma^2
        + \kappa^2 \operatorname{tr}\big[ D\, C (C + \kappa)^{-2} D^\top \big]}
        {1 - \frac1n \operatorname{tr} C^2 (C + \kappa)^{-2}}, \qquad D = W_t - \alpha W_s,
        \quad \kappa = \gamma + \frac{\kappa}{n} \operatorname{tr} C (C + \kappa)^{-1},

    with :math:`\sigma^2` the noise variance summed over outputs, which the risk includes.

    The theory of this problem: :doc:`/theory/mixtures`.

    Parameters
    ----------
    covariance : None, float, array_like of shape (p,) or (p, p)
        Covariance of the features: identity, a multiple of it, diagonal or full; may be singular.
    coef_target, coef_source : array_like of shape (p,) or (d, p)
        True weights of the target task, and weights of the source; one row per output.
    noise : float or array_like of shape (d,)
        Standard deviation of the noise, overall or per output.
    n : float
        Number of target samples, positive; ``inf`` is allowed.
    gamma : float
        Ridge penalty, non-negative, per sample (1/n in front of the loss); 0 is the ridgeless limit.

    Raises
    ------
    TypeError, ValueError
        If arguments do not fit together.  Also, when an answer is asked for, if gamma = 0 and n is the rank
        of the covariance, where the variance is infinite.

    Notes
    -----
    With identity covariance :math:`\alpha^* = \operatorname{tr}(W_t W_s^\top) / \operatorname{tr}(W_s
    W_s^\top)`, exactly, for every n, p, ridge and noise: the expected risk is a constant plus a positive
    multiple of :math:`|W_t - \alpha W_s|_F^2`, and only these two have a finite-size error, of relative order
    1/n.  For :math:`\gamma = 0` and p > n + 1 they are known: the factor is :math:`1 - n/p`, as in the limit,
    and the excess noise is :math:`\sigma^2 n/(p - n - 1)` where the limit has :math:`\sigma^2 n/(p - n)`.
    (In classification the best alpha depends on all of them, see `rmt_alpha.optimal_alpha`.)

    The setting is the appendix of alpha-LoRA, arXiv 2510.21345.

    Examples
    --------
    >>> import numpy as np
    >>> target, source = np.ones(300), np.linspace(0, 1, 300)
    >>> problem = RidgeRegressionTransfer(
    ...     np.linspace(0.1, 2, 300), target, source, 1.0, n=150, gamma=0.1
    ... )
    >>> problem
    RidgeRegressionTransfer(p=300, 1 output, n=150, gamma=0.1)
    >>> problem.curve()
    RegressionCurve(risk 136 at alpha=0, 41.4 at 1, 29.8 at 1.49)
    """

    covariance: FloatArray
    coef_target: FloatArray
    coef_source: FloatArray
    noise: Real
    n: float
    gamma: float

    def __init__(
        self,
        covariance: ArrayLike | None,
        coef_target: ArrayLike,
        coef_source: ArrayLike,
        noise: ArrayLike,
        n: float,
        gamma: float,
    ) -> None:
        target, source = _coefficients("coef_target", coef_target), _coefficients("coef_source", coef_source)
        if target.shape != source.shape:
            raise ValueError(
                f"coef_target and coef_source must have the same shape, got {target.shape} and {source.shape}"
            )
        deviation = np.array(as_real("noise", noise), dtype=float)
        check_range("noise", deviation, NOISE)
        outputs = 1 if target.ndim == 1 else len(target)
        if deviation.shape not in ((), (outputs,)):
            raise ValueError(
                f"noise must be a number or have shape ({outputs},), got shape {deviation.shape}"
            )
        deviation.flags.writeable = False
        vars(self).update(
            covariance=parse_one("covariance", covariance, target.shape[-1]),
            coef_target=target,
            coef_source=source,
            noise=deviation[()],
            n=check_scalar("n", n, SAMPLES),
            gamma=check_scalar("gamma", gamma, RIDGE),
        )

    @property
    def p(self) -> int:
        """Dimension of the features."""
        return int(self.coef_target.shape[-1])

    @cached_property
    def ridge(self) -> MixtureRidge:
        """The effective ridge kappa, with its bracket, residual and status."""
        from rmt_alpha.theory.mixtures.regression import regression_ridge

        return regression_ridge(self)

    def curve(self, dps: int | None = None) -> RegressionCurve:
        """The risk as a function of alpha; ``dps`` digits are for scalar and diagonal covariances."""
        from rmt_alpha.theory.mixtures.regression import regression_curve

        return regression_curve(self, dps)

    def curves(self, n: ArrayLike | None = None, gamma: ArrayLike | None = None) -> CurveArray:
        """The curves for arrays of n and gamma, which broadcast; by default they are the problem's.

        Examples
        --------
        >>> problem = RidgeRegressionTransfer(
        ...     [2.0, 1.0], [1.0, 1.0], [1.0, 0.5], 0.5, n=4, gamma=0.1
        ... )
        >>> problem.curves(n=[4, 8], gamma=[[0.1], [1.0]]).optimal_alpha().round(3)
        array([[1.299, 1.308],
               [1.203, 1.211]])
        """
        from rmt_alpha.theory.curve_array import curve_array

        return curve_array(self, n, gamma)

    def risk(self, alpha: ArrayLike, dps: int | None = None) -> Real:
        """Test risk E|y - W_alpha x|^2 at finite alpha, the noise of the test outputs included."""
        return (self._in_floats if dps is None else self.curve(dps)).risk(alpha)

    def optimal_alpha(self, criterion: str = "risk", dps: int | None = None) -> Real:
        r"""The alpha of least risk.

        .. math:: \alpha^* = \frac{\operatorname{tr}(W_t B W_s^\top)}
            {\operatorname{tr}(W_s B W_s^\top)}, \qquad B = C (C + \kappa)^{-2} .

        With identity covariance it depends on nothing but the weights; otherwise on n and gamma through
        kappa. 0 if the source weights have no influence at all.
        """
        return (self._in_floats if dps is None else self.curve(dps)).optimal_alpha(criterion)

    def gain(self, over: ArrayLike = 1.0) -> Real:
        """Risk that alpha* saves over ``over``: 1 is standard fine-tuning, 0 ignores the source."""
        return self._in_floats.gain(over)

    def equivalent_samples(self, alpha: float | None = None) -> float:
        """How many more target samples would buy, without a source, the risk of ``alpha``, or of alpha*.

        The smallest n' - n >= 0 such that n' samples with alpha = 0 and the same gamma have no larger a risk;
        inf if no number of samples, up to 10^12 times max(n, p), does.

        Examples
        --------
        >>> import numpy as np
        >>> problem = RidgeRegressionTransfer(
        ...     None, np.ones(100), np.full(100, 0.5), 1.0, n=50, gamma=0.1
        ... )
        >>> round(problem.equivalent_samples(0.5), 1)
        26.8
        """
        from rmt_alpha.theory.samples_needed import equivalent_samples

        return equivalent_samples(self, alpha, "risk", self.p)

    def simulate(self, alpha: ArrayLike, **options: Unpack[SimulationOptions]) -> Simulation:
        """Weights trained on random data, each scored exactly; see `rmt_alpha.simulate`."""
        from rmt_alpha.simulation import simulate

        return simulate(self, alpha, **options)

    @cached_property
    def _in_floats(self) -> RegressionCurve:
        from rmt_alpha.theory.mixtures.regression import regression_curve

        return regression_curve(self)

    def _facts(self) -> dict[str, object]:
        facts: dict[str, object] = {"p": self.p, "outputs": len(np.atleast_2d(self.coef_target))}
        facts |= {"variances": self.covariance if self.covariance.ndim < 2 else self.covariance.diagonal()}
        return facts | {"noise": self.noise, "n": self.n, "gamma": self.gamma}

    def _card(self) -> Card:
        from rmt_alpha.theory.pictures import problem_card

        return problem_card(self)

    def __repr__(self) -> str:
        outputs = 1 if self.coef_target.ndim == 1 else len(self.coef_target)
        count = f"{outputs} output{'s' * (outputs > 1)}"
        return f"RidgeRegressionTransfer(p={self.p}, {count}, n={shown(self.n)}, gamma={shown(self.gamma)})"


def _coefficients(name: str, value: ArrayLike) -> FloatArray:
    array: FloatArray = np.array(as_real(name, value), dtype=np.float64)
    if array.ndim not in (1, 2) or array.size == 0:
        raise ValueError(f"{name} must have shape (p,) or (d, p), got shape {array.shape}")
    return frozen(name, array)
