"""``rmt-alpha fit``: alpha and the ridge from target samples in a file."""

from __future__ import annotations

import argparse
import math
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rmt_alpha.cli.common import Parser, json_text, shown_while_working
from rmt_alpha.cli.outputs import check_output, check_picture
from rmt_alpha.from_data.criteria import CRITERIA, DEFAULT, DEFAULT_REGRESSION
from rmt_alpha.from_data.decomposition.rules import INTERCEPTS
from rmt_alpha.from_data.reading.sample_file import SampleFile, read_sample
from rmt_alpha.from_data.reading.text import TextFormat

if TYPE_CHECKING:
    from rmt_alpha.estimators.ridge import AlphaRidgeCV

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
        "--intercept", choices=tuple(INTERCEPTS), default="auto",
        help="how its change is trained: with a penalty (shrunk), without (free), not at all (none), "
             "or by an average over rules (auto)",
    )  # fmt: skip
    parser.add_argument(
        "--units", choices=("auto", "raw", "standard"), default="auto",
        help="units in which weights are penalised: as they come, in standard deviations, or both (auto)",
    )  # fmt: skip
    parser.json()
    parser.value("--out", Path, "FILE", "write the fine-tuned model here (.npz)")
    parser.value("--plot", Path, "FILE", "draw the leave-one-out path (png, pdf, svg)")


def run(arguments: argparse.Namespace) -> int:
    """Print what was chosen, write the model, draw the path."""
    from rmt_alpha.estimators.fit_report import fit_report

    check_output(arguments.out)
    check_picture(arguments.plot)
    form = TextFormat(arguments.delimiter, arguments.decimal, arguments.encoding, tuple(arguments.na))
    with shown_while_working("fit", f"reading {arguments.samples.name}"):
        sample = read_sample(arguments.samples, arguments.source, arguments.label, form)
    if arguments.regression:
        return _run_regression(arguments, sample)
    if arguments.plot is not None and np.ndim(sample.coef_source) == 3:
        raise ValueError(
            f"--plot draws the path of one alpha, but {arguments.samples.name} has several sources"
        )
    size = f"{len(sample.y)} samples"
    with shown_while_working("fit", size):
        report = fit_report(
            sample,
            gamma=arguments.gamma,
            criterion=arguments.criterion or DEFAULT,
            alpha=arguments.alpha,
            intercept=arguments.intercept,
            units=arguments.units,
        )
    model = report.model
    with warnings.catch_warnings(), shown_while_working("fit", f"{size}, leaving out"):
        warnings.simplefilter("ignore", UserWarning)  # the first fit has said it
        text = json_text(report.numbers) if arguments.json else "\n".join(report.lines())
    print(text)
    if arguments.out is not None:
        names = ("coef_", "intercept_", "classes_", "alpha_", "alpha_stderr_", "gamma_")
        np.savez(arguments.out, **{name.rstrip("_"): getattr(model, name) for name in names})
    if arguments.plot is not None:
        from rmt_alpha.plotting.alpha_path import plot_alpha_path

        one = report.one
        assert not isinstance(one.alpha_, np.ndarray)  # several sources were refused
        assert not isinstance(one.alpha_stderr_, np.ndarray)
        marked = one.alpha_, one.alpha_stderr_
        drawn = plot_alpha_path(report.path, estimate=report.estimate, criterion=one.criterion, chosen=marked)
        drawn.savefig(arguments.plot)
    return 0


def _run_regression(arguments: argparse.Namespace, sample: SampleFile) -> int:
    """The same for numbers: how well each choice of alpha predicts what was left out."""
    from sklearn.metrics import r2_score

    from rmt_alpha.estimators.fit_report import aligned, choice
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
            units=arguments.units,
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
        "rules": model.rules_,
        "loo_r2": r2(model),
        "loo_r2_alpha_0": r2(fit(gammas, 0.0)),
        "loo_r2_alpha_1": r2(fit(gammas, 1.0)),
        "loo_r2_source_only": r2(fit([math.inf], 1.0)),
    }
    own = "same gamma" if gammas else "its own gamma"
    rows = [
        ("data", "{samples} samples, {features} features, {outputs} outputs"),
        *choice(numbers),
        ("R2, leave-one-out", "{loo_r2:.4f}"),
        ("  ignoring the source", "{loo_r2_alpha_0:.4f} (alpha = 0, " + own + ")"),
        ("  standard fine-tuning", "{loo_r2_alpha_1:.4f} (alpha = 1, " + own + ")"),
        ("  the source as it is", "{loo_r2_source_only:.4f}"),
    ]
    print(json_text(numbers) if arguments.json else "\n".join(aligned(rows, numbers)))
    if arguments.out is not None:
        names = ("coef_", "intercept_", "alpha_", "alpha_stderr_", "gamma_")
        np.savez(arguments.out, **{name.rstrip("_"): getattr(model, name) for name in names})
    return 0
