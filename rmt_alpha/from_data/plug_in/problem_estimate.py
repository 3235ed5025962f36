"""`ProblemEstimate`: what theory needs to know about a binary problem, estimated with standard errors."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr

from rmt_alpha._core.alphas import FINITE
from rmt_alpha._core.checks import as_real, check_range
from rmt_alpha._core.pictures.html import Card, Shown
from rmt_alpha._core.pictures.svg import plot, window
from rmt_alpha._core.types import FloatArray
from rmt_alpha._core.values import Value
from rmt_alpha.from_data.decomposition.rules import InterceptRule, rules_of
from rmt_alpha.from_data.decomposition.samples import Samples
from rmt_alpha.from_data.leave_one_out import ScoreMoments
from rmt_alpha.from_data.plug_in.carried_law import CarriedLaw, curve_of
from rmt_alpha.from_data.plug_in.check import TheoryCheck
from rmt_alpha.from_data.plug_in.left_out import Estimate, LeftOut
from rmt_alpha.from_data.plug_in.population import Population
from rmt_alpha.from_data.plug_in.sample_geometry import SampleGeometry, spectral_moments
from rmt_alpha.from_data.ridge_path import RidgePath
from rmt_alpha.problems.fine_tuning import FineTuning
from rmt_alpha.problems.losses import Loss
from rmt_alpha.problems.mixture import GaussianMixture
from rmt_alpha.problems.ranges import RIDGE, SAMPLES
from rmt_alpha.problems.sources import FixedSource
from rmt_alpha.theory.isotropic.curve import AlphaCurve

MOST_EIGENVALUES = 500
"""Of the sample covariance, for a picture that takes a moment."""


@dataclass(frozen=True, eq=False, repr=False)
class ProblemEstimate(Value, Shown):
    r"""What the theory says about data: estimates under x | y ~ N(y mu + c, C), and the curve they predict.

    Made by `estimate_problem`.  The numbers are those of the model.  The curve is that of the leave-one-out
    scores, which the theory carries to other ridges and sample sizes; `check` says how well the model alone
    would have predicted them.

    Parameters
    ----------
    geometry : SampleGeometry
        Means, overlaps and covariances of the sample.
    n, p : float and int
        Target samples and features.
    fit_intercept : bool or "shrunk"
        Whether the classes may lie around any point c, or only around 0.
    features, labels, scores : ndarray of shape (n, p), (n,) and (n,)
        The samples, and the scores of the source.

    Examples
    --------
    >>> import numpy as np
    >>> from rmt_alpha import estimate_problem
    >>> rng = np.random.default_rng(0)
    >>> mean, y = np.ones(100) / 8, np.repeat([-1, 1], 50)
    >>> X = y[:, None] * mean + rng.standard_normal((100, 100))
    >>> estimate = estimate_problem(X, y, mean)
    >>> print(f"{estimate.overlap} (truly {mean @ mean:.3f})")
    1.698 +- 0.14 (truly 1.562)
    >>> curve = estimate.curve(gamma=1.0, n=400)
    >>> print(
    ...     f"accuracy {curve.accuracy(curve.optimal_alpha()):.3f} with four times the samples"
    ... )
    accuracy 0.903 with four times the samples
    >>> print(estimate.accuracy(1.0, gamma=1.0))
    0.8872 +- 0.042
    """

    geometry: SampleGeometry
    n: float
    p: int
    fit_intercept: InterceptRule
    features: FloatArray
    labels: FloatArray
    scores: FloatArray

    @cached_property
    def mean_norm2(self) -> Estimate:
        r"""Squared length of mu, :math:`\lVert\mu\rVert^2`: unbiased, so it may be negative."""
        noise, spread = self.geometry.mean_noise, self._trace2
        # Var = 4 v mu.C mu + 2 v^2 tr C^2 for mu_hat ~ N(mu, v C), and E mu_hat.S mu_hat = mu.C mu + v tr
        # C^2.
        degenerate = 2 * noise**2 * spread
        variance = 4 * noise * max(self.geometry.mean_energy - noise * spread, 0.0) + degenerate
        return Estimate(self.geometry.norm2, math.sqrt(variance))

    @cached_property
    def overlap(self) -> Estimate:
        r"""Inner product of source and mean, :math:`\langle \tilde w, \mu \rangle`: unbiased."""
        variance = self.geometry.mean_noise * float(self.geometry.covariances[0, 0])
        return Estimate(float(self.geometry.overlaps[0]), math.sqrt(variance))

    @cached_property
    def source_norm2(self) -> Estimate:
        r"""Squared length of the source, :math:`\lVert\tilde w\rVert^2`: known exactly."""
        return Estimate(float(np.square(self.geometry.sources).sum()), 0.0)

    @cached_property
    def source_variance(self) -> Estimate:
        r"""Variance of the source's score within a class, :math:`\tilde w^\top C \tilde w`: unbiased."""
        geometry = self.geometry
        squares = (geometry.deviations @ geometry.sources[0]) ** 2
        spread = geometry.counts @ (squares - geometry.counts @ squares / self.n) ** 2
        return Estimate(float(geometry.covariances[0, 0]), math.sqrt(float(spread)) / geometry.freedom)

    @cached_property
    def alignment(self) -> Estimate:
        r"""Cosine of source and mean.

        .. math:: \langle\tilde w, \mu\rangle / (\lVert\tilde w\rVert\,\lVert\mu\rVert)

        The ratio of unbiased estimates, not clipped: it may exceed 1, within its error.  0 with an infinite
        error where the length of mu is not told from 0.
        """
        geometry, norm2 = self.geometry, self.mean_norm2.value
        length = norm2 * self.source_norm2.value
        if length <= 0:
            return Estimate(0.0, math.inf)
        cosine = self.overlap.value / math.sqrt(length)
        # mu_hat = mu + sqrt(v) C^(1/2) z moves both, and |mu_hat|^2 by a square as well.  w.C mu, of their
        # covariance 2 v w.C mu, is at most what Cauchy and Schwarz allow; else their ratio would seem exact.
        noise, degenerate = geometry.mean_noise, 2 * geometry.mean_noise**2 * self._trace2
        energy = max(geometry.mean_energy - noise * self._trace2, 0.0)
        cross = geometry.deviations @ np.stack([geometry.sources[0], geometry.mean]).T
        both = float(geometry.counts @ (cross[:, 0] * cross[:, 1])) / geometry.freedom
        most = math.sqrt(float(geometry.covariances[0, 0]) * energy)
        both = 2 * noise * min(max(both, -most), most)
        slope = np.array([1 / math.sqrt(length), -cosine / (2 * norm2)])
        matrix = np.array([[self.overlap.stderr**2, both], [both, 4 * noise * energy + degenerate]])
        return Estimate(cosine, math.sqrt(max(float(slope @ matrix @ slope), 0.0)))

    @cached_property
    def source_accuracy(self) -> Estimate:
        r"""Accuracy of the source alone, its threshold halfway between the classes.

        :math:`\Phi(\langle\tilde w, \mu\rangle / \sqrt{\tilde w^\top C \tilde w})`.
        """
        variance = self.source_variance.value
        if variance <= 0:
            return Estimate(0.5, math.inf)
        margin = self.overlap.value / math.sqrt(variance)
        spread = math.hypot(
            self.overlap.stderr / math.sqrt(variance), margin * self.source_variance.stderr / (2 * variance)
        )
        density = math.exp(-margin * margin / 2) / math.sqrt(2 * math.pi)
        return Estimate(float(ndtr(margin)), density * spread)

    @cached_property
    def spectral_moments(self) -> tuple[Estimate, ...]:
        r"""First three moments of the covariance spectrum, :math:`\tfrac1p \operatorname{tr} C^k`."""
        values, errors = spectral_moments(self.geometry)
        return tuple(Estimate(float(v), float(e)) for v, e in zip(values, errors, strict=True))

    @cached_property
    def population(self) -> Population:
        """Estimated spectrum, and how mean and source lie in it."""
        return self.geometry.population()

    @cached_property
    def path(self) -> RidgePath:
        """Ridge fits of labels and source scores, for all ridges."""
        samples = Samples.of(self.features)
        rule = rules_of(self.fit_intercept, "raw", samples)[0]
        return RidgePath.of(samples, rule, self.labels[:, None], self.scores[None, :, None])

    def curve(self, gamma: ArrayLike, n: float | None = None) -> AlphaCurve:
        """The predicted law of the fine-tuned score as a function of alpha; classes count alike.

        Parameters
        ----------
        gamma : float or array_like
            Ridge per sample, positive and finite.
        n : float, optional
            Number of target samples; those of the data by default.  Another number answers what more labels
            would bring.

        Returns
        -------
        AlphaCurve
            Of an array where gamma is one.
        """
        ridges, n = self._checked(gamma, n)
        laws = [self._law(float(ridge), n) for ridge in ridges.ravel()]
        moments = [law.moments for law in laws]
        line = np.array([one.line for one in moments]).reshape(*ridges.shape, 2)
        gram = np.array([one.gram for one in moments]).reshape(*ridges.shape, 2, 2)
        kappa = np.array([law.transport.kappa for law in laws]).reshape(ridges.shape)
        return curve_of(kappa, ScoreMoments(line, gram))

    def fine_tuning(
        self, gamma: float, n: float | None = None, *, loss: str | Loss = "squared"
    ) -> FineTuning:
        r"""The model of `population` as a problem, of which everything can be asked.

        Two balanced classes :math:`\mathcal N(\pm\mu, C)` in the eigenbasis of C, with the estimated spectrum
        and the estimated inner products of mean and source.  Its curve is what Gaussian classes predict,
        without the leave-one-out scores from which `curve` starts: the two differ as far as `check` says, and
        by the standard error of `accuracy`.  Every eigenvalue is there a whole number of times, at least two,
        which moves effective ridges by order 1/n.

        Parameters
        ----------
        gamma : float
            Ridge per sample, non-negative.
        n : float, optional
            Number of target samples; those of the data by default.
        loss : str or Loss
            What is minimised, as in `FineTuning`.

        Returns
        -------
        FineTuning
            With a `FixedSource`, the source's weights in the eigenbasis, and an intercept if the estimate has
            one.

        Examples
        --------
        >>> import numpy as np
        >>> from rmt_alpha import estimate_problem
        >>> rng = np.random.default_rng(0)
        >>> mean, y = np.ones(100) / 8, np.repeat([-1, 1], 50)
        >>> X = y[:, None] * mean + rng.standard_normal((100, 100))
        >>> problem = estimate_problem(X, y, mean).fine_tuning(1.0, loss="logistic")
        >>> problem
        FineTuning(K=2, p=100, FixedSource, n=100, gamma=1, intercept=True, loss=logistic)
        >>> curve = problem.curve()
        >>> print(
        ...     f"{curve.accuracy(0.0):.3f}, over draws of the data +- {curve.accuracy_std(0.0):.3f}"
        ... )
        0.867, over draws of the data +- 0.008
        """
        spectrum, mean, sources = self.population.realised()
        n = self.n if n is None else n
        target = GaussianMixture.symmetric(mean, spectrum)
        trained = self.fit_intercept is not False
        return FineTuning(target, FixedSource(sources[0]), n, gamma, intercept=trained, loss=loss)

    def accuracy(self, alpha: float, gamma: float, n: float | None = None) -> Estimate:
        """The accuracy of `curve` at one alpha, corrected by the shape of the scores, and its standard error.

        To the Gaussian law is added what it misses of the fraction of left-out samples that are classified
        rightly, as far as chance does not explain that.  Other numbers of samples are drawn at random, so
        that their classes have the proportions of these on average.

        Parameters
        ----------
        alpha, gamma : float
            Where.
        n : float, optional
            Number of target samples; those of the data by default.
        """
        ridges, n = self._checked(gamma, n)
        check_range("alpha", at := as_real("alpha", alpha), FINITE)
        if np.ndim(at) or ridges.ndim:
            raise ValueError(f"alpha and gamma must be numbers, got {alpha!r} and {gamma!r}")
        return self._law(float(ridges), n).accuracy(float(at))

    def check(self, gamma: float, alpha: float = 1.0) -> TheoryCheck:
        """Whether Gaussian classes with mu in the spectrum as the source describe the left-out scores.

        Parameters
        ----------
        gamma, alpha : float
            Where.
        """
        ridges, _ = self._checked(gamma, None)
        check_range("alpha", at := as_real("alpha", alpha), FINITE)
        measured = self._left_out(float(ridges))
        left = self.n - 1.0
        # The penalty is that of n samples, the fits are of one fewer.
        return TheoryCheck.of(measured, self.population, float(ridges) * self.n / left, left, float(at))

    def _left_out(self, gamma: float) -> LeftOut:
        geometry = self.geometry
        weights, trained = geometry.share / geometry.sizes, self.fit_intercept is not False
        return LeftOut.of(self.path.at(gamma), weights, geometry.groups, intercept=trained)

    def _law(self, gamma: float, n: float) -> CarriedLaw:
        without = self.geometry.products_without()
        return CarriedLaw.at(self._left_out, self.path.design, self.population, without, gamma, n)

    def _checked(self, gamma: ArrayLike, n: float | None) -> tuple[FloatArray, float]:
        ridges = np.asarray(as_real("gamma", gamma), dtype=np.float64)
        check_range("gamma", ridges, RIDGE)
        if not (ridges > 0).all():
            raise ValueError(f"gamma must be positive, got {ridges}")
        n = self.n if n is None else as_real("n", n)
        check_range("n", n, SAMPLES)
        return ridges, float(n)

    def _card(self) -> Card:
        rows: dict[str, object] = {"n": self.n, "p": self.p, "|mu|^2": self.geometry.norm2}
        rows |= {"<w, mu>": str(self.overlap), "w.C w": str(self.source_variance)}
        rows |= {"|w|^2": self.source_norm2.value, "source accuracy": str(self.source_accuracy)}
        if min(self.geometry.deviations.shape) > MOST_EIGENVALUES:
            return Card(rows, note="The predicted curve takes longer than a look: ask for it with curve().")
        curves = {f"gamma {gamma:g}": self.curve(gamma) for gamma in (0.1, 1.0, 10.0)}
        best = [float(curve.optimal_alpha()) for curve in curves.values()]
        rows |= {f"best alpha for {name}": alpha for name, alpha in zip(curves, best, strict=True)}
        at = window([0.0, 1.0, *best], 121)
        lines = {name: (at, curve.accuracy(at)) for name, curve in curves.items()}
        return Card(rows, plot("predicted accuracy against alpha", ("alpha", "accuracy"), lines=lines))

    def __repr__(self) -> str:
        numbers = f"|mu|^2={self.geometry.norm2:.4g}, <w, mu>={self.overlap}"
        return f"ProblemEstimate(n={self.n:g}, p={self.p}, {numbers})"

    def __str__(self) -> str:
        rows = {
            "|mu|^2": self.mean_norm2,
            "<w, mu>": self.overlap,
            "|w|^2": self.source_norm2,
            "w.C w": self.source_variance,
            "alignment": self.alignment,
            "source accuracy": self.source_accuracy,
        }
        moments = {f"tr C^{k} / p": one for k, one in enumerate(self.spectral_moments, 1)}
        width = max(map(len, rows | moments))
        head = f"n = {self.n:g} samples of p = {self.p} features"
        return "\n".join([head, *(f"{name:<{width}}  {one}" for name, one in (rows | moments).items())])

    @property
    def _trace2(self) -> float:
        return max(self.spectral_moments[1].value * self.p, 0.0)
