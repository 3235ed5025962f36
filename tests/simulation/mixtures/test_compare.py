"""`compare` for `FineTuning`: rows by class, vector alphas, and what it refuses."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from mixture_problems import PROBLEMS, alphas

import rmt_alpha as ra

P, N = 16, 12


def compared(name, alpha=None, **options):
    problem = PROBLEMS[name](P, N)
    alpha = alphas(problem) if alpha is None else alpha
    return problem, ra.compare(problem, alpha, **({"replicates": 20, "rng": 3} | options))


def test_rows_by_class():
    problem, comparison = compared("per_class")
    names = list(dict.fromkeys(row.quantity for row in comparison.rows))
    by_class = [f"class_{what}[{c}]" for what in ("accuracy", "mean", "std") for c in (0, 1)]
    assert names == ["accuracy", "risk", *by_class]
    values, curve = alphas(problem), problem.curve()
    for c in (0, 1):
        expected = curve.class_mean(values)[:, c]
        assert np.array_equal(comparison.column("theory", f"class_mean[{c}]"), expected)
    seed = np.random.SeedSequence(3).spawn(2)[0]
    simulation = ra.simulate(problem, values, replicates=20, rng=seed)
    assert np.array_equal(
        comparison.column("simulation", "class_std[1]"), np.asarray(simulation.class_std)[:, 1]
    )
    assert np.array_equal(
        comparison.column("stderr", "class_std[1]"), np.asarray(simulation.class_std_stderr)[:, 1]
    )
    assert comparison.sizes == [(P, N, None), (2 * P, 2 * N, None)]


def test_one_hot_scores_have_two_indices():
    _, comparison = compared("three_classes", 0.5, quantities=("class_mean", "class_accuracy"), doublings=0)
    names = [row.quantity for row in comparison.rows]
    assert names[:4] == ["class_mean[0,0]", "class_mean[0,1]", "class_mean[0,2]", "class_mean[1,0]"]
    assert len(names) == 9 + 3
    assert comparison.sizes == [(P, N, 2 * N)]


def test_vector_alphas():
    problem, comparison = compared("two_sources", [[0.0, 0.0], [0.5, -0.25]], quantities=("accuracy",))
    assert [row.alpha for row in comparison.rows] == [(0.0, 0.0), (0.5, -0.25)]
    assert comparison.alpha.shape == (2, 2)
    assert "(0.5, -0.25)" in str(comparison)
    single = ra.compare(problem, [0.5, -0.25], quantities=("accuracy",), replicates=20, rng=3)
    # Equal up to the order of sums.
    first, second = (np.array(row[2:], float) for row in (single.rows[0], comparison.rows[1]))
    assert np.allclose(first, second, rtol=1e-9)
    both = ra.compare(problem, 0.5, quantities=("accuracy",), replicates=20, rng=3)
    assert both.rows[0].alpha == (0.5, 0.5)
    _, mixed = compared("mixed_sources", doublings=0)
    assert mixed.sizes == [(P, N, (N, None, np.inf))]
    assert "alpha = (" in mixed.verdict()


def test_table_lines_up():
    for name in ("per_class", "two_sources", "three_classes"):
        lines = str(compared(name)[1]).splitlines()
        table = lines[: lines.index("")]
        assert len({len(line) for line in table}) == 1
        json.dumps([row._asdict() for row in compared(name)[1].rows])


def test_moments_of_label_times_score():
    _, comparison = compared("per_class", quantities=("mean", "variance"), replicates=400)
    assert comparison.agrees
    with pytest.raises(ValueError, match="two classes with labels -1 and"):
        compared("three_classes", quantities=("mean",))


def test_rounding_is_no_disagreement():
    # A covariance of low rank and no ridge: both classes are met exactly, with scores -1 and 1.
    rng = np.random.default_rng(0)
    target = ra.GaussianMixture(rng.standard_normal((2, P)), np.repeat([1.0, 0.0], P // 2))
    problem = ra.FineTuning(target, ra.FixedSource(rng.standard_normal(P)), n=N, gamma=0.0)

    class Exact:
        def class_std(self, alpha):
            return np.zeros((len(alpha), 2))

        def class_mean(self, alpha):
            return np.tile([-1.0, 1.0], (len(alpha), 1))

        def risk(self, alpha):
            return np.zeros(len(alpha))

    options: dict[str, Any] = {"quantities": ("class_std", "class_mean", "risk"), "replicates": 300, "rng": 2}
    comparison = ra.compare(problem, [0.0, 0.7], theory=Exact(), **options)
    assert 0 < comparison.column("simulation", "class_std[0]").max() < 1e-13
    assert comparison.agrees
    # Almost every sample is put into the larger class, by a score that hardly varies.
    target = ra.GaussianMixture(rng.standard_normal((2, P)) / 10, 1.0, [0.2, 0.8])
    flat = ra.FineTuning(target, ra.FixedSource(np.zeros(P)), n=N, gamma=1e3, intercept=True)
    comparison = ra.compare(flat, 0.0, quantities=("accuracy", "class_accuracy"), replicates=300, rng=2)
    assert comparison.column("simulation") == pytest.approx(0.8, abs=1e-9)
    assert comparison.agrees


def test_theory_of_the_wrong_shape_is_refused():
    class Flat:
        def class_mean(self, alpha):
            return np.zeros(len(alpha))

    with pytest.raises(ValueError, match=r"theory's class_mean must have the simulation's shape, \(3, 2\)"):
        compared("per_class", theory=Flat(), quantities=("class_mean",))


@pytest.mark.parametrize(
    ("name", "alpha", "message"),
    [
        ("per_class", [[0.0, 1.0]], "alpha must be a number or a non-empty one-dimensional array"),
        ("two_sources", [0.0, 1.0, 2.0], r"shape \(2,\) or \(count, 2\), one number for each of 2 sources"),
        ("two_sources", [[0.0], [1.0]], r"got shape \(2, 1\)"),
        ("two_sources", np.empty((0, 2)), r"got shape \(0, 2\)"),
    ],
)
def test_alphas_that_do_not_fit(name, alpha, message):
    with pytest.raises(ValueError, match=message):
        compared(name, alpha)


def test_what_is_not_there_is_refused():
    with pytest.raises(ValueError, match="use method='dense'"):
        compared("per_class", method="krylov")
    with pytest.raises(ValueError, match="quantities must be among accuracy, mean, variance, risk, class_"):
        compared("balanced", quantities=("speed",))
