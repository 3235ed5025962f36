"""Optimizers of PEFT: alpha has a group of its own, or they refuse."""

from __future__ import annotations

import pytest
import torch
from peft import get_peft_model
from peft.optimizers import create_lorafa_optimizer, create_loraplus_optimizer

from rmt_alpha.lora import AlphaLoraConfig, alphas, optimizer_with_alpha


def small(**options):
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(6, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
    return get_peft_model(net, AlphaLoraConfig(r=2, lora_alpha=4, target_modules=["0", "2"], **options))


def step(model, optimizer):
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    model(torch.ones(3, 6)).square().sum().backward()
    optimizer.step()
    return {name.split(".")[-3] for name, p in model.named_parameters() if not torch.equal(p, before[name])}


def lorafa(model):
    return create_lorafa_optimizer(model, r=2, lora_alpha=4, lr=1e-2)


def loraplus(model):
    return create_loraplus_optimizer(model, torch.optim.AdamW, lr=1e-4, loraplus_lr_ratio=16)


def test_lorafa_refuses_what_it_would_pair_wrongly():
    with pytest.raises(ValueError, match="optimizer_with_alpha"):
        lorafa(small())


def test_lorafa_with_alpha_in_a_group_of_its_own():
    model = small()
    optimizer = optimizer_with_alpha(lambda: lorafa(model), model, alpha_lr=1e-3)
    assert step(model, optimizer) == {"lora_B", "lora_rescale"}
    moved = torch.cat([alpha - 1 for alpha in alphas(model).values()]).abs().max()
    # The first step of Adam is the rate times a sign, but for its epsilon.
    assert float(moved) == pytest.approx(1e-3, rel=1e-3)


def test_lorafa_of_a_plain_adapter_is_left_alone():
    from peft import LoraConfig

    model = get_peft_model(
        torch.nn.Sequential(torch.nn.Linear(6, 4)), LoraConfig(r=2, lora_alpha=4, target_modules=["0"])
    )
    assert step(model, lorafa(model)) == {"lora_B"}


def test_loraplus_alone_gives_alpha_the_rate_of_b():
    # Why the helper is needed.
    model = small()
    ours = {id(p) for n, p in model.named_parameters() if "rescale" in n}
    rates = {g["lr"] for g in loraplus(model).param_groups for p in g["params"] if id(p) in ours}
    assert rates == {16e-4}


def test_loraplus_with_alpha_in_a_group_of_its_own():
    model = small()
    optimizer = optimizer_with_alpha(lambda: loraplus(model), model, alpha_lr=2e-3, alpha_weight_decay=0.1)
    ours = {id(p) for n, p in model.named_parameters() if "rescale" in n}
    groups = [g for g in optimizer.param_groups if any(id(p) in ours for p in g["params"])]
    assert [(g["lr"], g["weight_decay"], len(g["params"])) for g in groups] == [(2e-3, 0.1, 2)]
    assert step(model, optimizer) == {"lora_B", "lora_rescale"}  # A's gradient is 0 while B is


def test_a_factory_that_fails_leaves_alpha_in_place():
    model = small()
    names = [name for name, _ in model.named_parameters()]

    def fails():
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        optimizer_with_alpha(fails, model)
    assert [name for name, _ in model.named_parameters()] == names


@pytest.mark.parametrize("option", ["alpha_lr", "alpha_weight_decay"])
@pytest.mark.parametrize("value", [-1.0, float("nan")])
def test_rates_out_of_range(option, value):
    model = small()
    with pytest.raises(ValueError, match=option):
        optimizer_with_alpha(lambda: loraplus(model), model, **{option: value})
