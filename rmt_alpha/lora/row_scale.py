"""alpha of one layer, as a module, so that it can be shared, moved, saved and loaded like any other.

``share_alpha`` of `AlphaLoraConfig` gives several modules of a block the same one.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn


class RowScale(nn.Module):
    r"""One factor per output row, :math:`\alpha = 1 + \text{offset}`.

    The parameter is the offset, not alpha: an update of 1e-4 survives in low precision, where 1 + 1e-4 would
    be rounded away, and weight decay pulls alpha to 1, which is plain LoRA, instead of to 0, which forgets
    the source.  It stays float32 when the model around it is cast to another type: a few thousand numbers
    cost nothing, and the products they enter are promoted.

    Parameters
    ----------
    rows : int
        Length of the vector; 1 is one factor for the whole layer.
    alpha : float
        Initial value.
    device : torch.device or None
        Where the weight lives.

    Examples
    --------
    >>> from rmt_alpha.lora.row_scale import RowScale
    >>> scale = RowScale(3, alpha=0.5)
    >>> scale.alpha().tolist(), scale.bfloat16().offset.dtype
    ([0.5, 0.5, 0.5], torch.float32)
    """

    def __init__(self, rows: int, alpha: float, device: torch.device | None = None) -> None:
        super().__init__()
        self.offset = nn.Parameter(torch.full((rows,), alpha - 1.0, dtype=torch.float32, device=device))

    def alpha(self) -> torch.Tensor:
        """The factors, shape (rows,), differentiable in the offset."""
        return 1.0 + self.offset

    def extra_repr(self) -> str:
        """Shown in the model's printout."""
        return f"rows={self.offset.numel()}"

    def _apply(self, fn: Callable[[torch.Tensor], torch.Tensor], recurse: bool = True) -> RowScale:
        def keeping_precision(tensor: torch.Tensor) -> torch.Tensor:
            moved = fn(tensor)
            return moved if moved.dtype == tensor.dtype else tensor.to(moved.device)

        super()._apply(keeping_precision, recurse)
        return self


def share_with_siblings(parent: nn.Module, name: str, adapter: str, groups: list[list[str]] | None) -> None:
    """Give the new layer ``parent.name`` the alpha of a sibling of its group that has one already."""
    own = getattr(parent, name).lora_rescale
    for group in groups or []:
        for other in group if name in group else []:
            scales = getattr(getattr(parent, other, None), "lora_rescale", {})
            if other == name or adapter not in scales:
                continue
            mine, theirs = own[adapter].offset.numel(), scales[adapter].offset.numel()
            if mine != theirs:
                raise ValueError(
                    f"share_alpha={groups!r}: {name!r} has {mine} rows and {other!r} has {theirs}, so they "
                    "cannot have one alpha; take them apart, or use alpha_per='layer'"
                )
            own[adapter] = scales[adapter]
            break


def check_sharing(model: nn.Module, adapter: str, groups: list[list[str]] | None) -> None:
    """Every name of every group must be an adapted module in each parent that has one of the group."""
    for group in groups or []:
        found = False
        for parent_name, parent in model.named_modules():
            children = dict(parent.named_children())
            adapted = [n for n in group if adapter in getattr(children.get(n), "lora_rescale", {})]
            found = found or bool(adapted)
            if adapted and len(adapted) < len(group):
                missing = next(n for n in group if n not in adapted)
                raise ValueError(
                    f"share_alpha={groups!r}: {missing!r} is not an adapted module of "
                    f"{parent_name!r}, where {adapted[0]!r} is; add it to target_modules or take it out of "
                    "the group"
                )
        if not found:
            raise ValueError(f"share_alpha={groups!r}: no adapted module is called {group[0]!r}")
