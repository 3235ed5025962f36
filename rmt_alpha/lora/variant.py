"""The arithmetic of an alpha-LoRA layer: forward, merging, and what happens to the bias.

Adapters compose in the order in which they would be merged.  With one adapter, the layer computes

    diag(alpha) W0 x + (s/r) B A x + b        (b is multiplied by alpha too if scale_bias)

and with a second, its alpha multiplies the weight that the first one made: alpha2 (alpha1 W0 + D1) + D2.
Where PEFT scales an adapter by a number c (`set_scale`, `rescale_adapter_scale`), c multiplies all that the
adapter changes, 1 + c (alpha - 1) and c (s/r) B A: 0 is the model without adapter, 1 the adapter.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from peft.tuners.lora.layer import LoraVariant

from rmt_alpha.lora.row_scale import RowScale

if TYPE_CHECKING:
    from peft.tuners.lora.layer import LoraLayer

    from rmt_alpha.lora.config import AlphaLoraConfig


class AlphaVariant(LoraVariant):
    """What PEFT's own LoRA layers call at the points where alpha matters."""

    def supports_lora_conversion(self) -> bool:
        """No: a low-rank update cannot hold (alpha - 1) W0."""
        return False

    @staticmethod
    def init(module: LoraLayer, adapter_name: str, config: AlphaLoraConfig, **kwargs: Any) -> None:
        """Give the layer its alpha for one more adapter."""
        rows = module.out_features if config.alpha_per == "row" else 1
        device = module.get_base_layer().weight.device
        module.lora_rescale[adapter_name] = RowScale(rows, config.alpha_init, device)
        module.scale_bias[adapter_name] = config.scale_bias
        module.train_alpha[adapter_name] = config.train_alpha
        module.unit_scaling[adapter_name] = module.scaling[adapter_name]

    @staticmethod
    def forward(
        module: LoraLayer, active_adapter: str, x: torch.Tensor, result: torch.Tensor, **kwargs: Any
    ) -> torch.Tensor:
        """alpha * result + update, in as many passes over the output as LoRA makes without alpha.

        ``result`` is the output so far, bias included; where the bias is not rescaled, alpha * result holds
        (alpha - 1) b too much, a vector that is subtracted from the update in one pass more.
        """
        alpha = scaled_alpha(module, active_adapter)
        lora_A, lora_B = module.lora_A[active_adapter], module.lora_B[active_adapter]
        scaling = module.scaling[active_adapter]
        bias = None if module.scale_bias[active_adapter] else bias_before(module, active_adapter)
        shift = None if bias is None else (1.0 - alpha) * bias
        inner = lora_A(module.lora_dropout[active_adapter](x))
        low_precision = inner.dtype == result.dtype and result.dtype in (torch.bfloat16, torch.float16)
        # s goes to the few numbers between A and B where that changes no bit (or few matter), unless B has a
        # bias of its own: one pass over the output less, and one over its gradient.
        if (low_precision or _is_power_of_two(scaling)) and not module.lora_bias[active_adapter]:
            update = lora_B(inner * scaling)
        else:
            update = lora_B(inner) * scaling
        if low_precision:
            low: torch.Tensor = LowPrecisionSum.apply(result, update, alpha, shift)
            return low
        # Not torch.add(shift, update, alpha=scaling): torch.compile fuses that with lora_B and drops `alpha`.
        total = torch.addcmul(update, result, alpha)
        return total if shift is None else total.add_(shift)

    @staticmethod
    def merge_safe(module: LoraLayer, active_adapter: str, orig_weight: torch.Tensor) -> torch.Tensor:
        """The merged weight, a new tensor; the bias is rescaled in place."""
        # In the layout of the weight, which PEFT replaces by this: in another, products round differently.
        merged = torch.empty_like(orig_weight).copy_(merged_weight(module, active_adapter, orig_weight))
        rescale_bias(module, active_adapter)
        return merged

    @staticmethod
    def merge_unsafe(module: LoraLayer, active_adapter: str, orig_weight: torch.Tensor) -> None:
        """Merge into the weight in place."""
        orig_weight.data.copy_(merged_weight(module, active_adapter, orig_weight.data))
        rescale_bias(module, active_adapter)

    @staticmethod
    def unmerge(module: LoraLayer, active_adapter: str, orig_weight: torch.Tensor) -> torch.Tensor:
        """Never reached: The layer's own ``unmerge`` puts the kept weight back."""
        raise AssertionError("alpha-LoRA layers unmerge from a copy, not by arithmetic")


class LowPrecisionSum(torch.autograd.Function):
    """alpha * result + update + shift in a layer that computes in bfloat16 or float16, as under autocast.

    It stays in that type, as LoRA does, because a sum in float32 would cost more than all the rest.  It is
    formed as result + (update + shift + (alpha - 1) result): rounded to 8 bits, alpha = 1.001 is 1, but
    alpha - 1 keeps its digits, and the bracket is small.  For gradients, rounded alphas are good enough.
    """

    @staticmethod
    def forward(
        ctx: Any,
        result: torch.Tensor,
        update: torch.Tensor,
        alpha: torch.Tensor,
        shift: torch.Tensor | None,
    ) -> torch.Tensor:
        """Shapes (..., rows), (..., rows), (rows,) or (1,), (rows,) or None."""
        ctx.save_for_backward(alpha, result if alpha.requires_grad else None)
        offset = (alpha - 1.0).to(result.dtype)
        if shift is None:
            return torch.addcmul(update, result, offset).add_(result)
        total = update + shift.to(result.dtype)
        return torch.addcmul(total, result, offset, out=total).add_(result)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        """Of result and update in their own type, of alpha and shift in float32."""
        (gradient,) = gradients
        alpha, result = ctx.saved_tensors
        of_result = gradient * alpha.to(gradient.dtype) if ctx.needs_input_grad[0] else None
        of_alpha = of_shift = None
        if ctx.needs_input_grad[2]:
            of_alpha = (gradient.float() * result).sum_to_size(alpha.shape)
        if ctx.needs_input_grad[3]:
            of_shift = gradient.float().sum_to_size(gradient.shape[-1:])
        return of_result, gradient, of_alpha, of_shift


def _is_power_of_two(scaling: float) -> bool:
    return abs(math.frexp(scaling)[0]) == 0.5


def scaled_alpha(module: LoraLayer, adapter: str) -> torch.Tensor:
    """1 + c (alpha - 1), where c is the scale that PEFT has given the adapter, 1 if none."""
    now, unit = module.scaling[adapter], module.unit_scaling[adapter]
    scale: RowScale = module.lora_rescale[adapter]
    if now == unit:
        return scale.alpha()
    if unit == 0:
        raise ValueError(
            f"the adapter {adapter!r} has lora_alpha=0, so that its scale cannot be changed in proportion: "
            "use lora_alpha > 0, or set_alphas"
        )
    return 1.0 + (now / unit) * scale.offset


def bias_before(module: LoraLayer, adapter: str) -> torch.Tensor | None:
    """The bias in what ``adapter`` receives: that of the base, as changed by the adapters before it."""
    bias = getattr(module.get_base_layer(), "bias", None)
    if module.one_adapter_per_sample:
        return bias
    for earlier in module.active_adapters:
        if earlier == adapter:
            break
        if earlier not in module.lora_A:
            continue
        if bias is not None and module.scale_bias.get(earlier):
            bias = bias * scaled_alpha(module, earlier)
        if module.lora_bias[earlier]:
            added = module.lora_B[earlier].bias * module.scaling[earlier]
            bias = added if bias is None else bias + added
    return bias


def along_rows(module: LoraLayer, adapter: str) -> torch.Tensor:
    """alpha, shaped to multiply the rows of the weight as it is stored (Conv1D stores it transposed)."""
    alpha = scaled_alpha(module, adapter).detach()
    return alpha if module.fan_in_fan_out else alpha[:, None]


def merged_weight(module: LoraLayer, adapter: str, weight: torch.Tensor) -> torch.Tensor:
    """diag(alpha) W + (s/r) B A, computed in float32 or better and rounded once."""
    precise = torch.promote_types(weight.dtype, torch.float32)
    update = module.low_rank_update(adapter).detach()
    alpha = along_rows(module, adapter)
    # The adapter may have been left on another device than a weight that was loaded for merging.
    update, alpha = update.to(weight.device, precise), alpha.to(weight.device, precise)
    return torch.addcmul(update, weight.to(precise), alpha).to(weight.dtype)


def rescale_bias(module: LoraLayer, adapter: str) -> None:
    """Multiply the base layer's bias by alpha, if the adapter is to do so and there is one."""
    bias = getattr(module.get_base_layer(), "bias", None)
    if bias is not None and module.scale_bias[adapter]:
        alpha = scaled_alpha(module, adapter).detach().to(bias.device)
        bias.data.copy_(bias.data * alpha)
