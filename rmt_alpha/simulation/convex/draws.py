"""Classifiers trained with a convex loss, one for each alpha and draw of the data, scored exactly."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np
from scipy import special

from rmt_alpha._core.types import FloatArray
from rmt_alpha.simulation.convex.fit import Trainer
from rmt_alpha.simulation.convex.formulas import formula
from rmt_alpha.simulation.mixtures.dense import train
from rmt_alpha.simulation.setting import MixtureSetting, Stage

SIGNS = np.array([-1.0, 1.0])


@dataclass(frozen=True, eq=False)
class LossDraws:
    r"""Every trained classifier of a simulated `FineTuning` with a loss that is not squared.

    Given the classifier, its score for class c is exactly :math:`\mathcal N(w^\top m_c + b, w^\top C_c w)`.

    Parameters
    ----------
    alpha : ndarray
        Where classifiers were trained: any shape S, or (\*S, k) for k sources.
    priors : ndarray, shape (2,)
        Probabilities of the classes.
    class_mean, class_variance : ndarray, shape (replicates, \*S, 2)
        Of the score.
    training_loss, training_accuracy : ndarray, shape (replicates, \*S)
        Averages over the training sample, with the labels it has.
    """

    alpha: FloatArray
    priors: FloatArray
    class_mean: FloatArray = field(repr=False)
    class_variance: FloatArray = field(repr=False)
    training_loss: FloatArray = field(repr=False)
    training_accuracy: FloatArray = field(repr=False)

    @property
    def replicates(self) -> int:
        """Number of independent draws of the data."""
        return len(self.class_mean)

    @property
    def class_std(self) -> FloatArray:
        r"""Standard deviation of the score in each class: (replicates, \*S, 2)."""
        return np.asarray(np.sqrt(self.class_variance))

    @property
    def class_accuracy(self) -> FloatArray:
        r"""Probability that a fresh sample of each class is classified rightly, (replicates, \*S, 2)."""
        return np.asarray(special.ndtr(SIGNS * self.class_mean / self.class_std))

    @property
    def accuracy(self) -> FloatArray:
        r"""Probability that a fresh target sample is classified rightly, (replicates, \*S)."""
        return np.asarray(self.class_accuracy @ self.priors)

    @property
    def mean(self) -> FloatArray:
        r"""Mean of label times score, (replicates, \*S)."""
        return np.asarray((SIGNS * self.class_mean) @ self.priors)

    @property
    def variance(self) -> FloatArray:
        r"""Variance of label times score: that within the classes, and that between their means."""
        between = (SIGNS * self.class_mean - self.mean[..., None]) ** 2
        return np.asarray((self.class_variance + between) @ self.priors)

    @property
    def risk(self) -> FloatArray:
        r"""Squared error on fresh target samples, against their true labels, (replicates, \*S)."""
        return np.asarray(((self.class_mean - SIGNS) ** 2 + self.class_variance) @ self.priors)

    def at(self, alpha: Any) -> NoReturn:
        """Refused: no other alpha follows from these classifiers."""
        raise ValueError(
            "with a loss that is not squared every alpha is trained by itself: simulate again with "
            f"alpha={alpha!r}"
        )


def draw(
    setting: MixtureSetting,
    loss: Any,
    alphas: FloatArray,
    replicates: int,
    seed: np.random.SeedSequence,
    counts: str,
) -> tuple[FloatArray, FloatArray]:
    """Scores (replicates, A, 2, 2), mean and variance last; training loss and accuracy (replicates, A, 2)."""
    rng = np.random.default_rng(seed)
    scores, losses = zip(
        *(_replicate(setting, loss, alphas, counts, rng) for _ in range(replicates)), strict=True
    )
    return np.stack(scores), np.stack(losses)


def _replicate(
    setting: MixtureSetting, loss: Any, alphas: FloatArray, counts: str, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    target, mixture = setting.target, setting.target.mixture
    # As for the squared loss: a source hands on its weights, not its intercept.
    sources = np.hstack(
        [train(each, None, counts, rng)[0] if isinstance(each, Stage) else each for each in setting.sources]
    )
    x, labels = mixture.draw(target.n, target.noise, counts, rng)
    trainer = Trainer(x, SIGNS[labels], target.gamma, target.intercept, formula(loss))
    scores, losses = np.empty((len(alphas), 2, 2)), np.empty((len(alphas), 2))
    for i, alpha in enumerate(alphas):
        w, b, losses[i] = trainer.fit(sources @ alpha)
        scores[i, :, 0] = mixture.means @ w + b
        scores[i, :, 1] = [covariance.gram(w[:, None])[0, 0] for covariance in mixture.covariances]
    return scores, losses
