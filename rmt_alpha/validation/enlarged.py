"""The same problem at a larger size: the theory does not change, and the bias of order 1/n shrinks."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from rmt_alpha._core.types import FloatArray
from rmt_alpha.problems.fine_tuning import FineTuning
from rmt_alpha.problems.low_rank import LowRankTransfer
from rmt_alpha.problems.mixture import GaussianMixture
from rmt_alpha.problems.regression import RidgeRegressionTransfer
from rmt_alpha.problems.sources import FixedSource, Source
from rmt_alpha.simulation.setting import Problem


def enlarged(problem: Problem, factor: int) -> Problem:
    r"""The same problem with ``factor`` times the dimension and samples: the same theory, less bias.

    A `TransferProblem` has its p, n and N multiplied.  In a `FineTuning` or `RidgeRegressionTransfer` every
    coordinate is repeated ``factor`` times, and lengths are kept:

    .. math:: m \to \frac{1}{\sqrt f} (m, \dots, m), \qquad C \to \operatorname{diag}(C, \dots, C), \qquad
        n \to f n,

    source weights like means.  Averages over the dimension, :math:`\frac1n \operatorname{tr} C_a \bar Q`, and
    inner products, :math:`m_a^\top \bar Q\, m_b`, keep their values, and the theory depends on nothing else.

    A `LowRankTransfer` has its p, d and n multiplied, and the squared norms of what is of full rank; its
    spikes and noise are kept.  So do the edges of the bulk and the spikes' places outside; the risk itself
    does not keep its value, as its full-rank part grows and its spikes do not.

    Parameters
    ----------
    problem : TransferProblem, FineTuning, RidgeRegressionTransfer or LowRankTransfer
        With whole sizes, to be simulated.
    factor : int
        At least 1.

    Examples
    --------
    >>> import rmt_alpha as ra
    >>> enlarged(ra.TransferProblem(beta=0.8, p=30, n=20), 2).n
    40.0
    """
    if isinstance(problem, FineTuning):
        larger = tuple(_source(source, factor) for source in problem.sources)
        return dataclasses.replace(
            problem,
            target=_mixture(problem.target, factor),
            source=larger if isinstance(problem.source, tuple) else larger[0],
            n=factor * problem.n,
        )
    if isinstance(problem, RidgeRegressionTransfer):
        return dataclasses.replace(
            problem,
            covariance=blocks(problem.covariance, factor),
            coef_target=repeated(problem.coef_target, factor),
            coef_source=repeated(problem.coef_source, factor),
            n=factor * problem.n,
        )
    if isinstance(problem, LowRankTransfer):
        sizes = {name: factor * getattr(problem, name) for name in ("n", "p", "d")}
        norms = {name: math.sqrt(factor) * getattr(problem, name) for name in ("source_norm", "rest")}
        return dataclasses.replace(problem, **sizes, **norms)
    samples = problem.N if problem.N is None or math.isinf(problem.N) else factor * problem.N
    return dataclasses.replace(problem, p=factor * problem.p, n=factor * problem.n, N=samples)


def _source(source: Source, factor: int) -> Source:
    if isinstance(source, FixedSource):
        return dataclasses.replace(source, weights=repeated(source.weights, factor))
    return dataclasses.replace(source, mixture=_mixture(source.mixture, factor), n=factor * source.n)


def _mixture(mixture: GaussianMixture, factor: int) -> GaussianMixture:
    # A covariance that classes share stays shared.
    larger = {id(each): blocks(each, factor) for each in mixture.covariances}
    covariances = tuple(larger[id(each)] for each in mixture.covariances)
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
