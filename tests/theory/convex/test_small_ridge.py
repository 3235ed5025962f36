"""gamma from 1e-3 to 0: separable data and others, the threshold between them, and the largest margin."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from loss_problems import anywhere, loss_curve
from scipy import optimize, special
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

import rmt_alpha as ra

MEAN = np.ones(40) / np.sqrt(40)
SPECTRUM = np.linspace(0.3, 2.0, 40)
SOURCE = MEAN + np.where(np.arange(40) % 2 == 0, 0.2, -0.2)


def unequal(n: float, gamma: float, loss: str = "logistic", *, intercept: bool = False) -> ra.FineTuning:
    target = ra.GaussianMixture([-MEAN, MEAN], [SPECTRUM, 1.5 * SPECTRUM], [0.4, 0.6])
    source = ra.FixedSource(SOURCE)
    return ra.FineTuning(target, source, n, gamma, loss=loss, intercept=intercept, label_noise=0.05)


def least_hinge(means: np.ndarray, shares: np.ndarray, noise: float, intercept: bool) -> float:
    """p / n* of Candes and Sur, for whitened means; E (s G - m)_+^2 in closed form."""

    def objective(v: np.ndarray) -> float:
        slope, offset = v[:2], v[2] if intercept else 0.0
        width, total = np.sqrt(1 + slope @ slope), 0.0
        for a, label in ((0, -1), (1, 1)):
            for t, chance in ((label, 1 - noise), (-label, noise)):
                r = t * (means[a] @ slope + offset) / width
                density = np.exp(-r * r / 2) / np.sqrt(2 * np.pi)
                total += shares[a] * chance * width**2 * ((1 + r * r) * special.ndtr(-r) - r * density)
        return float(total)

    found = optimize.minimize(objective, np.zeros(2 + intercept), method="BFGS", options={"gtol": 1e-12})
    return float(found.fun)


def check_threshold(seeds: range) -> None:
    for seed in seeds:
        rng = np.random.default_rng(seed)
        means = rng.normal(size=(2, 60)) / np.sqrt(60) * 10 ** rng.uniform(-1, 0.6)
        spectrum, share = np.exp(rng.normal(size=60)), rng.uniform(0.1, 0.9)
        noise, intercept = float(rng.choice([0.0, 0.1, 0.3, 0.5])), bool(rng.random() < 0.5)
        target = ra.GaussianMixture(means, spectrum, [share, 1 - share])
        problem = ra.FineTuning(
            target,
            ra.FixedSource(means[1]),
            100,
            0.1,
            loss="hinge",
            intercept=intercept,
            label_noise=noise,
        )
        white = means / np.sqrt(spectrum)
        plane = np.linalg.qr(white.T)[0]
        expected = 60 / least_hinge(white @ plane, np.array([share, 1 - share]), noise, intercept)
        # BFGS stops at half the digits of the place, and all of the value; four margins are extrapolated.
        assert ra.separability_threshold(problem) == pytest.approx(expected, rel=1e-5), seed


def test_the_threshold_is_that_of_candes_and_sur():
    check_threshold(range(5))


@pytest.mark.parametrize("largest", [17, 100])
def test_the_threshold_of_far_classes(largest):
    """The spread of the scores falls at first as n grows: its inverse is not what falls to 0 at n*."""
    mean, spectrum = 3 * np.ones(20) / np.sqrt(20), np.geomspace(0.1, largest, 20)
    target = ra.GaussianMixture.symmetric(mean, spectrum)
    problem = ra.FineTuning(target, ra.FixedSource(mean), 100, 0.1, loss="hinge")
    length = float(np.sqrt(np.sum(mean**2 / spectrum)))

    def distance(log_slope: float) -> float:  # least_hinge along the mean, where the sum loses its digits
        width = np.hypot(1.0, slope := np.exp(log_slope))
        r = slope * length / width
        return float(
            width**2 * ((1 + r * r) * special.ndtr(-r) - r * np.exp(-r * r / 2) / np.sqrt(2 * np.pi))
        )

    found = optimize.minimize_scalar(distance, bounds=(-3, 5), method="bounded", options={"xatol": 1e-9})
    assert ra.separability_threshold(problem) == pytest.approx(20 / found.fun, rel=1e-4)


def test_labels_that_say_nothing_are_separable_up_to_two_samples_a_dimension():
    problem = replace(unequal(10, 0.1), target=ra.GaussianMixture([0 * MEAN, 0 * MEAN], SPECTRUM))
    assert ra.separability_threshold(problem) == pytest.approx(80, rel=1e-6)  # Cover 1965
    assert ra.separable(replace(problem, n=79.9))
    assert not ra.separable(replace(problem, n=80.1))


def test_what_does_not_move_the_threshold():
    problem = unequal(30, 0.1)
    threshold = ra.separability_threshold(problem)
    for other in (
        replace(problem, source=ra.FixedSource(-5 * SOURCE)),
        replace(problem, gamma=1e-6, loss="squared"),
        replace(problem, n=1e4),
    ):
        assert ra.separability_threshold(other) == threshold
    means = np.eye(3, 40)
    many = ra.FineTuning(ra.GaussianMixture(means), ra.FixedSource(means, outputs=3), 9, 0.1)
    with pytest.raises(ValueError, match="two classes"):
        ra.separable(many)


def test_features_without_noise_separate_any_sample():
    spectrum = np.where(np.arange(40) < 3, 0.0, 1.0)
    noisy = unequal(1e6, 0.1)
    problem = replace(noisy, label_noise=np.zeros(2), target=ra.GaussianMixture.symmetric(MEAN, spectrum))
    assert ra.separability_threshold(problem) == np.inf


def separated(x: np.ndarray, t: np.ndarray) -> bool:
    """By a linear programme: is there a w with t_i w.x_i >= 1?"""
    found = optimize.linprog(
        np.zeros(x.shape[1]), A_ub=-t[:, None] * x, b_ub=-np.ones(len(t)), bounds=(None, None)
    )
    return bool(found.status == 0)


def test_trained_samples_can_be_separated_below_the_threshold_only():
    threshold = ra.separability_threshold(unequal(100, 0.1))
    rng = np.random.default_rng(0)
    shares = []
    for n in (int(0.75 * threshold), int(1.3 * threshold)):
        verdicts = []
        for _ in range(12):
            label = np.where(rng.random(n) < 0.4, -1.0, 1.0)
            scale = np.where(label < 0, 1.0, np.sqrt(1.5))[:, None]
            x = label[:, None] * MEAN + scale * np.sqrt(SPECTRUM) * rng.standard_normal((n, 40))
            verdicts.append(separated(x, label * np.where(rng.random(n) < 0.05, -1, 1)))
        shares.append(np.mean(verdicts))
    assert shares[0] > 0.8  # the transition is n^(1/2) wide
    assert shares[1] < 0.2


@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("n", [20, 800])
def test_a_small_ridge_tends_to_none(n, intercept):
    hinge = unequal(n, 0.0, "squared_hinge", intercept=intercept)
    assert hinge.curve().accuracy([0.0, 3.0]) == pytest.approx(
        replace(hinge, gamma=1e-10).curve().accuracy([0.0, 3.0]), abs=1e-6
    )
    logistic = unequal(n, 0.0, "logistic", intercept=intercept)
    near = replace(logistic, gamma=1e-10).curve().accuracy([0.0, 3.0])
    exact = np.asarray(logistic.curve().accuracy([0.0, 3.0]))
    assert exact[0] == pytest.approx(exact[1], rel=1e-12)  # no source is left
    # On separable data scores are of the order log(1/gamma), next to which those of a source vanish slowly.
    away = 3 / np.log(1e10) if ra.separable(logistic) else 1e-6
    np.testing.assert_allclose(exact, near, atol=away)
    if ra.separable(logistic):
        assert loss_curve(logistic).training_accuracy(1.0) == 1.0
        assert loss_curve(logistic).training_loss(1.0) == 0.0


def train(n: int, *, alpha: float, draws: int) -> tuple[np.ndarray, np.ndarray]:
    """Accuracies of scikit-learn's unpenalised logistic regression and of its support vector machine."""
    rng, found = np.random.default_rng(1), []
    for _ in range(draws):
        label = np.where(np.arange(n) < 0.4 * n, -1.0, 1.0)
        scale = np.where(label < 0, 1.0, np.sqrt(1.5))[:, None]
        x = label[:, None] * MEAN + scale * np.sqrt(SPECTRUM) * rng.standard_normal((n, 40))
        t = label * np.where(rng.random(n) < 0.05, -1, 1)
        if n > 100:
            w = LogisticRegression(C=np.inf, fit_intercept=False, tol=1e-8, max_iter=1000).fit(x, t).coef_[0]
        else:
            # Largest margin around the source: the dual of min |w - P|^2, t (w.x) >= 1.
            y = x * t[:, None]
            need = 1 - alpha * y @ SOURCE
            dual = optimize.nnls(np.vstack([y.T, need]), np.append(np.zeros(40), 1.0))
            slack = np.append(np.zeros(40), 1.0) - np.vstack([y.T, need]) @ dual[0]
            w = alpha * SOURCE - slack[:-1] / slack[-1]
            assert (y @ w).min() == pytest.approx(1.0, abs=1e-6)
        found.append(w)
    means, spread = np.array(found) @ MEAN, np.sqrt((np.array(found) ** 2) @ SPECTRUM)
    accuracy = 0.4 * special.ndtr(means / spread) + 0.6 * special.ndtr(means / spread / np.sqrt(1.5))
    return accuracy.mean(), accuracy.std(ddof=1) / np.sqrt(draws)


@pytest.mark.parametrize(
    ("n", "alpha", "loss"), [(400, 1.0, "logistic"), (60, 0.0, "logistic"), (60, 1.0, "hinge")]
)
def test_training_without_ridge(n, alpha, loss):
    mean, error = train(n, alpha=alpha, draws=60)
    # 1 / n: what the limit leaves out.
    assert abs(unequal(n, 0.0, loss).curve().accuracy(alpha) - mean) < 3 * error + 1 / n


def test_a_support_vector_machine_of_large_C_has_the_largest_margin():
    rng, accuracy = np.random.default_rng(2), []
    target = ra.GaussianMixture.symmetric(2 * MEAN, SPECTRUM)
    for _ in range(60):
        label = np.where(np.arange(60) < 30, -1.0, 1.0)
        x = label[:, None] * 2 * MEAN + np.sqrt(SPECTRUM) * rng.standard_normal((60, 40))
        machine = SVC(C=1e8, kernel="linear").fit(x, label)
        w, b = machine.coef_[0], machine.intercept_[0]
        size = np.sqrt(w**2 @ SPECTRUM)
        accuracy.append(special.ndtr((2 * w @ MEAN + np.array([-b, b])) / size).mean())
    problem = ra.FineTuning(target, ra.FixedSource(SOURCE), 60, 0.0, loss="logistic", intercept=True)
    error = np.std(accuracy, ddof=1) / np.sqrt(60)
    assert abs(problem.curve().accuracy(0.0) - np.mean(accuracy)) < 3 * error + 1 / 60


def test_separated_classes_and_tiny_ridges():
    """scikit-learn's C = 1 at n = 1e5 is gamma = 1e-5; p/n = .03 and means of norm 2.5."""
    mean = np.zeros(300)
    mean[0] = 2.5
    values = []
    for gamma in (1e-5, 1e-12):
        target, source = ra.GaussianMixture.symmetric(mean), ra.FixedSource(mean)
        problem = ra.FineTuning(target, source, n=10_000, gamma=gamma, loss="logistic")
        curve = loss_curve(problem)
        assert curve.solution(0.0).status == "converged"
        values.append(curve.accuracy(0.0))
    assert values == sorted(values, reverse=True)
    limit = replace(problem, gamma=0.0).curve().accuracy(0.0)
    assert 0 < values[-1] - limit < (values[0] - limit) / 4


def check_small_ridges(seeds: range) -> None:
    """Logistic loss, gamma from 1e-12 to 1e-3: solved everywhere."""
    for seed in seeds:
        rng = np.random.default_rng(seed)
        problem, alpha = anywhere(rng, "logistic")
        problem = replace(problem, gamma=float(10 ** rng.uniform(-12, -3)))
        assert loss_curve(problem).solution(alpha).residual <= 1e-7, seed


def test_small_ridges_anywhere():
    check_small_ridges(range(4))


def test_without_ridge_only_some_losses_have_a_limit():
    with pytest.raises(ValueError, match="gamma must be positive for the huber loss"):
        unequal(20, 0.0, "huber")
    with pytest.raises(ra.errors.NotAvailable, match="needs gamma > 0"):
        unequal(20, 0.0).simulate(0.0)
    narrow = replace(
        unequal(1000, 0.0),
        target=ra.GaussianMixture([0 * MEAN, 0 * MEAN], 0 * SPECTRUM + (np.arange(40) > 1)),
    )
    with pytest.raises(ValueError, match="full rank"):
        narrow.curve()
