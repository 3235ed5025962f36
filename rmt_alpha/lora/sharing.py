"""One alpha for several modules of a block: ``share_alpha`` of `AlphaLoraConfig`."""

from __future__ import annotations

from torch import nn

from rmt_alpha.lora.config import AlphaLoraConfig
from rmt_alpha.lora.layers import AlphaLayer


def share_with_siblings(parent: nn.Module, name: str, adapter: str, config: AlphaLoraConfig) -> None:
    """Give the new layer ``parent.name`` the alpha of a sibling of its group that has one already."""
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


def check_sharing(model: nn.Module, adapter: str, config: AlphaLoraConfig) -> None:
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
