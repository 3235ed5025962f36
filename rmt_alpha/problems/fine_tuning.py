"""`FineTuning`: any covariance, any number of classes, one or several sources."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Unpack

import numpy as np
from numpy.typing import ArrayLike

from rmt_alpha._core.checks import check_flag, check_scalar
from rmt_alpha._core.pictures.html import Card, Shown
from rmt_alpha._core.types import FloatArray, SimulationOptions
from rmt_alpha._core.values import Value, shown
from rmt_alpha.problems.labels import check_label_noise, check_outputs_fit
from rmt_alpha.problems.losses import Hinge, Logistic, Loss, SquaredHinge, as_loss, check_trainable
from rmt_alpha.problems.mixture import GaussianMixture, check_mixture
from rmt_alpha.problems.ranges import RIDGE, SAMPLES
from rmt_alpha.problems.sources import FixedSource, RidgeSource, Source
from rmt_alpha.problems.transfer import TransferProblem

if TYPE_CHECKING:
    from rmt_alpha.explore.server import Explorer
    from rmt_alpha.simulation.result import Simulation
    from rmt_alpha.theory.convex.curve import LossCurve
    from rmt_alpha.theory.curve_array import CurveArray
    from rmt_alpha.theory.mixtures.curve import MixtureCurve
    from rmt_alpha.theory.ridge.mixture import MixtureRidge
    from rmt_alpha.theory.softmax.curve import SoftmaxCurve


@dataclass(frozen=True, eq=False, init=False, repr=False)
class FineTuning(Value, Shown):
    r"""Fine-tuning a ridge classifier on a Gaussian mixture, from a rescaled source.

    .. math:: w_\alpha, b = \arg\min_{w, b} \frac1n \sum_i |t_i - w x_i - b|^2
        + \gamma \Big| w - \sum_s \alpha_s \tilde w_s \Big|^2

    or, with a convex loss :math:`\varphi` of the margin,

    .. math:: w_\alpha, b = \arg\min_{w, b} \frac1n \sum_i \varphi(t_i (w x_i + b))
        + \frac\gamma2 \Big| w - \sum_s \alpha_s \tilde w_s \Big|^2

    on n samples of the target mixture.  Two classes have labels t = -1 and +1; more have one-hot targets.

    The theory of this problem: :doc:`/theory/mixtures`.

    Parameters
    ----------
    target : GaussianMixture
        The target data.
    source : FixedSource, RidgeSource, LossSource or list of them
        The source model.  Several sources (a list, or a `FixedSource` with k rows) make alpha a vector.
    n : float
        Number of target samples, positive; ``inf`` is allowed.
    gamma : float
        Ridge penalty, non-negative, in the per-sample convention (1/n in front of the loss: scikit-learn's
        ``Ridge(alpha=n * gamma)``).  0 is the ridgeless limit.
    intercept : bool
        Whether to fit an unpenalised intercept b.
    label_noise : float or array_like of shape (K,)
        Fraction of wrong labels among the training samples, overall or per class; a wrong label is any of the
        others with equal probability.  Accuracy and risk refer to the true class.
    loss : {"squared", "logistic", "hinge", "squared_hinge", "huber"} or Loss
        What is minimised.  Losses other than "squared" need two classes with labels -1 and +1, and "huber" a
        positive gamma; their curve is a `LossCurve`.  The squared loss is half the square in the second
        formula, so that gamma means the same.  "logistic" with one output per class is the cross-entropy of
        softmax, :math:`-\log \mathrm{softmax}(W x + b)_t`, of positive gamma; its curve is a `SoftmaxCurve`,
        its covariances must be diagonal in one basis.

    Raises
    ------
    ValueError
        If arguments do not fit together; by ``curve`` and ``ridge`` for gamma = 0 with n equal to the rank of
        the covariances, where the variance is infinite.

    See Also
    --------
    TransferProblem : the isotropic special case in a few numbers, with finite-size error bars.

    Notes
    -----
    Exact in the limit of large p and n with p/n fixed; at finite size the error of the prediction is O(1/n)
    on average.  The method explained is alpha-LoRA, arXiv 2510.21345, whose model has identity covariances.
    Class means enter the effective ridge only at order 1/n, and are left out of it, as in
    `TransferProblem`, with which this class agrees to rounding.

    Examples
    --------
    >>> import numpy as np
    >>> p = 200
    >>> mean = np.ones(p) / np.sqrt(p)
    >>> spectrum = np.linspace(0.2, 2.0, p)
    >>> target = GaussianMixture(
    ...     [-mean, mean], covariances=[spectrum, 2 * spectrum], priors=[0.3, 0.7]
    ... )
    >>> source = RidgeSource(
    ...     GaussianMixture.symmetric(mean, spectrum), n=1000, gamma=0.1
    ... )
    >>> problem = FineTuning(target, source, n=100, gamma=0.5, intercept=True)
    >>> curve = problem.curve()
    >>> best = curve.optimal_alpha()
    >>> print(
    ...     f"{best:.2f} {curve.accuracy(best):.3f} {curve.accuracy(1):.3f} {curve.accuracy(0):.3f}"
    ... )
    1.71 0.742 0.733 0.639
    >>> problem.ridge.solution.status, problem.ridge.kappa.round(3)
    ('converged', array([1.7  , 2.899]))
    """

    target: GaussianMixture
    source: Source | tuple[Source, ...]
    n: float
    gamma: float
    intercept: bool
    label_noise: FloatArray
    loss: str | Loss

    def __init__(
        self,
        target: GaussianMixture,
        source: Source | Sequence[Source],
        n: float,
        gamma: float,
        *,
        intercept: bool = False,
        label_noise: ArrayLike = 0.0,
        loss: str | Loss = "squared",
    ) -> None:
        vars(self).update(
            target=check_mixture("target", target),
            source=tuple(source) if isinstance(source, list) else source,
            n=check_scalar("n", n, SAMPLES),
            gamma=check_scalar("gamma", gamma, RIDGE),
            intercept=check_flag("intercept", intercept),
            label_noise=check_label_noise(label_noise, target.classes),
            loss=loss,
        )
        self._check_sources()
        self._check_loss()

    def _check_sources(self) -> None:
        sources = self.sources
        if not sources or not all(isinstance(source, Source) for source in sources):
            raise TypeError(
                "source must be a FixedSource, a RidgeSource, a LossSource or a list of them, got "
                f"{type(self.source).__name__}"
            )
        for source in sources:
            if source.p != self.target.p:
                raise ValueError(f"source has dimension {source.p}, target has dimension {self.target.p}")
            if source.outputs != self.outputs:
                raise ValueError("all sources must have the same number of outputs")
        check_outputs_fit(self.outputs, self.target.classes)

    def _check_loss(self) -> None:
        loss = as_loss(self.loss)
        if not self.squared:
            known = self.outputs == 1 and isinstance(loss, Logistic | Hinge | SquaredHinge)
            check_trainable(self.loss, self.outputs, self.target.classes, self.gamma, has_limit=known)

    @classmethod
    def from_transfer(cls, problem: TransferProblem) -> FineTuning:
        """The isotropic problem, written with vectors of length p.

        Its fields must be scalars, with integers p >= 2, n and N.

        Examples
        --------
        >>> problem = TransferProblem(beta=0.8, p=400, n=40, N=2000, gamma=0.1)
        >>> same = FineTuning.from_transfer(problem)
        >>> round(same.curve().optimal_alpha() / problem.curve().optimal_alpha(), 10)
        1.0
        """
        if problem.shape != () or problem.p != int(problem.p) or problem.p < 2:
            raise ValueError("from_transfer needs a problem with scalar fields and an integer p >= 2")
        p = int(problem.p)
        source_mean, target_mean = np.zeros(p), np.zeros(p)
        source_mean[0], target_mean[0], target_mean[1] = problem.mu, problem.along, problem.across
        source: Source = FixedSource(source_mean)
        if problem.N is not None:
            own = GaussianMixture.symmetric(source_mean)
            source = RidgeSource(own, float(problem.N), float(problem.gamma_source))
        return cls(GaussianMixture.symmetric(target_mean), source, float(problem.n), float(problem.gamma))

    @property
    def sources(self) -> tuple[Source, ...]:
        """The source or sources, as a tuple."""
        return self.source if isinstance(self.source, tuple) else (self.source,)

    @property
    def outputs(self) -> int:
        """Outputs of the classifier: 1 for labels -1 and +1, else one per class."""
        return self.sources[0].outputs

    @property
    def components(self) -> int | None:
        """Components of alpha; None if it is a number, for a single source without an axis for it."""
        counts = [source.count for source in self.sources]
        if counts == [None] and not isinstance(self.source, tuple):
            return None
        return sum(1 if count is None else count for count in counts)

    @property
    def squared(self) -> bool:
        """Whether the loss is the squared one, by its name: the curve is a `MixtureCurve` then."""
        return isinstance(self.loss, str) and self.loss == "squared"

    @cached_property
    def ridge(self) -> MixtureRidge:
        """Effective ridges of the target fit: kappa, its bracket, residual, status, iterations."""
        from rmt_alpha.theory.ridge.mixture import fit_ridge

        return fit_ridge(self.target.model, self.n, self.gamma)

    def curve(self, dps: int | None = None) -> MixtureCurve | LossCurve | SoftmaxCurve:
        """The law of the scores as a function of alpha: a `MixtureCurve` for ``loss="squared"``.

        ``dps=None`` evaluates in float64; a number of decimal digits evaluates the same formulas in mpmath,
        for two classes with scalar or diagonal covariances and the squared loss.
        """
        from rmt_alpha.theory.mixtures.build import fine_tuning_curve

        return fine_tuning_curve(self, dps)

    def path(self, gammas: Iterable[float]) -> Iterator[MixtureCurve | LossCurve | SoftmaxCurve]:
        """The curves for many ridges, best in order: each starts from the solution for the one before.

        Examples
        --------
        >>> problem = FineTuning(
        ...     GaussianMixture.symmetric([2.0, 0.0]), FixedSource([1.0, 1.0]), n=2, gamma=1
        ... )
        >>> [round(curve.accuracy(1.0), 3) for curve in problem.path([0.1, 1.0, 10.0])]
        [0.875, 0.889, 0.907]
        """
        from rmt_alpha.theory.mixtures.build import fine_tuning_path

        return fine_tuning_path(self, gammas)

    def curves(self, n: ArrayLike | None = None, gamma: ArrayLike | None = None) -> CurveArray:
        """The curves for arrays of n and gamma, which broadcast; by default they are the problem's.

        The covariances are diagonalised once for all, and each effective ridge starts from the one before.
        """
        from rmt_alpha.theory.curve_array import curve_array

        return curve_array(self, n, gamma)

    def simulate(self, alpha: ArrayLike, **options: Unpack[SimulationOptions]) -> Simulation:
        """Classifiers trained on random data, each scored exactly; see `rmt_alpha.simulate`."""
        from rmt_alpha.simulation import simulate

        return simulate(self, alpha, **options)

    def source_accuracy(self) -> float | FloatArray:
        """Accuracy on the target task of the source weights as they are, without an intercept.

        Nothing is trained: neither n, gamma, label noise nor the loss matters.  A number for one source,
        shape (k,) for k sources, one by one.

        Examples
        --------
        >>> problem = FineTuning(
        ...     GaussianMixture.symmetric([2.0, 0.0]), FixedSource([1.0, 1.0]), n=2, gamma=1
        ... )
        >>> round(problem.source_accuracy(), 4)
        0.9214
        """
        from rmt_alpha.theory.mixtures.build import source_accuracy

        return source_accuracy(self)

    def explore(self, *, port: int | None = None, browser: bool = True) -> Explorer:
        """Open it in the application in the browser (extra ``explore``), where its numbers can be moved.

        ``port`` of 127.0.0.1, else 5006 or any that is free; ``browser=False`` opens nothing: see ``url`` of
        what is returned.  It is served until the program ends, or ``stop()``; in a script, ``wait()``.
        """
        from rmt_alpha.explore.server import explore

        return explore(self, port, browser)

    def equivalent_samples(self, alpha: ArrayLike | None = None, criterion: str = "accuracy") -> float:
        """How many more target samples would buy, without a source, what the source buys.

        The smallest n' - n >= 0 such that training on n' target samples with alpha = 0 and all else the same
        does as well as ``alpha`` does with n; inf if no number of samples does, as the same ridge may keep
        it from.  Searched in log n' up to 10^12 times max(n, p).

        Parameters
        ----------
        alpha : float or array_like of shape (k,), optional
            What is used of the source, or of k sources; by default the best.
        criterion : {"accuracy", "risk", "loss"}
            As well in what; one of the curve's ``criteria``.

        Examples
        --------
        >>> import numpy as np
        >>> mean, spectrum = np.full(100, 0.1), np.linspace(0.2, 2.0, 100)
        >>> problem = FineTuning(
        ...     GaussianMixture.symmetric(mean, spectrum),
        ...     FixedSource(mean),
        ...     n=50,
        ...     gamma=0.1,
        ... )
        >>> [round(problem.equivalent_samples(alpha)) for alpha in (None, 0.2)]
        [169, 45]
        """
        from rmt_alpha.theory.samples_needed import equivalent_samples

        return equivalent_samples(self, alpha, criterion, self.target.p)

    def _facts(self) -> dict[str, object]:
        facts: dict[str, object] = {"target": f"{self.target.classes} classes, p = {self.target.p}"}
        names = [f"source {i}" for i in range(1, 5)] if len(self.sources) > 1 else ["source"]
        facts |= {name: repr(source) for name, source in zip(names, self.sources, strict=False)}
        facts |= {"n": self.n, "gamma": self.gamma, "intercept": self.intercept}
        facts |= {"label noise": self.label_noise} if self.label_noise.any() else {}
        return facts | {"loss": as_loss(self.loss).name}

    def _card(self) -> Card:
        from rmt_alpha.theory.pictures import problem_card

        return problem_card(self)

    def __repr__(self) -> str:
        count = f"{self.components} sources" if self.components else type(self.source).__name__
        extras = f", intercept={self.intercept}" if self.intercept else ""
        if self.label_noise.any():
            extras += f", label_noise={' '.join(f'{x:g}' for x in self.label_noise)}"
        loss = self.loss if isinstance(self.loss, str) else self.loss.name
        return (
            f"FineTuning(K={self.target.classes}, p={self.target.p}, {count}, n={shown(self.n)}, "
            f"gamma={shown(self.gamma)}{extras}, loss={loss})"
        )
