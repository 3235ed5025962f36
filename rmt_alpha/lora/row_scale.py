"""alpha of one layer, as a module, so that it can be shared, moved, saved and loaded like any other."""

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
