"""One alpha for query and value: one parameter, through training, saving, loading, merging and deleting."""

from __future__ import annotations

import copy

import pytest
import torch
from peft import PeftModel, get_peft_model
from tiny_transformers import KINDS, ROBERTA, merged_by_hand, output, randomise

from rmt_alpha.lora import AlphaLoraConfig, alphas, count_parameters
from rmt_alpha.lora.alphas import trainable_alphas

PAIR = [["query", "value"]]


def shared(base, targets=("query", "value"), groups=PAIR, **options):
    config = AlphaLoraConfig(r=3, lora_alpha=3, target_modules=list(targets), share_alpha=groups, **options)
    return get_peft_model(copy.deepcopy(base), config).eval()


def of_block(model, block):
    return [scale for name, scale in modules(model) if f"layer.{block}." in name]


def modules(model):
    return [(n, m.lora_rescale["default"]) for n, m in model.named_modules() if hasattr(m, "lora_rescale")]


def test_siblings_share_and_blocks_do_not():
    model = shared(ROBERTA.build(), ("query", "key", "value"))
    by_name = {name.rpartition("self.")[2]: scale for name, scale in modules(model) if "layer.0." in name}
    assert by_name["query"] is by_name["value"]
    assert by_name["key"] is not by_name["query"]
    assert not set(of_block(model, 0)) & set(of_block(model, 1))
    assert len(trainable_alphas(model)) == 4  # two blocks, the pair and the key
    assert count_parameters(model).alpha == 4 * 16


@pytest.mark.parametrize("autocast", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_they_still_share_after_casting_and_moving(dtype, autocast):
    config = AlphaLoraConfig(target_modules=["query", "value"], share_alpha=PAIR)
    model = get_peft_model(ROBERTA.build(dtype=dtype), config, autocast_adapter_dtype=autocast)
    model.to(torch.bfloat16)
    model.to("cpu")
    for block in (0, 1):
        first, second = of_block(model, block)
        assert first.offset is second.offset


def test_both_contribute_to_its_gradient():
    model = shared(ROBERTA.build(dtype=torch.float64))
    apart = shared(ROBERTA.build(dtype=torch.float64), groups=None)
    randomise(model)
    apart.load_state_dict(model.state_dict())
    for net in (model, apart):
        net(torch.arange(3, 9)[None]).logits.square().sum().backward()
    for block in (0, 1):
        parts = [scale.offset.grad for scale in of_block(apart, block)]
        torch.testing.assert_close(of_block(model, block)[0].offset.grad, parts[0] + parts[1])


@pytest.mark.parametrize("low_memory", [False, True])
def test_saving_and_loading_keeps_them_together(tmp_path, low_memory):
    base = ROBERTA.build()
    model = shared(base)
    randomise(model)
    model.save_pretrained(tmp_path)
    loaded = PeftModel.from_pretrained(
        copy.deepcopy(base), tmp_path, low_cpu_mem_usage=low_memory, is_trainable=True
    ).eval()
    assert torch.equal(output(loaded), output(model))
    for block in (0, 1):
        first, second = of_block(loaded, block)
        assert first.offset is second.offset


def test_merged_as_by_hand_and_restored():
    base = ROBERTA.build(dtype=torch.float64)
    model = shared(base, scale_bias=True)
    randomise(model)
    by_hand = merged_by_hand(ROBERTA, base, model, [{"name": "default", "scale": 1.0, "scale_bias": True}])
    before = output(model)
    model.merge_adapter()
    assert (output(model) - output(by_hand)).abs().max() < 1e-12 * before.abs().max()
    model.unmerge_adapter()
    assert torch.equal(output(model), before)


def test_two_adapters_share_each_for_itself():
    model = shared(ROBERTA.build())
    model.add_adapter("two", AlphaLoraConfig(target_modules=["query", "value"], share_alpha=PAIR))
    scales = [m.lora_rescale for m in model.modules() if hasattr(m, "lora_rescale")][:2]
    assert scales[0]["two"] is scales[1]["two"]
    assert scales[0]["two"] is not scales[0]["default"]
    model.set_adapter("two")
    model.delete_adapter("default")
    assert alphas(model, "two")
    assert not any(".default." in name for name in model.state_dict())


def test_rows_must_agree():
    # Llama's values have fewer heads than its queries.
    with pytest.raises(ValueError, match=r"has 8 rows and 'q_proj' has 16.*alpha_per='layer'"):
        shared(KINDS[3].build(), ("q_proj", "v_proj"), [["q_proj", "v_proj"]])
    model = shared(KINDS[3].build(), ("q_proj", "v_proj"), [["q_proj", "v_proj"]], alpha_per="layer")
    assert count_parameters(model).alpha == 2


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ([["query", "key"]], "'key' is not an adapted module"),
        ([["nobody", "nothing"]], "no adapted module is called 'nobody'"),
    ],
    ids=["not adapted", "unknown"],
)
def test_a_group_must_consist_of_adapted_modules(groups, message):
    with pytest.raises(ValueError, match=message):
        shared(ROBERTA.build(), groups=groups)


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ([], "list of groups"),
        (["query", "value"], "list of groups"),
        ([["query"]], "at least two"),
        ([["self.query", "value"]], "last part"),
        ([["query", "value"], ["key", "query"]], "'query' twice"),
    ],
    ids=["empty", "flat", "single", "dotted", "twice"],
)
def test_groups_of_a_wrong_form_are_refused(groups, message):
    with pytest.raises(ValueError, match=message):
        AlphaLoraConfig(target_modules=["query", "value"], share_alpha=groups)
