"""Fine-tuning with softmax: two classes, symmetries, independent equations, quadrature, the best alpha."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import optimize, special
from sklearn.linear_model import LogisticRegression
from softmax_problems import per_class, shared

import rmt_alpha as ra
from rmt_alpha.errors import ConvergenceError
from rmt_alpha.experiments.figures.softmax import problem as figure_problem
from rmt_alpha.problems.losses import Squared
from rmt_alpha.theory.softmax import forces, solver
from rmt_alpha.theory.softmax.curve import equations_at
from rmt_alpha.theory.softmax.forces import contrast_basis
from rmt_alpha.theory.softmax.nodes import GRIDS, Nodes, levels, nodes

GRID = 1e-7
"""Of answers for K <= 3: ten times the tolerance of the solver."""
MANY = range(5, 11)
"""Classes whose averages take seconds."""


def curve_of(problem: ra.FineTuning) -> ra.SoftmaxCurve:
    curve = problem.curve()
    assert isinstance(curve, ra.SoftmaxCurve)
    return curve


# --- two classes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trained", "intercept"),
    [
        *((False, False), (True, True)),
        *(pytest.param(*pair, marks=pytest.mark.slow) for pair in ((False, True), (True, False))),
    ],
)
def test_two_classes_are_the_logistic_loss_with_half_the_ridge(trained, intercept):
    """Of two scores only s = s_1 - s_0 counts, and gamma/2 (|w_0|^2 + |w_1|^2) is at least gamma/4 |w|^2."""
    rng = np.random.default_rng(0)
    p, at = 50, np.array([-1.0, 0.0, 0.7, 2.0])
    means, rows = rng.normal(size=(2, p)) / 5, rng.normal(size=(2, p)) / 7
    spectra = [np.linspace(0.2, 2, p), np.linspace(2, 1, p)]
    target = ra.GaussianMixture(means, spectra, [0.3, 0.7])
    options: dict[str, Any] = {"intercept": intercept, "label_noise": [0.1, 0.2], "loss": "logistic"}
    two: Any
    one: Any
    known: Any
    two, one = ra.FixedSource(rows, outputs=2), ra.FixedSource(rows[1] - rows[0])
    if trained:
        two = ra.LossSource(target, 60, 0.1, "logistic", intercept=True, outputs=2)
        one = ra.LossSource(target, 60, 0.05, "logistic", intercept=True)
    found = curve_of(ra.FineTuning(target, two, 70, 0.04, **options))
    known = ra.FineTuning(target, one, 70, 0.02, **options).curve()
    for name in ("accuracy", "class_accuracy", "test_loss", "training_loss"):
        np.testing.assert_allclose(
            getattr(found, name)(at), getattr(known, name)(at), atol=GRID, err_msg=name
        )
    # Of a jump, over 65,536 scattered nodes.
    np.testing.assert_allclose(found.training_accuracy(at), known.training_accuracy(at), atol=2e-4)
    scores = found.class_mean(at)
    np.testing.assert_allclose(scores[..., 1] - scores[..., 0], known.class_mean(at), atol=GRID)
    np.testing.assert_allclose(2 * found.class_std(at)[..., 0], known.class_std(at), rtol=GRID)
    np.testing.assert_allclose(found.calibration_error(at), known.calibration_error(at), atol=1e-4)
    assert found.accuracy(1.0) != pytest.approx(replace_gamma(known, 0.04), abs=1e-4)


def replace_gamma(curve, gamma):
    """The accuracy with another ridge: the conversion matters."""
    return replace(curve, reduction=replace(curve.reduction, gamma=gamma)).accuracy(1.0)


# --- independent equations and training ------------------------------------------------------------------


def loureiro(means, spectra, priors, n, gamma):
    """Fixed point of Loureiro et al., arXiv 2106.03791, section 2, for softmax and a ridge; in all K scores.

    Their order parameters, in our units: m_k, Q_k, V_k (K x K) of the scores and the conjugates; the response
    by their Gaussian average E[f xi^T] Q^(-1/2), which we do not use; Gauss-Hermite quadrature; a proximal
    point of all K scores by plain Newton steps, which converge for such ridges.
    """
    classes = len(means)
    x, w = np.polynomial.hermite_e.hermegauss(14)
    xi = np.stack([axis.ravel() for axis in np.meshgrid(*[x] * classes)])
    weights = np.prod(np.meshgrid(*[w / w.sum()] * classes), axis=0).ravel()
    xi, weights = xi[:, weights > 1e-13], weights[weights > 1e-13]
    m, b = np.zeros((classes, classes)), np.zeros(classes)
    q = np.stack([np.eye(classes) - 1 / classes] * classes)
    vhat = np.stack([(np.eye(classes) - 1 / classes) / classes] * classes)
    for _ in range(200):
        inverse = np.linalg.inv(gamma * np.eye(classes) + np.einsum("k,kj,kab->jab", priors, spectra, vhat))
        v = np.einsum("kj,jab->kab", spectra, inverse) / n
        mhat, qhat, new = np.empty_like(m), np.empty_like(q), np.empty_like(vhat)
        for k in range(classes):
            values, vectors = np.linalg.eigh(q[k])
            root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
            pseudo = np.linalg.pinv(root, rcond=1e-6)
            omega = (m[k] + b)[:, None] + root @ xi
            h = proximal(omega, v[k], k)
            f = np.eye(classes)[k][:, None] - special.softmax(h, axis=0)
            mhat[k], qhat[k] = f @ weights, (f * weights) @ f.T
            new[k] = -(f * weights) @ xi.T @ pseudo
        weights_of = np.einsum("jab,k,kj,kb->ja", inverse, priors, means, mhat)
        noise = inverse @ np.einsum("k,kj,kab->jab", priors, spectra, qhat) @ inverse / n
        old = m + b, q, vhat
        m = means @ weights_of
        q = np.einsum("kj,ja,jb->kab", spectra, weights_of, weights_of) + np.einsum(
            "kj,jab->kab", spectra, noise
        )
        b = b + classes * (priors @ mhat)
        vhat = 0.5 * (new + np.swapaxes(new, 1, 2))
        moved = max(abs(m + b - old[0]).max(), abs(q - old[1]).max(), abs(vhat - old[2]).max())
        if moved < 1e-10:
            break
    return m + b, q


def proximal(omega, v, k):
    """h = omega + v (e_k - softmax(h))."""
    hot = np.eye(len(omega))[k][:, None]
    h = omega.copy()
    for _ in range(60):
        s = special.softmax(h, axis=0)
        gap = h - omega - v @ (hot - s)
        slope = np.eye(len(omega)) + v @ (
            np.einsum("ab,an->nab", np.eye(len(s)), s) - np.einsum("an,bn->nab", s, s)
        )
        h = h - np.linalg.solve(slope, gap.T[..., None])[..., 0].T
        if abs(gap).max() < 1e-12:
            return h
    raise AssertionError("Newton steps cycle at small ridges")


@pytest.mark.parametrize("gamma", [pytest.param(0.5, marks=pytest.mark.slow), 0.2])
def test_equations_of_loureiro_et_al(gamma):
    problem = replace(per_class(40, 60), label_noise=np.zeros(3), gamma=gamma)
    target = problem.target
    mean, covariance = loureiro(target.means, np.stack(target.covariances), target.priors, 60, gamma)
    curve = curve_of(problem)
    # 14 Gauss-Hermite nodes leave 1e-8 for spread 1 and 1e-6 for spread 2.
    np.testing.assert_allclose(curve.class_mean(0.0), mean - mean.mean(axis=1, keepdims=True), atol=1e-5)
    np.testing.assert_allclose(curve.class_covariance(0.0), covariance, atol=1e-5)


PUBLISHED = (
    # n/p, ridge over n/p, fractions; overlaps m (a column for each class) and Q of github.com/IdePHICS/
    # GaussMixtureProject, multiK/replicasK.py at 8a1e1e7, cross-entropy, K = 3 on a simplex, covariance 1/2.
    (
        (1.0, 1.0, (0.5, 0.3, 0.2)),
        [[0.3319, -0.1617, -0.1703], [-0.0904, 0.2020, -0.1116], [-0.0601, -0.0727, 0.1328]],
        [[0.06754, -0.03874, -0.02880], [-0.03874, 0.04854, -0.00981], [-0.02880, -0.00981, 0.03861]],
    ),
    (
        (2.0, 0.15, (1 / 3, 1 / 3, 1 / 3)),
        [[0.6983, -0.3499, -0.3484], [-0.3488, 0.6981, -0.3493], [-0.3505, -0.3483, 0.6988]],
        [[0.39739, -0.19858, -0.19881], [-0.19858, 0.39701, -0.19843], [-0.19881, -0.19843, 0.39724]],
    ),
)
"""Its averages are over 60,000 random numbers a step; Q is the average of 60 steps, m of the last."""


@pytest.mark.parametrize(("setting", "overlaps", "spread"), PUBLISHED)
def test_published_solver_of_loureiro_et_al(setting, overlaps, spread):
    ratio, gamma, fractions = setting
    means = np.sqrt(1.5) * (np.eye(3, 30) - np.concatenate([np.ones((3, 3)), np.zeros((3, 27))], axis=1) / 3)
    # Its intercept moves all scores of a class alike, which changes nothing: there is none.
    none = ra.FixedSource(0 * means, outputs=3)
    target = ra.GaussianMixture(means, 0.5, list(fractions))
    curve = curve_of(ra.FineTuning(target, none, 30 * ratio, gamma, loss="logistic"))
    theirs = np.array(overlaps) - np.mean(overlaps, axis=0)
    # A step changes m by the average of 20,000 forces of size 1/2 for each class, .0035 at most, and 30 % of
    # it is taken; of Q 60 steps are averaged, a few of them independent.
    np.testing.assert_allclose(curve.class_mean(0.0), theirs.T, atol=2e-3)
    np.testing.assert_allclose(curve.class_covariance(0.0)[0], spread, atol=1e-3)
    other = curve_of(ra.FineTuning(target, none, 30 * ratio, 1.1 * gamma, loss="logistic"))
    assert abs(other.class_mean(0.0) - theirs.T).max() > 5e-3


def test_scikit_learn_on_one_large_sample():
    """At alpha = 0: 3,000 samples in 600 dimensions, exact accuracy of what it trained."""
    p, n, gamma = 600, 3000, 0.01
    problem = per_class(p, n, gamma=gamma)
    target, rng = problem.target, np.random.default_rng(3)
    labels = np.repeat([0, 1, 2], (target.priors * n).astype(int))
    x = target.means[labels] + rng.standard_normal((n, p)) * np.sqrt(np.stack(target.covariances))[labels]
    wrong = rng.random(n) < problem.label_noise[labels]
    given = np.where(wrong, (labels + rng.integers(1, 3, n)) % 3, labels)
    peer = LogisticRegression(C=1 / (n * gamma), max_iter=1000, tol=1e-6).fit(x, given)
    curve = curve_of(problem)
    # The accuracy of one draw scatters by .004 here (simulated, 60 draws); by 2,000 fresh samples of each
    # class, .008 at most; a wrong theory (no label noise) is off by .05.
    fresh = [
        target.means[c] + rng.standard_normal((2000, p)) * np.sqrt(target.covariances[c]) for c in range(3)
    ]
    right = np.array([np.mean(peer.predict(each) == c) for c, each in enumerate(fresh)])
    np.testing.assert_allclose(right, curve.class_accuracy(0.0), atol=0.04)
    assert right @ target.priors == pytest.approx(curve.accuracy(0.0), abs=4 * 0.01)
    stated = np.concatenate([peer.predict_proba(each)[:, c] for c, each in enumerate(fresh)])
    shares = np.repeat(target.priors / 2000, 2000)
    assert -shares @ np.log(stated) == pytest.approx(curve.test_loss(0.0), rel=0.04)


# --- symmetries ------------------------------------------------------------------------------------------


def test_what_changes_nothing():
    problem = per_class(40, 50)
    curve, at = curve_of(problem), np.array([-0.5, 1.2])
    mean, accuracy = curve.class_mean(at), curve.class_accuracy(at)
    source: Any = problem.source
    target, weights = problem.target, source.weights
    # A constant added to all scores of the source.
    rng = np.random.default_rng(0)
    shifted = ra.FixedSource(weights + rng.standard_normal(40), outputs=3)
    np.testing.assert_allclose(curve_of(replace(problem, source=shifted)).class_mean(at), mean, atol=GRID)
    # Classes in another order.
    order = np.array([2, 0, 1])
    turned = replace(
        problem,
        target=ra.GaussianMixture(
            target.means[order], [target.covariances[c] for c in order], target.priors[order]
        ),
        source=ra.FixedSource(weights[order], outputs=3),
        label_noise=problem.label_noise[order],
    )
    np.testing.assert_allclose(curve_of(turned).class_accuracy(at), accuracy[:, order], atol=GRID)
    # Features in other units: x 2, gamma x 4, source / 2.
    larger = ra.GaussianMixture(2 * target.means, [4 * c for c in target.covariances], target.priors)
    scaled = replace(
        problem, target=larger, gamma=4 * problem.gamma, source=ra.FixedSource(weights / 2, outputs=3)
    )
    np.testing.assert_allclose(curve_of(scaled).class_mean(at), mean, atol=GRID)
    # Twice the source at half the alpha; a source in two halves; means moved together.
    double = replace(problem, source=ra.FixedSource(2 * weights, outputs=3))
    np.testing.assert_allclose(curve_of(double).class_mean(at / 2), mean, atol=GRID)
    halves = replace(problem, source=(ra.FixedSource(weights / 2, outputs=3),) * 2)
    np.testing.assert_allclose(curve_of(halves).class_mean(np.stack([at, at], 1)), mean, atol=GRID)
    np.testing.assert_allclose(curve_of(halves).along([1.0, 1.0]).class_mean(at), mean, atol=GRID)


def test_rotations_and_block_repetition():
    problem = shared(20, 30)
    rng, at = np.random.default_rng(1), 0.8
    own: Any = problem.source
    turn = np.linalg.qr(rng.standard_normal((20, 20)))[0]

    def rotated(mixture):
        full = [turn @ np.diag(np.broadcast_to(c, 20)) @ turn.T for c in mixture.members]
        return ra.GaussianMixture(mixture.means @ turn.T, full[0], mixture.priors)

    source = replace(own, mixture=rotated(own.mixture))
    turned = replace(problem, target=rotated(problem.target), source=source)
    expected = curve_of(problem)
    np.testing.assert_allclose(curve_of(turned).class_mean(at), expected.class_mean(at), atol=GRID)
    np.testing.assert_allclose(curve_of(turned).class_std(at), expected.class_std(at), atol=GRID)
    # Multiples of the identity: one entry for all coordinates.
    means = problem.target.means
    both = [ra.GaussianMixture(means, c) for c in (0.7, np.full(20, 0.7))]
    one, other = (curve_of(replace(problem, target=each)) for each in both)
    np.testing.assert_allclose(one.class_mean(at), other.class_mean(at), atol=GRID)
    np.testing.assert_allclose(one.class_std(at), other.class_std(at), atol=GRID)


def test_answers_do_not_depend_on_what_was_asked():
    problem = per_class(30, 40)
    fresh, used = curve_of(problem), curve_of(problem)
    used.accuracy([3.0, 1e-310])
    assert used.accuracy(1.0) == fresh.accuracy(1.0)


def test_a_large_ridge_gives_the_averaging_classifier():
    """W is proportional to (1/n) sum (t_i - 1/K) x_i; its law is elementary without intercept."""
    p, n = 60, 50
    rng = np.random.default_rng(5)
    means, c = rng.standard_normal((3, p)) / 5, np.linspace(0.2, 2.0, p)
    problem = ra.FineTuning(
        ra.GaussianMixture(means, c), ra.FixedSource(0 * means, outputs=3), n, 1e6, loss="logistic"
    )
    centred = np.eye(3) - 1 / 3
    average = means.T @ centred / 3
    covariance = average.T @ (c[:, None] * average) + (c @ c) / n * centred @ centred / 3
    found = curve_of(problem)
    # The next order is tr C / (n gamma), 1e-6 here, times numbers of order 1.
    np.testing.assert_allclose(1e6 * found.class_mean(0.0), means @ average, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(1e12 * found.class_covariance(0.0)[0], covariance, rtol=1e-4, atol=1e-5)


# --- proximal points and quadrature ----------------------------------------------------------------------


@pytest.mark.parametrize("size", [0.0, 0.1, 10.0, 1e4])
def test_proximal_points_are_minima(size):
    rng = np.random.default_rng(0)
    basis = contrast_basis(4)
    root = np.sqrt(size) * np.linalg.cholesky(np.cov(rng.standard_normal((3, 9))))
    scores = 10 ** rng.uniform(-1, 2, 50) * rng.standard_normal((3, 50))
    u = forces.proximal_point(basis, 2, scores, root, np.zeros_like(scores))
    y = scores + root @ u
    gap = u - root.T @ (basis[2][:, None] - basis.T @ special.softmax(basis @ y, axis=0))
    assert abs(gap).max() <= 1e-9 * (1 + np.sqrt(size) + abs(y).max())
    if size == 10.0:
        for i in range(5):
            start = scores[:, i]
            found = optimize.minimize(
                lambda v, r=start: forces.label_loss(basis, 2, (r + root @ v)[:, None])[0] + 0.5 * v @ v,
                np.zeros(3),
                tol=1e-12,
            )
            np.testing.assert_allclose(found.x, u[:, i], atol=1e-4)


def test_the_stiffness_is_the_derivative_of_the_force():
    rng = np.random.default_rng(2)
    basis, h, at, one = contrast_basis(4), 3e-4, rng.standard_normal(3), Nodes(np.zeros((3, 1)), np.ones(1))
    for size in (0.1, 3.0):  # one that D approximates, and one that it does not
        metric = 2 * np.eye(3) + size * np.cov(rng.standard_normal((3, 9)))
        step = forces.ProximalStep.of(basis, metric)

        def force(r, step=step):
            return forces.forces(step, 0, forces.LeftOutScores(r, np.eye(3)), one, None)

        slopes = [(force(at + h * e).pull - force(at - h * e).pull) / (2 * h) for e in np.eye(3)]
        found = force(at)
        np.testing.assert_allclose(found.stiffness + found.gap, -np.array(slopes), atol=1e-8)
        chance = forces.proximal_force(step, 0, at[:, None], np.zeros((4, 1)))[1]
        np.testing.assert_allclose(forces.stiffness_at(step, chance)[0], -np.array(slopes), atol=1e-8)


def test_steps_with_a_diagonal_metric_end_where_newton_steps_end():
    rng = np.random.default_rng(4)
    basis = contrast_basis(5)
    scores = 10 ** rng.uniform(-1, 2, 200) * rng.standard_normal((4, 200))
    # D is exact for three classes, and nearly where coordinates are many and alike.
    step = forces.ProximalStep.of(basis, 3 * np.eye(4) + 0.1 * np.cov(rng.standard_normal((4, 9))))
    assert 0 < step.rest < forces.CLOSE
    quick, chance = forces.proximal_force(step, 1, scores, np.zeros((5, 200)))
    exact = forces.proximal_point(basis, 1, scores, step.root, np.zeros((4, 200)))
    np.testing.assert_allclose(basis.T @ quick, np.linalg.solve(step.root.T, exact), atol=1e-9)
    np.testing.assert_allclose(chance.sum(axis=0), 1.0)
    assert forces.ProximalStep.of(contrast_basis(3), np.array([[1.5, 0.2], [0.2, 1.2]])).rest < 1e-15


@pytest.mark.parametrize("classes", [2, 3, 4, *(pytest.param(k, marks=pytest.mark.slow) for k in MANY)])
def test_the_error_of_the_quadrature_is_told(classes):
    """Against the finest nodes there are: within the error that the solution states, times ten."""
    problem = per_class(30, 60, classes, gamma=0.2)
    curve = curve_of(problem)
    solution = curve.solution(1.0)
    assert solution.status == "converged"
    assert solution.residual <= solution.quadrature_error + 1e-8
    tolerance = solver.TOLERANCES[min(classes - 2, len(solver.TOLERANCES) - 1)]
    assert solution.quadrature_error <= tolerance
    state = solution.state
    # Other nodes than any that were used.
    spreads, axes = state.axes
    rules = tuple(nodes(levels(classes - 1) - 1, 1.2 * each) for each in spreads)
    finest = replace(equations_at(curve, state), axes=axes, nodes=rules, alpha=np.ones(1))
    moved = finest.step(state).packed() - state.packed()
    assert abs(moved / solver.units(state)).max() <= 10 * solution.quadrature_error + tolerance / 20
    assert curve.accuracy_uncertainty(1.0) < 10 * tolerance


@pytest.mark.parametrize("d", [1, 2, 3, 4, 5, 6, 7, 9])
def test_rules_average_polynomials_and_waves(d):
    """E x x^T = 1, E |x|^4 = d (d + 2), E cos(k x) = exp(-|k|^2 / 2).

    A grid takes the frequencies 2 pi (e_i +- e_j) / h for 0: of x_i^2 there are 4 (d - 1) of them, each with
    the error aimed at times (2 pi / h)^2, about 25.
    """
    rule = nodes(1, np.ones(d))
    wave = np.arange(d, 0, -1) / d
    for each in (rule, rule.light or rule):
        points, weights = each.points, each.weights
        assert weights.sum() == pytest.approx(1)
        np.testing.assert_allclose(points @ weights, 0, atol=1e-12)
        loose = 1 if each is rule else 10
        grid = d <= len(GRIDS)
        atol = loose * (100 * d * GRIDS[d - 1].precisions[1] if grid else 0.02)
        np.testing.assert_allclose((points * weights) @ points.T, np.eye(d), atol=atol if grid else 1e-12)
        fourth = ((points * points).sum(axis=0) ** 2) @ weights
        assert fourth == pytest.approx(d * (d + 2), rel=10 * atol)
        assert np.cos(wave @ points) @ weights == pytest.approx(np.exp(-wave @ wave / 2), abs=atol)


def test_hard_problems_are_solved_or_refused():
    """Small ridges, far alphas, hardly any samples: solved, or ConvergenceError with the best estimate."""
    for gamma, n, alpha in [(1e-4, 20, 1.0), (1e-3, 500, 30.0), (10.0, 5, -3.0), (1e-2, 1e6, 1.0)]:
        curve = curve_of(replace(per_class(20, 30), gamma=gamma, n=n))
        solution = curve.solution(alpha)
        assert solution.residual < 1e-8, (gamma, n, alpha)
        assert 0 < curve.accuracy(alpha) < 1


def test_few_nodes_lead_nobody_astray():
    """Mixing steps of a map with too few nodes into one with more once sent the scores to 1e6."""
    curve = curve_of(figure_problem("logistic", np.sqrt(3.0), 0.01))
    assert curve.solution(3.31706466).residual < 1e-8


def test_what_does_not_converge_is_refused(monkeypatch):
    monkeypatch.setattr(solver, "LIMIT", 2)
    curve = curve_of(per_class(20, 30))
    with pytest.raises(ConvergenceError, match="no convergence in") as refusal:
        curve.solution(0.5)
    assert refusal.value.best.status == "max_iter"
    assert refusal.value.best.quadrature_error == np.inf


# --- what the scores say ---------------------------------------------------------------------------------


def test_calibration():
    problem = per_class(30, 40)
    curve = curve_of(problem)
    mean, covariance = curve.class_mean(0.5), curve.class_covariance(0.5)
    rng = np.random.default_rng(0)
    labels = rng.choice(3, 40_000, p=problem.target.priors)
    roots = [np.linalg.svd(c)[0] * np.sqrt(np.linalg.svd(c)[1]) for c in covariance]
    scores = np.stack([mean[c] + roots[c] @ rng.standard_normal(3) for c in labels])
    hot, stated = np.eye(3)[labels], special.softmax(scores, axis=1)
    true = curve.posterior(scores, 0.5)
    np.testing.assert_allclose(true.sum(axis=1), 1.0)
    # The posterior has the labels' frequencies: no function of the scores correlates with what is left.
    left = (hot - true)[:, :, None] * np.stack([np.ones(40_000), scores[:, 0], stated[:, 1]], 1)[:, None]
    assert (abs(left.mean(axis=0)) < 4.5 * left.std(axis=0) / 200).all()
    # The simulated averages, within five standard errors.
    losses = -np.log(stated[np.arange(40_000), labels])
    assert curve.test_loss(0.5) == pytest.approx(losses.mean(), abs=5 * losses.std() / 200)
    distances = 0.5 * abs(stated - true).sum(axis=1)
    assert curve.calibration_error(0.5) == pytest.approx(distances.mean(), abs=5 * distances.std() / 200)
    found = optimize.minimize_scalar(
        lambda t: -np.mean(special.log_softmax(scores / t, axis=1)[np.arange(40_000), labels]),
        bounds=(0.1, 10),
        method="bounded",
    )
    assert curve.temperature(0.5) == pytest.approx(found.x, rel=0.03)


def test_the_best_alpha():
    curve: Any = curve_of(per_class(30, 60, gamma=1.0))
    for criterion, ask, sign in (("accuracy", curve.accuracy, 1), ("loss", curve.test_loss, -1)):
        best = curve.optimum(criterion)
        low, high = best.bracket
        assert low < best.alpha < high
        assert best.value == ask(best.alpha)
        around = best.alpha * np.array([0.9, 1.1])
        assert (sign * (best.value - ask(around)) > 0).all()
        dense = ask(np.linspace(0.5, 1.5, 5) * best.alpha)
        assert sign * best.value >= (sign * dense).max()
    assert curve.optimum().finite
    at = curve.optimal_alpha()
    assert abs(curve.accuracy_derivative(at)) < 1e-3 * curve.optimum().value / at


def test_a_source_without_contrasts_is_of_no_use():
    problem = per_class(30, 40)
    same = ra.FixedSource(np.ones((3, 30)), outputs=3)
    curve = curve_of(replace(problem, source=same))
    assert curve.optimum().alpha == 0
    assert curve.accuracy(3.0) == pytest.approx(curve.accuracy(0.0), abs=GRID)


# --- sources trained with a loss -------------------------------------------------------------------------


@pytest.mark.parametrize("loss", ["squared", "logistic", "hinge"])
def test_a_source_of_the_squared_loss_object_is_a_ridge_source(loss):
    rng = np.random.default_rng(0)
    own = ra.GaussianMixture(rng.normal(size=(2, 40)) / 5, [np.linspace(0.5, 1.5, 40), np.ones(40)])
    target = ra.GaussianMixture(own.means, [np.linspace(2.0, 1.0, 40), np.full(40, 0.6)], [0.4, 0.6])
    options: dict[str, Any] = {"intercept": True, "label_noise": 0.1}
    ridge = ra.RidgeSource(own, 60, 0.1, **options)
    found = ra.LossSource(own, 60, 0.1, Squared(), **options)
    one, other = (ra.FineTuning(target, each, 30, 0.2, loss=loss).curve() for each in (ridge, found))
    np.testing.assert_allclose(one.class_accuracy([-1.0, 2.0]), other.class_accuracy([-1.0, 2.0]), atol=1e-8)


def test_refusals():
    problem = per_class(20, 30)
    means = problem.target.means
    with pytest.raises(ValueError, match="logistic"):
        replace(problem, loss="hinge")
    with pytest.raises(ValueError, match="gamma must be positive"):
        replace(problem, gamma=0)
    rng = np.random.default_rng(0)
    full = [np.cov(rng.standard_normal((20, 50))) for _ in range(3)]
    with pytest.raises(ValueError, match="diagonal in one basis"):
        replace(problem, target=ra.GaussianMixture(means, full)).curve()
    with pytest.raises(ValueError, match="RidgeSource"):
        ra.LossSource(problem.target, 30, 0.1, "squared")
    with pytest.raises(ValueError, match="outputs=1"):
        ra.LossSource(problem.target, 30, 0.1, "hinge")
    with pytest.raises(ValueError, match="gamma must be positive"):
        ra.LossSource(problem.target, 30, 0.0, "logistic")
    curve = curve_of(problem)
    with pytest.raises(ra.errors.NotAvailable, match="class_mean"):
        curve.mean(0.0)
    with pytest.raises(ValueError, match="dps"):
        problem.curve(dps=30)


def test_infinitely_many_samples_are_a_limit():
    means, curves = 0.8 * np.eye(3, 8), []
    for n in (1e9, np.inf):
        source = ra.LossSource(ra.GaussianMixture(means), n, 5.0, "logistic", outputs=3)
        curves.append(ra.FineTuning(ra.GaussianMixture(means), source, 40, 0.2, loss="logistic").curve())
    many, all_of_them = (curve.class_mean(1.0) for curve in curves)
    assert all_of_them == pytest.approx(many, abs=1e-6)  # the solver's residual; p/n is 1e-8
