"""Sweeps over the fields of `FineTuning`: the numbers of its curve, always the same bits."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rmt_alpha as ra
from rmt_alpha.cli import main
from rmt_alpha.errors import SweepInterrupted
from rmt_alpha.problems.covariances import power_law
from rmt_alpha.problems.described import build, describe, with_arrays
from rmt_alpha.validation.sweeps import sweep
from rmt_alpha.validation.sweeps.driver import Driver
from rmt_alpha.validation.sweeps.problem_grid import DEFAULTS, read_any_grid

MEAN = np.array([0.9, 0.3, 0.0, -0.4, 0.2, 0.1])
OTHER = np.array([0.8, 0.1, 0.3, -0.2, 0.4, 0.0])
FILE = """
gamma = 0.3
alpha = [0, 1, "optimal"]
replicates = 20

[target]
means = "arrays.npz:means"
priors = 0.3

[source]
weights = [0.8, 0.1, 0.3, -0.2, 0.4, 0.0]

[axes]
n = [12, 30]
target.exponent = { linspace = [0, 2, 3] }
intercept = [false, true]
"""


@pytest.fixture
def problem() -> ra.FineTuning:
    target = ra.GaussianMixture([-MEAN, MEAN], None, [0.4, 0.6])
    source = ra.RidgeSource(ra.GaussianMixture([-OTHER, OTHER]), n=50, gamma=0.2)
    return ra.FineTuning(target, source, n=24, gamma=0.3)


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez("arrays.npz", means=np.stack([-MEAN, MEAN]))
    path = tmp_path / "grid.toml"
    path.write_text(FILE)
    return path


def expected(exponent: float, n: float, intercept: bool) -> ra.FineTuning:
    eigenvalues = np.arange(1.0, 7.0) ** -exponent
    target = ra.GaussianMixture([-MEAN, MEAN], 6 * eigenvalues / eigenvalues.sum(), [0.3, 0.7])
    return ra.FineTuning(target, ra.FixedSource(OTHER), n, 0.3, intercept=intercept)


def test_a_file_gives_the_numbers_of_the_curves(file):
    result = sweep(file, store=None, replicates=0)
    assert list(result.axes) == ["n", "target.exponent", "intercept"]
    assert result.axes["target.exponent"] == (0.0, 1.0, 2.0)
    assert result.fixed["gamma"] == 0.3
    for place in np.ndindex(result.shape):
        n, exponent, intercept = (values[at] for values, at in zip(result.axes.values(), place, strict=True))
        curve = expected(exponent, n, intercept).curve()
        alphas = np.array([0.0, 1.0, curve.optimal_alpha()])
        assert result["optimal_alpha"][place] == pytest.approx(alphas[2], rel=1e-9)
        for name in ("accuracy", "mean", "variance", "risk"):
            # The optimum is flat: its rounding moves the accuracy by less than 1e-12, risk and so on by 1e-8.
            assert result[name][place] == pytest.approx(getattr(curve, name)(alphas), rel=1e-8)
        # A field that was not set would show: all cells differ.
    assert len(np.unique(result["accuracy"][..., 1])) == result["accuracy"][..., 1].size


def test_simulation_agrees_and_a_wrong_exponent_does_not():
    mean = np.full(60, 0.15)
    grid = {"n": 60, "gamma": 0.2, "target": {"mean": mean}, "source": {"weights": mean}}
    result = sweep(grid, axes={"target.exponent": [0.0, 1.0]}, alpha=[0, 1], replicates=300, store=None)
    difference = result["simulated_accuracy"] - result["accuracy"]
    # Three standard errors of 4 averages, and the bias of order 1/n, here within 1/(2 n).
    allowed = 4 * result["simulated_accuracy_stderr"] + 1 / 120
    assert (abs(difference) < allowed).all()
    assert (abs(result["simulated_accuracy"] - result["accuracy"][::-1]) > allowed).all()


def test_workers_and_interruptions_do_not_change_a_bit(tmp_path, problem, contents, monkeypatch):
    axes = {"gamma": [0.2, 1.0], "loss": ["squared", "logistic"]}
    stores = [tmp_path / f"{name}.sqlite" for name in ("one", "two", "stopped")]
    options: dict[str, Any] = {"axes": axes, "alpha": [0, 1], "replicates": 6}
    one = sweep(problem, store=stores[0], **options)
    two = sweep(problem, store=stores[1], n_jobs=2, **options)
    assert one == two
    sweep(problem, store=stores[2], **options | {"axes": axes | {"gamma": [0.2]}})

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Driver, "_compute", stop)
        with pytest.raises(SweepInterrupted):
            sweep(problem, store=stores[2], **options)
    rest = sweep(problem, store=stores[2], **options)
    assert (rest.computed, rest) == (2, one)
    # Sorted, as the view does not tell losses apart.
    first, second, third = (sorted(contents(store)) for store in stores)
    assert first == second == third
    assert sweep(problem, store=stores[2], **options).computed == 0


def test_equal_problems_have_equal_records_and_different_arrays_different_ones(problem):
    def key(grid: Any, **axes: object) -> list[str]:
        return list(read_any_grid(grid, axes, alpha=[0]).keys())

    content = describe(problem)
    assert build(content) == problem
    as_lists = content | {
        "n": 24,
        "target": {**content["target"], "means": [(-MEAN).tolist(), MEAN.tolist()]},
    }
    assert key(problem) == key(content) == key(as_lists) == key(problem, gamma=[0.3])
    assert key(problem, n=[24.0, 30]) == key(problem) + key(problem, n=[30])
    long = np.linspace(1, 2, 200)
    moved = long.copy()
    moved[150] += 1e-15
    keys = {
        key({"n": 9, "gamma": 1, "target": {"mean": mean}, "source": {"weights": long}})[0]
        for mean in (long, moved, long.reshape(1, -1)[0])
    }
    assert len(keys) == 2


def test_losses_without_a_best_alpha_of_a_draw_and_one_hot_scores(problem):
    result = sweep(problem, axes={"loss": ["squared", "logistic"]}, alpha=[0, 1], replicates=3, store=None)
    assert np.isnan(result["simulated_optimal_alpha"]).tolist() == [False, True]
    assert result.ok
    assert np.isfinite(result["simulated_accuracy"]).all()
    logistic = ra.FineTuning(problem.target, problem.source, problem.n, problem.gamma, loss="logistic")
    assert result["accuracy"][1] == pytest.approx(logistic.curve().accuracy(np.array([0.0, 1.0])), rel=1e-9)
    means = 2 * np.eye(3, 8)
    grid = {"n": 30, "gamma": 0.1, "target": {"means": means}, "source": {"weights": means}}
    priors = [[0.2, 0.3, 0.5], [0.4, 0.3, 0.3]]
    three = sweep(grid, axes={"target.priors": priors}, alpha=[1], replicates=3, store=None)
    assert three.ok
    assert three.data.keys().isdisjoint({"mean", "variance", "simulated_mean", "simulated_mean_stderr"})
    assert three.axes["target.priors"] == ((0.2, 0.3, 0.5), (0.4, 0.3, 0.3))
    assert three.to_pandas()["target.priors"].tolist() == ["0.2 0.3 0.5", "0.4 0.3 0.3"]


def test_an_infinite_optimum_has_an_accuracy_and_cannot_be_simulated():
    mean = np.full(50, 0.2)
    grid = {"n": 20, "gamma": 0.1, "loss": "logistic", "target": {"mean": mean}, "source": {"weights": mean}}
    options: dict[str, Any] = {"alpha": [1, "optimal"], "store": None}
    result = sweep(grid, replicates=0, **options)
    problem: Any = build(DEFAULTS | with_arrays(grid, Path()))
    accuracy = problem.curve().accuracy(np.array([1.0, np.inf]))
    assert result["optimal_alpha"] == np.inf
    assert result["accuracy"] == pytest.approx(accuracy, rel=1e-9)
    assert np.isnan(result["risk"]).tolist() == [False, True]
    [failure] = sweep(grid, replicates=2, **options).failures
    assert "optimal alpha is inf here and cannot be simulated" in failure.error


def test_what_is_wrong_in_combination_fails_in_its_cell_alone(problem):
    result = sweep(
        problem, axes={"loss": ["huber", "squared"], "gamma": [0, 1]}, alpha=1, replicates=0, store=None
    )
    [failure] = result.failures
    assert (failure.problem["loss"], failure.problem["gamma"]) == ("huber", 0.0)
    assert np.isnan(result["accuracy"][..., 0]).tolist() == [[True, False], [False, False]]


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        ({"target.exponentt": [1]}, r"target.exponentt is no axis \(did you mean target.exponent\?\)"),
        ({"n": [10, -1]}, "axis n, value -1: n must be a positive number"),
        ({"n": [10.5]}, "n must be a whole number to be simulated, got 10.5"),
        ({"loss": ["squaredd"]}, "axis loss, value squaredd: loss must be one of"),
        ({"target.priors": [0.5, 1.5]}, "axis target.priors, value 1.5: priors must be"),
        ({"gamma": [None]}, "gamma must be a real number"),
        ({"intercept": [1]}, "axis intercept, value 1: intercept must be True or False"),
        ({"gamma": []}, "gamma must have at least one value"),
        ({"gamma": [[[1.0]]]}, "gamma: an axis is one list"),
        ({"source.weights+n": [1]}, "axis source.weights"),
        (3, "axes must be a table"),
    ],
)
def test_bad_axes_are_refused_by_name(problem, axes, message):
    with pytest.raises((ValueError, TypeError), match=message):
        sweep(problem, axes=axes, alpha=[0], store=None)


@pytest.mark.parametrize("value", [0.0, 1.5, True])
def test_one_prior_is_a_share_of_two_classes(value):
    grid = {
        "n": 9,
        "gamma": 1,
        "target": {"means": [-MEAN, MEAN], "priors": value},
        "source": {"weights": MEAN},
    }
    with pytest.raises((ValueError, TypeError), match="priors must be"):
        build(grid)


def test_bad_grids_are_refused(problem):
    content = describe(problem)
    bad = [
        (content | {"n": [1, 2]}, {}, "n has several values: write them under"),
        (content | {"direction": [1.0]}, {}, "direction is for several sources"),
        (content | {"source": [content["source"]] * 2}, {"source.3.n": [1]}, "source.3.n is no axis"),
        (content | {"source": [content["source"]] * 2, "direction": [1.0]}, {}, "direction must have shape"),
        (content | {"target": 3}, {}, "target must be a table"),
        ({"beta": 0.5, "p": 10, "n": 5}, {"n": [1]}, "axes are for a FineTuning"),
        (content | {"n": 2.5}, {}, "n must be a whole number"),
    ]
    for grid, axes, message in bad:
        with pytest.raises((ValueError, TypeError), match=message):
            sweep(grid, axes=axes, alpha=[0], store=None)
    matrix = content | {"target": content["target"] | {"covariance": np.eye(6)}}
    with pytest.raises(ValueError, match="exponent sets the eigenvalues"):
        sweep(matrix, axes={"target.exponent": [1]}, alpha=[0], store=None)
    mine = ra.FineTuning(problem.target, problem.source, 9, 1, loss=ra.losses.Logistic())
    with pytest.raises(TypeError, match="loss must be the name of a loss"):
        sweep(mine, axes={"n": [9]}, alpha=[0], store=None)


def test_names_joined_by_plus_are_set_together(problem):
    joined = sweep(
        problem, axes={"target.exponent+source.exponent": [0, 1]}, alpha=[1], replicates=0, store=None
    )
    spectrum = power_law(1, 6)
    source = ra.RidgeSource(ra.GaussianMixture([-OTHER, OTHER], spectrum), n=50, gamma=0.2)
    target = ra.GaussianMixture([-MEAN, MEAN], spectrum, [0.4, 0.6])
    both = ra.FineTuning(target, source, n=24, gamma=0.3).curve().accuracy(1.0)
    assert joined["accuracy"][:, 0] == pytest.approx([problem.curve().accuracy(1.0), both], rel=1e-12)


def test_the_command_plans_sweeps_and_draws(file, capsys):
    assert main(["sweep", "grid.toml", "--dry-run"]) == 0
    assert capsys.readouterr().out.startswith("12 of 12 cells to do, 20 replicates")
    plot = "x=n,y=intercept,c=accuracy,alpha=1,target.exponent=1"
    words = "x=n,y=target.exponent,c=optimal_alpha,intercept=True"
    command = ["sweep", "grid.toml", "--csv", "-", "--plot", plot, "map.png", "--plot", words, "other.png"]
    assert main(command) == 0
    header, first, *_ = capsys.readouterr().out.splitlines()
    assert header.startswith("n,target.exponent,intercept,gamma,target.priors,label_noise,loss,replicates,")
    assert first.startswith("12.0,0.0,False,0.3,0.3,0.0,squared,20,0,")
    with sqlite3.connect("results.sqlite") as db:
        query = "SELECT count(DISTINCT json_extract(parameters, '$.problem.target.exponent')) FROM cells"
        assert db.execute(query).fetchone() == (3,)
        assert db.execute("SELECT DISTINCT n FROM results ORDER BY n").fetchall() == [(12.0,), (30.0,)]
    db.close()
    plan = sweep(file, dry_run=True)
    assert plan.recorded == 12


def test_plans_name_words_and_cost_something(problem):
    axes = {"loss": ["squared", "logistic"], "gamma": [0.1, 1, 2, 3, 4, 5], "label_noise": [[0.1, 0.2], 0.0]}
    plan = sweep(problem, axes=axes, alpha=[0], replicates=0, store=None, dry_run=True)
    assert "loss: squared, logistic\n" in str(plan)
    assert "label_noise: 0.1 0.2, 0\n" in str(plan)
    assert plan.seconds is not None
    assert plan.seconds > 0
