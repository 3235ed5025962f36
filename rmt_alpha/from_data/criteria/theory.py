"""Largest accuracy that random matrix theory predicts from a few estimated numbers."""

from __future__ import annotations

import math
from typing import Self

import numpy as np
from scipy import sparse

from rmt_alpha._core.types import Features, FloatArray
from rmt_alpha.from_data.criteria.base import MarginCriterion
from rmt_alpha.from_data.leave_one_out import ScoreMoments
from rmt_alpha.from_data.plug_in.sample_geometry import SampleGeometry
from rmt_alpha.from_data.ridge_path import RidgeFit, RidgePath

SURE = 1e15
"""Largest finite ridge, in units of the largest eigenvalue."""


class Theory(MarginCriterion):
    """Plug-in theory, for two classes; `prepared` sets the geometry."""

    name = "theory"

    def __init__(self, geometry: SampleGeometry | None = None) -> None:
        self.geometry = geometry
        self.population = None if geometry is None else geometry.population()

    def prepared(self, path: RidgePath, features: Features, sources: FloatArray) -> Self:
        """With the geometry of the samples."""
        if sparse.issparse(features):
            raise ValueError(
                "criterion='theory' needs the deviations of all features from class means, which are not "
                "sparse: use another criterion, or give X.toarray()"
            )
        if path.outputs != 1:
            raise ValueError(
                f"criterion='theory' is for two classes, got {max(path.outputs, 3)}"
                f"{' or more' if path.outputs == 2 else ''}; use 'evidence' or 'loo_mse'"
            )
        labels, design, weights = path.columns.values[:, 0, 0], path.design, sources[:, 0]
        if design.standard:  # its ridges are those of features in these units
            features = features * design.samples.rows.inverse_units(standard=True)
            weights = weights * np.sqrt(design.samples.rows.variance)
        mass = design.samples.mass
        return type(self)(
            SampleGeometry.from_samples(features, labels, weights, mass, centred=not design.centred)
        )

    def moments(self, fit: RidgeFit) -> ScoreMoments:
        """Those that theory predicts."""
        assert self.population is not None
        largest = SURE * fit.path.design.largest
        if largest and largest < fit.gamma < math.inf:
            raise ValueError(
                f"gamma must be at most {largest:.3g}, or inf, with criterion='theory', got {fit.gamma!r}: "
                "of these features a larger ridge leaves less than rounding"
            )
        return self.population.moments(fit.gamma, fit.path.design.total)

    def replicates(self, fit: RidgeFit) -> FloatArray:
        """Means and overlaps without one sample; the spectrum is kept as it is."""
        assert self.geometry is not None
        assert self.population is not None
        law = self.population.law(fit.gamma, fit.path.design.total - 1.0)
        return law.moments(self.geometry.products_without()).best_direction()
