"""`FineTuning`: any covariance, any number of classes, one or several sources."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from rmt_alpha._core import arithmetic
from rmt_alpha._core.checks import check_dps
from rmt_alpha.problems.labels import check_label_noise
from rmt_alpha.problems.losses import as_loss
from rmt_alpha.problems.mixture import GaussianMixture
from rmt_alpha.problems.sources import (
    FixedSource,
    RidgeSource,
    Source,
    check_mixture,
    check_outputs_fit,
    check_scalar,
    make_task,
)
from rmt_alpha.problems.transfer import TransferProblem
from rmt_alpha.theory.convex.curve import LossCurve
from rmt_alpha.theory.convex.reduction import Reduction
from rmt_alpha.theory.mixtures.curve import MixtureCurve
from rmt_alpha.theory.mixtures.score_law import Prior, Task, score_law
from rmt_alpha.theory.ridge.isotropic import RIDGE, SAMPLES
from rmt_alpha.theory.ridge.mixture import MixtureRidge, fit_ridge

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class FineTuning:
    r"""Fine-tuning a ridge classifier on a Gaussian mixture, from a rescaled source.

    .. math:: w_\alpha, b = \arg\min_{w, b} \frac1n \sum_i |t_i - w x_i - b|^2
        + \gamma \Big| w - \sum_s \alpha_s \tilde w_s \Big|^2

    or, with a convex loss :math:`\varphi` of the margin,

    .. math:: w_\alpha, b = \arg\min_{w, b} \frac1n \sum_i \varphi(t_i (w x_i + b))
        + \frac\gamma2 \Big| w - \sum_s \alpha_s \tilde w_s \Big|^2

    on n samples of the target mixture.  Two classes have labels t = -1 and +1; more have one-hot targets.

    Parameters
    ----------
    target : GaussianMixture
        The target data.
    source : FixedSource, RidgeSource or list of them
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
        What is minimised.  Losses other than "squared" need two classes with labels -1 and +1 and a positive
        gamma; their curve is a `LossCurve`.  The squared loss is half the square in the second formula,
        so that gamma means the same.

    Raises
    ------
    TypeError, ValueError
        If arguments do not fit together; the message says how.  Also for gamma = 0 with n equal to the rank
        of the covariances, where the variance is infinite (raised by ``curve`` and ``ridge``).

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
    source: Any
    n: Any
    gamma: Any
    intercept: bool = field(default=False, kw_only=True)
    label_noise: Any = field(default=0.0, kw_only=True)
    loss: Any = field(default="squared", kw_only=True)

    def __post_init__(self) -> None:
        check_mixture("target", self.target)
        object.__setattr__(self, "n", check_scalar("n", self.n, SAMPLES))
        object.__setattr__(self, "gamma", check_scalar("gamma", self.gamma, RIDGE))
        object.__setattr__(self, "label_noise", check_label_noise(self.label_noise, self.target.classes))
        if not isinstance(self.intercept, bool | np.bool_):
            raise TypeError(f"intercept must be True or False, got {self.intercept!r}")
        if isinstance(self.source, list):
            object.__setattr__(self, "source", tuple(self.source))
        sources = self.sources
        if not sources or not all(isinstance(source, FixedSource | RidgeSource) for source in sources):
            raise TypeError(
                "source must be a FixedSource, a RidgeSource or a list of them, got "
                f"{type(self.source).__name__}"
            )
        for source in sources:
            if source.p != self.target.p:
                raise ValueError(f"source has dimension {source.p}, target has dimension {self.target.p}")
            if source.outputs != sources[0].outputs:
                raise ValueError("all sources must have the same number of outputs")
        check_outputs_fit(sources[0].outputs, self.target.classes)
        self._check_loss()

    def _check_loss(self) -> None:
        loss = as_loss(self.loss)
        if isinstance(self.loss, str) and self.loss == "squared":
            return
        if self.sources[0].outputs != 1:
            raise ValueError(
                f"loss={self.loss!r} is a loss of labels -1 and +1: it needs two classes and a source with "
                f"outputs=1, got {self.target.classes} classes and outputs={self.sources[0].outputs}; use "
                "loss='squared' for one-hot targets"
            )
        if self.gamma == 0:
            raise ValueError(
                f"gamma must be positive for the {loss.name} loss: without ridge there is no minimiser on "
                "data that a classifier separates, only a direction (of maximal margin) or none; choose a "
                "small one"
            )

    @classmethod
    def from_transfer(cls, problem: TransferProblem) -> FineTuning:
        """The isotropic problem, written with vectors of length p.

        Parameters
        ----------
        problem : TransferProblem
            With scalar fields and integers p >= 2, n and N.

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
            source = RidgeSource(GaussianMixture.symmetric(source_mean), problem.N, problem.gamma_source)
        return cls(GaussianMixture.symmetric(target_mean), source, problem.n, problem.gamma)

    @property
    def sources(self) -> tuple[Source, ...]:
        """The source or sources, as a tuple."""
        return self.source if isinstance(self.source, tuple) else (self.source,)

    @cached_property
    def ridge(self) -> MixtureRidge:
        """Effective ridges of the target fit: kappa, its bracket, residual, status, iterations."""
        return fit_ridge(self.target.model, self.n, self.gamma)

    def curve(self, dps: int | None = None) -> Any:
        """The law of the scores as a function of alpha.

        Parameters
        ----------
        dps : int or None
            None evaluates in float64; a number of decimal digits evaluates the same formulas in mpmath, for
            two classes with scalar or diagonal covariances and the squared loss.

        Returns
        -------
        MixtureCurve or LossCurve
            A `MixtureCurve` for ``loss="squared"``.
        """
        dps = check_dps(dps)
        if not (isinstance(self.loss, str) and self.loss == "squared"):
            if dps is not None:
                raise ValueError(f"dps needs loss='squared', got loss={self.loss!r}: use dps=None")
            return self._loss_curve(self.ridge)
        if dps is None:
            return self._curve(self.ridge, None)
        if self.sources[0].outputs > 1:
            raise ValueError(
                "dps needs one output (labels -1 and +1): the accuracy of more is integrated in float64"
            )
        with arithmetic.working_precision(dps):
            n, gamma = arithmetic.to_mpf(self.n), arithmetic.to_mpf(self.gamma)
            return self._curve(fit_ridge(self.target.model.exact(), n, gamma), dps)

    def path(self, gamma: Iterable[float]) -> Iterator[Any]:
        """The curves for many ridges, each started from the solution for the one before.

        Parameters
        ----------
        gamma : iterable of float
            Ridge penalties, best in order.

        Yields
        ------
        MixtureCurve or LossCurve

        Examples
        --------
        >>> problem = FineTuning(
        ...     GaussianMixture.symmetric([2.0, 0.0]), FixedSource([1.0, 1.0]), n=2, gamma=1
        ... )
        >>> [round(curve.accuracy(1.0), 3) for curve in problem.path([0.1, 1.0, 10.0])]
        [0.875, 0.889, 0.907]
        """
        previous = None
        for value in gamma:
            problem = replace(self, gamma=value)
            previous = fit_ridge(self.target.model, problem.n, problem.gamma, previous)
            squared = isinstance(self.loss, str) and self.loss == "squared"
            yield problem._curve(previous, None) if squared else problem._loss_curve(previous)

    def _loss_curve(self, ridge: MixtureRidge) -> LossCurve:
        if not self.target.model.moments[0].max() > 0:
            raise ValueError(
                f"loss={self.loss!r} needs features that vary within the classes, got covariances that are 0"
            )
        task, prior = self._task(None)
        reduction = Reduction(self.target.model, task, prior, self.n, self.gamma)
        squared = self._curve(ridge, None)
        return LossCurve(
            reduction, as_loss(self.loss), self.label_noise, bool(self.intercept), squared.single, squared
        )

    def _task(self, dps: int | None) -> tuple[Task, Prior]:
        task = make_task(self.target, self.sources[0].outputs, self.label_noise, dps)
        priors = [source.prior(task.basis, dps) for source in self.sources]
        rows = np.concatenate([prior.mean for prior in priors])
        return task, Prior(rows, tuple(pairs for prior in priors for pairs in prior.noise))

    def _curve(self, ridge: MixtureRidge, dps: int | None) -> MixtureCurve:
        task, prior = self._task(dps)
        law = score_law(task, ridge, prior, self.intercept)
        return MixtureCurve(
            kappa=0 * law.strength if self._forgets_source() else law.strength,
            center=law.center,
            miss=law.miss,
            score_rows=law.spread[task.group],
            risk_slope=law.risk_slope,
            priors=task.priors,
            single=len(self.sources) == 1
            and not isinstance(self.source, tuple)
            and self.sources[0].count is None,
            dps=dps,
            ridge=ridge,
        )

    def _forgets_source(self) -> bool:
        """Whether the limit gamma -> 0 is least squares, which knows nothing of the source."""
        return self.gamma == 0 and self.target.model.rank == self.target.p and self.n > self.target.p
