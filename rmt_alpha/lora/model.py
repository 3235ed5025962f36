"""The tuner: PEFT's `LoraModel` that gives its layers an alpha, and refuses what would lose it."""

from __future__ import annotations

from typing import Any, NoReturn

import torch
from peft.tuners.lora import LoraModel
from peft.tuners.lora.layer import LoraLayer
from torch import nn
from transformers.pytorch_utils import Conv1D

from rmt_alpha.lora._peft import peft_version
from rmt_alpha.lora.alphas import alpha_layers
from rmt_alpha.lora.config import AlphaLoraConfig
from rmt_alpha.lora.layers import AlphaLayer, with_alpha
from rmt_alpha.lora.row_scale import check_sharing, share_with_siblings

NOTHING_MATCHED = ("not found in the base model", "No modules were targeted")
"""How PEFT says so; its error has a class of its own only since 0.21."""


class AlphaLoraModel(LoraModel):
    """Made by `peft.get_peft_model` for an `AlphaLoraConfig`; its methods are those of `peft.LoraModel`."""

    def inject_adapter(self, model: nn.Module, adapter_name: str, *args: object, **kwargs: object) -> None:
        """Adapt the target modules; if none match, say which ones there are."""
        if not (names := linear_names(model)):
            raise ValueError(
                f"{type(model).__name__} has no Linear or Conv1D layer, so there is no weight that alpha "
                "could rescale"
            )
        try:
            super().inject_adapter(model, adapter_name, *args, **kwargs)
            check_sharing(model, adapter_name, self.peft_config[adapter_name].share_alpha)
        except Exception as error:
            self._forget(adapter_name)
            if not any(words in str(error) for words in NOTHING_MATCHED):
                raise
            raise type(error)(f"{error} Linear layers of this model: {', '.join(names)}.") from None

    def _forget(self, adapter: str) -> None:
        """Leave no trace of an adapter that was refused halfway: neither its name nor its layers."""
        others = [name for name in self.peft_config if name != adapter]
        if not others:  # the model was never made
            self._unload_and_optionally_merge(merge=False)
            return
        self.peft_config.pop(adapter, None)
        for name, layer in list(alpha_layers(self.model)):
            if adapter in layer.lora_A:
                layer.delete_adapter(adapter)
                layer.lora_variant.pop(adapter, None)
            if not layer.lora_A:
                self.model.set_submodule(name, layer.get_base_layer())

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
            share_with_siblings(parent, target_name, adapter_name, lora_config.share_alpha)

    @staticmethod
    def _create_new_module(
        lora_config: AlphaLoraConfig, adapter_name: str, target: nn.Module, **kwargs: Any
    ) -> Any:
        layer = LoraModel._create_new_module(lora_config, adapter_name, target, **kwargs)
        return with_alpha(layer, adapter_name, lora_config, kwargs.get("target_name", "?"))

    def _check_merge_allowed(self) -> None:
        """Refuse to merge two adapted layers into one weight: PEFT asks before any layer is touched."""
        super()._check_merge_allowed()
        first: dict[tuple[torch.device, int], str] = {}
        for name, layer in alpha_layers(self.model):
            weight = layer.get_base_layer().weight
            if not weight.data_ptr():  # not loaded yet
                continue
            if (key := (weight.device, weight.data_ptr())) in first:
                raise ValueError(
                    f"{first[key]!r} and {name!r} share one weight, which would then carry the adapters of "
                    "both: leave the adapter unmerged, or give each its own copy before adapting them "
                    "(module.weight = torch.nn.Parameter(module.weight.clone()))"
                )
            first[key] = name

    def add_weighted_adapter(
        self,
        adapters: list[str],
        weights: list[float],
        adapter_name: str,
        combination_type: str = "svd",
        **kwargs: object,
    ) -> None:
        r"""Add an adapter whose change to the weight is the weighted sum of the given ones'.

        .. math:: \alpha - 1 = \sum_i w_i\, (\alpha_i - 1), \qquad BA = \sum_i w_i\, B_i A_i ,

        the second as far as PEFT's combination goes: "cat" is exact, "svd" is so if ``svd_rank`` is at least
        the sum of the ranks, and "linear" is PEFT's rough one.

        Raises
        ------
        ValueError
            Another combination (they prune or vote on entries of A and B, which has no counterpart for
            alpha), adapters whose alphas are of different kinds, or a name that is taken.
        """
        check_combination(self.peft_config, adapters, combination_type)
        if adapter_name in self.peft_config:
            raise ValueError(
                f"there already is an adapter {adapter_name!r}: delete it, or choose another name"
            )
        layers = [module for module in self.model.modules() if isinstance(module, AlphaLayer)]
        scaled = any(layer.scaling.get(name, 1) != 1 for layer in layers for name in adapters)
        if combination_type == "svd" and scaled and peft_version() < (0, 21):
            raise ValueError("combination_type='svd' needs peft 0.21: older releases scale the update twice")
        for layer in layers:
            layer.delta_is_low_rank = True
        try:
            super().add_weighted_adapter(
                adapters, weights, adapter_name, combination_type=combination_type, **kwargs
            )
        finally:
            for layer in layers:
                layer.delta_is_low_rank = False
        with torch.no_grad():
            for layer in layers:
                if adapter_name in layer.lora_rescale:
                    parts = [
                        weight * layer.lora_rescale[name].offset
                        for name, weight in zip(adapters, weights, strict=True)
                        if name in layer.lora_rescale
                    ]
                    offset = layer.lora_rescale[adapter_name].offset
                    offset.copy_(torch.stack(parts).sum(0))

    @classmethod
    def _convert_state_dict_for_initial_model(cls, *args: object, **kwargs: object) -> NoReturn:
        _refuse_conversion()  # newer PEFTs ask here, and would first load the initial adapter

    def subtract_mutated_init(self, *args: object, **kwargs: object) -> NoReturn:
        """Refused with a ValueError: the conversion of PiSSA and its kin to LoRA has no place for alpha."""
        _refuse_conversion()


def _refuse_conversion() -> NoReturn:
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


def check_combination(
    configs: dict[str, AlphaLoraConfig], adapters: list[str], combination_type: str
) -> None:
    """Raise ValueError unless the alphas of ``adapters`` can be combined linearly."""
    if combination_type not in ("cat", "linear", "svd"):
        raise ValueError(
            f"combination_type must be 'cat', 'svd' or 'linear' for alpha-LoRA, got {combination_type!r}, "
            "which prunes or votes on the entries of A and B and has no counterpart for alpha"
        )
    known = [configs[name] for name in adapters if name in configs]  # PEFT complains of the others
    for option in ("alpha_per", "scale_bias", "share_alpha"):
        values = [getattr(config, option) for config in known]
        if any(value != values[0] for value in values):
            raise ValueError(
                f"the adapters {adapters} differ in {option}, {values}: their alphas cannot be added"
            )
