"""Error bars of fine-tuning with softmax, and of sources that were trained with it.

Only what is asked for becomes a source h of `SoftmaxFit`, the gradient of accuracy or risk by all overlaps:
there are hundreds of overlaps of ten classes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from rmt_alpha._core.types import Array
from rmt_alpha.theory.error_bars.delta import ScoresAt, against_others, gradient_tables, least_power
from rmt_alpha.theory.error_bars.expected_classes import softmax_class_accuracy
from rmt_alpha.theory.error_bars.pairs import Overlaps
from rmt_alpha.theory.error_bars.slopes import HERE, Jet, ThroughPrior, slope_variance
from rmt_alpha.theory.error_bars.softmax_fit import Functionals, SoftmaxFit
from rmt_alpha.theory.error_bars.softmax_slope import SoftmaxPoint, SoftmaxShared, sample_moments
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
        fit = self._fit(equations, state)
        sources, lead = self._functionals(quantity, fit, 0.0)
        variances = np.diagonal(self._covariance(fit, sources, counts))
        return np.asarray(np.sqrt(np.maximum(variances, 0.0)).reshape(lead))

    def expected(self, equations: SoftmaxEquations, state: ContrastState) -> Array:
        """Class accuracies averaged over Gaussian weights, (K,)."""
        fit, reduction = self._fit(equations, state), self.reduction
        forces, noise = fit.kicks
        inverse, p = fit.resolvent.inverse, reduction.model.p
        pushes = inverse @ (forces / reduction.n + noise) @ inverse
        pushes = np.broadcast_to(pushes, (p, *pushes.shape[1:]))
        values = np.broadcast_to(reduction.model.values, (len(reduction.model.values), p))
        at, found = self._moments(fit), []
        for c, g in enumerate(reduction.group):
            signs = against_others(at, c) @ equations.basis
            mean, covariance = signs @ state.mean[c], signs @ state.covariance[g] @ signs.T
            turned = signs @ pushes @ signs.T
            found.append(softmax_class_accuracy(mean, covariance, fit.weights @ signs.T, turned, values[g]))
        return np.array(found)

    def best_alpha_std(
        self, quantity: str, points: list[tuple[SoftmaxEquations, ContrastState]], unit: float, counts: str
    ) -> float:
        """Of the alpha that is best for a draw, from five alphas ``unit`` apart around the best."""
        fits = [self._fit(equations, state) for equations, state in points]
        lift = least_power(self._moments(fits[HERE])) if quantity == "accuracy" else 0.0
        found = [SoftmaxPoint.of(fit, self._functionals(quantity, fit, lift)[0]) for fit in fits]
        alphas = np.array([float(equations.alpha[0]) for equations, _ in points])
        variance = self._best_alpha_variance(found, alphas, unit, counts)
        return float(np.sqrt(max(variance, 0.0)))

    def _best_alpha_variance(
        self, points: list[SoftmaxPoint], alphas: Array, unit: float, counts: str
    ) -> float:
        """As `loss_slope.best_alpha_variance`, of d contrasts."""
        reduction, directions, fit = self.reduction, self.directions[:, 0], points[HERE].fit
        gamma = reduction.gamma
        resolvents, weights = [p.resolvent for p in points], [p.weights for p in points]
        through = ThroughPrior(gamma, alphas, unit, resolvents, weights)
        noise = np.tensordot(directions**2, reduction.source_noise, axes=1)
        resolvent, weight, reached = (Jet.of(each, unit) for each in (resolvents, weights, through.reach))
        shared = SoftmaxShared(fit, resolvent, weight, reached, noise)
        total = slope_variance(shared, sample_moments(points, shared, unit, counts)) / reduction.n
        bent, linear = through.bent, through.linear
        for s, stage in enumerate(self.stages):
            if stage is not None and np.isfinite(stage.n):
                operator, mean = directions[s] ** 2 * bent, reduction.prior.mean[s].T
                rows = directions[s] * linear - (operator @ mean[..., None])[..., 0]
                passed = Functionals(rows[None], np.zeros((1, rows.shape[1])), operator[None])
                total += float(stage.of_contrasts(passed, counts)[0, 0]) / stage.n
        total += fit.multiplicity * float(self._products(directions, bent[None])[0, 0])
        source = gamma * np.tensordot(directions, reduction.prior.mean, axes=1).T
        steep = [-float(np.vdot(source, w)) for _, w in weights]
        steep = [
            each - gamma * fit.multiplicity * float(np.einsum("jab,jba->", b, noise))
            for each, (_, b) in zip(steep, through.reach, strict=True)
        ]
        return through.best_alpha(total, steep)

    def _fit(self, equations: SoftmaxEquations, state: ContrastState) -> SoftmaxFit:
        alpha = self.directions @ equations.alpha
        return SoftmaxFit(replace(equations, reduction=self.reduction, alpha=alpha), state)

    def _moments(self, fit: SoftmaxFit) -> ScoresAt:
        basis, state, reduction = fit.equations.basis, fit.state, self.reduction
        scores, covariance = state.mean @ basis.T, basis @ state.covariance @ basis.T
        return ScoresAt(scores, covariance, reduction.priors, reduction.group)

    def _functionals(
        self, quantity: str, fit: SoftmaxFit, lift: float
    ) -> tuple[Functionals, tuple[int, ...]]:
        """The gradients of a quantity by all overlaps, and the shape of the quantity."""
        basis, state = fit.equations.basis, fit.state
        by_mean, by_covariance = gradient_tables(quantity, self._moments(fit)._replace(lift=lift))
        lead = by_mean.shape[:-2]
        by_mean = (by_mean @ basis).reshape(-1, *state.mean.shape)
        by_covariance = (basis.T @ by_covariance @ basis).reshape(-1, *state.covariance.shape)
        pattern = by_covariance + np.swapaxes(by_covariance, -1, -2)
        sources = Functionals(
            np.einsum("fka,kp->fpa", by_mean, self.reduction.means, optimize=True),
            by_mean.sum(axis=1),
            np.einsum("gj,fgab->fjab", fit.values, pattern, optimize=True),
        )
        return sources, lead

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
        return np.asarray(total + fit.multiplicity * self._products(ridges, bent))

    def _products(self, scales: Array, bent: Array) -> Array:
        """Two random sources add the variance of their product, which has mean 0 alone; (F, F)."""
        noise, total = self.reduction.source_noise, np.zeros((len(bent),) * 2)
        for s, first in enumerate(noise):
            for r, second in enumerate(noise[:s]):
                crossed = np.einsum("kjab,jbc,ljcd,jda->kl", bent, first, bent, second, optimize=True)
                total = total + (scales[s] * scales[r]) ** 2 * crossed
        return total
