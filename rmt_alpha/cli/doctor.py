"""``rmt-alpha doctor``: what is here, what is missing, and how to get it."""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import os
import platform
import re
import shutil
import sys
from pathlib import Path
from typing import Any

from rmt_alpha._core.version import __version__
from rmt_alpha.cli.common import Parser, json_text

DESCRIPTION = """\
Versions, extras, data folder, processors, threads and memory, as this command finds them: what is missing,
and how to get it. Paste it into a report of a fault. Nothing is downloaded and nothing is written.

Exit status 1: a package that is always needed is missing or too old."""

CORE = ("numpy", "scipy", "matplotlib", "mpmath", "joblib", "tqdm", "pooch", "threadpoolctl")
EXTRAS: dict[str, tuple[str, tuple[str, ...]]] = {
    "sklearn": ("estimators, rmt-alpha fit, study", ("scikit-learn", "pandas")),
    "pandas": ("results as tables", ("pandas", "xarray")),
    "dask": ("sweeps on a cluster", ("dask", "distributed")),
    "completion": ("rmt-alpha completion", ("shtab",)),
    "explore": ("the application in the browser", ("panel", "bokeh", "pandas", "scikit-learn")),
    "text": ("study embeddings", ("torch", "transformers")),
    "peft": (
        "alpha-LoRA, rmt-alpha align, networks",
        ("accelerate", "datasets", "peft", "torch", "transformers"),
    ),
}
"""What each extra of pyproject.toml is for, and the distributions that it names."""
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def add_options(parser: Parser) -> None:
    """Add the options of the verb."""
    parser.value("--data", Path, "DIR", "folder with data files to look at")
    parser.json()


def run(arguments: argparse.Namespace) -> int:
    """Look at everything, and tell."""
    found: dict[str, Any] = {
        "rmt_alpha": __version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "place": str(Path(__file__).resolve().parents[1]),
        "core": {name: _version(name) for name in CORE},
        "too_old": _too_old(),
        "extras": {name: {one: _version(one) for one in needed} for name, (_, needed) in EXTRAS.items()},
        "data": _data(arguments.data),
        "machine": _machine(),
    }
    print(json_text(found) if arguments.json else "\n".join(_lines(found)))
    return 1 if found["too_old"] or None in found["core"].values() else 0


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _numbers(version: str) -> tuple[int, ...]:
    """The release of a version, as numbers that are compared."""
    return tuple(int(part) for part in re.findall(r"\d+", re.split(r"[a-z+]", version, maxsplit=1)[0]))


def _too_old() -> list[str]:
    """What is older than the metadata of the installed package wants; nothing where it is not installed."""
    try:
        wanted = importlib.metadata.requires("rmt-alpha") or []
    except importlib.metadata.PackageNotFoundError:
        return []
    found = []
    for line in wanted:
        match = re.match(r"([\w.-]+)(?:\[.*\])?>=([\d.]+)", line.replace(" ", ""))
        if match is None:
            continue
        name, least = match.groups()
        have = _version(name)
        core = "extra==" not in line.replace(" ", "")
        if core and have is not None and _numbers(have) < _numbers(least):
            found.append(f"{name} {have}, wanted {least}")
    return found


def _data(folder: Path | None) -> dict[str, Any]:
    """The data folder, and how many files of each collection lie in it."""
    from rmt_alpha.experiments.data import datasets, digits, sentences, tabular, texts

    place = datasets.data_folder(folder)
    collections: dict[str, dict[str, bool]] = {}
    for module in (datasets, digits, sentences, tabular, texts):
        for value in vars(module).values():
            several = value.values() if isinstance(value, dict) else value
            for each in several if isinstance(value, dict | tuple) else [value]:
                if isinstance(each, datasets.RemoteFile):
                    name = each.path.partition("/")[0]
                    collections.setdefault(name, {})[each.path] = (place / each.path).is_file()
    named = datasets.DATA_VARIABLE if datasets.DATA_VARIABLE in os.environ else "the cache"
    return {
        "folder": str(place),
        "because": "--data" if folder else named,
        "files": {name: f"{sum(there.values())} of {len(there)}" for name, there in collections.items()},
    }


def _machine() -> dict[str, Any]:
    import numpy as np  # noqa: F401  # whose library is asked
    from threadpoolctl import threadpool_info

    from rmt_alpha._core.machine.memory import gib, left

    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    return {
        "processors": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "threads": {name: os.environ[name] for name in THREADS if name in os.environ},
        "blas": [
            f"{each['internal_api']} {each['version']}, {each['num_threads']} threads"
            for each in threadpool_info()
        ],
        "memory_left": gib(left()),
        "browser": browser,
        "encoding": sys.stdout.encoding,
    }


def _lines(found: dict[str, Any]) -> list[str]:
    data, machine = found["data"], found["machine"]
    core = ", ".join(f"{name} {version or 'MISSING'}" for name, version in found["core"].items())
    absent = [name for name, version in found["core"].items() if version is None]
    lines = [
        f"rmt-alpha {found['rmt_alpha']} in {found['place']}",
        f"Python {found['python']} on {found['system']}",
        "",
        f"always needed   {core}",
        *(f"                TOO OLD: {line}" for line in found["too_old"]),
        *(f"                pip install {name}" for name in absent),
        "",
        "extras",
    ]
    for name, versions in found["extras"].items():
        missing = ", ".join(one for one, version in versions.items() if version is None)
        have = ", ".join(f"{one} {version}" for one, version in versions.items() if version)
        state = f"missing: {missing}; pip install '.[{name}]' in a clone" if missing else have
        lines.append(f"  {name:12}  {EXTRAS[name][0]:38}  {state}")
    lines += ["", f"data folder     {data['folder']} (from {data['because']})"]
    lines += [f"  {name:28}  {there} files" for name, there in data["files"].items()]
    threads = ", ".join(f"{name}={value}" for name, value in machine["threads"].items())
    return [
        *lines,
        "  what is missing is downloaded when it is needed",
        "",
        f"processors      {machine['processors']}; threads: {threads or 'no limit is set'}",
        *(f"BLAS            {each}" for each in machine["blas"]),
        f"memory left     {machine['memory_left']}",
        f"browser         {machine['browser'] or 'no chromium, which tests would drive'}",
    ]
