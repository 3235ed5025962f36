"""The effective ridge of one covariance, given by its eigenvalues."""

from __future__ import annotations

from typing import Any

import numpy as np

from rmt_alpha.theory.ridge.basis import STANDARD
from rmt_alpha.theory.ridge.fixed_point import FixedPoint
from rmt_alpha.theory.ridge.mixture import fit_ridge
from rmt_alpha.theory.ridge.spectrum import Spectrum


def spectrum_ridge(eigenvalues: Any, n: Any, gamma: Any) -> FixedPoint:
    """Solution of kappa = gamma + (kappa/n) sum_i lambda_i / (lambda_i + kappa), in the given numbers."""
    values = np.asarray(eigenvalues)
    everyone = np.ones(1) if values.dtype != object else np.array([values[0] ** 0])
    return fit_ridge(Spectrum(STANDARD, values[None], everyone, values.size), n, gamma).solution
