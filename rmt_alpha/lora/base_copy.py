"""A copy of a base layer's weight and bias, to undo a merge exactly.

Undoing by arithmetic, (W' - (s/r) B A) / alpha, fails at alpha = 0 and rounds everywhere else, in bfloat16 by
up to half a percent of the weight.  The copy costs the memory of the adapted weights while they are merged.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn


class BaseCopy:
    """Weight and bias of a base layer as they were when this was made."""

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
