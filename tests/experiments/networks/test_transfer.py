"""Task transfer on tiny networks: what is trained from which head, what is recorded, resumed and reported."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

pytest.importorskip("peft")
import torch
from glue_world import sentences
from sklearn.linear_model import LogisticRegression

from rmt_alpha.cli import main
from rmt_alpha.errors import DatasetCorrupted
from rmt_alpha.experiments.networks.results.runs import RunKey, RunRecord
from rmt_alpha.experiments.networks.results.transfer_drawing import draw_transfers
from rmt_alpha.experiments.networks.results.transfer_effects import effects
from rmt_alpha.experiments.networks.results.transfer_report import transfer_report
from rmt_alpha.experiments.networks.results.transfer_results import TransferResults
from rmt_alpha.experiments.networks.training.trainer import Job
from rmt_alpha.experiments.networks.transfer import source as sources
from rmt_alpha.experiments.networks.transfer import tasks_pairs
from rmt_alpha.experiments.networks.transfer.activations import lower_activations, patches
from rmt_alpha.experiments.networks.transfer.adapters import ADAPTERS, adapter
from rmt_alpha.experiments.networks.transfer.comparison import TransferComparison
from rmt_alpha.experiments.networks.transfer.head_only import HEADS, score_of
from rmt_alpha.experiments.networks.transfer.tasks_pairs import PAIRS, Pair, SourceTask, TaskRows, balanced
from rmt_alpha.experiments.networks.transfer.top_network import (
    divided_encoder,
    features_of,
    log_odds_head,
    set_head,
)

SMALL: dict[str, Any] = {"steps": "4", "batch_size": 4, "rank": 2, "alpha_every": 2, "tuning_sizes": (8,)}


def texts(n: int) -> TaskRows:
    rows = sentences(n)
    return TaskRows([(text,) for text, _ in rows], np.array([label for _, label in rows]))


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    """Small tasks in the place of the real ones, trained for one epoch."""
    images, digits = np.random.default_rng(0).random((240, 784)), np.arange(240) % 10
    images[:, :200] += (digits % 2)[:, None]
    monkeypatch.setattr(tasks_pairs, "load_digits", lambda data: (images, digits))
    monkeypatch.setattr(tasks_pairs, "SOURCE_IMAGES", 120)
    monkeypatch.setitem(tasks_pairs.SOURCES, "sst2", SourceTask("sst2", "text", lambda data: texts(60)))
    reviews = Pair("sst2-reviews", "sst2", "related", lambda data: texts(120))
    monkeypatch.setitem(PAIRS, "sst2-reviews", reviews)
    monkeypatch.setitem(tasks_pairs.TUNED_ON, "sst2", "sst2-reviews")
    monkeypatch.setitem(tasks_pairs.TUNED_ON, "mnist-parity", "parity-large")
    monkeypatch.setattr(sources, "EPOCHS", {"text": 2, "image": 4})


@pytest.fixture
def comparison(tmp_path):
    return TransferComparison(RunRecord(tmp_path / "runs.sqlite"), tmp_path, **SMALL)


@pytest.fixture
def trainer(comparison):
    return comparison.trainer("parity-large")


def job(name, size=24, seed=1):
    return Job("parity-large", size, adapter(name), seed, None, "")


# --- tasks --------------------------------------------------------------------------------------------------


def test_rows_are_balanced_and_disjoint():
    rows = TaskRows(
        np.arange(50.0)[:, None, None] * np.ones((1, 28, 28)), (np.arange(50) < 10).astype(np.int64)
    )
    pool, test = Pair("x", "mnist-parity", "related", lambda data: rows).rows()
    seen = np.concatenate([pool.inputs, test.inputs])[:, 0, 0]
    assert len(pool) + len(test) == 20 == len(set(seen))
    assert np.concatenate([pool.labels, test.labels]).mean() == 0.5
    negated, _ = Pair("x", "mnist-parity", "negated", lambda data: rows, True).rows()
    np.testing.assert_array_equal(negated.inputs, pool.inputs)
    np.testing.assert_array_equal(negated.labels, 1 - pool.labels)


def test_halves_of_the_images_do_not_overlap():
    one, other = (tasks_pairs._mnist(None, first) for first in (True, False))
    both = np.concatenate([one.inputs, other.inputs]).reshape(240, -1)
    assert len(np.unique(both, axis=0)) == 240


def test_small_digits_lie_where_those_of_mnist_do():
    images = np.asarray(tasks_pairs._small_digits(None).inputs)
    assert images.shape == (1797, 28, 28)
    assert images[:, :4].max() == images[:, :, -4:].max() == 0
    assert 0 <= images.min() < images.max() <= 1
    # An enlargement by 5/2 keeps the mean of the 8 x 8 pixels.
    small = __import__("sklearn.datasets").datasets.load_digits().images / 16
    np.testing.assert_allclose(images[:, 4:-4, 4:-4].mean((1, 2)), small.mean((1, 2)), atol=0.02)


def test_every_pair_has_a_source_and_a_pair_that_tunes_it():
    for pair in PAIRS.values():
        assert PAIRS[tasks_pairs.TUNED_ON[pair.source]].source == pair.source


# --- networks -----------------------------------------------------------------------------------------------


def test_lower_and_upper_part_are_the_encoder(encoder, monkeypatch):
    from transformers import AutoModel

    from rmt_alpha.experiments.networks.transfer import top_network

    monkeypatch.setattr(top_network, "TRAINED_LAYERS", 1)
    tokenizer, lower, top = divided_encoder(encoder, 0, bf16=False)
    rows = texts(9)
    found = features_of(top, lower_activations(rows, tokenizer, lower))
    whole = AutoModel.from_pretrained(encoder, attn_implementation="eager").eval()
    batch = tokenizer([text for (text,) in rows.inputs], padding=True, return_tensors="pt")
    with torch.no_grad():
        hidden = whole(**batch).last_hidden_state
    kept = batch["attention_mask"][..., None]
    expected = ((hidden * kept).sum(1) / kept.sum(1)).numpy()
    np.testing.assert_allclose(found, expected, atol=3e-3)  # activations are kept in float16
    monkeypatch.setattr(top_network, "TRAINED_LAYERS", 2)
    with pytest.raises(ValueError, match="of more than 2 layers"):
        divided_encoder(encoder, 0, bf16=False)


def test_the_head_is_two_logits_of_log_odds(trainer):
    network = copy.deepcopy(trainer.source.network)
    weights, intercept = log_odds_head(network)
    rows = trainer.train.batch(np.arange(5))
    with torch.no_grad():
        logits = network(rows["hidden"], rows["mask"]).logits
    features = features_of(network, trainer.train)[:5]
    np.testing.assert_allclose(logits[:, 1] - logits[:, 0], features @ weights + intercept, atol=1e-5)
    set_head(network, 2 * weights, -1.0)
    again = log_odds_head(network)
    np.testing.assert_allclose(again[0], 2 * weights, rtol=1e-6)
    assert again[1] == pytest.approx(-1.0)


@pytest.mark.parametrize("name", list(ADAPTERS))
def test_what_a_method_trains(name, trainer):
    outcome = trainer.run(job(name), 1e-2, test=True)
    base = trainer.source.network.state_dict()
    trained = {n for n, p in outcome.model.named_parameters() if p.requires_grad}
    assert any("head" in n for n in trained)
    count = {mark: sum(mark in n for n in trained) for mark in ("lora_A", "lora_B", "lora_rescale", "ia3_l")}
    low_rank = 0 if name == "full" else 12  # six linear layers in each of two
    assert count["lora_A"] == count["lora_B"] == low_rank
    alphas = {"alpha-lora-shared": 10, "alpha-lora-attention": 8, "alpha-lora-inner": 4}
    assert count["lora_rescale"] == alphas.get(name, 12 * name.startswith("alpha-lora"))
    scales = {"ia3+lora": 6, "rows+lora": 12, "columns+lora": 12, "both+lora": 12}
    assert count["ia3_l"] == scales.get(name, 0)
    if name == "full":
        assert len(trained) == len(base)
    else:
        assert all("lora_" in n or "ia3_" in n or "head" in n for n in trained)
    assert len(outcome.dev.folds) == 10


@pytest.mark.parametrize(
    ("name", "steps"), [("alpha-lora", 2), ("alpha-lora-every-1", 4), ("alpha-lora-every-20", 0)]
)
def test_alpha_moves_every_t_steps(name, steps, trainer, monkeypatch):
    from rmt_alpha.lora import AlphaSchedule

    due, moves = AlphaSchedule.due, []

    def counted(self, step):
        moves.append(due(self, step))
        return moves[-1]

    monkeypatch.setattr(AlphaSchedule, "due", counted)
    trainer.run(job(name), 1e-2, test=False)
    assert sum(moves) == steps  # of four


def test_alpha_stays_one_where_it_is_not_trained(trainer):
    from rmt_alpha.lora import alphas

    found = alphas(trainer.run(job("alpha-lora-inner"), 1e-2, test=False).model)
    moved = {layer for layer, alpha in found.items() if (alpha != 1).any()}
    assert moved == {layer for layer in found if "attention" not in layer}


def test_heads_that_methods_start_from(trainer, monkeypatch):
    starts = {}

    def stop(model, method, *rest, **options):
        starts[method.name] = log_odds_head(_inside(model))

    monkeypatch.setattr("rmt_alpha.experiments.networks.transfer.transfer_trainer.train", stop)
    for name in ("lora", "lora-new-head", "lora-scaled-head", "lora-probe", "alpha-lora", "full"):
        trainer.run(job(name), 1e-2, test=False)
    weights, _ = trainer.source.log_odds
    for name in ("lora", "alpha-lora", "full"):
        np.testing.assert_allclose(starts[name][0], weights, atol=1e-6)
    scaled = starts["lora-scaled-head"][0]
    cosine = scaled @ weights / np.linalg.norm(scaled) / np.linalg.norm(weights)
    assert abs(cosine) == pytest.approx(1.0)
    assert not np.allclose(starts["lora-new-head"][0], weights, atol=1e-2)
    assert not np.allclose(starts["lora-probe"][0], weights, atol=1e-2)


def _inside(model):
    head = model.head if hasattr(model, "head") else model.base_model.model.head
    head = getattr(head, "modules_to_save", {"default": head})["default"]
    return type("Network", (), {"head": head})


# --- head only ----------------------------------------------------------------------------------------------


def test_head_only_methods(trainer):
    found = {name: trainer.run_head(name, 24, 1) for name in HEADS}
    weights, intercept = trainer.source.log_odds
    scores = trainer.features[1] @ weights + intercept
    right = (scores > 0) == (trainer.dev.labels == 1)
    assert found["source"][0].accuracy == pytest.approx(right.mean())
    assert found["head-0"][1]["head_alpha"] == 0.0
    assert found["head-1"][1]["head_alpha"] == 1.0
    assert 0 <= found["head-chosen"][1]["theory"] <= 1
    # With alpha = 0 the source, whatever its units, is not there.
    assert found["head-units-1"][1].get("theory") is None


def test_scores_against_sklearn():
    from sklearn.metrics import log_loss

    rng = np.random.default_rng(0)
    scores, labels = rng.standard_normal(40), rng.integers(0, 2, 40)
    found = score_of(scores, labels)
    assert found.loss == pytest.approx(log_loss(labels, 1 / (1 + np.exp(-scores))))
    assert found.accuracy == pytest.approx(np.mean((scores > 0) == labels))
    assert np.mean([part for part, _ in found.folds]) == pytest.approx(found.accuracy)


def test_the_scaled_source_is_its_logistic_regression(trainer):
    """One feature, the source's score: with many rows the prior on alpha is nothing."""
    from rmt_alpha.experiments.networks.transfer.adapters import scaled_head

    rng = np.random.default_rng(0)
    weights = rng.standard_normal(5)
    features = rng.standard_normal((4000, 5))
    labels = (0.7 * features @ weights + 0.4 + rng.logistic(size=4000) > 0).astype(np.int64)
    coef, intercept = scaled_head((weights, 0.2), features, labels)
    score = (features @ weights)[:, None]
    fitted = LogisticRegression(C=np.inf).fit(score, labels)
    assert coef / weights == pytest.approx(fitted.coef_[0, 0], rel=1e-2)
    assert intercept == pytest.approx(fitted.intercept_[0], abs=1e-2)


# --- record and report --------------------------------------------------------------------------------------

WORK = (["parity-large"], [8, 24], ["head-0", "head-1", "head-chosen", "lora", "alpha-lora"], [1, 2])


def contents(record):
    return {key: {k: v for k, v in run.items() if k != "seconds"} for key, run in record.runs.items()}


def test_a_stopped_comparison_goes_on_to_the_same_record(tmp_path):
    whole = TransferComparison(RunRecord(tmp_path / "whole.sqlite"), tmp_path, **SMALL)
    whole.run(*WORK)
    left = {"steps": 45}

    def stop(title, step, steps):
        left["steps"] -= 1
        if left["steps"] == 0:
            raise KeyboardInterrupt

    path = tmp_path / "stopped.sqlite"
    with pytest.raises(KeyboardInterrupt):
        TransferComparison(RunRecord(path), tmp_path, progress=stop, **SMALL).run(*WORK)
    assert 0 < len(RunRecord(path).runs) < len(whole.record.runs)
    again = TransferComparison(RunRecord(path), tmp_path, **SMALL)
    again.run(*WORK)
    assert contents(RunRecord(path)) == contents(whole.record)
    assert len(whole.record.runs) == 2 * 3 + 2 * 2 * 5  # two methods tuned by three trials each


def test_the_source_is_known_by_its_checksum(tmp_path):
    record = RunRecord(tmp_path / "runs.sqlite")
    first = TransferComparison(record, tmp_path, **SMALL).trainer("parity-large")
    lines: list[str] = []
    again = TransferComparison(record, tmp_path, announce=lines.append, **SMALL).trainer("parity-large")
    assert not lines  # not trained again
    assert again.settings == first.settings
    assert first.source.sha256[:16] in first.settings.data
    path = tmp_path / "mnist-parity.safetensors"
    path.write_bytes(path.read_bytes()[:-4] + b"\0\0\0\0")
    with pytest.raises(DatasetCorrupted, match="remove both to train it again"):
        TransferComparison(record, tmp_path, **SMALL).trainer("parity-large")


def test_tables_are_read_as_written_and_report_the_same(comparison, tmp_path):
    comparison.run(*WORK)
    comparison.record.add_task("glue", {"train": 3})  # of another comparison
    comparison.run(["parity-large"], [24], ["full"], [1])
    comparison.align(["parity-large"], 24)
    results = TransferResults.of(comparison.record)
    results.write(tmp_path / "table")
    read = TransferResults.read(tmp_path / "table")
    assert transfer_report(read) == transfer_report(results)
    assert list(read.pairs) == ["parity-large"]
    assert len(read.theory) == 2
    assert {row["layer"] for row in read.alignment} >= {"head.weight", "layers.0.attention.self.query.weight"}
    text = transfer_report(read)
    assert "| alpha-LoRA | LoRA | poor | 1, 2 |" in text
    one = next(one for one in effects(read, contests=[("alpha-lora", "lora")], sizes=(24,)))
    shown = f"{100 * one.accuracy.mean:+.1f} ± {100 * one.accuracy.half_width:.1f}; {one.loss.mean:+.3f}"
    assert f"| LoRA | 24 |  |  | {shown} ± {one.loss.half_width:.3f} |  |" in text
    assert "| pair | rank |" not in text  # there is one rank
    assert [path.stat().st_size > 10_000 for path in draw_transfers(read, tmp_path / "figures")] == [True] * 2


def test_a_pair_that_was_tuned_on_alone_is_in_no_table(comparison, monkeypatch):
    monkeypatch.setitem(tasks_pairs.TUNED_ON, "mnist-parity", "parity-digits")
    comparison.run(["parity-large"], [24], ["lora"], [1, 2])
    assert set(comparison.record.tasks) == {"parity-digits", "parity-large"}
    results = TransferResults.of(comparison.record)
    assert list(results.pairs) == ["parity-large"]
    assert "nan" not in transfer_report(results)


def test_text_by_the_command_line(encoder, tmp_path, capsys, monkeypatch):
    from rmt_alpha.experiments.networks.transfer import comparison, top_network

    monkeypatch.setattr(top_network, "TRAINED_LAYERS", 1)
    monkeypatch.setattr(comparison, "STEPS", {"text": "4", "image": "4"})
    monkeypatch.setattr(comparison, "TUNING", (8,))
    out = tmp_path / "x.sqlite"
    words = ["networks", "transfer", "--pair", "sst2-reviews", "--model", str(encoder), "--out", str(out)]
    words += ["--size", "16", "--seeds", "1", "--method", "source", "head-1", "lora", "--rank", "2"]
    words += ["--precision", "fp32"]
    assert main(words) == 0
    shown = capsys.readouterr()
    assert "trained the source sst2" in shown.err
    assert "| sst2-reviews | 16 |" in shown.out
    ((_, settings),) = RunRecord(out).settings.items()
    assert (settings["rank"], settings["precision"]) == (2, "fp32")
    assert main(["networks", "transfer", "--out", str(out), "--report"]) == 0
    assert capsys.readouterr().out == shown.out
    (command,) = RunRecord(out).commands
    assert "/tiny --pair sst2-reviews --method source head-1 lora" in command
    assert "--rank 2 --precision fp32" in command
    assert str(tmp_path) not in command


def test_what_is_refused(tmp_path, capsys):
    out = str(tmp_path / "x.sqlite")
    assert main(["networks", "transfer", "--out", out]) == 2
    assert "--pair is needed" in capsys.readouterr().err
    assert main(["networks", "transfer", "--out", out, "--report"]) == 2
    assert "there is no record" in capsys.readouterr().err
    RunRecord(out).add_task("sst2", {"train": 3})
    assert main(["networks", "transfer", "--out", out, "--report"]) != 0
    assert "no run of networks transfer" in capsys.readouterr().err


def test_the_command_lists_what_there_is():
    from rmt_alpha.cli import transfer

    assert set(transfer.PAIRS) == set(PAIRS)
    assert set(transfer.HEADS) == set(HEADS)
    assert set(transfer.ADAPTERS) == set(ADAPTERS)


def test_balanced_takes_as_many_of_either():
    assert balanced(TaskRows([("a",)] * 7, np.array([0, 1, 1, 1, 0, 1, 1]))).labels.mean() == 0.5


def test_patches_hold_every_pixel_once():
    image = np.arange(784.0).reshape(1, 28, 28)
    assert sorted(patches(TaskRows(image, np.array([0]))).tokens.ravel().tolist()) == list(range(784))


@pytest.mark.parametrize("per", ["rows", "columns", "both"])
def test_ia3_on_all_layers_scales_rows_or_columns(per, trainer):
    name = f"{per}+lora"
    model = adapter(name).wrap(copy.deepcopy(trainer.source.network), trainer.settings, ["head"])
    layer = model.layers[0].intermediate.dense
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.normal_()
    scale = next(p for n, p in layer.named_parameters() if "ia3_l" in n).flatten()
    a, b = (next(p for n, p in layer.named_parameters() if part in n) for part in ("lora_A", "lora_B"))
    w, bias = (
        next(p for n, p in layer.named_parameters() if n.endswith(f"base_layer.{part}"))
        for part in ("weight", "bias")
    )
    x = torch.randn(3, w.shape[1])
    whole = w + b @ a
    columns = {"rows": 1.0, "columns": scale, "both": getattr(layer, "ia3_columns", None)}[per]
    expected = (x * columns) @ whole.T + bias
    assert torch.allclose(layer(x), expected if per == "columns" else scale * expected, atol=1e-4)
    scales = sum("ia3_" in n for n, p in model.named_parameters() if p.requires_grad)
    assert scales == (24 if per == "both" else 12)


def test_rates_are_chosen_by_log_loss(tmp_path, trainer):
    assert trainer.facts()["tuned_by"] == "loss"
    for tuned_by, expected in (("loss", 2e-3), ("accuracy", 1e-3)):
        record = RunRecord(tmp_path / f"{tuned_by}.sqlite")
        record.add_task("films", {"tuned_by": tuned_by})
        for rate, accuracy, loss in ((1e-3, 0.755, 0.6), (2e-3, 0.75, 0.5), (3e-3, 0.75, 0.7)):
            key = RunKey("s", "films", 100, "lora", rate, 0)
            record.add_run(key, {"tuning": True, "validation": accuracy, "validation_loss": loss})
        assert record.tuned_rate("s", "films", "lora") == expected
