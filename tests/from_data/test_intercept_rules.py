"""Every rule for intercept and units against refitting everything without each sample, by least squares.

Refitted are the weights, the intercept, the mean by which features are centred, and the deviations that are
standard units.  Held are the hyperparameters: the penalty n gamma, alpha and the strength k0.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from small_samples import deviations, fit_of_rule, left_out_of_rule

from rmt_alpha.from_data.columns import Columns
from rmt_alpha.from_data.criteria.evidence import Evidence
from rmt_alpha.from_data.decomposition import others
from rmt_alpha.from_data.decomposition.design import Design, designs
from rmt_alpha.from_data.decomposition.rules import AVERAGED, AVERAGED_REGRESSION, PSEUDO, Rule, rules_of
from rmt_alpha.from_data.decomposition.samples import Samples
from rmt_alpha.from_data.ridge_path import RidgePath

EXACT = 1e-10
"""Asked for; what is seen is a hundred times smaller."""

RULES = st.builds(
    Rule,
    pseudo=st.one_of(st.sampled_from([None, 0.0, math.inf]), st.floats(1e-3, 1e4)),
    standard=st.booleans(),
)
SHAPES = st.sampled_from([(7, 12), (12, 12), (13, 12), (14, 12), (20, 12), (26, 4), (2, 3)])
SEEDS = st.integers(0, 2**32 - 1)


class World:
    """Samples of two unequal classes anywhere, with weights, two outputs and two sources."""

    def __init__(self, seed, shape, mean=1.0, weighted=0, constant_column=False):
        rng = np.random.default_rng(seed)
        n, p = shape
        y = np.where(np.arange(n) < max(1, n // 5), 1.0, -1.0)
        self.X = mean + rng.standard_normal((n, p)) + 0.3 * y[:, None]
        if constant_column:
            self.X[:, 1] = mean
        self.labels = np.column_stack([y, rng.standard_normal(n)])
        self.scores = self.X @ rng.standard_normal((2, p, 2)) / np.sqrt(p) + 0.3
        self.counts = rng.integers(1, 4, n).astype(float) if weighted else np.ones(n)
        importance = np.ones(n)
        if weighted == 2:
            self.counts = rng.exponential(size=n) + 0.3  # some below 1: all of them is removed
            importance = rng.exponential(size=n) + 0.1
        scale = self.counts.sum() / (self.counts @ importance)
        self.mass = scale * importance * self.counts
        self.removed = scale * importance * np.minimum(self.counts, 1.0)
        self.samples = Samples.of(self.X, self.counts, importance if weighted == 2 else None)

    def path(self, rule):
        """Rows that are not centred through those that are, as in an average over rules."""
        design, _ = designs(self.samples, [rule, Rule(0.0, rule.standard)])
        return RidgePath(Columns.of(design, self.labels, self.scores), rule.pseudo)

    def held(self, rule, gamma):
        """Hyperparameters, from their definitions."""
        units = deviations(self.X, self.mass) if rule.standard else np.ones(self.X.shape[1])
        return rule, gamma * self.mass.sum(), units

    def targets(self, alpha):
        return self.labels - np.tensordot(alpha, self.scores, 1)


def worst(found, expected):
    return np.abs(found - expected).max() / (1 + np.abs(expected).max())


@given(
    seed=SEEDS,
    shape=SHAPES,
    mean=st.sampled_from([0.0, 1.0, 10.0]),
    weighted=st.integers(0, 2),
    constant_column=st.booleans(),
    rule=RULES,
    log_gamma=st.floats(-2.0, 3.0),
)
def test_fits_and_left_out_scores_are_those_of_refitting(
    seed, shape, mean, weighted, constant_column, rule, log_gamma
):
    world, alpha, gamma = World(seed, shape, mean, weighted, constant_column), [0.7, -0.4], 10.0**log_gamma
    point, fit = np.array([1.0, *alpha]), world.path(rule).at(gamma)
    targets, held = world.targets(alpha), world.held(rule, gamma)
    weights, intercept = fit.correction(point)
    expected, center, _ = fit_of_rule(world.X, targets, world.mass, *held)
    assert worst(world.X @ weights.T + intercept, world.X @ expected + center) < EXACT
    found = fit.left_out(point) - np.tensordot(alpha, world.scores, 1)
    assert worst(found, left_out_of_rule(world.X, targets, world.mass, world.removed, *held)) < EXACT


@pytest.mark.parametrize("rule", [*AVERAGED, Rule(0.0)], ids=str)
def test_an_infinite_ridge_trains_the_average_alone(rule):
    world, point = World(1, (9, 5), weighted=2), np.array([1.0, 0.7, -0.4])
    fit, held = world.path(rule).at(math.inf), world.held(rule, math.inf)
    weights, intercept = fit.correction(point)
    _, center, _ = fit_of_rule(world.X, world.targets(point[1:]), world.mass, *held)
    assert not weights.any()
    assert intercept == pytest.approx(center, abs=1e-13)
    found = fit.left_out(point) - np.tensordot(point[1:], world.scores, 1)
    expected = left_out_of_rule(world.X, world.targets(point[1:]), world.mass, world.removed, *held)
    assert found == pytest.approx(expected, abs=1e-13)
    # Where the average is held, too, the rest is exactly 0: the accuracy at alpha near 0 would see a copy
    # of the labels, however small.
    assert fit.leave_one_out.lines[:, 0].any() == (rule.pseudo not in (None, math.inf))


@pytest.mark.parametrize("rule", [r for r in AVERAGED if not r.standard] + [Rule(0.0)], ids=str)
@pytest.mark.parametrize("most", [1e6, 1e12])
def test_one_row_that_matters_much_more_than_the_others(rule, most):
    # Without it the others are a millionth, or less, of the mass: n - c_i would have lost their digits.
    world = World(2, (9, 4))
    world.samples = Samples.of(world.X, None, np.where(np.arange(9) == 4, most, 1.0))
    world.mass = world.removed = world.samples.mass
    found = world.path(rule).at(0.3).left_out(np.array([1.0, 0.0, 0.0]))
    held = world.held(rule, 0.3)
    assert worst(found, left_out_of_rule(world.X, world.labels, world.mass, world.removed, *held)) < EXACT


@pytest.mark.parametrize("rule", [Rule(1.0), Rule(10.0), Rule(math.inf)], ids=str)
def test_wrong_formulas_would_be_seen(rule):
    world, gamma = World(3, (20, 12)), 0.3
    path, n = world.path(rule), 20
    free, y = path.columns.at(gamma), world.labels
    residuals, mean = free.residuals[:, 0], y.mean(axis=0)
    expected = left_out_of_rule(world.X, y, world.mass, world.removed, *world.held(rule, gamma))

    def left_out(kept, rest):
        return y - residuals / free.freedom[:, None] - kept * rest

    def shrinkage(total):
        return 1.0 if math.isinf(rule.pseudo) else rule.pseudo / (total + rule.pseudo)

    rest = (n * mean - y) / (n - 1)
    assert worst(left_out(shrinkage(n - 1), rest), expected) < EXACT
    assert worst(left_out(shrinkage(n - 1), mean), expected) > 1e-3  # the mean residual of all
    if math.isfinite(rule.pseudo):
        assert worst(left_out(shrinkage(n), rest), expected) > 1e-4  # n instead of n - 1
    # Centred by the mean of all, held: the usual residual over 1 minus leverage.
    own, kept = residuals + shrinkage(n) * mean, free.freedom + shrinkage(n) / n
    assert worst(y - own / kept[:, None], expected) > 1e-2


@given(seed=SEEDS, shape=SHAPES, weighted=st.integers(0, 2), rule=RULES, log_gamma=st.floats(-2.0, 3.0))
def test_products_of_residuals_are_least_objectives(seed, shape, weighted, rule, log_gamma):
    """z^T V^T (I - H) V z is the least objective of the labels V z over n; so is that without a sample."""
    world, gamma = World(seed, shape, 1.0, weighted), 10.0**log_gamma
    fit, held, n = world.path(rule).at(gamma), world.held(rule, gamma), world.mass.sum()
    for z in np.random.default_rng(seed).standard_normal((2, 3)):
        targets = z[0] * world.labels + np.tensordot(z[1:], world.scores, 1)
        _, _, least = fit_of_rule(world.X, targets, world.mass, *held)
        size = (world.mass @ targets**2).sum() / n
        assert z @ fit.gram @ z == pytest.approx(least.sum() / n, rel=EXACT, abs=EXACT * size)
        i = seed % len(targets)
        rest = world.mass - world.removed * (np.arange(len(targets)) == i)
        rows = rest > 1e-12 * world.mass
        _, _, least = fit_of_rule(world.X[rows], targets[rows], rest[rows], *held)
        assert z @ fit.grams_without[i] @ z == pytest.approx(least.sum() / n, rel=EXACT, abs=EXACT * size)


@pytest.mark.parametrize("rule", AVERAGED, ids=str)
@pytest.mark.parametrize("shape", [(9, 14), (14, 14), (24, 5)])
def test_evidence_is_the_dense_marginal_likelihood(rule, shape):
    world, gamma, point = World(4, shape), 0.4, np.array([1.0, 0.7, -0.4])
    n = len(world.X)
    _, _, units = world.held(rule, gamma)
    rows = (world.X - world.X.mean(axis=0) if rule.pseudo is not None else world.X) / units
    covariance = np.eye(n) + rows @ rows.T / (n * gamma)
    if rule.pseudo is not None and math.isfinite(rule.pseudo):
        covariance += 1 / rule.pseudo  # of the average correction
    missed = world.targets(point[1:])
    sigma2 = np.einsum("ik,ik->", missed, np.linalg.solve(covariance, missed)) / missed.size
    expected = stats.multivariate_normal(np.zeros(n), sigma2 * covariance).logpdf(missed.T).sum()
    assert Evidence().score(world.path(rule).at(gamma), point) == pytest.approx(expected, rel=1e-10)


@given(seed=SEEDS, shape=SHAPES, rule=RULES, scale=st.floats(-6, 6))
def test_ridges_by_degrees_of_freedom(seed, shape, rule, scale):
    rng = np.random.default_rng(seed)
    world = World(seed, shape)
    samples = Samples.of(world.X * 10 ** (scale * rng.standard_normal(shape[1]) / 3))
    design, odds = Design.of(samples, rule), np.logspace(-4, 4, 9)
    ridges = design.ridges(odds)
    assert np.all(np.diff(ridges) < 0)
    # Found to a millionth in log gamma, of which log odds change by at most twice as much.
    assert design.odds(ridges) == pytest.approx(odds, rel=4e-6)
    smoother = [
        np.sum(design.eigenvalues[: design.rank] / (design.eigenvalues[: design.rank] + g)) for g in ridges
    ]
    assert odds == pytest.approx([used / (design.rank - used) for used in smoother], rel=1e-5)


@pytest.mark.parametrize("shape", [(8, 24), (24, 8)])
def test_ridges_of_a_flat_spectrum_are_multiples_of_its_eigenvalue(shape):
    n, p = shape
    axes = np.linalg.qr(np.random.default_rng(0).standard_normal((max(shape), max(shape))))[0]
    X = 3 * np.sqrt(n) * axes[:n, :p]  # orthonormal rows, or columns
    design = Design.of(Samples.of(X), Rule())
    assert design.eigenvalues[: design.rank] == pytest.approx(np.full(min(shape), 9.0))
    odds = np.logspace(-4, 4, 9)
    assert design.ridges(odds) == pytest.approx(9 / odds, rel=1e-6)


def test_held_deviations_matter_by_order_1_over_n():
    """Where ridges are compared deviations are held; refitted ones change a score by a bounded little.

    With d_j and s_j d_j the deviations of all and of the others, the penalty n gamma |d * w|^2 changes to
    n gamma |s * d * w|^2, and so the fit e = d * w by at most max |s^2 - 1| / min s^2 times |e|.
    """
    rms = {}
    for n in (25, 100, 400):
        world, gamma, rule = World(5, (n, 12)), 1.0, Rule(10.0, True)
        held = world.held(rule, gamma)
        points = range(0, n, n // 25)
        changes, sizes = [], []
        for i in points:
            rest = np.arange(n) != i
            X, y, mass = world.X[rest], world.labels[rest, :1], world.mass[rest]
            units = X.std(axis=0)
            weights, bias, _ = fit_of_rule(X, y, mass, *held)
            again, moved, _ = fit_of_rule(X, y, mass, *replace_units(held, units))
            ratio = (units / held[2]) ** 2
            bound = abs(ratio - 1).max() / ratio.min() * np.linalg.norm(held[2] * weights[:, 0])
            x = world.X[i] - X.mean(axis=0)
            change = (world.X[i] @ (again - weights) + moved - bias)[0]
            assert abs(change) <= bound * np.linalg.norm(x / held[2]) * (1 + 1e-9)
            changes.append(change)
            sizes.append((world.X[i] @ weights + bias)[0])
        rms[n] = np.sqrt(np.mean(np.square(changes)) / np.mean(np.square(sizes)))
    # s^2 - 1 is about (1 - z^2)/n, z the standardised feature: its root mean square is 1.4/n.
    assert all(rms[n] < 2 / n for n in rms)


def test_held_deviations_know_a_rare_word(monkeypatch):
    """Of labels that no word knows, texts that are left out are told something by their own rare words.

    A word of one other text has half of the variance without this one, and twice the weight in it.
    """
    rng, n = np.random.default_rng(9), 40
    X = (rng.random((n, 400)) < 0.05).astype(float)
    y = rng.permutation(np.where(np.arange(n) % 2, 1.0, -1.0))[:, None]
    fit = RidgePath.of(Samples.of(X), Rule(math.inf, True), y, np.zeros((0, n, 1))).at(1.0)
    own, held = (y * one for one in (fit.left_out(np.ones(1)), fit.leave_one_out.scores(np.ones(1))))
    assert np.square(own).mean() > 1.2 * np.square(held).mean()
    monkeypatch.setattr(others, "LIMIT", 0.0)  # too much work: they are held
    again = RidgePath.of(Samples.of(X), Rule(math.inf, True), y, np.zeros((0, n, 1))).at(1.0)
    np.testing.assert_array_equal(y * again.left_out(np.ones(1)), held)


@pytest.mark.parametrize("rule", [Rule(math.inf, True), Rule(None, True)], ids=str)
@pytest.mark.parametrize("shape", [(9, 40), (40, 9), (12, 12)])
def test_ridges_that_hardly_show_are_limits(rule, shape):
    world, point = World(7, shape), np.array([1.0, 0.7, -0.4])
    world.X[1] = world.X[0]  # equal rows: what they disagree on is reached by no weights
    world.samples = Samples.of(world.X)
    found = [world.path(rule).at(gamma).left_out(point) for gamma in (1e-13, 1e-11)]
    assert worst(*found) < 1e-7


def replace_units(held, units):
    rule, penalty, _ = held
    return rule, penalty, units


@pytest.mark.parametrize("standard", [False, True])
def test_the_rules_of_each_option(standard):
    units = "standard" if standard else "raw"
    world = World(6, (9, 5))
    averaged = [r for r in AVERAGED if r.standard is standard or not r.trained]
    centring = [r for r in averaged if r.pseudo is not None]
    own = Samples.of(world.X - world.X.mean(axis=0))
    assert rules_of(True, units, world.samples) == rules_of(True, units, own) == [Rule(0.0, standard)]
    assert rules_of("shrunk", units, world.samples) == [Rule(PSEUDO, standard)]
    assert rules_of(False, units, world.samples) == [Rule(None, standard)]
    assert rules_of("auto", units, world.samples) == averaged
    both = rules_of("shrunk", "auto", world.samples)
    assert both == [Rule(PSEUDO), Rule(PSEUDO, True)]
    # Rows that sum to zero have no origin: the same fit, but leaving one out centres again.
    centred = rules_of(False, units, own)
    assert centred == [Rule(math.inf, standard)]
    assert rules_of("auto", units, own) == centring
    assert len(centring) == len(averaged) - 1
    numbers = [r for r in AVERAGED_REGRESSION if r.standard is standard or not r.trained]
    assert rules_of("auto", units, world.samples, AVERAGED_REGRESSION) == numbers
    assert len(set(map(str, AVERAGED_REGRESSION))) == len(AVERAGED_REGRESSION)
    labels, scores = world.labels, world.scores
    one, two = (
        RidgePath.of(own, r, labels, scores).at(0.3) for r in (centred[0], replace(centred[0], pseudo=None))
    )
    point = np.array([1.0, 0.7, -0.4])
    for part, same in zip(one.correction(point), two.correction(point), strict=True):
        assert part == pytest.approx(same, abs=1e-12)
    assert abs(one.left_out(point) - two.left_out(point)).max() > 0.1


@given(
    seed=SEEDS,
    n=st.integers(2, 40),
    p=st.integers(1, 40),
    scale=st.floats(1e-6, 1e6),
    shift=st.floats(-100, 100),
)
def test_who_was_centred_by_its_own_mean(seed, n, p, scale, shift):
    rng = np.random.default_rng(seed)
    X = scale * (rng.standard_normal((n, p)) + shift)
    counts = rng.integers(1, 4, n).astype(float)
    own = X - counts @ X / counts.sum()
    assert Samples.of(own, counts).centred_on_itself
    assert Samples.of((own / scale).astype(np.float32).astype(float), counts).centred_on_itself
    half = scale * np.sqrt(1e-4 * n)  # a hundred times nearer than chance has it, and still not it
    assert not Samples.of(own + half, counts).centred_on_itself


def test_a_mean_from_elsewhere_is_none_of_their_own():
    everything = np.random.default_rng(6).standard_normal((2000, 50))
    everything -= everything.mean(axis=0)
    assert Samples.of(everything).centred_on_itself
    assert not Samples.of(everything[:1900]).centred_on_itself
    assert not Samples.of(np.zeros((5, 3))).centred_on_itself
