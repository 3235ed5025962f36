"""Make alpha-LoRA known to PEFT under a name of its own.

A checkpoint that called itself LORA would be loaded by any PEFT, without alpha and without a word.  This one
calls itself ALPHA_LORA: where `rmt_alpha.lora` is imported, PEFT finds the configuration and the model class;
elsewhere it stops at the unknown name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from peft import PeftType
from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING, PEFT_TYPE_TO_PREFIX_MAPPING, PEFT_TYPE_TO_TUNER_MAPPING

if TYPE_CHECKING:
    from rmt_alpha.lora.config import AlphaLoraConfig
    from rmt_alpha.lora.model import AlphaLoraModel

NAME = "ALPHA_LORA"
PREFIX = "lora_"
"""Every parameter of the adapter has a name that starts so, alpha included: PEFT saves and loads by it."""


def _new_member() -> Any:
    """Lengthen PEFT's list of methods, a closed enum: PEFT 0.20 saves nothing whose type is not on it."""
    if NAME in PeftType.__members__:  # the module was reloaded
        return PeftType[NAME]
    member = str.__new__(PeftType, NAME)
    member._name_ = NAME
    member._value_ = NAME
    member.__objclass__ = PeftType
    member._sort_order_ = len(PeftType.__members__)
    PeftType._member_map_[NAME] = member
    PeftType._value2member_map_[NAME] = member
    PeftType._member_names_.append(NAME)
    return member


ALPHA_LORA = _new_member()
"""The type of an alpha-LoRA adapter, a member of `peft.PeftType`."""


def register(config: type[AlphaLoraConfig], model: type[AlphaLoraModel]) -> None:
    """Tell PEFT which configuration and which model belong to `ALPHA_LORA`."""
    PEFT_TYPE_TO_CONFIG_MAPPING[ALPHA_LORA] = config
    PEFT_TYPE_TO_TUNER_MAPPING[ALPHA_LORA] = model
    PEFT_TYPE_TO_PREFIX_MAPPING[ALPHA_LORA] = PREFIX
