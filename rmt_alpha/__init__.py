"""rmt_alpha: how much to trust the model you start from.

Exact, high-dimensional predictions of fine-tuning: the test accuracy of a classifier that is trained from
``alpha`` times the source weights, and the best ``alpha``.

>>> import rmt_alpha as ra
>>> round(ra.optimal_alpha(beta=0.8, p=400, n=40), 4)
0.8174
"""

import importlib
from typing import TYPE_CHECKING, Any

from rmt_alpha._core.version import __version__ as __version__

if TYPE_CHECKING:
    from rmt_alpha import errors as errors
    from rmt_alpha._core.machine.progress import show_progress
    from rmt_alpha.estimators.functions import alpha_path, estimate_problem
    from rmt_alpha.estimators.linear import LinearCoefficients, linear_coefficients
    from rmt_alpha.estimators.logistic import AlphaLogisticRegression, AlphaLogisticRegressionCV
    from rmt_alpha.estimators.ridge import AlphaRidge, AlphaRidgeCV
    from rmt_alpha.estimators.ridge_classifier import AlphaRidgeClassifier, AlphaRidgeClassifierCV
    from rmt_alpha.from_data.alpha_path import AlphaPath
    from rmt_alpha.from_data.plug_in.problem_estimate import ProblemEstimate
    from rmt_alpha.from_data.rank_and_alpha import RankAndAlpha, rank_and_alpha
    from rmt_alpha.plotting.alpha_path import plot_alpha_path
    from rmt_alpha.plotting.heat_map import heatmap
    from rmt_alpha.problems import losses as losses
    from rmt_alpha.problems.fine_tuning import FineTuning
    from rmt_alpha.problems.losses import Loss
    from rmt_alpha.problems.low_rank import LowRankTransfer
    from rmt_alpha.problems.mixture import GaussianMixture
    from rmt_alpha.problems.regression import RidgeRegressionTransfer
    from rmt_alpha.problems.sources import FixedSource, LossSource, RidgeSource
    from rmt_alpha.problems.transfer import TransferProblem
    from rmt_alpha.simulation import Simulation, simulate
    from rmt_alpha.theory.convex.curve import LossCurve
    from rmt_alpha.theory.curve import Curve, Optimum
    from rmt_alpha.theory.curve_array import CurveArray
    from rmt_alpha.theory.isotropic.curve import AlphaCurve
    from rmt_alpha.theory.isotropic.one_line import accuracy, neutral_alpha, optimal_alpha, risk
    from rmt_alpha.theory.low_rank.curve import LowRankCurve
    from rmt_alpha.theory.low_rank.learnt import LearntCorrection
    from rmt_alpha.theory.mixtures.curve import MixtureCurve
    from rmt_alpha.theory.mixtures.regression import RegressionCurve
    from rmt_alpha.theory.mixtures.ridgeless import separability_threshold, separable
    from rmt_alpha.theory.ridge.closed_form import EffectiveRidge, effective_ridge
    from rmt_alpha.theory.softmax.curve import SoftmaxCurve
    from rmt_alpha.validation.compare import compare
    from rmt_alpha.validation.comparison import Comparison
    from rmt_alpha.validation.sweeps import SweepResult, sweep

_LAZY = {
    "AlphaCurve": "theory.isotropic.curve",
    "AlphaLogisticRegression": "estimators.logistic",
    "AlphaLogisticRegressionCV": "estimators.logistic",
    "AlphaPath": "from_data.alpha_path",
    "AlphaRidge": "estimators.ridge",
    "AlphaRidgeCV": "estimators.ridge",
    "AlphaRidgeClassifier": "estimators.ridge_classifier",
    "AlphaRidgeClassifierCV": "estimators.ridge_classifier",
    "Comparison": "validation.comparison",
    "Curve": "theory.curve",
    "CurveArray": "theory.curve_array",
    "EffectiveRidge": "theory.ridge.closed_form",
    "FineTuning": "problems.fine_tuning",
    "FixedSource": "problems.sources",
    "GaussianMixture": "problems.mixture",
    "LearntCorrection": "theory.low_rank.learnt",
    "LinearCoefficients": "estimators.linear",
    "Loss": "problems.losses",
    "LossCurve": "theory.convex.curve",
    "LowRankCurve": "theory.low_rank.curve",
    "LowRankTransfer": "problems.low_rank",
    "LossSource": "problems.sources",
    "MixtureCurve": "theory.mixtures.curve",
    "Optimum": "theory.curve",
    "ProblemEstimate": "from_data.plug_in.problem_estimate",
    "RankAndAlpha": "from_data.rank_and_alpha",
    "RegressionCurve": "theory.mixtures.regression",
    "RidgeRegressionTransfer": "problems.regression",
    "RidgeSource": "problems.sources",
    "Simulation": "simulation",
    "SoftmaxCurve": "theory.softmax.curve",
    "SweepResult": "validation.sweeps",
    "TransferProblem": "problems.transfer",
    "accuracy": "theory.isotropic.one_line",
    "alpha_path": "estimators.functions",
    "compare": "validation.compare",
    "effective_ridge": "theory.ridge.closed_form",
    "estimate_problem": "estimators.functions",
    "heatmap": "plotting.heat_map",
    "linear_coefficients": "estimators.linear",
    "neutral_alpha": "theory.isotropic.one_line",
    "optimal_alpha": "theory.isotropic.one_line",
    "plot_alpha_path": "plotting.alpha_path",
    "rank_and_alpha": "from_data.rank_and_alpha",
    "risk": "theory.isotropic.one_line",
    "separability_threshold": "theory.mixtures.ridgeless",
    "separable": "theory.mixtures.ridgeless",
    "show_progress": "_core.machine.progress",
    "simulate": "simulation",
    "sweep": "validation.sweeps",
}
"""Names that are imported when they are first used: what they need takes time to import, and the command line
must be able to answer Ctrl-C by then."""
_MODULES = {"errors": "errors", "losses": "problems.losses"}
"""Modules by a short name."""

__all__ = [
    "AlphaCurve",
    "AlphaLogisticRegression",
    "AlphaLogisticRegressionCV",
    "AlphaPath",
    "AlphaRidge",
    "AlphaRidgeCV",
    "AlphaRidgeClassifier",
    "AlphaRidgeClassifierCV",
    "Comparison",
    "Curve",
    "CurveArray",
    "EffectiveRidge",
    "FineTuning",
    "FixedSource",
    "GaussianMixture",
    "LearntCorrection",
    "LinearCoefficients",
    "Loss",
    "LossCurve",
    "LossSource",
    "LowRankCurve",
    "LowRankTransfer",
    "MixtureCurve",
    "Optimum",
    "ProblemEstimate",
    "RankAndAlpha",
    "RegressionCurve",
    "RidgeRegressionTransfer",
    "RidgeSource",
    "Simulation",
    "SoftmaxCurve",
    "SweepResult",
    "TransferProblem",
    "accuracy",
    "alpha_path",
    "compare",
    "effective_ridge",
    "estimate_problem",
    "heatmap",
    "linear_coefficients",
    "neutral_alpha",
    "optimal_alpha",
    "plot_alpha_path",
    "rank_and_alpha",
    "risk",
    "separability_threshold",
    "separable",
    "show_progress",
    "simulate",
    "sweep",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        value = getattr(importlib.import_module(f"rmt_alpha.{_LAZY[name]}"), name)
        globals()[name] = value
        return value
    if name in _MODULES:
        return importlib.import_module(f"rmt_alpha.{_MODULES[name]}")
    raise AttributeError(f"module 'rmt_alpha' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY, *_MODULES})
