"""One-line functions, `TransferProblem` and its curve, and the regression with isotropic features."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from frozen import asking
from frozen.asking import Cases, asked, attributes

import rmt_alpha as ra

ALPHAS = np.array([-1.5, 0.0, 0.7, 1.0, 30.0])
PROBLEMS: dict[str, dict[str, Any]] = {
    "known": {"beta": 0.8, "p": 400, "n": 40},
    "trained": {"beta": 0.5, "p": 400, "n": 100, "N": 480, "mu": 0.8, "mu_orth": 1.2, "gamma": 0.1},
    "endless": {"beta": 0.3, "p": 50, "n": 200, "N": np.inf, "gamma": 0.5},
    "ridgeless": {"beta": 0.6, "p": 300, "n": 100, "N": 900, "gamma": 0.0, "gamma_source": 0.0},
    "opposed": {"beta": -0.7, "p": 120, "n": 60, "N": 80, "gamma": 2.0, "gamma_source": 0.01},
    "grid": {"beta": [[0.2], [0.9]], "p": 100, "n": [20, 50, 400], "N": 300, "gamma": 0.3},
}  # fmt: skip
EXACT: dict[str, Any] = {"beta": "0.3", "p": 400, "n": 40, "N": 2000, "gamma": "0.1", "gamma_source": "0.2"}
OF_ALPHA = [
    "accuracy",
    "accuracy_derivative",
    "accuracy_std",
    "error",
    "log_accuracy",
    "log_error",
    "margin",
    "mean",
    "mean_std",
    "risk",
    "risk_std",
    "second",
    "std",
    "variance",
    "variance_std",
]
OF_CURVE = "neutral_alpha optimal_alpha optimal_alpha_std transfer_interval"
ONE_LINE: dict[str, dict[str, Any]] = {
    "known": {"beta": 0.8, "p": 400, "n": 40},
    "trained": {"beta": 0.5, "p": 400, "n": 100, "N": 480, "gamma": 0.1, "gamma_source": 0.01, "mu": 0.8},
    "grid": {"beta": [0.1, 0.5, 1.0], "p": 100, "n": [[30], [300]], "gamma": 0.2},
}
TARGET = np.array([[2.0, 0.0, 1.0, 0.5], [0.0, 4.0, 0.0, 1.0]])
SOURCE = np.array([[1.0, 0.1, 0.0, 0.0], [0.0, 2.0, 0.3, 0.0]])


def of_a_curve(prefix: str, problem: Any, dps: int | None = None) -> Cases:
    """Everything that the curve of an isotropic problem is asked."""
    make = partial(problem.curve, dps) if dps else problem.curve
    broadcast = np.ndim(problem.beta) > 0
    known = [name for name in OF_ALPHA if dps is None or name == "std" or not name.endswith("std")]
    if broadcast or dps:
        cases: Cases = {f"{prefix}/{name}(1)": asked(make, name, 1.0) for name in known}
    else:
        cases = {f"{prefix}/{name}(alphas)": asked(make, name, ALPHAS) for name in known}
        cases |= {f"{prefix}/accuracy({a})": asked(make, "accuracy", a) for a in (-np.inf, np.inf, 1.0)}
    cases |= attributes(make, prefix, OF_CURVE if dps is None else OF_CURVE.replace("optimal_alpha_std ", ""))
    cases[f"{prefix}/optimal_alpha(risk)"] = asked(make, "optimal_alpha", "risk")
    cases |= {f"{prefix}/gain({over})": asked(make, "gain", over) for over in (0, 1.0)}
    cases[f"{prefix}/tolerance_interval(0.01)"] = asked(make, "tolerance_interval", 0.01)
    return cases


def one_line() -> Cases:
    """The functions of `rmt_alpha` that take numbers."""
    cases: Cases = {}
    for name, problem in ONE_LINE.items():
        for function in ("optimal_alpha", "neutral_alpha"):
            cases[f"one_line/{name}/{function}"] = asked(lambda: ra, function, **problem)
        for function in ("accuracy", "risk"):
            cases[f"one_line/{name}/{function}(0.7)"] = asked(lambda: ra, function, 0.7, **problem)
        cases[f"one_line/{name}/optimal_alpha(risk)"] = asked(
            lambda: ra, "optimal_alpha", criterion="risk", **problem
        )
    for function in ("optimal_alpha", "neutral_alpha"):
        cases[f"one_line/{function}/30 digits"] = asked(lambda: ra, function, **EXACT, dps=30)
    for function in ("accuracy", "risk"):
        cases[f"one_line/{function}/30 digits"] = asked(lambda: ra, function, "0.7", **EXACT, dps=30)
    for p, n, gamma in (
        (400, 40, 0.5),
        (40, 400, 0.0),
        (400, 40, 0.0),
        (10, np.inf, 2.0),
        ([1, 7], [[3], [30]], 0.1),
    ):
        cases[f"one_line/effective_ridge({p}, {n}, {gamma})"] = asked(
            lambda: ra, "effective_ridge", p, n, gamma
        )
    return cases


def transfer() -> Cases:
    """`TransferProblem`, its constructors and its curve."""
    cases: Cases = {}
    for name, fields in PROBLEMS.items():
        problem = ra.TransferProblem(**fields)
        cases |= of_a_curve(f"isotropic/{name}", problem)
        cases |= attributes(
            lambda problem=problem: problem, f"isotropic/{name}", "equivalent_samples target_norm shape"
        )
    cases |= of_a_curve(
        "isotropic/30 digits", ra.TransferProblem(**{name: float(x) for name, x in EXACT.items()}), 30
    )
    rng = np.random.default_rng(11)
    mean, other = rng.standard_normal((2, 30)) / 5
    made = {
        "from_means": lambda: ra.TransferProblem.from_means(mean, mean + other, n=20, N=50, gamma=0.2),
        "from_source": lambda: ra.TransferProblem.from_source(2 * mean + other, mean, n=20, gamma=0.2),
    }
    for name, make in made.items():
        cases |= attributes(
            make, f"isotropic/{name}", "beta mu mu_orth target_scale target_norm equivalent_samples"
        )
        cases |= attributes(lambda make=make: make().curve(), f"isotropic/{name}", OF_CURVE)
        cases[f"isotropic/{name}/accuracy(alphas)"] = asked(
            lambda make=make: make().curve(), "accuracy", ALPHAS
        )
    return cases


def regression() -> Cases:
    """What is known of isotropic regression, of a spectrum alone, and of the reference implementation."""
    problems = [asking.isotropic_regression(TARGET, SOURCE, n, 0.5, 0.1) for n in (2, 40)]
    vectors = asking.isotropic_regression(TARGET[0], SOURCE[0], 9.0)
    cases: Cases = {
        "regression/isotropic/risk(alphas)": lambda: [
            np.array([problem.risk(a) for problem in problems]) for a in ALPHAS
        ],
        "regression/isotropic/risk of vectors": lambda: vectors.risk(0.5),
        "regression/isotropic/optimal_alpha": problems[0].optimal_alpha,
    }
    spectrum = np.linspace(0.0, 3.0, 40)
    for n, gamma in ((10, 0.5), (100, 0.0), (10, 0.0), (np.inf, 0.3)):
        for name in ("value", "lower", "upper", "status"):
            key = f"ridge/spectrum n={n} gamma={gamma}/{name}"
            cases[key] = asked(partial(asking.spectrum_ridge, spectrum, n, gamma), name)
    cases["ridge/spectrum/30 digits"] = asking.spectrum_ridge_in_30_digits
    for folded in (True, False):
        cases[f"reference/accuracy folded={folded}"] = partial(
            asking.reference_curve(0.5, 400, 100, N=480, gamma_source=0.01).accuracy, ALPHAS, folded=folded
        )
    return cases


def cases() -> Cases:
    """All of this file."""
    return one_line() | transfer() | regression()
