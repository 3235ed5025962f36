"""`CurveArray`: the curves of one problem at many sizes and ridges, asked in one call."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rmt_alpha._core.checks import as_real
from rmt_alpha._core.machine.progress import long_steps
from rmt_alpha._core.types import FloatArray, Real
from rmt_alpha.problems.fine_tuning import FineTuning
from rmt_alpha.problems.low_rank import LowRankTransfer
from rmt_alpha.problems.regression import RidgeRegressionTransfer
from rmt_alpha.theory.curve import Curve, Optimum
from rmt_alpha.theory.mixtures.build import curves_of


@dataclass(frozen=True, eq=False, repr=False)
class CurveArray(Curve):
    r"""Curves of the same problem for arrays of n and gamma, as one `Curve`.

    Alpha broadcasts with the array of curves, of shape S (less the last axis of alpha, for several sources),
    and so do the answers; what takes no alpha has shape S.  Whatever else a curve can be asked, and its
    picture, the single ``members`` have.  They come from ``problem.curves(n=..., gamma=...)``.

    Examples
    --------
    >>> import numpy as np
    >>> from rmt_alpha import FineTuning, FixedSource, GaussianMixture
    >>> mean = np.full(100, 0.1)
    >>> problem = FineTuning(
    ...     GaussianMixture.symmetric(mean), FixedSource(mean), n=50, gamma=0.1
    ... )
    >>> curves = problem.curves(n=[20, 50, 200], gamma=[[0.1], [10.0]])
    >>> curves.optimal_alpha().round(2)
    array([[1.24, 1.84, 6.74],
           [1.07, 1.08, 1.1 ]])
    >>> bool(curves.accuracy(1.0)[0, 1] == problem.curve().accuracy(1.0))
    True
    >>> curves
    CurveArray(2 x 3 curves, the first: accuracy 0.643 at alpha=0, 0.815 at 1, 0.816 at 1.24)
    """

    members: NDArray[np.object_]
    """The single curves, of shape S."""

    dps: ClassVar[None] = None  # type: ignore[misc]
    _drawn: ClassVar[int] = 0

    @property
    def shape(self) -> tuple[int, ...]:
        """S."""
        return self.members.shape

    @property
    def _curves(self) -> list[Curve]:
        curves: list[Curve] = self.members.ravel().tolist()
        return curves

    @property
    def _first(self) -> Curve:
        return self._curves[0]

    @property
    def sources(self) -> int:
        """Number of sources, k."""
        return self._first.sources

    @property
    def criteria(self) -> tuple[str, ...]:  # type: ignore[override]
        """What `optimum` can optimise."""
        return self._first.criteria

    @property
    def costly(self) -> bool:  # type: ignore[override]
        """Whether every alpha takes an iteration."""
        return self._first.costly

    # --- questions with an alpha -----------------------------------------------------------------------

    def mean(self, alpha: ArrayLike) -> Real:
        """Mean of label times score."""
        return self._table("mean", alpha)

    def variance(self, alpha: ArrayLike) -> Real:
        """Variance of label times score."""
        return self._table("variance", alpha)

    def class_mean(self, alpha: ArrayLike) -> FloatArray:
        """Mean score of each class, on further axes."""
        return self._table("class_mean", alpha)

    def class_std(self, alpha: ArrayLike) -> FloatArray:
        """Standard deviation of the score within each class, on further axes."""
        return self._table("class_std", alpha)

    def risk(self, alpha: ArrayLike) -> Real:
        """Squared test risk."""
        return self._table("risk", alpha)

    def accuracy(self, alpha: ArrayLike) -> Real:
        """Test accuracy, signed."""
        return self._table("accuracy", alpha)

    def class_accuracy(self, alpha: ArrayLike) -> FloatArray:
        """Accuracy in each class, on a further axis."""
        return self._table("class_accuracy", alpha)

    def expected_accuracy(self, alpha: ArrayLike) -> Real:
        """Average accuracy over draws of the training data."""
        return self._table("expected_accuracy", alpha)

    def error(self, alpha: ArrayLike) -> Real:
        """Test error."""
        return self._table("error", alpha)

    def log_accuracy(self, alpha: ArrayLike) -> Real:
        """Logarithm of the accuracy."""
        return self._table("log_accuracy", alpha)

    def log_error(self, alpha: ArrayLike) -> Real:
        """Logarithm of the error."""
        return self._table("log_error", alpha)

    def accuracy_uncertainty(self, alpha: ArrayLike) -> Real:
        """Numerical error of `accuracy`."""
        return self._table("accuracy_uncertainty", alpha)

    def accuracy_derivative(self, alpha: ArrayLike) -> Real:
        """Derivative of the accuracy in alpha."""
        return self._table("accuracy_derivative", alpha)

    def gain(self, over: ArrayLike = 1.0) -> Real:
        """What alpha* gains over ``over``."""
        return self._table("gain", over)

    def _error_bar(self, quantity: str, alpha: ArrayLike, class_counts: str) -> Real:
        return self._table(f"{quantity}_std", alpha, class_counts=class_counts)

    # --- questions without -----------------------------------------------------------------------------

    def optimum(self, criterion: str = "accuracy") -> Optimum:
        """The best alpha of each; `Optimum` has arrays."""
        best = self._each(lambda curve: curve.optimum(self._criterion(criterion)))
        alpha = self._stacked([one.alpha for one in best])
        finite = np.array([one.finite for one in best]).reshape(self.shape)
        brackets = [one.bracket for one in best]
        directions = [np.zeros(self.sources) if one.direction is None else one.direction for one in best]
        known = None in brackets
        return Optimum(
            alpha,
            self._stacked([one.value for one in best]),
            None if finite.all() else self._stacked(directions),
            None if known else tuple(map(self._stacked, zip(*brackets, strict=True))),  # type: ignore[arg-type]
            finite,
        )

    def optimal_alpha(self, criterion: str = "accuracy") -> Real:
        """The best alpha of each, shape S, or (..., k) for k sources."""
        wanted = self._criterion(criterion)
        return self._stacked(self._each(lambda curve: curve.optimal_alpha(wanted)))

    def neutral_alpha(self) -> Real:
        """The alpha at which accuracy is 1/2."""
        return self._stacked(self._each(lambda curve: curve.neutral_alpha()))

    def transfer_interval(self) -> tuple[Real, Real]:
        """Lower and upper ends of the intervals that beat alpha = 0."""
        return self._ends(lambda curve: curve.transfer_interval())

    def tolerance_interval(self, tolerance: ArrayLike) -> tuple[Real, Real]:
        """Lower and upper ends; those for an array of tolerances are on its axes, after S."""
        return self._ends(lambda curve: curve.tolerance_interval(tolerance))

    def optimal_alpha_std(self, criterion: str = "accuracy", *, class_counts: str = "fixed") -> Real:
        """Standard deviation of the best alpha over draws of the training data."""
        wanted = self._criterion(criterion)
        return self._stacked(
            self._each(lambda curve: curve.optimal_alpha_std(wanted, class_counts=class_counts))
        )

    def along(self, direction: ArrayLike) -> CurveArray:
        """The curves of a scalar s, alpha = s * direction."""
        return replace(self, members=self._objects(self._each(lambda curve: curve.along(direction))))

    # --- how -------------------------------------------------------------------------------------------

    def _criterion(self, criterion: str) -> str:
        # Of a regression the default is the risk.
        default = criterion == "accuracy" and "accuracy" not in self.criteria
        return self.criteria[0] if default else criterion

    def _each(self, ask: Callable[[Curve], Any]) -> list[Any]:
        return [ask(curve) for curve in long_steps(self._curves, "curve")]

    def _stacked(self, values: Iterable[Any]) -> FloatArray:
        table = np.stack([np.asarray(value, float) for value in values])
        return table.reshape(*self.shape, *table.shape[1:])

    def _ends(self, ask: Callable[[Curve], tuple[Any, Any]]) -> tuple[FloatArray, FloatArray]:
        low, high = map(self._stacked, zip(*self._each(ask), strict=True))
        return low, high

    def _objects(self, curves: list[Curve]) -> NDArray[np.object_]:
        array = np.empty(len(curves), dtype=object)
        array[:] = curves
        return array.reshape(self.shape)

    def _table(self, name: str, alpha: ArrayLike, **options: Any) -> FloatArray:
        """A quantity of each curve, at all alphas that meet it at once."""
        values = np.asarray(as_real("alpha", alpha), float)
        if self.sources > 1 and not values.ndim:
            values = np.full(self.sources, values)  # the same for all
        tail = values.shape[-1:] if self.sources > 1 else ()
        shape = np.broadcast_shapes(values.shape[: values.ndim - len(tail)], self.shape)
        values = np.broadcast_to(values, shape + tail)
        owner = np.broadcast_to(np.arange(self.members.size).reshape(self.shape), shape)
        found: FloatArray | None = None
        for i, curve in enumerate(self._curves):
            part = np.asarray(getattr(curve, name)(values[owner == i], **options), float)
            found = np.empty(shape + part.shape[1:]) if found is None else found
            found[owner == i] = part
        assert found is not None  # there is a curve
        return found

    def _refusals(self) -> Mapping[str, str]:
        found = {name: reason for curve in self._curves for name, reason in curve._refusals().items()}
        found["landmarks"] = "they exist for one curve: ask one of the members, or use optimal_alpha"
        return found

    def _summary(self) -> str:
        count = " x ".join(map(str, self.shape))
        return f"{count} curves, the first: {self._first._summary()}"


def curve_array(
    problem: FineTuning | RidgeRegressionTransfer | LowRankTransfer,
    n: ArrayLike | None,
    gamma: ArrayLike | None,
    rank: int = 0,
) -> CurveArray:
    """See `FineTuning.curves`; sizes and ridges that the problem refuses are refused here."""
    given = {"n": problem.n if n is None else n, "gamma": problem.gamma if gamma is None else gamma}
    sizes, ridges = np.broadcast_arrays(*(np.asarray(as_real(*each), float) for each in given.items()))
    if not sizes.size or not sizes.ndim:
        raise ValueError(
            f"curves needs arrays of n or gamma with at least one entry, got {given}; curve() is for one "
            "problem"
        )
    each = [
        replace(problem, n=float(one), gamma=float(ridge))
        for one, ridge in zip(sizes.flat, ridges.flat, strict=True)
    ]
    members = np.empty(len(each), dtype=object)
    if isinstance(problem, FineTuning):
        members[:] = list(curves_of(long_steps(each, "curve")))  # type: ignore[arg-type]
    else:
        options = {"rank": rank} if isinstance(problem, LowRankTransfer) else {}
        members[:] = [one.curve(**options) for one in long_steps(each, "curve")]
    return CurveArray(members.reshape(sizes.shape))
