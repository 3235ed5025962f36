"""alpha-LoRA for real networks: a PEFT adapter with a trainable rescaling of the frozen weights, and its training.

W' = diag(alpha) W0 + (s/r) B A.  Importing this room makes the adapter known to PEFT, so that checkpoints load by
`PeftModel.from_pretrained` and `AutoPeftModel`.  It needs ``pip install 'rmt-alpha[peft]'``.
"""

from __future__ import annotations

from rmt_alpha.lora._extra import require_extra

require_extra()

from rmt_alpha.lora.config import AlphaLoraConfig  # noqa: E402
from rmt_alpha.lora.model import AlphaLoraModel  # noqa: E402
from rmt_alpha.lora.register import register  # noqa: E402

register(AlphaLoraConfig, AlphaLoraModel)

__all__ = ["AlphaLoraConfig", "AlphaLoraModel"]
