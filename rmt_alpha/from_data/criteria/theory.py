"""Largest accuracy that random matrix theory predicts from a few estimated numbers."""

from __future__ import annotations

from typing import Self

from rmt_alpha._core.types import FloatArray
from rmt_alpha.from_data.criteria.base import RidgeCriterion
from rmt_alpha.from_data.leave_one_out import ScoreMoments
from rmt_alpha.from_data.plug_in.sample_geometry import SampleGeometry
from rmt_alpha.from_data.ridge_path import RidgeFit, RidgePath


class Theory(RidgeCriterion):
    """Plug-in theory, for two classes.

    Parameters
    ----------
    geometry : SampleGeometry, optional
        Set by `prepared`.
    """

    name = "theory"

    def __init__(self, geometry: SampleGeometry | None = None) -> None:
        self.geometry = geometry
        self.population = None if geometry is None else geometry.population()

    def prepared(self, path: RidgePath, features: FloatArray, sources: FloatArray) -> Self:
        """With the geometry of the samples."""
        if path.outputs != 1:
            raise ValueError(
                f"criterion='theory' is for two classes, got {max(path.outputs, 3)}"
                f"{' or more' if path.outputs == 2 else ''}; use 'evidence' or 'loo_mse'"
            )
        labels, design = path.columns[:, 0, 0], path.design
        centred = not design.centres
        return type(self)(
            SampleGeometry.from_samples(features, labels, sources[:, 0], design.counts, centred=centred)
        )

    def best(self, fit: RidgeFit) -> FloatArray:
        """H^-1 a for the predicted mean a.z and variance z.H z."""
        return self._moments(fit).best_direction()

    def score(self, fit: RidgeFit, point: FloatArray) -> float:
        """The predicted ratio of mean to standard deviation."""
        return float(self._moments(fit).margin(point))

    def replicates(self, fit: RidgeFit) -> FloatArray:
        """Means and overlaps without one sample; the spectrum is kept as it is."""
        assert self.geometry is not None
        assert self.population is not None
        law = self.population.law(fit.gamma, fit.path.design.total - 1.0)
        return law.moments(self.geometry.products_without()).best_direction()

    def _moments(self, fit: RidgeFit) -> ScoreMoments:
        assert self.population is not None
        return self.population.moments(fit.gamma, fit.path.design.total)
