"""Sweeps: theory and simulation over grids of problems, in parallel, recorded and resumable.

Open `run` first: `sweep` reads a `grid` of `cell`s, recalls what the `store` has, lets a `driver` have the
rest computed by `workers`, and returns a `result`.
"""

from __future__ import annotations

from rmt_alpha.errors import RecordError, SweepError, SweepInterrupted
from rmt_alpha.validation.sweeps.plan import SweepPlan
from rmt_alpha.validation.sweeps.result import Failure, SweepResult
from rmt_alpha.validation.sweeps.run import sweep

__all__ = ["Failure", "RecordError", "SweepError", "SweepInterrupted", "SweepPlan", "SweepResult", "sweep"]
