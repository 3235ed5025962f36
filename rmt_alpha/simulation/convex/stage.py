"""`LossStage`: a source that is trained with a convex loss on data of its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rmt_alpha._core.types import FloatArray
from rmt_alpha.problems.losses import Loss
from rmt_alpha.simulation.convex.fit import Trainer
from rmt_alpha.simulation.convex.formulas import formula
from rmt_alpha.simulation.convex.softmax import SoftmaxTrainer
from rmt_alpha.simulation.mixtures.stage import Stage
from rmt_alpha.simulation.scores import SIGNS


@dataclass(frozen=True, eq=False)
class LossStage(Stage):
    """The same data as of a ridge fit, another loss."""

    loss: str | Loss

    def train(
        self, prior: FloatArray | None, how: str, rng: np.random.Generator
    ) -> tuple[FloatArray, FloatArray]:
        """Weights (p, outputs) and intercepts (outputs,) of fresh data; sources have no prior."""
        assert prior is None
        x, labels = self.draw(how, rng)
        nothing = np.zeros((self.p, self.outputs))
        if self.outputs > 1:
            softmax = SoftmaxTrainer(x, labels, self.classes, self.gamma, self.intercept)
            return softmax.fit(nothing)[:2]
        trainer = Trainer(x, SIGNS[labels], self.gamma, self.intercept, formula(self.loss))
        w, b, _ = trainer.fit(nothing[:, 0])
        return w[:, None], np.array([b])
