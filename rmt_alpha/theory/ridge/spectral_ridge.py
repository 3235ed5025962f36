"""The effective ridge of any spectrum, as a function of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import mpmath
import numpy as np

from rmt_alpha._core import arithmetic
from rmt_alpha._core.checks import as_real, check_dps, check_range
from rmt_alpha.theory.ridge.basis import STANDARD
from rmt_alpha.theory.ridge.fixed_point import FixedPoint
from rmt_alpha.theory.ridge.isotropic import RIDGE, SAMPLES
from rmt_alpha.theory.ridge.mixture import fit_ridge
from rmt_alpha.theory.ridge.spectrum import Spectrum


def spectrum_ridge(eigenvalues: Any, n: Any, gamma: Any, *, dps: int | None = None) -> FixedPoint:
    r"""Effective ridge of a ridge fit whose features have one covariance with these eigenvalues.

    .. math:: \kappa = \gamma + \frac{\kappa}{n} \sum_{i=1}^p \frac{\lambda_i}{\lambda_i + \kappa}

    Parameters
    ----------
    eigenvalues : array_like of shape (p,)
        Eigenvalues of the covariance, non-negative.
    n : float
        Number of samples, positive; ``inf`` is allowed.
    gamma : float
        Ridge penalty per sample, non-negative; 0 is the ridgeless limit.
    dps : int or None
        None: float64.  Otherwise decimal digits of an mpmath evaluation; arguments may then be strings.

    Returns
    -------
    FixedPoint
        ``value`` with its bracket ``lower``, ``upper``, all of shape (1,); residual, iterations and status.

    Raises
    ------
    TypeError
        If an argument is not made of real numbers.
    ValueError
        If an argument is outside its range, or gamma = 0 with n equal to the number of positive eigenvalues.

    See Also
    --------
    effective_ridge : identity covariance, in closed form and broadcasting.

    Examples
    --------
    >>> solution = spectrum_ridge([1.0] * 400, n=100, gamma=0.5)
    >>> round(float(solution.value[0]), 12), solution.status
    (3.637458608818, 'converged')
    >>> import mpmath
    >>> print(
    ...     mpmath.nstr(
    ...         spectrum_ridge([1, 1, 1, 1], n=1, gamma="0.5", dps=30).value[0], 30
    ...     )
    ... )
    3.63745860881768742430917120174
    """
    with arithmetic.working_precision(check_dps(dps)):
        convert = as_real if dps is None else arithmetic.exact_numbers
        values = np.asarray(convert("eigenvalues", eigenvalues))
        n, gamma = convert("n", n), convert("gamma", gamma)
        if values.ndim != 1 or values.size == 0 or np.ndim(n) or np.ndim(gamma):
            raise ValueError(
                "eigenvalues must have shape (p,), n and gamma must be numbers, got shapes "
                f"{values.shape}, {np.shape(n)} and {np.shape(gamma)}"
            )
        check_range("eigenvalues", values, RIDGE)
        check_range("n", n, SAMPLES)
        check_range("gamma", gamma, RIDGE)
        everyone = np.array([1.0 if dps is None else mpmath.mpf(1)])
        solution = fit_ridge(Spectrum(STANDARD, values[None], everyone, values.size), n, gamma).solution
        names = ("value", "lower", "upper")
        return replace(solution, **{name: arithmetic.rounded(getattr(solution, name), dps) for name in names})
