"""Merging: into the weights of the formula, and back without losing a bit."""

from __future__ import annotations

import copy

import pytest
import torch
from peft import get_peft_model
from tiny_transformers import KINDS, ROBERTA, merged_by_hand, output, randomise

from rmt_alpha.lora import AlphaLoraConfig

TYPES = [torch.float64, torch.float32, torch.bfloat16]


def trained(kind, base, **options):
    config = AlphaLoraConfig(
        r=3, lora_alpha=5, target_modules=list(kind.targets), task_type=kind.task, **options
    )
    model = get_peft_model(copy.deepcopy(base), config).eval()
    randomise(model)
    return model


def base_weights(model):
    mark = (".base_layer.weight", ".base_layer.bias")
    return {name: value.clone() for name, value in model.state_dict().items() if name.endswith(mark)}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@pytest.mark.parametrize("scale_bias", [False, True])
def test_merged_weights_are_those_of_the_formula(kind, scale_bias):
    base = kind.build()
    model = trained(kind, base, scale_bias=scale_bias)
    by_hand = merged_by_hand(
        kind, base, model, [{"name": "default", "scale": 5 / 3, "scale_bias": scale_bias}]
    ).state_dict()
    merged = model.merge_and_unload().state_dict()
    for name, value in merged.items():
        if "classifier" in name:
            continue  # under PEFT's wrapper, and not adapted
        # Sums of r + 1 products, in float32, rounded once.
        bound = 8 * torch.finfo(torch.float32).eps * by_hand[name].abs().max().clamp(min=1)
        assert (value.double() - by_hand[name]).abs().max() <= bound, name


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_merged_model_computes_the_same(kind):
    model = trained(kind, kind.build(dtype=torch.float64))
    before = output(model)
    merged = model.merge_and_unload()
    assert not any("lora" in name for name, _ in merged.named_parameters())
    assert (output(merged) - before).abs().max() < 1e-12 * before.abs().max()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@pytest.mark.parametrize("dtype", TYPES, ids=str)
@pytest.mark.parametrize("safe", [False, True])
def test_unmerging_restores_every_bit(kind, dtype, safe):
    model = trained(kind, kind.build(dtype=dtype), scale_bias=True)
    weights, before = base_weights(model), output(model)
    model.merge_adapter(safe_merge=safe)
    merged = base_weights(model)
    assert any(not torch.equal(merged[name], weights[name]) for name in weights)
    model.unmerge_adapter()
    assert all(torch.equal(value, weights[name]) for name, value in base_weights(model).items())
    assert torch.equal(output(model), before)


def test_arithmetic_would_not_restore_them():
    # Why a copy is kept: some alpha is 0 in these models, and (W' - D) / alpha is then 0 / 0.
    model = trained(ROBERTA, ROBERTA.build())
    layer = next(m for m in model.modules() if hasattr(m, "lora_rescale"))
    weight = layer.get_base_layer().weight.detach().clone()
    update = layer.low_rank_update("default").detach()
    alpha = layer.lora_rescale["default"].alpha().detach()[:, None]
    layer.merge()
    undone = (layer.get_base_layer().weight.detach() - update) / alpha
    assert not torch.allclose(undone, weight)
    layer.unmerge()
    assert torch.equal(layer.get_base_layer().weight, weight)


def test_bfloat16_merge_rounds_once():
    base = ROBERTA.build(dtype=torch.bfloat16)
    model = trained(ROBERTA, base)
    by_hand = merged_by_hand(ROBERTA, base, model, [{"name": "default", "scale": 5 / 3, "scale_bias": False}])
    merged = model.merge_and_unload().state_dict()
    for name, value in by_hand.state_dict().items():
        if name.endswith(("query.weight", "value.weight")):
            error = (merged[name].double() - value).abs()
            # Half a unit in the last of 8 bits, and what float32 adds to it where a sum cancels.
            assert bool((error <= value.abs() * 2.0**-8 * 1.001 + 1e-6).all())


def test_disabling_a_merged_adapter_gives_the_base_model():
    base = KINDS[3].build(dtype=torch.bfloat16)
    model = trained(KINDS[3], base)
    model.merge_adapter()
    assert not torch.equal(output(model), output(base))
    with model.disable_adapter():
        assert torch.equal(output(model), output(base))


def test_disabled_adapter_is_bit_equal_to_the_base():
    base = KINDS[3].build()
    model = trained(KINDS[3], base)
    with model.disable_adapter():
        assert torch.equal(output(model), output(base))
    assert not torch.equal(output(model), output(base))


def test_a_failed_merge_leaves_everything_as_it_was():
    model = trained(ROBERTA, ROBERTA.build(), scale_bias=True)
    layers = [m for m in model.modules() if hasattr(m, "lora_rescale")]
    layers[0].lora_rescale["default"].offset.data[2] = float("nan")
    weights = base_weights(model)
    with pytest.raises(ValueError, match="NaNs detected"):
        model.merge_adapter(safe_merge=True)
    assert all(torch.equal(value, weights[name]) for name, value in base_weights(model).items())
    assert not layers[0].merged_adapters


def test_merging_twice_and_unmerging_twice_change_nothing_more():
    model = trained(ROBERTA, ROBERTA.build())
    weights = base_weights(model)
    model.merge_adapter()
    once = base_weights(model)
    with pytest.warns(UserWarning, match="already merged"):
        model.merge_adapter()
    assert all(torch.equal(value, once[name]) for name, value in base_weights(model).items())
    model.unmerge_adapter()
    with pytest.warns(UserWarning, match="Already unmerged"):
        model.unmerge_adapter()
    assert all(torch.equal(value, weights[name]) for name, value in base_weights(model).items())


def test_unload_without_merging_gives_the_base_model():
    base = ROBERTA.build()
    model = trained(ROBERTA, base)
    unloaded = model.unload().state_dict()
    for name, value in base.state_dict().items():
        if "classifier" not in name:
            assert torch.equal(unloaded[name], value)


def test_delta_weight_includes_alpha_merged_or_not():
    base = KINDS[2].build(dtype=torch.float64)  # GPT-2, stored transposed
    model = trained(KINDS[2], base)
    layer = next(m for m in model.modules() if hasattr(m, "lora_rescale"))
    weight = layer.get_base_layer().weight.detach().clone()
    delta = layer.get_delta_weight("default").detach()
    layer.merge()
    torch.testing.assert_close(layer.get_base_layer().weight.detach() - weight, delta)
    torch.testing.assert_close(layer.get_delta_weight("default").detach(), delta)


def tied_pair():
    net = torch.nn.Sequential(torch.nn.Linear(6, 6), torch.nn.Linear(6, 6))
    net[1].weight = net[0].weight
    return net


def test_layers_that_share_a_weight_are_not_merged():
    # Merged one after the other, each would carry both adapters, and unmerging would restore the wrong copy.
    torch.manual_seed(0)
    config = AlphaLoraConfig(r=2, target_modules=["0", "1"], init_lora_weights=False)
    model = get_peft_model(tied_pair(), config)
    randomise(model)
    weight = model.base_model.model[0].weight.detach().clone()
    for merge in (model.merge_adapter, model.merge_and_unload, lambda: model.merge_adapter(safe_merge=True)):
        with pytest.raises(ValueError, match=r"'0' and '1' share one weight"):
            merge()
        assert torch.equal(model.base_model.model[0].weight, weight)
        assert not any(m.merged for m in model.modules() if hasattr(m, "lora_rescale"))


def test_one_adapted_layer_of_two_that_share_a_weight_is_restored():
    torch.manual_seed(0)
    model = get_peft_model(tied_pair(), AlphaLoraConfig(r=2, target_modules=["0"]))
    randomise(model)
    weight = model.base_model.model[0].weight.detach().clone()
    model.merge_adapter()
    model.unmerge_adapter()
    assert torch.equal(model.base_model.model[0].weight, weight)


def test_replicated_layers_are_not_merged():
    kind = KINDS[3]
    config = AlphaLoraConfig(
        target_modules=["q_proj"],
        task_type=kind.task,
        layer_replication=[[0, 2], [1, 2]],
        init_lora_weights=False,
    )
    model = get_peft_model(kind.build(), config).eval()
    weights, before = base_weights(model), output(model)
    with pytest.raises(
        ValueError, match=r"layers.1.self_attn.q_proj' and '.*layers.2.self_attn.q_proj' share"
    ):
        model.merge_adapter()
    assert all(torch.equal(value, weights[name]) for name, value in base_weights(model).items())
    assert torch.equal(output(model), before)
