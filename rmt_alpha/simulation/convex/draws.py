"""Classifiers trained with a convex loss, one for each alpha and draw of the data, scored exactly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

import numpy as np
from numpy.typing import ArrayLike

from rmt_alpha._core.types import FloatArray
from rmt_alpha.errors import NotAvailable
from rmt_alpha.simulation.mixtures.decision import right_probabilities
from rmt_alpha.simulation.scores import CLASS_QUANTITIES, SIGNS, Draws


@dataclass(frozen=True, eq=False, repr=False)
class LossDraws(Draws):
    r"""Every trained classifier of a simulated `FineTuning` with a loss that is not squared.

    Given the classifier, its score for class c is exactly :math:`\mathcal N(w^\top m_c + b, w^\top C_c w)`.

    Parameters
    ----------
    alpha : ndarray
        Where classifiers were trained: any shape S, or (\*S, k) for k sources.
    priors : ndarray, shape (2,)
        Probabilities of the classes.
    scores : ndarray, shape (replicates, \*S, 2, 2)
        Mean and variance (last axis) of the score in each class.
    training : ndarray, shape (replicates, \*S, 2)
        Average loss and accuracy on the training sample, with the labels it has.
    """

    alpha: FloatArray
    priors: FloatArray
    scores: FloatArray
    training: FloatArray
    kind = "a FineTuning with a loss that is not squared"
    quantities = (*CLASS_QUANTITIES, "mean", "variance", "training_loss", "training_accuracy")

    @property
    def replicates(self) -> int:
        """Number of independent draws of the data."""
        return len(self.scores)

    @property
    def class_mean(self) -> FloatArray:
        r"""Mean of the score in each class: (replicates, \*S, 2)."""
        return self.scores[..., 0]

    @property
    def class_variance(self) -> FloatArray:
        r"""Variance of the score in each class: (replicates, \*S, 2)."""
        return self.scores[..., 1]

    @property
    def class_accuracy(self) -> FloatArray:
        r"""Probability that a fresh sample of each class is classified rightly, (replicates, \*S, 2)."""
        return right_probabilities(self.class_mean[..., None], self.class_variance[..., None, None])[0]

    @property
    def accuracy(self) -> FloatArray:
        r"""Probability that a fresh target sample is classified rightly, (replicates, \*S)."""
        return np.asarray(self.class_accuracy @ self.priors)

    @property
    def risk(self) -> FloatArray:
        r"""Squared error on fresh target samples, against their true labels, (replicates, \*S)."""
        return np.asarray(((self.class_mean - SIGNS) ** 2 + self.class_variance) @ self.priors)

    @property
    def training_loss(self) -> FloatArray:
        r"""Average loss on the training sample, (replicates, \*S)."""
        return self.training[..., 0]

    @property
    def training_accuracy(self) -> FloatArray:
        r"""Accuracy on the training sample, (replicates, \*S)."""
        return self.training[..., 1]

    def _parts(self, entries: int) -> list[FloatArray]:
        return []  # everything is there at every alpha

    def at(self, alpha: ArrayLike) -> NoReturn:
        """Refused: no other alpha follows from these classifiers."""
        raise NotAvailable(
            "with a loss that is not squared every alpha is trained by itself: simulate again with "
            f"alpha={alpha!r}"
        )
