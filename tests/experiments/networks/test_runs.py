"""Training runs on a tiny encoder: what is trained, on which rows, chosen how, and resumed after what."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from rmt_alpha.experiments.networks import experiment
from rmt_alpha.experiments.networks.experiment import chosen_rate, run_experiment
from rmt_alpha.experiments.networks.extras import SCALES, SHIFTS, accuracy_curves, alpha_map
from rmt_alpha.experiments.networks.loading import load_glue
from rmt_alpha.experiments.networks.results.runs import RunRecord
from rmt_alpha.experiments.networks.settings import Settings
from rmt_alpha.experiments.networks.tasks import split
from rmt_alpha.experiments.networks.training import optimizer
from rmt_alpha.experiments.networks.training import trainer as training
from rmt_alpha.experiments.networks.training.methods import (
    METHOD_NAMES,
    METHODS,
    head_modules,
    load_model,
    method,
)
from rmt_alpha.experiments.networks.training.optimizer import schedule
from rmt_alpha.experiments.networks.training.tokens import (
    Score,
    evaluate,
    evaluation_batches,
    training_batches,
)
from rmt_alpha.experiments.networks.training.trainer import Job, TaskTrainer

SETTINGS = Settings(
    "tiny",
    steps="6",
    batch_size=4,
    validation_rows=12,
    evaluations=2,
    rank=2,
    alpha_every=2,
    tuning_sizes=(8,),
)
CPU = torch.device("cpu")
HEAD = ("pooler", "classifier")
TRAINED = {
    "head": (),
    "lora": ("lora_A", "lora_B"),
    "lora-fewer-rows": ("lora_A", "lora_B"),
    "alpha-lora": ("lora_A", "lora_B", "lora_rescale"),
    "alpha-lora-paper": ("lora_A", "lora_B", "lora_rescale"),
    "lora-all": ("lora_A", "lora_B"),
    "alpha-lora-all": ("lora_A", "lora_B", "lora_rescale"),
    "ia3+lora": ("lora_A", "lora_B", "ia3_l"),
    "ia3": ("ia3_l",),
    "dora": ("lora_A", "lora_B", "lora_magnitude_vector"),
}


@pytest.fixture(scope="module")
def trainer(encoder, data_folder):
    return TaskTrainer(str(encoder), load_glue("sst2", data_folder), SETTINGS, "cpu")


def job(name, size=16, seed=1):
    return Job("sst2", size, method(name), seed, None)


def wrapped(trainer, name, seed=1):
    model = load_model(trainer.model, 2, seed, SETTINGS, CPU)
    return METHODS[name].wrap(model, SETTINGS, head_modules(model))


@pytest.mark.parametrize("name", METHOD_NAMES)
def test_a_method_trains_its_parameters_and_the_head_and_nothing_else(name, trainer):
    before = {n: p.clone() for n, p in wrapped(trainer, name).named_parameters()}
    outcome = trainer.run(job(name), 1e-2, test=True)
    moved = {
        n for n, p in outcome.model.named_parameters() if not torch.equal(before[n], p.to(before[n].dtype))
    }
    if name == "full":
        assert len(moved) > 20
        return
    kinds = (*TRAINED[name], *HEAD)
    trainable = {n for n, p in outcome.model.named_parameters() if p.requires_grad}
    assert moved <= trainable
    assert all(any(kind in n for kind in kinds) for n in moved)
    assert all(any(kind in n for n in moved) for kind in kinds), "something that should train stood still"
    assert outcome.trainable == sum(dict(outcome.model.named_parameters())[n].numel() for n in trainable)


def test_every_method_starts_from_the_same_head_and_function(trainer):
    rows = trainer.train.batch(np.arange(5))
    rows.pop("labels")
    with torch.no_grad():
        starts = [wrapped(trainer, name).eval()(**rows).logits for name in METHOD_NAMES]
        other = wrapped(trainer, "lora", seed=2).eval()(**rows).logits
    for start in starts[1:]:
        assert torch.allclose(start, starts[0], atol=1e-5)
    assert not torch.allclose(other, starts[0], atol=1e-3)


def test_all_linear_layers_are_those_of_the_encoder(trainer):
    for name in ("lora-all", "alpha-lora-all"):
        model = wrapped(trainer, name)
        adapted = {
            n.split(".lora_A")[0].split("encoder.layer.")[-1]
            for n, _ in model.named_parameters()
            if "lora_A" in n
        }
        parts = [f"attention.self.{part}" for part in ("query", "key", "value")]
        parts += ["attention.output.dense", "intermediate.dense", "output.dense"]
        assert adapted == {f"{i}.{part}" for i in range(2) for part in parts}


def test_ia3_around_lora_is_what_it_says(trainer):
    model = wrapped(trainer, "ia3+lora")
    layer = model.bert.encoder.layer[1].attention.self.value
    torch.manual_seed(3)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.normal_()
    tensors = dict(layer.named_parameters())
    ((_, scale),) = [item for item in tensors.items() if "ia3_l" in item[0]]
    (a,), (b,), (w,), (bias,) = (
        [p for n, p in tensors.items() if part in n]
        for part in ("lora_A", "lora_B", "base_layer.weight", "base_layer.bias")
    )
    x = torch.randn(4, 16)
    expected = scale.flatten() * (x @ (w + b @ a).T + bias)
    assert torch.allclose(layer(x), expected, atol=1e-5)


@pytest.mark.parametrize("name", ["lora", "alpha-lora", "alpha-lora-paper"])
def test_runs_are_functions_of_task_method_and_seed(name, trainer):
    first, again = (trainer.run(job(name), 1e-2, test=True) for _ in range(2))
    assert first.dev == again.dev
    assert first.curve == again.curve
    for p, q in zip(first.model.parameters(), again.model.parameters(), strict=True):
        assert torch.equal(p, q)
    other = trainer.run(job(name, seed=2), 1e-2, test=True)
    assert other.curve != first.curve


def rows_seen(monkeypatch, trainer, name):
    """Rows of each batch, by which parameters asked for gradients: alpha's or the adapter's."""
    seen: dict[str, list] = {"adapter": [], "alpha": [], "neither": []}
    real, current = type(trainer.train).batch, {}

    def batch(tokens, rows, device="cpu"):
        if tokens is trainer.train:
            current["rows"] = list(map(int, rows))
        return real(tokens, rows, device)

    real_loss = optimizer.AlternatingOptimizer._loss

    def loss(both, made):
        asks = [n for n, p in both.model.named_parameters() if p.requires_grad]
        kind = "alpha" if all("lora_rescale" in n for n in asks) else "adapter"
        assert kind == "alpha" or not any("lora_rescale" in n for n in asks)
        seen[kind].append(current["rows"])
        return real_loss(both, made)

    def dont_watch(model, *rest):
        return Score(0.5, 1.0, None)

    monkeypatch.setattr(type(trainer.train), "batch", batch)
    monkeypatch.setattr(optimizer.AlternatingOptimizer, "_loss", loss)
    monkeypatch.setattr(training, "evaluate", dont_watch)
    trainer.run(job(name), 1e-2, test=False)
    return {kind: [row for rows in batches for row in rows] for kind, batches in seen.items()}, seen


def test_held_out_rows_are_for_alpha_alone(trainer, monkeypatch):
    rows = split(60, 12, 16, 1, SETTINGS.alpha_holdout)
    seen, batches = rows_seen(monkeypatch, trainer, "alpha-lora")
    assert set(seen["adapter"]) == set(rows.train)
    assert set(seen["alpha"]) <= set(rows.alpha)
    assert (len(batches["adapter"]), len(batches["alpha"])) == (6, 3)


def test_the_control_goes_without_the_same_rows(trainer, monkeypatch):
    rows = split(60, 12, 16, 1, SETTINGS.alpha_holdout)
    seen, _ = rows_seen(monkeypatch, trainer, "lora-fewer-rows")
    assert set(seen["adapter"]) == set(rows.train)
    assert not seen["alpha"]


def test_paper_mode_draws_alpha_s_batches_from_all_rows(trainer, monkeypatch):
    rows = split(60, 12, 16, 1)
    seen, batches = rows_seen(monkeypatch, trainer, "alpha-lora-paper")
    assert set(seen["adapter"]) == set(rows.train)
    assert set(seen["alpha"]) <= set(rows.train)
    # Epochs of 4 steps: alpha moves after steps 1, 3 of each, so after 1, 3, 5.
    assert (len(batches["adapter"]), len(batches["alpha"])) == (6, 3)


def test_the_checkpoint_is_the_best_on_validation_rows(trainer, monkeypatch):
    scores = iter([(0.7, 0.5), (0.9, 0.4), (0.9, 0.3), (0.8, 0.1)])
    weights = []

    def fake(model, tokens, rows, settings, device):
        if tokens is trainer.dev:
            weights.append([p.clone() for p in model.parameters()])
            return Score(0.1, 1.0, None)
        weights.append([p.clone() for p in model.parameters()])
        return Score(*next(scores), None)

    monkeypatch.setattr(training, "evaluate", fake)
    settings = Settings(**{**SETTINGS.as_dict(), "evaluations": 4})
    outcome = trainer.with_settings(settings).run(job("lora"), 1e-2, test=True)
    assert outcome.best_step == outcome.curve[2][0]
    assert outcome.validation.accuracy == 0.9
    tested, third, fourth = weights[4], weights[2], weights[3]
    assert all(torch.equal(p, q) for p, q in zip(tested, third, strict=True))
    assert not all(torch.equal(p, q) for p, q in zip(tested, fourth, strict=True))


def test_tuning_never_sees_the_dev_rows(trainer, tmp_path, monkeypatch):
    blind = copy.copy(trainer)
    blind.dev = object()  # nothing that could be looked at
    record = RunRecord(tmp_path / "runs.sqlite")
    record.add_task("sst2", {})
    monkeypatch.setattr(TaskTrainer, "facts", lambda self: {})
    real = experiment._do

    def only_tuning(trainer, record, job, progress):
        if not job.tunes:
            raise KeyboardInterrupt
        return real(trainer, record, job, progress)

    monkeypatch.setattr(experiment, "_do", only_tuning)
    with pytest.raises(KeyboardInterrupt):
        run_experiment(blind, record, [16], ["lora", "head"], [1])
    assert len(record.runs) == 8
    for name in ("lora", "head"):
        tried = {key.rate: run for key, run in record.runs.items() if key.method == name}
        assert set(tried) == set(METHODS[name].rates)
        best = max(tried, key=lambda rate: (tried[rate]["validation"], -tried[rate]["validation_loss"]))
        assert chosen_rate(record, SETTINGS.id, job(name)) == best


def test_every_method_has_the_same_number_of_trials():
    assert {len(set(one.rates)) for one in METHODS.values()} == {4}


def without_seconds(record):
    return {key: {k: v for k, v in run.items() if k != "seconds"} for key, run in record.runs.items()}


def test_a_run_that_was_stopped_goes_on_to_the_same_record(trainer, tmp_path, monkeypatch):
    work = ([8, 16], ["lora", "alpha-lora"], [1, 2])
    whole = RunRecord(tmp_path / "whole.sqlite")
    keys = run_experiment(trainer, whole, *work)
    assert len(keys) == 8
    assert len(whole.runs) == 8 + 8

    path = tmp_path / "stopped.sqlite"
    lines: list[str] = []
    left = {"steps": 31}

    def stop(title, step, steps):
        left["steps"] -= 1
        if left["steps"] == 0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_experiment(trainer, RunRecord(path), *work, progress=stop)
    assert len(RunRecord(path).runs) == 5
    again = RunRecord(path)
    assert run_experiment(trainer, again, *work, announce=lines.append) == keys
    assert lines[0] == "sst2: 16 runs, 5 of them recorded already"
    assert lines[-1].endswith("about 0 s left")
    assert len(lines) == 1 + 11
    assert without_seconds(RunRecord(path)) == without_seconds(whole)


def test_a_diverged_trial_is_recorded_and_not_chosen(trainer, tmp_path, monkeypatch):
    real = TaskTrainer.run

    def run(self, job, rate, **options):
        if rate == METHODS["lora"].rates[0]:
            raise FloatingPointError("the training loss became nan")
        return real(self, job, rate, **options)

    monkeypatch.setattr(TaskTrainer, "run", run)
    record = RunRecord(tmp_path / "runs.sqlite")
    run_experiment(trainer, record, [16], ["lora"], [1])
    failed = [run for run in record.runs.values() if "failed" in run]
    assert len(failed) == 1
    assert chosen_rate(record, SETTINGS.id, job("lora")) != METHODS["lora"].rates[0]


def test_a_loss_that_is_not_finite_stops_the_run(trainer):
    with pytest.raises(FloatingPointError, match="the training loss became"):
        trainer.run(job("full"), 1e30, test=False)


@pytest.mark.parametrize(
    ("sizes", "seeds", "message"),
    [
        ([1], [1], "size must be between 2 and 48"),
        ([49], [1], "between 2 and 48"),
        ([8], [0], "seeds must be"),
    ],
)
def test_sizes_and_seeds_are_checked(sizes, seeds, message, trainer, tmp_path):
    with pytest.raises(ValueError, match=message):
        run_experiment(trainer, RunRecord(tmp_path / "x.sqlite"), sizes, ["lora"], seeds)


def test_map_of_alpha_and_curves(trainer, tmp_path):
    record = RunRecord(tmp_path / "runs.sqlite")
    with pytest.raises(RuntimeError, match="no learning rate of alpha-lora on sst2 has been tried yet"):
        alpha_map(trainer, record, 16, 1)
    run_experiment(trainer, record, [16], ["alpha-lora", "lora"], [1])
    entry = alpha_map(trainer, record, 16, 1)
    ((_, run),) = [(k, r) for k, r in record.runs.items() if k.method == "alpha-lora" and "dev" in r]
    at = entry["accuracy"][SHIFTS.index(0.0)][SCALES.index(1.0)]
    assert at == run["dev"]  # the same model, retrained
    assert np.shape(entry["accuracy"]) == (len(SHIFTS), len(SCALES))
    assert alpha_map(trainer, record, 16, 1) == entry
    (curve, _) = accuracy_curves(trainer, record, 16, ["alpha-lora", "lora"], [1])
    assert [step for step, _ in curve["points"]] == [1, 2, 3, 4, 5, 6]
    by_step = dict(map(tuple, curve["points"]))
    assert all(by_step[step] == accuracy for step, accuracy in run["curve"])
    assert len(RunRecord(record.path).extras) == 3


def test_quantiles_of_alpha_are_recorded(trainer, tmp_path):
    record = RunRecord(tmp_path / "runs.sqlite")
    run_experiment(trainer, record, [16], ["alpha-lora"], [1])
    (run,) = [run for run in record.runs.values() if "dev" in run]
    assert set(run["alpha"]) == {
        f"bert.encoder.layer.{i}.attention.self.{p}" for i in (0, 1) for p in ("query", "value")
    }
    for quantiles in run["alpha"].values():
        assert quantiles == sorted(quantiles)
        assert quantiles[0] < 1 < quantiles[-1]


def test_evaluation_against_row_by_row(trainer):
    model = wrapped(trainer, "lora").eval()
    rows = np.arange(20)
    score = evaluate(model, trainer.dev, rows, SETTINGS, CPU)
    with torch.no_grad():
        logits = torch.cat([model(**trainer.dev.batch(rows[i : i + 1])).logits for i in rows])
    labels = torch.from_numpy(trainer.dev.labels)
    guess = logits.argmax(1)
    assert score.accuracy == pytest.approx((guess == labels).float().mean().item())
    assert score.loss == pytest.approx(torch.nn.functional.cross_entropy(logits, labels).item(), rel=1e-5)
    sklearn = pytest.importorskip("sklearn.metrics")
    assert score.f1 == pytest.approx(sklearn.f1_score(labels, guess, zero_division=0))


def test_batches_hold_every_row_once_an_epoch(trainer):
    rows = np.arange(3, 48)
    drawn = training_batches(trainer.train, rows, 4, seed=1)
    epochs = [np.concatenate([next(drawn) for _ in range(12)]) for _ in range(2)]
    assert all(sorted(epoch) == list(rows) for epoch in epochs)
    assert not np.array_equal(epochs[0], epochs[1])
    lengths = [np.ptp(trainer.train.lengths[b]) for b in evaluation_batches(trainer.train, rows, 4)]
    assert sum(lengths) <= np.ptp(trainer.train.lengths[rows])
    with pytest.raises(ValueError, match="rows must not be empty"):
        next(training_batches(trainer.train, rows[:0], 4, seed=1))


def test_padding_is_masked(trainer):
    short, long = np.argmin(trainer.train.lengths), np.argmax(trainer.train.lengths)
    batch = trainer.train.batch(np.array([short, long]))
    assert batch["attention_mask"].sum(1).tolist() == [
        trainer.train.lengths[short],
        trainer.train.lengths[long],
    ]
    model = wrapped(trainer, "lora").eval()
    with torch.no_grad():
        alone = model(**trainer.train.batch(np.array([short]))).logits[0]
        together = model(**batch).logits[0]
    assert torch.allclose(alone, together, atol=1e-5)


def test_rates_rise_and_fall():
    factors = [schedule(step, 20, 0.1) for step in range(20)]
    assert factors[:3] == [0.5, 1.0, 1.0]
    assert np.allclose(np.diff(factors[2:]), -1 / 18)
    assert factors[-1] == pytest.approx(1 / 18)


def test_bf16_trains(trainer):
    settings = Settings(**{**SETTINGS.as_dict(), "precision": "bf16"})
    outcome = trainer.with_settings(settings).run(job("alpha-lora"), 1e-2, test=True)
    assert {p.dtype for p in outcome.model.parameters() if p.requires_grad} == {torch.float32}
    assert torch.bfloat16 in {p.dtype for p in outcome.model.parameters()}
    assert np.isfinite(outcome.dev.loss)
