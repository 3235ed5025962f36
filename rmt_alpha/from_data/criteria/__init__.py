"""The ways to choose alpha and the ridge from data; a further one is one more entry of a table.

Open `base` first: what a criterion must answer.  `evidence`, `loo`, `log_loss`, `consensus` and `theory` are
for squared loss, `convex_search` and `convex_loss` for any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rmt_alpha._core.checks import check_choice
from rmt_alpha.from_data.criteria.base import Choice, Criterion, RidgeCriterion
from rmt_alpha.from_data.criteria.consensus import Consensus, RegressionConsensus
from rmt_alpha.from_data.criteria.convex_loss import (
    ConvexConsensus,
    ConvexLooAccuracy,
    LaplaceEvidence,
    LooLogLoss,
)
from rmt_alpha.from_data.criteria.convex_search import ConvexCriterion
from rmt_alpha.from_data.criteria.evidence import Evidence
from rmt_alpha.from_data.criteria.log_loss import ScaledLogLoss
from rmt_alpha.from_data.criteria.loo import LooAccuracy, LooMse, LooSnr
from rmt_alpha.from_data.criteria.theory import Theory

__all__ = [
    "CONVEX_CRITERIA",
    "CRITERIA",
    "DEFAULT",
    "DEFAULT_REGRESSION",
    "REGRESSION_CRITERIA",
    "Choice",
    "Criterion",
    "find_criterion",
]

CRITERIA: dict[str, type[RidgeCriterion]] = {
    kind.name: kind for kind in (Consensus, Evidence, LooMse, ScaledLogLoss, LooAccuracy, LooSnr, Theory)
}
REGRESSION_CRITERIA: dict[str, type[RidgeCriterion]] = {
    kind.name: kind for kind in (RegressionConsensus, Evidence, LooMse)
}
CONVEX_CRITERIA: dict[str, type[ConvexCriterion]] = {
    kind.name: kind for kind in (ConvexConsensus, LaplaceEvidence, LooLogLoss, ConvexLooAccuracy)
}
DEFAULT = Consensus.name
"""Of classification, by squared loss or cross-entropy."""
DEFAULT_REGRESSION = RegressionConsensus.name


def find_criterion(
    name: object, among: Mapping[str, type[Criterion[Any, Any]]] = CRITERIA
) -> Criterion[Any, Any]:
    """The criterion of that name."""
    return among[check_choice("criterion", name, tuple(among))]()
