"""Simulation of fine-tuning: random data, trained classifiers, the exact accuracy of each.

Nothing here uses the theory that it is there to judge.
"""

from __future__ import annotations

from rmt_alpha.simulation.engine import MEMORY_LIMIT, METHODS, TOLERANCE, simulate
from rmt_alpha.simulation.isotropic.draws import Draws
from rmt_alpha.simulation.mixtures.draws import MixtureDraws
from rmt_alpha.simulation.regression import RegressionDraws
from rmt_alpha.simulation.result import Simulation

__all__ = [
    "MEMORY_LIMIT",
    "METHODS",
    "TOLERANCE",
    "Draws",
    "MixtureDraws",
    "RegressionDraws",
    "Simulation",
    "simulate",
]
