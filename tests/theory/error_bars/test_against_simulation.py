"""Predicted error bars against the spread of simulated draws, by z-scores of the variances."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
from random_problems import KINDS, random_problem, spread_scores
from scipy import special
from softmax_problems import per_class, shared

import rmt_alpha as ra

LEVEL = 1e-3
"""Probability that a right theory fails a test, all its z-scores together."""

LONG = {
    *("shared", "different", "shared, trained", "dense, different", "classes, shared"),
    *("dense, trained, two", "classes, different, intercept, trained"),
}
"""Kinds that are contained in others; ``poe spread`` has them too."""


def largest(scores: dict[str, np.ndarray]) -> tuple[float, float]:
    """The largest z and what chance allows; scores of one problem are correlated, which only helps."""
    z = np.concatenate(list(scores.values()))
    return float(abs(z).max()), float(-special.ndtri(LEVEL / (2 * len(z))))


def small(kind: str, seed: int, loss: str = "squared") -> ra.FineTuning:
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    return random_problem(rng, kind, int(rng.integers(24, 60)), 60, loss)


@pytest.mark.parametrize("kind", [pytest.param(k, marks=pytest.mark.slow) if k in LONG else k for k in KINDS])
def test_spread_of_a_mixture(kind):
    problem = small(kind, 1)
    counts = "random" if "intercept" in kind else "fixed"
    found, allowed = largest(spread_scores(problem, problem.curve(), counts, draws=300, seed=3))
    assert found < allowed


@pytest.mark.parametrize("loss", ["logistic", pytest.param("hinge", marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "kind", ["shared", pytest.param("different, intercept, noise, trained", marks=pytest.mark.slow)]
)
def test_spread_of_a_loss(kind, loss):
    problem = small(kind, 2, loss)
    found, allowed = largest(spread_scores(problem, problem.curve(), "random", draws=150, seed=4))
    assert found < allowed


def convex_source(kind: str, target_loss: str, source_loss: str, seed: int = 1) -> ra.FineTuning:
    """A source trained with a convex loss on few samples: a good part of the spread is its."""
    problem = small(kind, seed, target_loss)
    assert isinstance(problem.source, ra.RidgeSource)
    old = problem.source
    source = ra.LossSource(
        old.mixture, 40, 0.1, source_loss, intercept=old.intercept, label_noise=old.label_noise
    )
    return dataclasses.replace(problem, source=source)


def ridge_source() -> ra.FineTuning:
    """The same for a source trained with a ridge."""
    problem = small("shared, trained", 1)
    assert isinstance(problem.source, ra.RidgeSource)
    return dataclasses.replace(problem, source=dataclasses.replace(problem.source, n=25, gamma=0.1))


CONVEX_SOURCES = (
    ("shared, trained", "squared", "logistic"),
    ("different, intercept, noise, trained", "squared", "logistic"),
    pytest.param("different, intercept, noise, trained", "squared", "hinge", marks=pytest.mark.slow),
    pytest.param("shared, trained", "logistic", "logistic", marks=pytest.mark.slow),
)


@pytest.mark.parametrize(("kind", "target_loss", "source_loss"), CONVEX_SOURCES)
def test_spread_with_a_source_of_a_convex_loss(kind, target_loss, source_loss):
    problem = convex_source(kind, target_loss, source_loss)
    counts = "random" if "intercept" in kind else "fixed"
    found, allowed = largest(spread_scores(problem, problem.curve(), counts, draws=200, seed=3))
    assert found < allowed


def softmax_heads() -> ra.FineTuning:
    """Three classes; a good part of the spread is that of the heads, trained with softmax on few samples."""
    problem = shared(20, 40)
    assert isinstance(problem.source, ra.LossSource)
    return dataclasses.replace(problem, source=dataclasses.replace(problem.source, n=30), gamma=0.3)


@pytest.mark.parametrize(
    "make",
    [
        softmax_heads,
        pytest.param(lambda: per_class(30, 60), id="per class", marks=pytest.mark.slow),
        pytest.param(lambda: per_class(30, 60, 5, gamma=0.2), id="five classes", marks=pytest.mark.slow),
        pytest.param(
            lambda: dataclasses.replace(softmax_heads(), loss="squared"), id="squared", marks=pytest.mark.slow
        ),
    ],
)
def test_spread_of_softmax(make):
    problem = make()
    found, allowed = largest(spread_scores(problem, problem.curve(), "random", draws=150, seed=3))
    assert found < allowed


@pytest.mark.parametrize("outputs", [1, 3])
def test_spread_of_a_regression(outputs):
    rng = np.random.default_rng(outputs)
    target, moved = rng.standard_normal((2, outputs, 40)) / np.sqrt(40)
    problem = ra.RidgeRegressionTransfer(
        np.exp(rng.uniform(-1, 1, 40)), target, target + moved, np.linspace(0.3, 1, outputs), n=60, gamma=0.3
    )
    found, allowed = largest(
        spread_scores(problem, problem.curve(), "fixed", draws=600, seed=5, names=("risk",))
    )
    assert found < allowed


def test_spread_of_the_best_alpha():
    problem = small("different, intercept, noise, trained", 3)
    for criterion in ("risk", "accuracy"):
        best = ra.simulate(problem, 1.0, replicates=600, rng=6).draws.optimal_alpha(criterion)
        predicted = problem.curve().optimal_alpha_std(criterion)
        # Sampling error, and the bias of order 1/n of a ratio, as for the isotropic model (up to 20).
        middle = np.diff(np.quantile(best, special.ndtr([-1.0, 1.0])))[0] / 2
        assert middle / predicted == pytest.approx(1, abs=4.5 / np.sqrt(2 * 600) + 20 / problem.n)


def best_alpha_ratio(problem: ra.FineTuning, draws: int, criterion: str) -> tuple[float, float]:
    """Spread of the slope of each draw's curve over the curvature of the average, over the predicted spread.

    With what a right theory allows: sampling error, and a bias of order 1/n of both.
    """
    curve = problem.curve()
    best = curve.optimal_alpha(criterion)
    predicted = curve.optimal_alpha_std(criterion, class_counts="random")
    run = ra.simulate(problem, best + predicted * np.array([-1.0, 0.0, 1.0]), replicates=draws, rng=6)
    low, middle, high = np.asarray(getattr(run.draws, criterion)).T
    spread = np.std(high - low) / abs(2 * np.mean(low + high - 2 * middle))
    return float(spread), 4.5 / np.sqrt(2 * draws) + 5 / problem.n


def with_little_source(problem: ra.FineTuning, samples: int, n: float | None = None) -> ra.FineTuning:
    """So few samples of the source that a good part of the spread is its."""
    assert isinstance(problem.source, ra.LossSource)
    source = dataclasses.replace(problem.source, n=samples)
    return dataclasses.replace(problem, source=source, n=problem.n if n is None else n)


BEST_ALPHA: dict[str, tuple[Callable[[], ra.FineTuning], int, str]] = {
    "known": (lambda: small("different, intercept, noise", 3, "logistic"), 200, "risk"),
    "trained": (
        lambda: with_little_source(convex_source("shared, trained", "logistic", "logistic"), 15),
        200,
        "accuracy",
    ),
    "kinked": (lambda: small("different, intercept, noise", 3, "hinge"), 150, "risk"),
    "softmax": (lambda: with_little_source(softmax_heads(), 10, n=120), 150, "risk"),
}


@pytest.mark.parametrize(
    "what", ["known", "trained", *(pytest.param(w, marks=pytest.mark.slow) for w in ("kinked", "softmax"))]
)
def test_spread_of_the_best_alpha_of_a_loss(what):
    make, draws, criterion = BEST_ALPHA[what]
    ratio, error = best_alpha_ratio(make(), draws, criterion)
    assert ratio == pytest.approx(1, abs=error)


@pytest.mark.parametrize(
    ("what", "stage"),
    [
        ("trained", "ConvexStage.covariance"),
        pytest.param("softmax", "SoftmaxStage.of_contrasts", marks=pytest.mark.slow),
    ],
)
def test_the_spread_of_the_best_alpha_has_that_of_the_source(what, stage, monkeypatch):
    """Without it the same test fails."""
    where = "softmax_spread" if what == "softmax" else "stages"
    monkeypatch.setattr(f"rmt_alpha.theory.error_bars.{where}.{stage}", lambda *_: np.zeros((1, 1)))
    make, draws, criterion = BEST_ALPHA[what]
    ratio, error = best_alpha_ratio(make(), draws, criterion)
    assert abs(ratio - 1) > error


def two_trained_sources() -> ra.FineTuning:
    """So noisy that their product is a good part of the spread."""
    spectrum, mean = np.linspace(0.5, 1.5, 20), 0.7 * np.eye(20)[0]
    source = ra.RidgeSource(ra.GaussianMixture.symmetric(mean, spectrum), 15, 0.05)
    return ra.FineTuning(ra.GaussianMixture.symmetric(mean, spectrum), [source, source], 30, 3.0)


@pytest.mark.slow
def test_two_sources_that_are_trained():
    problem = two_trained_sources()
    found, allowed = largest(spread_scores(problem, problem.curve(), "fixed", draws=2500, seed=7))
    assert found < allowed


def no_answer(kernel, own, second, stiffness, pull, push):
    return own + second


FORGOTTEN = {
    "products of sources": ("stages._between_sources", lambda *_: 0.0, two_trained_sources),
    "random counts": (
        "squared.SampleCells.count_covariance",
        lambda cells, _: np.zeros((len(cells.chance),) * 2),
        lambda: small("classes, different, intercept, noise", 1),
    ),
    "training of a source": (
        "stages.ConvexStage.covariance",
        lambda stage, overlaps, *_: np.zeros((len(overlaps.offset),) * 2),
        lambda: convex_source("shared, trained", "squared", "logistic"),
    ),
    "training of a ridge source": (
        "stages.RidgeStage.covariance",
        lambda stage, overlaps, *_: np.zeros((len(overlaps.offset),) * 2),
        ridge_source,
    ),
    "training of softmax heads": (
        "softmax_spread.SoftmaxStage.of_contrasts",
        lambda stage, sources, counts: np.zeros((len(sources.offset),) * 2),
        softmax_heads,
    ),
    "answer of the overlaps": ("squared.joint_covariance", no_answer, lambda: small("shared", 1)),
}
DRAWS = {
    "products of sources": 2500,
    "training of a source": 200,
    "training of a ridge source": 800,
    "training of softmax heads": 150,
}


SLOW_DRAWS = {"products of sources", "training of softmax heads"}


@pytest.mark.parametrize(
    "what", [pytest.param(w, marks=pytest.mark.slow) if w in SLOW_DRAWS else w for w in FORGOTTEN]
)
def test_what_is_forgotten_shows(what, monkeypatch):
    """The same test of a wrong formula fails."""
    name, replacement, make = FORGOTTEN[what]
    monkeypatch.setattr(f"rmt_alpha.theory.error_bars.{name}", replacement)
    problem, draws = make(), DRAWS.get(what, 500)
    found, allowed = largest(spread_scores(problem, problem.curve(), "random", draws=draws, seed=7))
    assert found > allowed
