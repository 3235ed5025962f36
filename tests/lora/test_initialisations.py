"""Initialisations that take a part of W0 into B A: alpha rescales what they leave in the weight, no more."""

from __future__ import annotations

import copy

import peft
import peft.tuners.lora.layer as peft_layer
import pytest
import torch
from peft import LoraConfig, get_peft_model
from peft.tuners.lora.config import CordaConfig
from torch import nn

from rmt_alpha.lora import AlphaLoraConfig, set_alphas
from rmt_alpha.lora._peft import peft_version

D_IN, D_OUT, RANK = 8, 6, 2
ROUNDING = 200 * torch.finfo(torch.float32).eps  # singular vectors, and sums of ten products of order 1
CONSERVING = ("pissa", "pissa_niter_4", "olora", "corda", "lora_ga")
"""Those after which W0 + (s/r) B A is the W0 there was; LoftQ's is nearer to it than its rounding."""


def rounded(weight, num_bits, reduced_rank, num_iter):
    """LoftQ in one step, for which PEFT wants a GPU: a grid, and the low-rank part of the rest."""
    grid = (weight.detach() * num_bits).round() / num_bits
    u, s, v = torch.linalg.svd(weight.detach() - grid)
    return grid, v[:reduced_rank], u[:, :reduced_rank] * s[:reduced_rank]


def start(initialisation, config_class=AlphaLoraConfig, **options):
    """A layer as it was, rows, and the adapted model."""
    torch.manual_seed(0)
    net, x = nn.Sequential(nn.Linear(D_IN, D_OUT)), torch.randn(64, D_IN)
    before = copy.deepcopy(net)
    if initialisation == "corda":
        pytest.importorskip("attr", reason="PEFT's CorDA imports attrs without demanding it")
        options["corda_config"] = CordaConfig()
    elif initialisation == "lora_ga":
        options["lora_ga_config"] = peft.LoraGAConfig()
    elif initialisation == "loftq":
        options["loftq_config"] = peft.LoftQConfig(loftq_bits=4)
    config = config_class(
        r=RANK, lora_alpha=3, target_modules=["0"], init_lora_weights=initialisation, **options
    )
    if initialisation == "corda":
        from peft.tuners.lora.corda import preprocess_corda

        preprocess_corda(net, config, run_model=lambda: net(x))
    elif initialisation == "lora_ga":
        from peft.tuners.lora.loraga import preprocess_loraga

        inputs = x.clone().requires_grad_()  # its hook wants a gradient that flows on
        preprocess_loraga(net, config, lambda: net(inputs).square().sum().backward())
    return before, x, get_peft_model(net, config)


@pytest.fixture(autouse=True)
def loftq_without_a_gpu(monkeypatch):
    monkeypatch.setattr(peft_layer, "loftq_init", rounded)


@pytest.mark.parametrize("initialisation", [*CONSERVING, "loftq"])
def test_it_starts_where_peft_starts(initialisation):
    before, x, model = start(initialisation)
    _, _, plain = start(initialisation, LoraConfig)
    torch.testing.assert_close(model(x), plain(x), atol=ROUNDING, rtol=0)
    layer = model.base_model.model[0]
    left = layer.get_base_layer().weight
    assert (left - before[0].weight).abs().max() > 1e-3
    away, without = ((each(x) - before(x)).abs().max() for each in (model, layer.get_base_layer()))
    assert away < (without if initialisation == "loftq" else ROUNDING)


@pytest.mark.parametrize("initialisation", [*CONSERVING, "loftq"])
@pytest.mark.parametrize("scale", [1.0, 0.4, 0.0])
def test_alpha_rescales_what_is_left(initialisation, scale):
    _, x, model = start(initialisation)
    layer = model.base_model.model[0]
    left, bias = layer.get_base_layer().weight.detach().clone(), layer.get_base_layer().bias
    alpha = torch.linspace(0.2, 1.7, D_OUT)
    set_alphas(model, alpha)
    update = layer.scaling["default"] * layer.lora_B["default"].weight @ layer.lora_A["default"].weight
    weight = (1 + scale * (alpha - 1))[:, None] * left + scale * update
    layer.set_scale("default", scale)
    expected = x @ weight.T + bias
    torch.testing.assert_close(model(x), expected, atol=ROUNDING, rtol=0)
    model.merge_adapter()
    torch.testing.assert_close(layer.get_base_layer().weight, weight, atol=ROUNDING, rtol=0)
    torch.testing.assert_close(model(x), expected, atol=ROUNDING, rtol=0)
    model.unmerge_adapter()
    assert torch.equal(layer.get_base_layer().weight, left)


@pytest.mark.parametrize("initialisation", [*CONSERVING, "loftq"])
def test_alpha_starts_at_one(initialisation):
    with pytest.raises(ValueError, match=r"alpha_init=0.5 cannot be combined.*neither alpha W0 nor W0"):
        start(initialisation, alpha_init=0.5)


@pytest.mark.parametrize("initialisation", [True, "gaussian", "orthogonal"])
def test_the_others_start_at_alpha_times_the_base(initialisation):
    net = nn.Sequential(nn.Linear(D_IN, D_OUT))
    weight = net[0].weight.detach().clone()
    config = AlphaLoraConfig(r=RANK, target_modules=["0"], alpha_init=0.5, init_lora_weights=initialisation)
    merged = get_peft_model(net, config).merge_and_unload()[0].weight
    assert (merged - 0.5 * weight).abs().max() < 20 * torch.finfo(torch.float32).eps


@pytest.mark.skipif(
    peft_version() < (0, 21), reason="PEFT 0.20 loads the initial adapter first, fails, and says only that"
)
@pytest.mark.parametrize("initialisation", ["pissa", "olora", "corda"])
def test_conversion_to_plain_lora_is_refused(initialisation, tmp_path):
    _, _, model = start(initialisation)
    model.save_pretrained(tmp_path / "init")
    with pytest.raises(ValueError, match="plain LoRA, which cannot hold alpha"):
        model.save_pretrained(
            tmp_path / "out", path_initial_model_for_weight_conversion=str(tmp_path / "init")
        )
    assert list(model.peft_config) == ["default"]
