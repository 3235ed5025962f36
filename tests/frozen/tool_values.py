"""Simulation, comparison, sweeps, pictures and the command line."""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from frozen import data_values, mixture_values
from frozen.asking import Cases, asked, main

import rmt_alpha as ra

ALPHAS = np.array([-0.5, 0.0, 1.0, 2.0])
SMALL = ra.TransferProblem(beta=0.6, p=20, n=14, N=30, gamma=0.3)
KNOWN = ra.TransferProblem(beta=0.6, p=20, n=14, gamma=0.3)
SCORES = ["accuracy", "accuracy_stderr", "mean", "variance", "risk", "risk_stderr"]
BY_CLASS = ["accuracy", "risk", "class_accuracy", "class_mean", "class_std", "class_mean_stderr"]
TRAINING = ["training_loss", "training_accuracy"]
SIMULATED: dict[str, tuple[Callable[[], Any], dict[str, Any], list[str]]] = {
    "dense": (lambda: SMALL, {"method": "dense", "rng": 0}, [*SCORES, "variance_stderr", "mean_stderr"]),
    "krylov": (lambda: SMALL, {"method": "krylov", "rng": 0}, SCORES),
    "known source": (lambda: KNOWN, {"rng": [1, 2]}, SCORES),
    "seed sequence": (lambda: KNOWN, {"rng": np.random.SeedSequence(5)}, SCORES[:1]),
    "balanced": (mixture_values.balanced, {"rng": 0}, [*BY_CLASS, "mean", "variance"]),
    "per_class": (mixture_values.per_class, {"rng": 0}, BY_CLASS),
    "random classes": (mixture_values.per_class, {"rng": 0, "class_counts": "random"}, BY_CLASS[:3]),
    "trained": (mixture_values.trained, {"rng": 0}, BY_CLASS),
    "three_classes": (mixture_values.three_classes, {"rng": 0}, BY_CLASS),
    **{
        loss: (partial(mixture_values.per_class, loss=loss), {"rng": 0}, [*BY_CLASS, *TRAINING])
        for loss in mixture_values.CONVEX
    },
    "regression": (partial(mixture_values.regression, 1.3, 3), {"rng": 0}, ["risk", "risk_stderr"]),
}


@cache
def simulated(name: str) -> ra.Simulation:
    """A simulation, run once."""
    make, options, _ = SIMULATED[name]
    return ra.simulate(make(), ALPHAS, replicates=6, **options)


def simulations() -> Cases:
    """Averages and standard errors of few draws."""
    cases: Cases = {}
    for name, (_, _, questions) in SIMULATED.items():
        for question in questions:
            cases[f"simulate/{name}/{question}"] = asked(partial(simulated, name), question)
    for name in ("dense", "balanced"):
        cases[f"simulate/{name}/at(0.3).accuracy"] = lambda name=name: simulated(name).at(0.3).accuracy
    generator = lambda: ra.simulate(KNOWN, ALPHAS, replicates=3, rng=np.random.default_rng(4))  # noqa: E731
    cases["simulate/generator/accuracy"] = asked(generator, "accuracy")
    several = lambda: ra.simulate(mixture_values.two_sources(), [[0.0, 1.0], [1.0, 0.5]], replicates=3, rng=0)  # noqa: E731
    cases["simulate/two_sources/accuracy"] = asked(several, "accuracy")
    return cases


def comparisons() -> Cases:
    """Every number of `compare`, and its verdict."""
    cases: Cases = {}
    problems: dict[str, Callable[[], Any]] = {
        "isotropic": lambda: SMALL,
        "mixture": mixture_values.per_class,
        "logistic": partial(mixture_values.balanced, loss="logistic"),
        "three_classes": mixture_values.three_classes,
        "regression": partial(mixture_values.regression, None, None),
    }
    for name, problem in problems.items():
        made = cache(lambda problem=problem: ra.compare(problem(), [0.0, 1.0], replicates=8, rng=3))
        quantity = "risk" if name == "regression" else "accuracy"
        cases[f"compare/{name}/column(limit_z)"] = asked(made, "column", "limit_z", quantity)
        for question in ("rows", "verdict", "agrees", "threshold", "worst", "sizes"):
            cases[f"compare/{name}/{question}"] = asked(made, question)
    return cases


def sweeps() -> Cases:
    """A tiny grid in memory, as arrays, as CSV and as a picture."""
    grid = {"beta": [0.2, 0.8], "p": 20, "n": [10, 30], "N": ["none", 40], "gamma": 0.3}
    run = cache(
        lambda: ra.sweep(grid, alpha=[0, 1, "optimal"], replicates=4, store=None, progress=False, rng=7)
    )
    theory = ["alpha", "mean", "variance", "accuracy", "risk", "optimal_alpha", "neutral_alpha"]
    drawn = [
        f"simulated_{name}"
        for name in ("accuracy", "accuracy_stderr", "risk", "optimal_alpha", "optimal_alpha_low")
    ]
    cases: Cases = {f"sweep/{name}": lambda name=name: run()[name] for name in [*theory, *drawn]}

    def text() -> str:
        out = io.StringIO()
        run().to_csv(out)
        return out.getvalue()

    cases["sweep/to_csv"] = text

    def map_colours() -> Any:
        return ra.heatmap(run(), x="n", y="beta", at={"N": 40}).collections[0].get_array()

    return cases | {"picture/heatmap": map_colours, "picture/alpha_path": path_picture}


def path_picture() -> Any:
    """The heights of the lines in the picture of a path, the horizontal marks left out."""
    X, y, source, _ = data_values.samples("two")
    figure = ra.plot_alpha_path(ra.alpha_path(X, y, source, 0.3))
    lines = [np.asarray(line.get_ydata(), float) for axes in figure.axes for line in axes.lines]
    return [float(line.sum()) for line in lines if len(line) > 2]


PROBLEM = "--beta 0.5 --p 400 --n 40 --N 2000 --gamma 0.1 --gamma-source 0.2"
MIXTURE = """n = 40
gamma = 0.2
intercept = true
label_noise = [0.1, 0.0]
[target]
means = [[-1.0, 0.0, 0.3], [1.0, 0.5, 0.0]]
covariances = [[1.0, 2.0, 1.0], [[1.0, 0.2, 0.0], [0.2, 1.0, 0.1], [0.0, 0.1, 0.5]]]
priors = [0.3, 0.7]
[source]
n = 90
gamma = 0.5
means = [[-1.0, 0.0, 0.0], [1.0, 0.2, 0.0]]
covariance = 1.5
"""
SOURCES = """n = 30
gamma = 0.3
[target]
mean = [1.0, 0.5, 0.0]
[[source]]
weights = [1.0, 0.1, 0.0]
[[source]]
weights = [0.0, 0.3, 0.4]
"""
LOGISTIC = SOURCES.split("[[", maxsplit=1)[0].replace("[target]", 'loss = "logistic"\n[target]') + (
    "[source]\nweights = [1.0, 0.1, 0.0]\n"
)
GRID = 'beta = [0.2, 0.8]\np = 20\nn = 10\nN = ["none", 40]\nalpha = [0, "optimal"]\nreplicates = 3\n'
VERBS = ("optimal", "curve", "compare", "sweep", "fit", "study", "glue", "reproduce")
COMMANDS = {
    f"optimal {PROBLEM}": "",
    f"optimal {PROBLEM} --json": "",
    f"optimal {PROBLEM} --criterion risk": "",
    f"optimal {PROBLEM} --dps 30": "",
    f"optimal {PROBLEM} --dps 30 --json": "",
    "optimal --problem mixture.toml": "",
    "optimal --problem mixture.toml --json": "",
    "optimal --problem sources.toml --json": "",
    f"curve {PROBLEM}": "",
    f"curve {PROBLEM} --alpha=-1:2:4 --band": "",
    f"curve {PROBLEM} --alpha 0,1,2.5 --format json": "",
    f"curve {PROBLEM} --alpha 0,1 --out curve.csv": "curve.csv",
    "curve --problem mixture.toml --alpha=-1:2:4": "",
    "curve --problem sources.toml --alpha=-1:2:4": "",
    "curve --problem logistic.toml --alpha=-1:2:4": "",
    "compare --beta 0.6 --p 20 --n 14 --N 30 --replicates 6 --alpha 0,1": "",
    "compare --beta 0.6 --p 20 --n 14 --N 30 --replicates 6 --alpha 0,1 --json --doublings 0 --seed 3": "",
    "compare --problem mixture.toml --replicates 6 --alpha 0,1": "",
    "compare --problem logistic.toml --replicates 6 --alpha 0,1": "",
    "sweep grid.toml --out store.sqlite --csv -": "",
    "sweep grid.toml --out store.sqlite --csv table.csv --seed 3": "table.csv",
    "fit sample.npz": "",
    "fit sample.npz --json": "",
    "fit sample.npz --criterion evidence --intercept free --json": "",
    "fit sample.npz --gamma 0.5 --alpha 1 --intercept none": "",
    "fit sample.csv --source source.csv": "",
    "reproduce --list": "",
    "reproduce regression --quick --out made": "made/regression_simulated.csv",
    "reproduce erratum --quick --out made": "made/erratum.csv",
    "optimal --beta 2 --p 400 --n 40": "",
    "optimal --problem missing.toml": "",
    "fit missing.npz": "",
}
"""Commands, and the file that each writes."""


def prepare(folder: Path) -> None:
    """Write the files that the commands read."""
    texts = {"mixture.toml": MIXTURE, "sources.toml": SOURCES, "logistic.toml": LOGISTIC, "grid.toml": GRID}
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    X, y, source, _ = data_values.samples("two")
    np.savez(folder / "sample.npz", X=X, y=y, coef_source=source)
    header = ",".join(f"x{i}" for i in range(X.shape[1]))
    np.savetxt(folder / "source.csv", source[None], fmt="%.17g", delimiter=",", header=header, comments="")
    np.savetxt(
        folder / "sample.csv",
        np.column_stack([X, y]),
        fmt="%.17g",
        delimiter=",",
        header=f"{header},y",
        comments="",
    )


def run(command: str, written: str = "") -> dict[str, Any]:
    """Exit status and output of a command in a folder of its own; of `reproduce`, not the time it took."""
    out = io.StringIO()
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        prepare(Path(folder))
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
            try:
                status: Any = main(command.split())
            except SystemExit as stop:
                status = stop.code
        text = Path(written).read_text(encoding="utf-8") if written else out.getvalue()
    return {"status": status, "output": text}


def helped(verb: str) -> dict[str, Any]:
    """The help of a verb, at a width that does not depend on the terminal."""
    before, os.environ["COLUMNS"] = os.environ.get("COLUMNS"), "100"
    try:
        return run(f"{verb} --help".strip())
    finally:
        os.environ.pop("COLUMNS")
        if before is not None:
            os.environ["COLUMNS"] = before


def commands() -> Cases:
    """The command line."""
    cases: Cases = {f"cli/{command}": partial(run, command, file) for command, file in COMMANDS.items()}
    return cases | {f"help/{verb or 'rmt-alpha'}": partial(helped, verb) for verb in ("", *VERBS)}


def cases() -> Cases:
    """All of this file."""
    return simulations() | comparisons() | sweeps() | commands()
