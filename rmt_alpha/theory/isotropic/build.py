"""The curve of a `TransferProblem`: its fields, as floats or mpmath numbers, in the closed forms."""

from __future__ import annotations

from functools import partial

import numpy as np

from rmt_alpha._core import arithmetic
from rmt_alpha._core.checks import check_dps
from rmt_alpha.problems.transfer import TransferProblem
from rmt_alpha.theory.isotropic.curve import AlphaCurve
from rmt_alpha.theory.isotropic.stage import two_stage_curve, two_stage_fluctuations


def transfer_curve(problem: TransferProblem, dps: int | None) -> AlphaCurve:
    """See `TransferProblem.curve`."""
    dps = check_dps(dps)
    values = vars(problem)
    with arithmetic.working_precision(dps):
        if dps is not None:
            values = {k: None if v is None else arithmetic.exact_numbers(k, v) for k, v in values.items()}
        elif any(map(arithmetic.is_precise, values.values())):
            values = {k: None if v is None else np.asarray(v, float)[()] for k, v in values.items()}
        ops = arithmetic.arithmetic_of(values.values(), dps)
        # Error bars are asked for rarely: their ingredients are computed then.
        fluctuations = partial(two_stage_fluctuations, **values) if dps is None else None
        return two_stage_curve(ops, dps, fluctuations, **values)
