"""The rooms of the package, and which way imports point: all imports of all files, lazy and type-only too.

Each check is also run on a small package with one planted fault, which it must find.
"""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple, TypeGuard

import pytest

import rmt_alpha

PACKAGE = Path(rmt_alpha.__file__).parent
ROOMS = {
    "_core": set(),
    "problems": {"_core"},
    "theory": {"problems"},
    "simulation": {"problems"},  # the judge shares nothing with the theory, not even kappa
    "validation": {"theory", "simulation"},
    "from_data": {"theory"},
    "estimators": {"from_data"},
    "lora": {"_core"},  # networks: nothing of the theory, and an extra that the core never imports
    "plotting": {"validation", "estimators", "lora"},
    "experiments": {"plotting"},
    "explore": {"experiments"},  # the application in the browser
    "cli": {"explore"},
}
"""What each room may import, beside itself and whatever those may."""
ROOT_FILES = {"__init__", "__main__", "errors"}
"""Files outside the rooms: the public names, the command, and the errors, which every room may raise."""
BASES = {"curve"}
"""Files that hold the common face of files of the same name in the folders beside them."""


class Import(NamedTuple):
    """One import statement: from which file, of which, and whether it is a doorway."""

    file: str
    target: str
    doorway: bool


def modules_of(package: Path) -> dict[str, Path]:
    """Dotted names below the package ("" is its `__init__`) of all its files."""
    files = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package).with_suffix("").parts
        files[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return files


def _targets(node: ast.AST, known: frozenset[str]) -> Iterator[str]:
    if isinstance(node, ast.ImportFrom):
        assert node.level == 0, "imports are absolute"
        if (node.module or "").split(".")[0] == "rmt_alpha":
            base = (node.module or "").removeprefix("rmt_alpha").lstrip(".")
            for alias in node.names:
                inner = f"{base}.{alias.name}".lstrip(".")
                yield inner if inner in known else base
    elif isinstance(node, ast.Import):
        for alias in node.names:
            if alias.name.split(".")[0] == "rmt_alpha":
                yield alias.name.removeprefix("rmt_alpha").lstrip(".")


def _is_doorway(function: ast.AST) -> TypeGuard[ast.FunctionDef]:
    """Whether a function is nothing but one import and what it returns from it."""
    if not isinstance(function, ast.FunctionDef):
        return False
    body = [
        line
        for line in function.body
        if not (isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant))
    ]
    return len(body) == 2 and isinstance(body[0], ast.ImportFrom) and isinstance(body[1], ast.Return)


def _opens_up(function: ast.FunctionDef, room: str) -> bool:
    """Whether a doorway may lead upwards: from problems anywhere, ``plot`` of any room to the pictures."""
    imported = next(line for line in function.body if isinstance(line, ast.ImportFrom))
    target = (imported.module or "").removeprefix("rmt_alpha.").split(".")[0]
    return room == "problems" or (function.name == "plot" and target == "plotting")


def _doorway_nodes(tree: ast.Module, room: str) -> set[ast.AST]:
    """The imports of doorways, and the type-only ones of names that occur in nothing but their signatures."""
    doorways = [node for node in ast.walk(tree) if _is_doorway(node) and _opens_up(node, room)]
    if not doorways:
        return set()
    found: set[ast.AST] = {
        line for each in doorways for line in each.body if isinstance(line, ast.ImportFrom)
    }
    inside = {id(node) for each in doorways for node in ast.walk(each)}
    within = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) in inside}
    elsewhere = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in inside}
    for block in ast.walk(tree):
        if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.dump(block.test):
            found |= {
                line
                for line in block.body
                if isinstance(line, ast.ImportFrom)
                and {alias.asname or alias.name for alias in line.names} <= within - elsewhere
            }
    return found


def imports_of(package: Path) -> list[Import]:
    """Every import of one file of the package by another."""
    known = modules_of(package)
    names = frozenset(known)
    return [
        each
        for name, path in known.items()
        for each in _imports_in(name, path.read_text(encoding="utf-8"), names)
    ]


@cache
def _imports_in(name: str, text: str, known: frozenset[str]) -> list[Import]:
    """Those of one file; two checks ask for them."""
    tree = ast.parse(text)
    doorways = _doorway_nodes(tree, name.split(".", maxsplit=1)[0])
    return [
        Import(name, target, node in doorways) for node in ast.walk(tree) for target in _targets(node, known)
    ]


def allowed_rooms(room: str) -> set[str]:
    """A room, what it may import, and what that may."""
    return {room}.union(*(allowed_rooms(other) for other in ROOMS[room]))


def wrong_arrows(package: Path) -> list[Import]:
    """Imports that point the wrong way."""
    wrong = []
    for each in imports_of(package):
        room, target = each.file.split(".")[0], each.target.split(".")[0]
        if room in ROOT_FILES or room == "":
            ok = room != "errors"
        else:
            ok = target == "errors" or target in allowed_rooms(room) or each.doorway
        if not ok:
            wrong.append(each)
    return wrong


def circles(package: Path) -> list[list[str]]:
    """Groups of files each of which is imported, directly or not, by all the others (Tarjan)."""
    arrows: dict[str, set[str]] = {name: set() for name in modules_of(package)}
    for each in imports_of(package):
        if not each.doorway and each.file and each.target in arrows and each.file != each.target:
            arrows[each.file].add(each.target)
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        order[name] = low[name] = len(order)
        stack.append(name)
        for other in sorted(arrows[name]):
            if other not in order:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], order[other])
        if low[name] == order[name]:
            group = [stack.pop()]
            while group[-1] != name:
                group.append(stack.pop())
            if len(group) > 1:
                found.append(sorted(group))

    for name in arrows:
        if name not in order:
            visit(name)
    return found


def outside_rooms(package: Path) -> list[str]:
    """Files that are in no room."""
    return [name for name in modules_of(package) if name and name.split(".")[0] not in {*ROOMS, *ROOT_FILES}]


def confusing_names(package: Path) -> list[str]:
    """Classes of one name, and files named like one in a folder around theirs."""
    classes: dict[str, list[str]] = {}
    for name, path in modules_of(package).items():
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                classes.setdefault(node.name, []).append(name)
    found = [f"class {name}: {', '.join(files)}" for name, files in classes.items() if len(files) > 1]
    known = modules_of(package)
    for name in known:
        *folders, stem = name.split(".")
        around = [".".join([*folders[:depth], stem]) for depth in range(1, len(folders))]
        found += [f"{name}, {other}" for other in around if other in known and stem not in BASES]
    return found


def without_docstring(package: Path) -> list[str]:
    """Folders whose `__init__` does not say what lives there and which file to open first."""
    missing = []
    for name, path in modules_of(package).items():
        if path.name == "__init__.py" and name:
            text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
            named = [word.strip("`").split(".")[-1] for word in text.split() if word.startswith("`")]
            files = {other.stem for other in path.parent.glob("*.py")} | {
                other.name for other in path.parent.iterdir() if other.is_dir()
            }
            if "first" not in text or not files & {word.strip("`,.;:") for word in named}:
                missing.append(name)
    return missing


CHECKS = (wrong_arrows, circles, outside_rooms, confusing_names, without_docstring)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_package_as_it_is(check):
    assert "\n".join(map(str, check(PACKAGE))) == ""


# --- Planted faults -----------------------------------------------------------------------------------------

HOUSE = {
    "__init__.py": "",
    "errors.py": "",
    "_core/__init__.py": '"""Open `checks` first."""',
    "_core/checks.py": "from rmt_alpha.errors import Wrong\n",
    "problems/__init__.py": '"""Open `transfer` first."""',
    "problems/transfer.py": (
        "from typing import TYPE_CHECKING\n"
        "from rmt_alpha._core import checks\n"
        "if TYPE_CHECKING:\n"
        "    from rmt_alpha.theory.curve import Curve\n"
        "class Problem:\n"
        "    def curve(self) -> Curve:\n"
        '        """One line."""\n'
        "        from rmt_alpha.theory.curve import make\n"
        "        return make(self)\n"
    ),
    "theory/__init__.py": '"""Open `curve` first."""',
    "theory/curve.py": "from rmt_alpha.problems.transfer import Problem\nclass Curve: ...\n",
    "simulation/__init__.py": '"""Open `engine` first."""',
    "simulation/engine.py": "",
}
FAULTS = {
    "simulation asks theory": (wrong_arrows, "simulation/engine.py", "import rmt_alpha.theory.curve\n"),
    "lazily": (wrong_arrows, "simulation/engine.py", "def f():\n    from rmt_alpha.theory import curve\n"),
    "for a type": (
        wrong_arrows,
        "simulation/engine.py",
        "if TYPE_CHECKING:\n    from rmt_alpha.theory.curve import Curve\n",
    ),
    "a doorway that computes": (
        wrong_arrows,
        "problems/other.py",
        "def curve():\n    from rmt_alpha.theory.curve import make\n    x = make()\n    return x\n",
    ),
    "a type beyond the doorway": (
        wrong_arrows,
        "problems/other.py",
        "if TYPE_CHECKING:\n    from rmt_alpha.theory.curve import Curve\ndef f(x: Curve): ...\n",
    ),
    "a doorway elsewhere": (
        wrong_arrows,
        "_core/other.py",
        "def f():\n    from rmt_alpha.theory.curve import make\n    return make()\n",
    ),
    "a doorway to elsewhere than pictures": (
        wrong_arrows,
        "theory/other.py",
        "def plot():\n    from rmt_alpha.simulation.engine import run\n    return run()\n",
    ),
    "errors that import": (wrong_arrows, "errors.py", "from rmt_alpha._core import checks\n"),
    "two files": (circles, "theory/other.py", "import rmt_alpha.theory.third\n"),
    "no room": (outside_rooms, "loose.py", ""),
    "a room of its own": (outside_rooms, "attic/__init__.py", ""),
    "two classes": (confusing_names, "simulation/engine.py", "class Curve: ...\n"),
    "a file like its folder's neighbour": (confusing_names, "problems/inner/transfer.py", ""),
    "a silent folder": (without_docstring, "theory/__init__.py", '"""Theory."""'),
    "a file that is not there": (without_docstring, "theory/__init__.py", '"""Open `curves` first."""'),
}


def build(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def test_a_small_house_has_no_fault(tmp_path):
    build(tmp_path, HOUSE)
    assert [check(tmp_path) for check in CHECKS] == [[]] * len(CHECKS)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(fault, tmp_path):
    check, name, text = FAULTS[fault]
    extra = {"theory/third.py": "import rmt_alpha.theory.other\n"} if check is circles else {}
    build(tmp_path, {**HOUSE, name: text, **extra})
    assert check(tmp_path) != []


# --- Public names -------------------------------------------------------------------------------------------


def undocumented(owner: object, names: list[str]) -> list[str]:
    """Public names, and public members of classes among them, that say nothing about themselves."""
    found = []
    for name in names:
        value = getattr(owner, name)
        if not inspect.getdoc(value):
            found.append(name)
        if inspect.isclass(value):
            # A member of ours must speak for itself or through the base class that documents it.
            members = [m for m in dir(value) if not m.startswith("_") and callable(getattr(value, m, None))]
            found += [f"{name}.{m}" for m in members if not inspect.getdoc(getattr(value, m))]
    return found


def test_every_public_name_is_documented():
    assert undocumented(rmt_alpha, rmt_alpha.__all__) == []


def test_a_silent_name_would_be_seen():
    class Silent:
        """Says something."""

        def method(self): ...

    class Holder:
        silent = Silent

    assert undocumented(Holder, ["silent"]) == ["silent.method"]


def test_importing_the_package_is_light():
    heavy = "matplotlib pandas sklearn torch dask xarray sympy joblib pooch distributed transformers peft"
    program = f"import sys, rmt_alpha; print([m for m in {heavy.split()} if m in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert shown.strip() == "[]"


def test_curves_do_without_the_slowest_part_of_scipy():
    """It takes half a second to import, as long as everything else that a curve needs."""
    program = """
import sys
import numpy as np, rmt_alpha as ra
two, three = ra.GaussianMixture.symmetric(np.ones(3)), ra.GaussianMixture(np.eye(3), np.ones(3))
for target in (two, three):
    source = ra.FixedSource(np.eye(3) if target is three else np.ones(3), outputs=3 if target is three else 1)
    for loss in ("squared", "logistic"):
        curve = ra.FineTuning(target, source, n=6, gamma=0.5, loss=loss).curve()
        curve.accuracy(0.5), curve.accuracy_std(0.5)
ra.TransferProblem(0.5, p=8, n=6).curve().optimal_alpha()
print("scipy.stats" in sys.modules)
"""
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert shown.strip() == "False"
