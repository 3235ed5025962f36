"""PEFT itself: whether it is here and new enough, and the name by which it knows this adapter.

A checkpoint that called itself LORA would be loaded by any PEFT, without alpha and without a word.  This one
calls itself ALPHA_LORA: where `rmt_alpha.lora` is imported, PEFT finds the configuration and the model class;
elsewhere it stops at the unknown name.
"""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

if missing := [name for name in ("torch", "transformers", "peft") if importlib.util.find_spec(name) is None]:
    raise ImportError(f"rmt_alpha.lora needs {', '.join(missing)}: pip install '.[peft]' in a clone")

import peft
from peft import mapping

if TYPE_CHECKING:
    from peft import LoraConfig, LoraModel

OLDEST_PEFT = (0, 20)
"""The oldest PEFT whose layers hand forward and merging to a LoRA variant the way it is done here."""

NAME = "ALPHA_LORA"
PREFIX = "lora_"
"""Every parameter of the adapter has a name that starts so, alpha included: PEFT saves and loads by it."""


def peft_version() -> tuple[int, int]:
    """Major and minor version of the installed PEFT."""
    major, minor = peft.__version__.split(".")[:2]
    return int(major), int(minor)


if peft_version() < OLDEST_PEFT:
    raise ImportError(
        f"rmt_alpha.lora needs peft 0.20 or newer, found {peft.__version__}: pip install -U peft"
    )


def _new_type() -> Any:
    """Lengthen PEFT's list of methods, a closed enum: PEFT 0.20 saves nothing whose type is not on it."""
    types = peft.PeftType
    if NAME in types.__members__:  # the module was reloaded
        return types[NAME]
    member = str.__new__(types, NAME)
    member._name_ = NAME
    member._value_ = NAME
    member.__objclass__ = types
    member._sort_order_ = len(types.__members__)
    types._member_map_[NAME] = member
    types._value2member_map_[NAME] = member
    types._member_names_.append(NAME)
    return member


ALPHA_LORA = _new_type()
"""The type of an alpha-LoRA adapter, a member of `peft.PeftType`."""


def register(config: type[LoraConfig], model: type[LoraModel]) -> None:
    """Tell PEFT which configuration and which model belong to `ALPHA_LORA`."""
    mapping.PEFT_TYPE_TO_CONFIG_MAPPING[ALPHA_LORA] = config
    mapping.PEFT_TYPE_TO_TUNER_MAPPING[ALPHA_LORA] = model
    mapping.PEFT_TYPE_TO_PREFIX_MAPPING[ALPHA_LORA] = PREFIX
