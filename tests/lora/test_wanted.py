"""What alpha has become beside what fine-tuning wants, and the survey of trained networks."""

from __future__ import annotations

import copy
import csv
import logging

import numpy as np
import pytest

pytest.importorskip("peft")
import torch
from peft import get_peft_model
from tiny_transformers import ROBERTA
from transformers.pytorch_utils import Conv1D

from rmt_alpha.cli import main
from rmt_alpha.experiments.networks import trained_pairs
from rmt_alpha.experiments.networks.results import weight_changes
from rmt_alpha.experiments.networks.trained_pairs import TrainedPair
from rmt_alpha.lora import AlphaLoraConfig, alpha_alignment, set_alphas


def adapted(base, alpha=None, **options):
    torch.manual_seed(0)
    model = get_peft_model(torch.nn.Sequential(base), AlphaLoraConfig(r=2, target_modules=["0"], **options))
    if alpha is not None:
        set_alphas(model, alpha)
    return model


def test_alpha_against_a_tuned_model():
    torch.manual_seed(1)
    base = torch.nn.Linear(400, 50, bias=False)
    factors = 1 + 0.1 * torch.randn(50)
    tuned = {"0.weight": factors[:, None] * base.weight.detach() + 1e-3 * torch.randn(50, 400)}
    (found,) = alpha_alignment(adapted(base, {"0": factors}), tuned).layers
    rms = float((factors - 1).square().mean().sqrt())
    assert found.moved == pytest.approx(rms, rel=1e-5)
    # Weights are uniform of variance 1/(3 * 400): noise of 1e-3 moves beta of a row by 1e-3/sqrt(1/3).
    # The standard errors also count what one common factor leaves of the others: .1/sqrt(400) of each row.
    assert found.noise == pytest.approx(np.hypot(1e-3 * 3**0.5, rms / 20), rel=0.1)
    assert found.wanted == pytest.approx(rms, rel=0.05)
    assert found.agreement > 0.999
    (opposite,) = alpha_alignment(adapted(base, {"0": 2 - factors}), tuned).layers
    assert opposite.agreement < -0.999
    (without,) = alpha_alignment(adapted(base), tuned).layers
    assert without.moved == 0 == without.agreement


def test_noise_wants_nothing():
    torch.manual_seed(2)
    base = torch.nn.Linear(300, 200, bias=False)
    tuned = {"0.weight": base.weight.detach() + 1e-2 * torch.randn(200, 300)}
    (found,) = alpha_alignment(adapted(base), tuned).layers
    # beta - 1 is noise: the excess over it is one of 200 chi-squared terms, 2/200 at the root, twice.
    assert found.wanted < found.noise * (3 * (2 / 200) ** 0.5) ** 0.5


@pytest.mark.parametrize("transposed", [False, True])
def test_the_adapter_as_a_whole(transposed):
    torch.manual_seed(3)
    base = Conv1D(6, 9) if transposed else torch.nn.Linear(9, 6)
    base.weight.requires_grad_(False)
    base.weight[0 if not transposed else slice(None), slice(None) if not transposed else 0] = 0  # a row
    model = adapted(base, 1.25, init_lora_weights=False, lora_alpha=6, fan_in_fan_out=transposed)
    found = alpha_alignment(model).layers[0]
    layer = model.base_model.model[0]
    old = base.weight.detach().numpy().T if transposed else base.weight.detach().numpy()
    b, a = (m["default"].weight.detach().numpy() for m in (layer.lora_B, layer.lora_A))
    new = 1.25 * old + 3 * b @ a
    expected = np.sum(new[1:] * old[1:], axis=1) / np.sum(old[1:] ** 2, axis=1)
    np.testing.assert_allclose(found.beta[1:], expected, rtol=1e-5)
    assert (found.beta[0], found.stderr[0]) == (1.0, 0.0)
    shown = str(alpha_alignment(model))
    assert "alpha moved by 2.5e-01; the adapter as a whole would want" in shown
    assert shown.splitlines()[0].split() == ["layer", "moved", "wanted", "noise", "agreement"]


def test_refusals():
    model = adapted(torch.nn.Linear(4, 3))
    with pytest.raises(
        ValueError, match=r"tuned has no parameter 0.weight: it must be the same architecture"
    ):
        alpha_alignment(model, {"1.weight": torch.zeros(3, 4)})
    with pytest.raises(ValueError, match=r"0.weight of tuned has shape \(2, 4\), that of the model \(3, 4\)"):
        alpha_alignment(model, {"0.weight": torch.zeros(2, 4)})
    model.merge_adapter()
    with pytest.raises(ValueError, match="the adapter is merged"):
        alpha_alignment(model)
    with pytest.raises(ValueError, match="has no alpha"):
        alpha_alignment(torch.nn.Linear(4, 3))


def test_the_trainer_says_it(tmp_path, caplog):
    datasets = pytest.importorskip("datasets")
    from tiny_transformers import tokens
    from transformers import TrainingArguments

    from rmt_alpha.lora import AlphaTrainer

    ids = tokens(12, 1)
    rows = datasets.Dataset.from_dict({"input_ids": ids.tolist(), "labels": (ids.sum(1) % 2).tolist()})
    torch.manual_seed(0)
    base = ROBERTA.build()
    config = AlphaLoraConfig(r=2, target_modules=["query"], task_type="SEQ_CLS")
    tuned = {name: 1.5 * value for name, value in base.state_dict().items()}
    model = get_peft_model(copy.deepcopy(base), config)
    arguments = TrainingArguments(
        str(tmp_path), max_steps=2, per_device_train_batch_size=4, report_to=[], use_cpu=True,
        save_strategy="no", disable_tqdm=True, learning_rate=1e-2,
    )  # fmt: skip
    trainer = AlphaTrainer(model, arguments, train_dataset=rows, alpha_every=1, alpha_split=4)
    with caplog.at_level(logging.INFO, logger="rmt_alpha.lora.trainer"):
        trainer.train()
    assert "the adapter as a whole would want" in caplog.text
    assert "full fine-tuning would want 5.0e-01 (noise" in trainer.alpha_alignment(tuned).summary()


@pytest.fixture
def pairs(monkeypatch):
    """Pairs that take no training; counts them."""
    made = []

    def pair(*where, rate=None, rank=None, seed=1, data=None):
        made.append((*where, rate, rank))
        rng = np.random.default_rng(len(made))
        base = {
            "encoder.weight": rng.standard_normal((20, 30)),
            "word_embeddings.weight": rng.standard_normal((40, 8)),
            "LayerNorm.weight": 1 + rng.standard_normal(30) / 10,
            "LayerNorm.bias": rng.standard_normal(30) / 10,
        }
        tuned = {name: 1.1 * value for name, value in base.items()}

        def loss(weights):
            state = tuned | weights
            return sum(np.abs(state[name] - base[name]).sum() for name in base)

        return TrainedPair(base, tuned, 0.75, loss)

    monkeypatch.setattr(trained_pairs, "glue_pair", pair)
    monkeypatch.setattr(trained_pairs, "digits_pair", lambda **options: pair("digits"))
    return made


def test_survey_resumes_and_is_summed_up(pairs, tmp_path, capsys):
    path = tmp_path / "survey.csv"
    words = ["align", "encoder", "--survey", str(path)]
    assert main([*words, "--task", "rte"]) == 0
    assert len(pairs) == len(weight_changes.RATES) + len(weight_changes.RANKS)
    whole = path.read_text(encoding="utf-8")
    capsys.readouterr()
    # What is there is not done again.
    assert main([*words, "--task", "rte"]) == 0
    assert path.read_text(encoding="utf-8") == whole
    assert len(pairs) == 6
    table = capsys.readouterr().out.splitlines()
    assert len(table) == 2 + 6 * len(weight_changes.KINDS)
    assert (
        sum("| rte | lora 128 | 0.003 | 75.0 | 1 matrices | 10 | 1.0e-01 | 100;" in line for line in table)
        == 1
    )
    assert main(words) == 0
    assert len(pairs) == 19
    with path.open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    # Divided by its beta, 1.1, a kind of weights is what it was: the loss of the fixture loses that part.
    assert {row["kind"] for row in rows if float(row["worth"]) < 0} == set(weight_changes.KINDS)
    assert {row["task"] for row in rows} == {"sst2", "mrpc", "rte", "digits"}
    assert {float(row["beta"]) for row in rows} == {1.1}
    assert main(["align", "--survey", str(path)]) == 2
    assert "--survey needs BASE alone" in capsys.readouterr().err
