from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from amazon_files import fake_amazon, real_amazon_folder
from matplotlib.figure import Figure

from rmt_alpha.errors import DatasetUnavailable
from rmt_alpha.experiments.data.amazon_task import (
    MeanEstimate,
    affine_scores,
    draw_splits,
    load_task,
    ridge,
    split_accuracies,
)
from rmt_alpha.experiments.data.datasets import load_amazon, standardise
from rmt_alpha.experiments.figures import amazon, amazon_decision, table1

MODULES = (table1, amazon, amazon_decision)
SOME_PAIRS = (("book", "dvd"), ("kitchen", "elec"))


# --- the protocol ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n_rows", "n_train"), [(2000, 40), (1999, 40), (1998, 40), (1999, 100)])
def test_splits_are_those_of_scikit_learn_on_the_global_generator(n_rows: int, n_train: int) -> None:
    model_selection = pytest.importorskip("sklearn.model_selection")
    ours = list(draw_splits(n_rows, n_train, seed=123, repeats=3))
    before = np.random.get_state()  # noqa: NPY002 -- the global generator is what this is about
    try:
        np.random.seed(123)  # noqa: NPY002
        for train, test in ours:
            theirs = model_selection.train_test_split(np.arange(n_rows), train_size=n_train / n_rows)
            np.testing.assert_array_equal(train, theirs[0])
            np.testing.assert_array_equal(test, theirs[1])
    finally:
        np.random.set_state(before)  # noqa: NPY002


def test_drawing_splits_leaves_the_global_generator_alone() -> None:
    before = np.random.get_state()  # noqa: NPY002
    list(draw_splits(50, 10, seed=1, repeats=2))
    for left, right in zip(before, np.random.get_state(), strict=True):  # noqa: NPY002
        np.testing.assert_array_equal(left, right)


def test_scores_are_those_of_the_weights_that_minimise_the_loss(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    data = fake_amazon(monkeypatch, tmp_path)
    task = load_task("book", "elec", n_source=200, gamma_source=0.7, data=data)
    source, target = load_amazon("book", data), load_amazon("elec", data)
    x_source, x_target = standardise(source.features), standardise(target.features)
    train, test = next(draw_splits(len(target.labels), 25, seed=8, repeats=1))
    x, y, gamma = x_target[train], target.labels[train], 0.3
    # The normal equations in the weights, where the module solves the dual ones in the samples.
    w_source = np.linalg.solve(
        x_source[:200].T @ x_source[:200] / 200 + 0.7 * np.eye(x.shape[1]),
        x_source[:200].T @ source.labels[:200] / 200,
    )
    base, slope = affine_scores(task, train, test, gamma)
    for alpha in (-2.0, 0.0, 1.0, 3.5):
        w = np.linalg.solve(
            x.T @ x / len(y) + gamma * np.eye(x.shape[1]), x.T @ y / len(y) + alpha * gamma * w_source
        )
        np.testing.assert_allclose(base + alpha * slope, x_target[test] @ w, rtol=1e-9, atol=1e-11)
        accuracy = split_accuracies(task, [alpha], n=25, gamma=gamma, seed=8, repeats=1)
        assert accuracy == np.mean(np.sign(x_target[test] @ w) == target.labels[test])


def test_ridge_minimises_its_loss() -> None:
    rng = np.random.default_rng(0)
    x, y, gamma = rng.standard_normal((30, 5)), rng.choice([-1.0, 1.0], 30), 0.4
    w = ridge(x, y, gamma)
    gradient = -2 * x.T @ (y - x @ w) / 30 + 2 * gamma * w
    np.testing.assert_allclose(gradient, 0, atol=1e-13)


def test_norm_of_the_mean_is_estimated_without_bias() -> None:
    rng = np.random.default_rng(1)
    mean = np.full(50, 0.2)
    draws = []
    for _ in range(300):
        labels = rng.permuted(np.repeat([1.0, -1.0], 20))
        draws.append(MeanEstimate.from_rows(labels[:, None] * mean + rng.standard_normal((40, 50)), labels))
    norm2 = np.array([draw.norm**2 for draw in draws])
    error = norm2.std(ddof=1) / np.sqrt(len(norm2))
    assert abs(norm2.mean() - mean @ mean) < 4 * error
    # The plain estimate is too large by p/n = 1.25, far outside that tolerance.
    plain = np.mean([draw.vector @ draw.vector for draw in draws])
    assert abs(plain - mean @ mean - 50 / 40) < 8 * error < 0.5


def test_problem_has_the_geometry_of_the_two_means(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    data = fake_amazon(monkeypatch, tmp_path, rows=2000)
    task = load_task("book", "elec", n_source=200, gamma_source=0.7, data=data)
    problem = task.problem(25, 0.3)
    assert (problem.p, problem.n, problem.N, problem.gamma, problem.gamma_source) == (41, 25, 200, 0.3, 0.7)
    assert problem.mu == task.source_mean.norm
    assert problem.target_norm == pytest.approx(task.target_mean.norm, rel=1e-14)
    inner = task.source_mean.vector @ task.target_mean.vector
    assert problem.along * problem.mu == pytest.approx(inner, rel=1e-13)


def test_theory_agrees_with_measurement_where_its_assumption_holds(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rows, n_source, n, gamma = 5000, 2000, 100, 2.0
    data = fake_amazon(monkeypatch, tmp_path, rows=rows, p=120)
    alphas = np.array([-3.0, 0.0, 1.0, 3.0])
    excess = []
    for source, target in table1.PAIRS:
        task = load_task(source, target, n_source=n_source, gamma_source=0.2, data=data)
        measured = split_accuracies(task, alphas, n=n, gamma=gamma, seed=2, repeats=15).mean(axis=0)
        predicted = task.problem(n, gamma).curve().accuracy(alphas)
        excess.append(measured - predicted)
    # All splits of a target domain share its rows, and all of its pairs a source: four domains of `rows` coin
    # flips, four source classifiers (whose own accuracy has a standard deviation below 0.2 / sqrt(n_source)),
    # and a finite-size bias of order 1/n.
    tolerance = 4 * np.sqrt((0.25 / rows + 0.2**2 / n_source) / 4) + 1 / n
    assert (np.abs(np.mean(excess, axis=0)) < tolerance).all()
    assert np.ptp(predicted) > 5 * tolerance


# --- Table 1 -----------------------------------------------------------------------------------------


def mismatches(result: table1.Table1) -> list[str]:
    """The printed digits that are not reproduced, one line each; empty if all are."""
    lines = []
    for row, pair in enumerate(result.pairs):
        printed = table1.PUBLISHED[pair]
        alpha = float(result.alphas[row, table1.COLUMNS.index("reference")])
        ours = {
            "beta": (round(float(result.beta[row]), 2), printed.beta),
            "alpha*": (round(alpha, 2), printed.alpha),
        }
        for name, suffix in table1.PRINTED_AS.items():
            mean, std = (float(values[row]) for values in result.percent(name))
            ours[f"accuracy at {name}"] = (mean, getattr(printed, f"mean_{suffix}"))
            ours[f"std at {name}"] = (std, getattr(printed, f"std_{suffix}"))
        lines += [
            f"{pair[0]}->{pair[1]}: {what} is {found}, published {wanted}"
            for what, (found, wanted) in ours.items()
            if found != wanted
        ]
    return lines


def test_table_1_has_all_printed_digits() -> None:
    result = table1.compute(data=real_amazon_folder())
    assert result.pairs == tuple(itertools.permutations(("book", "dvd", "elec", "kitchen"), 2))
    assert mismatches(result) == []
    assert (result.accuracy >= 0.5).all()  # none that folding would have changed
    # What the module says of the three alpha*: all beat alpha = 1, and they are within 0.3 points.
    mean = result.accuracy.mean(axis=(1, 2))
    best = mean[:, [table1.COLUMNS.index(name) for name in ("reference", "corrected", "right")]]
    assert (best > mean[:, [table1.COLUMNS.index("1")]]).all()
    assert np.ptp(best, axis=1).max() < 0.003


@pytest.fixture(scope="module")
def some_rows() -> table1.Table1:
    return table1.compute(data=real_amazon_folder(), pairs=SOME_PAIRS)


@pytest.mark.parametrize("change", ["alpha", "order", "seeds", "std"])
def test_a_deviation_from_the_published_protocol_is_noticed(change: str, some_rows: table1.Table1) -> None:
    result = some_rows
    alphas, accuracy = result.alphas.copy(), result.accuracy.copy()
    if change == "alpha":  # the right formula in place of the reference one
        alphas[:, 2], accuracy[..., 2] = alphas[:, 3], accuracy[..., 3]
    elif change == "order":  # alpha = 0 measured on the splits of alpha = 1
        accuracy[:, :, 10:20] = accuracy[:, :, 20:]
    elif change == "seeds":
        accuracy = accuracy[:, [0, 1, 1]]
    else:  # one test row classified otherwise in ten splits
        accuracy[0, 0, :10, 2] += 1 / 1959
    lines = mismatches(dataclasses.replace(result, alphas=alphas, accuracy=accuracy))
    assert lines
    assert all("published" in line for line in lines)


def test_published_rows_are_in_the_order_of_the_pairs() -> None:
    assert list(table1.PUBLISHED) == list(table1.PAIRS)
    assert table1.PUBLISHED["dvd", "book"] == table1.Published(
        0.78, 2.47, 63.43, 0.67, 75.22, 0.24, 77.59, 0.07
    )


def test_table_1_has_published_and_measured_values_side_by_side(some_rows: table1.Table1) -> None:
    written = some_rows.tables("table1")
    header, rows = written["table1"]
    row = dict(zip(header, rows[1], strict=True))
    assert (row["source"], row["target"]) == ("kitchen", "elec")
    assert row["accuracy_reference"] == row["published_reference"] == 81.89
    assert row["std_0"] == row["published_std_0"] == 0.74
    assert round(row["alpha_reference"], 2) == row["alpha_published"] == 2.31
    assert row["alpha_corrected"] < row["alpha_reference"]
    header, rows = written["table1_paired"]
    paired = [dict(zip(header, row, strict=True)) for row in rows]
    assert {(row["source"], row["target"], row["choice"]) for row in paired} == {
        (*pair, choice) for pair in SOME_PAIRS for choice in table1.COLUMNS
    }
    assert all(row["gain_over_1"] == row["standard_error"] == 0 for row in paired if row["choice"] == "1")


# --- the figures, with and without the published files -----------------------------------------------


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__.rpartition(".")[2])
def test_figure_modules_compute_tabulate_and_draw(
    module: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    data = fake_amazon(monkeypatch, tmp_path, rows=300)
    result = module.compute(quick=True, data=data)
    # Nothing is read or computed after this point.
    monkeypatch.setenv("RMT_ALPHA_DATA", str(tmp_path / "nowhere"))
    for file in data.rglob("*.mat"):
        file.unlink()
    for header, rows in result.tables("name").values():
        assert rows
        assert all(len(row) == len(header) == len(set(header)) for row in rows)
        values = [value for row in rows for value in row if isinstance(value, float)]
        assert np.isfinite(values).all()
    figure = module.draw(result)
    assert isinstance(figure, Figure)
    figure.savefig(tmp_path / "figure.png")
    figure.savefig(tmp_path / "figure.pdf")
    assert (tmp_path / "figure.png").stat().st_size > 10_000


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__.rpartition(".")[2])
def test_without_the_files_the_error_is_one_line(
    module: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake_amazon(monkeypatch, tmp_path / "elsewhere")
    with pytest.raises(DatasetUnavailable) as caught:
        module.compute(quick=True, data=tmp_path)
    assert "\n" not in str(caught.value)


def test_measured_curve_passes_through_the_values_of_the_single_alphas(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    data = fake_amazon(monkeypatch, tmp_path)
    result = amazon.compute(quick=True, data=data)
    task = load_task("dvd", "book", n_source=amazon.N_SOURCE, gamma_source=amazon.GAMMA_SOURCE, data=data)
    alone = split_accuracies(
        task, [1.0], n=amazon.N_TARGET, gamma=amazon.GAMMA, seed=amazon.SEEDS[0], repeats=10
    )
    np.testing.assert_allclose(result.alphas[[0, 25, -1]], [-4, 1, 4], atol=1e-14)
    np.testing.assert_array_equal(result.accuracy[0, :, 25], alone[:, 0])
    assert result.best.theory[0] >= result.theory[0].max()


def test_histogram_scores_have_the_accuracy_of_their_split() -> None:
    result = amazon_decision.compute(data=real_amazon_folder())
    task = load_task("elec", "kitchen", data=real_amazon_folder())
    alone = split_accuracies(task, amazon_decision.ALPHAS, n=100, gamma=1.0, seed=123, repeats=1)[0]
    measured = np.mean((result.panels[1].scores > 0) == (result.panels[1].labels > 0), axis=1)
    np.testing.assert_array_equal(measured, alone)
    header, rows = result.tables("amazon_decision")["amazon_decision"]
    assert sum(row[header.index("rows")] for row in rows[:2]) == 1999 - 100
