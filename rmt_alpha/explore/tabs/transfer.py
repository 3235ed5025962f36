"""The isotropic problem as fields: what theory and phase diagrams share, and the paper's settings."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from rmt_alpha.explore.fields import Field, Values, choice
from rmt_alpha.problems.transfer import TransferProblem

KNOWN, TRAINED, INFINITE = "known", "trained", "infinite"
SOURCES = {TRAINED: "trained on N samples", INFINITE: "trained on infinitely many", KNOWN: "known exactly"}
NORMS = "Norms"
_HAS_RIDGE = ("source", (TRAINED, INFINITE))

FIELDS = (
    Field(
        "beta", "alignment β", 0.8, low=-1, high=1, group="Problem", help="Cosine of source and target mean"
    ),
    Field("p", "dimension p", 400, low=2, high=10_000, log=True, whole=True, group="Problem"),
    Field("n", "target samples n", 40, low=2, high=10_000, log=True, whole=True, group="Problem"),
    Field("gamma", "target ridge γ", 0.1, low=1e-4, high=1e3, log=True, group="Problem", help="Per sample"),
    choice("source", "source", SOURCES, group="Source"),
    Field(
        "N",
        "source samples N",
        2000,
        low=2,
        high=1e5,
        log=True,
        whole=True,
        group="Source",
        when=("source", (TRAINED,)),
    ),
    Field(
        "gamma_source",
        "source ridge γ̃",
        1.0,
        low=1e-4,
        high=1e3,
        log=True,
        group="Source",
        when=_HAS_RIDGE,
        help="Per sample",
    ),
    Field("mu", "of the source mean", 1.0, low=0, high=4, group=NORMS),
    Field("mu_orth", "of the part across it", 1.0, low=0, high=4, group=NORMS),
    Field("target_scale", "target scale", 1.0, low=0, high=4, group=NORMS, help="Multiplies the target mean"),
)
NAMES = tuple(field.name for field in FIELDS if field.name != "source")
"""Those that are fields of a `TransferProblem`."""


def problem_of(values: Values, **swept: Any) -> TransferProblem:
    """The problem of these values; ``swept`` fields have others, maybe arrays."""
    given: dict[str, Any] = {name: values[name] for name in NAMES} | swept
    if "N" not in swept and values["source"] != TRAINED:
        given["N"] = None if values["source"] == KNOWN else math.inf
    if values["source"] == KNOWN and "N" not in swept:
        del given["gamma_source"]  # of which there is none
    return TransferProblem(**given)


def values_of(problem: TransferProblem) -> Values:
    """The values that make this problem."""
    N = problem.N
    source = KNOWN if N is None else INFINITE if math.isinf(float(N)) else TRAINED
    given = {name: float(value) for name in NAMES if (value := getattr(problem, name)) is not None}
    return {"source": source} | {name: value for name, value in given.items() if math.isfinite(value)}


def _figure(name: str, make: Callable[[Any], TransferProblem]) -> Callable[[], TransferProblem]:
    def load_and_make() -> TransferProblem:
        from rmt_alpha.experiments.figures.registry import load

        return make(load(name))

    return load_and_make


PRESETS: dict[str, tuple[str, Callable[[], TransferProblem]]] = {
    "accuracy-0.2": ("Accuracy, β = 0.2", _figure("accuracy", lambda figure: figure.problem(0.2))),
    "accuracy-0.5": ("Accuracy, β = 0.5", _figure("accuracy", lambda figure: figure.problem(0.5))),
    "accuracy-0.9": ("Accuracy, β = 0.9", _figure("accuracy", lambda figure: figure.problem(0.9))),
    "alpha-beta": (
        "Best α against β, p/n = 10",
        _figure("alpha_beta", lambda figure: figure.problem(0.5, 10.0, 1.0)),
    ),
    "alpha-ridges": (
        "Best α over both ridges",
        _figure("alpha_ridges", lambda figure: figure.problem(0.5, 1.0, 0.1)),
    ),
    "decision": ("The decision function", _figure("decision", lambda figure: figure.problem(0.8))),
    "descent": (
        "Double descent, n near p",
        _figure("double_descent", lambda figure: figure.problem(0.01, 1100.0)),
    ),
    "negative": (
        "Negative transfer",
        _figure("negative_transfer", lambda figure: figure.problem(0.4, 800.0, figure.SOURCES[1])),
    ),
}
"""Settings of the paper's figures and of ours, by name: title, and what makes the problem."""
