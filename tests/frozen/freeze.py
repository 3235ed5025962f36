"""Several hundred values of the package, frozen to the last bit.

    python tests/frozen/freeze.py                      recompute and compare; exit status 1 if a bit differs
    python tests/frozen/freeze.py --match 'mixture/*'  some of them
    python tests/frozen/freeze.py --all                also the help of the command line (group help/)
    python tests/frozen/freeze.py --write              write values.json
    python tests/frozen/freeze.py --write --match 'estimator/*'    these values of it

Last bits depend on NumPy, SciPy and the processor: values.json says with which it was written, and a
comparison to the last bit is meant for two versions of the package on one machine.  `test_frozen.py` compares
with tolerances.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import os
import platform
import sys
import time
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    # Sums depend on the number of threads; pytest has its own settings, in conftest.py.
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    os.environ["MPLBACKEND"] = "Agg"
TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(folder) for folder in (TESTS / "helpers", TESTS, TESTS.parent)]  # as pytest has them

import mpmath  # noqa: E402
import numpy as np  # noqa: E402
import scipy  # noqa: E402
from frozen import data_values, isotropic_values, mixture_values, tool_values  # noqa: E402
from frozen.asking import LAST_DIGITS, Cases  # noqa: E402

FILE = Path(__file__).with_name("values.json")


def all_cases() -> Cases:
    """Everything that is frozen, by key."""
    cases: Cases = {}
    for module in (isotropic_values, mixture_values, data_values, tool_values):
        cases |= module.cases()
    return cases


def encoded(value: Any) -> Any:
    """A value as JSON with all its bits; mpmath numbers as mantissa and exponent."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return {"text": value}
    if isinstance(value, np.ndarray):
        return {"shape": list(value.shape), "values": [encoded(entry) for entry in value.ravel().tolist()]}
    if isinstance(value, np.generic):
        return encoded(value.item())
    if isinstance(value, float):
        return value.hex()
    if isinstance(value, mpmath.mpf):
        sign, mantissa, exponent, _ = value._mpf_
        return {"mpf": f"{'-' * sign}{mantissa}p{exponent}"}
    if isinstance(value, list | tuple):
        return [encoded(entry) for entry in value]
    if isinstance(value, dict):
        return {str(key): encoded(entry) for key, entry in value.items()}
    raise TypeError(f"no way to freeze a {type(value).__name__}")


def compute(cases: Cases, *, seconds: dict[str, float] | None = None) -> dict[str, Any]:
    """The encoded values; what fails is told by its error."""
    values: dict[str, Any] = {}
    for key, case in cases.items():
        start = time.perf_counter()
        try:
            values[key] = encoded(case())
        except Exception as error:  # the others are compared all the same
            values[key] = {"failed": f"{type(error).__name__}: {error}"}
        if seconds is not None:
            seconds[key] = time.perf_counter() - start
    return values


def stored() -> dict[str, Any]:
    """The frozen values."""
    values: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))["values"]
    return values


def made_with() -> dict[str, str]:
    """What the last bits depend on beside the package."""
    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "mpmath": mpmath.__version__,
        "machine": platform.machine(),
    }


def shown(value: Any) -> str:
    """Short enough for a line, floats as decimals."""
    if isinstance(value, str):
        return f"{float.fromhex(value)!r}"
    if isinstance(value, dict) and "values" in value:
        return f"{value['shape']}[{', '.join(map(shown, value['values']))}]"
    if isinstance(value, list):
        return f"[{', '.join(map(shown, value))}]"
    return str(value)


def write(values: dict[str, Any]) -> None:
    """One key a line, so that a later change shows which."""
    lines = [f"{json.dumps(key)}:{json.dumps(value, separators=(',', ':'))}" for key, value in values.items()]
    head = f'{{"made with":{json.dumps(made_with())},\n"values":{{\n'
    FILE.write_text(head + ",\n".join(lines) + "\n}}\n", encoding="utf-8")


def say(line: str) -> None:
    """Print."""
    sys.stdout.write(f"{line}\n")


def main(argv: list[str] | None = None) -> int:
    """Write, or compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true", help="write values.json, all keys or these")
    parser.add_argument("--match", default="*", metavar="GLOB", help="only these keys")
    parser.add_argument("--all", action="store_true", help="compare the help of the command line, too")
    parser.add_argument("--slow", type=int, default=0, metavar="K", help="also tell the K slowest keys")
    options = parser.parse_args(argv)
    cases = all_cases()
    wanted = {
        key: case
        for key, case in cases.items()
        if fnmatch.fnmatchcase(key, options.match)
        and (options.all or options.write or not key.startswith("help/"))
    }
    seconds: dict[str, float] = {}
    values = compute(wanted, seconds=seconds)
    for key in sorted(seconds, key=seconds.__getitem__, reverse=True)[: options.slow]:
        say(f"{seconds[key]:8.2f} s  {key}")
    failed = [key for key, value in values.items() if isinstance(value, dict) and "failed" in value]
    if options.write:
        for key in failed:
            say(f"{key}: {values[key]}")
        if not failed:
            write({**({} if options.match == "*" else stored()), **values})
            say(f"{len(values)} values, {FILE.stat().st_size / 1000:.0f} kB in {FILE.name}")
        return 1 if failed else 0
    before = stored()
    if (made := json.loads(FILE.read_text(encoding="utf-8"))["made with"]) != made_with():
        say(f"note: frozen with {made}, compared with {made_with()}")
    different = [key for key, value in values.items() if before.get(key) != value]
    gone = [key for key in before if key not in cases]
    for key in list(different):
        reasons = [why for glob, why in LAST_DIGITS.items() if fnmatch.fnmatchcase(key, glob)]
        if reasons:
            different.remove(key)
            say(f"{key}: last digits, {reasons[0]}")
            continue
        say(f"{key}\n  frozen {shown(before.get(key, 'nothing'))}\n  now    {shown(values[key])}")
    for key in gone:
        say(f"{key}: frozen, but no longer asked for")
    say(f"{len(values)} values compared, {len(different)} differ")
    return 1 if different or gone else 0


if __name__ == "__main__":
    sys.exit(main())
