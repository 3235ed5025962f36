"""The extra `peft`: whether the other tests of this folder can run, and what a user without it is told."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import pytest

NEEDED = ("torch", "transformers", "peft", "accelerate")


def test_the_extra_is_installed():
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(
            f"tests of alpha-LoRA need {', '.join(missing)}: "
            "pip install torch==2.13.0, then pip install -e '.[test-peft]'"
        )


def imported_without(name: str) -> str:
    """What importing the adapter says where ``name`` cannot be found."""
    program = (
        "import importlib.util as util; real = util.find_spec\n"
        f"util.find_spec = lambda name, *rest: None if name == {name!r} else real(name, *rest)\n"
        "try:\n    import rmt_alpha.lora\nexcept ImportError as error:\n    print(error)"
    )
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout


def test_without_it_the_import_says_what_to_install():
    said = imported_without("torch")
    assert "rmt_alpha.lora needs torch" in said
    assert "pip install '.[peft]'" in said


def test_the_package_itself_imports_none_of_it():
    program = f"import sys, rmt_alpha; print([m for m in {NEEDED} if m in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
