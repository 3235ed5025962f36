"""rmt_alpha: how much to trust the model you start from.

Exact, high-dimensional predictions of fine-tuning: the test accuracy of a classifier that is trained from
``alpha`` times the source weights, and the best ``alpha``.

>>> import rmt_alpha as ra
>>> round(ra.optimal_alpha(beta=0.8, p=400, n=40), 4)
0.8174
"""

import importlib
from typing import TYPE_CHECKING, Any

from rmt_alpha.curve import AlphaCurve
from rmt_alpha.effective_ridge import EffectiveRidge, effective_ridge
from rmt_alpha.isotropic import TransferProblem
from rmt_alpha.one_line import accuracy, neutral_alpha, optimal_alpha, risk

if TYPE_CHECKING:
    from rmt_alpha.comparison import Comparison, compare
    from rmt_alpha.estimators.alpha_path import alpha_path
    from rmt_alpha.estimators.estimate_problem import estimate_problem
    from rmt_alpha.estimators.logistic import AlphaLogisticRegression
    from rmt_alpha.estimators.logistic_cv import AlphaLogisticRegressionCV
    from rmt_alpha.estimators.ridge import AlphaRidge
    from rmt_alpha.estimators.ridge_classifier import AlphaRidgeClassifier
    from rmt_alpha.estimators.ridge_classifier_cv import AlphaRidgeClassifierCV
    from rmt_alpha.figures.alpha_path import plot_alpha_path
    from rmt_alpha.from_data.alpha_path import AlphaPath
    from rmt_alpha.from_data.estimate import ProblemEstimate
    from rmt_alpha.losses import Loss
    from rmt_alpha.mixtures.convex.curve import LossCurve
    from rmt_alpha.mixtures.curve import MixtureCurve
    from rmt_alpha.mixtures.finetuning import FineTuning
    from rmt_alpha.mixtures.mixture import GaussianMixture
    from rmt_alpha.mixtures.regression_transfer import RidgeRegressionTransfer
    from rmt_alpha.mixtures.sources import FixedSource, RidgeSource
    from rmt_alpha.simulation import Simulation, simulate
    from rmt_alpha.sweeps import SweepResult, heatmap, sweep

__version__ = "0.1.0"

_LAZY = {
    "AlphaLogisticRegression": "estimators.logistic",
    "AlphaLogisticRegressionCV": "estimators.logistic_cv",
    "AlphaPath": "from_data.alpha_path",
    "AlphaRidge": "estimators.ridge",
    "AlphaRidgeClassifier": "estimators.ridge_classifier",
    "AlphaRidgeClassifierCV": "estimators.ridge_classifier_cv",
    "Comparison": "comparison",
    "FineTuning": "mixtures.finetuning",
    "FixedSource": "mixtures.sources",
    "GaussianMixture": "mixtures.mixture",
    "Loss": "losses",
    "LossCurve": "mixtures.convex.curve",
    "MixtureCurve": "mixtures.curve",
    "ProblemEstimate": "from_data.estimate",
    "RidgeRegressionTransfer": "mixtures.regression_transfer",
    "RidgeSource": "mixtures.sources",
    "Simulation": "simulation",
    "compare": "comparison",
    "SweepResult": "sweeps",
    "alpha_path": "estimators.alpha_path",
    "estimate_problem": "estimators.estimate_problem",
    "heatmap": "sweeps",
    "plot_alpha_path": "figures.alpha_path",
    "simulate": "simulation",
    "sweep": "sweeps",
}
"""Names that are imported when they are first used: what they need takes time to import."""

__all__ = [
    "AlphaCurve",
    "AlphaLogisticRegression",
    "AlphaLogisticRegressionCV",
    "AlphaPath",
    "AlphaRidge",
    "AlphaRidgeClassifier",
    "AlphaRidgeClassifierCV",
    "Comparison",
    "EffectiveRidge",
    "FineTuning",
    "FixedSource",
    "GaussianMixture",
    "Loss",
    "LossCurve",
    "MixtureCurve",
    "ProblemEstimate",
    "RidgeRegressionTransfer",
    "RidgeSource",
    "Simulation",
    "SweepResult",
    "TransferProblem",
    "accuracy",
    "alpha_path",
    "compare",
    "effective_ridge",
    "estimate_problem",
    "heatmap",
    "neutral_alpha",
    "optimal_alpha",
    "plot_alpha_path",
    "risk",
    "simulate",
    "sweep",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        value = getattr(importlib.import_module(f"rmt_alpha.{_LAZY[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'rmt_alpha' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
