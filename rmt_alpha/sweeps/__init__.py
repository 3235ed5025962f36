"""Sweeps: theory and simulation over grids of problems, in parallel, recorded and resumable."""

from __future__ import annotations

from rmt_alpha.sweeps.drawing import heatmap
from rmt_alpha.sweeps.plan import SweepPlan
from rmt_alpha.sweeps.result import Failure, SweepResult
from rmt_alpha.sweeps.run import SweepError, SweepInterrupted, sweep
from rmt_alpha.sweeps.store import StoreError

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
