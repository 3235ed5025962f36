"""What the adapter needs beside the core, and one sentence if it is not there."""

from __future__ import annotations

import importlib.util

OLDEST_PEFT = (0, 20)
"""The oldest PEFT whose layers hand forward and merging to a LoRA variant the way it is done here."""


def require_extra() -> None:
    """Raise ImportError naming what is missing, or the version that is too old.

    Raises
    ------
    ImportError
        torch, transformers or peft is not installed, or PEFT is older than 0.20.
    """
    missing = [name for name in ("torch", "transformers", "peft") if importlib.util.find_spec(name) is None]
    if missing:
        raise ImportError(f"rmt_alpha.lora needs {', '.join(missing)}: pip install 'rmt-alpha[peft]'")
    import peft

    if peft_version() < OLDEST_PEFT:
        raise ImportError(
            f"rmt_alpha.lora needs peft 0.20 or newer, found {peft.__version__}: pip install -U peft"
        )


def peft_version() -> tuple[int, int]:
    """Major and minor version of the installed PEFT."""
    import peft

    major, minor = peft.__version__.split(".")[:2]
    return int(major), int(minor)
