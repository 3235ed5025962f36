"""The package still says what was frozen: here with tolerances, by `freeze.py` to the last bit.

What the tolerances allow is what another BLAS may change; they are bounds, and not measured differences.
"""

from __future__ import annotations

import fnmatch
import re
from typing import Any

import pytest
from frozen import freeze

SLOW = (
    "convex/smooth corner/*",
    "convex/*/per_class/optimum*",
    "convex/*/per_class/gain*",
    "convex/logistic/[st]*/optimum",
    "mixture/four_classes/optimum(accuracy)",
    "cli/reproduce *made",
    "help/*",
)
"""What only the script computes: searches of seconds, figures, and texts that Python itself words."""

ROUNDING = 1e-9
"""Sums of at most 400 terms, each rounded by 1e-16, in linear systems of condition below 1e3: below
1e-10, and one more digit."""
TOLERANCES = {
    # A searched maximum: accuracy, known to 1e-14 (2e-16 for two classes), falls by at least 0.02 (0.0007)
    # x^2 at alpha* (1 + x), so that both are known to 1e-6. The accuracy there is in gain(0), to ROUNDING.
    "mixture/*optimum*": 2e-6,
    # A fixed point is iterated to a residual of 1e-10; its error is that over 1 - contraction.
    "convex/*": 1e-7,
    # `LossCurve.optimum` promises alpha to 1e-6, here and when it was frozen.
    "convex/*optimum*": 2e-6,
    # Where ridges are compared, steps are conjugate gradients in single precision: its rounding.
    "estimator/AlphaLogisticRegressionCV(*": 1.2e-7,
}
"""By pattern of the key, the last that fits; all others get ROUNDING."""
ABSOLUTE = 1e-12
"""Features, labels and weights are of size 1: what remains where they cancel is rounding of that size."""
NUMBER = re.compile(r"[-+]?\d+\.?\d*(?:e[-+]?\d+)?")
CASES = {
    key: case
    for key, case in freeze.all_cases().items()
    if not any(fnmatch.fnmatchcase(key, pattern) for pattern in SLOW)
}
FROZEN = freeze.stored()
GROUPS = sorted({key.split("/")[0] for key in CASES})


def tolerance(key: str) -> float:
    return [ROUNDING, *(one for glob, one in TOLERANCES.items() if fnmatch.fnmatchcase(key, glob))][-1]


def number(leaf: Any) -> float | None:
    """The number that a frozen leaf stands for, if it stands for one."""
    if isinstance(leaf, str):
        return float.fromhex(leaf)
    if isinstance(leaf, dict) and "mpf" in leaf:
        mantissa, exponent = leaf["mpf"].split("p")
        return float(int(mantissa) * 2.0 ** int(exponent))
    return None


def close(before: Any, now: Any, relative: float, scale: float = 0.0) -> bool:
    """Whether two frozen values agree; the entries of an array relative to its largest."""
    x, y = number(before), number(now)
    if x is not None and y is not None:
        allowed = relative * max(abs(x), abs(y), scale) + ABSOLUTE
        return before == now or (abs(x - y) <= allowed < float("inf"))
    if isinstance(before, dict) and isinstance(now, dict) and "text" in before and "text" in now:
        return close_text(before["text"], now["text"], relative)
    if isinstance(before, list) and isinstance(now, list):
        sizes = [abs(x) for x in map(number, before) if x is not None and abs(x) < float("inf")]
        scale = max(sizes, default=0.0) if scale < 0 else 0.0
        return len(before) == len(now) and all(
            close(x, y, relative, scale) for x, y in zip(before, now, strict=True)
        )
    if isinstance(before, dict) and isinstance(now, dict):
        whole = -1.0 if "shape" in before else 0.0
        return before.keys() == now.keys() and all(close(before[k], now[k], relative, whole) for k in before)
    return type(before) is type(now) and before == now


def close_text(before: str, now: str, relative: float) -> bool:
    """The same words, and numbers that differ by one unit of the last printed digit at most."""
    if NUMBER.sub("#", before) != NUMBER.sub("#", now):
        return False
    for x, y in zip(NUMBER.findall(before), NUMBER.findall(now), strict=True):
        mantissa, _, exponent = x.partition("e")
        digits = len(mantissa.partition(".")[2])
        unit = 10.0 ** (int(exponent or 0) - digits) if digits or exponent else 0.0
        if abs(float(x) - float(y)) > 1.001 * unit + relative * abs(float(x)) + ABSOLUTE:
            return False
    return True


@pytest.mark.parametrize("group", GROUPS)
def test_nothing_has_changed(group):
    values = freeze.compute({key: case for key, case in CASES.items() if key.split("/")[0] == group})
    changed = [
        f"{key}: was {freeze.shown(FROZEN[key])}, is {freeze.shown(value)}"
        for key, value in values.items()
        if not close(FROZEN[key], value, tolerance(key))
    ]
    assert not changed, "\n".join(changed)


def test_every_frozen_value_is_asked_for():
    assert set(FROZEN) == set(freeze.all_cases())


@pytest.mark.parametrize(("factor", "same"), [(1.0, True), (1 + 1e-12, True), (1 + 1e-7, False)])
def test_a_change_is_noticed(factor, same):
    key = "one_line/known/optimal_alpha"
    changed = (number(FROZEN[key]) * factor).hex()
    assert close(FROZEN[key], changed, tolerance(key)) is same
    assert (FROZEN[key] == changed) is (factor == 1.0)


@pytest.mark.parametrize(
    ("text", "same"),
    [("a = 0.124, n = 40", True), ("a = 0.125, n = 40", False), ("a = 0.123, n = 41", False), ("b", False)],
)
def test_printed_numbers_may_differ_in_the_last_digit(text, same):
    assert close({"text": "a = 0.123, n = 40"}, {"text": text}, ROUNDING) is same


def test_the_script_tells_what_differs(monkeypatch, capsys):
    key = "one_line/known/optimal_alpha"
    assert freeze.main(["--match", key]) == 0
    off = {**FROZEN, key: (float.fromhex(FROZEN[key]) * (1 + 2.0**-52)).hex()}
    monkeypatch.setattr(freeze, "stored", lambda: off)
    assert freeze.main(["--match", key]) == 1
    assert f"{key}\n  frozen" in capsys.readouterr().out
