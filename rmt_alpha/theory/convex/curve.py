"""`LossCurve`: fine-tuning with a convex loss as a function of alpha."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import special

from rmt_alpha._core.alphas import FINITE, alpha_values
from rmt_alpha._core.checks import as_real, check_range
from rmt_alpha.errors import ConvergenceError
from rmt_alpha.problems.losses.base import Loss
from rmt_alpha.theory.convex import calibration
from rmt_alpha.theory.convex.equations import Equations, State
from rmt_alpha.theory.convex.optimum import LossOptimum, best_accuracy
from rmt_alpha.theory.convex.reduction import Reduction
from rmt_alpha.theory.convex.solver import Solution, distance, solve

if TYPE_CHECKING:
    from rmt_alpha.theory.mixtures.curve import MixtureCurve

Array = np.ndarray[Any, Any]

LARGEST_ALPHA = 1e60


@dataclass(frozen=True, eq=False)
class LossCurve:
    r"""The law of the scores of a classifier fine-tuned with a convex loss, as a function of alpha.

    .. math:: s \mid c \sim \mathcal N(u_c, \sigma_c^2), \qquad
        \text{accuracy}(\alpha) = \sum_c \pi_c\, \Phi(y_c u_c / \sigma_c)

    *signed*, as everywhere.  Nothing is affine in alpha as it is for the squared loss: every alpha takes the
    solution of a fixed point, which starts from the nearest alpha that is solved already and is kept.
    Curves come from ``FineTuning(..., loss=...).curve()``.

    Parameters
    ----------
    reduction : Reduction
        The problem.
    loss : Loss
        What is minimised in training.
    label_noise : ndarray of shape (2,)
    intercept : bool
    single : bool
        Whether alpha is a scalar.
    squared : MixtureCurve
        The same problem with the squared loss, from which the first solution starts.

    Examples
    --------
    >>> import numpy as np
    >>> from rmt_alpha import FineTuning, FixedSource, GaussianMixture
    >>> mean = np.ones(100) / 10
    >>> target = GaussianMixture.symmetric(
    ...     2 * mean, covariance=np.linspace(0.1, 3, 100)
    ... )
    >>> problem = FineTuning(
    ...     target, FixedSource(mean), n=80, gamma=0.01, loss="logistic"
    ... )
    >>> curve = problem.curve()
    >>> [round(curve.accuracy(alpha), 3) for alpha in (0, 1, curve.optimal_alpha())]
    [0.899, 0.923, 0.947]
    """

    reduction: Reduction
    loss: Loss
    label_noise: Array
    intercept: bool
    single: bool
    squared: MixtureCurve = field(repr=False)
    _solved: dict[tuple[float, ...], Solution] = field(default_factory=dict, init=False, repr=False)

    # --- the fixed point --------------------------------------------------------------------------------

    def solution(self, alpha: Any) -> Solution:
        """The fixed point at one alpha: scores, spreads, effective ridges, residual and status.

        Raises
        ------
        ConvergenceError
            If it is not reached; the best estimate is in its attribute ``best``.
        """
        values = self._alphas(alpha)
        if values.ndim != 1:
            raise ValueError(f"solution needs one alpha, got an array of shape {np.shape(alpha)}")
        return self._solve(values)

    def equations(self, alpha: Array) -> Equations:
        """The fixed-point map at one alpha, shape (k,)."""
        return Equations(self.reduction, self.loss, self.label_noise, self.intercept, alpha)

    def kappa(self, alpha: Any) -> Any:
        """Effective step of every distinct covariance, (1/n) tr C Q, shape (..., G)."""
        return self._table(alpha, lambda s, _: self.reduction.at(s.state.theta).kappa)

    # --- the law of the scores --------------------------------------------------------------------------

    def class_mean(self, alpha: Any) -> Any:
        """Mean score of each class, intercept included, shape (..., 2)."""
        return self._table(alpha, lambda s, _: s.state.mean)

    def class_std(self, alpha: Any) -> Any:
        """Standard deviation of the score within each class, shape (..., 2)."""
        return self._table(alpha, lambda s, _: s.state.std[self._group])

    def offset(self, alpha: Any) -> Any:
        """The intercept b; 0 without one."""
        return self._table(alpha, lambda s, _: np.asarray(s.state.offset if self.intercept else 0.0))

    def mean(self, alpha: Any) -> Any:
        """Mean of label times score, E[y s]."""
        return self._table(alpha, lambda s, _: self.priors @ (SIGN * s.state.mean))

    def variance(self, alpha: Any) -> Any:
        """Variance of label times score: that within the classes, and that between their means."""

        def answer(solution: Solution, _: Array) -> Array:
            signed = SIGN * solution.state.mean
            between = signed - self.priors @ signed
            return np.asarray(self.priors @ (solution.state.std[self._group] ** 2 + between**2))

        return self._table(alpha, answer)

    def std(self, alpha: Any) -> Any:
        """Standard deviation of label times score."""
        return _plain(np.sqrt(self.variance(alpha)))

    # --- accuracy and losses ----------------------------------------------------------------------------

    def class_accuracy(self, alpha: Any) -> Any:
        """Probability that a sample of each class is classified rightly, shape (..., 2)."""
        return self._table(alpha, lambda s, _: special.ndtr(self.margins(s.state)))

    def accuracy(self, alpha: Any) -> Any:
        """Probability that a fresh sample is classified rightly."""
        return self._table(alpha, lambda s, _: self.accuracy_of(s.state))

    def error(self, alpha: Any) -> Any:
        """1 - accuracy, precise even where accuracy rounds to 1."""
        return self._table(alpha, lambda s, _: self.priors @ special.ndtr(-self.margins(s.state)))

    def risk(self, alpha: Any) -> Any:
        """Squared test risk, E (y - s)^2, whatever the training loss; `test_loss` is that of the loss."""

        def answer(solution: Solution, _: Array) -> Array:
            miss = SIGN - solution.state.mean
            return np.asarray(self.priors @ (miss**2 + solution.state.std[self._group] ** 2))

        return self._table(alpha, answer)

    def test_loss(self, alpha: Any) -> Any:
        """Expected loss on a fresh sample with its true label, E phi(y s)."""

        def answer(solution: Solution, _: Array) -> Array:
            state = solution.state
            return np.asarray(self.priors @ self.loss.test_loss(SIGN * state.mean, state.std[self._group]))

        return self._table(alpha, answer)

    def training_loss(self, alpha: Any) -> Any:
        """Average loss on the training sample, with the labels it has: (1/n) sum phi(t_i s_i)."""

        def answer(solution: Solution, values: Array) -> Array:
            equations, state = self.equations(values), solution.state
            chance, sign, rows = equations.labels()
            group = self._group[rows]
            kappa = np.maximum(self.reduction.at(state.theta).kappa, 1e-13)[group]
            losses = self.loss.training_loss(sign * state.mean[rows], state.std[group], kappa)
            return np.asarray((self.priors[rows] * chance) @ losses)

        return self._table(alpha, answer)

    def training_accuracy(self, alpha: Any) -> Any:
        """Share of the training sample that is classified as it is labelled; 1 once it can be separated."""

        def answer(solution: Solution, values: Array) -> Array:
            state = solution.state
            chance, sign, rows = self.equations(values).labels()
            group = self._group[rows]
            # prox(z) is positive for z above kappa phi'(0).
            border = self.reduction.at(state.theta).kappa[group] * self.loss.slope(np.zeros(1))
            right = special.ndtr((sign * state.mean[rows] - border) / state.std[group])
            return np.asarray((self.priors[rows] * chance) @ right)

        return self._table(alpha, answer)

    # --- calibration ------------------------------------------------------------------------------------

    def posterior(self, score: Any, alpha: Any) -> Any:
        """True probability of label +1 given the score, by Bayes' rule; alpha is one alpha."""
        state = self.solution(alpha).state
        score = np.asarray(as_real("score", score), float)
        check_range("score", score, FINITE)
        return _plain(calibration.posterior(score, state.mean, state.std[self._group], self.priors))

    def calibration_slope(self, alpha: Any) -> Any:
        """Slope of the true log odds in the score, where both classes have one spread (else at its centre).

        1 is calibrated, below 1 overconfident; for losses that state probabilities as the logistic does.
        """
        return self._table(alpha, lambda s, _: calibration.slope(s.state.mean, s.state.std[self._group]))

    def calibration_error(self, alpha: Any) -> Any:
        r"""Expected difference between stated and true probability, :math:`E\,|\hat p(s) - P(+1 \mid s)|`.

        Raises
        ------
        ValueError
            If the loss states no probabilities.
        """
        return self._table(
            alpha,
            lambda s, _: calibration.error(self.loss, s.state.mean, s.state.std[self._group], self.priors),
        )

    # --- the best alpha ---------------------------------------------------------------------------------

    def optimum(self, criterion: str = "accuracy", *, tolerance: float = 1e-6) -> LossOptimum:
        """The alpha of highest accuracy, with its value and how well it is known."""
        return best_accuracy(self, criterion, tolerance)

    def optimal_alpha(self, criterion: str = "accuracy", *, tolerance: float = 1e-6) -> float:
        """The best alpha.

        Parameters
        ----------
        criterion : {"accuracy", "loss"}
            Maximise the accuracy, or minimise the expected loss on fresh samples.
        tolerance : float
            Relative error allowed in alpha.

        Returns
        -------
        float
            inf or -inf if accuracy only approaches its supremum as alpha grows.

        Raises
        ------
        ValueError
            For several sources, which `along` reduces to one.
        """
        return self.optimum(criterion, tolerance=tolerance).alpha

    @property
    def neutral_alpha(self) -> float:
        """Refused: there is no formula for the alpha at which accuracy is 1/2.

        Raises
        ------
        ValueError
            Always; it is a root of ``curve.accuracy(alpha) - 0.5``.
        """
        raise ValueError(
            f"neutral_alpha has a formula for the squared loss only, not for {self.loss.name}; search "
            "a root of curve.accuracy(alpha) - 0.5"
        )

    def gain(self, over: Any = 1.0) -> Any:
        """Accuracy that alpha* gains over ``over``: 1 is standard fine-tuning, 0 ignores the source."""
        return _plain(np.asarray(self.optimum().value - np.asarray(self.accuracy(over))))

    def along(self, direction: Any) -> LossCurve:
        """The curve of a scalar s, alpha = s * direction: several sources in fixed proportions."""
        vector = np.asarray(as_real("direction", direction), float)
        if vector.shape != (self.sources,):
            raise ValueError(f"direction must have shape ({self.sources},), got shape {vector.shape}")
        check_range("direction", vector, FINITE)
        return LossCurve(
            self.reduction.along(vector),
            self.loss,
            self.label_noise,
            self.intercept,
            True,
            self.squared.along(vector),
        )

    # --- internals --------------------------------------------------------------------------------------

    @property
    def sources(self) -> int:
        """Number of sources, k."""
        return self.reduction.sources

    @property
    def priors(self) -> Array:
        """Class probabilities."""
        return self.reduction.task.priors

    @property
    def _group(self) -> Array:
        return self.reduction.task.group

    def margins(self, state: State) -> Array:
        """Mean over standard deviation of label times score, shape (2,)."""
        return np.asarray(SIGN * state.mean / state.std[self._group])

    def accuracy_of(self, state: State) -> Array:
        """Accuracy in a state."""
        return np.asarray(self.priors @ special.ndtr(self.margins(state)))

    def _alphas(self, alpha: Any) -> Array:
        values = alpha_values(alpha, self.sources, self.single, None, FINITE)
        if values.size and abs(values).max() > LARGEST_ALPHA:
            raise ValueError(f"alpha must be at most {LARGEST_ALPHA:g} in size, got {abs(values).max():g}")
        return values

    def _solve(self, alpha: Array) -> Solution:
        key = tuple(alpha.tolist())
        if key not in self._solved:
            try:
                start, jacobian = self._start(alpha)
                self._solved[key] = solve(self.equations(alpha), start, jacobian=jacobian)
            except ConvergenceError as error:
                self._solved[key] = self._walked(alpha, error)
        return self._solved[key]

    def _walked(self, alpha: Array, failure: ConvergenceError) -> Solution:
        """The solution by small steps from alpha = 0, where no step from elsewhere arrives."""
        if not alpha.any():
            raise failure
        solution = self._solve(0 * alpha)
        for share in np.linspace(0, 1, WALK + 1)[1:]:
            try:
                solution = solve(self.equations(share * alpha), solution.state)
            except ConvergenceError:
                raise failure from None
        return solution

    def _start(self, alpha: Array) -> tuple[State, Array | None]:
        """The best of three guesses, by their residuals, and a Jacobian matrix from nearby.

        The solution at the nearest alpha, the line through the nearest two, and the squared loss.
        """
        squared = self._squared_start(alpha)
        if not self._solved:
            return squared, None
        keys = np.array(list(self._solved))
        near = np.argsort(abs(keys - alpha).max(axis=1), kind="stable")[:2]
        solutions = [self._solved[tuple(keys[i].tolist())] for i in near]
        guesses = [(solutions[0].state, solutions[0].jacobian), (squared, None)]
        if len(solutions) == 2 and self.sources == 1:
            x, y = (solution.state.packed() for solution in solutions)
            first, second = keys[near, 0]
            ahead = x + (y - x) * ((alpha[0] - first) / (second - first))
            guesses.append((State.unpacked(ahead, len(self.priors)), solutions[0].jacobian))
        equations = self.equations(alpha)
        return min(guesses, key=lambda guess: distance(equations, guess[0]))

    def _squared_start(self, alpha: Array) -> State:
        at = alpha[0] if self.squared.single else alpha
        mean, std = self.squared.class_mean(at), self.squared.class_std(at)
        first = [int(np.flatnonzero(self._group == g)[0]) for g in range(self._group.max() + 1)]
        ridge = self.squared.ridge
        spread = np.maximum(std[first], 1e-12)
        return State(mean, float(np.mean(mean)) if self.intercept else 0.0, spread, ridge.gamma / ridge.kappa)

    @cached_property
    def unit(self) -> float:
        """A natural size of alpha: that at which the source moves scores by as much as the target's data."""
        own = self._solve(np.zeros(self.sources)).state
        reduced = self.reduction.at(own.theta)
        classes = len(self.priors)
        moved = np.sqrt(
            np.einsum("gss->s", reduced.forms[:, classes:, classes:])
            + (reduced.reach**2).sum(axis=0)
            + reduced.noise.sum(axis=0)
        ).max(initial=0.0)
        size = float(np.sqrt((own.std**2).sum() + (own.mean**2).sum()))
        return size / float(moved) if moved > 0 else 1.0

    def _table(self, alpha: Any, answer: Callable[[Solution, Array], Any]) -> Any:
        """``answer`` at every alpha, in the order of alphas so that each starts from its neighbour."""
        values = self._alphas(alpha)
        flat = values.reshape(-1, self.sources)
        if not len(flat):
            return np.empty(values.shape[:-1])
        order = np.lexsort(flat.T)
        found: dict[int, Array] = {}
        for i in order:
            found[int(i)] = np.asarray(answer(self._solve(flat[i]), flat[i]), float)
        table = np.stack([found[i] for i in range(len(flat))])
        return _plain(table.reshape((*values.shape[:-1], *table.shape[1:])))


WALK = 16
"""Steps from alpha = 0 to an alpha that is hard to reach."""
SIGN = np.array([-1.0, 1.0])
"""Labels of the two classes."""


def _plain(value: Any) -> Any:
    return float(value) if np.ndim(value) == 0 else value
