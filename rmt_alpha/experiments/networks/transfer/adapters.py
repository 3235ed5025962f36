"""The methods that train inside the network, and what each takes for a head to begin with.

All adapt every linear layer of the trained part with the rank of the settings, and train the head from its
start.  Learning rates are tuned by three trials of each.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from torch import nn

from rmt_alpha._core.checks import check_choice
from rmt_alpha._core.types import FloatArray, IntArray
from rmt_alpha.estimators.logistic import AlphaLogisticRegression, AlphaLogisticRegressionCV
from rmt_alpha.experiments.networks.settings import Settings
from rmt_alpha.experiments.networks.training.methods import Method, Wrap, _full, _peft
from rmt_alpha.experiments.networks.transfer.top_network import TopNetwork, log_odds_head, set_head

LINEAR = ["query", "key", "value", "dense"]
"""Last parts of the names of all linear layers but embedding and head."""
SOME = r".*\.(key|value)|layers\.\d+\.output\.dense"
"""What IA3 scales by default, as a pattern of names, and below all linear layers."""
ALL = r".*\.(query|key|value|dense)"
ATTENTION, INNER = r"attention\.", r"(intermediate|layers\.\d+\.output)\."
"""The two halves of a layer: attention, and the two matrices after it."""
Start = Literal["source", "new", "probe", "scaled"]


@dataclass(frozen=True, slots=True)
class TransferMethod(Method):
    """A method, and the head that it starts from."""

    head: Start = "source"
    """"source": the source's.  "new": random.  "probe": a logistic regression on the source network's
    features of the training rows.  "scaled": the source's, with the factor alpha and the intercept that fit
    these rows best."""


def _low_rank(settings: Settings) -> dict[str, Any]:
    return {"r": settings.rank, "lora_alpha": settings.rank, "target_modules": LINEAR}


def _lora(model: nn.Module, settings: Settings, head: list[str]) -> nn.Module:
    from peft import LoraConfig

    return _peft(LoraConfig(**_low_rank(settings), modules_to_save=head), model)


def _alpha_lora(model: nn.Module, settings: Settings, head: list[str], **options: Any) -> nn.Module:
    from rmt_alpha.lora import AlphaLoraConfig

    return _peft(AlphaLoraConfig(**_low_rank(settings), modules_to_save=head, **options), model)


def _ia3_lora(
    model: nn.Module,
    settings: Settings,
    head: list[str],
    scaled: str = SOME,
    per: Literal["row", "column", "both"] = "row",
) -> nn.Module:
    """IA3 around LoRA, trained together: l * ((W0 + B A) x), per column (W0 + B A)(c * x), or both."""
    from peft import IA3Config, LoraConfig, inject_adapter_in_model
    from peft.tuners.ia3 import IA3Layer

    both = inject_adapter_in_model(LoraConfig(**_low_rank(settings)), model)
    config = IA3Config(target_modules=scaled, feedforward_modules=scaled if per == "column" else [])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Already found a `peft_config`")  # two are the point
        both = inject_adapter_in_model(config, both)
    if per == "both":  # a layer of PEFT's has one of them
        for layer in [one for one in both.modules() if isinstance(one, IA3Layer)]:
            layer.register_parameter("ia3_columns", nn.Parameter(torch.ones(layer.in_features)))
            layer.register_forward_pre_hook(lambda layer, inputs: (inputs[0] * layer.ia3_columns,))
    for name, parameter in both.named_parameters():
        parameter.requires_grad_(name.startswith("head.") or "lora_" in name or "ia3_" in name)
    return both


def _alpha_in(model: nn.Module, settings: Settings, head: list[str], *, where: str) -> nn.Module:
    """alpha-LoRA whose alphas are trained where a module's name matches, and 1 elsewhere."""
    from rmt_alpha.lora.alphas import alpha_layers

    adapted = _alpha_lora(model, settings, head)
    for name, layer in alpha_layers(adapted):
        if not re.search(where, name):
            layer.train_alpha = dict.fromkeys(layer.train_alpha, False)
            layer.lora_rescale.requires_grad_(False)
    return adapted


def _with_alpha(name: str, wrap: Wrap = _alpha_lora, **options: Any) -> TransferMethod:
    return TransferMethod(name, wrap, _RATES, alpha="held-out", holdout=True, **options)


_RATES = (3e-4, 1e-3, 3e-3)
ADAPTERS = {
    method.name: method
    for method in (
        TransferMethod("lora", _lora, _RATES),
        _with_alpha("alpha-lora"),
        TransferMethod("lora-fewer-rows", _lora, _RATES, holdout=True),
        TransferMethod("lora-scaled-head", _lora, _RATES, head="scaled"),
        TransferMethod("lora-new-head", _lora, _RATES, head="new"),
        TransferMethod("lora-probe", _lora, _RATES, head="probe"),
        TransferMethod("ia3+lora", _ia3_lora, _RATES),
        TransferMethod("rows+lora", partial(_ia3_lora, scaled=ALL), _RATES),
        TransferMethod("columns+lora", partial(_ia3_lora, scaled=ALL, per="column"), _RATES),
        TransferMethod("both+lora", partial(_ia3_lora, scaled=ALL, per="both"), _RATES),
        TransferMethod("full", _full, (3e-5, 1e-4, 3e-4)),
        _with_alpha("alpha-lora-layer", partial(_alpha_lora, alpha_per="layer")),
        _with_alpha("alpha-lora-shared", partial(_alpha_lora, share_alpha=[["query", "value"]])),
        _with_alpha("alpha-lora-attention", partial(_alpha_in, where=ATTENTION)),
        _with_alpha("alpha-lora-inner", partial(_alpha_in, where=INNER)),
        _with_alpha("alpha-lora-every-1", alpha_every=1),
        _with_alpha("alpha-lora-every-20", alpha_every=20),
    )
}
"""The methods by name."""


def adapter(name: str) -> TransferMethod:
    """The method called ``name``; ValueError names the others if there is none.

    Examples
    --------
    >>> adapter("lora-probe").head
    'probe'
    """
    return ADAPTERS[check_choice("method", name, tuple(ADAPTERS))]


def start_head(network: TopNetwork, start: Start, features: FloatArray, labels: IntArray, seed: int) -> None:
    """Give the network the head that a method starts from; ``features`` are the source's of its rows."""
    if start == "new":
        torch.manual_seed(seed)
        network.head.reset_parameters()
    elif start == "probe":
        found = AlphaLogisticRegressionCV(alpha=0.0).fit(features, labels)
        set_head(network, found.coef_[0], float(found.intercept_[0]))
    elif start == "scaled":
        set_head(network, *scaled_head(log_odds_head(network), features, labels))


def scaled_head(
    head: tuple[FloatArray, float], features: FloatArray, labels: IntArray
) -> tuple[FloatArray, float]:
    """alpha times these weights and an intercept, by least log-loss with a weak prior on alpha."""
    found = AlphaLogisticRegression(np.inf, coef_source=head[0], intercept_source=head[1]).fit(
        features, labels
    )
    return found.coef_[0], float(found.intercept_[0])
