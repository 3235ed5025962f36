"""`Draws` and `Sampler`: the trained classifiers of a problem, and how they are drawn, whatever its kind."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import replace
from typing import ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike

from rmt_alpha._core.machine.memory import check_memory
from rmt_alpha._core.types import FloatArray
from rmt_alpha._core.values import Value
from rmt_alpha.errors import MissingQuantity, NotAvailable
from rmt_alpha.simulation.arguments import check_alpha

BATCH_ENTRIES = 1 << 18
"""Matrix entries of one batch."""
BATCH_LIMIT = 128
CRITERIA = ("accuracy", "risk")
FEWER = "take fewer (their averages have errors that fall like 1/sqrt(replicates)), or raise memory_limit"
SIGNS = np.array([-1.0, 1.0])
"""Labels of two classes."""
CLASS_QUANTITIES = ("accuracy", "risk", "class_accuracy", "class_mean", "class_variance", "class_std")


class Draws(Value, ABC):
    r"""Every trained classifier of a simulation, scored exactly: no test set is drawn.

    Each quantity has shape ``(replicates, *S)``, with S the shape of alpha (less its last axis, if that holds
    one alpha for each source), those by class a further axis.  A quantity that the problem does not have
    raises `MissingQuantity`.

    Attributes
    ----------
    alpha : ndarray
        Where the quantities are evaluated.
    quantities : tuple of str
        Those that there are.
    """

    alpha: FloatArray
    priors: FloatArray
    kind: ClassVar[str]
    """Names the draws in errors."""
    quantities: ClassVar[tuple[str, ...]]

    @property
    @abstractmethod
    def replicates(self) -> int:
        """Number of independent draws of the data."""

    def at(self, alpha: ArrayLike) -> Self:
        """The same classifiers at other alphas; nothing is drawn again."""
        return replace(self, alpha=check_alpha(alpha))  # type: ignore[call-arg]  # a field of every kind

    @property
    def _shape(self) -> tuple[int, ...]:
        return self.alpha.shape if vars(self).get("components") is None else self.alpha.shape[:-1]

    def _parts(self, entries: int) -> list[FloatArray]:
        """Alphas to be looked at one part at a time; none if each quantity has no more than ``entries``."""
        points = math.prod(self._shape)
        if self.replicates * points <= entries or points < 4:
            return []
        alphas = self.alpha.reshape(points, *self.alpha.shape[len(self._shape) :])
        # Two alphas at least: numpy would add up a single column in another order.
        return np.array_split(alphas, min(points // 2, -(-self.replicates * points // entries)))

    def optimal_alpha(self, criterion: str = "accuracy") -> FloatArray:
        """The best alpha of every replicate, by ``criterion``: "accuracy" or "risk"."""
        raise NotAvailable(f"the draws of {self.kind} have no best alpha of {criterion}: simulate at several")

    @property
    @abstractmethod
    def risk(self) -> FloatArray:
        """Squared error on fresh target samples, against their true labels."""

    @property
    def excess_risk(self) -> FloatArray:
        """The risk without the noise of the data."""
        raise self._missing("excess_risk")

    @property
    def accuracy(self) -> FloatArray:
        """Probability that a fresh target sample is classified rightly."""
        raise self._missing("accuracy")

    @property
    def class_accuracy(self) -> FloatArray:
        """Probability that a fresh sample of each class is classified rightly."""
        raise self._missing("class_accuracy")

    @property
    def class_mean(self) -> FloatArray:
        """Mean of the score in each class."""
        raise self._missing("class_mean")

    @property
    def class_variance(self) -> FloatArray:
        """Variance of the score in each class."""
        raise self._missing("class_variance")

    @property
    def class_std(self) -> FloatArray:
        """Standard deviation of the score in each class, shaped as `class_variance`."""
        return np.asarray(np.sqrt(self.class_variance))

    @property
    def mean(self) -> FloatArray:
        """Mean of label times score, for labels -1 and +1."""
        return np.asarray((self.class_mean * SIGNS) @ self.priors)

    @property
    def variance(self) -> FloatArray:
        """Variance of label times score: that within the classes, and that between their means."""
        between = (self.class_mean * SIGNS - self.mean[..., None]) ** 2
        return np.asarray((self.class_variance + between) @ self.priors)

    @property
    def training_loss(self) -> FloatArray:
        """Average loss on the training sample, with the labels it has."""
        raise self._missing("training_loss")

    @property
    def training_accuracy(self) -> FloatArray:
        """Accuracy on the training sample, with the labels it has."""
        raise self._missing("training_accuracy")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.replicates} draws, alpha of shape {np.shape(self.alpha)})"

    def _missing(self, name: str) -> MissingQuantity:
        return MissingQuantity(
            f"the draws of {self.kind} have no {name!r}; they have {', '.join(self.quantities)}"
        )


class Batch(NamedTuple):
    """Some replicates, and how far the chains of their Krylov spaces went."""

    arrays: tuple[FloatArray, ...]
    """What `Sampler.collect` makes draws of; replicates on the first axis."""
    truncation_error: float = 0.0
    chain_length: int = 0


class Sampler(ABC):
    """What `simulate` asks of a problem and a method."""

    method: str = "dense"
    remedy: str = "take smaller p and n, fewer jobs, or raise memory_limit"

    @abstractmethod
    def batch_size(self) -> int:
        """Replicates drawn together; by the problem alone, so that results do not depend on n_jobs."""

    @abstractmethod
    def memory(self) -> int:
        """Bytes of the matrices of one batch."""

    @abstractmethod
    def sizes(self) -> str:
        """What is so large."""

    @abstractmethod
    def kept(self, alpha: FloatArray) -> int:
        """Numbers that are kept of one replicate."""

    def check_memory(self, alpha: FloatArray, count: int, jobs: int, limit: float) -> None:
        """ValueError if so many replicates, or ``jobs`` batches at a time, take more than ``limit`` bytes."""
        check_memory(8.0 * count * self.kept(alpha), f"replicates={count}", FEWER, limit)
        at_a_time = min(jobs, -(-count // self.batch_size()))
        what = f"method={self.method!r} (matrices: {self.sizes()}, {at_a_time} at a time)"
        check_memory(at_a_time * self.memory(), what, self.remedy, limit)

    def check_alpha(self, alpha: ArrayLike) -> FloatArray:
        """``alpha`` as a float64 array of a shape that fits the problem."""
        return check_alpha(alpha)

    @abstractmethod
    def draw(self, alpha: FloatArray, replicates: int, seed: np.random.SeedSequence) -> Batch:
        """Train classifiers; where they are affine in alpha it is not needed."""

    @abstractmethod
    def collect(self, alpha: FloatArray, *arrays: FloatArray) -> Draws:
        """All draws, from the arrays of all batches joined."""


def batch_of(entries: int) -> int:
    """Replicates of one batch for data matrices of so many entries: small ones many at a time."""
    return max(1, min(BATCH_LIMIT, BATCH_ENTRIES // entries))
