r"""Evidence and leave-one-out in agreement: the default.

Two facts decide between them. The classifier depends on alpha through kappa = gamma * alpha alone when the
ridge is large, w ~ X y / n + kappa w~, and for Gaussian scores the best ridge is large, with a kappa that
does not depend on n. The evidence knows kappa from few samples, but it also asks for the right *size* of the
scores, which accuracy does not need: it takes ridges too small. The leave-one-out ratio of mean to standard
deviation is free of scale, but noisy. So every pair (gamma, alpha) gets the weight

    log weight = log prior + (1/2) log P(kappa) + (1/2) (n/2) log(1 + SNR^2),

- prior: the standard deviation of what the target adds to the score, in units of the noise, is half-Cauchy,
  and alpha is Cauchy in units of its least-squares value for the source alone, both with the scale 1/2;
  its square is rank/n times the odds of the degrees of freedom that the ridge trains: tr(C)/(n gamma) where
  all eigenvalues are the same, and free of the scale of single features where they are not;
- P: the posterior density of log kappa by the evidence, the ridge integrated out;
- the last term: half the logarithm of the Gaussian likelihood of labels y = c f + noise at the best scale c,
  f the leave-one-out scores; SNR is their mean over their standard deviation, 0 if the mean is negative.

Both terms speak of the same n samples: the halves count them once. The choice is the mean of log kappa and
log gamma. It shrinks to the prior where the data are silent. The sign of alpha is that of the greater
posterior probability by the evidence alone, if one source of twenty-one is expected to be upside down:
a few unlucky labels can turn the ratio, and without such odds the evidence too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from scipy.special import softmax

from rmt_alpha._core.exponentials import log_sum_exp
from rmt_alpha._core.types import FloatArray
from rmt_alpha.from_data.criteria.base import Choice, SmoothCriterion
from rmt_alpha.from_data.criteria.evidence import Evidence, log_evidence, source_noise
from rmt_alpha.from_data.criteria.loo import moments_without
from rmt_alpha.from_data.decomposition.design import Design
from rmt_alpha.from_data.decomposition.rows import EPS
from rmt_alpha.from_data.leave_one_out import ScoreMoments
from rmt_alpha.from_data.ridge_path import RidgeFit, RidgePath

KAPPAS = np.logspace(-3, 4, 71)
"""kappa in its natural unit: ten values to a decade."""
RESOLVED = 0.99
"""Two neighbours of the grid of kappas that have more than this share of the weight do not resolve it."""
MANY = 1e9
"""Samples: of more, one changes the weights by less than rounding, and only the evidence has replicates."""
FINEST = 1e-9
"""Decades between kappas: finer than any number of samples that float64 can count."""
FOCUS = 100
"""Of the grid, moved by half its length or made ten times finer each time."""
SCALE = 0.5
"""Of both priors: a target that is expected to add less than there is noise, and a source that gets a part of
what least squares would give it.  Chosen on development splits (docs/experiments/study.md); a quarter differs
little."""

ODDS = 20.0
"""Prior odds that a source points the right way."""


@dataclass(frozen=True, eq=False)
class _Line:
    """The sources as one, alpha a positive number times ``direction``, at finite ridges."""

    path: RidgePath
    """The fits."""
    gammas: FloatArray
    """Shape (g,)."""
    direction: FloatArray
    """The alpha of the evidence; of one source only a sign; shape (k,)."""
    alpha_unit: float
    """Size of the least-squares alpha of the source alone, its correlation no smaller than 1/sqrt(n)."""
    ridges: FloatArray
    """`unit_ridge`, 1 if nothing is trained: then kappa is alpha; shape (g,)."""
    grams: FloatArray
    """`RidgePath.grams`; shape (g, 1 + k, 1 + k)."""
    noise: float = 0.0
    """As in `log_evidence`."""
    kappas: FloatArray = field(default_factory=lambda: KAPPAS)
    """Candidates for kappa, evenly spaced in log kappa, in its natural unit; shape (m,)."""

    @classmethod
    def of(cls, path: RidgePath, gammas: Sequence[float], noise: float = 0.0) -> _Line:
        finite = np.array([gamma for gamma in gammas if math.isfinite(gamma)] or [math.inf])
        if path.sources == 1:
            direction = np.ones(1)
        else:
            choices, index = Evidence().decide(path, gammas)
            direction = choices[index].point[1:]
        moments = _folded(path.grams(np.array([math.inf]))[0], direction)
        scores, labels = math.sqrt(max(moments[1, 1], 0.0)), math.sqrt(max(moments[0, 0], 0.0))
        total, unit = path.design.total, 0.0
        if scores > 0:
            unit = max(abs(moments[0, 1]) / scores, labels / math.sqrt(total)) / scores
        line = cls(path, finite, direction, unit, unit_ridge(path.design, finite), path.grams(finite), noise)
        return line.turned() if path.sources == 1 and unit > 0 else line

    def turned(self) -> _Line:
        """With the opposite sign, if that is more probable."""
        other = replace(self, direction=-self.direction)
        ahead, back = (log_sum_exp(line.log_posterior) for line in (self, other))
        return other if back > ahead + math.log(ODDS) else self

    @cached_property
    def alphas(self) -> FloatArray:
        """Of all ridges and kappas, (g, m)."""
        return self.alpha_unit * self.kappas / self.ridges[:, None]

    @cached_property
    def log_prior(self) -> FloatArray:
        """Logarithm of the density in log gamma and log alpha, (g, m)."""
        size = self.alphas / (SCALE * self.alpha_unit)
        return np.asarray(_ridge_prior(self.ridges)[:, None] + np.log(size) - np.log1p(size**2))

    @property
    def log_mean(self) -> float:
        """Logarithm of the evidence, averaged over the prior."""
        return float(log_sum_exp(self.log_posterior) - log_sum_exp(self.log_prior))

    def log_evidence(self, grams: FloatArray) -> FloatArray:
        """Of all alphas, for products (..., g, 1 + k, 1 + k)."""
        left = _quadratic(_folded(grams, self.direction), -self.alphas)
        return log_evidence(self.path, self.path.volumes(self.gammas)[:, None], left, self.noise)

    @cached_property
    def log_posterior(self) -> FloatArray:
        """Prior times evidence for all ridges and kappas, (g, m)."""
        return np.asarray(self.log_prior + self.log_evidence(self.grams))

    def log_margins(self, total: FloatArray | float, moments: ScoreMoments) -> FloatArray:
        """Logarithm of the likelihood of the leave-one-out scores for all alphas."""
        line, gram = moments.line, moments.gram
        mean = line[..., :1] + self.alphas * (line[..., 1:] @ self.direction)[..., None]
        return _log_likelihood(total, mean, _quadratic(_folded(gram, self.direction), self.alphas))

    @cached_property
    def table(self) -> FloatArray:
        """Log weights of all ridges and kappas, (g, m)."""
        margins = self.log_margins(self.path.design.total, self.path.moments(self.gammas))
        return np.asarray(0.5 * log_sum_exp(self.log_posterior, axis=0) + self.log_prior + 0.5 * margins)

    def focused(self) -> _Line:
        """With kappas where the weights are: many samples know kappa to less than a tenth decade.

        Ridges far below or far above their natural unit need other kappas for the same alphas.
        """
        line = self
        for _ in range(FOCUS):
            weights = softmax(log_sum_exp(line.table, axis=0))
            top, logs = int(weights.argmax()), np.log10(line.kappas)
            step, last = (logs[-1] - logs[0]) / (logs.size - 1), logs.size - 1
            margin = 0 if line is self else 10  # moved because it missed the weights, it must hold them all
            if margin < top < last - margin:
                if weights[top] + max(weights[top - 1], weights[top + 1]) <= RESOLVED or step < FINEST:
                    break
                step /= 10
            spread = step * (np.arange(logs.size) - last / 2)
            line = replace(line, kappas=10 ** (logs[top] + spread))
        return line

    def point(self, index: int, kappa: FloatArray) -> FloatArray:
        """(1, alpha) at one of the ridges."""
        alpha = self.alpha_unit * float(kappa) / self.ridges[index]
        return np.concatenate([[1.0], alpha * self.direction])

    def mean_kappa(self, weights: FloatArray) -> FloatArray:
        """Geometric mean of kappa in its unit; rows at once."""
        return np.asarray(np.exp(softmax(weights, axis=-1) @ np.log(self.kappas)))


class Consensus(SmoothCriterion):
    """Mean of log gamma and log kappa by evidence and leave-one-out together."""

    name = "consensus"

    def decide(
        self, path: RidgePath, gammas: Sequence[float], point: FloatArray | None = None
    ) -> tuple[list[Choice], int]:
        """Weights for all ridges at once; the ridge of the grid nearest to their mean is taken."""
        line = _Line.of(path, gammas) if point is None and path.sources else None
        if line is None or not line.alpha_unit > 0:
            nothing = np.concatenate([[1.0], np.zeros(path.sources)])
            return self._for_given(path, gammas, nothing if point is None else point)
        line, finite = line.focused(), [i for i, gamma in enumerate(gammas) if math.isfinite(gamma)] or [0]
        choices = Evidence().decide(path, gammas)[0]  # an infinite ridge has no prior weight
        choices = [replace(choice, score=-math.inf) for choice in choices]
        scores, kappas = log_sum_exp(line.table, axis=1), line.mean_kappa(line.table)
        for row, i in enumerate(finite):
            choices[i] = Choice(gammas[i], line.point(row, kappas[row]), float(scores[row]))
        row = _nearest(line.gammas, scores)
        # At the ridge that is taken, kappa is the mean over all of them.
        point = line.point(row, line.mean_kappa(log_sum_exp(line.table, axis=0)))
        choices[finite[row]] = Choice(gammas[finite[row]], point, choices[finite[row]].score)
        return choices, finite[row]

    def _for_given(
        self, path: RidgePath, gammas: Sequence[float], point: FloatArray
    ) -> tuple[list[Choice], int]:
        """The ridge alone."""
        finite = [i for i, gamma in enumerate(gammas) if math.isfinite(gamma)]
        if not finite:
            return Evidence().decide(path, gammas, point)
        ridges = np.array([gammas[i] for i in finite])
        weights = self._scores(path, ridges, point)
        scores = dict(zip(finite, weights.tolist(), strict=True))
        choices = [Choice(gamma, point, scores.get(i, -math.inf)) for i, gamma in enumerate(gammas)]
        return choices, finite[_nearest(ridges, weights)]

    @staticmethod
    def _scores(path: RidgePath, gammas: FloatArray, point: FloatArray) -> FloatArray:
        """Logarithms of the weights of pairs (gamma, alpha), the prior of alpha left out; (g,)."""
        moments = path.moments(gammas)
        variance = np.einsum("a,gab,b->g", point, moments.gram, point)
        weights = 0.5 * _log_likelihood(path.design.total, moments.line @ point, variance)
        if point[0] > 0:
            weights += [0.5 * one.score for one in Evidence().decide(path, gammas.tolist(), point)[0]]
        finite = np.isfinite(gammas)
        weights[finite] += _ridge_prior(unit_ridge(path.design, gammas[finite]))
        return np.asarray(weights)

    def best(self, fit: RidgeFit) -> FloatArray:
        """The mean at one ridge."""
        if not math.isfinite(fit.gamma):
            return Evidence().best(fit)
        return self.decide(fit.path, [fit.gamma])[0][0].point

    def score(self, fit: RidgeFit, point: FloatArray) -> float:
        """Logarithm of the weight of one pair (gamma, alpha), the prior of alpha left out."""
        return float(self._scores(fit.path, np.array([fit.gamma]), point)[0])

    def replicates(self, fit: RidgeFit) -> FloatArray:
        """Evidence without one sample, exactly, and moments without its line; units and prior are kept."""
        line = _Line.of(fit.path, [fit.gamma])
        if not math.isfinite(fit.gamma) or not line.alpha_unit > 0 or fit.path.design.total > MANY:
            return Evidence().replicates(fit)
        line, samples = line.focused(), fit.path.design.samples
        moments = ScoreMoments(*moments_without(fit))
        margins = line.log_margins(samples.rest[:, None], moments)
        table = 1.5 * line.log_prior + 0.5 * (line.log_evidence(fit.grams_without) + margins)
        alpha = line.alpha_unit * line.mean_kappa(table) / line.ridges[0]
        return np.concatenate([np.ones((len(alpha), 1)), alpha[:, None] * line.direction], axis=1)


class RegressionConsensus(Evidence):
    """The same of a regression, whose targets have a size: evidence and prior, and the mean of log gamma.

    The largest evidence alone is a matter of luck where there are hardly more samples than features: a fit
    without ridge may then have next to no residuals.  So sigma^2 has a prior, too: one sample more, of which
    the source explains what it does of the others, and the fit no more (`source_noise`).  alpha is that of
    the evidence at the ridge taken.
    """

    name = Consensus.name

    def noise(self, path: RidgePath) -> float:
        """What the source leaves of one sample."""
        return source_noise(path)

    def decide(
        self, path: RidgePath, gammas: Sequence[float], point: FloatArray | None = None
    ) -> tuple[list[Choice], int]:
        """The choice at every ridge, and the ridge of the grid nearest to the mean."""
        choices, index = super().decide(path, gammas, point)
        finite = [i for i, gamma in enumerate(gammas) if math.isfinite(gamma)]
        if not finite:
            return choices, index
        ridges = np.array([gammas[i] for i in finite])
        weights = _ridge_prior(unit_ridge(path.design, ridges)) + [choices[i].score for i in finite]
        # An infinite ridge has no prior weight.
        choices = [replace(choice, score=-math.inf) for choice in choices]
        for i, weight in zip(finite, weights.tolist(), strict=True):
            choices[i] = replace(choices[i], score=weight)
        return choices, finite[_nearest(ridges, weights)]

    def probabilities(self, choices: Sequence[Choice]) -> FloatArray | None:
        """Posterior ones: prior times evidence."""
        scores = np.array([one.score for one in choices])
        return np.asarray(softmax(scores)) if np.isfinite(scores).any() else None

    def score(self, fit: RidgeFit, point: FloatArray) -> float:
        """Logarithm of prior times evidence."""
        if not math.isfinite(fit.gamma):
            return super().score(fit, point)
        prior = _ridge_prior(unit_ridge(fit.path.design, np.array([fit.gamma])))
        return super().score(fit, point) + float(prior[0])


def rule_evidence(path: RidgePath, gammas: Sequence[float], point: FloatArray | None = None) -> float:
    """Logarithm of the evidence of a rule; the ridge and alpha (unless ``point`` holds it) integrated out."""
    if point is None and path.sources:
        line = _Line.of(path, gammas, source_noise(path))
        if line.alpha_unit > 0:
            return line.log_mean
    held = np.concatenate([[1.0], np.zeros(path.sources)]) if point is None else point
    if held[0] == 0:
        return 0.0
    finite = [gamma for gamma in gammas if math.isfinite(gamma)]
    choices, _ = RegressionConsensus().decide(path, finite or [math.inf], held)
    total = float(log_sum_exp(np.array([one.score for one in choices])))
    if not finite:
        return total
    return total - float(log_sum_exp(_ridge_prior(unit_ridge(path.design, np.array(finite)))))


def _nearest(gammas: FloatArray, weights: FloatArray) -> int:
    """Which ridge is nearest to the mean of log gamma with these logarithms of weights."""
    if len(gammas) == 1:
        return 0
    logs = np.log(gammas)
    return int(np.abs(logs - softmax(weights) @ logs).argmin())


def _log_likelihood(total: FloatArray | float, mean: FloatArray, variance: FloatArray) -> FloatArray:
    """(n/2) log(1 + mean^2 / variance), 0 for negative means; rounding bounds the ratio."""
    squared = np.square(np.maximum(mean, 0.0))
    floor = np.maximum(EPS * squared, float(np.finfo(float).tiny))
    return np.asarray(0.5 * total * np.log1p(squared / np.maximum(variance, floor)))


def unit_ridge(design: Design, gammas: FloatArray) -> FloatArray:
    """n/rank times kept over trained degrees of freedom: n gamma/tr(C) if it is large or C is isotropic."""
    if np.isinf(gammas).all():
        return np.ones(len(gammas))
    odds = design.odds(gammas) if design.rank else 1.0 / gammas
    return np.asarray(design.total / max(design.rank, 1) / odds)


def _ridge_prior(ridges: FloatArray) -> FloatArray:
    """Half-Cauchy density of ridge^(-1/2), as a logarithm of the density of log ridge."""
    scaled = SCALE**2 * ridges
    return np.asarray(0.5 * np.log(scaled) - np.log1p(scaled))


def _folded(gram: FloatArray, direction: FloatArray) -> FloatArray:
    """Products of labels and the one combined source; shape (..., 2, 2)."""
    fold = np.zeros((direction.size + 1, 2))
    fold[0, 0], fold[1:, 1] = 1.0, direction
    return np.asarray(fold.T @ gram @ fold)


def _quadratic(gram: FloatArray, alphas: FloatArray) -> FloatArray:
    """(1, alpha) gram (1, alpha)^T for all alphas, (..., m) for (..., 2, 2)."""
    gram = gram[..., None]
    return np.asarray(gram[..., 0, 0, :] + 2 * alphas * gram[..., 0, 1, :] + alphas**2 * gram[..., 1, 1, :])
