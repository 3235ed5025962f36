"""8-bit and 4-bit bases of bitsandbytes, on the CPU: alpha is there, and unmerging gives back the codes."""

from __future__ import annotations

import logging

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.helpers import rescale_adapter_scale
from peft.utils.integrations import dequantize_module_weight
from tiny_transformers import WIDE, output, randomise
from transformers import BitsAndBytesConfig, LlamaConfig, LlamaForCausalLM

from rmt_alpha.lora import AlphaLoraConfig, alpha_alignment, alphas, count_parameters
from rmt_alpha.lora.layers import AlphaLayer

pytest.importorskip(
    "bitsandbytes", reason="8-bit and 4-bit bases need bitsandbytes: pip install bitsandbytes"
)
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*inputs will be cast"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]
TARGETS = ["q_proj", "v_proj", "down_proj"]
BITS = {
    8: BitsAndBytesConfig(load_in_8bit=True),
    4: BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.float32),
}


@pytest.fixture(autouse=True)
def quiet(caplog):
    caplog.set_level(logging.ERROR, logger="bitsandbytes.autograd._functions")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("llama")
    torch.manual_seed(0)
    LlamaForCausalLM(
        LlamaConfig(
            vocab_size=64, num_key_value_heads=2, hidden_size=64, num_hidden_layers=2, num_attention_heads=4,
            intermediate_size=128, initializer_range=WIDE,
        )
    ).save_pretrained(path)  # fmt: skip
    return path


def base(folder, bits):
    # Training mode: at inference on some CPUs bitsandbytes packs 4-bit weights for a kernel that rounds.
    return LlamaForCausalLM.from_pretrained(
        folder, quantization_config=BITS[bits], device_map={"": "cpu"}, dtype=torch.float32
    ).train()


def trained(folder, bits, config=AlphaLoraConfig, **options):
    model = get_peft_model(
        base(folder, bits), config(r=4, target_modules=TARGETS, task_type="CAUSAL_LM", **options)
    )
    randomise(model)
    return model.train()


@pytest.mark.parametrize("bits", BITS)
def test_a_fresh_adapter_changes_nothing_and_alpha_does(folder, bits):
    model = get_peft_model(base(folder, bits), AlphaLoraConfig(target_modules=TARGETS)).train()
    plain = output(base(folder, bits))
    assert torch.equal(output(model), plain)
    randomise(model)
    assert not torch.allclose(output(model), plain, atol=1e-2)
    with model.disable_adapter():
        assert torch.equal(output(model), plain)


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("scale_bias", [False, True])
def test_layer_computes_the_formula(folder, bits, scale_bias):
    model = trained(folder, bits, scale_bias=scale_bias)
    layer = next(m for m in model.modules() if isinstance(m, AlphaLayer))
    x = torch.randn(5, 64)
    source = layer.get_base_layer()(x)
    alpha = layer.lora_rescale["default"].alpha()
    update = (
        x @ layer.lora_A["default"].weight.T @ layer.lora_B["default"].weight.T * layer.scaling["default"]
    )
    torch.testing.assert_close(layer(x), alpha * source + update, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("scale_bias", [False, True])
def test_the_scale_of_an_adapter_multiplies_all_that_it_changes(folder, bits, scale_bias):
    model = trained(folder, bits, scale_bias=scale_bias)
    plain, full = output(base(folder, bits)), output(model)
    with rescale_adapter_scale(model, 0.0):
        assert torch.equal(output(model), plain)
    layer = next(m for m in model.modules() if isinstance(m, AlphaLayer))
    x = torch.randn(5, 64)
    source, alpha = layer.get_base_layer()(x), layer.lora_rescale["default"].alpha()
    low_rank = layer.lora_B["default"].weight @ layer.lora_A["default"].weight * layer.scaling["default"]
    with rescale_adapter_scale(model, 0.3):
        scaled = (1 + 0.3 * (alpha - 1)) * source + 0.3 * (x @ low_rank.T)
        torch.testing.assert_close(layer(x), scaled, atol=1e-5, rtol=1e-5)
        part = output(model)
        changes = layer.get_delta_weight("default")
    assert (part - full).abs().max() > 1e-3
    torch.testing.assert_close(changes, 0.3 * layer.get_delta_weight("default"), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("trained_before", [False, True])
def test_looking_at_a_weight_leaves_it_as_it_is(folder, bits, trained_before):
    model, other = (trained(folder, bits) for _ in range(2))
    for name, parameter in other.state_dict().items():
        if "lora_" in name:
            model.get_parameter(name).data.copy_(parameter)
    expected = output(other)
    if trained_before:
        assert torch.equal(output(model), expected)
    assert "alpha moved by" in str(alpha_alignment(model))
    for layer in model.modules():
        if isinstance(layer, AlphaLayer):
            layer.get_delta_weight("default")
    assert torch.equal(output(model), expected)


@pytest.mark.parametrize("bits", BITS)
def test_what_is_merged_is_scaled_too(folder, bits):
    # A merged adapter of scale 0 is the base but for requantising it, which moves 8-bit codes by one at most.
    model = trained(folder, bits)
    layer = next(m for m in model.modules() if isinstance(m, AlphaLayer))
    before = layer.unmerged_weight()
    steps = {}
    for scale in (0.0, 1.0):
        with rescale_adapter_scale(model, scale):
            model.merge_adapter()
            merged = dequantize_module_weight(layer.get_base_layer())
            model.unmerge_adapter()
        steps[scale] = float((merged - before).norm() / before.norm())
    assert steps[0.0] < 0.02
    assert steps[1.0] > 0.1


@pytest.mark.parametrize("bits", BITS)
def test_gradients_reach_a_b_and_alpha(folder, bits):
    model = trained(folder, bits)
    model(torch.arange(3, 9)[None]).logits.square().mean().backward()
    trainable = {n: p for n, p in model.named_parameters() if p.requires_grad}
    assert sum("rescale" in name for name in trainable) == 6
    assert all(p.grad is not None and float(p.grad.abs().max()) > 0 for p in trainable.values())


@pytest.mark.parametrize("bits", BITS)
def test_saved_and_loaded(folder, bits, tmp_path):
    model = trained(folder, bits)
    model.save_pretrained(tmp_path)
    loaded = PeftModel.from_pretrained(base(folder, bits), tmp_path).train()
    assert torch.equal(output(loaded), output(model))
    assert alphas(loaded).keys() == alphas(model).keys()


@pytest.mark.parametrize("bits", BITS)
def test_unmerging_restores_every_code(folder, bits):
    model = trained(folder, bits)
    layer = next(m for m in model.modules() if isinstance(m, AlphaLayer))
    before, codes = output(model), layer.get_base_layer().weight.data.clone()
    model.merge_adapter()
    assert not torch.equal(layer.get_base_layer().weight.data, codes)
    model.unmerge_adapter()
    assert torch.equal(output(model), before)


@pytest.mark.parametrize("bits", BITS)
def test_merging_loses_what_requantising_loses(folder, bits):
    # PEFT's own LoRA on the same base, with updates of the same size, sets the scale of that loss.
    losses = {}
    for config in (AlphaLoraConfig, LoraConfig):
        model = trained(folder, bits, config)
        before = output(model)
        model.merge_adapter()
        losses[config] = float((output(model) - before).norm() / before.norm())
    assert 0 < losses[AlphaLoraConfig] < 2 * losses[LoraConfig]


def test_merging_after_inference_on_the_cpu_still_merges_the_weight(folder):
    # There PEFT's own layer would merge into codes laid out for another kernel, which is noise.
    model = trained(folder, 4).eval()
    before = output(model)
    model.merge_adapter()
    assert float((output(model.train()) - before).norm() / before.norm()) < 0.5


def test_counting_counts_weights_and_not_bytes(folder):
    plain = LlamaForCausalLM.from_pretrained(folder)
    for bits in BITS:
        assert count_parameters(trained(folder, bits)).base == sum(p.numel() for p in plain.parameters())
