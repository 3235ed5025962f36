"""Several adapters: composed in the order of merging, one per sample, deleted, added with weights."""

from __future__ import annotations

import copy

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model, inject_adapter_in_model
from tiny_transformers import KINDS, ROBERTA, merged_by_hand, output, randomise, tokens

from rmt_alpha.lora import AlphaLoraConfig, alphas
from rmt_alpha.lora._peft import peft_version


def config(kind, r=3, s=3, **options):
    return AlphaLoraConfig(r=r, lora_alpha=s, target_modules=list(kind.targets), **options)


def with_two(kind, base, first=None, second=None):
    model = get_peft_model(copy.deepcopy(base), config(kind, s=6, **(first or {})), adapter_name="one")
    model.add_adapter("two", config(kind, s=9, **(second or {})))
    randomise(model, 3, "one")
    randomise(model, 4, "two")
    return model.eval()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@pytest.mark.parametrize("order", [["one", "two"], ["two", "one"]], ids="-".join)
@pytest.mark.parametrize("biases", [(False, False), (True, False), (False, True), (True, True)])
def test_active_adapters_compose_in_their_order(kind, order, biases):
    base = kind.build(dtype=torch.float64)
    model = with_two(kind, base, {"scale_bias": biases[0]}, {"scale_bias": biases[1]})
    model.base_model.set_adapter(order)
    known = {
        "one": {"name": "one", "scale": 2.0, "scale_bias": biases[0]},
        "two": {"name": "two", "scale": 3.0, "scale_bias": biases[1]},
    }
    by_hand = merged_by_hand(kind, base, model, [known[name] for name in order])
    expected = output(by_hand)
    assert (output(model) - expected).abs().max() < 1e-12 * expected.abs().max()
    before = output(model)
    model.merge_adapter()
    assert (output(model) - before).abs().max() < 1e-12 * before.abs().max()
    model.unmerge_adapter()
    assert torch.equal(output(model), before)


def test_order_matters():
    kind = KINDS[3]
    model = with_two(kind, kind.build(dtype=torch.float64))
    model.base_model.set_adapter(["one", "two"])
    one_two = output(model)
    model.base_model.set_adapter(["two", "one"])
    assert (output(model) - one_two).abs().max() > 1e-3


def test_merging_one_after_the_other_is_merging_both():
    kind = KINDS[3]
    model = with_two(kind, kind.build(dtype=torch.float64))
    model.base_model.set_adapter(["one", "two"])
    both = output(model)
    model.merge_adapter(["one"])
    model.merge_adapter(["two"])
    assert (output(model) - both).abs().max() < 1e-12 * both.abs().max()
    model.unmerge_adapter()
    assert torch.equal(output(model), both)


def test_lora_bias_of_an_earlier_adapter_is_no_part_of_the_unscaled_bias():
    # The second adapter rescales what it receives but for the bias, which the first one has shifted.
    base = ROBERTA.build(dtype=torch.float64)
    model = with_two(ROBERTA, base, {"lora_bias": True}, {})
    model.base_model.set_adapter(["one", "two"])
    before = output(model)
    model.merge_adapter()
    assert (output(model) - before).abs().max() < 1e-12 * before.abs().max()
    model.unmerge_adapter()
    assert torch.equal(output(model), before)


def test_each_sample_may_have_its_adapter():
    kind = KINDS[3]
    model = with_two(kind, kind.build(dtype=torch.float64), {"scale_bias": True})
    model.base_model.set_adapter(["one", "two"])  # which the names below overrule
    ids = tokens(4)
    with torch.no_grad():
        mixed = model(ids, adapter_names=["one", "two", "__base__", "one"]).logits
    for name, rows in {"one": [0, 3], "two": [1]}.items():
        model.set_adapter(name)
        torch.testing.assert_close(mixed[rows], output(model, ids[rows]))
    with model.disable_adapter():
        torch.testing.assert_close(mixed[2:3], output(model, ids[2:3]))


def test_mixed_batch_with_biases():
    model = with_two(ROBERTA, ROBERTA.build(dtype=torch.float64), {"scale_bias": True}, {})
    layer = next(m for m in model.modules() if hasattr(m, "lora_rescale"))
    x = torch.randn(2, 5, 16, dtype=torch.float64)
    model.base_model.set_adapter(["one", "two"])
    mixed = layer(x, adapter_names=["two", "one"])
    for row, name in enumerate(["two", "one"]):
        layer.set_adapter(name)
        torch.testing.assert_close(mixed[row], layer(x)[row])


def test_deleting_an_adapter_leaves_the_other():
    kind = KINDS[3]
    model = with_two(kind, kind.build())
    model.set_adapter("two")
    expected = output(model)
    model.delete_adapter("one")
    assert torch.equal(output(model), expected)
    assert not any(".one." in name for name in model.state_dict())
    layer = next(m for m in model.modules() if hasattr(m, "lora_rescale"))
    assert "one" not in layer.scale_bias


def test_deleting_the_active_adapter_leaves_the_base_model():
    base = KINDS[3].build()
    model = get_peft_model(copy.deepcopy(base), config(KINDS[3]), adapter_name="one").eval()
    randomise(model, 3, "one")
    model.delete_adapter("one")
    assert torch.equal(output(model.base_model.model), output(base))


def test_saving_one_of_two(tmp_path):
    kind = KINDS[3]
    base = kind.build()
    model = with_two(kind, base)
    model.save_pretrained(tmp_path, selected_adapters=["two"])
    loaded = PeftModel.from_pretrained(copy.deepcopy(base), tmp_path / "two").eval()
    model.set_adapter("two")
    assert torch.equal(output(loaded), output(model))
    model.load_adapter(tmp_path / "two", "three")
    model.set_adapter("three")
    assert torch.equal(output(loaded), output(model))


@pytest.mark.parametrize("combination", ["cat", "svd"])
def test_weighted_sum_of_adapters_is_the_sum_of_their_changes(combination):
    kind = KINDS[3]
    model = get_peft_model(kind.build(), config(kind), adapter_name="one")
    model.add_adapter("two", config(kind))
    randomise(model, 3, "one")
    randomise(model, 4, "two")
    options = {"svd_rank": 6} if combination == "svd" else {}
    model.add_weighted_adapter(["one", "two"], [0.7, -0.3], "sum", combination_type=combination, **options)
    for layer in (m for m in model.modules() if hasattr(m, "lora_rescale")):
        expected = 0.7 * layer.get_delta_weight("one") - 0.3 * layer.get_delta_weight("two")
        torch.testing.assert_close(layer.get_delta_weight("sum"), expected, atol=2e-5, rtol=0)
    assert alphas(model, "sum").keys() == alphas(model, "one").keys()


def test_weighted_sum_of_scaled_adapters():
    kind = KINDS[3]
    model = with_two(kind, kind.build())
    if peft_version() < (0, 21):
        with pytest.raises(ValueError, match=r"needs peft 0\.21"):
            model.add_weighted_adapter(["one", "two"], [1.0, 1.0], "sum", combination_type="svd", svd_rank=6)
    model.add_weighted_adapter(["one", "two"], [0.5, 2.0], "sum", combination_type="cat")
    layer = next(m for m in model.modules() if hasattr(m, "lora_rescale"))
    expected = 0.5 * layer.get_delta_weight("one") + 2.0 * layer.get_delta_weight("two")
    torch.testing.assert_close(layer.get_delta_weight("sum"), expected, atol=2e-5, rtol=0)


@pytest.mark.parametrize("combination", ["ties", "dare_linear", "magnitude_prune", "ties_svd"])
def test_combinations_without_a_meaning_for_alpha_are_refused(combination):
    model = with_two(KINDS[3], KINDS[3].build())
    with pytest.raises(ValueError, match="combination_type must be 'cat', 'svd' or 'linear'"):
        model.add_weighted_adapter(["one", "two"], [1, 1], "sum", combination_type=combination, density=0.5)
    assert "sum" not in model.peft_config


def test_alphas_of_different_kinds_cannot_be_added():
    model = with_two(KINDS[3], KINDS[3].build(), {"alpha_per": "layer"})
    with pytest.raises(ValueError, match="differ in alpha_per"):
        model.add_weighted_adapter(["one", "two"], [1, 1], "sum", combination_type="cat")
    with pytest.raises(ValueError, match="already is an adapter"):
        model.add_weighted_adapter(["one"], [1], "two", combination_type="cat")


def test_a_plain_lora_adapter_is_not_mixed_in_by_mistake():
    model = with_two(KINDS[3], KINDS[3].build())
    with pytest.raises(ValueError, match="different peft types"):
        model.add_adapter("plain", LoraConfig(target_modules=["q_proj"]))


@pytest.mark.filterwarnings("ignore:Already found a `peft_config` attribute")
def test_a_layer_that_has_lora_already_is_refused():
    kind = KINDS[3]
    base = kind.build()
    inject_adapter_in_model(LoraConfig(target_modules=["q_proj"]), base, "plain")
    with pytest.raises(ValueError, match="already carries a LoRA layer without alpha"):
        inject_adapter_in_model(config(kind), base, "alpha")


@pytest.mark.filterwarnings("ignore:Already found a `peft_config` attribute")
def test_plain_lora_injected_after_alpha_composes_too():
    kind = KINDS[3]
    model = kind.build(dtype=torch.float64)
    inject_adapter_in_model(config(kind), model, "alpha")
    inject_adapter_in_model(LoraConfig(r=2, target_modules=list(kind.targets)), model, "plain")
    randomise(model, 3, "alpha")
    randomise(model, 4, "plain")
    layers = [m for m in model.modules() if hasattr(m, "lora_rescale")]
    for layer in layers:
        layer.set_adapter(["alpha", "plain"])
    before = output(model)
    for layer in layers:
        layer.merge()
    assert (output(model) - before).abs().max() < 1e-12 * before.abs().max()
    for layer in layers:
        layer.unmerge()
    assert torch.equal(output(model), before)
