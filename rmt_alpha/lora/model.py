"""The tuner: PEFT's `LoraModel` that gives its layers an alpha, and refuses what would lose it."""

from __future__ import annotations

from typing import Any

from peft.tuners.lora import LoraModel
from peft.tuners.lora.layer import LoraLayer
from torch import nn
from transformers.pytorch_utils import Conv1D

from rmt_alpha.lora.config import AlphaLoraConfig
from rmt_alpha.lora.layers import AlphaLayer, with_alpha


class AlphaLoraModel(LoraModel):
    """Made by `peft.get_peft_model` for an `AlphaLoraConfig`; its methods are those of `peft.LoraModel`."""

    def inject_adapter(self, model: nn.Module, adapter_name: str, *args: Any, **kwargs: Any) -> None:
        """Adapt the target modules; if none match, say which ones there are."""
        if not (names := linear_names(model)):
            raise ValueError(
                f"{type(model).__name__} has no Linear or Conv1D layer, so there is no weight that alpha "
                "could rescale"
            )
        try:
            super().inject_adapter(model, adapter_name, *args, **kwargs)
        except ValueError as error:
            if "not found in the base model" not in str(error):
                raise
            raise type(error)(f"{error} Linear layers of this model: {', '.join(names)}.") from None
        _check_sharing(model, adapter_name, self.peft_config[adapter_name])

    def _create_and_replace(
        self,
        lora_config: AlphaLoraConfig,
        adapter_name: str,
        target: nn.Module,
        target_name: str,
        parent: nn.Module,
        current_key: str,
        **kwargs: Any,
    ) -> None:
        if isinstance(target, LoraLayer) and not isinstance(target, AlphaLayer):
            raise ValueError(
                f"{current_key!r} already carries a LoRA layer without alpha; unload that adapter first, or "
                "load it as AlphaLoraConfig(train_alpha=False), which is the same"
            )
        if (getattr(self.model, "_tp_size", None) or 1) > 1:
            raise ValueError(
                "alpha-LoRA does not support tensor parallelism: alpha would have to be cut with the rows"
            )
        super()._create_and_replace(
            lora_config, adapter_name, target, target_name, parent, current_key=current_key, **kwargs
        )
        if isinstance(lora_config, AlphaLoraConfig):
            _share_with_siblings(parent, target_name, adapter_name, lora_config)

    @staticmethod
    def _create_new_module(
        lora_config: AlphaLoraConfig, adapter_name: str, target: nn.Module, **kwargs: Any
    ) -> Any:
        layer = LoraModel._create_new_module(lora_config, adapter_name, target, **kwargs)
        return with_alpha(layer, adapter_name, lora_config, kwargs.get("target_name", "?"))

    def add_weighted_adapter(
        self, adapters: list[str], weights: list[float], adapter_name: str, **kwargs: Any
    ) -> None:
        """Refused: PEFT combines A and B and knows nothing of alpha.

        Raises
        ------
        NotImplementedError
            Always.
        """
        raise NotImplementedError(
            "add_weighted_adapter would combine the low-rank updates and drop alpha; activate the adapters "
            "together (model.base_model.set_adapter([...]), composed in that order), or merge them one "
            "after the other"
        )

    def subtract_mutated_init(self, *args: Any, **kwargs: Any) -> Any:
        """Refused: the conversion of PiSSA and its kin to LoRA has no place for alpha.

        Raises
        ------
        ValueError
            Always.
        """
        raise ValueError(
            "path_initial_model_for_weight_conversion turns an adapter into plain LoRA, which cannot hold "
            "alpha; save without it and load onto the same initialisation"
        )


def linear_names(model: nn.Module) -> list[str]:
    """Last parts of the names of all Linear and Conv1D modules, each once."""
    linear = (nn.Linear, Conv1D)
    names = (
        name for name, module in model.named_modules() if isinstance(module, linear) and "lora_" not in name
    )
    return list(dict.fromkeys(name.removesuffix(".base_layer").rpartition(".")[2] for name in names))


def _share_with_siblings(parent: nn.Module, name: str, adapter: str, config: AlphaLoraConfig) -> None:
    layer = getattr(parent, name)
    for group in config.share_alpha or []:
        if name not in group:
            continue
        for other_name in group:
            other = getattr(parent, other_name, None)
            if other is layer or not isinstance(other, AlphaLayer) or adapter not in other.lora_rescale:
                continue
            mine, theirs = (m.lora_rescale[adapter].offset.numel() for m in (layer, other))
            if mine != theirs:
                raise ValueError(
                    f"share_alpha={config.share_alpha!r}: {name!r} has {mine} rows and {other_name!r} has "
                    f"{theirs}, so they cannot have one alpha; take them apart, or use alpha_per='layer'"
                )
            layer.lora_rescale[adapter] = other.lora_rescale[adapter]
            break


def _check_sharing(model: nn.Module, adapter: str, config: AlphaLoraConfig) -> None:
    """Every name of every group must be an adapted module in each parent that has one of the group."""
    for group in config.share_alpha or []:
        found = False
        for parent_name, parent in model.named_modules():
            children = dict(parent.named_children())
            adapted = [n for n in group if adapter in getattr(children.get(n), "lora_rescale", {})]
            found = found or bool(adapted)
            if adapted and len(adapted) < len(group):
                missing = next(n for n in group if n not in adapted)
                raise ValueError(
                    f"share_alpha={config.share_alpha!r}: {missing!r} is not an adapted module of "
                    f"{parent_name!r}, where {adapted[0]!r} is; add it to target_modules or take it out of "
                    "the group"
                )
        if not found:
            raise ValueError(f"share_alpha={config.share_alpha!r}: no adapted module is called {group[0]!r}")
