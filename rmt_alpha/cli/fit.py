"""``rmt-alpha fit``: alpha and the ridge from target samples in a file."""

from __future__ import annotations

import argparse
import math
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rmt_alpha._core.types import FloatArray, Real
from rmt_alpha.cli.common import Parser, json_text
from rmt_alpha.cli.outputs import check_output, check_picture
from rmt_alpha.cli.reading.text import TextFormat
from rmt_alpha.cli.sample_file import SampleFile, read_sample
from rmt_alpha.from_data.criteria import CRITERIA, DEFAULT, DEFAULT_REGRESSION
from rmt_alpha.from_data.decomposition.rules import InterceptRule

if TYPE_CHECKING:
    from rmt_alpha.estimators.ridge import AlphaRidgeCV
    from rmt_alpha.estimators.ridge_classifier import AlphaRidgeClassifierCV
    from rmt_alpha.from_data.alpha_path import AlphaPath
    from rmt_alpha.from_data.plug_in.problem_estimate import ProblemEstimate

INTERCEPTS: dict[str, InterceptRule] = {"shrunk": "shrunk", "free": True, "none": False}
HELP = "choose alpha and the ridge from target samples, and fine-tune"
DESCRIPTION = """\
Fine-tune a ridge classifier from a source model on few target samples: alpha and the ridge are chosen from
the samples themselves. Needs the extra [sklearn].

The samples are in
  an .npz file  with arrays X (n x p), y (n) and coef_source (p, or one row per class), and maybe
                intercept_source, and classes_source, the class of each row of the source;
  a table       (.csv, .tsv, and with pyarrow .parquet, .feather) with a header, one column of labels and
                one per feature. The source is then in a table with the same names (and maybe one more,
                intercept): one row of numbers, or one for each class with its name in the column of labels.
                Several sources are several --source.

How a text is written (commas, semicolons or tabs, decimal commas, byte-order marks) is found out; where it
cannot be told, the options below tell it. A missing value is refused, unless --na says to leave out its row.

examples:
  rmt-alpha fit target.npz --plot path.png
  rmt-alpha fit target.csv --source source.csv --label sentiment --out tuned.npz
  rmt-alpha fit target.csv --source source.csv --label price --regression"""


def add_options(parser: Parser) -> None:
    """Add the options of the verb."""
    parser.add_argument("samples", type=Path, metavar="FILE", help="target samples (.npz or a table)")
    source = "source weights, for samples in a table; may be repeated"
    parser.value("--source", Path, "FILE", source, action="append", default=[])
    parser.value("--label", str, "NAME", "name of the column of labels (y)", default="y")
    parser.value("--delimiter", str, "C", "what separates the fields of a text, such as ';' or tab")
    parser.value("--decimal", str, "C", "what separates the decimals of a text: . or ,")
    parser.value("--encoding", str, "NAME", "encoding of a text, such as latin-1")
    na = "what stands for a missing value, such as NA or ''; its rows are left out; may be repeated"
    parser.value("--na", str, "TEXT", na, action="append", default=[])
    parser.add_argument(
        "--criterion",
        choices=tuple(CRITERIA),
        help=f"how to choose ({DEFAULT}; {DEFAULT_REGRESSION} of a regression)",
    )
    parser.add_argument(
        "--regression", action="store_true", help="y holds numbers to be predicted, one column or more"
    )
    parser.value("--gamma", float, "G", "keep to this ridge, per sample (default: choose it)")
    parser.value("--alpha", float, "A", "keep to this alpha (default: choose it)")
    parser.add_argument(
        "--intercept", choices=tuple(INTERCEPTS), default="shrunk",
        help="how its change is trained: with a penalty (shrunk), without (free), or not at all (none)",
    )  # fmt: skip
    parser.json()
    parser.value("--out", Path, "FILE", "write the fine-tuned model here (.npz)")
    parser.value("--plot", Path, "FILE", "draw the leave-one-out path (png, pdf, svg)")


def run(arguments: argparse.Namespace) -> int:
    """Print what was chosen, write the model, draw the path."""
    from rmt_alpha.estimators.ridge_classifier import AlphaRidgeClassifierCV

    check_output(arguments.out)
    check_picture(arguments.plot)
    form = TextFormat(arguments.delimiter, arguments.decimal, arguments.encoding, tuple(arguments.na))
    sample = read_sample(arguments.samples, arguments.source, arguments.label, form)
    if arguments.regression:
        return _run_regression(arguments, sample)
    several = f"--plot draws the path of one alpha, but {arguments.samples.name} has several sources"
    if arguments.plot is not None and np.ndim(sample.coef_source) == 3:
        raise ValueError(several)
    model = AlphaRidgeClassifierCV(
        None if arguments.gamma is None else [arguments.gamma],
        arguments.criterion or DEFAULT,
        sample.coef_source,
        sample.intercept_source,
        INTERCEPTS[arguments.intercept],
        units="raw",  # one rule: it is its path that is printed and drawn
        alpha="auto" if arguments.alpha is None else arguments.alpha,
        classes_source=sample.classes_source,
    ).fit(sample.X, sample.y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # `fit` has said it
        path, estimate = _path(model, sample, _chosen(model)[0]), _estimate(model, sample)
        numbers = report(model, sample, path, estimate)
    if arguments.json:
        print(json_text(numbers))
    else:
        print("\n".join(_table(numbers)))
    if arguments.out is not None:
        names = ("coef_", "intercept_", "classes_", "alpha_", "alpha_stderr_", "gamma_")
        np.savez(arguments.out, **{name.rstrip("_"): getattr(model, name) for name in names})
    if arguments.plot is not None:
        if isinstance(model.alpha_, np.ndarray):
            raise ValueError(several)
        from rmt_alpha.plotting.alpha_path import plot_alpha_path

        chosen = numbers["alpha"], numbers["alpha_stderr"]
        figure = plot_alpha_path(path, estimate=estimate, criterion=model.criterion, chosen=chosen)
        figure.savefig(arguments.plot)
    return 0


def _run_regression(arguments: argparse.Namespace, sample: SampleFile) -> int:
    """The same for numbers: how well each choice of alpha predicts what was left out."""
    from sklearn.metrics import r2_score

    from rmt_alpha.estimators.ridge import AlphaRidgeCV

    if arguments.plot is not None:
        raise ValueError("--plot draws the leave-one-out accuracy of classes: leave it out with --regression")
    try:
        targets = np.asarray(sample.y, dtype=np.float64)
    except ValueError:
        raise ValueError(f"--regression needs numbers in y, got {sample.y[0]!r}") from None
    gammas = None if arguments.gamma is None else [arguments.gamma]

    def fit(gammas: list[float] | None, alpha: float | None) -> AlphaRidgeCV:
        return AlphaRidgeCV(
            gammas,
            arguments.criterion or DEFAULT_REGRESSION,
            sample.coef_source,
            sample.intercept_source,
            INTERCEPTS[arguments.intercept],
            alpha="auto" if alpha is None else alpha,
        ).fit(sample.X, targets)

    model = fit(gammas, arguments.alpha)

    def r2(model: AlphaRidgeCV) -> float:
        return float(r2_score(targets, model.loo_prediction_, multioutput="variance_weighted"))

    numbers: dict[str, Any] = {
        "samples": len(targets),
        "features": int(model.n_features_in_),
        "outputs": 1 if targets.ndim == 1 else targets.shape[1],
        "criterion": model.criterion,
        "alpha": model.alpha_,
        "alpha_stderr": model.alpha_stderr_,
        "gamma": model.gamma_,
        "sklearn_penalty": len(targets) * model.gamma_,
        "loo_r2": r2(model),
        "loo_r2_alpha_0": r2(fit(gammas, 0.0)),
        "loo_r2_alpha_1": r2(fit(gammas, 1.0)),
        "loo_r2_source_only": r2(fit([math.inf], 1.0)),
    }
    own = "same gamma" if gammas else "its own gamma"
    rows = [
        ("data", "{samples} samples, {features} features, {outputs} outputs"),
        *_choice(numbers),
        ("R2, leave-one-out", "{loo_r2:.4f}"),
        ("  ignoring the source", "{loo_r2_alpha_0:.4f} (alpha = 0, " + own + ")"),
        ("  standard fine-tuning", "{loo_r2_alpha_1:.4f} (alpha = 1, " + own + ")"),
        ("  the source as it is", "{loo_r2_source_only:.4f}"),
    ]
    print(json_text(numbers) if arguments.json else "\n".join(_aligned(rows, numbers)))
    if arguments.out is not None:
        names = ("coef_", "intercept_", "alpha_", "alpha_stderr_", "gamma_")
        np.savez(arguments.out, **{name.rstrip("_"): getattr(model, name) for name in names})
    return 0


def _chosen(model: AlphaRidgeClassifierCV) -> tuple[FloatArray | None, float]:
    """Of several sources the direction of their alphas, and how far along it they are; of one its alpha."""
    alpha = model.alpha_
    if not isinstance(alpha, np.ndarray):
        return None, alpha
    if np.isinf(alpha).any():
        return np.where(np.isinf(alpha), np.sign(alpha), 0.0), math.inf
    return (alpha, 1.0) if alpha.any() else (np.ones_like(alpha), 0.0)


def _path(
    model: AlphaRidgeClassifierCV, sample: SampleFile, direction: FloatArray | None, *, alone: bool = False
) -> AlphaPath:
    """At the model's ridge; or of the source alone, with nothing trained and no intercept either."""
    from rmt_alpha.estimators.functions import alpha_path

    return alpha_path(
        sample.X,
        sample.y,
        sample.coef_source,
        math.inf if alone else model.gamma_,
        intercept_source=sample.intercept_source,
        fit_intercept=False if alone else model.fit_intercept,
        direction=direction,
        classes_source=sample.classes_source,
    )


def _estimate(model: AlphaRidgeClassifierCV, sample: SampleFile) -> ProblemEstimate | None:
    """What theory says, for one source and two classes with two samples of each."""
    from rmt_alpha.estimators.functions import estimate_problem

    several = isinstance(model.alpha_, np.ndarray)
    if several or len(model.classes_) > 2 or min(np.unique(sample.y, return_counts=True)[1]) < 2:
        return None
    return estimate_problem(
        sample.X,
        sample.y,
        sample.coef_source,
        intercept_source=sample.intercept_source,
        fit_intercept=model.fit_intercept,
        classes_source=sample.classes_source,
    )


def report(
    model: AlphaRidgeClassifierCV, sample: SampleFile, path: AlphaPath, estimate: ProblemEstimate | None
) -> dict[str, Any]:
    """What a fitted classifier says about itself, and about ignoring the source or keeping to it."""
    n = len(sample.y)
    direction, chosen = _chosen(model)
    ones = None if direction is None else np.ones_like(direction)  # alpha = 1 for all sources
    accuracy = float(path.loo_accuracy(chosen))
    unit = path.alpha_unit
    numbers: dict[str, Any] = {
        "samples": n,
        "features": int(model.n_features_in_),
        "classes": len(model.classes_),
        "criterion": model.criterion,
        "alpha": model.alpha_,
        "alpha_stderr": model.alpha_stderr_,
        "alpha_unit": unit,
        "alpha_least_squares": chosen / unit if unit else math.nan,
        "alpha_1_least_squares": 1.0 / unit if unit else math.nan,
        "gamma": model.gamma_,
        "sklearn_penalty": n * model.gamma_,
        "loo_accuracy": accuracy,
        "loo_accuracy_stderr": math.sqrt(accuracy * (1 - accuracy) / n),
        "gaussian_accuracy": path.gaussian_accuracy(chosen),
        "loo_accuracy_alpha_0": path.loo_accuracy(0.0),
        "loo_accuracy_alpha_1": (path if ones is None else _path(model, sample, ones)).loo_accuracy(1.0),
        "loo_accuracy_alpha_unit": path.loo_accuracy(unit) if math.isfinite(unit) else math.nan,
        "loo_accuracy_source_only": _path(model, sample, ones, alone=True).loo_accuracy(1.0),
    }
    if estimate is not None and math.isfinite(model.gamma_) and math.isfinite(chosen):
        for name, size in (("theory_accuracy", n), ("theory_accuracy_twice", 2 * n)):
            value, stderr = estimate.accuracy(chosen, model.gamma_, size)
            numbers |= {name: value, f"{name}_stderr": stderr}
        numbers["gaussian_classes"] = estimate.check(model.gamma_, chosen).agrees
    return numbers


def _pairs(alpha: Real, stderr: Real) -> str:
    """Numbers with their standard errors, one for each source."""
    pairs = zip(np.atleast_1d(alpha), np.atleast_1d(stderr), strict=True)
    return ", ".join(f"{value:.4g} +- {error:.2g}" for value, error in pairs)


def _table(numbers: dict[str, Any]) -> list[str]:
    units = "{alpha_least_squares:.4g} (of {alpha_unit:.4g}, the source's own best)"
    rows = [
        ("data", "{samples} samples, {features} features, {classes} classes"),
        *_choice(numbers),
        ("  in least-squares units", units),
        ("accuracy, leave-one-out", "{loo_accuracy:.4f} +- {loo_accuracy_stderr:.4f}"),
        ("  of Gaussian scores", "{gaussian_accuracy:.4f}"),
    ]
    if "theory_accuracy" in numbers:
        verdict = "describe" if numbers["gaussian_classes"] else "do not describe"
        theory = "{theory_accuracy:.4f} +- {theory_accuracy_stderr:.4f}"
        theory += f" (Gaussian classes {verdict} the samples)"
        twice = "{theory_accuracy_twice:.4f} +- {theory_accuracy_twice_stderr:.4f}"
        rows += [
            ("  of random matrix theory", theory),
            (f"  with {2 * numbers['samples']} samples", twice + " (same alpha and gamma)"),
        ]
    rows += [
        ("  ignoring the source", "{loo_accuracy_alpha_0:.4f} (alpha = 0, same gamma)"),
        (
            "  standard fine-tuning",
            "{loo_accuracy_alpha_1:.4f} (alpha = 1, {alpha_1_least_squares:.4g} in least-squares units)",
        ),
        ("  one least-squares unit", "{loo_accuracy_alpha_unit:.4f} (alpha = {alpha_unit:.4g}, same gamma)"),
        ("  the source as it is", "{loo_accuracy_source_only:.4f}"),
    ]
    return _aligned(rows, numbers)


def _choice(numbers: dict[str, Any]) -> list[tuple[str, str]]:
    penalty = f"per sample; scikit-learn's penalty {numbers['sklearn_penalty']:.4g}"
    return [
        ("criterion", "{criterion}"),
        ("alpha", _pairs(numbers["alpha"], numbers["alpha_stderr"])),
        ("gamma", "{gamma:.4g} (" + penalty + ")"),
    ]


def _aligned(rows: list[tuple[str, str]], numbers: dict[str, Any]) -> list[str]:
    width = max(len(name) for name, _ in rows)
    return [f"{name:<{width}}  {text.format(**numbers)}" for name, text in rows]
