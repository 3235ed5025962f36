"""The one-line functions: `optimal_alpha`, `accuracy`, `risk` and `neutral_alpha` of the isotropic model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from rmt_alpha._core import arithmetic
from rmt_alpha._core.alphas import BLOCK
from rmt_alpha._core.checks import as_real, check_choice, check_dps, common_shape
from rmt_alpha._core.types import Real
from rmt_alpha.problems.transfer import TransferProblem
from rmt_alpha.theory.isotropic.curve import AlphaCurve

Question = Callable[..., Real]

FIELDS = ("beta", "p", "n", "N", "mu", "mu_orth", "gamma", "gamma_source")
"""What all four functions take, in this order."""


def optimal_alpha(
    beta: ArrayLike,
    p: ArrayLike,
    n: ArrayLike,
    *,
    N: ArrayLike | None = None,
    mu: ArrayLike = 1.0,
    mu_orth: ArrayLike = 1.0,
    gamma: ArrayLike = 1.0,
    gamma_source: ArrayLike = 1.0,
    criterion: str = "accuracy",
    dps: int | None = None,
) -> Real:
    r"""The factor by which the frozen source weights should be multiplied.

    .. math:: \alpha^* = \frac{\eta\, L\, s}{\kappa\,[(L + m^2)\, m^2 c_2 + \eta\, s^2]}, \qquad
        \eta = p/n, \quad \kappa = \gamma + \frac{\eta\kappa}{1 + \kappa}, \quad L = 1 + \kappa,

    where m is the norm of the target mean :math:`m_t`, :math:`s = \tilde w^\top m_t` and :math:`c_2` the
    squared length of the source vector :math:`\tilde w` across :math:`m_t`.

    Parameters
    ----------
    beta : float or array_like
        Alignment of the target mean with the source mean, in [-1, 1].
    p, n : float or array_like
        Dimension and number of target samples, positive.
    N : float, array_like or None
        Source samples.  None: the source direction is known exactly, w~ = m_s; inf: infinitely many.
    mu, mu_orth : float or array_like
        Norms of the source mean and of the part of the target mean orthogonal to it.
    gamma, gamma_source : float or array_like
        Ridge penalties, non-negative, per-sample convention (1/n in front of the loss).
    criterion : {"accuracy", "risk"}
        Maximise the test accuracy (to classify), or minimise E(y - w.x)^2 (when the score itself is used).
    dps : int or None
        None: float64.  Otherwise the number of decimal digits of an mpmath evaluation, which returns mpf;
        arguments may then be strings such as ``"0.8"``, mpf, Fraction or Decimal.

    Returns
    -------
    float, array or mpf
        alpha*: 0 if beta = 0; the signed infinity that it tends to where the ridge is 0 and p < n.

    See Also
    --------
    TransferProblem : the same model as an object, and other geometries.

    Examples
    --------
    >>> from rmt_alpha import optimal_alpha
    >>> round(optimal_alpha(0.8, 400, 40), 4)
    0.8174
    >>> optimal_alpha([-0.5, 0, 0.5], 400, 40, N=2000).round(4)
    array([-1.1622,  0.    ,  1.1622])
    >>> import mpmath
    >>> print(mpmath.nstr(optimal_alpha("0.8", 400, 40, dps=30), 30))
    0.817445578903182373967662869777
    """
    check_choice("criterion", criterion, AlphaCurve.criteria)
    given = (beta, p, n, N, mu, mu_orth, gamma, gamma_source)
    return _ask(AlphaCurve.optimal_alpha, (), given, dps, criterion=criterion)


def accuracy(
    alpha: ArrayLike,
    beta: ArrayLike,
    p: ArrayLike,
    n: ArrayLike,
    *,
    N: ArrayLike | None = None,
    mu: ArrayLike = 1.0,
    mu_orth: ArrayLike = 1.0,
    gamma: ArrayLike = 1.0,
    gamma_source: ArrayLike = 1.0,
    dps: int | None = None,
) -> Real:
    r"""Test accuracy after fine-tuning from alpha times the source weights.

    .. math:: \text{accuracy} = \Phi(m_\alpha / \sigma_\alpha), \qquad
        m_\alpha = \frac{m^2 + \alpha\kappa s}{L + m^2}, \qquad
        \sigma_\alpha^2 = \frac1h\Big[\frac{m_\alpha^2}{m^2} + \frac{\alpha^2\kappa^2 c_2}{L^2}
        + (1-h)(1-m_\alpha)^2\Big].

    It is signed: below 1/2 the classifier is wrong more often than right.

    Parameters
    ----------
    alpha : float or array_like
        Factor of the source weights: 0 ignores them, 1 is standard fine-tuning; inf is the source alone.
    beta, p, n, N, mu, mu_orth, gamma, gamma_source, dps
        As in `optimal_alpha`; all arguments broadcast.

    Returns
    -------
    float, array or mpf
        Accuracy in [0, 1].  Near 0 or 1 use the curve's ``error``, ``log_error`` and ``log_accuracy``.

    Examples
    --------
    >>> from rmt_alpha import accuracy
    >>> round(accuracy(1, 0.8, 400, 40), 4)
    0.7802
    >>> accuracy([0, 1, 0.8174], 0.8, 400, 40).round(4)
    array([0.6137, 0.7802, 0.7806])
    """
    return _ask(AlphaCurve.accuracy, (alpha,), (beta, p, n, N, mu, mu_orth, gamma, gamma_source), dps)


def risk(
    alpha: ArrayLike,
    beta: ArrayLike,
    p: ArrayLike,
    n: ArrayLike,
    *,
    N: ArrayLike | None = None,
    mu: ArrayLike = 1.0,
    mu_orth: ArrayLike = 1.0,
    gamma: ArrayLike = 1.0,
    gamma_source: ArrayLike = 1.0,
    dps: int | None = None,
) -> Real:
    r"""Squared test risk after fine-tuning from alpha times the source weights.

    .. math:: E (y - w_\alpha^\top x)^2 = \sigma_\alpha^2 + (1 - m_\alpha)^2 .

    Parameters
    ----------
    alpha : float or array_like
        Factor of the source weights.
    beta, p, n, N, mu, mu_orth, gamma, gamma_source, dps
        As in `optimal_alpha`; all arguments broadcast.

    Returns
    -------
    float, array or mpf
        The risk; 1 is the risk of predicting 0 always.

    Examples
    --------
    >>> from rmt_alpha import risk
    >>> round(risk(1, 0.8, 400, 40), 4)
    1.005
    """
    return _ask(AlphaCurve.risk, (alpha,), (beta, p, n, N, mu, mu_orth, gamma, gamma_source), dps)


def neutral_alpha(
    beta: ArrayLike,
    p: ArrayLike,
    n: ArrayLike,
    *,
    N: ArrayLike | None = None,
    mu: ArrayLike = 1.0,
    mu_orth: ArrayLike = 1.0,
    gamma: ArrayLike = 1.0,
    gamma_source: ArrayLike = 1.0,
    dps: int | None = None,
) -> Real:
    r"""The alpha at which the score is centred at zero and accuracy is exactly 1/2.

    .. math:: \alpha_0 = -\frac{m^2}{\kappa\, s}, \qquad s = \tilde w^\top m_t .

    Parameters
    ----------
    beta, p, n, N, mu, mu_orth, gamma, gamma_source, dps
        As in `optimal_alpha`; all arguments broadcast.

    Returns
    -------
    float, array or mpf
        inf where there is none: beta = 0, or no ridge and p < n.

    Examples
    --------
    >>> from rmt_alpha import neutral_alpha
    >>> round(neutral_alpha(0.8, 400, 40), 4), neutral_alpha(0, 400, 40)
    (-0.1238, inf)
    """
    return _ask(AlphaCurve.neutral_alpha, (), (beta, p, n, N, mu, mu_orth, gamma, gamma_source), dps)


def _ask(
    question: Question, alpha: tuple[Any, ...], given: tuple[Any, ...], dps: int | None, **options: Any
) -> Real:
    """Build the problem, ask its curve; long arrays go through in blocks that stay in the cache."""
    values, dps = dict(zip(FIELDS, given, strict=True)), check_dps(dps)
    if dps is not None:
        with arithmetic.working_precision(dps):
            values = {k: None if v is None else arithmetic.exact_numbers(k, v) for k, v in values.items()}
        return question(TransferProblem(**values).curve(dps), *alpha, **options)
    if any(type(v) not in (float, int) and np.size(v) > BLOCK for v in values.values()):
        return _ask_in_blocks(question, alpha, values, options)
    return question(TransferProblem(**values).curve(), *alpha, **options)


def _ask_in_blocks(
    question: Question, alpha: tuple[Any, ...], values: dict[str, Any], options: dict[str, Any]
) -> np.ndarray[Any, Any]:
    given = values | dict(zip(("alpha",), alpha, strict=False))
    named = {k: v if _is_float_array(v) else as_real(k, v) for k, v in given.items() if v is not None}
    shape = common_shape(named)
    flat = {k: np.broadcast_to(v, shape).reshape(-1).view() if np.ndim(v) else v for k, v in named.items()}
    for view in flat.values():
        if isinstance(view, np.ndarray):
            view.flags.writeable = False  # blocks of it need no defensive copies
    result = np.empty(int(np.prod(shape)))
    for start in range(0, result.size, BLOCK):
        block = {n: v[start : start + BLOCK] if isinstance(v, np.ndarray) else v for n, v in flat.items()}
        at = (block.pop("alpha"),) if alpha else ()
        result[start : start + BLOCK] = question(TransferProblem(**block).curve(), *at, **options)
    return result.reshape(shape)


def _is_float_array(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype == np.float64 and value.ndim > 0
