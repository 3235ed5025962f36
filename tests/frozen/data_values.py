"""The estimators, `alpha_path` and `estimate_problem` on a few drawn samples."""

from __future__ import annotations

from functools import cache, partial
from typing import Any

import numpy as np
from frozen.asking import Cases, ask, asked, attributes

import rmt_alpha as ra

CRITERIA = ("consensus", "evidence", "loo_mse", "loo_accuracy", "loo_snr", "theory")
ALPHAS = np.array([-1.0, 0.0, 0.6, 1.0, 4.0])
INTERCEPTS: tuple[bool | str, ...] = (True, False, "shrunk")
RIDGES = np.array([0.03, 0.3, 3.0, 30.0])


@cache
def samples(kind: str) -> tuple[Any, Any, Any, Any]:
    """Features, labels (or targets), source weights, and features that were not seen."""
    rng = np.random.default_rng(21)
    n, p = 30, 12
    X, fresh = rng.standard_normal((n, p)) * np.linspace(0.5, 1.5, p) + 0.3, rng.standard_normal((5, p))
    if kind == "regression":
        truth = rng.standard_normal((2, p))
        return X, X @ truth.T + 0.5 * rng.standard_normal((n, 2)), 0.7 * truth + 0.3, fresh
    classes = 3 if kind == "three" else 2
    y = np.arange(n) % classes
    means = 0.6 * rng.standard_normal((classes, p))
    weights = means + 0.3 * rng.standard_normal((classes, p))
    X = X + means[y]
    if kind == "three":
        return X, y, weights, fresh
    single = weights[1] - weights[0]
    return X, y, np.stack([single, rng.standard_normal(p)]) if kind == "two sources" else single, fresh


@cache
def fitted(estimator: str, kind: str, options: tuple[tuple[str, Any], ...], weighted: bool = False) -> Any:
    """An estimator, fitted once."""
    X, y, source, _ = samples(kind)
    weights = 1.0 + np.arange(len(X)) % 3 if weighted else None
    settings = {name: RIDGES if name == "gammas" else value for name, value in options}
    return getattr(ra, estimator)(coef_source=source, **settings).fit(X, y, sample_weight=weights)


def fits() -> list[tuple[str, str, dict[str, Any]]]:
    """Estimators, data and options."""
    ridge, ridge_cv = "AlphaRidgeClassifier", "AlphaRidgeClassifierCV"
    table: list[tuple[str, str, dict[str, Any]]] = [
        (ridge_cv, "two", {"criterion": criterion}) for criterion in CRITERIA
    ]
    table += [(ridge_cv, "two", {"fit_intercept": rule}) for rule in (True, False)]
    table += [(ridge_cv, kind, {}) for kind in ("three", "two sources")]
    table += [(ridge_cv, "two", {"gammas": "RIDGES", "alpha": 0.5})]
    table += [(ridge, "two", {"fit_intercept": rule, "gamma": 0.5}) for rule in INTERCEPTS]
    table += [(ridge, kind, {"gamma": 0.5}) for kind in ("three", "two sources")]
    table += [("AlphaRidge", "regression", {"gamma": 0.5, "criterion": c}) for c in ("evidence", "loo_mse")]
    for rule in INTERCEPTS:
        table.append(("AlphaLogisticRegression", "two", {"gamma": 0.1, "fit_intercept": rule}))
    table += [("AlphaLogisticRegression", kind, {"gamma": 0.1}) for kind in ("three", "two sources")]
    table += [("AlphaLogisticRegressionCV", kind, {"gammas": "RIDGES"}) for kind in ("two", "three")]
    return table


def estimators() -> Cases:
    """Attributes of fitted estimators, and what they predict."""
    cases: Cases = {}
    for estimator, kind, options in fits():
        words = ", ".join([kind, *(f"{name}={value}" for name, value in options.items())])
        make = partial(fitted, estimator, kind, tuple(options.items()))
        fresh, key = samples(kind)[3], f"estimator/{estimator}({words})"
        cases |= attributes(make, key, "alpha_ alpha_stderr_ gamma_ coef_ best_score_")
        if kind == "regression":
            cases |= attributes(make, key, "loo_prediction_")
            cases[f"{key}/predict"] = asked(make, "predict", fresh)
        else:
            cases |= attributes(make, key, "loo_decision_function_")
            cases[f"{key}/decision_function"] = asked(make, "decision_function", fresh)
        if "Logistic" in estimator:
            cases[f"{key}/predict_proba"] = asked(make, "predict_proba", fresh)
        if estimator.endswith("CV"):
            cases[f"{key}/best_index_"] = asked(make, "best_index_")
            for column in ("mean_test_score", "alpha"):
                cases[f"{key}/cv_results_[{column}]"] = lambda make=make, column=column: make().cv_results_[
                    column
                ]
    for estimator in ("AlphaRidgeClassifierCV", "AlphaLogisticRegression"):
        make = partial(fitted, estimator, "two", (), weighted=True)
        cases |= attributes(make, f"estimator/{estimator}(weighted)", "alpha_ gamma_ coef_")
    return cases


def paths() -> Cases:
    """`alpha_path` at several ridges and with each criterion."""
    cases: Cases = {}
    rules: list[tuple[float, Any]] = [(0.3, True), (0.3, False), (3.0, "shrunk"), (np.inf, True)]
    for kind in ("two", "three"):
        X, y, source, _ = samples(kind)
        for gamma, rule in rules:
            make = partial(ra.alpha_path, X, y, source, gamma, fit_intercept=rule)
            key = f"alpha_path/{kind} gamma={gamma} intercept={rule}"
            for name in ("loo_accuracy", "loo_risk", "gaussian_accuracy"):
                cases[f"{key}/{name}(alphas)"] = asked(make, name, ALPHAS)
            cases |= attributes(make, key, "breakpoints steps.values")
        make = partial(ra.alpha_path, X, y, source, 0.3)
        for criterion in CRITERIA if kind == "two" else CRITERIA[:-1]:
            cases[f"alpha_path/{kind}/best_alpha({criterion})"] = asked(make, "best_alpha", criterion)
    X, y, source, _ = samples("two sources")
    make = partial(ra.alpha_path, X, y, source, 0.3, direction=[1.0, 0.5])
    cases["alpha_path/two sources along a direction/loo_accuracy"] = asked(make, "loo_accuracy", ALPHAS)
    return cases


def estimates() -> Cases:
    """`estimate_problem`: numbers with standard errors, and the curve that they predict."""
    cases: Cases = {}
    X, y, source, _ = samples("two")
    numbers = "mean_norm2 overlap source_norm2 source_variance alignment source_accuracy spectral_moments"
    for rule in (True, False):
        make = partial(ra.estimate_problem, X, y, source, fit_intercept=rule)
        key = f"estimate/intercept={rule}"
        cases |= attributes(make, key, numbers)
        for gamma, n in ((0.3, None), (3.0, 100)):
            curve = lambda make=make, gamma=gamma, n=n: ask(make(), "curve", gamma, n)  # noqa: E731
            cases[f"{key}/curve({gamma}, {n})/accuracy(alphas)"] = asked(curve, "accuracy", ALPHAS)
            cases[f"{key}/curve({gamma}, {n})/optimal_alpha"] = asked(curve, "optimal_alpha")
    return cases


def cases() -> Cases:
    """All of this file."""
    return estimators() | paths() | estimates()
