"""PEFT's LoRA layers with an alpha: `AlphaLayer` mixed into the linear layer, the 8-bit and the 4-bit one.

PEFT's dispatchers decide which layer a module gets; the layer they make then hands all it holds to its
counterpart here. What they make that has no counterpart is refused: a layer that does not know alpha would
silently drop it.
"""

from __future__ import annotations

import copy
import functools
from typing import Any

import torch
from peft import LoraConfig
from peft.import_utils import is_bnb_4bit_available, is_bnb_available
from peft.tuners.lora.layer import Linear, LoraLayer, LoraVariant
from peft.utils.integrations import dequantize_bnb_weight, get_bnb_param_type
from torch import nn

from rmt_alpha.lora.config import AlphaLoraConfig
from rmt_alpha.lora.variant import AlphaVariant, along_rows


class AlphaLayer(LoraLayer):
    """What the layers here have in common; a mixin in front of one of PEFT's classes."""

    adapter_layer_names = (*LoraLayer.adapter_layer_names, "lora_rescale")
    other_param_names = (*LoraLayer.other_param_names, "scale_bias", "train_alpha", "unit_scaling")

    def prepare(self) -> None:
        """Attributes that PEFT's constructor did not make."""
        self.lora_rescale = nn.ModuleDict()
        self.scale_bias: dict[str, bool] = {}
        self.train_alpha: dict[str, bool] = {}
        self.unit_scaling: dict[str, float] = {}  # s/r as configured; PEFT's `scaling` may be set to a share
        self.one_adapter_per_sample = False  # within a batch that mixes adapters
        self.delta_is_low_rank = False  # while PEFT combines adapters, alpha apart
        self.unmerged: BaseCopy | None = None

    def resolve_lora_variant(self, *, config: LoraConfig, **kwargs: Any) -> LoraVariant | None:
        """Alpha for its own configurations; a plain LoRA adapter in the same layer stays plain."""
        if isinstance(config, AlphaLoraConfig):
            return AlphaVariant()
        return super().resolve_lora_variant(config=config, **kwargs)

    def supports_lora_conversion(self, adapter_name: str = "default") -> bool:
        """Only of adapters without alpha."""
        return adapter_name not in self.lora_rescale and super().supports_lora_conversion(adapter_name)

    def low_rank_update(self, adapter: str) -> torch.Tensor:
        """(s/r) B A, in the orientation of the stored weight."""
        return super().get_delta_weight(adapter)

    def get_delta_weight(self, adapter: str) -> torch.Tensor:
        """W' - W0 of this adapter alone on the unmerged base: diag(alpha - 1) W0 + (s/r) B A."""
        update = self.low_rank_update(adapter)
        if self.delta_is_low_rank or adapter not in self.lora_rescale:
            return update
        weight = self.unmerged_weight().to(update)
        return update + (along_rows(self, adapter) - 1.0).to(update) * weight

    def unmerged_weight(self) -> torch.Tensor:
        """The base weight without any adapter, dequantised."""
        base = self.get_base_layer()
        if self.unmerged is None:
            return dequantised(base).detach()
        if self.unmerged.weight is not None:
            return self.unmerged.weight
        raise ValueError("the adapter is merged into a quantised weight: call unmerge_adapter() first")

    def merge(self, safe_merge: bool = False, adapter_names: list[str] | None = None) -> None:
        """Merge into the base weight and bias, keeping a copy of both; all or nothing."""
        names = self.active_adapters if adapter_names is None else adapter_names
        if not any(name in self.lora_A for name in names):
            super().merge(safe_merge, adapter_names)
            return
        base, already = self.get_base_layer(), list(self.merged_adapters)
        unpack(base)
        before = BaseCopy(base)
        try:
            super().merge(safe_merge, adapter_names)
        except BaseException:
            before.restore(base)
            self.merged_adapters[:] = already
            raise
        if not already and self.merged:
            self.unmerged = before

    def unmerge(self) -> None:
        """Put the kept weight and bias back, bit for bit."""
        if self.unmerged is None:
            super().unmerge()  # says that there is nothing to do
            return
        self.unmerged.restore(self.get_base_layer())
        self.unmerged = None
        self.merged_adapters.clear()

    def _mixed_batch_forward(self, x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        self.one_adapter_per_sample = True
        try:
            return super()._mixed_batch_forward(x, *args, **kwargs)
        finally:
            self.one_adapter_per_sample = False

    def _freeze_non_trainable_peft_weights(self, adapter_names: Any = None) -> None:
        # PEFT calls this after whatever may have made adapter weights trainable.
        super()._freeze_non_trainable_peft_weights(adapter_names)
        for name, trained in self.train_alpha.items():
            if not trained:
                self.lora_rescale[name].requires_grad_(False)


def dequantised(base: nn.Module) -> torch.Tensor:
    """The weight as a matrix of floating-point numbers; the layer is left as it is.

    PEFT's `dequantize_module_weight` puts another parameter in the place of one on a CPU, without the scales
    of its rows, and the next forward pass of an 8-bit layer ends in a traceback.
    """
    unpack(base)
    if not get_bnb_param_type(base.weight):
        return base.weight
    weight: torch.Tensor = dequantize_bnb_weight(base.weight, state=getattr(base, "state", None))
    return weight


def unpack(base: nn.Module) -> None:
    """Undo what bitsandbytes does to a 4-bit weight at its first inference on some CPUs.

    It is then laid out for a kernel, dequantising it gives nonsense, and PEFT would merge into that.  Reading
    the layer's state makes bitsandbytes restore the layout.
    """
    if _packed(base):
        base.state_dict()
    if _packed(base):
        raise ValueError(
            "bitsandbytes has packed a 4-bit weight for inference: merge before the first evaluation"
        )


def _packed(base: nn.Module) -> bool:
    return bool(getattr(getattr(base.weight, "quant_state", None), "packing_format_for_cpu", False))


class BaseCopy:
    """Weight and bias of a base layer as they were when this was made, to undo a merge exactly.

    Undoing by arithmetic, (W' - (s/r) B A) / alpha, fails at alpha = 0 and rounds everywhere else, in
    bfloat16 by up to half a percent of the weight.  The copy costs the memory of the adapted weights while
    they are merged.
    """

    def __init__(self, layer: nn.Module) -> None:
        weight = layer.weight
        # bitsandbytes: merging makes a new parameter object, so the old one is the copy. Its attributes and
        # the layer's state are kept too, because PEFT edits them on the way.
        self.quantised: nn.Parameter | None = weight if not weight.dtype.is_floating_point else None
        self.attributes: dict[str, Any] = dict(weight.__dict__) if self.quantised is not None else {}
        self.state = copy.copy(getattr(layer, "state", None))
        self.weight: torch.Tensor | None = None if self.quantised is not None else weight.data.clone()
        bias = getattr(layer, "bias", None)
        self.bias: torch.Tensor | None = None if bias is None else bias.data.clone()

    def restore(self, layer: nn.Module) -> None:
        """Put both back; the layer may have moved to another device since."""
        if self.quantised is not None:
            self.quantised.__dict__.clear()
            self.quantised.__dict__.update(self.attributes)
            device = layer.weight.device
            layer.weight = self.quantised
            if self.state is not None:
                layer.state = self.state
            if self.quantised.device != device:
                layer.to(device)
        elif self.weight is not None:
            layer.weight.data.copy_(self.weight)
        if self.bias is not None:
            layer.bias.data.copy_(self.bias)


class AlphaLinear(AlphaLayer, Linear):
    """alpha-LoRA on `torch.nn.Linear` and `transformers.pytorch_utils.Conv1D`."""


@functools.cache
def counterparts() -> dict[type, type[AlphaLayer]]:
    """PEFT's layer classes and the class with alpha for each."""
    classes: dict[type, type[AlphaLayer]] = {Linear: AlphaLinear}
    if is_bnb_available():
        from peft.tuners.lora.bnb import Linear8bitLt

        classes[Linear8bitLt] = type("AlphaLinear8bitLt", (AlphaLayer, Linear8bitLt), {})
    if is_bnb_4bit_available():
        from peft.tuners.lora.bnb import Linear4bit

        classes[Linear4bit] = type("AlphaLinear4bit", (AlphaLayer, Linear4bit), {})
    return classes


def with_alpha(layer: LoraLayer, adapter_name: str, config: AlphaLoraConfig, where: str) -> LoraLayer:
    """The counterpart with alpha of a layer that PEFT has just made; it takes over all that the layer holds.

    Raises
    ------
    ValueError
        There is no counterpart: an embedding, a convolution, an attention block as a whole, or a quantisation
        that alpha-LoRA does not know.
    """
    base = layer.get_base_layer()
    known = counterparts().get(type(layer))
    if known is None:
        raise ValueError(_refusal(type(layer).__name__, base, where))
    if known is AlphaLinear and not (base.weight.is_floating_point() and base.weight.element_size() > 1):
        raise ValueError(_refusal(f"weight of type {base.weight.dtype}", base, where))
    adapted: AlphaLayer = object.__new__(known)
    adapted.__dict__.update(layer.__dict__)
    adapted.prepare()
    adapted.lora_variant[adapter_name] = AlphaVariant()
    AlphaVariant.init(adapted, adapter_name, config)
    adapted.set_adapter(adapted.active_adapters, inference_mode=config.inference_mode)
    return adapted


def _refusal(got: str, base: nn.Module, where: str) -> str:
    return (
        f"alpha-LoRA cannot adapt {where!r} ({type(base).__module__}.{type(base).__name__}; PEFT makes it a "
        f"{got}): alpha rescales the rows of a matrix, in torch.nn.Linear, transformers' Conv1D, or "
        "bitsandbytes' 8-bit and 4-bit linear layers; leave the module out of target_modules (or name it in "
        "exclude_modules), or load the model with a supported quantisation"
    )
