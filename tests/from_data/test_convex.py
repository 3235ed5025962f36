"""The convex fit against dense formulas, finite differences, and the squared loss, for which it is ridge."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, special, stats
from small_samples import SHAPES, draw

from rmt_alpha.errors import ConvergenceError
from rmt_alpha.from_data.columns import Columns
from rmt_alpha.from_data.convex import newton
from rmt_alpha.from_data.convex import path as path_module
from rmt_alpha.from_data.convex.classwise import ClasswiseCurvature
from rmt_alpha.from_data.convex.exact import ExactCurvature
from rmt_alpha.from_data.convex.label_loss import LabelLoss, LogisticLoss, SoftmaxLoss, cross_entropy
from rmt_alpha.from_data.convex.path import ConvexPath
from rmt_alpha.from_data.criteria import CONVEX_CRITERIA
from rmt_alpha.from_data.criteria.base import Criterion
from rmt_alpha.from_data.criteria.convex_loss import LaplaceEvidence, LooLogLoss
from rmt_alpha.from_data.criteria.convex_search import CLEAR, PRECISION
from rmt_alpha.from_data.criteria.evidence import Evidence
from rmt_alpha.from_data.criteria.loo import LooMse
from rmt_alpha.from_data.decomposition.design import Design
from rmt_alpha.from_data.decomposition.rules import Rule
from rmt_alpha.from_data.decomposition.samples import Samples
from rmt_alpha.from_data.ridge_path import RidgePath

every_shape = pytest.mark.parametrize("shape", SHAPES)
RULES = {True: Rule(pseudo=0.0), False: Rule(), "shrunk": Rule(pseudo=10.0)}
intercepts = pytest.mark.parametrize("intercept", RULES)


class SquaredLoss(LabelLoss):
    """Half the squared error, with which every formula here is exact and equals that of ridge regression."""

    def value(self, z):
        """|z - y|^2 / 2."""
        return np.square(z - self.labels).sum(axis=1) / 2

    def gradient(self, z):
        """z - y."""
        return z - self.labels

    def hessian(self, z):
        """The identity."""
        return np.broadcast_to(np.eye(z.shape[1]), (*z.shape, z.shape[1]))

    def hessian_along(self, z, change):
        """0."""
        return np.zeros((*z.shape, z.shape[1]))


LOSSES = [LogisticLoss, SoftmaxLoss, SquaredLoss]
every_loss = pytest.mark.parametrize("kind", LOSSES)


def one_hot(y, number):
    return np.where(np.asarray(y)[:, None] == np.arange(number), 1.0, -1.0)


def problem(shape, kind, *, intercept=True, weighted=True, sources=2):
    """A path of some loss for data of some shape, and what it was made of."""
    sample = draw(shape)
    rng = np.random.default_rng(7)
    labels = sample.y[:, None] if kind is not SoftmaxLoss else one_hot(rng.integers(0, 3, len(sample.y)), 3)
    source = sample.source + 0.3 * rng.standard_normal((sources, labels.shape[1], sample.source.size))
    scores = sample.X @ np.swapaxes(source, 1, 2)
    rule, samples = RULES[intercept], Samples.of(sample.X, sample.weights if weighted else None)
    return sample, ConvexPath(Design.of(samples, rule), rule, kind(labels), scores), labels, scores


def ridge_path(path, intercept, labels, scores):
    return RidgePath(Columns.of(path.design, labels, scores), RULES[intercept].pseudo)


@every_loss
def test_derivatives_of_losses(kind):
    rng = np.random.default_rng(0)
    labels = one_hot(rng.integers(0, 4, 20), 4) if kind is SoftmaxLoss else rng.choice([-1.0, 1.0], (20, 1))
    loss = kind(labels)
    z = 3 * rng.standard_normal((20, 3 if kind is SoftmaxLoss else 1))
    change, e = rng.standard_normal(z.shape), 1e-4

    def slope(function):  # fourth order: error e^4, and rounding 1e-16 / e
        f = [function(z + k * e * change) for k in (-2, -1, 1, 2)]
        return (f[0] - 8 * f[1] + 8 * f[2] - f[3]) / (12 * e)

    assert slope(loss.value) == pytest.approx((loss.gradient(z) * change).sum(axis=1), abs=1e-10)
    expected = np.einsum("iab,ib->ia", loss.hessian(z), change)
    assert slope(loss.gradient) == pytest.approx(expected, abs=1e-10)
    assert slope(loss.hessian) == pytest.approx(loss.hessian_along(z, change), abs=1e-10)


def test_losses_of_extreme_scores_are_finite():
    for z in (-800.0, 800.0):
        loss = LogisticLoss(np.ones((1, 1)))
        assert loss.value(np.full((1, 1), z)) == pytest.approx(max(-z, 0.0))
        for derivative in (loss.gradient, loss.hessian):
            assert np.isfinite(derivative(np.full((1, 1), z))).all()
    scores = np.array([[900.0, 0.0, -900.0]])
    softmax = SoftmaxLoss(one_hot([1], 3))
    assert softmax.value(softmax.inner(scores)) == pytest.approx(900.0)
    assert softmax.gradient(softmax.inner(scores)) == pytest.approx(
        softmax.inner(np.array([[1.0, -1.0, 0.0]]))
    )


def test_softmax_of_two_classes_is_logistic():
    # Scores (-s, s)/2 have log-odds s.
    y = np.array([0, 1, 1, 0])
    s = np.array([0.3, -2.0, 5.0, 1.0])[:, None]
    two, one = SoftmaxLoss(one_hot(y, 2)), LogisticLoss(np.where(y, 1.0, -1.0)[:, None])
    assert two.value(two.inner(np.hstack([-s, s]) / 2)) == pytest.approx(one.value(s))


@every_shape
@intercepts
def test_squared_loss_is_ridge_exactly(shape, intercept):
    _sample, path, labels, scores = problem(shape, SquaredLoss, intercept=intercept)
    ridge = ridge_path(path, intercept, labels, scores)
    alpha = np.array([0.7, -0.4])
    point = np.array([1.0, *alpha])
    for gamma in (0.03, 2.0, np.inf):
        fit, expected = path.at(gamma), ridge.at(gamma)
        assert fit.left_out(point) == pytest.approx(expected.left_out(point), rel=1e-9, abs=1e-10)
        slopes = np.moveaxis(fit.solve(alpha).left_out_tangents, 0, 1)
        assert slopes == pytest.approx(expected.leave_one_out.lines[:, 1:], rel=1e-8, abs=1e-9)
        for one, two in zip(fit.correction(point), expected.correction(point), strict=True):
            assert one == pytest.approx(two, rel=1e-9, abs=1e-11)


@intercepts
@pytest.mark.parametrize(
    ("criterion", "exact"), [("evidence", Evidence()), ("loo_log_loss", LooMse())], ids=["evidence", "loo"]
)
def test_squared_loss_has_the_replicates_of_ridge(criterion, exact, intercept):
    _, path, labels, scores = problem("n > p", SquaredLoss, intercept=intercept)
    ridge = ridge_path(path, intercept, labels, scores).at(0.3)
    alpha = exact.best(ridge)[1:]
    rule, fit = CONVEX_CRITERIA[criterion](), path.at(0.3)
    solution = fit.solve(alpha)
    here, (pulls, bends) = rule.local(fit, solution), rule.pulls(fit, solution)
    assert here.slope == pytest.approx(np.zeros(2), abs=1e-9)
    moved = np.linalg.solve(here.curvature - bends, pulls[..., None])[..., 0]
    assert alpha + moved == pytest.approx(exact.replicates(ridge)[:, 1:], rel=1e-7)


def test_squared_loss_has_the_gaussian_evidence():
    sample, path, labels, scores = problem("n < p", SquaredLoss, intercept=False, weighted=False)
    n = len(labels)

    def expected(gamma, alpha):
        covariance = np.eye(n) + sample.X @ sample.X.T / (n * gamma)
        mean = np.tensordot(alpha, scores, 1)[:, 0]
        return stats.multivariate_normal(mean, covariance).logpdf(labels[:, 0])

    found, truth = [], []
    for gamma, alpha in ((0.1, [0.5, 0.0]), (3.0, [0.5, 0.0]), (3.0, [-1.0, 2.0])):
        fit = path.at(gamma)
        found.append(-LaplaceEvidence().value(fit, fit.solve(np.array(alpha))))
        truth.append(expected(gamma, alpha) + n / 2 * np.log(2 * np.pi))
    assert found == pytest.approx(truth, rel=1e-10)


@every_loss
@intercepts
@pytest.mark.parametrize("shape", ["n < p", "n > p"])
def test_derivatives_by_alpha(shape, intercept, kind):
    _, path, _, _ = problem(shape, kind, intercept=intercept)
    alpha, e = np.array([0.7, -0.4]), 1e-3
    fit = path.at(0.1)
    here = fit.solve(alpha)
    criteria = [LooLogLoss(), LaplaceEvidence()]
    slopes = [criterion.local(fit, here).slope for criterion in criteria]
    for k in range(2):
        around = [fit.solve(alpha + j * e * np.eye(2)[k]) for j in (-2, -1, 1, 2)]

        def slope(function, around=around):
            f = [np.asarray(function(one)) for one in around]
            return (f[0] - 8 * f[1] + 8 * f[2] - f[3]) / (12 * e)

        # e^4 = 1e-12 times a fifth derivative, and outputs precise to 1e-11 or so divided by e.
        assert slope(lambda s: s.minimum.outputs) == pytest.approx(here.tangents[k], abs=1e-7)
        assert slope(lambda s: s.left_out) == pytest.approx(here.left_out_tangents[k], abs=1e-7)
        for criterion, expected in zip(criteria, slopes, strict=True):
            found = slope(lambda s, criterion=criterion: criterion.value(fit, s))
            assert found == pytest.approx(expected[k], abs=1e-6)


@pytest.mark.parametrize("kind", [LogisticLoss, SoftmaxLoss])
@pytest.mark.parametrize("intercept", [True, False])
def test_leaving_out_a_little_is_exact_to_first_order(kind, intercept):
    """The formula for a share e of a sample errs by e^2: half the share, a quarter of the error."""
    _sample, path, _labels, scores = problem("n > p", kind, intercept=intercept, weighted=False)
    alpha, n, i = np.array([0.7, -0.4]), 30, 4
    full = path.at(0.3).solve(alpha)
    shifts, errors = [], []
    for share in (0.2, 0.1, 0.05):
        path.share = np.full(n, share / n)
        found = path.at(0.3).solve(alpha).left_out[i]
        less = ConvexPath(path.design, RULES[intercept], path.loss, scores)
        less.weights = (1 - share * (np.arange(n) == i)) / n  # everything else the same, the penalty too
        truth = less.at(0.3).solve(alpha).minimum.outputs[i]
        shifts.append(np.linalg.norm(truth - full.minimum.outputs[i]))
        errors.append(np.linalg.norm(found - truth))
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.15)
    assert errors[1] / errors[2] == pytest.approx(4, rel=0.08)
    assert errors[2] < 0.02 * shifts[2]


@pytest.mark.parametrize("criterion", ["consensus", "evidence", "loo_log_loss"])
@pytest.mark.parametrize("kind", [LogisticLoss, SoftmaxLoss])
def test_no_alpha_near_by_is_better(criterion, kind):
    _, path, _, _ = problem("n > p", kind)
    rule, fit = CONVEX_CRITERIA[criterion](), path.at(0.3)
    best = rule.search(fit)

    def whole(alpha):
        return rule.value(fit, fit.solve(alpha)) + alpha @ path.spread @ alpha / (2 * 2.5**2)

    least = whole(best)
    rng = np.random.default_rng(0)
    for size in (1e-3, 0.03, 0.3, 1.0):
        for direction in rng.standard_normal((6, 2)):
            assert whole(best + size * direction) > least - PRECISION


@every_shape
@every_loss
@pytest.mark.parametrize("decades", [0, 150])
def test_products_in_single_precision(shape, kind, decades):
    """The rounding of one number, whatever the units of features and coefficients."""
    sample = draw(shape)
    units = 10.0 ** np.random.default_rng(1).uniform(-decades, decades, sample.X.shape[1])
    labels = one_hot(np.arange(len(sample.y)) % 3, 3) if kind is SoftmaxLoss else sample.y[:, None]
    loss, rule = kind(labels), RULES["shrunk"]
    path = ConvexPath(Design.of(Samples.of(sample.X * units), rule), rule, loss, np.zeros((0, *labels.shape)))
    trainable = path.trainable(1.0)
    m = 2 if kind is SoftmaxLoss else 1
    z = np.random.default_rng(2).standard_normal((len(labels), m))
    roots = np.append(np.sqrt(trainable.eigenvalues), 1.0)[:, None]
    theta = np.random.default_rng(3).standard_normal((trainable.size, m)) / roots * 1e-100
    exact = trainable.adjoint(loss.product(z)(trainable.times(theta))) / roots
    rough = trainable.single_product(loss.product(z.astype(np.float32)), theta) / roots
    assert abs(rough - exact).max() <= 4 * np.sqrt(trainable.size) * newton.EPS_SINGLE * abs(exact).max()


def test_separable_data_and_tiny_ridges():
    _sample, path, _labels, _ = problem("n < p", LogisticLoss)
    weights = path.weights
    for gamma in (1e-8, 1e-4, 1e4):
        minimum = path.at(gamma).solve(np.zeros(2)).minimum
        slope = minimum.gradient * weights[:, None]
        # The intercept is at its optimum, and the residual is what is claimed.
        assert abs(slope.sum()) < 1e-10 * abs(slope).sum()
        assert minimum.residual <= 1e-13 * minimum.value


@pytest.mark.parametrize("size", [1e2, 1e5])
def test_scores_far_out_on_the_wrong_side(size):
    _sample, path, _labels, _scores = problem("n > p", LogisticLoss, sources=1)
    minimum = path.at(0.01).solve(np.array([-size])).minimum
    theta = minimum.coefficients[:, 0]
    trainable = path.trainable(0.01)
    slope = trainable.adjoint(minimum.gradient)[:, 0] + trainable.penalty * theta
    assert abs(slope).max() < 1e-6 * abs(theta).max()


def test_newton_says_where_it_ended(monkeypatch):
    _, path, _, _ = problem("n > p", LogisticLoss)
    monkeypatch.setattr(newton, "STEPS", 2)
    with pytest.raises(ConvergenceError, match=r"in 2 steps; .* \d\.\de\S+ too large") as caught:
        path.at(1e-3).solve(np.array([3.0, 3.0]))
    assert caught.value.best.residual > 0
    assert caught.value.best.steps == 2


def test_the_start_does_not_matter():
    _, path, _, _ = problem("n < p", SoftmaxLoss)
    alpha = np.array([1.0, 2.0])
    cold = path.at(0.1).solve(alpha).minimum.outputs
    path.at(3.0).solve(-alpha)
    warm = path.at(0.1)
    warm.solve(10 * alpha)
    assert warm.solve(alpha).minimum.outputs == pytest.approx(cold, abs=1e-9)


@given(
    n=st.integers(6, 40),
    p=st.integers(1, 30),
    classes=st.integers(2, 8),
    log_gamma=st.floats(-4, 2),
    rule=st.sampled_from(list(RULES)),
    seed=st.integers(0, 1000),
)
def test_conjugate_gradients_against_a_general_minimiser(n, p, classes, log_gamma, rule, seed):
    """Without any factorisation, as for many classes: a vanishing gradient, and the point that it has."""
    rng, gamma = np.random.default_rng(seed), 10.0**log_gamma
    X, y = rng.standard_normal((n, p)) + rng.standard_normal(p), np.arange(n) % classes
    counts = rng.integers(1, 4, n).astype(float)
    labels = one_hot(y, classes) if classes > 2 else np.where(y, 1.0, -1.0)[:, None]
    scores = rng.standard_normal((1, n, labels.shape[1]))
    samples, kind = Samples.of(X, counts), RULES[rule]
    path = ConvexPath(Design.of(samples, kind), kind, cross_entropy(labels), scores)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(newton, "SMALL", 0)
        patch.setattr(newton, "LARGE", 0)
        patch.setattr(path_module, "LARGE", 0)
        fit = path.at(gamma)
        minimum = fit.solve(np.ones(1)).minimum
    trainable, theta = fit.trainable, minimum.coefficients
    slope = trainable.adjoint(minimum.gradient) + trainable.penalty[:, None] * theta
    # An excess e of the objective leaves a gradient of at most sqrt(2 e times the largest curvature); e is
    # 1e-24 of the objective, or rounding of the outputs.
    largest = path.design.eigenvalues.max(initial=0.0) + trainable.penalty.max(initial=0.0) + 1.0
    assert np.linalg.norm(slope) <= 1e-7 * np.sqrt(largest)

    weights, offset = counts / counts.sum(), path.scores[0]

    def objective(flat):
        z = offset + trainable.times(flat.reshape(theta.shape))
        pulled = trainable.penalty[:, None] * flat.reshape(theta.shape)
        penalty = np.vdot(pulled, flat) / 2
        pull = trainable.adjoint(path.loss.gradient(z)) + pulled
        return weights @ path.loss.value(z) + penalty, pull.ravel()

    found = optimize.minimize(objective, np.zeros(theta.size), jac=True, method="BFGS")
    # No point that another method finds is better by more than rounding.
    assert minimum.value <= found.fun + 1e-13 * (1 + abs(found.fun))


@pytest.mark.parametrize("rule", ["shrunk", False])
@pytest.mark.parametrize("gamma", [1e-3, 1.0, np.inf])
@pytest.mark.parametrize("shape", ["n < p", "n > p"])
def test_class_by_class_is_the_same_hessian(shape, gamma, rule):
    _, path, _, _ = problem(shape, SoftmaxLoss, intercept=rule)
    fit = path.at(gamma)
    z = fit.solve(np.array([0.7, -0.4])).minimum.outputs
    one, two = (kind(fit.trainable, path.loss, z) for kind in (ExactCurvature, ClasswiseCurvature))
    # Both factorise; their conditions are at most 1e5 here.
    assert two.leverage == pytest.approx(one.leverage, rel=1e-9, abs=1e-9 * abs(one.leverage).max(initial=0))
    assert two.volume == pytest.approx(one.volume, abs=1e-9)


@pytest.mark.parametrize("kind", [LogisticLoss, SoftmaxLoss])
def test_leaving_out_refits_the_shrunk_average(kind):
    """To first order in the share that is left out, against the objective as the rule states it."""
    sample, path, labels, scores = problem("n > p", kind, intercept="shrunk", weighted=False)
    alpha, (n, p), i, gamma, k0 = np.array([0.7, -0.4]), sample.X.shape, 4, 0.3, 10.0
    offset, outputs = np.tensordot(alpha, scores, 1), labels.shape[1]
    own = labels > 0

    def refitted(share):
        weights = (1 - share * (np.arange(n) == i)) / n
        mean = weights @ sample.X / weights.sum()

        def slope(flat):
            w, b = flat[: outputs * p].reshape(outputs, p), flat[outputs * p :]
            z = offset + sample.X @ w.T + b
            chance = special.expit(z) if outputs == 1 else special.softmax(z, axis=1)
            pull, average = weights[:, None] * (chance - own), k0 / n * (b + w @ mean)
            inner = pull.T @ sample.X + gamma * w + average[:, None] * mean
            return np.concatenate([inner.ravel(), pull.sum(axis=0) + average])

        flat = optimize.root(slope, np.zeros(outputs * (p + 1)), tol=1e-13).x
        z = offset[i] + flat[: outputs * p].reshape(outputs, p) @ sample.X[i] + flat[outputs * p :]
        return path.loss.inner(z)

    full = path.at(gamma).solve(alpha)
    assert full.minimum.outputs[i] == pytest.approx(refitted(0.0), abs=1e-9)
    shifts, errors = [], []
    for share in (0.2, 0.1, 0.05):
        path.share = np.full(n, share / n)
        truth = refitted(share)
        errors.append(np.linalg.norm(path.at(gamma).solve(alpha).left_out[i] - truth))
        shifts.append(np.linalg.norm(truth - full.minimum.outputs[i]))
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.15)
    assert errors[1] / errors[2] == pytest.approx(4, rel=0.08)
    assert errors[2] < 0.02 * shifts[2]


@pytest.mark.parametrize(
    ("criterion", "kind", "shape"),
    [
        # Each criterion with both losses and both shapes, in half of the pairs.
        pytest.param(criterion, kind, shape, marks=() if (i + j + k) % 2 == 0 else pytest.mark.slow)
        for i, criterion in enumerate(CONVEX_CRITERIA)
        for j, kind in enumerate((LogisticLoss, SoftmaxLoss))
        for k, shape in enumerate(("n < p", "n > p"))
    ],
)
def test_no_ridge_is_clearly_better_than_the_one_taken(criterion, kind, shape):
    """Against all ridges looked at exactly."""
    rule, gammas = CONVEX_CRITERIA[criterion](), np.logspace(-3, 3, 9).tolist()
    _, path, _, _ = problem(shape, kind, intercept="shrunk", sources=1)
    choices, index = rule.decide(path, gammas)
    _, other, _, _ = problem(shape, kind, intercept="shrunk", sources=1)
    exact, best = Criterion.decide(rule, other, gammas)
    unit = rule.unit(path) if criterion == "loo_log_loss" else 1.0
    slack = 2 / len(path.weights) if criterion == "loo_accuracy" else CLEAR * unit
    assert choices[index].score == pytest.approx(exact[index].score, abs=slack)
    assert choices[index].score >= exact[best].score - slack


def test_cross_entropy_by_the_number_of_columns():
    assert isinstance(cross_entropy(np.ones((2, 1))), LogisticLoss)
    assert isinstance(cross_entropy(np.ones((2, 3))), SoftmaxLoss)
