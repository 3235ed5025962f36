"""Error bars against closed forms, derivatives, symmetries and limits: nothing here is random."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from random_problems import KINDS, alphas_of, random_problem
from strategies import moderate_problems

import rmt_alpha as ra
from rmt_alpha.errors import NotAvailable
from rmt_alpha.problems.losses import PiecewiseQuadratic, Squared
from rmt_alpha.theory.error_bars import loss_slope, slopes
from rmt_alpha.theory.error_bars.delta import orthant_gradients
from rmt_alpha.theory.mixtures.orthant import orthant_probability

QUANTITIES = ("mean", "variance", "risk", "accuracy", "class_accuracy")
ALPHAS = np.array([-1.0, 0.0, 0.5, 1.0, 3.0])


def problem_of(kind: str, seed: int = 0, loss: str = "squared") -> ra.FineTuning:
    return random_problem(np.random.default_rng([seed, KINDS.index(kind)]), kind, 30, 40, loss)


def bars(curve, alpha, **options) -> np.ndarray:
    names = [name for name in QUANTITIES if f"{name}_std" in curve.answers]
    return np.concatenate([np.ravel(getattr(curve, f"{name}_std")(alpha, **options)) for name in names])


@pytest.mark.parametrize(
    "fields",
    [
        {"beta": 0.6, "p": 150, "n": 100, "gamma": 0.3},
        {"beta": 0.6, "p": 150, "n": 100, "gamma": 0.3, "N": 250, "gamma_source": 0.2},
        {"beta": -0.4, "p": 100, "n": 300, "gamma": 0.05, "N": 70, "gamma_source": 0.5, "mu": 2.0},
        {"beta": 0.5, "p": 80, "n": 80, "gamma": 0.05, "N": 80, "gamma_source": 0.1},
        {"beta": 0.5, "p": 120, "n": 80, "gamma": 0.0, "N": 300},
        {"beta": 0.9, "p": 200, "n": 20, "gamma": 3.0, "N": 150, "mu_orth": 0.2},
    ],
)
def test_equal_to_the_closed_forms_of_the_isotropic_model(fields):
    """They come from another derivation, by a chain of Krylov blocks: rounding is all that differs."""
    problem = ra.TransferProblem(**fields)
    closed, general = problem.curve(), ra.FineTuning.from_transfer(problem).curve()
    np.testing.assert_allclose(bars(general, ALPHAS), bars(closed, ALPHAS), rtol=1e-10)
    for criterion in ("accuracy", "risk"):
        assert general.optimal_alpha_std(criterion) == pytest.approx(
            closed.optimal_alpha_std(criterion), rel=1e-9
        )


@pytest.mark.parametrize("mu", [20.0, 100.0, 1e3])
def test_the_best_alpha_where_accuracy_is_1_to_rounding(mu):
    """Densities of the scores at 0 underflow there; their ratios do not."""
    problem = ra.TransferProblem(0.5, p=100, n=50, mu=mu)
    general = ra.FineTuning.from_transfer(problem)
    expected = problem.curve().optimal_alpha_std()
    # Sums of terms mu^2 times as large as they are.
    assert general.curve().optimal_alpha_std() == pytest.approx(expected, rel=1e-14 * mu**2 + 1e-9)
    other = dataclasses.replace(general, source=ra.FixedSource(general.target.means[1]))
    expected = other.curve().optimal_alpha_std()
    found = dataclasses.replace(other, loss=Squared()).curve().optimal_alpha_std()
    assert found == pytest.approx(expected, rel=1e-4)


@pytest.mark.slow
@given(moderate_problems())
def test_equal_to_the_closed_forms_anywhere(problem):
    problem = dataclasses.replace(problem, p=int(np.ceil(problem.p)) + 1)
    closed, general = problem.curve(), ra.FineTuning.from_transfer(problem).curve()
    np.testing.assert_allclose(bars(general, ALPHAS), bars(closed, ALPHAS), rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "classes" not in kind])
def test_any_loss_is_the_squared_loss_where_it_is_squared(kind):
    """Another road: expectations by quadrature, moves of the fixed point by a linear system."""
    squared = problem_of(kind)
    general = dataclasses.replace(squared, loss=Squared())
    alpha, curves = alphas_of(squared), (general.curve(), squared.curve())
    for counts in ("fixed", "random"):
        found, expected = (bars(curve, alpha, class_counts=counts) for curve in curves)
        # The fixed point of the loss is solved to 1e-10.
        np.testing.assert_allclose(found, expected, rtol=1e-7)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "classes" not in kind])
def test_the_best_alpha_of_any_loss_is_that_of_the_squared_loss_where_it_is_squared(kind, monkeypatch):
    """Fits at two alphas, expanded, and differences in alpha, of an error of 1e-5, against derivatives."""
    squared = problem_of(kind)
    one, other = squared.curve(), dataclasses.replace(squared, loss=Squared()).curve()
    if squared.components is not None:
        one, other = (curve.along([1.0, -0.4]) for curve in (one, other))
    for criterion in ("accuracy", "risk"):
        expected = one.optimal_alpha_std(criterion, class_counts="random")
        found = other.optimal_alpha_std(criterion, class_counts="random")
        assert found == pytest.approx(expected, rel=1e-4)

    def as_one(shared: slopes.Shared, moments: slopes.SampleMoments) -> float:
        return slopes.slope_variance(shared, moments._replace(gradient=0 * moments.gradient))

    # Scores that move with alpha as their values say, without a part of their own, are another answer.
    monkeypatch.setattr(loss_slope, "slope_variance", as_one)
    assert other.optimal_alpha_std("risk", class_counts="random") != pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(
    ("kind", "criterion", "expected"),
    [
        ("different, intercept, noise", "accuracy", 0.194192),
        ("different, intercept, noise", "risk", 0.0813236),
        ("dense, different", "accuracy", 0.229982),
        ("dense, different", "risk", 0.0465955),
    ],
)
def test_the_best_alpha_by_fits_at_four_alphas(kind, criterion, expected):
    """The numbers are from fits at four alphas, whose scores have a correlation below 1: Mehler's sums."""
    curve = problem_of(kind, loss="logistic").curve()
    assert curve.optimal_alpha_std(criterion, class_counts="random") == pytest.approx(expected, rel=1e-5)


def test_a_kink_is_the_limit_of_a_slope():
    """Of the hinge rounded off over a width: at half the width the difference is half as large."""
    problem = problem_of("different, intercept, noise", 3, "hinge")
    losses: list[str | ra.losses.Loss] = ["hinge"]
    losses += [PiecewiseQuadratic([(1 - w, -1), (1 + w, 0)], 0, 0) for w in (0.02, 0.01)]
    kinked, *found = (
        dataclasses.replace(problem, loss=loss).curve().optimal_alpha_std("risk") for loss in losses
    )
    assert found[1] == pytest.approx(kinked, rel=0.05)
    assert 2 * found[1] - found[0] == pytest.approx(kinked, rel=0.005)


TRAINED = [kind for kind in KINDS if "trained" in kind and "classes" not in kind]


@pytest.mark.parametrize(
    ("kind", "loss"),
    [
        # Every kind and both losses; the other pairs mix what these have.
        pytest.param(kind, loss, marks=() if (i + j) % 2 == 0 else pytest.mark.slow)
        for i, kind in enumerate(TRAINED)
        for j, loss in enumerate(("squared", "logistic"))
    ],
)
def test_a_source_of_any_loss_is_a_ridge_source_where_it_is_squared(kind, loss):
    problem = problem_of(kind, loss=loss)

    def other(source: ra.RidgeSource) -> ra.LossSource:
        return ra.LossSource(
            source.mixture,
            source.n,
            source.gamma,
            Squared(),
            intercept=source.intercept,
            label_noise=source.label_noise,
        )

    sources = tuple(other(source) for source in problem.sources if isinstance(source, ra.RidgeSource))
    general = dataclasses.replace(problem, source=sources if problem.components else sources[0])
    alpha, curves = alphas_of(problem), (general.curve(), problem.curve())
    for counts in ("fixed", "random"):
        found, expected = (bars(curve, alpha, class_counts=counts) for curve in curves)
        np.testing.assert_allclose(found, expected, rtol=1e-7)


@pytest.mark.parametrize("kind", ["different, intercept, noise", "classes, different, intercept, noise"])
@pytest.mark.parametrize("loss", ["squared", "logistic"])
def test_random_counts_add_the_derivatives_by_the_class_shares(kind, loss):
    """Var(random) - Var(fixed) = d Cov(pi) d, d the derivatives by solving at other training shares pi."""
    if "classes" in kind and loss != "squared":
        pytest.skip("this loss has two classes")
    problem = problem_of(kind, loss=loss)
    priors, step, name = problem.target.priors, 1e-4, "risk"
    target = problem.target

    def classwise(shares: np.ndarray) -> np.ndarray:
        moved = ra.GaussianMixture(target.means, list(target.covariances), shares)
        curve = dataclasses.replace(problem, target=moved).curve()
        mean, std = np.asarray(curve.class_mean(1.0)), np.asarray(curve.class_std(1.0))
        if mean.ndim == 1:
            return (mean - [-1, 1]) ** 2 + std**2
        return ((mean - np.eye(len(mean))) ** 2 + std**2).sum(axis=1)

    ways = np.eye(len(priors)) - priors  # towards each class alone
    slopes = np.array(
        [
            priors @ (classwise(priors + step * way) - classwise(priors - step * way)) / (2 * step)
            for way in ways
        ]
    )
    expected = (priors @ slopes**2 - (priors @ slopes) ** 2) / problem.n
    curve = problem.curve()
    fixed, random = (getattr(curve, f"{name}_std")(1.0, class_counts=c) ** 2 for c in ("fixed", "random"))
    assert random - fixed == pytest.approx(expected, rel=1e-4)


def test_two_covariances_that_are_nearly_one():
    """Split into two groups, every formula is another one; the answer is the same."""
    problem = problem_of("shared, trained")
    spectrum = problem.target.covariances[0]
    both = [spectrum, spectrum * (1 + 1e-9)]
    target = ra.GaussianMixture(problem.target.means, both, problem.target.priors)
    split = dataclasses.replace(problem, target=target)
    np.testing.assert_allclose(bars(split.curve(), ALPHAS), bars(problem.curve(), ALPHAS), rtol=1e-7)


def test_rotated_features():
    problem = problem_of("different, intercept, noise, trained")
    turn = np.linalg.qr(np.random.default_rng(0).standard_normal((30, 30)))[0]

    def turned(mixture):
        full = [(turn * c) @ turn.T for c in mixture.covariances]
        return ra.GaussianMixture(mixture.means @ turn.T, full, mixture.priors)

    assert isinstance(problem.source, ra.RidgeSource)
    source = dataclasses.replace(problem.source, mixture=turned(problem.source.mixture))
    other = dataclasses.replace(problem, target=turned(problem.target), source=source)
    np.testing.assert_allclose(bars(other.curve(), ALPHAS), bars(problem.curve(), ALPHAS), rtol=1e-8)


@pytest.mark.parametrize("loss", ["squared", "logistic"])
def test_along_a_direction(loss):
    problem = problem_of("different, noise, trained, two", loss=loss)
    curve, direction = problem.curve(), np.array([1.0, -0.4])
    line = curve.along(direction)
    np.testing.assert_allclose(bars(line, 0.7), bars(curve, 0.7 * direction), rtol=1e-8)
    if loss == "squared":
        assert np.shape(curve.optimal_alpha_std("risk")) == (2,)


@pytest.mark.parametrize("kind", ["different, intercept, noise", "different", "dense, different"])
def test_one_hot_labels_of_two_classes(kind):
    """Two outputs, twice the half of one: accuracies are the same, whatever the sum of the outputs does."""
    one = problem_of(kind)
    assert isinstance(one.source, ra.FixedSource)
    rows = one.source.weights / 2
    two = dataclasses.replace(one, source=ra.FixedSource(np.stack([-rows, rows]), outputs=2)).curve()
    known = one.curve()
    for counts in ("fixed", "random"):
        np.testing.assert_allclose(
            two.class_accuracy_std(ALPHAS, class_counts=counts),
            known.class_accuracy_std(ALPHAS, class_counts=counts),
            rtol=1e-9,
        )
    assert two.optimal_alpha_std() == pytest.approx(known.optimal_alpha_std(), rel=1e-6)


def test_limits():
    problem = problem_of("shared")
    infinite = dataclasses.replace(problem, n=np.inf).curve()
    assert not bars(infinite, ALPHAS).any()
    forgets = dataclasses.replace(problem, n=90, gamma=0.0).curve()
    spread = np.asarray(forgets.accuracy_std(ALPHAS))
    np.testing.assert_allclose(spread, spread[0], rtol=1e-12)
    assert forgets.optimal_alpha_std() == 0
    with pytest.raises(ValueError, match="class_counts must be"):
        problem.curve().accuracy_std(1.0, class_counts="some")


def test_an_intercept_that_nothing_holds():
    """Hinge loss, a strong ridge, many wrong labels: every sample is on the slope, whatever the intercept."""
    rng = np.random.default_rng(0)
    means, spectrum = rng.standard_normal((2, 60)) / np.sqrt(60), np.exp(rng.uniform(-1, 1, 60))
    target, source = ra.GaussianMixture.symmetric(means[1], spectrum), ra.FixedSource(means[0])
    flat = ra.FineTuning(target, source, 40, 20.0, intercept=True, label_noise=0.4, loss="hinge")
    with pytest.raises(NotAvailable, match="holds the intercept"):
        flat.curve().accuracy_std(0.0)


def test_a_softmax_source_is_no_known_weights():
    """Leaving its randomness out would make error bars too small without a word."""
    mixture = ra.GaussianMixture(0.8 * np.eye(3, 8), np.diag(np.ones(8)) + 0.1)
    source = ra.LossSource(mixture, 40, 5.0, "logistic", outputs=3)
    curve = ra.FineTuning(ra.GaussianMixture(mixture.means), source, 20, 0.5).curve()
    for name in ("accuracy_std", "risk_std", "class_accuracy_std", "optimal_alpha_std"):
        assert name not in curve.answers
    with pytest.raises(NotAvailable, match="trained with softmax"):
        curve.accuracy_std(1.0)
    ridge = ra.RidgeSource(ra.GaussianMixture(mixture.means), 40, 0.5, outputs=3)
    softmax = ra.FineTuning(ra.GaussianMixture(mixture.means), ridge, 20, 0.5, loss="logistic").curve()
    with pytest.raises(NotAvailable, match="trained with ridge"):
        softmax.accuracy_std(1.0)


@pytest.mark.parametrize("d", [1, 2, 3, 4])
def test_gradients_of_orthant_probabilities(d):
    rng = np.random.default_rng(d)
    root = rng.standard_normal((d, d + 2))
    mean, covariance, step = rng.standard_normal(d), root @ root.T / d, 1e-5
    first, second = orthant_gradients(mean, covariance)
    for i in range(d):
        shift = step * np.eye(d)[i]
        ends = [orthant_probability(mean + s * shift, covariance)[0] for s in (1, -1)]
        assert first[i] == pytest.approx((ends[0] - ends[1]) / (2 * step), abs=1e-8)
        for j in range(i + 1):
            move = np.zeros((d, d))
            move[i, j] = move[j, i] = step
            ends = [orthant_probability(mean, covariance + s * move)[0] for s in (1, -1)]
            assert (second * move).sum() / step == pytest.approx((ends[0] - ends[1]) / (2 * step), abs=1e-8)


# --- softmax ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("trained", [False, True])
@pytest.mark.parametrize("counts", ["fixed", "random"])
def test_softmax_of_two_classes_is_the_logistic_loss_with_half_the_ridge(trained, counts):
    """Matrices of one contrast against numbers: the target's fit, and a source's, known or trained."""
    rng = np.random.default_rng(0)
    p = 40
    means, rows = rng.normal(size=(2, p)) / 5, rng.normal(size=(2, p)) / 7
    target = ra.GaussianMixture(means, [np.linspace(0.2, 2, p), np.linspace(2, 1, p)], [0.3, 0.7])
    options: dict[str, Any] = {"intercept": True, "label_noise": [0.1, 0.2], "loss": "logistic"}
    two: Any = ra.FixedSource(rows, outputs=2)
    one: Any = ra.FixedSource(rows[1] - rows[0])
    if trained:
        own = ra.GaussianMixture(means + 0.1, 1.0)  # one entry for all coordinates, unlike the target's
        two = ra.LossSource(own, 30, 0.2, "logistic", intercept=True, outputs=2)
        one = ra.LossSource(own, 30, 0.1, "logistic", intercept=True)
    found = ra.FineTuning(target, two, 60, 0.2, **options).curve()
    known = ra.FineTuning(target, one, 60, 0.1, **options).curve()
    for name in ("accuracy_std", "class_accuracy_std"):
        first, second = (getattr(curve, name)([0.0, 1.3], class_counts=counts) for curve in (found, known))
        np.testing.assert_allclose(first, second, rtol=1e-6)


@pytest.mark.parametrize("sources", ["known", pytest.param("trained", marks=pytest.mark.slow), "two trained"])
def test_the_best_alpha_of_softmax_of_two_classes(sources):
    """That of the logistic loss, but for the best alphas themselves: softmax has its to 1e-3."""
    rng = np.random.default_rng(0)
    p = 40
    means, rows = rng.normal(size=(2, p)) / 3, rng.normal(size=(2, p)) / 4
    rows = rows - rows.mean(axis=0)
    target = ra.GaussianMixture(means, [np.linspace(0.2, 2, p), np.linspace(2, 1, p)], [0.3, 0.7])
    options: dict[str, Any] = {"intercept": True, "label_noise": [0.1, 0.2], "loss": "logistic"}
    two: Any = ra.FixedSource(rows + means / 2, outputs=2)
    one: Any = ra.FixedSource(np.diff(rows + means / 2, axis=0)[0])
    if sources != "known":
        own = ra.GaussianMixture(rows + means / 2, 1.0)
        two = ra.LossSource(own, 60, 0.2, "logistic", intercept=True, outputs=2)
        one = ra.LossSource(own, 60, 0.1, "logistic", intercept=True)
    pair = sources == "two trained"
    found = ra.FineTuning(target, [two, two] if pair else two, 400, 0.2, **options).curve()
    known = ra.FineTuning(target, [one, one] if pair else one, 400, 0.1, **options).curve()
    if pair:
        found, known = found.along([1.0, 0.5]), known.along([1.0, 0.5])
    for counts in ("fixed", "random"):
        expected = known.optimal_alpha_std(class_counts=counts)
        assert found.optimal_alpha_std(class_counts=counts) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("intercept", [False, True])
def test_softmax_of_small_scores_is_the_squared_loss(intercept):
    """With K times the ridge and a K-th of the source: weak classes, many samples, matrices of d contrasts.

    The difference is of the order of the scores.
    """
    rng, p, size = np.random.default_rng(0), 30, 0.003
    means = rng.standard_normal((3, p)) / np.sqrt(p)
    rows = 0.8 * np.roll(means, 1, axis=0) + 0.4 * means + 0.3 * rng.standard_normal((3, p)) / np.sqrt(p)
    rows = size * (rows - rows.mean(axis=0))
    spectra = [np.geomspace(0.3, 2, p), np.linspace(1.6, 0.4, p), np.linspace(0.2, 1.2, p)]
    # An intercept would make the scores of unequal classes large.
    priors = None if intercept else [0.5, 0.3, 0.2]
    target, n = ra.GaussianMixture(size * means, spectra, priors), 60 / size**2
    found, known = (
        ra.FineTuning(
            target, ra.FixedSource(rows / k, outputs=3), n, 0.3 * k, loss=loss, intercept=intercept
        ).curve()
        for loss, k in (("logistic", 1), ("squared", 3))
    )
    for counts in ("fixed", "random"):
        for name in ("accuracy_std", "class_accuracy_std"):
            first, second = (getattr(curve, name)(0.5, class_counts=counts) for curve in (found, known))
            np.testing.assert_allclose(first, second, rtol=size)
        expected = known.optimal_alpha_std(class_counts=counts)
        assert found.optimal_alpha_std(class_counts=counts) == pytest.approx(expected, rel=size)


def test_softmax_heads_under_the_squared_loss():
    """A source of two rows that add to zero, of half the length of a binary one, is that one."""
    p = 30
    means = np.stack([-np.ones(p), np.ones(p)]) / np.sqrt(p)
    own, target = ra.GaussianMixture(means, 1.0), ra.GaussianMixture(means, np.linspace(0.5, 1.5, p))
    two = ra.LossSource(own, 40, 0.2, "logistic", outputs=2)
    one = ra.LossSource(own, 40, 0.1, "logistic")
    found = ra.FineTuning(target, two, 50, 0.3).curve()
    known = ra.FineTuning(target, one, 50, 0.3).curve()
    # Labels (1, 0) and (0, 1) are (1 - y)/2 and (1 + y)/2: without intercept the difference of the rows is
    # the fit to y with the difference of the sources.
    for alpha in (0.5, 2.0):
        np.testing.assert_allclose(found.accuracy(alpha), known.accuracy(alpha), rtol=1e-8)
        np.testing.assert_allclose(found.accuracy_std(alpha), known.accuracy_std(alpha), rtol=1e-6)
