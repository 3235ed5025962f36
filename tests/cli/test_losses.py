"""Problem files with a loss, through the verbs that read them."""

from __future__ import annotations

import csv
import io

import pytest

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
    assert load_problem(file).loss == "logistic"


def test_curve_has_the_losses_in_it(file, capsys):
    assert main(["curve", "--problem", str(file), "--alpha=0,1"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    curve = load_problem(file).curve()
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


def test_compare_trains_the_loss(file, capsys):
    main(["compare", "--problem", str(file), "--alpha=0,1", "--replicates", "20", "--seed", "1"])
    assert "training_accuracy" in capsys.readouterr().out


def test_unknown_losses_are_one_line(file, capsys):
    file.write_text(TEXT.replace("logistic", "log"))
    assert main(["curve", "--problem", str(file)]) == 2
    assert "loss must be one of 'squared', 'logistic'" in capsys.readouterr().err
