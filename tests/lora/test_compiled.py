"""Under `torch.compile` a layer computes the formula, and its gradients."""

from __future__ import annotations

import shutil

import pytest
import torch
from peft import get_peft_model

from rmt_alpha.lora import AlphaLoraConfig, alphas

D_IN, D_OUT, R, S, BATCH = 8, 4, 2, 8, 5


def formula(leaves, sign=-1.0):
    """As the layer sums it; with ``sign`` 1 and absolute values, the sum of the magnitudes of its terms."""
    x, weight, bias, a, b, alpha = leaves
    shift = (1.0 + sign * alpha) * bias
    return alpha * (x @ weight.T + bias) + S / R * (x @ a.T @ b.T) + shift


@pytest.mark.skipif(shutil.which("c++") is None, reason="torch.compile needs a C++ compiler on a CPU")
def test_compiled_layer_is_the_formula():
    # Inductor drops `alpha` of torch.add(shift, x @ A, alpha=s): outputs and gradients were wrong.
    torch.manual_seed(0)
    config = AlphaLoraConfig(r=R, lora_alpha=S, target_modules=["0"], init_lora_weights=False, alpha_init=0.7)
    model = get_peft_model(torch.nn.Sequential(torch.nn.Linear(D_IN, D_OUT)), config)
    x, direction = torch.randn(BATCH, D_IN), torch.randn(BATCH, D_OUT)
    layer = model.base_model.model[0]
    trained = [
        layer.lora_A["default"].weight,
        layer.lora_B["default"].weight,
        layer.lora_rescale["default"].offset,
    ]
    output = torch.compile(model)(x)
    gradients = torch.autograd.grad((output * direction).sum(), trained)

    def dense(kind, sign):
        leaves = [x, layer.weight, layer.bias, *trained[:2], alphas(model)["0"]]
        values = [kind(leaf.detach().double()).requires_grad_() for leaf in leaves]
        out = formula(values, sign)
        return out, *torch.autograd.grad((out * kind(direction.double())).sum(), values[3:])

    # No number is the end of more roundings than the sums on its way have terms, and a few products more.
    share = (D_IN + R + D_OUT + BATCH + 10) * torch.finfo(torch.float32).eps
    exact, magnitude = dense(lambda v: v, -1.0), dense(torch.abs, 1.0)
    for found, expected, size in zip((output, *gradients), exact, magnitude, strict=True):
        assert ((found.double() - expected).abs() <= share * size).all()
