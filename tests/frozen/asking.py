"""How a value is asked for: the one place to edit when a name of the package moves."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from spectra import spectrum_ridge

from rmt_alpha import RidgeRegressionTransfer
from rmt_alpha.cli import main
from rmt_alpha.experiments.reference_formula import reference_curve
from rmt_alpha.problems.losses import LOSSES

__all__ = [
    "LOSSES",
    "isotropic_regression",
    "main",
    "reference_curve",
    "spectrum_ridge",
]


def isotropic_regression(
    target: Any, source: Any, n: float = 40, noise: float = 0.0, gamma: float = 1.0
) -> Any:
    """Ridge regression on features with identity covariance."""
    return RidgeRegressionTransfer(None, target, source, noise, n, gamma)


def spectrum_ridge_in_30_digits() -> Any:
    """The effective ridge of three eigenvalues, in mpmath's numbers."""
    from rmt_alpha._core import arithmetic

    with arithmetic.working_precision(30):
        eigenvalues = arithmetic.exact_numbers("eigenvalues", ["1", "0.5", "2"])
        gamma = arithmetic.exact_numbers("gamma", "0.1")
        return arithmetic.rounded(spectrum_ridge(eigenvalues, arithmetic.to_mpf(2), gamma).value, 30)


RENAMED = {"accuracy_error": "accuracy_uncertainty"}
"""Attributes that are called otherwise today than when the values were frozen: old name to new."""
LAST_DIGITS = {
    "isotropic/*_std(*": "variances of error bars are sums of squares",
    "cli/curve * --band": "variances of error bars are sums of squares",
    "regression/isotropic/risk*": "one formula for every covariance, where there was one for the identity",
    "cli/curve --problem logistic.toml *": "the table no longer asks for the optimum first, from which fixed "
    "points were started",
    "alpha_path/*": "one QR of the samples for all rules of the intercept",
    "estimator/AlphaRidge(*": "one QR of the samples for all rules of the intercept",
    "estimator/AlphaLogisticRegression(*": "one QR of the samples for all rules of the intercept",
    "estimate/intercept=*": "sums of the leave-one-out law in another order",
    "estimator/AlphaRidgeClassifierCV(two*": "systems of a few numbers are solved by one eigendecomposition",
    "picture/alpha_path": "one QR of the samples for all rules of the intercept",
    "mixture/four_classes/*accuracy*": "the last two conditions are an integral over their correlation",
}
"""By pattern of the key, values whose last digits have changed on purpose, and why."""
# Frozen anew, because they were to change:
# - convex/*: every alpha is solved on its own, from the squared loss, to a residual of 1e-10 (last digits);
# - mixture/*optimum*, mixture/*transfer_interval: the gradient of orthant probabilities, and accuracies that
#   are compared by their difference (last digits);
# - estimator/Alpha*CV(*: the default averages over rules for the intercept and units; leave-one-out of the
#   logistic one refits, and its fits end at a stated precision;
# - estimator/Alpha*(three*: ridge and alpha are chosen by differences of the scores of classes;
# - estimate/*/curve*: the law of the leave-one-out scores, carried to other ridges and sizes by theory;
# - estimator/AlphaRidgeClassifier(*, best_alpha(consensus) and cli/fit *: the consensus counts ridges in
#   degrees of freedom;
# - those and alpha_path/* with a shrunk intercept: the average correction is shrunk, in place of a penalty on
#   the weight of a constant feature, and what is left out takes its part of the mean with it;
# - estimator/Alpha*CV(*, compare/logistic/*: sums of variances in another order, conjugate gradients in
#   single precision (last digits, and of the logistic one 1e-8);
# - estimator/AlphaRidgeClassifierCV(*, cli/fit *: rules of classes are mixed by stacking of predictions;
# - cli/fit *: the default estimator, its rules, and alternatives each with a ridge of its own; one rule for
#   path and theory;
# - cli/fit *: the accuracy of random matrix theory counts the shape of the left-out scores, and that other
#   samples have other proportions of the classes;
# - cli/optimal --problem *: the samples that the source is worth, for every model;
# - cli/reproduce --list: more figures.

Cases = dict[str, Callable[..., Any]]
"""What is computed, by a key such as "mixture/K3/accuracy(0.5)"."""


def ask(thing: Any, path: str, *args: Any, **options: Any) -> Any:
    """``thing.path(*args)``, or ``thing.path`` where it is no method; the path may have dots."""
    for name in path.split("."):
        thing = getattr(thing, RENAMED.get(name, name))
    return thing(*args, **options) if callable(thing) else thing


def asked(make: Callable[..., Any], path: str, *args: Any, **options: Any) -> Callable[[], Any]:
    """The same of something made afresh: what was asked before must not change the last bits."""
    return partial(lambda: ask(make(), path, *args, **options))


def best(make: Callable[..., Any], *args: Any) -> Callable[[], Any]:
    """The optimum of a curve, as (alpha, value, whether it is finite)."""

    def answer() -> Any:
        optimum = ask(make(), "optimum", *args)
        return [optimum.alpha, optimum.value, optimum.finite]

    return answer


def attributes(make: Callable[..., Any], prefix: str, names: str) -> Cases:
    """One case for each of several attributes, named in one text."""
    return {f"{prefix}/{name}": asked(make, name) for name in names.split()}
