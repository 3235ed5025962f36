"""``rmt-alpha align``."""

from __future__ import annotations

import csv
import io
import json

import pytest

pytest.importorskip("peft")
import torch
from safetensors.torch import save_file

from rmt_alpha.cli import main
from rmt_alpha.cli.align import load_weights
from rmt_alpha.experiments.networks import trained_pairs


@pytest.fixture
def files(tmp_path):
    torch.manual_seed(0)
    base = {"a.weight": torch.randn(20, 30), "b.weight": torch.randn(10, 20), "b.bias": torch.zeros(10)}
    tuned = {name: 1.1 * value + 0.01 * torch.randn_like(value) for name, value in base.items()}
    (tmp_path / "base").mkdir()
    save_file(base, tmp_path / "base" / "model.safetensors")
    torch.save(tuned, tmp_path / "tuned.pt")
    return str(tmp_path / "base"), str(tmp_path / "tuned.pt")


def test_files_are_compared(files, tmp_path, capsys):
    table, picture = tmp_path / "table.csv", tmp_path / "picture.png"
    assert main(["align", *files, "--csv", str(table), "--plot", str(picture), "--rank", "2"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in shown] == ["layer", "a.weight", "b.weight"]
    assert "rank 2" in shown[0]
    rows = list(csv.DictReader(io.StringIO(table.read_text(encoding="utf-8"))))
    assert [round(float(row["beta"]), 2) for row in rows] == [1.1, 1.1]
    assert picture.stat().st_size > 1000
    assert main(["align", *files, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["layers"][0]["rescaled"] > 0.9


def test_its_picture_is_drawn_on_axes_of_yours():
    from matplotlib.figure import Figure

    from rmt_alpha.lora import alignment
    from rmt_alpha.plotting.weight_change import draw_alignment

    base = {"a.weight": torch.eye(20)}
    figure = Figure()
    left, right = figure.subplots(1, 2)
    found = alignment(base, {"a.weight": 1.1 * torch.eye(20) + 0.01 * torch.randn(20, 20)})
    assert draw_alignment(found, ax=(left, right)) is figure
    assert left.get_legend() is not None
    assert len(right.lines) == 2


def test_digits_are_trained_and_compared(capsys, monkeypatch):
    # The digits of scikit-learn, enlarged: no download.
    datasets = pytest.importorskip("sklearn.datasets")
    images, labels = datasets.load_digits(return_X_y=True)
    large = torch.from_numpy(images / 16).reshape(-1, 1, 8, 8)
    large = torch.nn.functional.interpolate(large, (28, 28)).reshape(-1, 784).numpy()
    monkeypatch.setattr(trained_pairs, "load_digits", lambda data: (large, labels))
    monkeypatch.setattr(trained_pairs, "EPOCHS", 1)
    assert main(["align", "--digits", "--size", "400", "--json"]) == 0
    shown = capsys.readouterr()
    layers = json.loads(shown.out)["layers"]
    assert [(layer["rows"], layer["columns"]) for layer in layers] == [
        (16, 25),
        (32, 400),
        (128, 512),
        (5, 128),
    ]
    assert float(shown.err.split(": ")[-1]) > 0.8  # it has learnt


def refused(words, capsys):
    assert main(["align", *words]) == 2
    return capsys.readouterr().err


def test_refusals(files, tmp_path, capsys):
    base, tuned = files
    for words in ([], [base], ["--task", "rte"], [base, tuned, "--digits"], [base, tuned, "--task", "rte"]):
        assert "needs BASE and TUNED, or BASE and --task, or --digits alone" in refused(words, capsys)
    assert "there is no file" in refused([base, str(tmp_path / "none.pt")], capsys)
    assert "has none of model.safetensors" in refused([base, str(tmp_path)], capsys)
    for name in ("broken.pt", "broken.safetensors"):
        broken = tmp_path / name
        broken.write_text("no weights")
        assert "is no " in refused([base, str(broken)], capsys)
    torch.save([1, 2], tmp_path / "list.pt")
    assert "must hold tensors by name, holds list" in refused([base, str(tmp_path / "list.pt")], capsys)
    assert "--rank must be at least 0" in refused([base, tuned, "--rank", "-1"], capsys)
    assert set(load_weights(tmp_path / "base")) == {"a.weight", "b.weight", "b.bias"}
