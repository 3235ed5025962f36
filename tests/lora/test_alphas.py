"""Reading, setting, replacing, freezing and counting the alphas."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from tiny_transformers import ROBERTA, output, randomise
from transformers import RobertaConfig, RobertaForSequenceClassification

from rmt_alpha.lora import (
    AlphaLoraConfig,
    alphas,
    count_parameters,
    freeze_alpha,
    replaced_alpha,
    set_alphas,
)


@pytest.fixture
def model():
    config = AlphaLoraConfig(r=3, target_modules=["query", "value"], task_type="SEQ_CLS")
    model = get_peft_model(ROBERTA.build(), config).eval()
    randomise(model)
    return model


def test_names_are_those_of_the_base_model(model):
    assert next(iter(alphas(model))) == "roberta.encoder.layer.0.attention.self.query"
    assert set(alphas(model)) <= {name for name, _ in ROBERTA.build().named_modules()}


def test_they_are_copies(model):
    next(iter(alphas(model).values())).zero_()
    assert any(alpha.abs().sum() > 0 for alpha in alphas(model).values())


@pytest.mark.parametrize(("a", "b"), [(1.0, 0.0), (0.5, 0.25), (0, 1), (-1.0, 0.0)])
def test_replaced_within_the_block_and_restored_after(model, a, b):
    before, values = output(model), alphas(model)
    with replaced_alpha(model, a, b):
        for name, alpha in alphas(model).items():
            torch.testing.assert_close(alpha, a * values[name] + b)
    assert torch.equal(output(model), before)
    assert all(torch.equal(alpha, values[name]) for name, alpha in alphas(model).items())


def test_zero_and_one_is_lora(model):
    lora = get_peft_model(
        ROBERTA.build(), LoraConfig(r=3, target_modules=["query", "value"], task_type="SEQ_CLS")
    )
    lora.load_state_dict({k: v for k, v in model.state_dict().items() if "rescale" not in k})
    with replaced_alpha(model, 0.0, 1.0):
        assert torch.equal(output(model), output(lora.eval()))


def test_restored_after_an_error_too(model):
    values = alphas(model)
    with pytest.raises(KeyboardInterrupt), replaced_alpha(model, 2.0):
        raise KeyboardInterrupt
    assert all(torch.equal(alpha, values[name]) for name, alpha in alphas(model).items())


def test_a_shared_alpha_is_replaced_once():
    config = AlphaLoraConfig(
        target_modules=["query", "value"], share_alpha=[["query", "value"]], alpha_init=3.0
    )
    model = get_peft_model(ROBERTA.build(), config)
    with replaced_alpha(model, 2.0):
        assert all(bool((alpha == 6.0).all()) for alpha in alphas(model).values())


def test_refusals(model):
    wrong: Any = "0"
    with pytest.raises(ValueError, match="a must be a finite number"), replaced_alpha(model, float("inf")):
        pass
    with pytest.raises(TypeError, match="b must be a real number"), replaced_alpha(model, 1.0, wrong):
        pass
    with pytest.raises(ValueError, match="adapter must be one of 'default', got 'other'"):
        alphas(model, "other")
    model.merge_adapter()
    with pytest.raises(ValueError, match="merged into the weights"), replaced_alpha(model, 2.0):
        pass
    with pytest.raises(ValueError, match="has no alpha"):
        alphas(ROBERTA.build())


def test_share_of_roberta_base():
    # The size of the real one: query and value of 12 layers, 24 x 768 numbers.
    with torch.device("meta"):
        base = RobertaForSequenceClassification(RobertaConfig(vocab_size=50265, max_position_embeddings=514))
        total = sum(p.numel() for p in base.parameters())
        model = get_peft_model(base, AlphaLoraConfig(r=8, target_modules=["query", "value"]))
    count = count_parameters(model)
    assert (count.alpha, count.layers, count.update, count.base) == (18_432, 24, 294_912, total)
    assert "alpha: 18,432 parameters in 24 layers, 0.015% of the base model's" in str(count)


def test_count_leaves_the_copied_head_out(model):
    assert count_parameters(model).base == sum(p.numel() for p in ROBERTA.build().parameters())


def roberta(**options):
    config = AlphaLoraConfig(target_modules=["query", "value"], task_type="SEQ_CLS", **options)
    return get_peft_model(ROBERTA.build(), config)


def test_what_is_set_is_read_and_computed():
    model = roberta()
    before = output(model)
    chosen = {name: torch.linspace(0, 2, len(alpha)) for name, alpha in alphas(model).items()}
    set_alphas(model, chosen)
    for name, alpha in alphas(model).items():
        torch.testing.assert_close(alpha, chosen[name])
    assert (output(model) - before).abs().max() > 1e-3
    set_alphas(model, 1)
    assert torch.equal(output(model), before)
    only = next(iter(chosen))
    set_alphas(model, {only: 0.25})
    assert {name for name, a in alphas(model).items() if bool((a != 1).any())} == {only}


def test_a_number_near_one_keeps_its_digits():
    model = roberta()
    set_alphas(model, 1.0 + 1e-9)
    scale = next(m for m in model.modules() if hasattr(m, "lora_rescale")).lora_rescale["default"]
    assert float(scale.offset[0].detach()) == pytest.approx(1e-9, rel=1e-6)


def test_values_that_cannot_be_set():
    model = roberta(share_alpha=[["query", "value"]])
    first, second = list(alphas(model))[:2]
    before = alphas(model)
    for values, message in [
        ({"nobody": 1.0}, "no adapted layer is called 'nobody'"),
        ({first: torch.ones(3)}, r"of shape \(16,\), got shape \(3,\)"),
        ({first: float("nan")}, "must be finite"),
        ({first: 0.5, second: 0.6}, "shares its alpha"),
    ]:
        with pytest.raises(ValueError, match=message):
            set_alphas(model, values)
    assert all(torch.equal(alpha, before[name]) for name, alpha in alphas(model).items())
    model.merge_adapter()
    with pytest.raises(ValueError, match="unmerge_adapter"):
        set_alphas(model, 0.5)


def test_frozen_alpha_stays_frozen_and_is_remembered(tmp_path):
    def asks(net):
        return {
            n.rpartition("lora_")[2][:7]
            for n, p in net.named_parameters()
            if p.requires_grad and "lora_" in n
        }

    model = roberta()
    freeze_alpha(model)
    assert "rescale" not in asks(model)
    model.add_adapter("two", AlphaLoraConfig(target_modules=["query"]))
    model.set_adapter("two")
    model.set_adapter("default")  # after which PEFT makes all of an adapter trainable
    assert "rescale" not in asks(model)
    assert asks(model)
    model.save_pretrained(tmp_path)
    loaded = PeftModel.from_pretrained(ROBERTA.build(), tmp_path, is_trainable=True)
    assert "rescale" not in asks(loaded)
    freeze_alpha(loaded, frozen=False)
    assert "rescale" in asks(loaded)
