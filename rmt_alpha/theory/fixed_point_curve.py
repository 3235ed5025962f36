"""`FixedPointCurve`: what curves share whose every alpha takes the solution of a fixed point."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property, partial
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike

from rmt_alpha._core.checks import Range, as_real, check_choice, check_range
from rmt_alpha._core.machine.progress import long_steps
from rmt_alpha._core.types import Array, Real
from rmt_alpha.errors import NotAvailable
from rmt_alpha.theory import curve as base
from rmt_alpha.theory.curve import Curve, Optimum

TOGETHER = 32
"""Alphas that are solved at once."""


class FixedPointCurve(Curve):
    """A curve of fine-tuning with a loss that has no closed form.

    Subclasses are dataclasses with the fields ``reduction``, the problem, ``single``, whether alpha is a
    scalar, ``fluctuations``, which makes what error bars are computed from, ``unknown_bars``, why there are
    none, and ``_optima``, the best alphas that were asked for.
    """

    costly: ClassVar[bool] = True
    criteria: ClassVar[tuple[str, ...]] = ("accuracy", "risk", "loss")
    _steps: ClassVar[int] = 24  # each takes the solution of a fixed point
    _rtol: ClassVar[Range]
    """Relative errors of the best alpha that can be asked for."""
    _apart: ClassVar[float] = 0.03
    """Step of differences, in units of alpha, for the spread of the best alpha."""
    _whole: ClassVar[tuple[str, ...]] = ()
    """Questions that have an answer for a vector alpha, though they are searched."""
    reduction: Any
    single: bool
    fluctuations: Callable[[], Any]
    unknown_bars: str
    _optima: dict[tuple[str, float], Optimum]
    dps = None

    @property
    def sources(self) -> int:
        """Number of sources, k."""
        return int(self.reduction.sources)

    # --- answers that need a state only ------------------------------------------------------------------

    def test_loss(self, alpha: ArrayLike) -> Real:
        """Expected training loss on a fresh sample with its true label."""
        return self._by_state(alpha, lambda state: self._of_state("loss", state))

    @abstractmethod
    def _by_state(self, alpha: ArrayLike, answer: Callable[[Any], Any]) -> Real:
        """``answer`` of the state at every alpha."""

    @abstractmethod
    def _of_state(self, criterion: str, state: Any) -> float:
        """Accuracy, risk or expected loss in a state."""

    # --- the best alpha ----------------------------------------------------------------------------------

    def _optimum(self, criterion: str, rtol: float) -> Optimum:
        """`optimum`, searched once."""
        self._check("optimum")
        self._check_criterion(criterion)
        check_range("rtol", rtol := as_real("rtol", rtol), self._rtol)
        if (criterion, rtol) not in self._optima:
            self._optima[criterion, rtol] = self._searched(criterion, rtol)
        return self._optima[criterion, rtol]

    @abstractmethod
    def _searched(self, criterion: str, rtol: float) -> Optimum:
        """The best alpha."""

    def _known_optimum(self) -> Optimum | None:
        return next((best for (name, _), best in self._optima.items() if name == "accuracy"), None)

    def along(self, direction: ArrayLike) -> Self:
        """The curve of a scalar s, alpha = s * direction: several sources in fixed proportions."""
        vector = base.check_direction(direction, self.sources)
        found: Self = replace(self, **self._changed_along(vector))  # type: ignore[type-var]
        return found

    def _changed_along(self, vector: Array) -> dict[str, Any]:
        """Fields that differ there."""
        spread = partial(_fluctuations_along, self.fluctuations, vector)
        return {"reduction": self.reduction.along(vector), "single": True, "fluctuations": spread}

    # --- finite-size error bars --------------------------------------------------------------------------

    def _error_bar(self, quantity: str, alpha: ArrayLike, class_counts: str) -> Real:
        self._check(f"{quantity}_std")
        check_choice("class_counts", class_counts, base.CLASS_COUNTS)
        return self._bar(quantity, alpha, class_counts)

    @abstractmethod
    def _bar(self, quantity: str, alpha: ArrayLike, class_counts: str) -> Real:
        """Standard deviation over draws of a quantity that has one."""

    def optimal_alpha_std(self, criterion: str = "accuracy", *, class_counts: str = "fixed") -> Real:
        """Standard deviation, over draws of the training data, of the alpha that is best for the draw.

        For accuracy and risk.
        """
        self._check("optimal_alpha_std")
        check_choice("class_counts", class_counts, base.CLASS_COUNTS)
        best, unit = self.optimum(criterion), self._apart * self._alpha_scale()
        if criterion == "loss" or not best.finite:
            why = "it is known for accuracy and risk" if best.finite else "no finite alpha is best"
            raise NotAvailable(
                f"{type(self).__name__} has no optimal_alpha_std here: {why}; simulate several alphas"
            )
        if np.isinf(unit):  # the source changes nothing
            return 0.0
        alphas = float(best.alpha) + unit * np.arange(-2.0, 3.0)[:, None]
        self._prepare(alphas)
        points = [self._fixed_point(alpha) for alpha in alphas]
        return float(self._spread.best_alpha_std(criterion, points, unit, class_counts))

    @abstractmethod
    def _fixed_point(self, alpha: Array) -> tuple[Any, Any]:
        """The equations at one alpha, and the state that solves them."""

    @cached_property
    def _spread(self) -> Any:
        return self.fluctuations()

    # --- refusals ----------------------------------------------------------------------------------------

    def _refusals(self) -> Mapping[str, str]:
        found = dict(super()._refusals())
        if self.unknown_bars:
            found |= dict.fromkeys(base.ERROR_BARS, self.unknown_bars)
        if not self.single:
            searched = (
                *("optimum", "optimal_alpha", "gain", "accuracy_derivative", "neutral_alpha"),
                *("transfer_interval", "tolerance_interval", "landmarks", "optimal_alpha_std"),
            )
            found |= dict.fromkeys(
                (name for name in searched if name not in self._whole),
                f"it is searched for one scalar alpha, here it has {self.sources} components: use "
                "along(direction) to fix their proportions",
            )
        return found

    def _stacked(self, values: Array, answer: Callable[[Array], Any]) -> Real:
        """``answer`` at every row of alphas (..., k)."""
        flat = values.reshape(-1, self.sources)
        if not len(flat):
            return np.empty(values.shape[:-1])
        table = []
        for i, row in enumerate(long_steps(list(flat), "alpha")):
            if i % TOGETHER == 0:
                self._prepare(flat[i : i + TOGETHER])
            table.append(np.asarray(answer(row), float))
        found = np.stack(table)
        return self._result(found.reshape((*values.shape[:-1], *found.shape[1:])))


def _fluctuations_along(fluctuations: Callable[[], Any], direction: Array) -> Any:
    return fluctuations().along(direction)
