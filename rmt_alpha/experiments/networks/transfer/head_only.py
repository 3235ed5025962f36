"""The methods that the theory is about: the source's head, rescaled and corrected, on frozen features.

By squared loss, with the ridge chosen from the training rows for every one of them.  Beside each run stands
the accuracy that the theory predicts for the very alpha and ridge that the run has chosen, from means and
covariance estimated on the pool.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from rmt_alpha._core.types import FloatArray, IntArray
from rmt_alpha.estimators.ridge_classifier import AlphaRidgeClassifierCV
from rmt_alpha.experiments.networks.training.tokens import Score
from rmt_alpha.experiments.networks.transfer.adapters import scaled_head
from rmt_alpha.experiments.networks.transfer.source import Source
from rmt_alpha.from_data.plug_in.problem_estimate import ProblemEstimate

HEADS = (
    "source", "source-scaled", "head-0", "head-1", "head-chosen", "head-units-1", "head-units-chosen"
)  # fmt: skip
"""The source as it is, and with a fitted factor and intercept; corrected, with no source, all of it, as much
as the rows choose; and the last two from the source's log-odds, in other units than labels -1, 1."""
RIDGES = np.geomspace(1e-3, 1e3, 13)
"""In mean eigenvalues: where the theory looks for its best."""
LARGEST_RIDGE = 1e6


def score_of(log_odds: FloatArray, labels: IntArray) -> Score:
    """Accuracy and log-loss of log-odds of class 1.

    Examples
    --------
    >>> round(score_of(np.array([0.0, 2.0]), np.array([0, 1])).loss, 3)
    0.41
    """
    signs = np.where(labels == 1, 1.0, -1.0)
    return Score.of((log_odds > 0) == (labels == 1), np.logaddexp(0.0, -signs * log_odds))


def head_run(
    name: str,
    source: Source,
    train: tuple[FloatArray, IntArray],
    test: tuple[FloatArray, IntArray],
    theory: ProblemEstimate | None,
) -> tuple[Score, dict[str, Any]]:
    """Fit one of `HEADS` on features and labels, and test it: the score, and what it has chosen."""
    features, labels = test
    if name == "source":
        weights, intercept = source.log_odds
        return score_of(features @ weights + intercept, labels), {}
    if name == "source-scaled":
        weights, intercept = scaled_head(source.log_odds, *train)
        return score_of(features @ weights + intercept, labels), {}
    weights, intercept = source.log_odds if "units" in name else source.ridge
    alpha: Any = {"0": 0.0, "1": 1.0}.get(name.rpartition("-")[2], "auto")
    model = AlphaRidgeClassifierCV(
        coef_source=weights, intercept_source=intercept, alpha=alpha, fit_intercept=True, units="raw"
    ).fit(*train)
    scores = model.decision_function(features) * model.scale_
    chosen = {"head_alpha": float(model.alpha_), "gamma": float(model.gamma_)}
    if theory is not None and "units" not in name and math.isfinite(chosen["head_alpha"]):
        gamma = min(chosen["gamma"], LARGEST_RIDGE)
        curve = theory.curve(gamma, len(train[1]))
        chosen["theory"] = round(float(curve.accuracy(chosen["head_alpha"])), 5)
    return score_of(np.asarray(scores), labels), chosen


def theory_at(theory: ProblemEstimate, n: int) -> dict[str, Any]:
    """What the theory says for n rows: best accuracy with no source, all of it, and the best alpha.

    Each at the ridge that is best for it.
    """
    scale = theory.spectral_moments[0].value
    ridges = RIDGES * scale
    curve = theory.curve(ridges, n)
    best_alpha = np.asarray(curve.optimal_alpha(), dtype=np.float64)
    rows = {
        "alpha 0": np.asarray(curve.accuracy(0.0)),
        "alpha 1": np.asarray(curve.accuracy(1.0)),
        "alpha*": np.array(
            [
                float(theory.curve(float(gamma), n).accuracy(float(alpha)))
                for gamma, alpha in zip(ridges, best_alpha, strict=True)
            ]
        ),
    }
    at = int(np.argmax(rows["alpha*"]))
    found = {name: round(float(np.max(values)), 5) for name, values in rows.items()}
    one = int(np.argmax(rows["alpha 1"]))
    shaped = theory.accuracy(1.0, float(ridges[one]), n)  # of which the curve misses the shape
    error = math.hypot(shaped.stderr, shaped.value - float(rows["alpha 1"][one]))
    return found | {"best alpha": round(float(best_alpha[at]), 4), "stderr": round(error, 5)}
