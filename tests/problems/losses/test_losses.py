"""Losses: derivatives, proximal operators, Gaussian expectations, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, optimize, special

from rmt_alpha.problems.losses import LOSSES, Hinge, Huber, Logistic, Loss, PiecewiseQuadratic, as_loss

ALL = {
    **LOSSES,
    "narrow huber": Huber(0.2),
    "tube": PiecewiseQuadratic([(1, -1), (1, 0), (2, 0), (2, 1)], 0, 0),
}

margins = st.floats(-50, 50)
kappas = st.floats(-6, 5).map(lambda x: 10.0**x)


class GenericHinge(Loss):
    """The hinge loss of a user who knows nothing of closed forms."""

    name = "generic hinge"
    kinks = (1.0,)

    def value(self, z):
        return np.maximum(0.0, 1.0 - z)

    def slope(self, z):
        return np.where(z < 1, -1.0, 0.0)

    def curvature(self, z):
        return 0.0 * z


class GenericSquaredHinge(Loss):
    name = "generic squared hinge"
    kinks = (1.0,)

    def value(self, z):
        return 0.5 * np.maximum(0.0, 1.0 - z) ** 2

    def slope(self, z):
        return -np.maximum(0.0, 1.0 - z)

    def curvature(self, z):
        return np.where(z < 1, 1.0, 0.0)


class GenericLogistic(Logistic):
    """Logistic, with the proximal operator that any loss has."""

    name = "generic logistic"

    def prox(self, z, kappa):
        return Loss.prox(self, z, kappa)


GENERIC = {"hinge": GenericHinge(), "squared_hinge": GenericSquaredHinge(), "logistic": GenericLogistic()}


def one(x):
    return np.array([float(x)])


@pytest.mark.parametrize("name", ALL)
def test_slope_and_curvature_are_derivatives_of_the_value(name):
    loss = ALL[name]
    z = np.linspace(-7.3, 7.4, 400)
    z = z[(abs(z[:, None] - np.array([*loss.kinks, 99.0])) > 1e-3).all(axis=1)]
    h = 1e-5
    np.testing.assert_allclose((loss.value(z + h) - loss.value(z - h)) / (2 * h), loss.slope(z), atol=1e-8)
    np.testing.assert_allclose(
        (loss.slope(z + h) - loss.slope(z - h)) / (2 * h), loss.curvature(z), atol=1e-8
    )


@pytest.mark.parametrize("loss", [*ALL.values(), *GENERIC.values()], ids=repr)
@given(z=margins, kappa=kappas)
def test_prox_minimises(loss, z, kappa):
    u = float(loss.prox(one(z), one(kappa))[0])
    # (z - u) / kappa lies between the slopes on both sides of u, up to the rounding of u and z.
    step = 4e-15 * max(1.0, abs(u), abs(z), kappa)
    low, high = loss.slope(np.array([u - 4 * step, u + 4 * step]))
    rounding = 8 * step / kappa + 1e-12
    assert low - rounding <= (z - u) / kappa <= high + rounding


@pytest.mark.parametrize("name", GENERIC)
def test_closed_forms_agree_with_what_any_loss_gets(name):
    rng = np.random.default_rng(5)
    mean, std = rng.normal(size=60) * 3, 10 ** rng.uniform(-2, 2, 60)
    kappa = 10 ** rng.uniform(-4, 4, 60)
    exact, generic = LOSSES[name].moments(mean, std, kappa), GENERIC[name].moments(mean, std, kappa)
    for x, y in zip(exact, generic, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-9, atol=2e-11)
    for x, y in (
        (LOSSES[name].training_loss(mean, std, kappa), GENERIC[name].training_loss(mean, std, kappa)),
        (LOSSES[name].test_loss(mean, std), GENERIC[name].test_loss(mean, std)),
    ):
        np.testing.assert_allclose(x, y, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("setting", [(0.3, 0.8, 0.5), (-2.0, 3.0, 40.0), (1.5, 0.1, 0.01)])
def test_expectations_against_scipy(name, setting):
    """scipy's quadrature over a proximal point that scipy's scalar minimiser confirms."""
    loss, (mean, std, kappa) = ALL[name], setting

    def force(x):
        z = mean + std * x
        return float(loss.prox(one(z), one(kappa))[0] - z) / kappa

    z = mean + std * 0.7
    found = optimize.minimize_scalar(
        lambda u: float(loss.value(one(u))[0]) + (u - z) ** 2 / (2 * kappa),
        bounds=(-200, 200),
        method="bounded",
        options={"xatol": 1e-10},
    )
    assert float(loss.prox(one(z), one(kappa))[0]) == pytest.approx(found.x, abs=1e-4)
    corners = np.clip((loss.breaks(one(kappa))[0] - mean) / std, -9, 9)

    def expected(f):
        value, _ = integrate.quad(
            lambda x: f(x) * np.exp(-0.5 * x * x) / np.sqrt(2 * np.pi), -9, 9,
            points=np.unique(corners), limit=400, epsabs=1e-13,
        )  # fmt: skip
        return value

    moments = loss.moments(one(mean), one(std), one(kappa))
    assert moments.pull[0] == pytest.approx(expected(force), rel=1e-8, abs=1e-11)
    assert moments.power[0] == pytest.approx(expected(lambda x: force(x) ** 2), rel=1e-8, abs=1e-11)
    # Stein: -E g' = -E[g x] / std, for any g.
    assert moments.stiffness[0] == pytest.approx(-expected(lambda x: force(x) * x) / std, rel=1e-7, abs=1e-10)
    prox = expected(lambda x: float(loss.value(loss.prox(one(mean + std * x), one(kappa)))[0]))
    assert loss.training_loss(one(mean), one(std), one(kappa))[0] == pytest.approx(prox, rel=1e-8, abs=1e-11)


def naive_prox(z, kappa):
    """Newton's method for the logistic proximal point, from z: what one writes first."""
    u = z.copy()
    for _ in range(60):
        tail = special.expit(-u)
        u = u - (u - kappa * tail - z) / (1 + kappa * tail * (1 - tail))
    return u


def test_logistic_prox_is_right_where_newton_from_elsewhere_cycles():
    """Started at z Newton's method ends in cycles of two for large kappa, and falsifies E g^2 by percents."""
    kappa, std = 40.0, 12.0
    x = np.linspace(-8, 8, 20001)
    z, weight = std * x, np.exp(-0.5 * x * x) * (x[1] - x[0]) / np.sqrt(2 * np.pi)
    exact = Logistic().prox(z, np.full(z.shape, kappa))
    residual = exact - kappa * special.expit(-exact) - z
    assert abs(residual).max() < 1e-12 * (1 + kappa + abs(z).max())
    wrong = naive_prox(z, kappa)
    cycling = abs(wrong - kappa * special.expit(-wrong) - z) > 1e-3
    assert cycling.any()
    power, naive = weight @ ((exact - z) / kappa) ** 2, weight @ special.expit(-wrong) ** 2
    assert abs(naive / power - 1) > 0.01
    assert Logistic().moments(one(0), one(std), one(kappa)).power[0] == pytest.approx(power, rel=1e-9)


def test_every_logistic_prox_is_found_to_rounding():
    """From the saturated side to the other, for steps from none to huge ones."""
    z, kappa = np.meshgrid(np.linspace(-800, 800, 1601), np.geomspace(1e-12, 1e12, 97))
    root = Logistic().prox(z, kappa)
    sizes = abs(root) + abs(z) + kappa * special.expit(-root)
    # Each of the three terms is rounded, and the last one moves with the rounding of the root.
    residual = abs(root - kappa * special.expit(-root) - z)
    bend = kappa * special.expit(-root) * special.expit(root)
    assert (residual <= 4 * np.finfo(float).eps * (sizes + bend * abs(root))).all()


def test_narrow_margins_beside_wide_ones():
    """Classes whose scores spread by 40 and by 0.01: each as if it were alone."""
    mean, std, kappa = np.array([0.5, 0.5, -3.0]), np.array([40.0, 0.01, 5.0]), np.array([1.0, 1.0, 2.0])
    together = np.stack(Logistic().moments(mean, std, kappa))
    alone = [np.stack(Logistic().moments(mean[i], std[i], kappa[i])) for i in np.arange(3)[:, None]]
    # The trapezoidal rule is right to rounding, of sums of up to a thousand terms below 1.
    np.testing.assert_allclose(together, np.concatenate(alone, axis=1), rtol=0, atol=1e-15)


def test_narrow_pieces_do_not_cancel():
    """The stiffness of the hinge loss tends to the density of margins at 1 as kappa tends to 0."""
    for kappa in (1e-3, 1e-6, 1e-9, 1e-13):
        found = Hinge().moments(one(0.5), one(0.7), one(kappa)).stiffness[0]
        density = np.exp(-0.5 * (0.5 / 0.7) ** 2) / (0.7 * np.sqrt(2 * np.pi))
        assert found == pytest.approx(density, rel=kappa + 1e-13)


class Bad(Loss):
    """Logistic with one thing wrong."""

    name = "bad"

    def __init__(self, **wrong):
        self.wrong = wrong
        self.kinks = wrong.get("kinks", ())

    def __getattribute__(self, attribute):
        wrong = object.__getattribute__(self, "__dict__").get("wrong", {})
        return wrong[attribute] if attribute in wrong else object.__getattribute__(self, attribute)

    def value(self, z):
        return Logistic().value(z)

    def slope(self, z):
        return Logistic().slope(z)

    def curvature(self, z):
        return Logistic().curvature(z)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            {"value": np.cos, "slope": lambda z: -np.sin(z), "curvature": lambda z: -np.cos(z)},
            "must be convex",
        ),
        ({"value": lambda z: np.where(z < -5, np.nan, 1.0)}, "must be finite: nan at the margin -1"),
        ({"slope": lambda z: -0.5 * special.expit(-z)}, "must be the derivative of its value"),
        ({"curvature": lambda z: 0 * z}, "must be the derivative of its slope"),
        ({"value": lambda z: z, "slope": lambda z: 1 + 0 * z, "curvature": lambda z: 0 * z}, "must fall"),
        ({"value": lambda z: float(np.sum(z))}, "must work elementwise"),
        ({"prox": lambda z, kappa: z}, "prox of the bad loss must minimise"),
        ({"kinks": (np.nan,)}, "kinks of the bad loss must be finite"),
    ],
)
def test_bad_losses_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        as_loss(Bad(**wrong))


def test_unknown_losses_are_refused():
    with pytest.raises(ValueError, match="'squared', 'logistic', 'hinge', 'squared_hinge', 'huber'"):
        as_loss("log")
    with pytest.raises(TypeError, match="instance of a subclass of Loss"):
        as_loss(Logistic)
    with pytest.raises(TypeError, match="must define value"):
        as_loss(Loss())
    with pytest.raises(ValueError, match="delta must be a positive number"):
        Huber(0)
    with pytest.raises(ValueError, match="non-decreasing slope"):
        PiecewiseQuadratic([(1, 0), (1, -1)], 0, 0)
    with pytest.raises(ValueError, match="states no probabilities"):
        Hinge().probability(one(0))
    assert as_loss("hinge") is LOSSES["hinge"]
    assert as_loss(GENERIC["hinge"]) is GENERIC["hinge"]


def test_quadrature_that_cannot_reach_its_tolerance_says_so():
    class Noisy(Logistic):
        name = "noisy"

        def slope(self, z):
            return super().slope(z) * (1 + 1e-6 * np.sin(1e9 * z))

    with pytest.raises(ArithmeticError, match="could not be integrated"):
        Noisy().moments(one(0), one(1), one(1))

    class Explosive(Logistic):
        name = "explosive"

        def slope(self, z):
            return np.where(z < -3, np.nan, super().slope(z))

    with pytest.raises(ArithmeticError, match="not finite at the margin"):
        Explosive().moments(one(0), one(5), one(0.1))


@pytest.mark.parametrize("kind", [GenericHinge, GenericSquaredHinge])
def test_kinks_that_are_not_declared_are_found(kind):
    hidden = type("Hidden", (kind,), {"kinks": (), "name": "hidden"})()
    with pytest.raises(ValueError, match="hidden loss jumps where `kinks` does not say so"):
        as_loss(hidden)


def test_the_logistic_proximal_point_at_any_kappa():
    z = np.concatenate([np.linspace(-2, 1, 61), [-0.5]])
    for kappa in np.logspace(-13, 9, 23):
        at = z * max(kappa, 30.0)
        u = Logistic().prox(at, np.full(at.shape, kappa))
        size = abs(u) + abs(at) + kappa
        assert (abs(u + kappa * Logistic().slope(u) - at) <= 4 * np.finfo(float).eps * size).all()
        assert (abs(u + Logistic().prox(-kappa - at, np.full(at.shape, kappa))) <= 1e-8 * (1 + abs(u))).all()
