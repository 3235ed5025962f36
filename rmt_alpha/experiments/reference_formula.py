r"""What the reference implementation of alpha-LoRA computes for a ridge-trained source: wrong on purpose.

Do not repair this module.  It states, in our own words, what the public code of the paper "alpha-LoRA" (arXiv
2510.21345; ``rmt_results.py`` of the repository ``elfirdoussilab1/alpha-LoRA``) evaluates, so that the
published numbers can be reproduced and the difference to the right formula can be shown.  For every other
purpose use `rmt_alpha.optimal_alpha` and `rmt_alpha.TransferProblem`.

The one error is the squared norm of the source classifier :math:`\tilde w`, trained by ridge regression on N
samples.  With :math:`\tilde\kappa` the effective ridge of the source stage, :math:`\tilde h = 1 - (p/N) /
(1 + \tilde\kappa)^2` and :math:`\tilde\lambda = 1 + \tilde\kappa + \|\mu\|^2` it uses, in effect,

.. math:: \frac{\|\mu\|^2}{\tilde\lambda^2} + (1 - \tilde h)\Bigl(1 - \frac{2\|\mu\|^2}{\tilde\lambda}\Bigr)
   \qquad\text{instead of}\qquad
   \|\tilde w\|^2 = \frac1{\tilde h}\Bigl[\frac{\|\mu\|^2}{\tilde\lambda^2}
   + (1 - \tilde h)\Bigl(1 - \frac{\|\mu\|^2}{\tilde\lambda}\Bigr)^2\Bigr].

The division by :math:`\tilde h` and the square :math:`\|\mu\|^4/\tilde\lambda^2` are missing.  The two agree
as :math:`\tilde h \to 1`, that is for N much larger than p or a large ridge, and part company as N approaches
p. The wrong value can even be negative: then the "variance" of the score is negative for large alpha, the
accuracy is NaN and "alpha*" maximises nothing.  Everything else in that code (the mean, the fine-tuning
stage, and its formulas for a fixed source vector) agrees with ours.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

from rmt_alpha._core.checks import Range, as_real, check_range
from rmt_alpha.problems.ranges import DIMENSION, LARGEST, SAMPLES
from rmt_alpha.theory.ridge.closed_form import effective_ridge

_RIDGE = Range(
    "a positive finite number", 0.0, math.inf, open_low=True, smallest=1 / LARGEST, largest=LARGEST
)
_FINITE = Range("a finite number", -math.inf, math.inf, largest=LARGEST)
_NORM = Range("a finite number >= 0", 0.0, math.inf, largest=LARGEST)


@dataclass(frozen=True, eq=False)
class ReferenceCurve:
    """The reference implementation's law of the score as a function of alpha (wrong, see the module).

    Built by `reference_curve`.  All methods take alpha as a scalar or an array that broadcasts with the
    arguments of the problem and return a Python float for scalars.
    """

    source_norm2: Any
    """What stands for the squared norm of the source classifier.  Can be negative."""
    _target_norm2: Any
    _overlap: Any
    _eta: Any
    _kappa: Any
    _lift: Any
    _freedom: Any

    def mean(self, alpha: Any) -> Any:
        """Mean of the score, E[y w.x].  This one is right."""
        pull = _array("alpha", alpha) * self._kappa * self._overlap
        return _plain((self._target_norm2 + pull) / (self._lift + self._target_norm2))

    def variance(self, alpha: Any) -> Any:
        """What stands for the variance of the score; negative where the error is gross."""
        # Same expression as for a fixed source of squared norm `source_norm2` and overlap <w~, mu_target>,
        # multiplied out so that a target of norm 0 needs no limit.
        strength = _array("alpha", alpha) * self._kappa
        pull, lift, target2 = strength * self._overlap, self._lift, self._target_norm2
        full = lift + target2
        learned = (target2 + 2 * pull) / full**2
        prior = strength**2 * self.source_norm2 / lift**2 - pull**2 * (lift + full) / (full * lift) ** 2
        noise = (1 - self._freedom) * ((lift - pull) / full) ** 2
        return _plain((learned + prior + noise) / self._freedom)

    def accuracy(self, alpha: Any, *, folded: bool = True) -> Any:
        """Predicted accuracy; NaN where the "variance" is negative.

        Parameters
        ----------
        alpha : float or array_like
            Factor of the source weights.
        folded : bool, default True
            As in the reference implementation, Phi(abs(mean)/std) >= 1/2: a classifier that is always wrong
            counts as always right.  False gives Phi(mean/std).
        """
        mean = np.asarray(self.mean(alpha))
        with np.errstate(invalid="ignore", divide="ignore"):
            margin = mean / np.sqrt(np.asarray(self.variance(alpha)))
        return _plain(special.ndtr(np.abs(margin) if folded else margin))

    def optimal_alpha(self) -> Any:
        """The alpha* of the reference implementation (a maximiser only where its variance is positive)."""
        overlap, target2, lift = self._overlap, self._target_norm2, self._lift
        across = target2 * self.source_norm2 - overlap**2
        slope = self._kappa * ((lift + target2) * across + self._eta * overlap**2)
        with np.errstate(invalid="ignore", divide="ignore"):
            return _plain(np.asarray(self._eta * lift * overlap) / slope)


def reference_curve(
    beta: Any,
    p: Any,
    n: Any,
    *,
    N: Any,
    mu: Any = 1.0,
    mu_orth: Any = 1.0,
    gamma: Any = 1.0,
    gamma_source: Any = 1.0,
) -> ReferenceCurve:
    r"""The curve in alpha that the reference implementation draws for a ridge-trained source (wrong).

    Parameters
    ----------
    beta : float or array_like
        Alignment.  Not confined to [-1, 1]: the reference implementation estimates it as
        :math:`\langle\mu, \mu_\beta\rangle / \|\mu\|^2`.
    p, n : float or array_like
        Dimension and number of target samples.
    N : float or array_like
        Number of source samples; ``inf`` is allowed (and there the formula is right).
    mu, mu_orth : float or array_like
        Norms of the source mean and of the orthogonal direction; the target mean has squared norm
        :math:`\beta^2 \|\mu\|^2 + (1 - \beta^2) \|\mu_\perp\|^2`.
    gamma, gamma_source : float or array_like
        Ridges of the target and source stage, per-sample convention, positive.

    Returns
    -------
    ReferenceCurve
        Its mean, variance and accuracy as functions of alpha.

    Raises
    ------
    ValueError
        If an argument is outside its range.

    Examples
    --------
    The right accuracy here is 0.859; 0.860 +- 0.001 was measured in simulation.

    >>> problem = dict(
    ...     beta=0.7, p=400, n=100, N=800, mu=2.0, gamma=0.5, gamma_source=0.1
    ... )
    >>> curve = reference_curve(**problem)
    >>> round(curve.accuracy(1.0), 3), round(curve.optimal_alpha(), 3)
    (0.976, -1.564)
    >>> import rmt_alpha as ra
    >>> round(ra.accuracy(1.0, **problem), 3), round(ra.optimal_alpha(**problem), 3)
    (0.859, 0.742)

    In the paper's figures N is much larger than p and the source ridge is large: 4.132 against the right
    4.099.

    >>> paper = dict(
    ...     p=1000, n=40, N=5000, mu=0.8, mu_orth=0.8, gamma=0.1, gamma_source=5
    ... )
    >>> round(reference_curve(0.5, **paper).optimal_alpha(), 3)
    4.132
    """
    beta, mu, mu_orth = _array("beta", beta), _array("mu", mu, _NORM), _array("mu_orth", mu_orth, _NORM)
    p, n = _array("p", p, DIMENSION), _array("n", n, DIMENSION)
    N = _array("N", N, SAMPLES)
    gamma, gamma_source = _array("gamma", gamma, _RIDGE), _array("gamma_source", gamma_source, _RIDGE)
    source, target = effective_ridge(p, N, gamma_source), effective_ridge(p, n, gamma)
    mu2 = mu * mu
    full = source.lift + mu2
    # The error: compare with [mu^2/full^2 + noise (1 - mu^2/full)^2] / freedom.
    source_norm2 = mu2 / full**2 + source.noise * (1 - 2 * mu2 / full)
    return ReferenceCurve(
        source_norm2=_plain(source_norm2),
        _target_norm2=beta**2 * mu2 + (1 - beta**2) * mu_orth**2,
        _overlap=beta * mu2 / full,
        _eta=p / n,
        _kappa=target.kappa,
        _lift=target.lift,
        _freedom=target.freedom,
    )


def _array(name: str, value: Any, allowed: Range = _FINITE) -> Any:
    value = as_real(name, value)
    check_range(name, value, allowed)
    return np.asarray(value, float)


def _plain(value: Any) -> Any:
    value = np.asarray(value)
    return value if value.ndim else float(value)
