"""Sweeps: theory and simulation over grids of problems, in parallel, recorded and resumable."""

from __future__ import annotations

from rmt_alpha.plotting.heat_map import heatmap
from rmt_alpha.validation.sweeps.plan import SweepPlan
from rmt_alpha.validation.sweeps.result import Failure, SweepResult
from rmt_alpha.validation.sweeps.run import SweepError, SweepInterrupted, sweep
from rmt_alpha.validation.sweeps.store import StoreError

__all__ = [
    "Failure",
    "StoreError",
    "SweepError",
    "SweepInterrupted",
    "SweepPlan",
    "SweepResult",
    "heatmap",
    "sweep",
]
