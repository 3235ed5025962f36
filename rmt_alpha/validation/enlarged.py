"""The same problem at a larger size: the theory does not change, and the bias of order 1/n shrinks."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from rmt_alpha._core.types import FloatArray
from rmt_alpha.simulation.regression import is_regression
from rmt_alpha.simulation.setting import is_fine_tuning, sources_of


def enlarged(problem: Any, factor: int) -> Any:
    r"""The same problem with ``factor`` times the dimension and samples: the same theory, less bias.

    A `TransferProblem` has its p, n and N multiplied.  In a `FineTuning` or `RidgeRegressionTransfer` every
    coordinate is repeated ``factor`` times, and lengths are kept:

    .. math:: m \to \frac{1}{\sqrt f} (m, \dots, m), \qquad C \to \operatorname{diag}(C, \dots, C), \qquad
        n \to f n,

    source weights like means.  Averages over the dimension, :math:`\frac1n \operatorname{tr} C_a \bar Q`, and
    inner products, :math:`m_a^\top \bar Q\, m_b`, keep their values, and the theory depends on nothing else.

    Parameters
    ----------
    problem : TransferProblem, FineTuning or RidgeRegressionTransfer
        With whole sizes, to be simulated.
    factor : int
        At least 1.

    Examples
    --------
    >>> import rmt_alpha as ra
    >>> enlarged(ra.TransferProblem(beta=0.8, p=30, n=20), 2).n
    40.0
    """
    if is_fine_tuning(problem):
        return _fine_tuning(problem, factor)
    if is_regression(problem):
        coefficients = {
            name: repeated(getattr(problem, name), factor) for name in ("coef_target", "coef_source")
        }
        covariance = blocks(problem.covariance, factor)
        return dataclasses.replace(problem, covariance=covariance, n=factor * problem.n, **coefficients)
    larger = {"p": factor * problem.p, "n": factor * problem.n}
    if problem.N is not None and math.isfinite(problem.N):
        larger["N"] = factor * problem.N
    return dataclasses.replace(problem, **larger)


def _fine_tuning(problem: Any, factor: int) -> Any:
    larger = tuple(_source(source, factor) for source in sources_of(problem))
    return dataclasses.replace(
        problem,
        target=_mixture(problem.target, factor),
        source=larger if isinstance(problem.source, Sequence) else larger[0],
        n=factor * problem.n,
    )


def _source(source: Any, factor: int) -> Any:
    if hasattr(source, "weights"):
        return dataclasses.replace(source, weights=repeated(source.weights, factor))
    return dataclasses.replace(source, mixture=_mixture(source.mixture, factor), n=factor * source.n)


def _mixture(mixture: Any, factor: int) -> Any:
    # A covariance that classes share stays shared.
    larger = {id(each): blocks(each, factor) for each in mixture.covariances}
    covariances = [larger[id(each)] for each in mixture.covariances]
    return dataclasses.replace(mixture, means=repeated(mixture.means, factor), covariances=covariances)


def repeated(vectors: FloatArray, factor: int) -> FloatArray:
    """Vectors (last axis) repeated ``factor`` times, at their lengths."""
    return np.asarray(np.concatenate([vectors] * factor, axis=-1) / math.sqrt(factor))


def blocks(covariance: FloatArray, factor: int) -> FloatArray:
    """Covariance of ``factor`` independent copies of N(0, C): C is a number, a diagonal or a matrix."""
    if covariance.ndim == 0:
        return covariance
    if covariance.ndim == 1:
        return np.tile(covariance, factor)
    return np.asarray(np.kron(np.eye(factor), covariance))
