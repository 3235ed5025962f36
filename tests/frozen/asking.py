"""How a value is asked for: the one place to edit when a name of the package moves."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from spectra import spectrum_ridge

from rmt_alpha.cli import main
from rmt_alpha.experiments.reference_formula import reference_curve
from rmt_alpha.problems.losses import LOSSES
from rmt_alpha.theory.mixtures.regression import regression_optimal_alpha, regression_risk

__all__ = [
    "LOSSES",
    "main",
    "reference_curve",
    "regression_optimal_alpha",
    "regression_risk",
    "spectrum_ridge",
]


def spectrum_ridge_in_30_digits() -> Any:
    """The effective ridge of three eigenvalues, in mpmath's numbers."""
    from rmt_alpha._core import arithmetic

    with arithmetic.working_precision(30):
        eigenvalues = arithmetic.exact_numbers("eigenvalues", ["1", "0.5", "2"])
        gamma = arithmetic.exact_numbers("gamma", "0.1")
        return arithmetic.rounded(spectrum_ridge(eigenvalues, arithmetic.to_mpf(2), gamma).value, 30)


RENAMED: dict[str, str] = {}
"""Attributes that are called otherwise today than when the values were frozen: old name to new."""

Cases = dict[str, Callable[[], Any]]
"""What is computed, by a key such as "mixture/K3/accuracy(0.5)"."""


def ask(thing: Any, path: str, *args: Any, **options: Any) -> Any:
    """``thing.path(*args)``, or ``thing.path`` where it is no method; the path may have dots."""
    for name in path.split("."):
        thing = getattr(thing, RENAMED.get(name, name))
    return thing(*args, **options) if callable(thing) else thing


def asked(make: Callable[[], Any], path: str, *args: Any, **options: Any) -> Callable[[], Any]:
    """The same of something made afresh: what was asked before must not change the last bits."""
    return partial(lambda: ask(make(), path, *args, **options))


def best(make: Callable[[], Any], *args: Any) -> Callable[[], Any]:
    """The optimum of a curve, as (alpha, value, whether it is finite)."""

    def answer() -> Any:
        optimum = ask(make(), "optimum", *args)
        return [optimum.alpha, optimum.value, optimum.finite]

    return answer


def attributes(make: Callable[[], Any], prefix: str, names: str) -> Cases:
    """One case for each of several attributes, named in one text."""
    return {f"{prefix}/{name}": asked(make, name) for name in names.split()}
