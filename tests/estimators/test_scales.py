"""Any scale of features, sources, targets, weights and ridges: right values, or a refusal by name."""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any

import numpy as np
import pytest

from rmt_alpha import (
    AlphaLogisticRegression,
    AlphaLogisticRegressionCV,
    AlphaRidge,
    AlphaRidgeClassifier,
    AlphaRidgeClassifierCV,
    alpha_path,
    estimate_problem,
)
from rmt_alpha.from_data.criteria import CONVEX_CRITERIA, CRITERIA, REGRESSION_CRITERIA

KINDS: dict[type[Any], Any] = {
    AlphaRidgeClassifier: CRITERIA,
    AlphaRidgeClassifierCV: CRITERIA,
    AlphaRidge: REGRESSION_CRITERIA,
    AlphaLogisticRegression: CONVEX_CRITERIA,
    AlphaLogisticRegressionCV: CONVEX_CRITERIA,
}
CASES = [(kind, criterion) for kind, criteria in KINDS.items() for criterion in criteria]
SIZES = (2.0**-160, 2.0**160)
"""Powers of 2: scaling by them rounds nothing."""
EXTREMES = (1e-320, 1e-49, 1e16, 1e300)


def crossed(sizes, more):
    """Cases with every second of the sizes, the next case with the others; the rest is slow."""
    return pytest.mark.parametrize(
        ("kind", "criterion", "size"),
        [
            pytest.param(*case, size, marks=() if core else pytest.mark.slow)
            for i, case in enumerate(CASES)
            for j, size in enumerate((*sizes, *more))
            for core in [case[1] != "loo_log_loss" and j < len(sizes) and (i + j) % 2 == 0]
        ],
    )


def sample(kind, p=12):
    rng = np.random.default_rng(5)
    mean = np.full(p, 0.4)
    y = np.repeat([-1, 1], 12)
    X = y[:, None] * mean + rng.standard_normal((24, p))
    source = mean + 0.3 * rng.standard_normal(p)
    return X, (X @ mean + rng.standard_normal(24) if kind is AlphaRidge else y), source


@cache
def fitted(kind, criterion):
    """In the units that others are held against."""
    X, y, source = sample(kind)
    return kind(criterion=criterion, coef_source=source).fit(X, y)


@crossed(SIZES, (2.0**-3,))
def test_units_make_no_difference(kind, criterion, size):
    X, y, source = sample(kind)
    one = fitted(kind, criterion)
    # Features in other units, and the source with them: the same alpha; with the source as it was, another.
    for held in (True, False):
        unit = {} if hasattr(one, "gammas") else {"gamma": size**2}
        weights = source / size if held else source
        two = kind(criterion=criterion, coef_source=weights, **unit).fit(X * size, y)
        factor = 1.0 if held else size
        assert two.alpha_ * factor == pytest.approx(one.alpha_, rel=1e-8)
        assert two.alpha_stderr_ * factor == pytest.approx(one.alpha_stderr_, rel=1e-6)
        for found, expected in zip(two.rules_, one.rules_, strict=True):
            assert found["rule"] == expected["rule"]
            # A ridge has the units of squared features, if these are not those of their deviations.
            own = 1.0 if "standard" in found["rule"] else size**2
            assert found["gamma"] / own == pytest.approx(expected["gamma"], rel=1e-12)
        # Of the rules that train something: under the source alone the ridge is infinite.
        trained = [rule for rule in two.rules_ if rule["rule"] != "the source alone"]
        assert two.gamma_ == trained[0]["gamma"]
        assert two.coef_ * size == pytest.approx(one.coef_, rel=1e-6, abs=1e-9)
    three = kind(criterion=criterion, coef_source=source * size).fit(X, y)
    assert three.alpha_ * size == pytest.approx(one.alpha_, rel=1e-8)


@pytest.mark.parametrize("size", [*SIZES, pytest.param(2.0**-3, marks=pytest.mark.slow)])
@pytest.mark.parametrize("criterion", REGRESSION_CRITERIA)
def test_units_of_targets_scale_alpha(criterion, size):
    X, y, source = sample(AlphaRidge)
    one, two = (AlphaRidge(criterion=criterion, coef_source=source).fit(X, y * unit) for unit in (1.0, size))
    assert two.alpha_ / size == pytest.approx(one.alpha_, rel=1e-10)
    assert two.loo_prediction_ / size == pytest.approx(one.loo_prediction_, rel=1e-10)


def test_huge_counts_have_a_limit():
    """Weights of 10^8 and more leave alpha where it is, and a standard error that falls as 1/sqrt(c)."""
    X, y, source = sample(AlphaRidgeClassifierCV)
    # Under one rule: what the alphas of several differ by is part of the error, too, and falls otherwise.
    fits = [
        AlphaRidgeClassifierCV(coef_source=source, fit_intercept="shrunk", units="raw").fit(
            X, y, np.full(24, count)
        )
        for count in (1e8, 1e10, 1e12)
    ]
    assert [fit.alpha_ for fit in fits] == pytest.approx([fits[0].alpha_] * 3, rel=1e-3)
    errors = [fit.alpha_stderr_ for fit in fits]
    assert errors[1:] == pytest.approx([errors[0] / 10, errors[0] / 100], rel=0.02)


@pytest.mark.parametrize("p", [12, 40])
@pytest.mark.parametrize("criterion", ["consensus", "evidence"])
def test_tiny_and_huge_ridges_have_a_limit(criterion, p):
    X, y, source = sample(AlphaRidgeClassifier, p)
    for gammas in ([1e-90, 1e-40, 1e-16], [1e10, 1e13]):
        alphas = [
            AlphaRidgeClassifier(gamma, criterion=criterion, coef_source=source).fit(X, y).alpha_
            for gamma in gammas
        ]
        # The consensus looks for kappa between values a tenth of a decade apart.
        assert alphas == pytest.approx(
            [alphas[0]] * len(alphas), rel=1e-6 if criterion == "evidence" else 0.26
        )


@crossed(EXTREMES, (1e-300, 1e-16, 1e49, 1e200, 1e305))
def test_all_scales_are_fitted_or_refused_by_name(kind, criterion, size):
    X, y, source = sample(kind)
    source = source / abs(source).max()
    weights = np.where(np.arange(24) % 5, 1.0, size)
    one = "gammas" if "gammas" in kind().get_params() else "gamma"
    trials = {
        "X": (X / abs(X).max() * size, y, {"coef_source": source}, None),
        "coef_source": (X, y, {"coef_source": source * size}, None),
        one: (X, y, {"coef_source": source, one: [size, 1.0] if one == "gammas" else size}, None),
        "sample_weight": (X, y, {"coef_source": source}, weights),
    }
    if kind is AlphaRidge:
        trials["y"] = (X, y / abs(y).max() * size, {"coef_source": source}, None)
    refusals = {}
    for name, (features, target, options, counts) in trials.items():
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)
            try:
                model = kind(criterion=criterion, **options).fit(features, target, counts)
            except ValueError as error:
                refusals[name] = str(error)
                continue
        for part in (model.coef_, model.intercept_, model.alpha_, model.alpha_stderr_):
            assert not np.isnan(part).any(), name
    for name, said in refusals.items():
        # A ridge that is given may be what is too large or too small for these features.
        assert said.startswith((name, "gamma") if name in {"X", one} else name)


@pytest.mark.parametrize("size", [1e-300, 1e300])
def test_functions_refuse_by_name(size):
    X, y, source = sample(AlphaRidgeClassifier)
    with pytest.raises(ValueError, match=r"^X must have a largest size between 1e-50 and 1e\+50"):
        alpha_path(X * size, y, source, 1.0)
    with pytest.raises(ValueError, match=r"^gamma must be between"):
        alpha_path(X, y, source, size)
    with pytest.raises(ValueError, match=r"^coef_source must"):
        estimate_problem(X, y, source * size)


def test_equal_tiny_weights_are_no_weights():
    X, y, source = sample(AlphaRidgeClassifierCV)
    one, two = (
        AlphaRidgeClassifierCV(coef_source=source).fit(X, y, weights) for weights in (None, [1e-310] * 24)
    )
    assert two.alpha_ == pytest.approx(one.alpha_, rel=1e-12)


@pytest.mark.parametrize("kind", [AlphaRidgeClassifierCV, AlphaLogisticRegressionCV])
def test_a_choice_at_the_edge_of_a_given_grid_is_said(kind):
    X, y, source = sample(kind)

    def fit(gammas):  # under one rule: on a grid of bad ridges the average would keep to the source alone
        return kind(gammas, "evidence", source, fit_intercept="shrunk").fit(X, y)

    with pytest.warns(UserWarning, match=r"gamma_ = 0\.0002 is the largest .* larger ones"):
        fit([1e-4, 2e-4])
    with pytest.warns(UserWarning, match=r"gamma_ = 1e\+06 is the smallest .* smaller ones"):
        assert fit([1e6, 1e13]).gamma_ == 1e6
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for gammas in (None, [1e-4], np.append(np.logspace(-4, 4, 9), np.inf)):
            fit(gammas)
