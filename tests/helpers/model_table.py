"""What each model can do, asked of the code, as the table of docs/theory/models.md.

``python tests/helpers/model_table.py --write`` puts it into the page.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np

import rmt_alpha as ra
from rmt_alpha.cli import main
from rmt_alpha.errors import ConvergenceError, NotAvailable
from rmt_alpha.theory.curve import QUESTIONS, Curve, public_methods

PAGE = Path(__file__).parents[2] / "docs" / "theory" / "models.md"
BEGIN, END = "<!-- table: begin -->\n", "<!-- table: end -->\n"
MODELS = ("isotropic", "mixture, squared loss", "regression", "convex loss", "softmax", "low rank")

P = 8
MEAN, SPECTRUM = np.ones(P) / 2, np.linspace(0.5, 1.5, P)
TWO, THREE = ra.GaussianMixture.symmetric(MEAN, SPECTRUM), ra.GaussianMixture(2.0 * np.eye(3, P), SPECTRUM)
ONE_ROW, THREE_ROWS = ra.FixedSource(MEAN), ra.FixedSource(np.eye(3, P), outputs=3)
ISOTROPIC = ra.TransferProblem(0.5, p=P, n=6, N=20, gamma=0.5)
SQUARED = ra.FineTuning(TWO, ONE_ROW, n=6, gamma=0.5)
SQUARED3 = ra.FineTuning(THREE, THREE_ROWS, n=6, gamma=0.5)
LOGISTIC = replace(SQUARED, loss="logistic")
# Iterations are short, and no alpha is right more often than not: there is no way to 1/2 to be searched.
SOFTMAX = replace(
    SQUARED3, target=ra.GaussianMixture(0.4 * np.eye(3, P), SPECTRUM), loss="logistic", gamma=5.0
)
REGRESSION = ra.RidgeRegressionTransfer(SPECTRUM, MEAN, MEAN * SPECTRUM, 0.5, n=6, gamma=0.5)
LOW_RANK = ra.LowRankTransfer(0.5, [2.0], 3.0, 1.0, n=20, p=P, d=6, gamma=0.1)
PROBLEMS = dict(zip(MODELS, (ISOTROPIC, SQUARED, REGRESSION, LOGISTIC, SOFTMAX, LOW_RANK), strict=True))

CURVES: dict[str, dict[str, Callable[[], Curve]]] = {
    "isotropic": {
        "": ISOTROPIC.curve,
        "dps": lambda: ISOTROPIC.curve(30),
        "arrays": replace(ISOTROPIC, n=np.array([6.0, 9.0])).curve,
    },
    "mixture, squared loss": {
        "": SQUARED.curve,
        "dps": lambda: SQUARED.curve(30),
        "more than two classes": SQUARED3.curve,
        "several sources": replace(SQUARED, source=(ONE_ROW, ONE_ROW)).curve,
    },
    "regression": {"": REGRESSION.curve, "dps": lambda: REGRESSION.curve(30)},
    "convex loss": {
        "": LOGISTIC.curve,
        "the hinge": replace(LOGISTIC, loss="hinge").curve,
        "several sources": replace(LOGISTIC, source=(ONE_ROW, ONE_ROW)).curve,
    },
    "softmax": {
        "": SOFTMAX.curve,
        "several sources": replace(SOFTMAX, source=(THREE_ROWS, THREE_ROWS)).curve,
    },
    "low rank": {"": lambda: LOW_RANK.curve(2)},
}
"""Curves of each model; those beside the first one may answer less, in which case a note says what."""

SQUARED_ONLY = "the squared loss is the risk: ask for the risk"
OF_LOSSES = dict.fromkeys(MODELS[:3] + MODELS[-1:], SQUARED_ONLY)
NO_PROBABILITIES = dict.fromkeys(
    MODELS[:3] + MODELS[-1:], "scores of the squared loss state no probabilities"
)
ONE_SCORE = "one score, one variance: ask for class_std"
NO_CLASSES = "a regression has no classes"
REASONS: dict[str, Mapping[str, str]] = {
    "test_loss": OF_LOSSES,
    "training_loss": OF_LOSSES,
    "training_accuracy": {
        **dict.fromkeys(MODELS[:2], "not derived; `simulate` trains"),
        "regression": NO_CLASSES,
        "low rank": NO_CLASSES,
    },
    "calibration_error": NO_PROBABILITIES,
    "calibration_slope": {**NO_PROBABILITIES, "softmax": "of several scores: it has a `temperature`"},
    "temperature": {**NO_PROBABILITIES, "convex loss": "of one score: it has a `calibration_slope`"},
    "posterior": NO_PROBABILITIES,
    "class_covariance": {
        "isotropic": ONE_SCORE,
        "regression": NO_CLASSES,
        "convex loss": ONE_SCORE,
        "low rank": NO_CLASSES,
    },
    "excess_risk": {
        **dict.fromkeys(MODELS[:2] + MODELS[3:5], "a label has no noise to be subtracted"),
        "regression": "subtract the noise variance from the risk",
    },
    "`dps=`": {
        **dict.fromkeys(
            MODELS[3:5],
            "no closed form: its expectations are quadratures and its solution an iteration, both in float64",
        ),
        "low rank": "the law of the singular values in the bulk is a cosine series of at most 512 terms, "
        "in float64",
    },
    "several sources": {
        "isotropic": "one source by definition: `FineTuning`",
        "regression": "one source by definition",
        "low rank": "one source by definition",
    },
    "more than two classes": {
        "isotropic": "two classes by definition: `FineTuning`",
        "regression": NO_CLASSES,
        "convex loss": 'a loss of one margin: of several classes, `loss="logistic"` is softmax',
        "low rank": NO_CLASSES,
    },
    "simulation without matrices (Krylov)": {
        **dict.fromkeys(MODELS[3:5], "fits are iterations over the samples"),
        "low rank": "a singular value decomposition is not a chain",
    },
}
"""Why a model cannot do what has no refusal of its own in the code."""
MECHANICS = {"equations", "kappa", "offset", "solution"}
"""Methods that show how a curve was found."""


def asked(problem: Any, **options: Any) -> Curve:
    """Its curve."""
    made = (
        problem.curve(2, **options) if isinstance(problem, ra.LowRankTransfer) else problem.curve(**options)
    )
    assert isinstance(made, Curve)
    return made


def with_sources(problem: Any) -> Any:
    """The same with its source twice."""
    return replace(problem, source=[problem.source, problem.source])


def with_classes(problem: Any) -> Any:
    """The same for three classes."""
    return replace(problem, target=THREE, source=THREE_ROWS, label_noise=0.0)


def more_classes(problem: Any) -> None:
    """Ask for three classes."""
    if problem is LOGISTIC:  # with three classes this is the next column
        raise ValueError
    asked(with_classes(problem)).risk(0.5)


def swept(problem: Any) -> None:
    """Sweep over a field of the problem; of what takes iterations, one cell."""
    if isinstance(problem, ra.TransferProblem):
        ra.sweep({"beta": 0.5, "p": 8, "n": [6, 9]}, alpha=[0, 1], store=None)
    else:
        rank = {"rank": [2]} if isinstance(problem, ra.LowRankTransfer) else {}
        ra.sweep(problem, axes={"n": [6], **rank}, alpha=[0, 1], replicates=4, store=None)


def simulated(problem: Any, **options: Any) -> None:
    """Draw it twice."""
    rank = {"rank": 2} if isinstance(problem, ra.LowRankTransfer) else {}
    problem.simulate(0.5, replicates=2, rng=0, **rank, **options)


def in_arrays(problem: Any) -> None:
    """Ask for the risk at two sizes and ridges."""
    n, gamma = np.array([6.0, 9.0]), np.array([0.5, 0.6])
    if isinstance(problem, ra.TransferProblem):
        replace(problem, n=n, gamma=gamma).curve().risk(0.5)
        return
    rank = {"rank": 2} if isinstance(problem, ra.LowRankTransfer) else {}
    problem.curves(n=n, gamma=gamma, **rank).risk(0.5)


def compared(problem: Any) -> None:
    """Theory against simulation."""
    rank: dict[str, Any] = {"rank": 2} if isinstance(problem, ra.LowRankTransfer) else {}
    ra.compare(problem, [0.0, 0.5], replicates=4, rng=0, **rank)


def worth(problem: Any) -> None:
    """What the source is worth."""
    problem.equivalent_samples(*([2] if isinstance(problem, ra.LowRankTransfer) else []))


def commanded(verb: str) -> Callable[[Any], None]:
    """Give the problem to a verb, in a file."""

    def run(problem: Any) -> None:
        with (
            tempfile.TemporaryDirectory() as folder,
            redirect_stdout(StringIO()),
            redirect_stderr(StringIO()),
        ):
            file = Path(folder) / "problem.toml"
            file.write_text(FILES[next(name for name, each in PROBLEMS.items() if each is problem)])
            rank = ["--rank", "2"] if problem is LOW_RANK else []
            more = {"curve": ["--alpha", "0,0.5"], "compare": ["--alpha", "0,0.5", "--replicates", "4"]}
            command = [verb, "--problem", str(file), *rank, *more.get(verb, [])]
            if verb == "sweep":
                text = "alpha = 0.5\nreplicates = 4\n" + ("rank = 2\n" if rank else "") + file.read_text()
                file.write_text(text)
                command = [verb, str(file), "--out", str(Path(folder) / "results.sqlite")]
            if main(command) in ((2,) if verb == "compare" else (1, 2)):  # 1: they disagree
                raise ValueError

    return run


TARGET = f"[target]\nmean = {[0.5] * P}\n[source]\nweights = {[0.5] * P}\n"
ROWS = np.eye(3, P).tolist()
FILES = {
    "isotropic": "beta = 0.5\np = 8\nn = 6\n",
    "mixture, squared loss": f"n = 6\ngamma = 0.5\n{TARGET}",
    "regression": f"coef_target = {[0.5] * P}\ncoef_source = {[0.25] * P}\nnoise = 0.5\nn = 6\ngamma = 0.5\n",
    "convex loss": f'n = 6\ngamma = 0.5\nloss = "logistic"\n{TARGET}',
    "softmax": f'n = 6\ngamma = 5.0\nloss = "logistic"\n'
    f"[target]\nmeans = {(0.4 * np.eye(3, P)).tolist()}\n[source]\nweights = {ROWS}\n",
    "low rank": "beta = 0.5\nspikes = [2]\nsource_norm = 3\nnoise = 1\nn = 20\np = 8\nd = 6\ngamma = 0.1\n",
}
ABILITIES: dict[str, Callable[[Any], object]] = {
    "arrays of n and gamma in one call": in_arrays,
    "`dps=`": lambda problem: asked(problem, dps=30),
    "`gamma=0`": lambda problem: asked(replace(problem, gamma=0.0)).risk(0.5),
    "several sources": lambda problem: asked(with_sources(problem)).risk(0.5),
    "more than two classes": more_classes,
    "simulation": simulated,
    "simulation without matrices (Krylov)": lambda problem: simulated(problem, method="krylov"),
    "`compare`": compared,
    "`sweep`": swept,
    "`equivalent_samples`": worth,
    **{f"command line: `{verb}`": commanded(verb) for verb in ("optimal", "curve", "compare", "sweep")},
}
LONG = {
    ("softmax", "`equivalent_samples`"),
    ("softmax", "command line: `optimal`"),
    ("softmax", "command line: `sweep`"),
}
"""What takes seconds, and has tests elsewhere: `test_equivalent_samples`, and `test_curve` for what `optimal`
prints; `sweep` itself is a cell above."""
IN_ITS_WORDS = {"`gamma=0`"}
"""Abilities whose refusals are sentences; of others they say that an argument does not fit."""
REFUSALS = (TypeError, ValueError, AttributeError, AssertionError)


class Notes(dict[str, int]):
    """Reasons, numbered as they come."""

    def mark(self, text: str) -> str:
        """Its number, as the table shows it."""
        return f"<sup>{self.setdefault(text, len(self) + 1)}</sup>"


@cache
def curve_of(model: str, variant: str) -> Curve:
    """One of `CURVES`."""
    return CURVES[model][variant]()


def answer_cell(model: str, question: str, notes: Notes) -> str:
    """What `Curve.answers` says of a question, with the reasons of refusals."""
    first = curve_of(model, "")
    if not hasattr(first, question):
        return notes.mark(REASONS[question][model])
    if question not in first.answers:
        return notes.mark(reason_of(first, question))
    text = "yes"
    for variant in list(CURVES[model])[1:]:
        other = curve_of(model, variant)
        if question not in other.answers:
            text += notes.mark(f"not with {variant}: {reason_of(other, question)}")
    return text


def reason_of(curve: Curve, question: str) -> str:
    """Why a curve does not answer, in the words of its error."""
    return curve._refusals()[question]


def ability_cell(model: str, ability: str, notes: Notes) -> str:
    """Whether the code does it, tried."""
    try:
        ABILITIES[ability](PROBLEMS[model])
    except REFUSALS as refusal:
        known = REASONS.get(ability, {}).get(model)
        if known is None and ability not in IN_ITS_WORDS:
            raise
        return notes.mark(known or str(refusal))
    return "yes"


def questions() -> list[str]:
    """What curves can be asked: what all have in the order of their definition, then the rest."""
    shared = [name for name in vars(Curve) if name in QUESTIONS]
    own = {name for model in MODELS for name in public_methods(type(curve_of(model, "")))}
    return shared + [name for name in REASONS if name in own]


def unlisted() -> set[str]:
    """Methods of curves that are in no row."""
    every = {name for model in MODELS for name in curve_of(model, "").answers}
    return every - set(questions()) - MECHANICS


def table(*, every: bool = True) -> str:
    """The table with its notes, as Markdown; questions with the same cells share a row.

    Without ``every`` what is in `LONG` is not tried, but written as if it had been.
    """
    notes = Notes()

    def cell(model: str, name: str) -> str:
        return ability_cell(model, name, notes) if every or (model, name) not in LONG else "yes"

    rows: dict[tuple[str, ...], list[str]] = {}
    for question in questions():
        cells = tuple(answer_cell(model, question, notes) for model in MODELS)
        rows.setdefault(cells, []).append(f"`{question}`")
    lines = [(", ".join(names), *cells) for cells, names in rows.items()]
    lines += [(name, *(cell(model, name) for model in MODELS)) for name in ABILITIES]
    head = ("", *MODELS)
    text = [f"| {' | '.join(line)} |" for line in (head, ("---",) * len(head), *lines)]
    reasons = [f"{number}. {reason[0].upper()}{reason[1:]}." for reason, number in notes.items()]
    return "\n".join([*text, "", *reasons, ""])


def shown() -> str:
    """What the page shows."""
    return PAGE.read_text(encoding="utf-8").split(BEGIN)[1].split(END)[0]


def refused(model: str, variant: str, question: str) -> bool:
    """Whether asking raises `NotAvailable`."""
    arguments: dict[str, list[Any]] = {"along": [1.0], "tolerance_interval": [0.01]}
    none = {"optimum", "optimal_alpha", "gain", "landmarks", "neutral_alpha", "transfer_interval"}
    given: list[Any] = arguments.get(question, [] if question in none | {"optimal_alpha_std"} else [0.5])
    if question == "posterior":
        given = [0.5, 0.5] if model == "convex loss" else [np.full(3, 0.5), 0.5]
    if question == "along" and variant == "several sources":
        given = [[1.0, 1.0]]
    try:
        getattr(curve_of(model, variant), question)(*given)
    except NotAvailable:
        return True
    except ConvergenceError:  # known, but not here
        return False
    return False


if __name__ == "__main__" and "--write" in sys.argv:
    before, after = (part for part in PAGE.read_text(encoding="utf-8").split(BEGIN + shown() + END))
    PAGE.write_text(before + BEGIN + table() + END + after, encoding="utf-8")
