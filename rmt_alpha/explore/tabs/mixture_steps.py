"""What is to be known of a general problem, roughly at first, then better: each step is all that is known."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from rmt_alpha._core.types import FloatArray
from rmt_alpha.problems.fine_tuning import FineTuning
from rmt_alpha.theory.curve import Curve
from rmt_alpha.theory.pictures import alphas_around

FINE, COSTLY = 241, 65
"""Alphas of a curve in closed form, and of one that is solved for every alpha."""
COARSE = 9
"""Alphas of the first picture where one takes long; by softmax, which takes longest, 0, 1 and the last."""
BARS = 9
"""Alphas at which error bars that take an iteration are computed."""
MAP, MAPS = 81, (5, 9, 17, 33)
"""Points along each axis of the map of two alphas: in closed form, and in steps where it takes iterations."""
FIRST = (-1.0, 3.0)
"""The range of alpha until more is known."""
CHOICES = ("no source", "both at 1", "source 1 alone, its best", "source 2 alone, its best", "both, the best")

UNTRAINED = "the source as it is, untrained"


def _row(curve: Curve, alpha: float) -> tuple[float, float, float]:
    """alpha, accuracy, risk, as far as they are known at infinity."""
    finite = bool(np.isfinite(alpha))
    accuracy = float(curve.accuracy(alpha)) if finite or curve.infinite_alpha else float("nan")
    return alpha, accuracy, float(curve.risk(alpha)) if finite else float("nan")


def _along(curve: Curve, at: FloatArray) -> dict[str, Any]:
    return {
        "alpha": at,
        "accuracy": np.asarray(curve.accuracy(at)),
        "risk": np.asarray(curve.risk(at)),
        "classes": np.asarray(curve.class_accuracy(at)),
    }


def curve_steps(problem: FineTuning, span: tuple[float, float] | None) -> Iterator[dict[str, Any]]:
    """What is known of the curve of one source; ``span`` is the range of alpha, None to find one."""
    curve = problem.curve()
    ends = {"zero": _row(curve, 0.0), "one": _row(curve, 1.0)}
    found: dict[str, Any] = {"marks": ends, "done": False}
    several = problem.target.classes > 2
    if curve.costly or problem.target.classes > 3:
        low, high = span or FIRST
        longest = curve.costly and several
        rough = np.unique(np.clip([0.0, 1.0, high], low, high)) if longest else np.linspace(low, high, COARSE)
        yield (found := found | _along(curve, rough))
    best = curve.optimum()
    # What has no finite best alpha is best as far as was looked.
    marks = ends | {"best": (float(best.alpha), float(best.value), _row(curve, float(best.alpha))[2])}
    if not curve.costly:
        marks["neutral"] = _row(curve, float(curve.neutral_alpha()))
    low, high = span or tuple(alphas_around([row[0] for row in marks.values()])[[0, -1]].tolist())
    at = np.linspace(low, high, COSTLY if curve.costly else FINE)
    facts: dict[str, Any] = {UNTRAINED: problem.source_accuracy()}
    for step in (4, 1) if curve.costly else (1,):
        yield (found := found | _along(curve, at[::step]) | {"marks": marks, "facts": dict(facts)})
    if "accuracy_std" in curve.answers:
        where = at[:: (len(at) - 1) // (BARS - 1)] if curve.costly else at[::4]
        std = np.asarray(curve.accuracy_std(where))
        facts["spread of one run at α = 1"] = float(curve.accuracy_std(1.0))
        yield (
            found := found | {"std": (where, np.asarray(curve.accuracy(where)), std), "facts": dict(facts)}
        )
    helps = tuple(float(end) for end in curve.transfer_interval())
    facts["the source helps for α in"] = helps if helps[0] != helps[1] else "none"
    facts["within 0.01 of the best for α in"] = tuple(float(end) for end in curve.tolerance_interval(0.01))
    yield (found := found | {"facts": dict(facts)})
    facts["worth in target samples"] = problem.equivalent_samples()
    yield found | {"facts": facts, "done": True}


def map_steps(problem: FineTuning, span: tuple[float, float] | None) -> Iterator[dict[str, Any]]:
    """The accuracy over the alphas of two sources, and at special pairs."""
    curve = problem.curve()
    choices: dict[str, Any] = {} if curve.costly else _choices(curve)
    low, high = span or FIRST
    if choices and span is None:
        wide = alphas_around(np.concatenate([[0.0, 1.0], *(at for at, _ in choices.values())]))
        low, high = float(wide[0]), float(wide[-1])
    found: dict[str, Any] = {"range": (low, high), "choices": choices, "done": False}
    for size in MAPS if curve.costly else (MAP,):
        at = np.linspace(low, high, size)
        grid = np.stack(np.meshgrid(at, at), axis=-1)
        yield (found := found | {"accuracy": np.asarray(curve.accuracy(grid))})
    alone = np.asarray(problem.source_accuracy(), float).tolist()
    yield found | {"choices": choices or _choices(curve), "alone": alone, "done": True}


def _choices(curve: Curve) -> dict[str, Any]:
    """Special pairs of alphas and their accuracies; those that are finite."""
    pairs = [np.zeros(2), np.ones(2)]
    for unit in np.eye(2):
        alone = float(curve.along(unit).optimal_alpha())
        pairs.append(np.where(unit > 0, alone, 0.0))
    pairs.append(np.asarray(curve.optimum().alpha, float))
    finite = [(name, at) for name, at in zip(CHOICES, pairs, strict=True) if np.isfinite(at).all()]
    return {name: (at, float(curve.accuracy(at))) for name, at in finite}
