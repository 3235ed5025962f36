"""`Simulation`: averages over draws of the data, with their standard errors."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import overload

import numpy as np
from numpy.typing import ArrayLike

from rmt_alpha._core.pictures.html import Card, Shown
from rmt_alpha._core.pictures.svg import plot
from rmt_alpha._core.types import FloatArray, Real
from rmt_alpha._core.values import Value
from rmt_alpha.simulation.scores import Draws
from rmt_alpha.simulation.setting import Problem

ENTRIES = 1 << 22
"""Of an array of draws and alphas: averages of more are taken over some alphas at a time."""


class Average:
    """An average over draws as an attribute; its standard error if the name ends in ``_stderr``."""

    def __init__(self, text: str) -> None:
        self.__doc__ = text

    def __set_name__(self, owner: type, name: str) -> None:
        self.name, self.quantity = name, name.removesuffix("_stderr")

    @overload
    def __get__(self, run: None, owner: type) -> Average: ...
    @overload
    def __get__(self, run: Simulation, owner: type) -> Real: ...
    def __get__(self, run: Simulation | None, owner: type) -> Average | Real:
        if run is None:
            return self
        over_draws = _average if self.name == self.quantity else _stderr
        parts = run.draws._parts(ENTRIES)
        if not parts:
            return over_draws(getattr(run.draws, self.quantity))
        found = np.concatenate([over_draws(getattr(run.draws.at(part), self.quantity)) for part in parts])
        return found.reshape(*run.draws._shape, *found.shape[1:])


@dataclass(frozen=True, eq=False)
class Simulation(Value, Shown):
    r"""Averages over independent draws of the data, with standard errors.

    .. math:: \bar q(\alpha) = \frac 1 R \sum_r q_r(\alpha), \qquad
        \text{stderr} = \Bigl[ \frac{1}{R (R-1)} \sum_r (q_r - \bar q)^2 \Bigr]^{1/2}

    for q the mean, the variance, the accuracy and the risk of each of R trained classifiers, and by class
    (last axis) its accuracy and the mean and variance of its score.  A single replicate says nothing about
    its error, so its standard error is infinite.  A regression has a risk only.

    Parameters
    ----------
    problem : TransferProblem, FineTuning, RidgeRegressionTransfer or LowRankTransfer
        What was simulated.
    alpha : ndarray
        The alphas, any shape; all averages have this shape (floats for a scalar).  For k sources the last
        axis holds the k components, and averages have the shape of the others.
    method : {"dense", "krylov"}
        How it was simulated.
    draws : TransferDraws, MixtureDraws, LossDraws, RegressionDraws or LowRankDraws
        The single replicates, scored.
    truncation_error : float
        Estimated relative error of what is kept of a replicate (worst replicate) from cutting the Krylov
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

    problem: Problem
    alpha: FloatArray
    method: str
    draws: Draws
    truncation_error: float
    chain_length: int
    seed: np.random.SeedSequence

    mean = Average("Average mean of label times score.")
    mean_stderr = Average("Standard error of `mean`.")
    variance = Average("Average variance of label times score (given the classifier).")
    variance_stderr = Average("Standard error of `variance`.")
    accuracy = Average("Average signed accuracy on fresh target data.")
    accuracy_stderr = Average("Standard error of `accuracy`.")
    risk = Average("Average squared error on fresh target data.")
    risk_stderr = Average("Standard error of `risk`.")
    excess_risk = Average("The same without the noise of the data; only of a regression of low rank.")
    excess_risk_stderr = Average("Standard error of `excess_risk`.")
    class_accuracy = Average(
        "Average probability that a fresh sample of each class is classified rightly, class on last axis."
    )
    class_accuracy_stderr = Average("Standard error of `class_accuracy`.")
    class_mean = Average("Average mean of the score in each class; one-hot scores have another axis.")
    class_mean_stderr = Average("Standard error of `class_mean`.")
    class_variance = Average("Average variance of the score in each class (given the classifier).")
    class_variance_stderr = Average("Standard error of `class_variance`.")
    class_std = Average("Average standard deviation of the score in each class (given the classifier).")
    class_std_stderr = Average("Standard error of `class_std`.")
    training_loss = Average("Average loss on the training sample; only where the loss is not squared.")
    training_loss_stderr = Average("Standard error of `training_loss`.")
    training_accuracy = Average(
        "Average accuracy on the training sample; only where the loss is not squared."
    )
    training_accuracy_stderr = Average("Standard error of `training_accuracy`.")

    @property
    def replicates(self) -> int:
        """Number of independent draws of the data."""
        return self.draws.replicates

    def at(self, alpha: ArrayLike) -> Simulation:
        """The same classifiers at other alphas; nothing is drawn again."""
        draws = self.draws.at(alpha)
        return replace(self, alpha=draws.alpha, draws=draws)

    def _card(self) -> Card:
        name = self.draws.quantities[0]
        values, errors = np.ravel(getattr(self, name)), np.ravel(getattr(self, f"{name}_stderr"))
        one = np.size(self.alpha) == values.size
        at, axis = (self.alpha, "alpha") if one else (np.arange(values.size), "number of alpha")
        rows = {"problem": repr(self.problem), "draws": self.replicates, "method": self.method}
        rows |= {"alphas": self.alpha, name: values, "standard error": errors}
        bars = np.where(np.isfinite(errors), 2 * errors, 0.0)
        picture = plot(f"simulated {name} against {axis}", (axis, name), points=(at, values, bars))
        return Card(rows, picture, "Picture: bars are two standard errors." if self.replicates > 1 else "")

    def __repr__(self) -> str:
        name = self.draws.quantities[0]
        values, errors = np.ravel(getattr(self, name)), np.ravel(getattr(self, f"{name}_stderr"))
        if values.size == 0:
            found = "no alphas"
        else:
            # Where it is largest; a risk where it is least.
            best = int(np.argmin(values) if name == "risk" else np.argmax(values))
            point = np.reshape(self.alpha, (values.size, -1))[best]
            where = ", ".join(f"{a:.4g}" for a in point)
            found = f"{name} {values[best]:.4g} +- {errors[best]:.1g} at alpha = " + (
                where if len(point) == 1 else f"({where})"
            )
            if values.size > 1:
                found += f", the best of {values.size}"
        return f"Simulation({type(self.problem).__name__}, {self.replicates} draws, {self.method}: {found})"


def _average(values: FloatArray) -> Real:
    # Relative to the first replicate: what does not vary is averaged without rounding, and has no spread.
    return _plain(values[0] + (values - values[0]).mean(axis=0))


def _stderr(values: FloatArray) -> Real:
    count = len(values)
    if count == 1:
        return _plain(np.full(values.shape[1:], np.inf))
    return _plain((values - values[0]).std(axis=0, ddof=1) / np.sqrt(count))


def _plain(value: Real) -> Real:
    return float(value) if np.ndim(value) == 0 else value
