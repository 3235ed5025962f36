"""Imports point one way: theory knows nothing of simulation, and simulation nothing of theory."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import rmt_alpha

PACKAGE = Path(rmt_alpha.__file__).parent
BASICS = {"_arithmetic", "_checks", "__init__", "__version__"}
THEORY = {
    "_evaluation", "alpha_geometry", "curve", "effective_ridge", "equivalent_samples", "finite_size",
    "fixed_point", "fluctuations", "isotropic", "losses", "mixtures", "one_line",
    "ridge_stage", "small_linear",
}  # fmt: skip
# What each room may import beside itself and the basics; rooms not listed (figures, cli) may import
# everything.
ALLOWED = {
    "_arithmetic": set(),
    "_checks": set(),
    "alpha_geometry": set(),
    "_evaluation": set(),
    "effective_ridge": set(),
    "curve": {"alpha_geometry", "_evaluation", "finite_size"},
    "finite_size": {"alpha_geometry"},
    "fluctuations": {"effective_ridge"},
    "ridge_stage": {"alpha_geometry", "curve", "effective_ridge", "fluctuations"},
    "isotropic": {"curve", "effective_ridge", "ridge_stage", "equivalent_samples"},
    "equivalent_samples": {"effective_ridge"},
    "one_line": {"isotropic", "curve", "_evaluation"},
    "simulation": set(),  # the judge shares nothing with the theory, not even kappa
    "datasets": set(),
    "digits": {"datasets"},
    "sentences": {"datasets"},
    "fixed_point": {"small_linear"},
    "small_linear": set(),
    "losses": set(),
    "mixtures": {
        "_evaluation",
        "alpha_geometry",
        "curve",
        "effective_ridge",
        "finite_size",
        "fixed_point",
        "isotropic",
        "losses",
        "small_linear",
    },
    "regression": {"effective_ridge"},
    "from_data": {"curve", "effective_ridge", "mixtures"},
    "estimators": {"from_data"},
    "reference_formula": {"effective_ridge"},  # its ranges of arguments
    "lora": set(),  # networks: nothing of the theory, and an extra that the core never imports
    "sweeps": {"isotropic", "simulation"},
    "glue": {"datasets", "figures", "lora"},
    "comparison": {"simulation"},  # the theory comes in with the problem
}


def imports_of(path: Path) -> set[str]:
    """Rooms (top-level modules of the package) that a file imports, type-checking blocks left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            node.body = []
    rooms = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "rmt_alpha":
            parts = node.module.split(".")
            rooms |= {parts[1]} if len(parts) > 1 else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            rooms |= {a.name.split(".")[1] for a in node.names if a.name.startswith("rmt_alpha.")}
    return rooms


def files_of(room: str) -> list[Path]:
    single = PACKAGE / f"{room}.py"
    return [single] if single.exists() else sorted((PACKAGE / room).rglob("*.py"))


@pytest.mark.parametrize("room", ALLOWED)
def test_imports_point_the_right_way(room):
    files = files_of(room)
    assert files, f"no module {room}"
    for path in files:
        assert imports_of(path) <= ALLOWED[room] | BASICS | {room}, path


def test_every_theory_module_has_its_rule():
    assert set(ALLOWED) >= THEORY


def test_a_wrong_import_would_be_seen(tmp_path):
    wrong = tmp_path / "wrong.py"
    wrong.write_text(
        "from rmt_alpha.theory.ridge.isotropic import effective_ridge\n"
        "import rmt_alpha.theory.isotropic.curve\n"
    )
    assert imports_of(wrong) == {"effective_ridge", "curve"}


def test_importing_the_package_is_light():
    heavy = "matplotlib pandas sklearn torch dask xarray sympy joblib pooch distributed transformers peft"
    program = f"import sys, rmt_alpha; print([m for m in {heavy.split()} if m in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert shown.strip() == "[]"
