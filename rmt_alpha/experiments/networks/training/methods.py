"""The methods that are compared: each turns a pretrained classifier into one with few trainable parameters.

Every method trains the classification head, which is new: all that lies outside the encoder, and the
encoder's pooler if it has one.  The frozen encoder is the same for all; where PEFT has default target modules
for an architecture, they are used (for BERT: query and value for LoRA and its relatives).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn

from rmt_alpha._core.checks import check_choice
from rmt_alpha.experiments.networks.settings import Settings

Wrap = Callable[[nn.Module, Settings, list[str]], nn.Module]


@dataclass(frozen=True, slots=True)
class Method:
    """One method.

    Attributes
    ----------
    name : str
        What users type.
    wrap : callable
        ``wrap(model, settings, head)`` returns the model to train; ``head`` names the modules of the head.
    rates : tuple of float
        Learning rates that are tried: the same number for every method.
    alpha : {None, "held-out", "paper"}
        How alpha is trained, if there is one: on rows of its own, or as the reference implementation does.
    holdout : bool
        Whether the adapter goes without alpha's rows.  A method without alpha that does is the control of
        alpha-LoRA: what the missing rows do by themselves.
    """

    name: str
    wrap: Wrap
    rates: tuple[float, float, float, float]
    alpha: str | None = None
    holdout: bool = False


def head_modules(model: Any) -> list[str]:
    """Names of the modules that make up the classification head.

    Parameters
    ----------
    model : PreTrainedModel
        A sequence classifier.

    Returns
    -------
    list of str
        Such as ``["pooler", "classifier"]`` for BERT.
    """
    encoder = getattr(model, model.base_model_prefix)
    pooler = ["pooler"] if getattr(encoder, "pooler", None) is not None else []
    outside = [
        name
        for name, module in model.named_children()
        if name != model.base_model_prefix and any(True for _ in module.parameters())
    ]
    return pooler + outside


def _peft(config: Any, model: nn.Module) -> nn.Module:
    from peft import get_peft_model

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing")  # PEFT asks by an old name
        wrapped: nn.Module = get_peft_model(model, config)
    return wrapped


def _lora(model: nn.Module, settings: Settings, head: list[str], **options: Any) -> nn.Module:
    from peft import LoraConfig

    rank = settings.rank
    return _peft(
        LoraConfig(r=rank, lora_alpha=rank, task_type="SEQ_CLS", modules_to_save=head, **options), model
    )


def _dora(model: nn.Module, settings: Settings, head: list[str]) -> nn.Module:
    return _lora(model, settings, head, use_dora=True)


def _ia3(model: nn.Module, settings: Settings, head: list[str]) -> nn.Module:
    from peft import IA3Config

    return _peft(IA3Config(task_type="SEQ_CLS", modules_to_save=head), model)


def _ia3_lora(model: nn.Module, settings: Settings, head: list[str]) -> nn.Module:
    """IA3 around LoRA: where both apply, l * ((W0 + B A) x)."""
    from peft import IA3Config, LoraConfig, inject_adapter_in_model

    rank = settings.rank
    both = inject_adapter_in_model(LoraConfig(r=rank, lora_alpha=rank, task_type="SEQ_CLS"), model)
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", message="Already found a `peft_config`"
        )  # two adapters are the point
        both = inject_adapter_in_model(IA3Config(task_type="SEQ_CLS"), both)
    for name, parameter in both.named_parameters():  # the second injection froze the first, and both the head
        inside = any(f".{part}." in f".{name}" for part in head)
        parameter.requires_grad_(inside or "lora_" in name or "ia3_" in name)
    return both


def _alpha_lora(model: nn.Module, settings: Settings, head: list[str]) -> nn.Module:
    from rmt_alpha.lora import AlphaLoraConfig

    rank = settings.rank
    return _peft(AlphaLoraConfig(r=rank, lora_alpha=rank, task_type="SEQ_CLS", modules_to_save=head), model)


def _alpha_lora_paper(model: nn.Module, settings: Settings, head: list[str]) -> nn.Module:
    from rmt_alpha.lora import AlphaLoraConfig

    rank = settings.rank
    return _peft(
        AlphaLoraConfig(r=rank, lora_alpha=rank, task_type="SEQ_CLS", modules_to_save=head, scale_bias=True),
        model,
    )


def _full(model: nn.Module, settings: Settings, head: list[str]) -> nn.Module:
    return model


def _head(model: nn.Module, settings: Settings, head: list[str]) -> nn.Module:
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(any(f".{part}." in f".{name}" for part in head))
    return model


_RATES = (3e-4, 1e-3, 3e-3, 1e-2)
METHODS = {
    method.name: method
    for method in (
        Method("head", _head, _RATES),
        Method("lora", _lora, _RATES),
        Method("lora-fewer-rows", _lora, _RATES, holdout=True),
        Method("alpha-lora", _alpha_lora, _RATES, alpha="held-out", holdout=True),
        Method("alpha-lora-paper", _alpha_lora_paper, _RATES, alpha="paper"),
        Method("ia3+lora", _ia3_lora, _RATES),
        # IA3's vectors are few and start from 1: they want, and stand, larger steps.
        Method("ia3", _ia3, (1e-3, 3e-3, 1e-2, 3e-2)),
        Method("dora", _dora, _RATES),
        Method("full", _full, (2e-5, 5e-5, 1.5e-4, 5e-4)),
    )
}
"""The methods by name."""

METHOD_NAMES = tuple(METHODS)


def method(name: str) -> Method:
    """The method called ``name``.

    Parameters
    ----------
    name : str
        One of `METHOD_NAMES`.

    Raises
    ------
    ValueError
        If there is no such method.

    Examples
    --------
    >>> method("lora").rates
    (0.0003, 0.001, 0.003, 0.01)
    """
    return METHODS[check_choice("method", name, METHOD_NAMES)]
