"""The ways to choose alpha and the ridge from data; a further one is one more entry of `CRITERIA`."""

from __future__ import annotations

from typing import Any

from rmt_alpha._core.checks import check_choice
from rmt_alpha.from_data.criteria.base import Choice, Criterion
from rmt_alpha.from_data.criteria.consensus import Consensus
from rmt_alpha.from_data.criteria.evidence import Evidence
from rmt_alpha.from_data.criteria.loo import LooAccuracy, LooMse, LooSnr
from rmt_alpha.from_data.criteria.theory import Theory

__all__ = ["CRITERIA", "DEFAULT", "DEFAULT_REGRESSION", "Choice", "Criterion", "find_criterion"]

CRITERIA: dict[str, type[Criterion]] = {
    kind.name: kind for kind in (Consensus, Evidence, LooMse, LooAccuracy, LooSnr, Theory)
}
DEFAULT = Consensus.name
DEFAULT_REGRESSION = Evidence.name


def find_criterion(name: Any, *, regression: bool = False) -> Criterion:
    """The criterion of that name; for regression only those that make sense there."""
    names = tuple(key for key, kind in CRITERIA.items() if kind.for_regression or not regression)
    return CRITERIA[check_choice("criterion", name, names)]()
