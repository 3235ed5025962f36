"""Error bars of fine-tuning with softmax, and of sources that were trained with it.

Only what is asked for becomes a source h of `SoftmaxFit`, the gradient of accuracy or risk by all overlaps:
there are hundreds of overlaps of ten classes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from rmt_alpha._core.types import Array
from rmt_alpha.theory.error_bars.delta import ScoresAt, gradient_tables
from rmt_alpha.theory.error_bars.pairs import Overlaps
from rmt_alpha.theory.error_bars.softmax_fit import Functionals, SoftmaxFit
from rmt_alpha.theory.ridge.basis import Basis, Operator
from rmt_alpha.theory.softmax.equations import ContrastState, SoftmaxEquations
from rmt_alpha.theory.softmax.reduction import ContrastReduction


@dataclass(frozen=True, eq=False)
class SoftmaxStage:
    """One fit with softmax on data of its own, without a source, as the source of another fit."""

    fit: SoftmaxFit

    @property
    def basis(self) -> Basis:
        """Of its weights."""
        return self.fit.equations.reduction.model.basis

    @property
    def n(self) -> float:
        """Samples."""
        return float(self.fit.equations.reduction.n)

    def covariance(self, overlaps: Overlaps, others: tuple[Operator, ...], counts: str) -> Array:
        """n Cov of functionals of its K rows of weights, (F, F), quadratic in ``others``, diagonal ones."""
        basis = self.fit.equations.basis
        entries = np.stack([each.entries for each in others])
        operator = np.einsum("fx,xp->fp", overlaps.operator, entries)[..., None, None]
        turned = basis.T @ overlaps.pattern @ basis
        linear = np.einsum("fkp,kd->fpd", overlaps.linear, basis)
        return self.of_contrasts(
            Functionals(linear, overlaps.offset @ basis, operator * turned[:, None]), counts
        )

    def of_contrasts(self, sources: Functionals, counts: str) -> Array:
        """n Cov of functionals of its contrasts, (F, F)."""
        width, own = sources.operator.shape[1], self.fit.values.shape[1]
        fit = replace(self.fit, wide=True) if width > own else self.fit
        operator = np.broadcast_to(
            sources.operator, (len(sources.linear), max(width, own), *sources.operator.shape[2:])
        )
        return fit.covariance(sources._replace(operator=operator), counts)[0]


@dataclass(frozen=True, eq=False)
class SoftmaxSpread:
    """Standard deviations over draws of the data, at one alpha after the other."""

    reduction: ContrastReduction
    """The problem with all its sources."""
    stages: tuple[SoftmaxStage | None, ...]
    """Of each source its own training, None for a known one."""
    directions: Array
    """alpha = directions @ (m numbers), (k, m)."""

    def along(self, direction: Array) -> SoftmaxSpread:
        """For alpha = s * direction."""
        return replace(self, directions=(self.directions @ direction)[:, None])

    def std(self, quantity: str, equations: SoftmaxEquations, state: ContrastState, counts: str) -> Array:
        """Of a quantity, a number or one for each class."""
        alpha = self.directions @ equations.alpha
        fit = SoftmaxFit(replace(equations, reduction=self.reduction, alpha=alpha), state)
        reduction, basis = self.reduction, equations.basis
        scores, covariance = state.mean @ basis.T, basis @ state.covariance @ basis.T
        at = ScoresAt(scores, covariance, reduction.priors, reduction.group)
        by_mean, by_covariance = gradient_tables(quantity, at)
        lead = by_mean.shape[:-2]
        by_mean = (by_mean @ basis).reshape(-1, *state.mean.shape)
        by_covariance = (basis.T @ by_covariance @ basis).reshape(-1, *state.covariance.shape)
        pattern = by_covariance + np.swapaxes(by_covariance, -1, -2)
        sources = Functionals(
            np.einsum("fka,kp->fpa", by_mean, reduction.means, optimize=True),
            by_mean.sum(axis=1),
            np.einsum("gj,fgab->fjab", fit.values, pattern, optimize=True),
        )
        variances = np.diagonal(self._covariance(fit, sources, counts))
        return np.asarray(np.sqrt(np.maximum(variances, 0.0)).reshape(lead))

    def _covariance(self, fit: SoftmaxFit, sources: Functionals, counts: str) -> Array:
        """Of functionals, (F, F), over draws of all the data."""
        reduction, ridges = self.reduction, self.reduction.gamma * fit.equations.alpha
        own, answer = fit.covariance(sources, counts)
        total = own / reduction.n
        # dF/dP = gamma (P - W): an overlap, a derivative of F, has the gradient -gamma dW by the source.
        bent = -answer.resolvent
        for s, stage in enumerate(self.stages):
            if stage is None or not np.isfinite(stage.n):
                continue
            operator, mean = ridges[s] ** 2 * bent, reduction.prior.mean[s].T
            linear = -ridges[s] * answer.weights - (operator @ mean[..., None])[..., 0]
            passed = Functionals(linear, 0 * sources.offset, operator)
            total = total + stage.of_contrasts(passed, counts) / stage.n
        for s, first in enumerate(reduction.source_noise):
            # Two random sources add the variance of their product, which has mean 0 alone.
            for r, second in enumerate(reduction.source_noise[:s]):
                crossed = np.einsum("kjab,jbc,ljcd,jda->kl", bent, first, bent, second, optimize=True)
                total = total + (ridges[s] * ridges[r]) ** 2 * fit.multiplicity * crossed
        return np.asarray(total)
