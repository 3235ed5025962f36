"""Random fine-tuning problems of every kind, and the spread of simulated draws against the predicted one."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

import rmt_alpha as ra
from rmt_alpha.validation.enlarged import enlarged

KINDS = (
    "shared",
    "different",
    "different, intercept, noise",
    "shared, trained",
    "different, intercept, noise, trained",
    "dense, different",
    "dense, trained, two",
    "different, noise, trained, two",
    "classes, shared",
    "classes, different, intercept, noise",
    "classes, different, intercept, trained",
)
QUANTITIES = ("mean", "variance", "risk", "accuracy", "class_accuracy")


def random_problem(
    rng: np.random.Generator, kind: str, p: int, n: int, loss: str = "squared", apart: float = 0.7
) -> ra.FineTuning:
    """Of a kind: a list of what is special about it; ``apart`` is the distance of sources from the target."""
    classes = int(rng.integers(3, 5)) if "classes" in kind else 2
    means = rng.standard_normal((classes, p)) / np.sqrt(p) * rng.uniform(0.8, 2)
    priors = rng.dirichlet(np.full(classes, 6.0))
    noise = rng.uniform(0, 0.3, classes) if "noise" in kind else np.zeros(classes)
    intercept = "intercept" in kind

    def covariances():
        count = classes if "different" in kind else 1
        diagonals = np.exp(rng.uniform(-1.5, 1, (count, p)))
        if "dense" not in kind:
            return list(diagonals) if count > 1 else diagonals[0]
        turns = [np.linalg.qr(rng.standard_normal((p, p)))[0] for _ in diagonals]
        full = [(turn * d) @ turn.T for turn, d in zip(turns, diagonals, strict=True)]
        return full if count > 1 else full[0]

    target = ra.GaussianMixture(means, covariances(), priors)
    sources: list[ra.FixedSource | ra.RidgeSource] = []
    for _ in range(2 if "two" in kind else 1):
        moved = means + apart * rng.standard_normal((classes, p)) / np.sqrt(p)
        if "trained" in kind:
            own = ra.GaussianMixture(moved, covariances(), priors)
            size, gamma = round(n * rng.uniform(0.8, 3)), rng.uniform(0.05, 1)
            sources.append(ra.RidgeSource(own, size, gamma, intercept=intercept, label_noise=noise))
        else:
            rows = moved if classes > 2 else moved[1] - moved[0]
            sources.append(ra.FixedSource(rows * rng.uniform(0.2, 1), outputs=classes if classes > 2 else 1))
    source = sources if len(sources) > 1 else sources[0]
    gamma = 10 ** rng.uniform(-1.3, 0.3)
    return ra.FineTuning(target, source, n, gamma, intercept=intercept, label_noise=noise, loss=loss)


def alphas_of(problem) -> np.ndarray:
    if getattr(problem, "components", None) is None:
        return np.array([-0.5, 0.0, 1.0, 2.0])
    return np.array([[0.0, 0.0], [1.0, 1.0], [1.0, -0.5]])


def random_regression(rng: np.random.Generator, p: int, n: int) -> ra.RidgeRegressionTransfer:
    """One to three outputs of different noise, a covariance that is diagonal."""
    outputs = int(rng.integers(1, 4))
    target, moved = rng.standard_normal((2, outputs, p)) / np.sqrt(p)
    noise = rng.uniform(0.2, 1, outputs)
    spectrum, gamma = np.exp(rng.uniform(-1.5, 1, p)), 10 ** rng.uniform(-1.3, 0.3)
    return ra.RidgeRegressionTransfer(spectrum, target, target + moved, noise, n=n, gamma=gamma)


def with_convex_source(problem: ra.FineTuning, loss: str) -> ra.FineTuning:
    """Sources trained by ridge trained with a convex loss instead."""

    def of(old):
        options = {"intercept": old.intercept, "label_noise": old.label_noise}
        return ra.LossSource(old.mixture, old.n, old.gamma, loss, **options)

    return with_sources(problem, of)


def with_sources(problem: ra.FineTuning, of: Callable, **others) -> ra.FineTuning:
    """``of`` each source in its place."""
    sources = tuple(map(of, problem.sources))
    source = sources if isinstance(problem.source, tuple) else sources[0]
    return dataclasses.replace(problem, source=source, **others)


def with_whole_classes(problem: ra.FineTuning, rng: np.random.Generator) -> ra.FineTuning:
    """Priors that share out the samples exactly: what rounding adds is no smooth function of n.

    At least ten in each: a class without a sample lets softmax move its intercept without end.
    """
    counts = 2 * np.maximum(np.rint(problem.target.priors * problem.n / 2), 5)
    n = counts.sum()

    def of(source):
        if isinstance(source, ra.FixedSource):
            return source
        mixture = dataclasses.replace(source.mixture, priors=counts / n)
        return dataclasses.replace(source, mixture=mixture, n=n * rng.choice([0.5, 1.0, 2.0]))

    return with_sources(problem, of, target=dataclasses.replace(problem.target, priors=counts / n), n=n)


class Compared(NamedTuple):
    r"""A simulated quantity against theory at two sizes, n and 2 n; differences, and their standard errors.

    They have a bias of order 1/n, which twice the one at size 2n minus that at size n does not have.
    """

    differences: np.ndarray
    errors: np.ndarray
    """(2, number of them)."""

    @property
    def limit(self) -> np.ndarray:
        return 2 * self.differences[1] - self.differences[0]

    @property
    def z(self) -> np.ndarray:
        return self.limit / np.sqrt(4 * self.errors[1] ** 2 + self.errors[0] ** 2)


def log_ratios(values: np.ndarray, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Logarithm of the variance of draws, (draws, k), over that predicted, with its standard error."""
    draws, centred = len(values), values - values.mean(axis=0)
    variance = (centred**2).sum(axis=0) / (draws - 1)
    error = np.sqrt(((centred**4).mean(axis=0) / variance**2 - 1) / draws)
    # A logarithm is concave: on average it is below by half of the squared error.
    return np.log(variance / predicted**2) + error**2 / 2, error


def compared(
    larger: Callable, alpha, of_run: Callable, *, draws: int, seed: int, **options
) -> dict[str, Compared]:
    """What ``of_run(run, problem, size)`` makes of simulations at both sizes: (difference, error) by name."""
    tables = []
    for size in (1, 2):
        problem = larger(size)
        run = ra.simulate(problem, alpha, replicates=draws, rng=(seed, size), **options)
        tables.append(of_run(run, problem, size))
    return {
        name: Compared(*map(np.array, zip(*(table[name] for table in tables), strict=True)))
        for name in tables[0]
    }


def bar_ratios(run, bars: dict[str, np.ndarray], size: int, points: slice = slice(None)) -> dict:
    """Of error bars of the size 1, by name, at some of the alphas."""
    return {
        name: log_ratios(
            getattr(run.draws, name)[:, points].reshape(run.draws.replicates, -1), bar / np.sqrt(size)
        )
        for name, bar in bars.items()
    }


def error_bars(curve, alpha, counts: str, names=QUANTITIES) -> dict[str, np.ndarray]:
    """Of all the quantities that a curve has, flat."""
    known = [name for name in names if f"{name}_std" in curve.answers]
    return {name: np.ravel(getattr(curve, f"{name}_std")(alpha, class_counts=counts)) for name in known}


def spread_scores(problem, curve, counts, *, draws, seed, names=QUANTITIES) -> dict[str, np.ndarray]:
    """z-scores of simulated variances against the squares of a curve's error bars, their bias taken out."""
    alpha = alphas_of(problem)
    bars = error_bars(curve, alpha, counts, names)
    options = {"class_counts": counts} if isinstance(problem, ra.FineTuning) else {}
    found = compared(
        partial(enlarged, problem),
        alpha,
        lambda run, _, size: bar_ratios(run, bars, size),
        draws=draws,
        seed=seed,
        **options,
    )
    return {name: each.z for name, each in found.items()}
