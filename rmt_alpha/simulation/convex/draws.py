"""Classifiers trained with a convex loss, one for each alpha and draw of the data, scored exactly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

import numpy as np
from numpy.typing import ArrayLike

from rmt_alpha._core.types import FloatArray
from rmt_alpha.errors import NotAvailable
from rmt_alpha.simulation.convex.fit import Trainer
from rmt_alpha.simulation.convex.formulas import Formula
from rmt_alpha.simulation.mixtures.decision import right_probabilities
from rmt_alpha.simulation.scores import CLASS_QUANTITIES, SIGNS, Draws
from rmt_alpha.simulation.setting import MixtureSetting


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

    def at(self, alpha: ArrayLike) -> NoReturn:
        """Refused: no other alpha follows from these classifiers."""
        raise NotAvailable(
            "with a loss that is not squared every alpha is trained by itself: simulate again with "
            f"alpha={alpha!r}"
        )


def draw(
    setting: MixtureSetting,
    formula: Formula | None,
    alphas: FloatArray,
    replicates: int,
    seed: np.random.SeedSequence,
    counts: str,
) -> tuple[FloatArray, FloatArray]:
    """`LossDraws.scores` and `LossDraws.training` at the rows of ``alphas``, which make up one axis."""
    rng = np.random.default_rng(seed)
    scores, training = zip(
        *(_replicate(setting, formula, alphas, counts, rng) for _ in range(replicates)), strict=True
    )
    return np.stack(scores), np.stack(training)


def _replicate(
    setting: MixtureSetting,
    formula: Formula | None,
    alphas: FloatArray,
    counts: str,
    rng: np.random.Generator,
) -> tuple[FloatArray, FloatArray]:
    target, sources = setting.target, setting.source_weights(counts, rng)
    x, labels = target.draw(counts, rng)
    trainer = Trainer(x, SIGNS[labels], target.gamma, target.intercept, formula)
    scores, training = np.empty((len(alphas), 2, 2)), np.empty((len(alphas), 2))
    for i, alpha in enumerate(alphas):
        w, b, training[i] = trainer.fit(sources @ alpha)
        scores[i, :, 0] = target.means @ w + b
        scores[i, :, 1] = [covariance.gram(w[:, None])[0, 0] for covariance in target.covariances]
    return scores, training
