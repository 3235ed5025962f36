"""The configuration of an alpha-LoRA adapter: a `peft.LoraConfig` with five more options."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from peft import LoraConfig

from rmt_alpha._core.checks import check_choice
from rmt_alpha.lora._peft import ALPHA_LORA, peft_version

OTHER_UPDATES = {
    "use_qalora": "QALoRA",
    "target_parameters": "LoRA on bare parameters",
    "megatron_config": "Megatron layers",
}
"""Options of `LoraConfig` that change the update, beside those that PEFT marks as variants."""

HOW_TO_LOAD = "HOW_TO_LOAD.md"
"""Name of the file beside a checkpoint, for those that have no model card."""

LOADING_TITLE = "## Loading this alpha-LoRA adapter"
LOADING = f"""{LOADING_TITLE}

PEFT knows this adapter only where `rmt_alpha.lora` has been imported; elsewhere loading stops with
`KeyError: '{ALPHA_LORA.value}'`.

```bash
pip install '.[peft]'  # in a clone of rmt_alpha
```

```python
import rmt_alpha.lora  # before loading
from peft import PeftModel

model = PeftModel.from_pretrained(base_model, "path/to/this/folder")
```
"""

BASE_UNCHANGED = (True, False, "gaussian", "eva", "orthogonal")
"""Values of ``init_lora_weights`` that leave W0 alone; PiSSA, OLoRA, CorDA, LoftQ, LoRA-GA change it."""


@dataclass
class AlphaLoraConfig(LoraConfig):
    r"""Configuration of an alpha-LoRA adapter.

    .. math:: W' = \operatorname{diag}(\alpha)\, W_0 + \frac{s}{r} B A, \qquad \alpha \in \mathbb R^{d_{out}},

    for every adapted layer, with :math:`W_0` frozen and A, B and alpha trainable.  At the start B = 0 and
    alpha is ``alpha_init``: 1 leaves the model as it was, and alpha = 1 forever is LoRA.

    All options of `peft.LoraConfig` keep their meaning (``lora_alpha`` is s, the scale of the update).  The
    ones below are new.

    Parameters
    ----------
    alpha_per : {"row", "layer"}
        One factor for every output row, or a single one for the whole layer.
    alpha_init : float
        Value that alpha starts from, finite.
    train_alpha : bool
        False freezes alpha at its value: the update alone is trained.
    scale_bias : bool
        False: the layer computes alpha (W0 x) + b, as the formula says.  True: alpha (W0 x + b), which is
        what the paper's reference code does.
    share_alpha : list of lists of str, or None
        Groups of module names within one parent whose alpha is one and the same vector, for example
        ``[["query", "value"]]``: in each attention block, query and value are rescaled alike.

    Raises
    ------
    ValueError
        A value out of its range, or an option of `LoraConfig` that replaces the update W0 + (s/r) B A by
        something else (DoRA, aLoRA, Arrow, QALoRA, ...): alpha has no agreed meaning there.  ``alpha_init``
        other than 1 with an initialisation that changes W0 (PiSSA, OLoRA, CorDA, ...).

    Examples
    --------
    >>> import torch
    >>> from peft import get_peft_model
    >>> from rmt_alpha.lora import AlphaLoraConfig
    >>> net = torch.nn.Sequential(
    ...     torch.nn.Linear(6, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2)
    ... )
    >>> model = get_peft_model(net, AlphaLoraConfig(r=2, target_modules=["0"]))
    >>> [name for name, _ in model.named_parameters() if "rescale" in name]
    ['base_model.model.0.lora_rescale.default.offset']
    """

    alpha_per: Literal["row", "layer"] = field(
        default="row", metadata={"help": "One alpha per output row, or one per layer."}
    )
    alpha_init: float = field(default=1.0, metadata={"help": "Initial value of alpha."})
    train_alpha: bool = field(default=True, metadata={"help": "Whether alpha is trained."})
    scale_bias: bool = field(
        default=False, metadata={"help": "Whether the bias is rescaled with the weight."}
    )
    share_alpha: list[list[str]] | None = field(
        default=None, metadata={"help": "Groups of sibling modules that share one alpha."}
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self.peft_type = ALPHA_LORA
        check_choice("alpha_per", self.alpha_per, ("row", "layer"))
        self.alpha_init = _finite("alpha_init", self.alpha_init)
        for name in ("train_alpha", "scale_bias"):
            if not isinstance(getattr(self, name), bool):
                raise TypeError(f"{name} must be True or False, got {getattr(self, name)!r}")
        _check_groups(self.share_alpha)
        _refuse_other_updates(self)
        if self.bias != "none" and peft_version() < (0, 21):
            raise ValueError(
                f"bias={self.bias!r} needs peft 0.21 or newer: older releases would train the biases and not "
                "save them with this adapter; pip install -U peft, or leave bias='none'"
            )

    def save_pretrained(self, save_directory: str, **kwargs: Any) -> None:
        """Write the configuration and, for whoever finds the checkpoint, what loads it.

        A PEFT that has not been told of this adapter stops with a bare KeyError: 'ALPHA_LORA'.
        """
        super().save_pretrained(save_directory, **kwargs)
        Path(save_directory, HOW_TO_LOAD).write_text(LOADING, encoding="utf-8")
        card = Path(save_directory, "README.md")
        if card.exists() and LOADING_TITLE not in (text := card.read_text(encoding="utf-8")):
            card.write_text(f"{text.rstrip()}\n\n{LOADING}", encoding="utf-8")


def _finite(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{name} must be a finite number (1 leaves the source as it is), got {value!r}")
    return float(value)


def _check_groups(groups: Any) -> None:
    if groups is None:
        return
    names = [name for group in groups for name in group] if isinstance(groups, list | tuple) else []
    if not names or any(not isinstance(g, list | tuple) or len(g) < 2 for g in groups):
        raise ValueError(
            "share_alpha must be a list of groups of at least two module names, such as [['query', "
            f"'value']], got {groups!r}"
        )
    if wrong := [name for name in names if not isinstance(name, str) or "." in name]:
        raise ValueError(
            f"share_alpha takes the last part of a module's name, such as 'query', got {wrong[0]!r}; modules "
            "are shared within one parent"
        )
    if twice := [name for name in names if names.count(name) > 1]:
        raise ValueError(f"share_alpha must name each module once, got {twice[0]!r} twice")


def _refuse_other_updates(config: AlphaLoraConfig) -> None:
    refused = {
        option.name: option.name
        for option in dataclasses.fields(LoraConfig)
        if option.metadata.get("is_lora_variant")
    } | OTHER_UPDATES
    for option, name in refused.items():
        if getattr(config, option, None):
            raise ValueError(
                f"{option}={getattr(config, option)!r} cannot be combined with alpha-LoRA: {name} replaces "
                "the update W0 + (s/r) B A that alpha rescales; leave it out, or use peft.LoraConfig "
                "without alpha"
            )
    if config.alpha_init != 1.0 and config.init_lora_weights not in BASE_UNCHANGED:
        raise ValueError(
            f"alpha_init={config.alpha_init!r} cannot be combined with init_lora_weights="
            f"{config.init_lora_weights!r}, which takes a part of W0 out of the weight and into B A, where "
            "alpha does not reach: the model would start at neither alpha W0 nor W0; leave alpha_init=1"
        )
    variants = LoraConfig.__dataclass_fields__["init_lora_weights"].metadata.get("lora_variants", ())
    if config.init_lora_weights in variants:
        raise ValueError(
            f"init_lora_weights={config.init_lora_weights!r} cannot be combined with alpha-LoRA: it is a "
            "LoRA variant of its own; use True, False or one of the other initialisations"
        )
