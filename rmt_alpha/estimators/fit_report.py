"""What is to be said about a fitted classifier: its choice, the alternatives, and what theory predicts."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from rmt_alpha._core.types import FloatArray, Real
from rmt_alpha.from_data.criteria import DEFAULT
from rmt_alpha.from_data.decomposition.rules import INTERCEPTS
from rmt_alpha.from_data.reading.sample_file import SampleFile

if TYPE_CHECKING:
    from rmt_alpha.estimators.ridge_classifier import AlphaRidgeClassifierCV
    from rmt_alpha.from_data.alpha_path import AlphaPath
    from rmt_alpha.from_data.plug_in.problem_estimate import ProblemEstimate


Units = Literal["raw", "standard", "auto"]


def fit_report(
    sample: SampleFile,
    *,
    gamma: float | None = None,
    criterion: str = DEFAULT,
    alpha: float | None = None,
    intercept: str = "auto",
    units: Units = "auto",
) -> FitReport:
    """The report on a classifier fitted to a sample; None: chosen from the sample.

    Warnings about the choice are given once.
    """

    def fit(alpha: Real | None, rule: str = intercept, units: Units = units) -> AlphaRidgeClassifierCV:
        from rmt_alpha.estimators.ridge_classifier import AlphaRidgeClassifierCV

        return AlphaRidgeClassifierCV(
            None if gamma is None else [gamma],
            criterion,
            sample.coef_source,
            sample.intercept_source,
            INTERCEPTS[rule],
            units=units,
            alpha="auto" if alpha is None else alpha,
            classes_source=sample.classes_source,
        ).fit(sample.X, sample.y)

    model = fit(alpha)
    if intercept != "auto" and units == "raw":
        return FitReport(model, model, sample, fit)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the first fit has said it
        # Paths and theory have one rule, in raw units.
        return FitReport(
            model, fit(alpha, "shrunk" if intercept == "auto" else intercept, "raw"), sample, fit
        )


class FitReport:
    """Numbers and lines of a classifier, ``model``.

    ``one`` is the classifier under one rule in raw units, which a path and the theory need; ``at`` fits the
    like of ``model`` at a given alpha.
    """

    def __init__(
        self,
        model: AlphaRidgeClassifierCV,
        one: AlphaRidgeClassifierCV,
        sample: SampleFile,
        at: Callable[[Real], AlphaRidgeClassifierCV],
    ) -> None:
        self.model, self.one, self.sample, self.at = model, one, sample, at

    @cached_property
    def numbers(self) -> dict[str, Any]:
        """Everything, by name."""
        model, n, unit = self.model, len(self.sample.y), self.path.alpha_unit
        accuracy, chosen = self._accuracy(model), _chosen(model)[1]
        ones = np.ones_like(model.alpha_) if isinstance(model.alpha_, np.ndarray) else 1.0
        return {
            "samples": n,
            "features": int(model.n_features_in_),
            "classes": len(model.classes_),
            "criterion": model.criterion,
            "alpha": model.alpha_,
            "alpha_stderr": model.alpha_stderr_,
            "alpha_unit": unit,
            "alpha_least_squares": chosen / unit if unit else math.nan,
            "alpha_1_least_squares": 1.0 / unit if unit else math.nan,
            "gamma": model.gamma_,
            "sklearn_penalty": n * model.gamma_,
            "rules": model.rules_,
            "discriminant": model._has_discriminant,
            "loo_accuracy": accuracy,
            "loo_accuracy_stderr": math.sqrt(accuracy * (1 - accuracy) / n),
            "loo_accuracy_alpha_0": self._accuracy(self.at(0.0 * ones)),
            "loo_accuracy_alpha_1": self._accuracy(self.at(ones)),
            "loo_accuracy_alpha_unit": self._accuracy(self.at(unit * ones)) if unit else math.nan,
            "loo_accuracy_source_only": self._source_alone(),
            "one_rule": self._under_one_rule(),
        }

    def _accuracy(self, model: AlphaRidgeClassifierCV) -> float:
        """Exact leave-one-out accuracy."""
        scores = model.loo_decision_function_
        places = (scores > 0).astype(int) if scores.ndim == 1 else scores.argmax(axis=1)
        return float(np.mean(model.classes_[places] == self.sample.y))

    def _source_alone(self) -> float:
        """Accuracy with nothing trained, and no intercept either."""
        direction = _chosen(self.one)[0]
        ones = None if direction is None else np.ones_like(direction)
        return float(self._alpha_path(math.inf, fit_intercept=False, direction=ones).loo_accuracy(1.0))

    def _alpha_path(self, gamma: float, **kinds: Any) -> AlphaPath:
        from rmt_alpha.estimators.functions import alpha_path

        sample = self.sample
        return alpha_path(
            sample.X,
            sample.y,
            sample.coef_source,
            gamma,
            intercept_source=sample.intercept_source,
            classes_source=sample.classes_source,
            **kinds,
        )

    @property
    def chosen(self) -> tuple[FloatArray | None, float]:
        """Of several sources the direction of `path`, else None, and the place on it that was chosen."""
        return _chosen(self.one)

    @cached_property
    def path(self) -> AlphaPath:
        """The leave-one-out path under one rule; of several sources along the alphas that were chosen."""
        direction = self.chosen[0]
        return self._alpha_path(self.one.gamma_, fit_intercept=self.one.fit_intercept, direction=direction)

    @cached_property
    def estimate(self) -> ProblemEstimate | None:
        """What theory says, for one source and two classes with two samples of each."""
        from rmt_alpha.estimators.functions import estimate_problem

        one, sample = self.one, self.sample
        several = isinstance(one.alpha_, np.ndarray)
        if several or len(one.classes_) > 2 or min(np.unique(sample.y, return_counts=True)[1]) < 2:
            return None
        return estimate_problem(
            sample.X,
            sample.y,
            sample.coef_source,
            intercept_source=sample.intercept_source,
            fit_intercept=one.fit_intercept,
            classes_source=sample.classes_source,
        )

    def _under_one_rule(self) -> dict[str, Any]:
        """Alpha, ridge and accuracies of `one`: left out, of Gaussian scores, and by the theory."""
        one, estimate, n = self.one, self.estimate, len(self.sample.y)
        chosen = _chosen(one)[1]
        numbers: dict[str, Any] = {
            "rule": one.rules_[0]["rule"],
            "alpha": one.alpha_,
            "alpha_stderr": one.alpha_stderr_,
            "gamma": one.gamma_,
            "loo_accuracy": self.path.loo_accuracy(chosen),
            "gaussian_accuracy": self.path.gaussian_accuracy(chosen),
        }
        if estimate is not None and math.isfinite(one.gamma_) and math.isfinite(chosen):
            for name, size in (("theory_accuracy", n), ("theory_accuracy_twice", 2 * n)):
                value, stderr = estimate.accuracy(chosen, one.gamma_, size)
                numbers |= {name: value, f"{name}_stderr": stderr}
            numbers["gaussian_classes"] = estimate.check(one.gamma_, chosen).agrees
        return numbers

    def lines(self) -> list[str]:
        """The numbers, as lines of text."""
        one: dict[str, Any] = self.numbers["one_rule"]
        units = "{alpha_1_least_squares:.4g} in least-squares units"
        squares = "{alpha_least_squares:.4g} (of {alpha_unit:.4g}, the source's own best)"
        gamma = "same gamma" if self.model.gammas is not None else "its own gamma"
        rows = [
            ("data", "{samples} samples, {features} features, {classes} classes"),
            *choice(self.numbers, ("  in least-squares units", squares)),
            ("accuracy, leave-one-out", "{loo_accuracy:.4f} +- {loo_accuracy_stderr:.4f}"),
            ("  ignoring the source", "{loo_accuracy_alpha_0:.4f} (alpha = 0, " + gamma + ")"),
            (
                "  standard fine-tuning",
                "{loo_accuracy_alpha_1:.4f} (alpha = 1, " + units + ", " + gamma + ")",
            ),
            (
                "  one least-squares unit",
                "{loo_accuracy_alpha_unit:.4f} (alpha = {alpha_unit:.4g}, " + gamma + ")",
            ),
            ("  the source as it is", "{loo_accuracy_source_only:.4f}"),
        ]
        under = [
            ("under one rule", "{rule}"),
            ("  alpha", pairs(one["alpha"], one["alpha_stderr"]) + " at gamma = {gamma:.4g}"),
            ("  accuracy, leave-one-out", "{loo_accuracy:.4f}"),
            ("  of Gaussian scores", "{gaussian_accuracy:.4f}"),
        ]
        if "theory_accuracy" in one:
            verdict = "describe" if one["gaussian_classes"] else "do not describe"
            theory = "{theory_accuracy:.4f} +- {theory_accuracy_stderr:.4f}"
            twice = "{theory_accuracy_twice:.4f} +- {theory_accuracy_twice_stderr:.4f}"
            under += [
                ("  of random matrix theory", theory + f" (Gaussian classes {verdict} the samples)"),
                (f"  with {2 * len(self.sample.y)} samples", twice + " (same alpha and gamma)"),
            ]
        width = max(len(name) for name, _ in (*rows, *under))
        return [*aligned(rows, self.numbers, width), *aligned(under, one, width)]


def _chosen(model: AlphaRidgeClassifierCV) -> tuple[FloatArray | None, float]:
    """Of several sources the direction of their alphas, and how far along it they are; of one its alpha."""
    alpha = model.alpha_
    if not isinstance(alpha, np.ndarray):
        return None, alpha
    if np.isinf(alpha).any():
        return np.where(np.isinf(alpha), np.sign(alpha), 0.0), math.inf
    return (alpha, 1.0) if alpha.any() else (np.ones_like(alpha), 0.0)


def pairs(alpha: Real, stderr: Real) -> str:
    """Numbers with their standard errors, one for each source."""
    both = zip(np.atleast_1d(alpha), np.atleast_1d(stderr), strict=True)
    return ", ".join(f"{value:.4g} +- {error:.2g}" for value, error in both)


def choice(numbers: dict[str, Any], *more: tuple[str, str]) -> list[tuple[str, str]]:
    """Rows of a choice: the criterion, alpha and ``more`` about it, the ridge, or the rules averaged."""
    penalty = f"per sample; scikit-learn's penalty {numbers['sklearn_penalty']:.4g}"
    rules = numbers["rules"]
    gamma = "{gamma:.4g} (" + penalty + ")"
    alpha = pairs(numbers["alpha"], numbers["alpha_stderr"])
    rows = [("criterion", "{criterion}"), ("alpha", alpha), *more]
    if len(rules) == 1:
        return [*rows, ("gamma", gamma)]
    rows.append(("average over rules", f"{len(rules)}, by their likelihood; those of the largest shares:"))
    for rule in rules[:3]:
        where = f"gamma = {rule['gamma']:.3g}, alpha = {pairs_of(rule['alpha'])}"
        rows.append((f"  {rule['share']:.0%}", f"{rule['rule']} ({where})"))
    if numbers.get("discriminant"):
        rows.append(("  classes by", "the discriminant of what is trained"))
    return rows


def pairs_of(alpha: Real) -> str:
    """Numbers, one for each source."""
    return ", ".join(f"{value:.3g}" for value in np.atleast_1d(alpha))


def aligned(rows: list[tuple[str, str]], numbers: dict[str, Any], width: int = 0) -> list[str]:
    """Rows in two columns, the second filled in."""
    width = max(width, *(len(name) for name, _ in rows))
    return [f"{name:<{width}}  {text.format(**numbers)}" for name, text in rows]
