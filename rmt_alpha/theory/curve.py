"""`Curve`: what every curve in alpha can be asked, and the answers that need nothing but its accuracy.

A model gives the moments of its scores, the accuracy and its best alpha.  Everything else follows here by
search or by differences, and a model that knows a closed form overrides it.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial, wraps
from typing import TYPE_CHECKING, Any, ClassVar, Concatenate, ParamSpec, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from rmt_alpha._core import arithmetic
from rmt_alpha._core.alphas import FINITE
from rmt_alpha._core.checks import Range, as_real, check_choice, check_range
from rmt_alpha._core.pictures.html import Card, Shown
from rmt_alpha._core.types import Array, BoolArray, FloatArray, Real
from rmt_alpha.errors import NotAvailable
from rmt_alpha.theory.pictures import curve_card
from rmt_alpha.theory.searches import BLOCK, FLAT, LevelSearch, margin_of, slope

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CRITERIA = ("accuracy", "risk", "loss")
"""What an alpha can be best for: most right answers, least squared error, least expected training loss."""
TOLERANCE = Range("a number in (0, 1]", 0.0, 1.0, open_low=True)
ERROR_BARS = (
    *("accuracy_std", "mean_std", "variance_std", "risk_std", "class_accuracy_std"),
    "optimal_alpha_std",
)
NO_DEFAULT = (
    *("mean", "variance", "class_mean", "class_std", "accuracy", "class_accuracy", "expected_accuracy"),
    "optimal_alpha_std",
)
"""What only a model can answer; `Curve` itself refuses it."""
CLASS_COUNTS = ("fixed", "random")
"""Samples of each class in a draw of the data: n times its probability, or as many as labels fall there."""

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")


def in_precision(
    method: Callable[Concatenate[Any, Arguments], Answer],
) -> Callable[Concatenate[Any, Arguments], Answer]:
    """Run a method with the curve's number of digits."""

    @wraps(method)
    def wrapped(self: Any, /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Answer:
        with arithmetic.working_precision(self.dps):
            return method(self, *args, **kwargs)

    return wrapped


@dataclass(frozen=True, eq=False)
class Optimum:
    """The best alpha.

    Attributes
    ----------
    alpha : float, mpf or ndarray
        Shape (k,) for k sources, that of the fields for a problem of arrays.  Infinite entries: no finite
        alpha is best.
    value : float, mpf or ndarray
        Accuracy, risk or loss there; its supremum if alpha is infinite (of risk or loss of a `LossCurve`, the
        value at the largest alpha that was tried).
    direction : ndarray of shape (..., k) or None
        For infinite alpha, the proportions in which its components grow; None for a finite alpha.
    bracket : tuple or None
        (low, high) between which alpha lies, twice alpha where it is known to rounding; None for several
        sources.
    finite : bool or ndarray
        Whether alpha is finite.
    """

    alpha: Real
    value: Real
    direction: FloatArray | None
    bracket: tuple[Real, Real] | None
    finite: bool | BoolArray

    def _key(self) -> tuple[object, ...]:
        return tuple(np.asarray(value).tolist() for value in vars(self).values())

    def __eq__(self, other: object) -> bool:
        return self._key() == other._key() if isinstance(other, Optimum) else NotImplemented

    def __hash__(self) -> int:
        return hash(repr(self._key()))


class Curve(Shown, ABC):
    r"""A fine-tuned model as a function of alpha, the factor of its source weights.

    Every curve has the same methods.  Those that take alpha take a scalar or an array, of shape (..., k) for
    k sources, where a scalar stands for the same alpha for all; they return a float for a scalar.  Accuracy
    is *signed*: a classifier that is wrong more often than right has accuracy below 1/2.  Where a model has
    no closed form, the answer is searched: for one source, or several `along` a direction.

    Attributes
    ----------
    answers : frozenset of str
        The names of the methods that this curve answers.  All others raise
        `rmt_alpha.errors.NotAvailable`, a ValueError, with the reason and what to ask instead.
    criteria : tuple of str
        What `optimum` can optimise.
    sources : int
        Number of sources, k.
    costly : bool
        Whether every alpha takes an iteration.
    infinite_alpha : bool
        Whether accuracy may be asked at infinite alpha: the source alone, or its negative.
    dps : int or None
        Decimal digits of the answers in high precision, None for float64.
    """

    costly: ClassVar[bool] = False
    infinite_alpha: ClassVar[bool] = True
    criteria: ClassVar[tuple[str, ...]] = ("accuracy", "risk")
    _steps: ClassVar[int] = 2000
    """Angles at which accuracy is compared with a level, on each side of alpha*."""
    _drawn: ClassVar[int] = 121
    """Alphas in the picture of a notebook; 0 if even one takes long."""
    _farthest: ClassVar[float] = np.inf
    """The alpha, in units of `_alpha_scale`, that stands for infinity."""
    dps: int | None

    @property
    def sources(self) -> int:
        """Number of sources, k."""
        return 1

    @property
    def answers(self) -> frozenset[str]:
        """Names of the methods that this curve answers."""
        return public_methods(type(self)) - self._refusals().keys()

    # --- the law of the scores -----------------------------------------------------------------------

    def mean(self, alpha: ArrayLike) -> Real:
        """Mean of label times score, E[y s]; 1 would be a perfect regression on the labels."""
        raise self._not_available("mean")

    def variance(self, alpha: ArrayLike) -> Real:
        """Variance of label times score: that within the classes, and that between their means."""
        raise self._not_available("variance")

    @in_precision
    def std(self, alpha: ArrayLike) -> Real:
        """Standard deviation of label times score."""
        self._check("std")
        return self._result(arithmetic.square_root(np.asarray(self.variance(alpha))))

    @in_precision
    def second(self, alpha: ArrayLike) -> Real:
        """Second moment of the score, E[s^2] = variance + mean^2."""
        self._check("second")
        return self.variance(alpha) + self.mean(alpha) ** 2

    def class_mean(self, alpha: ArrayLike) -> FloatArray:
        """Mean score of each class, shape (..., K), or (..., K, q) with q > 1 outputs; intercept included."""
        raise self._not_available("class_mean")

    def class_std(self, alpha: ArrayLike) -> FloatArray:
        """Standard deviation of the score within each class, shape (..., K) or (..., K, q)."""
        raise self._not_available("class_std")

    @abstractmethod
    def risk(self, alpha: ArrayLike) -> Real:
        """Squared test risk, E|y - s|^2."""

    # --- accuracy ------------------------------------------------------------------------------------

    def accuracy(self, alpha: ArrayLike) -> Real:
        """Test accuracy, signed (not folded with max(acc, 1 - acc))."""
        raise self._not_available("accuracy")

    def class_accuracy(self, alpha: ArrayLike) -> FloatArray:
        """Probability that a sample of each class is classified rightly, shape (..., K)."""
        raise self._not_available("class_accuracy")

    def expected_accuracy(self, alpha: ArrayLike) -> Real:
        """Average over draws of the training data of the accuracy; alpha is finite.

        `accuracy` is that of average moments.  Where few directions hold most of the variance of the scores,
        that variance is far from constant, and the two differ by percents; see :doc:`/theory/error_bars`.
        """
        raise self._not_available("expected_accuracy")

    def error(self, alpha: ArrayLike) -> Real:
        """Test error, 1 - accuracy; for two classes precise even where accuracy rounds to 1."""
        self._check("error")
        return 1 - self.accuracy(alpha)

    def log_accuracy(self, alpha: ArrayLike) -> Real:
        """Logarithm of the accuracy; for two classes finite where the accuracy itself underflows."""
        self._check("log_accuracy")
        return self._log(self.accuracy(alpha))

    def log_error(self, alpha: ArrayLike) -> Real:
        """Logarithm of the error; for two classes finite where the error itself underflows."""
        self._check("log_error")
        return self._log(self.error(alpha))

    def margin(self, alpha: ArrayLike) -> Real:
        r"""The signed signal-to-noise ratio, :math:`\Phi^{-1}(\text{accuracy})`.

        Where all classes share one margin it is mean over standard deviation of the score.
        """
        self._check("margin")
        return self._result(margin_of(self.log_accuracy(alpha), self.log_error(alpha)))

    def accuracy_uncertainty(self, alpha: ArrayLike) -> Real:
        """Numerical error of `accuracy`: rounding, quadrature, or the residual of a fixed point."""
        self._check("accuracy_uncertainty")
        return self._result(np.full(np.shape(self.accuracy(alpha)), float(np.finfo(float).eps)))

    def accuracy_derivative(self, alpha: ArrayLike) -> Real:
        """Derivative of the accuracy in alpha; 0 at infinite alpha."""
        self._check("accuracy_derivative")
        values = np.asarray(as_real("alpha", alpha), float)
        scale = self._alpha_scale()
        if not np.isfinite(scale):
            return self._result(np.zeros(values.shape))
        return self._result(slope(self.accuracy, values, scale))

    # --- the best alpha, and how much it matters -----------------------------------------------------

    @abstractmethod
    def optimum(self, criterion: str = "accuracy") -> Optimum:
        """The best alpha with its value, and the direction in which to go if no finite alpha is best.

        Of the `criteria` "accuracy" is maximised: use it to classify.  "risk" and "loss" are minimised: use
        them when the score itself must be close to the label.
        """

    def optimal_alpha(self, criterion: str = "accuracy") -> Real:
        """The best alpha, ``optimum(criterion).alpha``: a scalar for one source, shape (k,) for several."""
        self._check("optimal_alpha")
        return self.optimum(criterion).alpha

    @in_precision
    def gain(self, over: ArrayLike = 1.0) -> Real:
        """Accuracy that alpha* gains over ``over``: 1 is standard fine-tuning, 0 ignores the source."""
        self._check("gain")
        return self._result(np.asarray(self.optimum().value - np.asarray(self.accuracy(over))))

    def neutral_alpha(self) -> Real:
        """The alpha at which accuracy passes 1/2 on the way from alpha*; inf if there is none.

        Of two such alphas, one on each side, that which is nearer to 0.
        """
        self._check("neutral_alpha")
        best = self.optimum()
        if not best.value > 0.5 or not np.isfinite(self._alpha_scale()):
            return np.inf
        ends: list[float] = [end for end in self._level_interval(0.5, best) if np.isfinite(float(end))]
        return min(ends, key=abs, default=np.inf)

    def transfer_interval(self) -> tuple[Real, Real]:
        """The open interval (low, high) around alpha* where the source is of use: better than alpha = 0.

        One end is 0 where accuracy has a single maximum, the other may be infinite.  (0, 0) if no alpha beats
        0.
        """
        self._check("transfer_interval")
        best = self.optimum()
        if best.alpha == 0 or not np.isfinite(self._alpha_scale()):
            return 0.0, 0.0
        alone = self.accuracy(0.0)
        if not best.value > alone and not self._lead(float(best.alpha), 0.0) > 0:
            # Rounding hides what alpha* gains.
            return (best.alpha, 0.0) if best.alpha < 0 else (0.0, best.alpha)
        low, high = self._level_interval(alone, best, over=0.0)
        # Accuracy passes its value at 0 exactly there.
        return (0.0 if abs(low) < 1e-9 * abs(high) else low), (0.0 if abs(high) < 1e-9 * abs(low) else high)

    def tolerance_interval(self, tolerance: ArrayLike) -> tuple[Real, Real]:
        """How precise need alpha be: the interval whose accuracy is within ``tolerance`` of the best.

        The largest interval (low, high) that contains alpha* and on which accuracy(alpha) >= accuracy(alpha*)
        - tolerance; an end is infinite if accuracy never falls that far on its side.  ``tolerance``, a number
        or an array of them in (0, 1], is the accuracy given up: 0.01 is one point.
        """
        self._check("tolerance_interval")
        allowed = check_tolerance(tolerance)
        if isinstance(allowed, np.ndarray):
            ends = [self.tolerance_interval(value) for value in allowed.ravel().tolist()]
            low, high = np.array(ends).reshape(-1, 2).T
            return low.reshape(allowed.shape), high.reshape(allowed.shape)
        if not np.isfinite(self._alpha_scale()):
            return -np.inf, np.inf
        best = self.optimum()
        return self._level_interval(best.value - allowed, best)

    def landmarks(self) -> dict[str, float]:
        """The alphas that everybody looks for: ``zero``, ``one``, ``best`` and, if known, ``neutral``.

        Examples
        --------
        >>> import rmt_alpha as ra
        >>> ra.TransferProblem(beta=0, p=4, n=8).curve().landmarks()
        {'zero': 0.0, 'one': 1.0, 'best': 0.0, 'neutral': inf}
        """
        self._check("landmarks")
        found = {"zero": 0.0, "one": 1.0, "best": float(self.optimal_alpha(self.criteria[0]))}
        if "neutral_alpha" in self.answers:
            found["neutral"] = float(self.neutral_alpha())
        return found

    @abstractmethod
    def along(self, direction: ArrayLike) -> Curve:
        """The curve of a scalar s, alpha = s * direction: several sources in fixed proportions.

        ``direction`` is finite, of shape (k,); for one source a number will do.
        """

    def plot(
        self,
        alpha: ArrayLike | None = None,
        *,
        quantity: str | None = None,
        band: bool = True,
        source: float | None = None,
        ax: Axes | None = None,
    ) -> Axes:
        """Draw a quantity against alpha, with alpha = 0, 1, alpha* and the neutral alpha marked.

        Parameters
        ----------
        alpha : array_like, optional
            Its smallest and largest entry are the range; by default one that shows those alphas.
        quantity : str, optional
            A method that takes alpha, such as "risk"; by default the first of `criteria`.
        band : bool
            Shade one standard deviation over draws of the training data, where it is known.
        source : float, optional
            A level to draw, such as ``problem.source_accuracy()``: that of the source without training.
        ax : matplotlib.axes.Axes, optional
            Where to draw; by default in a new figure, which notebooks show.
        """
        from rmt_alpha.plotting.curve import plot_curve

        return plot_curve(self, alpha, quantity=quantity, band=band, source=source, ax=ax)

    # --- finite-size error bars: standard deviation over draws of the data ---------------------------

    def accuracy_std(self, alpha: ArrayLike, *, class_counts: str = "fixed") -> Real:
        """Standard deviation of the accuracy over draws of the training data: the error bar of one run.

        ``class_counts``, here and below, says what a draw is: "fixed" has n times its probability samples of
        each class, "random" draws every label by itself, as in `rmt_alpha.simulate`.
        """
        return self._error_bar("accuracy", alpha, class_counts)

    def class_accuracy_std(self, alpha: ArrayLike, *, class_counts: str = "fixed") -> FloatArray:
        """Standard deviation of `class_accuracy` over draws of the training data, shape (..., K)."""
        return np.asarray(self._error_bar("class_accuracy", alpha, class_counts))

    def mean_std(self, alpha: ArrayLike, *, class_counts: str = "fixed") -> Real:
        """Standard deviation of the mean of the score over draws of the training data."""
        return self._error_bar("mean", alpha, class_counts)

    def variance_std(self, alpha: ArrayLike, *, class_counts: str = "fixed") -> Real:
        """Standard deviation of the variance of the score over draws of the training data."""
        return self._error_bar("variance", alpha, class_counts)

    def risk_std(self, alpha: ArrayLike, *, class_counts: str = "fixed") -> Real:
        """Standard deviation of the risk over draws of the training data."""
        return self._error_bar("risk", alpha, class_counts)

    def optimal_alpha_std(self, criterion: str = "accuracy", *, class_counts: str = "fixed") -> Real:
        """Standard deviation, over draws of the training data, of the alpha that is best for the draw."""
        raise self._not_available("optimal_alpha_std")

    # --- what a model says about itself --------------------------------------------------------------

    def _refusals(self) -> Mapping[str, str]:
        """Reason and remedy for each method that this curve does not answer; here, what none overrides."""
        kind, bars = type(self), [name for name in ERROR_BARS if name != "optimal_alpha_std"]
        left = [name for name in NO_DEFAULT if getattr(kind, name) is getattr(Curve, name)]
        left += bars if kind._error_bar is Curve._error_bar else []
        return dict.fromkeys(left, "no formula for it is known here: simulate(alpha) of the problem draws it")

    def _check(self, question: str) -> None:
        if question in self._refusals():
            raise self._not_available(question)

    def _not_available(self, question: str) -> NotAvailable:
        return NotAvailable(f"{type(self).__name__} has no {question}: {self._refusals()[question]}")

    def _check_criterion(self, criterion: str) -> None:
        if criterion in CRITERIA and criterion not in self.criteria:
            raise NotAvailable(
                f"{type(self).__name__} has no criterion {criterion!r}, only "
                f"{', '.join(map(repr, self.criteria))}"
            )
        check_choice("criterion", criterion, self.criteria)

    def _error_bar(self, quantity: str, alpha: ArrayLike, class_counts: str) -> Real:
        """Standard deviation over draws of the training data."""
        raise self._not_available(f"{quantity}_std")

    def _alpha_scale(self) -> float:
        """A natural size of alpha: the source moves scores as much as the data; inf if it never does."""
        return 1.0

    def _lead(self, alpha: float, over: float) -> float:
        """By how much accuracy is higher at one alpha than at another, if rounding hides it; nan: unknown."""
        return float("nan")

    def _level_interval(self, level: Any, best: Optimum, over: float | None = None) -> tuple[Any, Any]:
        """The interval around alpha* with accuracy >= level.

        ``over`` is an alpha whose accuracy is the level: near-ties with it are settled in higher precision.
        """
        lead = None if over is None else partial(self._lead, over=over)
        scale, best_alpha = self._alpha_scale(), float(best.alpha)
        search = LevelSearch(
            *(self.accuracy, level, best_alpha, scale, self._farthest, self._steps, lead),
            one_by_one=self.costly,
            block=None if self.dps is None else BLOCK,
            rounding=FLAT if self.costly else 0.0,
            prepare=self._prepare,
        )
        low, high = (end if np.isinf(end) else self._polished(level, end) for end in search.ends())
        return low, high

    def _prepare(self, alphas: Array) -> None:
        """Solve at several alphas, (m, k), at once, where each takes long and that is quicker."""

    def _polished(self, level: Any, alpha: float) -> Any:
        """The alpha near ``alpha`` where accuracy passes ``level``, to the precision of the curve."""
        return float(alpha)

    def _result(self, value: Any) -> Real:
        result: Real = arithmetic.rounded(value, self.dps)
        return result

    def _log(self, value: Any) -> Real:
        with np.errstate(divide="ignore"):
            return self._result(np.log(np.maximum(value, 0.0)))

    def _known_optimum(self) -> Optimum | None:
        """The best alpha, where it takes no search."""
        return self.optimum(self.criteria[0])

    def _card(self) -> Card:
        if not self._drawn:
            return Card({"curve": self._summary()}, note="Each alpha takes a while: no picture.")
        one = self if "landmarks" in self.answers else self.along(np.ones(self.sources))
        quantity, best = self.criteria[0], one._known_optimum()
        known = None if best is None else (best.alpha, best.value)
        card = curve_card(quantity, getattr(one, quantity), known, self._drawn)
        if self.sources == 1:
            return card
        if best := self._known_optimum():
            card.rows.update({"best alpha": best.alpha, f"{quantity} there": best.value})
        return card._replace(note=f"Picture: the same alpha for all {self.sources} sources.")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._summary()})"

    @abstractmethod
    def _summary(self) -> str:
        """What the repr says, in one short line; it neither fails nor takes long."""


@lru_cache
def public_methods(kind: type) -> frozenset[str]:
    """Their names."""
    names = {name for name, _ in inspect.getmembers(kind, inspect.isfunction) if name[0] != "_"}
    return frozenset(names - {"plot"})  # a picture of answers is none


QUESTIONS = public_methods(Curve)
"""The methods that all curves have, and that one of them may have to refuse."""


def summary(name: str, values: list[tuple[Any, Any]]) -> str:
    """``accuracy 0.613 at alpha=0, 0.744 at 1, 0.756 at 2.08``."""
    shown = [f"{float(value):.3g} at {float(alpha):.3g}" for alpha, value in values]
    return f"{name} {', '.join(shown)}".replace(" at ", " at alpha=", 1)


def check_tolerance(value: ArrayLike) -> Any:
    """A tolerance, or an array of them."""
    check_range("tolerance", tolerance := as_real("tolerance", value), TOLERANCE)
    return tolerance


def check_direction(direction: ArrayLike, sources: int) -> FloatArray:
    """A finite vector of one number for each source."""
    vector = np.asarray(as_real("direction", direction), dtype=float)
    if vector.ndim == 0 and sources == 1:
        vector = vector[None]
    if vector.shape != (sources,):
        raise ValueError(f"direction must have shape ({sources},), got shape {vector.shape}")
    check_range("direction", vector, FINITE)
    return vector
