"""Problem files with a loss, through the verbs that read them."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest

import rmt_alpha as ra
from rmt_alpha.cli import main
from rmt_alpha.cli.problem_file import load_problem

TEXT = """
n = 30
gamma = 0.4
loss = "logistic"

[target]
mean = [0.6, 0.8, 0.0, 0.0]

[source]
weights = [1.0, 0.0, 0.0, 0.0]
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "problem.toml"
    path.write_text(TEXT)
    return path


def test_the_loss_is_read(file):
    problem = load_problem(file)
    assert isinstance(problem, ra.FineTuning)
    assert problem.loss == "logistic"


def tuning_in(file):
    return load_problem(file)


def test_curve_has_the_losses_in_it(file, capsys):
    assert main(["curve", "--problem", str(file), "--alpha=0,1"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    curve = tuning_in(file).curve()
    for row in rows:
        alpha = float(row["alpha"])
        for name in ("accuracy", "training_loss", "test_loss"):
            assert float(row[name]) == pytest.approx(getattr(curve, name)(alpha), rel=1e-9)
        assert float(row["class_accuracy[1]"]) == pytest.approx(curve.class_accuracy(alpha)[1], rel=1e-9)


def test_curve_chooses_its_alphas_and_draws(file, tmp_path, capsys):
    picture = tmp_path / "curve.png"
    assert main(["curve", "--problem", str(file), "--plot", str(picture)]) == 0
    assert picture.stat().st_size > 5000
    assert len(capsys.readouterr().out.splitlines()) == 62


LOGISTIC = """
n = 40
gamma = 0.2
loss = "logistic"
[target]
mean = [1.0, 0.5, 0.0]
[source]
weights = [1.0, 0.1, 0.0]
"""


@pytest.mark.parametrize("criterion", ["accuracy", "risk", "loss"])
def test_optimal_prints_the_best_alpha(file, capsys, criterion):
    file.write_text(LOGISTIC)
    best = tuning_in(file).curve().optimum(criterion)
    assert main(["optimal", "--problem", str(file), "--criterion", criterion, "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert values["optimal_alpha"] == pytest.approx(best.alpha, rel=1e-5)
    assert values[criterion]["optimal"] == pytest.approx(best.value, rel=1e-9)
    if criterion == "risk":  # as text; of the accuracy below
        assert main(["optimal", "--problem", str(file), "--criterion", criterion]) == 0
        assert f"alpha* = {values['optimal_alpha']:.6g}" in capsys.readouterr().out


SLOW = [pytest.param(loss, marks=pytest.mark.slow) for loss in ("squared_hinge", "huber")]


@pytest.mark.parametrize("loss", ["hinge", "squared", *SLOW])
def test_optimal_works_for_every_loss(file, capsys, loss):
    file.write_text(LOGISTIC.replace("logistic", loss))
    assert main(["optimal", "--problem", str(file)]) == 0
    shown = capsys.readouterr().out
    for words in ("alpha* = ", "within one point", "the source helps for alpha in"):
        assert words in shown


def test_several_sources_have_an_alpha_each_or_are_taken_together(file, capsys):
    two = LOGISTIC.replace("[1.0, 0.1, 0.0]", "[[1.0, 0.1, 0.0], [0.0, 1.0, 0.0]]")
    file.write_text(two)
    assert main(["optimal", "--problem", str(file), "--json"]) == 0
    problem = load_problem(file)
    assert isinstance(problem, ra.FineTuning)
    best = problem.curve().optimum()
    found = json.loads(capsys.readouterr().out)["optimal_alpha"]
    assert [float(a) for a in found] == pytest.approx(np.asarray(best.alpha).tolist())
    along = np.asarray(best.alpha if best.finite else best.direction)
    assert main(["curve", "--problem", str(file), "--alpha=0,1"]) == 0
    shown = capsys.readouterr().err
    assert f"several sources: alpha multiplies ({along[0]:.6g}, {along[1]:.6g})" in shown


def test_a_criterion_that_a_problem_lacks_is_refused_with_the_reason(file, capsys):
    options = ["--beta", "0.5", "--p", "10", "--n", "20", "--criterion", "loss"]
    assert main(["optimal", *options]) == 2
    assert "has no criterion 'loss', only 'accuracy', 'risk'" in capsys.readouterr().err


def test_compare_trains_the_loss(file, capsys):
    main(["compare", "--problem", str(file), "--alpha=0,1", "--replicates", "20", "--seed", "1"])
    assert "training_accuracy" in capsys.readouterr().out


def test_unknown_losses_are_one_line(file, capsys):
    file.write_text(TEXT.replace("logistic", "log"))
    assert main(["curve", "--problem", str(file)]) == 2
    assert "loss must be one of 'squared', 'logistic'" in capsys.readouterr().err


THREE = """
n = 40
gamma = 0.5
intercept = true
loss = "logistic"

[target]
means = [[1.5, 0.0, 0.0, 0.2], [0.0, 1.5, 0.0, 0.1], [0.0, 0.4, 1.5, 0.0]]
covariance = [1.0, 0.5, 2.0, 0.3]

[source]
n = 90
gamma = 0.1
loss = "logistic"
intercept = true
means = [[1.0, 0.0, 0.5, 0.2], [0.0, 1.0, 0.0, 0.1], [0.0, 0.0, 1.0, -0.4]]
"""


def test_softmax_and_a_source_trained_with_it(file, capsys):
    file.write_text(THREE)
    problem = load_problem(file)
    assert isinstance(problem, ra.FineTuning)
    assert isinstance(problem.source, ra.LossSource)
    assert problem.source.loss == "logistic"
    assert problem.source.intercept
    assert main(["curve", "--problem", str(file), "--alpha", "0,1"]) == 0
    header, *rows = capsys.readouterr().out.splitlines()
    assert header.startswith("alpha,accuracy,risk,test_loss,training_loss,class_accuracy[0]")
    assert float(rows[1].split(",")[1]) == pytest.approx(problem.curve().accuracy(1.0))
    file.write_text(THREE.replace('loss = "logistic"\nintercept', 'loss = "hinge"\nintercept'))
    assert main(["optimal", "--problem", str(file)]) == 2
    assert "outputs=1" in capsys.readouterr().err
