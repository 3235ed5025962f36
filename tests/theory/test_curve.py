"""What all curves have in common: names, answers and refusals, and searches that agree with closed forms."""

from __future__ import annotations

import dataclasses
import inspect
import math
import pickle
from collections.abc import Callable
from functools import cache

import mpmath
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from loss_problems import MAKERS, with_loss
from mixture_strategies import problems as mixture_problems
from scipy import special
from strategies import moderate_problems, problems

import rmt_alpha as ra
from rmt_alpha.errors import NotAvailable
from rmt_alpha.theory import curve as curve_module
from rmt_alpha.theory import searches
from rmt_alpha.theory.curve import QUESTIONS, Curve, Optimum

MEAN = np.ones(12) / np.sqrt(12)
SPECTRUM = np.linspace(0.2, 2.0, 12)
OTHER = np.cos(np.arange(12.0))


def mixture(classes: int, sources: int = 0, loss: str = "squared") -> ra.FineTuning:
    """Unbalanced classes with covariances of their own."""
    means = np.stack([np.roll(1.5 * OTHER, 3 * c) / 2 for c in range(classes)]) + 0.2 * MEAN
    priors = np.arange(2.0, 2 + classes) / np.arange(2.0, 2 + classes).sum()
    target = ra.GaussianMixture(means, [SPECTRUM * (1 + c / 2) for c in range(classes)], priors)
    outputs = 1 if classes == 2 else classes
    rows = 0.4 * (means[1] - means[0])[None] if classes == 2 else 0.4 * means
    stack = np.stack([rows + 0.1 * k * np.roll(OTHER, k) for k in range(max(sources, 1))])
    weights = stack if sources else stack[0]
    source = ra.FixedSource(weights if outputs > 1 else weights[..., 0, :], outputs=outputs)
    return ra.FineTuning(target, source, n=20, gamma=0.3, intercept=True, loss=loss)


def regression() -> ra.RidgeRegressionTransfer:
    rows = np.stack([MEAN, OTHER])
    return ra.RidgeRegressionTransfer(SPECTRUM, rows, 0.7 * rows + 0.1, 0.5, n=20, gamma=0.1)


CURVES = {
    "isotropic": lambda: ra.TransferProblem(0.6, p=100, n=50, N=300, gamma=0.2).curve(),
    "isotropic, precise": lambda: ra.TransferProblem(0.6, p=100, n=50, N=300, gamma=0.2).curve(dps=25),
    "isotropic, arrays": lambda: ra.TransferProblem([0.1, 0.6], p=100, n=50).curve(),
    "along": lambda: ra.TransferProblem(0.6, p=100, n=50, N=300, gamma=0.2).curve().along(-2.0),
    "two classes": lambda: mixture(2).curve(),
    "two classes, precise": lambda: mixture(2).curve(dps=25),
    "three classes": lambda: mixture(3).curve(),
    "two sources": lambda: mixture(2, sources=2).curve(),
    "two sources along": lambda: mixture(2, sources=2).curve().along([1.0, 0.5]),
    "logistic": lambda: mixture(2, loss="logistic").curve(),
    "hinge": lambda: mixture(2, loss="hinge").curve(),
    "logistic, two sources": lambda: mixture(2, sources=2, loss="logistic").curve(),
    "logistic along": lambda: mixture(2, sources=2, loss="logistic").curve().along([1.0, 0.5]),
    "softmax": lambda: dataclasses.replace(mixture(3, loss="logistic"), gamma=5.0).curve(),
    "softmax, two sources": lambda: mixture(3, sources=2, loss="logistic").curve(),
    "low rank": lambda: ra.LowRankTransfer(0.6, [3, 2], 6.0, 1.0, n=50, p=20, d=15).curve(2),
    "regression": lambda: regression().curve(),
    "regression, precise": lambda: regression().curve(dps=25),
}
every_curve = pytest.mark.parametrize("make", CURVES.values(), ids=CURVES)
CLASSES = (ra.AlphaCurve, ra.MixtureCurve, ra.LossCurve, ra.SoftmaxCurve, ra.RegressionCurve, ra.LowRankCurve)
ARGUMENTS = {
    "along": lambda curve: (np.ones(curve.sources),),
    "tolerance_interval": lambda curve: (0.02,),
    "posterior": lambda curve: (0.3 if isinstance(curve, ra.LossCurve) else np.ones(3), 1.0),
    "equations": lambda curve: (np.ones(curve.sources),),
    **dict.fromkeys(
        ("optimum", "optimal_alpha", "neutral_alpha", "transfer_interval", "landmarks", "optimal_alpha_std"),
        lambda curve: (),
    ),
}


@cache
def made(make: Callable[[], Curve]) -> Curve:
    """One curve for several tests: it keeps what it has solved."""
    return make()


def ask(curve: Curve, name: str):
    return getattr(curve, name)(*ARGUMENTS.get(name, lambda curve: (1.0,))(curve))


# --- one interface ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", CLASSES)
def test_all_curves_have_the_same_methods_called_in_the_same_way(kind):
    for name in QUESTIONS:
        ours, common = (inspect.signature(getattr(owner, name)).parameters for owner in (kind, Curve))
        # A model may add keywords; what is common has the same names, in the same order.
        both = [
            [p for p in names if names[p].kind is not inspect.Parameter.KEYWORD_ONLY]
            for names in (ours, common)
        ]
        assert both[0] == both[1], name
        assert ours.keys() >= common.keys(), name
        assert callable(inspect.getattr_static(kind, name)), name


@every_curve
def test_a_curve_answers_what_it_says_and_refuses_the_rest(make):
    curve = made(make)
    assert set(QUESTIONS) - curve.answers == set(curve._refusals()) & set(QUESTIONS)
    for name in sorted(curve.answers):
        assert ask(curve, name) is not None
    for name in sorted(curve._refusals()):
        with pytest.raises(NotAvailable, match=f"{type(curve).__name__} has no {name}: ") as refused:
            ask(curve, name)
        assert isinstance(refused.value, ValueError)


def test_what_a_model_leaves_out_is_refused():
    """A new kind of curve need not list what it does not override; no question ends in a KeyError."""

    class Bare(Curve):
        optimum = along = risk = lambda self, *_: None  # type: ignore[assignment]
        _summary = lambda self: "bare"  # noqa: E731

    curve = Bare()
    for name in (*curve_module.NO_DEFAULT, *curve_module.ERROR_BARS):
        assert name not in curve.answers
        with pytest.raises(NotAvailable, match=f"Bare has no {name}: no formula .* simulate"):
            ask(curve, name)


@every_curve
def test_looking_at_a_curve_never_fails(make):
    curve = make()
    names = {name for name, _ in inspect.getmembers(curve)}
    assert names >= set(QUESTIONS)
    assert not hasattr(curve, "no_such_name")
    text = repr(curve)
    assert text.startswith(f"{type(curve).__name__}(")
    assert "\n" not in text
    assert len(text) < 100
    assert isinstance(pickle.loads(pickle.dumps(CURVES["logistic"]())), ra.LossCurve)


@every_curve
def test_the_optimum_says_how_it_is_known(make):
    curve = made(make)
    if "optimum" not in curve.answers:
        return
    for criterion in curve.criteria:
        best = curve.optimum(criterion)
        assert isinstance(best, Optimum)
        assert [field.name for field in dataclasses.fields(best)] == [
            *("alpha", "value", "direction", "bracket", "finite"),
        ]
        assert np.array_equal(best.alpha, curve.optimal_alpha(criterion))
        finite = np.isfinite(np.asarray(best.alpha, float))
        assert np.array_equal(finite if np.ndim(best.finite) else finite.all(), best.finite)
        assert (best.direction is None) == bool(np.all(best.finite))
        if best.bracket is not None:
            assert np.all(best.bracket[0] <= best.alpha)
            assert np.all(best.alpha <= best.bracket[1])
        name = {"loss": "test_loss"}.get(criterion, criterion)
        assert np.asarray(getattr(curve, name)(best.alpha), float) == pytest.approx(
            np.asarray(best.value, float), rel=1e-9
        )
        assert best == curve.optimum(criterion)
        assert hash(best) == hash(curve.optimum(criterion))
    with pytest.raises(ValueError, match="criterion must be one of"):
        curve.optimum("speed")
    for other in {"accuracy", "risk", "loss"} - set(curve.criteria):
        with pytest.raises(NotAvailable, match=f"has no criterion '{other}'"):
            curve.optimal_alpha(other)


def test_an_optimum_at_infinity_has_a_direction():
    target = ra.GaussianMixture.symmetric([1.0, 0.2, 0.1], np.array([10.0, 0.1, 0.01]))
    source = ra.FixedSource([1.1, 3.2, 8.9])
    for loss in ("squared", "hinge"):
        best = ra.FineTuning(target, source, n=16, gamma=10, loss=loss).curve().optimum()
        if not best.finite:
            assert best.bracket is not None
            assert (best.alpha, np.asarray(best.direction).tolist(), best.bracket[1]) == (
                np.inf,
                [1.0],
                np.inf,
            )
    lost = ra.TransferProblem(-0.5, p=10, n=40, gamma=0).curve().optimum()
    assert (lost.alpha, np.asarray(lost.direction).tolist(), lost.finite) == (-np.inf, [-1.0], False)
    both = ra.TransferProblem([0.0, 0.5], p=10, n=40, gamma=0).curve().optimum()
    assert np.asarray(both.finite).tolist() == [True, False]
    assert np.asarray(both.direction).tolist() == [[0.0], [1.0]]


# --- the moments and the margin -----------------------------------------------------------------------------


@every_curve
def test_accuracy_is_phi_of_the_margin_and_the_average_of_the_classes(make):
    curve = made(make)
    if "accuracy" not in curve.answers:
        return
    alpha = np.array([-1.0, 0.0, 2.0])
    if "landmarks" not in curve.answers:  # several sources, or several problems
        alpha = np.array([[0.5, 0.5], [-1.0, 2.0]])
    accuracy = np.asarray(curve.accuracy(alpha), float)
    margin = np.asarray(curve.margin(alpha), float)
    np.testing.assert_allclose(special.ndtr(margin), accuracy, rtol=1e-12)
    np.testing.assert_allclose(special.ndtr(-margin), np.asarray(curve.error(alpha), float), rtol=1e-10)
    np.testing.assert_allclose(np.exp(np.asarray(curve.log_accuracy(alpha), float)), accuracy, rtol=1e-12)
    each = np.asarray(curve.class_accuracy(alpha), float)
    assert each.shape[:-1] == accuracy.shape
    priors = np.asarray(getattr(curve, "priors", np.full(2, 0.5)), float)
    np.testing.assert_allclose(each @ priors, accuracy, rtol=1e-12)
    if "mean" in curve.answers:
        means = np.asarray(curve.class_mean(alpha), float) * np.array([-1, 1])
        np.testing.assert_allclose(means @ priors, np.asarray(curve.mean(alpha), float), rtol=1e-12)
        second = (means**2 + np.asarray(curve.class_std(alpha), float) ** 2) @ priors
        np.testing.assert_allclose(second, np.asarray(curve.second(alpha), float), rtol=1e-12)
    assert (np.asarray(curve.accuracy_uncertainty(alpha), float) >= 0).all()


def test_the_margin_keeps_its_digits_where_errors_are_tiny():
    target = ra.GaussianMixture(3 * np.stack([-MEAN, 1.2 * MEAN]) * 4, [SPECTRUM / 4, SPECTRUM / 3])
    problem = ra.FineTuning(target, ra.FixedSource(MEAN), n=50, gamma=0.3)
    curve, exact = problem.curve(), problem.curve(dps=40)
    assert curve.accuracy(1.0) == 1.0
    with mpmath.workdps(40):
        assert abs(mpmath.ncdf(-exact.margin(1)) / exact.error(1) - 1) < mpmath.mpf(10) ** -35
        assert abs(mpmath.log(exact.error(1)) / exact.log_error(1) - 1) < mpmath.mpf(10) ** -35
    assert curve.margin(1.0) == pytest.approx(float(exact.margin(1)), rel=1e-12)
    assert curve.margin(-5.0) == pytest.approx(float(exact.margin(-5)), rel=1e-12)


@given(moderate_problems(), st.sampled_from([-2.0, 0.5, 3.0]))
def test_along_one_source_multiplies_alpha(problem, factor):
    curve = problem.curve()
    line = curve.along([factor])
    for name in (*("mean", "variance", "risk", "accuracy", "accuracy_std", "risk_std"), "variance_std"):
        expected = getattr(curve, name)(factor * 0.7)
        assert getattr(line, name)(0.7) == pytest.approx(expected, rel=1e-9), name
    for name in ("optimal_alpha", "optimal_alpha_std"):
        scaled = getattr(curve, name)() / (abs(factor) if name.endswith("std") else factor)
        assert getattr(line, name)() == pytest.approx(scaled, rel=1e-9)
    ends = np.sort(np.array(curve.tolerance_interval(0.02)) / factor)
    np.testing.assert_allclose(line.tolerance_interval(0.02), ends, rtol=1e-9)


# --- searches against closed forms --------------------------------------------------------------------------


def closed_against_searched(curve: Curve, tolerance: float) -> None:
    """Ends that pass the same level; where accuracy is flat their alphas may differ, their levels not."""
    best = curve.optimum()
    for closed, searched in (
        (curve.transfer_interval(), Curve.transfer_interval(curve)),
        (curve.tolerance_interval(tolerance), Curve.tolerance_interval(curve, tolerance)),
        ((curve.neutral_alpha(),), (Curve.neutral_alpha(curve),)),
    ):
        for end, found in zip(map(float, closed), map(float, searched), strict=True):
            # Levels are compared in float64: 1e-13 is what `FLAT` calls rounding, at infinity too.
            far = curve.accuracy(np.array([end, found]))
            assert abs(np.diff(far)[0]) < 3e-13, (closed, searched, best)
            slope = float(np.abs(curve.accuracy_derivative(end))) if math.isfinite(end) else 0.0
            if slope * max(1.0, abs(end)) > 1e-4:
                assert found == pytest.approx(end, rel=1e-8, abs=1e-8)


def test_where_alphas_are_costly_none_is_asked_beyond_the_first_below_the_level():
    asked: list[float] = []

    def accuracy(alpha):
        asked.extend(np.ravel(alpha).tolist())
        return np.exp(-np.square(alpha))

    every = searches.LevelSearch(accuracy, 0.5, 0.0, 1.0, np.inf, 24)
    one_by_one = dataclasses.replace(every, one_by_one=True, rounding=searches.FLAT)
    end = np.sqrt(np.log(2))
    assert every.ends() == pytest.approx((-end, end), abs=1e-14)
    count = len(asked)
    asked.clear()
    # The slope there is `end`.
    assert one_by_one.ends() == pytest.approx((-end, end), abs=searches.FLAT / end + 1e-14)
    assert max(map(abs, asked)) < np.tan(np.arctan(end) + np.pi / 2 / 23)
    assert len(asked) < count


@given(moderate_problems(), st.sampled_from([0.001, 0.02, 0.2]))
def test_searches_find_the_closed_forms_of_the_isotropic_curve(problem, tolerance):
    curve = problem.curve()
    assume(curve.gain(0.0) > 1e-9)
    closed_against_searched(curve, tolerance)


@given(mixture_problems(classes=2, sources=1), st.sampled_from([0.001, 0.02, 0.2]))
def test_searches_find_the_closed_forms_of_a_mixture_with_one_margin(problem, tolerance):
    means = problem.target.means
    target = ra.GaussianMixture.symmetric((means[1] - means[0]) / 2, problem.target.covariances[0])
    curve = dataclasses.replace(problem, target=target, intercept=False, label_noise=0.0).curve().along(1.0)
    best = curve.optimum()
    assume(best.finite and best.value - curve.accuracy(0.0) > 1e-9)
    closed_against_searched(curve, tolerance)


@given(st.one_of(moderate_problems(), mixture_problems(classes=2, sources=1)), st.floats(-4, 4))
def test_differences_agree_with_the_derivative(problem, alpha):
    curve = problem.curve().along(1.0)
    closed, found = curve.accuracy_derivative(alpha), Curve.accuracy_derivative(curve, alpha)
    scale = curve._alpha_scale()
    # Near the end of the angles the step is a quarter of what is left.
    step = min(searches.STEP, (np.pi / 2 - abs(np.arctan(alpha / scale))) / 4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(searches, "STEP", step / 2)
        finer = Curve.accuracy_derivative(curve, alpha)
    # The error is of fourth order in the step: a 16th at half of it.  Beside it roundings of the accuracy, a
    # few in each, 1.5 over the step, per radian of the angle: once in the difference, thrice in the error.
    rounding = 1.5 * 8e-16 / step * scale / (scale**2 + alpha**2)
    assert found == pytest.approx(closed, abs=16 / 15 * (abs(finer - found) + 3 * rounding) + rounding)
    assert Curve.accuracy_derivative(curve, np.inf) == curve.accuracy_derivative(np.inf) == 0


@pytest.mark.parametrize(
    "name",
    [
        "two classes",
        "three classes",
        "two sources along",
        "logistic",
        pytest.param("hinge", marks=pytest.mark.slow),
    ],
)
def test_intervals_are_those_of_a_grid(name):
    curve = CURVES[name]()
    grid = np.linspace(-12, 12, 121 if curve.costly else 1201)
    step = 1.01 * (grid[1] - grid[0])
    accuracy = np.asarray(curve.accuracy(grid))
    best = curve.optimum()
    assert accuracy.max() <= best.value + 1e-9

    def around(level: float) -> tuple[float, float]:
        """The run of the grid around the best alpha that is above the level."""
        inside = accuracy >= level
        at = int(np.argmin(abs(grid - best.alpha)))
        low = at - int(np.argmin(inside[at::-1])) if not inside[at::-1].all() else -1
        high = at + int(np.argmin(inside[at:])) if not inside[at:].all() else len(grid)
        return (
            -np.inf if low < 0 else float(grid[low]),
            np.inf if high >= len(grid) else float(grid[high]),
        )

    neutral = curve.neutral_alpha()
    asked = {
        best.value - 0.02: curve.tolerance_interval(0.02),
        curve.accuracy(0.0): curve.transfer_interval(),
    }
    for level, (low, high) in asked.items():
        for end, expected in zip((low, high), around(float(level)), strict=True):
            if np.isfinite(expected):
                assert end == pytest.approx(expected, abs=step)
            else:
                assert np.abs(end) > 11.9
            if np.isfinite(end):
                assert curve.accuracy(end) == pytest.approx(level, abs=1e-8)
    ends = [end for end in around(0.5) if np.isfinite(end)]
    if ends:
        assert neutral == pytest.approx(min(ends, key=abs), abs=step)
    if np.isfinite(neutral):
        assert curve.accuracy(neutral) == pytest.approx(0.5, abs=1e-8)
        assert curve.margin(neutral) == pytest.approx(0.0, abs=1e-7)


@pytest.mark.parametrize("name", ["three classes", "logistic", "hinge", "logistic along"])
def test_derivatives_are_difference_quotients(name):
    curve = CURVES[name]()
    alpha, step = np.array([-1.0, 0.3, 1.7]), 1e-3
    below, above = curve.accuracy(alpha - step), curve.accuracy(alpha + step)
    quotient = (above - below) / (2 * step)
    np.testing.assert_allclose(curve.accuracy_derivative(alpha), quotient, atol=1e-6)
    # A derivative of something else trips.
    assert np.abs(curve.accuracy_derivative(2 * alpha) - quotient).max() > 1e-4


@pytest.mark.parametrize("name", ["isotropic", "two classes", "three classes", "logistic", "regression"])
def test_tolerances_may_be_arrays(name):
    curve = CURVES[name]()
    lows, highs = map(np.asarray, curve.tolerance_interval(np.array([[0.01], [0.05]])))
    assert lows.shape == highs.shape == (2, 1)
    assert (lows[0, 0], highs[0, 0]) == pytest.approx(curve.tolerance_interval(0.01), rel=1e-12)
    with pytest.raises(ValueError, match="tolerance must be a number in"):
        curve.tolerance_interval(0)


def test_the_best_alpha_for_the_risk_of_a_loss():
    curve = with_loss(MAKERS["per_class"](50, 60), "logistic").curve()
    best = curve.optimum("risk")
    assert best.value == pytest.approx(curve.risk(best.alpha), rel=1e-12)
    around = curve.risk(best.alpha + np.array([-0.1, -0.01, 0.01, 0.1]))
    assert np.all(around > best.value)


@given(problems())
def test_an_interval_of_the_wrong_level_is_noticed(problem):
    curve = problem.curve()
    _, high = curve.tolerance_interval(0.02)
    wrong = curve.tolerance_interval(0.03)
    assume(math.isfinite(high) and curve.accuracy_derivative(high) * high < -1e-3)
    assert abs(Curve.tolerance_interval(curve, 0.02)[1] - high) < 1e-6 * high < abs(wrong[1] - high)


def test_a_curve_without_influence_has_intervals_too():
    curve = ra.TransferProblem(0.5, p=10, n=40, gamma=0).curve()
    assert curve.tolerance_interval(0.1) == Curve.tolerance_interval(curve, 0.1) == (-np.inf, np.inf)
    assert Curve.neutral_alpha(curve) == np.inf
    idle = ra.FineTuning(ra.GaussianMixture(np.eye(3)), ra.FixedSource(np.zeros((3, 3)), outputs=3), 9, 1)
    flat = idle.curve()
    assert flat.transfer_interval() == (0.0, 0.0)
    assert flat.tolerance_interval(0.1) == (-np.inf, np.inf)
    np.testing.assert_array_equal(flat.accuracy_derivative([0.0, 1.0]), [0.0, 0.0])
