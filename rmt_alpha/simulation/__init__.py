"""Simulation of fine-tuning: random data, trained classifiers, the exact accuracy of each.

Open `engine` first: `simulate` reads a problem (`setting`), draws batches of it (`samplers`; the folders hold
how, for each kind of problem) and collects the trained classifiers (`scores`) in a `Simulation` (`result`).
It shares no formula with the theory that it is there to judge.
"""

from __future__ import annotations

from rmt_alpha.simulation.convex.draws import LossDraws
from rmt_alpha.simulation.convex.softmax import SoftmaxDraws
from rmt_alpha.simulation.engine import MEMORY_LIMIT, METHODS, TOLERANCE, simulate
from rmt_alpha.simulation.isotropic.draws import TransferDraws
from rmt_alpha.simulation.low_rank import LowRankDraws
from rmt_alpha.simulation.mixtures.draws import MixtureDraws
from rmt_alpha.simulation.regression import RegressionDraws
from rmt_alpha.simulation.result import Simulation
from rmt_alpha.simulation.scores import Draws

__all__ = [
    "MEMORY_LIMIT",
    "METHODS",
    "TOLERANCE",
    "Draws",
    "LossDraws",
    "LowRankDraws",
    "MixtureDraws",
    "RegressionDraws",
    "Simulation",
    "SoftmaxDraws",
    "TransferDraws",
    "simulate",
]
