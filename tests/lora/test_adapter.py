"""The adapted layer computes diag(alpha) W0 x + (s/r) B A x + b, on every architecture, with every option."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from peft.helpers import rescale_adapter_scale
from tiny_transformers import KINDS, ROBERTA, merged_by_hand, output, randomise

from rmt_alpha.lora import AlphaLoraConfig, alphas
from rmt_alpha.lora.variant import LowPrecisionSum

ULPS = 200 * torch.finfo(torch.float64).eps  # of sums of at most 50 terms of order 1, four layers deep


def adapted(kind, base, **options):
    known = {"r": 3, "lora_alpha": 5, "target_modules": list(kind.targets), "task_type": kind.task}
    return get_peft_model(copy.deepcopy(base), AlphaLoraConfig(**(known | options))).eval()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@pytest.mark.parametrize("per", ["row", "layer"])
@pytest.mark.parametrize("scale_bias", [False, True])
def test_output_is_that_of_the_formula(kind, per, scale_bias):
    base = kind.build(dtype=torch.float64)
    model = adapted(kind, base, alpha_per=per, scale_bias=scale_bias)
    randomise(model)
    by_hand = merged_by_hand(
        kind, base, model, [{"name": "default", "scale": 5 / 3, "scale_bias": scale_bias}]
    )
    assert (output(model) - output(by_hand)).abs().max() < ULPS * output(by_hand).abs().max()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_wrong_formula_would_be_seen(kind):
    # The judge itself: without alpha, or with the bias treated the other way, it disagrees by much.
    base = kind.build(dtype=torch.float64)
    model = adapted(kind, base)
    randomise(model)
    right = output(model)
    wrong_scale = merged_by_hand(kind, base, model, [{"name": "default", "scale": 1.0, "scale_bias": False}])
    assert (output(wrong_scale) - right).abs().max() > 1e-3
    if kind.name != "llama":  # which has no biases
        wrong = merged_by_hand(kind, base, model, [{"name": "default", "scale": 5 / 3, "scale_bias": True}])
        assert (output(wrong) - right).abs().max() > 1e-3
    for name, parameter in model.named_parameters():
        if "rescale" in name:
            parameter.data.zero_()
    assert (output(model) - right).abs().max() > 1e-3


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_fresh_adapter_changes_nothing(kind):
    base = kind.build()
    assert torch.equal(output(adapted(kind, base)), output(base))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@pytest.mark.parametrize("s", [5, 6])  # s/r is multiplied in elsewhere if it is a power of two
def test_alpha_of_one_is_lora_to_the_last_bit(kind, s):
    base = kind.build()
    ours = adapted(kind, base, train_alpha=False, lora_alpha=s)
    options = {"r": 3, "lora_alpha": s, "target_modules": list(kind.targets), "task_type": kind.task}
    lora = get_peft_model(copy.deepcopy(base), LoraConfig(**options)).eval()
    weights = {name: value for name, value in ours.state_dict().items() if "rescale" not in name}
    randomise(lora)
    lora_weights = lora.state_dict()
    assert weights.keys() == lora_weights.keys()
    ours.load_state_dict({**ours.state_dict(), **lora_weights})
    assert torch.equal(output(ours), output(lora))


def test_alpha_init_is_exact_and_scales_the_source():
    base = ROBERTA.build(dtype=torch.float64)
    model = adapted(ROBERTA, base, alpha_init=0.75)
    assert all(bool((alpha == 0.75).all()) for alpha in alphas(model).values())
    by_hand = copy.deepcopy(base)
    for name, module in by_hand.named_modules():
        if name.endswith(("query", "value")):
            module.weight.data *= 0.75
    assert (output(model) - output(by_hand)).abs().max() < ULPS * output(by_hand).abs().max()


def test_one_alpha_per_row_or_per_layer():
    base = ROBERTA.build()
    assert {tuple(a.shape) for a in alphas(adapted(ROBERTA, base)).values()} == {(16,)}
    assert {tuple(a.shape) for a in alphas(adapted(ROBERTA, base, alpha_per="layer")).values()} == {(1,)}


def test_only_adapter_and_head_are_trained_and_a_frozen_alpha_is_not():
    base = ROBERTA.build()
    trained = {n for n, p in adapted(ROBERTA, base).named_parameters() if p.requires_grad}
    assert all("lora_" in name or "modules_to_save" in name for name in trained)
    assert sum("rescale" in name for name in trained) == 4
    model = adapted(ROBERTA, base, train_alpha=False)
    frozen = {n for n, p in model.named_parameters() if "rescale" in n and not p.requires_grad}
    assert len(frozen) == 4
    model.base_model.disable_adapter_layers()
    model.base_model.enable_adapter_layers()
    model.set_adapter("default")
    assert not any(p.requires_grad for n, p in model.named_parameters() if n in frozen)


@pytest.mark.parametrize("scale_bias", [False, True])
def test_gradient_of_alpha_is_the_derivative_of_the_loss(scale_bias):
    model = adapted(ROBERTA, ROBERTA.build(dtype=torch.float64), scale_bias=scale_bias)
    randomise(model)
    name, offset = next((n, p) for n, p in model.named_parameters() if "value.lora_rescale" in n)
    assert "layer.0" in name
    ids = torch.arange(3, 9)[None]
    model(ids).logits.square().sum().backward()
    step = 2.0**-10  # in float32, as alpha is; the error of the central difference is of order step^2
    derivative = []
    for sign in (1, -1):
        with torch.no_grad():
            offset[3] += sign * step
            derivative.append(sign * float(model(ids).logits.square().sum()))
            offset[3] -= sign * step
    numeric = sum(derivative) / (2 * step)
    assert abs(numeric) > 1e-3
    assert offset.grad[3].item() == pytest.approx(numeric, rel=1e-3)


def test_peft_options_keep_working():
    base = ROBERTA.build()
    options: dict[str, Any] = {
        "r": 2, "lora_alpha": 4, "use_rslora": True, "rank_pattern": {"value": 4}, "lora_dropout": 0.5,
        "layers_to_transform": [1], "modules_to_save": ["pooler"], "lora_bias": True,
        "exclude_modules": ["dense"],
    }  # fmt: skip
    model = get_peft_model(
        copy.deepcopy(base),
        AlphaLoraConfig(target_modules=["query", "value"], task_type="SEQ_CLS", **options),
    )
    assert set(alphas(model)) == {f"roberta.encoder.layer.1.attention.self.{n}" for n in ("query", "value")}
    layers = {n.rpartition(".")[2]: m for n, m in model.named_modules() if hasattr(m, "lora_rescale")}
    assert layers["query"].scaling["default"] == 4 / 2**0.5
    assert layers["value"].r["default"] == 4
    torch.manual_seed(0)
    randomise(model)
    first, second = (model.train()(torch.arange(3, 9)[None]).logits for _ in range(2))
    assert not torch.equal(first, second)  # dropout


def test_bfloat16_model_keeps_a_precise_alpha():
    base = ROBERTA.build(dtype=torch.bfloat16)
    model = adapted(
        ROBERTA, base, alpha_init=1.001
    )  # 1.001 is not a bfloat16, nor is anything within 0.4 % of it
    assert all(torch.equal(a, torch.full_like(a, 1.001)) for a in alphas(model).values())
    assert output(model).dtype == torch.bfloat16
    model.to(torch.bfloat16)
    assert all(
        a.dtype == torch.float32 and torch.equal(a, torch.full_like(a, 1.001)) for a in alphas(model).values()
    )


@pytest.mark.parametrize("scale_bias", [False, True])
def test_autocast_computes_the_formula_in_the_type_of_the_layer(scale_bias):
    model = adapted(ROBERTA, ROBERTA.build(), scale_bias=scale_bias)
    randomise(model)
    layer = next(m for m in model.modules() if hasattr(m, "lora_rescale"))
    x = torch.randn(50, 16, generator=torch.Generator().manual_seed(0))
    precise = layer(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rounded = layer(x)
    assert rounded.dtype == torch.bfloat16
    # Roundings to 8 bits of weights, inputs and a handful of intermediate results, each of which is at most
    # the sum of the magnitudes of the terms, of order 4 here.
    assert (rounded - precise).abs().max() < 8 * 2.0**-8 * 4


def test_small_changes_of_alpha_count_under_autocast():
    # 1.001 is 1 in bfloat16; its effect on the output must not be rounded away with it.
    model = adapted(ROBERTA, ROBERTA.build(), alpha_init=1.001)
    layer = next(m for m in model.modules() if hasattr(m, "lora_rescale"))
    x = torch.randn(4000, 16, generator=torch.Generator().manual_seed(0))
    with torch.autocast("cpu", dtype=torch.bfloat16), torch.no_grad():
        torch.nn.init.normal_(layer.lora_B["default"].weight, std=0.02)  # an update of a few per cent
        source = layer.get_base_layer()(x).float() - layer.get_base_layer().bias
        with_change = layer(x).float()
        layer.lora_rescale["default"].offset.zero_()
        change = with_change - layer(x).float()
    # An entry is rounded by up to 2^-9 of its size (of order 4), more than the change, but a regression over
    # 64,000 of them finds its slope, with a standard error of about 4 * 2^-9 / sqrt(64000) = 3e-5.
    slope = (source * change).sum() / source.square().sum()
    assert slope.item() == pytest.approx(0.001, abs=1.2e-4)


def test_gradients_under_autocast_are_those_without():
    gradients = []
    for low in (False, True):
        model = adapted(ROBERTA, ROBERTA.build())
        randomise(model)
        layer = next(m for m in model.modules() if hasattr(m, "lora_rescale"))
        x = torch.randn(300, 16, generator=torch.Generator().manual_seed(0)).requires_grad_()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=low):
            layer(x).float().square().sum().backward()
        gradients.append({n: p.grad for n, p in layer.named_parameters() if p.requires_grad} | {"x": x.grad})
    assert {name.partition(".")[0] for name in gradients[0]} == {"lora_A", "lora_B", "lora_rescale", "x"}
    for name, gradient in gradients[0].items():
        # A few roundings of 2^-8 each, relative to the size of the whole.
        assert (gradients[1][name] - gradient).norm() < 4 * 2.0**-8 * gradient.norm(), name


@pytest.mark.parametrize("rows", [5, 1])
@pytest.mark.parametrize("with_shift", [False, True])
def test_sum_in_low_precision_and_its_gradients(rows, with_shift):
    generator = torch.Generator().manual_seed(0)
    result, update = (torch.randn(7, 3, 5, generator=generator).bfloat16().requires_grad_() for _ in range(2))
    alpha, shift = (torch.randn(n, generator=generator).requires_grad_() for n in (rows, 5))
    parts = [result, update, alpha, *([shift] if with_shift else [])]
    outcome = LowPrecisionSum.apply(result, update, alpha, shift if with_shift else None)
    precise = alpha * result.float() + update.float() + (shift if with_shift else 0.0)
    terms = result.abs() + update.abs() + ((alpha - 1) * result).abs() + (shift.abs() if with_shift else 0.0)
    assert (outcome - precise).abs().le(4 * 2.0**-8 * terms).all()  # at most four roundings of partial sums
    weights = torch.randn(7, 3, 5, generator=generator).bfloat16()
    ours = torch.autograd.grad((outcome * weights).sum(), parts)
    theirs = torch.autograd.grad((precise * weights.float()).sum(), parts)
    for mine, exact in zip(ours[:2], theirs[:2], strict=True):
        torch.testing.assert_close(mine.float(), exact.float(), rtol=2.0**-7, atol=0)  # of alpha and product
    for mine, exact in zip(ours[2:], theirs[2:], strict=True):
        torch.testing.assert_close(mine, exact)  # in float32


def test_gradient_checkpointing_gives_the_same_gradients():
    gradients = []
    for checkpointing in (False, True):
        model = adapted(ROBERTA, ROBERTA.build())
        randomise(model)
        if checkpointing:
            base = model.get_base_model()
            enable = getattr(base, "activation_checkpointing_enable", base.gradient_checkpointing_enable)
            enable({"use_reentrant": False})
        model.train()(torch.arange(3, 9)[None]).logits.square().sum().backward()
        gradients.append({n: p.grad for n, p in model.named_parameters() if p.requires_grad})
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradient, gradients[1][name])


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@pytest.mark.parametrize("rslora", [False, True])
@pytest.mark.parametrize("scale_bias", [False, True])
def test_the_scale_of_an_adapter_multiplies_all_that_it_changes(kind, rslora, scale_bias):
    base = kind.build(dtype=torch.float64)
    model = adapted(kind, base, scale_bias=scale_bias, use_rslora=rslora)
    randomise(model)
    full = output(model)
    with rescale_adapter_scale(model, 0.0):
        assert torch.equal(output(model), output(base))
    with rescale_adapter_scale(model, 0.3):
        shrunk = copy.deepcopy(model)
        part = output(model)
    assert torch.equal(output(model), full)

    # By hand: 0.3 of alpha - 1 and of the update.
    reference = copy.deepcopy(model)
    with torch.no_grad():
        for name, parameter in reference.named_parameters():
            if "rescale" in name or "lora_B" in name:
                parameter.mul_(0.3)
    expected = output(reference)
    assert (part - expected).abs().max() < ULPS * expected.abs().max()
    assert (part - full).abs().max() > 1e-3
    assert (output(shrunk.merge_and_unload()) - expected).abs().max() < 1e-12 * expected.abs().max()


def test_scales_set_layer_by_layer():
    # As diffusers' set_adapters does, and back.
    base = ROBERTA.build()
    model = adapted(ROBERTA, base)
    randomise(model)
    full = output(model)
    layers = [m for m in model.modules() if hasattr(m, "lora_rescale")]
    for layer in layers:
        layer.set_scale("default", 0.0)
    assert torch.equal(output(model), output(base))
    for layer in layers:
        layer.set_scale("default", 0.5)
        layer.scale_layer(3.0)
        layer.unscale_layer()
    assert torch.equal(output(model), full)


def test_a_scale_cannot_be_changed_in_proportion_to_zero():
    model = get_peft_model(ROBERTA.build(), AlphaLoraConfig(lora_alpha=0, target_modules=["query"]))
    output(model)
    for layer in model.modules():
        if hasattr(layer, "lora_rescale"):
            layer.scaling["default"] = 1.0
    with pytest.raises(ValueError, match="lora_alpha=0"):
        output(model)
