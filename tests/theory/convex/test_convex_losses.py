"""Fine-tuning with convex losses: limits, symmetries, uniqueness, the best alpha, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from loss_problems import MAKERS, NAMES, alphas, anywhere, loss_curve, with_loss
from scipy import special

import rmt_alpha as ra
from rmt_alpha.problems.losses import LOSSES, Huber, Squared
from rmt_alpha.theory.convex import iteration, path, solver
from rmt_alpha.theory.convex.equations import Equations, State

QUESTIONS = (
    "class_mean",
    "class_std",
    "accuracy",
    "class_accuracy",
    "mean",
    "variance",
    "std",
    "risk",
    "error",
)


@pytest.mark.parametrize("name", MAKERS)
def test_squared_loss_through_the_fixed_point_is_the_closed_form(name):
    problem = MAKERS[name](60, 80)
    exact, found = problem.curve(), with_loss(problem, Squared()).curve()
    at = alphas(problem)
    for question in QUESTIONS:
        np.testing.assert_allclose(
            getattr(found, question)(at),
            getattr(exact, question)(at),
            rtol=1e-8,
            atol=1e-10,
            err_msg=question,
        )


@pytest.mark.parametrize("gamma", [1e-4, 1.0, 1e4])
@pytest.mark.parametrize("n", [3, 60, 1200])
def test_squared_loss_over_the_promised_range(gamma, n):
    problem = replace(MAKERS["per_class"](60, 80), n=n, gamma=gamma)
    exact, found = problem.curve(), with_loss(problem, Squared()).curve()
    for question in ("class_mean", "class_std", "accuracy"):
        np.testing.assert_allclose(
            getattr(found, question)([-2, 0, 1]), getattr(exact, question)([-2, 0, 1]), rtol=1e-8, atol=1e-10
        )


def test_huber_with_a_wide_middle_is_the_squared_loss():
    problem = MAKERS["per_class"](60, 80)
    found, exact = with_loss(problem, Huber(1e3)).curve(), problem.curve()
    np.testing.assert_allclose(found.class_mean([0, 1]), exact.class_mean([0, 1]), rtol=1e-9)
    np.testing.assert_allclose(found.class_std([0, 1]), exact.class_std([0, 1]), rtol=1e-9)


@pytest.mark.parametrize("loss", NAMES)
def test_a_large_ridge_gives_the_averaging_classifier(loss):
    """w is proportional to (1/n) sum t_i x_i, whose law is elementary."""
    p, n = 50, 70
    mean, c = np.linspace(0.0, 0.3, p), np.linspace(0.2, 2.0, p)
    target = ra.GaussianMixture.symmetric(mean, c)
    problem = ra.FineTuning(target, ra.FixedSource(0 * mean), n, 1e7, loss=loss)
    averaging = special.ndtr(mean @ mean / np.sqrt((mean**2 * c).sum() + (c**2).sum() / n))
    # The next order is tr C / (n gamma), 1e-7 here, times numbers of order 1.
    assert problem.curve().accuracy(1.0) == pytest.approx(averaging, abs=1e-5)


@pytest.mark.parametrize("loss", NAMES)
def test_labels_that_say_nothing_teach_nothing(loss):
    problem = replace(MAKERS["balanced"](50, 80), label_noise=np.full(2, 0.5), loss=loss)
    curve = problem.curve()
    assert curve.accuracy(0.0) == pytest.approx(0.5, abs=1e-9)
    wrong = replace(problem, label_noise=np.full(2, 0.9)).curve()
    right = replace(problem, label_noise=np.full(2, 0.1)).curve()
    # All labels exchanged: the classifier is turned round, and with it what the source is to it.
    assert wrong.accuracy(1.3) == pytest.approx(1 - right.accuracy(-1.3), abs=1e-9)


@pytest.mark.parametrize("loss", NAMES)
@pytest.mark.parametrize("name", ["per_class", "trained_source"])
def test_symmetries(loss, name):
    problem = with_loss(MAKERS[name](40, 50), loss)
    curve, at = problem.curve(), np.array([-1.2, 0.7])
    mean, std = curve.class_mean(at), curve.class_std(at)
    # Classes exchanged: every score changes its sign.
    target = problem.target
    mirrored = ra.GaussianMixture(target.means[::-1], list(target.covariances[::-1]), target.priors[::-1])
    noise = problem.label_noise[::-1]
    turned = replace(problem, target=mirrored, label_noise=noise).curve()
    np.testing.assert_allclose(turned.class_mean(-at)[:, ::-1], -mean, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(turned.class_std(-at)[:, ::-1], std, rtol=1e-7)
    # Features in other units: x 2, gamma x 4, source / 2.
    if isinstance(problem.source, ra.FixedSource):
        larger = ra.GaussianMixture(2 * target.means, [4 * c for c in target.covariances], target.priors)
        source = ra.FixedSource(problem.source.weights / 2)
        scaled = replace(problem, target=larger, gamma=4 * problem.gamma, source=source).curve()
        np.testing.assert_allclose(scaled.class_mean(at), mean, rtol=1e-7, atol=1e-9)
        np.testing.assert_allclose(scaled.class_std(at), std, rtol=1e-7)
        # Twice the source at half the alpha.
        double = replace(problem, source=ra.FixedSource(2 * problem.source.weights)).curve()
        np.testing.assert_allclose(double.class_mean(at / 2), mean, rtol=1e-7, atol=1e-9)


def test_dense_and_diagonal_covariances_agree():
    rng = np.random.default_rng(8)
    p = 30
    means, spectra = rng.normal(size=(2, p)) / 5, np.exp(rng.normal(size=(2, p)))
    q = np.linalg.qr(rng.normal(size=(p, p)))[0]
    w = means[1] - means[0] + rng.normal(size=p) / 6
    plain = ra.FineTuning(
        ra.GaussianMixture(means, list(spectra)), ra.FixedSource(w), 40, 0.2, intercept=True, loss="logistic"
    )
    full = [(q * s) @ q.T for s in spectra]
    turned = replace(
        plain,
        target=ra.GaussianMixture(means @ q.T, [(c + c.T) / 2 for c in full]),
        source=ra.FixedSource(w @ q.T),
    )
    for question in ("class_mean", "class_std", "training_loss"):
        np.testing.assert_allclose(
            getattr(turned.curve(), question)([0, 1]), getattr(plain.curve(), question)([0, 1]), rtol=1e-8
        )


def check_anywhere(seeds: range) -> None:
    """Solved everywhere, from two starts, to the same solution."""
    for seed in seeds:
        problem, alpha = anywhere(np.random.default_rng(seed), NAMES[seed % len(NAMES)])
        curve = loss_curve(problem)
        found = curve.solution(alpha)
        assert found.status in ("converged", "rounding", "collapsed", "flat")
        assert found.residual <= iteration.TOLERANCE * (1e3 if found.status == "rounding" else 1)
        if found.status in ("collapsed", "flat"):
            continue  # of the latter the intercept is free; `saturated` in tests/fuzz looks at the samples
        groups = len(found.state.std)
        other = State(np.array([0.3, -0.2]), 0.1, np.full(groups, 2.0), np.full(groups, 0.01))
        again = solver.solve(curve.equations(np.array([alpha])), other)
        scale = abs(found.state.mean).max() + found.state.std.max()
        # A residual of 1e-10 over the smallest share of a direction in which steps contract slowly.
        assert abs(again.state.mean - found.state.mean).max() <= 1e-7 * scale, seed
        np.testing.assert_allclose(again.state.std, found.state.std, rtol=1e-6, err_msg=str(seed))


def test_any_problem_is_solved_from_any_start():
    check_anywhere(range(24))


@pytest.mark.slow
def test_many_problems_are_solved_from_any_start():
    check_anywhere(range(24, 800))


@pytest.mark.parametrize(
    ("loss", "criterion"), [("logistic", "loss"), ("hinge", "accuracy"), ("huber", "loss")]
)
def test_best_alpha_is_the_maximum(loss, criterion):
    curve = loss_curve(with_loss(MAKERS["per_class"](50, 60), loss))
    for value in (curve.accuracy if criterion == "accuracy" else lambda a: -np.asarray(curve.test_loss(a)),):
        best = curve.optimum(criterion)
        assert best.finite
        assert best.bracket is not None
        assert best.bracket[0] <= best.alpha <= best.bracket[1]
        # Flat to second order: at 1e-6 relative nothing shows, a percent away it must fall.
        around = np.asarray(value(best.alpha * np.array([0.98, 1.0, 1.02])))
        assert around[1] > around[0]
        assert around[1] > around[2]
        assert value(best.alpha) >= np.max(value(np.linspace(-6, 6, 13))) - 1e-12
    if criterion == "accuracy":
        assert curve.gain(0.0) == pytest.approx(curve.optimum().value - curve.accuracy(0.0), abs=1e-15)


def test_best_alpha_agrees_with_the_closed_form_for_the_squared_loss():
    problem = MAKERS["per_class"](50, 60)
    exact = problem.curve().optimal_alpha()
    assert loss_curve(with_loss(problem, Squared())).optimal_alpha(rtol=1e-8) == pytest.approx(
        exact, rel=1e-6
    )


def test_a_useless_source_has_alpha_zero_and_a_perfect_one_may_have_infinity():
    problem = replace(MAKERS["balanced"](50, 60), loss="logistic")
    nothing = replace(problem, source=ra.FixedSource(np.zeros(50))).curve().optimum()
    assert nothing.alpha == 0
    assert nothing.finite
    # Labels without information, the perfect direction as source.
    mean, c = problem.target.means[1], problem.target.covariances[0]
    best = replace(problem, source=ra.FixedSource(mean / c), label_noise=np.full(2, 0.5)).curve().optimum()
    assert not best.finite
    assert best.alpha == np.inf
    assert best.value == pytest.approx(special.ndtr(np.sqrt((mean**2 / c).sum())), abs=1e-4)


def test_two_sources_are_reduced_to_one_along_a_direction():
    curve = with_loss(MAKERS["two_sources"](50, 60), "squared_hinge").curve()
    with pytest.raises(ValueError, match=r"use along\(direction\)"):
        curve.transfer_interval()
    line = curve.along([1.0, -0.5])
    np.testing.assert_allclose(line.class_mean(0.7), curve.class_mean([0.7, -0.35]), rtol=1e-8)


def test_calibration_of_gaussian_scores():
    curve = loss_curve(with_loss(MAKERS["per_class"](50, 60), "logistic"))
    mean, std, priors = curve.class_mean(1.0), curve.class_std(1.0), curve.priors
    s = np.linspace(-6, 6, 200001)
    densities = priors[:, None] * np.exp(-0.5 * ((s - mean[:, None]) / std[:, None]) ** 2)
    densities /= std[:, None] * np.sqrt(2 * np.pi)
    posterior = densities[1] / densities.sum(axis=0)
    np.testing.assert_allclose(curve.posterior(s, 1.0), posterior, rtol=1e-10)
    wide = np.linspace(-40, 40, 400001)
    mass = priors[:, None] * np.exp(-0.5 * ((wide - mean[:, None]) / std[:, None]) ** 2) / std[:, None]
    mass = mass.sum(axis=0) * (wide[1] - wide[0]) / np.sqrt(2 * np.pi)
    error = mass @ abs(special.expit(wide) - curve.posterior(wide, 1.0))
    assert curve.calibration_error(1.0) == pytest.approx(error, rel=1e-6)
    # The slope half way between the means, by differences of the log odds.
    odds = special.logit(curve.posterior(mean.mean() + np.array([-1e-4, 1e-4]), 1.0))
    assert curve.calibration_slope(1.0) == pytest.approx((odds[1] - odds[0]) / 2e-4, rel=1e-6)
    with pytest.raises(ValueError, match="states no probabilities"):
        loss_curve(with_loss(MAKERS["per_class"](50, 60), "hinge")).calibration_error(1.0)


def test_noisy_labels_can_make_the_hinge_loss_give_up():
    """Many samples, a rare class, noisy labels: the larger class sits on the kink, and w = 0."""
    mean = np.full(40, 0.05)
    target = ra.GaussianMixture(np.stack([-mean, mean]), priors=[0.8, 0.2])
    problem = ra.FineTuning(
        target, ra.FixedSource(mean), n=800, gamma=0.01, intercept=True, label_noise=0.3, loss="hinge"
    )
    curve = loss_curve(problem)
    assert curve.solution(0.0).status == "collapsed"
    np.testing.assert_allclose(curve.class_mean(0.0), [-1, -1], atol=1e-4)
    assert curve.class_std(0.0).max() < 1e-3
    assert curve.accuracy(0.0) == pytest.approx(0.8, abs=1e-9)
    assert loss_curve(with_loss(problem, "logistic")).solution(0.0).status == "converged"


def test_warm_starts_change_nothing():
    problem = with_loss(MAKERS["per_class"](50, 60), "hinge")
    at = np.linspace(-3, 3, 13)
    together = problem.curve().class_std(at)
    alone = np.stack([problem.curve().class_std(a) for a in at])
    np.testing.assert_allclose(together, alone, rtol=1e-7)
    shuffled = problem.curve().class_std(at[::-1].reshape(13, 1))
    np.testing.assert_allclose(shuffled[::-1, 0], together, rtol=1e-7)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("maker", MAKERS)
def test_alphas_that_are_solved_at_once_are_as_if_alone(name, maker, monkeypatch):
    problem = with_loss(MAKERS[maker](50, 60), name)
    at = 10 * alphas(problem)
    alone = np.stack([loss_curve(problem).class_std(row) for row in at])
    with monkeypatch.context() as patched:
        patched.setattr(path, "solve", lambda *_: pytest.fail("one after the other"))
        together = loss_curve(problem).class_std(at)
    # The same steps; where rounding ends them one earlier, both solve the equations to 1e-10.
    np.testing.assert_allclose(together, alone, rtol=1e-8)
    # What does not arrive within two steps there is left to what `solve` does next.
    monkeypatch.setattr(iteration, "LIMIT", 2)
    np.testing.assert_allclose(loss_curve(problem).class_std(at), alone, rtol=1e-8)


def test_an_alpha_that_cannot_be_solved_spares_the_others(monkeypatch):
    """Every alpha is then solved alone, and the error is that of the one."""
    problem = with_loss(MAKERS["balanced"](40, 50), "logistic")
    at, step = np.array([0.5, 1.0, 2.0]), Equations.step

    def failing(equations, state):
        if (equations.alpha == 1.0).any():
            raise ArithmeticError("the expectations")
        return step(equations, state)

    expected = loss_curve(problem).accuracy(at[::2])
    monkeypatch.setattr(Equations, "step", failing)
    curve = loss_curve(problem)
    with pytest.raises(ArithmeticError, match="the expectations"):
        curve.accuracy(at)
    np.testing.assert_allclose(curve.accuracy(at[::2]), expected, rtol=1e-8)


def test_path_and_shapes():
    problem = with_loss(MAKERS["balanced"](40, 50), "logistic")
    curves = list(problem.path([0.1, 1.0]))
    expected = replace(problem, gamma=1.0).curve().accuracy(1.0)
    assert curves[1].accuracy(1.0) == pytest.approx(expected, rel=1e-9)
    curve = curves[0]
    assert isinstance(curve, ra.LossCurve)
    assert isinstance(curve.accuracy(1), float)
    assert np.shape(curve.accuracy(np.zeros((2, 3)))) == (2, 3)
    assert curve.class_mean(np.zeros((2, 3))).shape == (2, 3, 2)
    assert np.shape(curve.accuracy(np.zeros(0))) == (0,)
    assert curve.kappa(0.0).shape == (1,)
    assert curve.offset(0.0) == 0


def test_failure_carries_the_best_estimate():
    curve = loss_curve(with_loss(MAKERS["balanced"](40, 50), "logistic"))
    start = curve.solution(0.99).state
    with pytest.raises(ra.errors.ConvergenceError, match="the best estimate is in the attribute") as caught:
        iteration.iterate(curve.equations(np.array([1.0])), start, 1e-15, limit=2)
    best = caught.value.best
    assert best.status == "max_iter"
    assert best.residual < 1e-2
    np.testing.assert_allclose(best.state.mean, curve.class_mean(1.0), rtol=1e-2)


def test_an_intercept_that_nobody_holds_is_known_to_rounding():
    """A stiffness of 1e-7: the balance of the forces is known to 1e-16, and the intercept to 1e-9."""
    mean = np.full(200, 0.05)
    target = ra.GaussianMixture.symmetric(mean, np.geomspace(0.05, 2.0, 200))
    gamma = 5.107447750864881
    problem = ra.FineTuning(
        target, ra.FixedSource(mean), 346.41016151377534, gamma, intercept=True, loss="hinge"
    )
    solution = loss_curve(problem).solution(0.0)
    assert solution.status == "flat"
    assert abs(solution.state.offset) < 1e-7


def test_refusals():
    problem = MAKERS["balanced"](40, 50)
    with pytest.raises(ValueError, match="loss must be one of"):
        replace(problem, loss="log")
    with pytest.raises(ValueError, match="gamma must be positive for the huber loss"):
        replace(problem, loss="huber", gamma=0.0)
    means = np.eye(3, 40)
    with pytest.raises(ValueError, match="is a loss of labels -1 and"):
        ra.FineTuning(ra.GaussianMixture(means), ra.FixedSource(means, outputs=3), 50, 0.1, loss="hinge")
    curve = loss_curve(replace(problem, loss="logistic"))
    with pytest.raises(ValueError, match="dps needs loss='squared'"):
        replace(problem, loss="logistic").curve(dps=30)
    with pytest.raises(ValueError, match="alpha must be a finite number"):
        curve.class_mean(np.inf)
    with pytest.raises(ValueError, match="at most 1e"):
        curve.class_mean(1e70)
    with pytest.raises(ValueError, match="criterion must be one of 'accuracy', 'risk', 'loss'"):
        curve.optimum("speed")
    with pytest.raises(ValueError, match="rtol must be"):
        curve.optimum(rtol=0)
    with pytest.raises(ValueError, match="solution needs one alpha"):
        curve.solution([0.0, 1.0])
    with pytest.raises(ValueError, match="direction must have shape"):
        curve.along([1.0, 2.0])


def test_names_mean_the_objects():
    problem = MAKERS["balanced"](40, 50)
    for name, loss in LOSSES.items():
        by_name, by_object = with_loss(problem, name).curve(), with_loss(problem, loss).curve()
        assert by_name.accuracy(1.0) == pytest.approx(by_object.accuracy(1.0), rel=1e-8)


@pytest.mark.parametrize("loss", NAMES)
@pytest.mark.parametrize("intercept", [False, True])
def test_several_states_at_once_are_those_of_each(loss, intercept):
    problem = replace(with_loss(MAKERS["per_class"](30, 40), loss), intercept=intercept)
    equations = loss_curve(problem).equations(np.array([0.7]))
    x = np.random.default_rng(0).normal(size=(5, 7))
    together = equations.step(State.unpacked(x, 2)).packed()
    for row, found in zip(x, together, strict=True):
        assert found == pytest.approx(equations.step(State.unpacked(row, 2)).packed(), rel=1e-12, abs=1e-12)
