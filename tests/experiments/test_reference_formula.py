"""The reference implementation's formula is wrong, and must stay so: see the module's docstring."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

import rmt_alpha as ra
from rmt_alpha.experiments.reference_formula import (
    reference_curve,
)

NAMES = ("N", "n", "p", "mu", "mu_orth", "beta", "gamma_source", "gamma")


def keywords(*values: float) -> dict[str, Any]:
    return dict(zip(NAMES, values, strict=True))


WEAK_RIDGE = keywords(480, 100, 400, 1, 1, 0.5, 0.01, 1)
SMALL_RIDGES = keywords(400, 100, 400, 1, 1, 0.7, 0.1, 0.1)
LONG_MEAN = keywords(800, 100, 400, 2, 1, 0.7, 0.1, 0.5)
PAPER_FIGURE = keywords(5000, 40, 1000, 0.8, 0.8, 0.5, 5, 0.1)
AMAZON = keywords(1000, 100, 400, 1.4120774144716233, 1.6887230186853466, 0.8954453735272294, 1, 1)

# The expressions of the reference implementation's rmt_results.py, evaluated with 50 digits by mpmath:
# alpha*, and for alpha = -2, 1, 3 the mean, the second moment and the accuracy.
FROZEN = [
    (
        WEAK_RIDGE,
        0.82372801169239466,
        [
            (-2, -0.17121224974636183, 0.90089933788751572, 0.57275467406814472),
            (1, 0.32614230975957323, 0.45921037680691482, 0.70851676239882297),
            (3, 0.65771201609686326, 2.3157017210440211, 0.68413336125349267),
        ],
    ),
    (
        SMALL_RIDGES,
        1.2551502502564483,
        [
            (-2, -0.16562247687250137, 1.0011357276340365, 0.56664696200444095),
            (1, 0.37509898072006691, 0.57447315149552635, 0.71550065882337352),
            (3, 0.73557995244844576, 2.4439582360188062, 0.70306687634985435),
        ],
    ),
    (
        LONG_MEAN,
        -1.5642364882513184,
        [
            (-2, -0.20637781083789232, -0.1092286224690418, math.nan),
            (1, 0.62447227883226244, 0.4897582468739291, 0.97596819304033615),
            (3, 1.1783723386123656, 0.9489876132104409, math.nan),
        ],
    ),
    (
        PAPER_FIGURE,
        4.1315875490518877,
        [
            (-2, -0.063163956062378403, 0.11333819198704069, 0.57574229059147038),
            (1, 0.068872005079696986, 0.062316145703712013, 0.61295704273632086),
            (3, 0.15689597917441391, 0.22040542152370665, 0.63854889480004109),
        ],
    ),
]


@pytest.mark.parametrize(("problem", "optimal", "values"), FROZEN, ids=["weak", "small", "long", "paper"])
def test_agrees_with_the_reference_implementation(
    problem: dict[str, Any], optimal: float, values: list[tuple[float, ...]]
) -> None:
    curve = reference_curve(**problem)
    # A few dozen operations, each with relative error 2^-53, and conditioning of order 10 (the "variance" is
    # a difference): 1e-13 is far below any change of the formula.
    assert curve.optimal_alpha() == pytest.approx(optimal, rel=1e-13)
    for alpha, mean, second, accuracy in values:
        assert curve.mean(alpha) == pytest.approx(mean, rel=1e-13)
        assert curve.variance(alpha) + curve.mean(alpha) ** 2 == pytest.approx(second, rel=1e-13)
        assert curve.accuracy(alpha) == pytest.approx(accuracy, rel=1e-13, nan_ok=True)
        assert reference_curve(**problem).accuracy(alpha) == pytest.approx(accuracy, rel=1e-13, nan_ok=True)


def test_gives_the_alpha_that_the_reference_implementation_wrote_into_a_file_name() -> None:
    # study-plot/simulate_accuracy_real-N-1000-n-100-p-400-alpha-1.6660137073688979-beta-0.8954453735272294-
    # mu-1.4120774144716233-mu_orth-1.6887230186853466-gamma_pre-1.pdf (elec -> kitchen)
    assert reference_curve(**AMAZON).optimal_alpha() == pytest.approx(1.6660137073688979, rel=1e-13)


@pytest.mark.parametrize(
    ("problem", "reference", "right", "optimal_reference", "optimal_right"),
    [
        (WEAK_RIDGE, 0.709, 0.604, 0.824, 0.109),
        (SMALL_RIDGES, 0.716, 0.662, 1.255, 0.409),
        (LONG_MEAN, 0.976, 0.859, -1.564, 0.742),
    ],
    ids=["weak", "small", "long"],
)
def test_known_failures(
    problem: dict[str, Any], reference: float, right: float, optimal_reference: float, optimal_right: float
) -> None:
    assert round(reference_curve(**problem).accuracy(1.0), 3) == reference
    assert round(float(ra.accuracy(1.0, **problem)), 3) == right
    assert round(reference_curve(**problem).optimal_alpha(), 3) == optimal_reference
    assert round(float(ra.optimal_alpha(**problem)), 3) == optimal_right


def test_the_failure_is_hard_to_see_in_the_figures_of_the_paper() -> None:
    assert round(reference_curve(**PAPER_FIGURE).optimal_alpha(), 3) == 4.132
    assert round(float(ra.optimal_alpha(**PAPER_FIGURE)), 3) == 4.099


def simulated_accuracy(problem: dict[str, Any], alphas: np.ndarray, draws: int, seed: int) -> np.ndarray:
    """Exact conditional accuracy of `draws` trained pairs of classifiers, of shape (draws, n_alphas)."""
    N, n, p = (int(problem[name]) for name in ("N", "n", "p"))
    beta, rng = problem["beta"], np.random.default_rng(seed)
    source_mean, target_mean = np.zeros(p), np.zeros(p)
    source_mean[0] = problem["mu"]
    target_mean[:2] = beta * problem["mu"], math.sqrt(1 - beta**2) * problem["mu_orth"]
    result = np.empty((draws, len(alphas)))
    for draw in range(draws):
        w_source = trained(rng, N, source_mean, problem["gamma_source"], np.zeros((p, 1)))
        w = trained(rng, n, target_mean, problem["gamma"], w_source * alphas)
        result[draw] = norm.cdf(target_mean @ w / np.linalg.norm(w, axis=0))
    return result


def trained(
    rng: np.random.Generator, n: int, mean: np.ndarray, gamma: float, prior: np.ndarray
) -> np.ndarray:
    """argmin (1/n) sum (y - w.x)^2 + gamma ||w - prior||^2, one column per column of ``prior``."""
    y = np.where(np.arange(n) < n // 2, -1.0, 1.0)
    x = y[:, None] * mean + rng.standard_normal((n, len(mean)))
    gram = x.T @ x / n + gamma * np.eye(len(mean))
    return np.linalg.solve(gram, (x.T @ y / n)[:, None] + gamma * prior)


@pytest.mark.parametrize("problem", [WEAK_RIDGE, SMALL_RIDGES, LONG_MEAN], ids=["weak", "small", "long"])
def test_simulation_refutes_the_reference_formula_and_confirms_the_right_one(
    problem: dict[str, Any],
) -> None:
    alphas = np.array([1.0, ra.optimal_alpha(**problem), reference_curve(**problem).optimal_alpha()])
    accuracy = simulated_accuracy(problem, alphas, draws=20, seed=11)
    simulated, error = accuracy[:, 0].mean(), accuracy[:, 0].std(ddof=1) / math.sqrt(len(accuracy))
    # Four standard errors, and a finite-size bias of order 1/n.
    tolerance = 4 * error + 1 / problem["n"]
    assert abs(ra.accuracy(1.0, **problem) - simulated) < tolerance
    assert abs(reference_curve(**problem).accuracy(1.0) - simulated) > 1.5 * tolerance
    # The alpha* of the right formula does better, draw by draw; the same draws serve both.
    gain = accuracy[:, 1] - accuracy[:, 2]
    assert gain.mean() > 4 * gain.std(ddof=1) / math.sqrt(len(gain))


@given(
    N=st.floats(50, 5000),
    n=st.floats(10, 1000),
    p=st.floats(10, 1000),
    mu=st.floats(0.1, 3),
    mu_orth=st.just(0.0) | st.floats(0.01, 3),
    beta=st.sampled_from([-1.0, 0.0, 1.0]) | st.floats(0.01, 1),
    gamma_source=st.floats(0.01, 10),
    gamma=st.floats(0.01, 10),
    alpha=st.floats(-5, 5),
)
def test_the_norm_of_the_source_is_its_only_error(alpha: float, **problem: Any) -> None:
    curve, right = reference_curve(**problem), ra.TransferProblem(**problem).curve()
    source = ra.effective_ridge(problem["p"], problem["N"], problem["gamma_source"])
    r = problem["mu"] / (source.lift + problem["mu"] ** 2)
    norm2 = (r**2 + source.noise * (1 - problem["mu"] * r) ** 2) / source.freedom
    repaired = dataclasses.replace(curve, source_norm2=norm2)
    assert curve.mean(alpha) == pytest.approx(
        right.mean(alpha), rel=1e-13, abs=1e-14 * (1 + abs(alpha * curve._kappa))
    )
    # `variance` is a difference here and a sum of squares there; no term exceeds this scale, and a few dozen
    # operations lose a few dozen units of 2^-53 of it.
    scale = (1 + (alpha * curve._kappa) ** 2 * norm2) / curve._freedom
    assert repaired.variance(alpha) == pytest.approx(right.variance(alpha), rel=1e-13, abs=1e-14 * scale)


def test_right_in_the_limit_of_many_source_samples() -> None:
    problem = {**WEAK_RIDGE, "N": math.inf}
    assert reference_curve(**problem).optimal_alpha() == pytest.approx(ra.optimal_alpha(**problem), rel=1e-13)
    assert reference_curve(**problem).accuracy(2.0) == pytest.approx(ra.accuracy(2.0, **problem), rel=1e-13)


def test_folding_hides_a_classifier_that_is_always_wrong() -> None:
    signed = reference_curve(**WEAK_RIDGE).accuracy(-2.0, folded=False)
    assert signed == pytest.approx(1 - 0.57275467406814472, rel=1e-13)


def test_arguments_broadcast_and_scalars_give_floats() -> None:
    problem = {**SMALL_RIDGES, "beta": np.array([0.1, 0.5, 0.7])}
    alphas = np.array([[-2.0], [1.0]])
    accuracy = reference_curve(**problem).accuracy(alphas)
    assert accuracy.shape == (2, 3)
    assert accuracy[1, 2] == reference_curve(**SMALL_RIDGES).accuracy(1.0)
    optimal = reference_curve(**problem).optimal_alpha()
    assert optimal.shape == (3,)
    assert optimal[2] == reference_curve(**SMALL_RIDGES).optimal_alpha()
    assert type(reference_curve(**SMALL_RIDGES).optimal_alpha()) is float
    assert type(reference_curve(**SMALL_RIDGES).accuracy(1)) is float
    assert type(reference_curve(**SMALL_RIDGES).source_norm2) is float


def test_beta_outside_the_unit_interval_is_what_the_reference_implementation_allows() -> None:
    assert math.isfinite(reference_curve(**{**SMALL_RIDGES, "beta": 1.2, "mu_orth": 0.5}).optimal_alpha())


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("gamma", 0.0, "gamma must be a positive finite number, got 0.0"),
        ("gamma_source", -1.0, "gamma_source must be a positive finite number, got -1.0"),
        ("n", math.inf, "n must be a positive finite number, got inf"),
        ("N", 0, "N must be a positive number"),
        ("mu", math.nan, "mu must be a finite number >= 0, got nan"),
        ("beta", math.inf, "beta must be a finite number, got inf"),
    ],
)
def test_bad_input_names_argument_value_and_range(name: str, value: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        reference_curve(**{**WEAK_RIDGE, name: value}).optimal_alpha()


def test_a_known_source_is_not_its_business() -> None:
    with pytest.raises(TypeError, match="N must be a real number"):
        reference_curve(**{**WEAK_RIDGE, "N": None}).optimal_alpha()
