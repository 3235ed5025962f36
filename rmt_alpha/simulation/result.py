"""`Simulation`: averages over draws of the data, with their standard errors."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from rmt_alpha._core.types import FloatArray


@dataclass(frozen=True, eq=False)
class Simulation:
    r"""Averages over independent draws of the data, with standard errors.

    .. math:: \bar q(\alpha) = \frac 1 R \sum_r q_r(\alpha), \qquad
        \text{stderr} = \Bigl[ \frac{1}{R (R-1)} \sum_r (q_r - \bar q)^2 \Bigr]^{1/2}

    for q the mean, the variance, the accuracy and the risk of each of R trained classifiers, and by class
    (last axis) its accuracy and the mean and variance of its score.  A single replicate says nothing about
    its error, so its standard error is infinite.  A regression has a risk only.

    Parameters
    ----------
    problem : TransferProblem, FineTuning or RidgeRegressionTransfer
        What was simulated.
    alpha : ndarray
        The alphas, any shape; all averages have this shape (floats for a scalar).  For k sources the last
        axis holds the k components, and averages have the shape of the others.
    method : {"dense", "krylov"}
        How it was simulated.
    draws : Draws, MixtureDraws, LossDraws or RegressionDraws
        The single replicates.
    truncation_error : float
        Estimated relative error of the five numbers of a replicate (worst replicate) from cutting the Krylov
        chain; 0 if nothing was cut.
    chain_length : int
        Longest Krylov chain that was solved, in vectors; 0 for ``method="dense"``.
    seed : numpy.random.SeedSequence
        Pass it as ``rng`` to repeat the run bit by bit.

    Examples
    --------
    >>> import rmt_alpha as ra
    >>> problem = ra.TransferProblem(beta=0.8, p=400, n=40)
    >>> simulation = ra.simulate(problem, [0, 1], replicates=400, rng=0)
    >>> theory = problem.curve().accuracy(simulation.alpha)
    >>> bool((abs(simulation.accuracy - theory) < 0.01).all())
    True
    """

    problem: Any
    alpha: FloatArray
    method: str
    draws: Any = field(repr=False)
    truncation_error: float
    chain_length: int
    seed: np.random.SeedSequence = field(repr=False)

    @property
    def replicates(self) -> int:
        """Number of independent draws of the data."""
        return int(self.draws.replicates)

    @property
    def mean(self) -> Any:
        """Average mean of the score."""
        return _average(self.draws.mean)

    @property
    def mean_stderr(self) -> Any:
        """Standard error of `mean`."""
        return _stderr(self.draws.mean)

    @property
    def variance(self) -> Any:
        """Average variance of the score (given the classifier)."""
        return _average(self.draws.variance)

    @property
    def variance_stderr(self) -> Any:
        """Standard error of `variance`."""
        return _stderr(self.draws.variance)

    @property
    def accuracy(self) -> Any:
        """Average signed accuracy on fresh target data."""
        return _average(self.draws.accuracy)

    @property
    def accuracy_stderr(self) -> Any:
        """Standard error of `accuracy`."""
        return _stderr(self.draws.accuracy)

    @property
    def risk(self) -> Any:
        """Average squared error on fresh target data."""
        return _average(self.draws.risk)

    @property
    def risk_stderr(self) -> Any:
        """Standard error of `risk`."""
        return _stderr(self.draws.risk)

    @property
    def class_accuracy(self) -> Any:
        """Average probability that a fresh sample of each class is classified rightly, class on last axis."""
        return _average(self.draws.class_accuracy)

    @property
    def class_accuracy_stderr(self) -> Any:
        """Standard error of `class_accuracy`."""
        return _stderr(self.draws.class_accuracy)

    @property
    def class_mean(self) -> Any:
        """Average mean of the score in each class; one-hot scores have another axis."""
        return _average(self.draws.class_mean)

    @property
    def class_mean_stderr(self) -> Any:
        """Standard error of `class_mean`."""
        return _stderr(self.draws.class_mean)

    @property
    def class_variance(self) -> Any:
        """Average variance of the score in each class (given the classifier)."""
        return _average(self.draws.class_variance)

    @property
    def class_variance_stderr(self) -> Any:
        """Standard error of `class_variance`."""
        return _stderr(self.draws.class_variance)

    @property
    def class_std(self) -> Any:
        """Average standard deviation of the score in each class (given the classifier)."""
        return _average(self.draws.class_std)

    @property
    def class_std_stderr(self) -> Any:
        """Standard error of `class_std`."""
        return _stderr(self.draws.class_std)

    @property
    def training_loss(self) -> Any:
        """Average loss on the training sample; only where the loss is not squared."""
        return _average(self.draws.training_loss)

    @property
    def training_loss_stderr(self) -> Any:
        """Standard error of `training_loss`."""
        return _stderr(self.draws.training_loss)

    @property
    def training_accuracy(self) -> Any:
        """Average accuracy on the training sample; only where the loss is not squared."""
        return _average(self.draws.training_accuracy)

    @property
    def training_accuracy_stderr(self) -> Any:
        """Standard error of `training_accuracy`."""
        return _stderr(self.draws.training_accuracy)

    def at(self, alpha: Any) -> Simulation:
        """The same classifiers at other alphas; nothing is drawn again."""
        draws = self.draws.at(alpha)
        return replace(self, alpha=draws.alpha, draws=draws)


def _average(values: FloatArray) -> Any:
    # Relative to the first replicate: what does not vary is averaged without rounding, and has no spread.
    return _plain(values[0] + (values - values[0]).mean(axis=0))


def _stderr(values: FloatArray) -> Any:
    count = len(values)
    if count == 1:
        return _plain(np.full(values.shape[1:], np.inf))
    return _plain((values - values[0]).std(axis=0, ddof=1) / np.sqrt(count))


def _plain(value: Any) -> Any:
    return float(value) if np.ndim(value) == 0 else value
