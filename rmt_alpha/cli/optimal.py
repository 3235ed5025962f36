"""``rmt-alpha optimal``: the best alpha, and what it is worth."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np

from rmt_alpha._core.checks import check_dps
from rmt_alpha.cli.common import Parser, check_numbers, json_text, shown_while_working
from rmt_alpha.cli.optimal_risk import run_regression, worth
from rmt_alpha.cli.problem import (
    FIELDS,
    add_problem_options,
    add_rank_option,
    check_rank_option,
    problem_from,
    task_of,
)
from rmt_alpha.problems.fine_tuning import FineTuning
from rmt_alpha.problems.low_rank import LowRankTransfer
from rmt_alpha.problems.regression import RidgeRegressionTransfer
from rmt_alpha.problems.transfer import TransferProblem
from rmt_alpha.theory.curve import CRITERIA, Curve
from rmt_alpha.theory.fixed_point_curve import FixedPointCurve

DESCRIPTION = """\
The factor alpha* by which to multiply the frozen source weights, what accuracy it gives, and how precise it
need be.

example:
  rmt-alpha optimal --beta 0.6 --p 400 --n 200 --N 2000 --gamma-source 5"""


def add_options(parser: Parser) -> None:
    """Add the options of the verb."""
    add_problem_options(parser, file=True)
    add_rank_option(parser)
    parser.add_argument(
        "--criterion", choices=CRITERIA, default="accuracy",
        help="what alpha optimises: accuracy (to classify, default), risk (squared, when the score itself is "
        "used) or the loss of the training, if not squared",
    )  # fmt: skip
    parser.json()
    parser.value("--dps", int, "DIGITS", "evaluate with this many decimal digits")


def run(arguments: argparse.Namespace) -> int:
    """Print the answer."""
    dps = check_dps(arguments.dps)
    problem = problem_from(arguments, dps)
    check_rank_option(problem, arguments.rank, needed=False)
    if isinstance(problem, LowRankTransfer | RidgeRegressionTransfer):
        return run_regression(problem, arguments)
    with shown_while_working("optimal", task_of(problem)):
        values = _answers(problem, dps, arguments.criterion)
    if arguments.json:
        print(json_text(values, dps, indent=2))
    else:
        print(_sentence(values, dps))
    return 0


def _answers(problem: TransferProblem | FineTuning, dps: int | None, criterion: str) -> dict[str, Any]:
    curve = problem.curve(dps)
    best = curve.optimal_alpha(criterion)
    values: dict[str, Any] = {"optimal_alpha": best, "criterion": criterion}
    values["source_accuracy"] = _source_accuracy(problem, dps)
    if not isinstance(problem, TransferProblem):
        values |= _of_any(curve, criterion)
        one = None if np.isinf(np.asarray(best, float)).any() else best
        values["equivalent_samples"] = problem.equivalent_samples(one, criterion)
    else:
        values |= {
            "accuracy": {"optimal": curve.accuracy(best), "0": curve.accuracy(0), "1": curve.accuracy(1)},
            "risk": {"optimal": curve.risk(best), "0": curve.risk(0), "1": curve.risk(1)},
            "neutral_alpha": curve.neutral_alpha(),
            "transfer_interval": list(curve.transfer_interval()),
            "within_one_point": list(curve.tolerance_interval(0.01)),
            "equivalent_samples": problem.equivalent_samples(),  # to the accuracy, whatever the criterion
            "problem": {name: getattr(problem, name) for name in FIELDS},
        }
    check_numbers(
        {name: values[name] for name in ("optimal_alpha", "accuracy", "risk", "loss") if name in values}
    )
    return values


def _source_accuracy(problem: TransferProblem | FineTuning, dps: int | None) -> Any:
    """Of the source as it is; a list for several sources."""
    if isinstance(problem, TransferProblem):
        return problem.source_accuracy(dps)
    found = problem.source_accuracy()
    return list(found) if isinstance(found, np.ndarray) else found


def _of_any(curve: Curve, criterion: str) -> dict[str, Any]:
    """The same for a general problem, whose best alpha may be a vector, or a direction."""
    best = curve.optimum(criterion)
    several = isinstance(best.alpha, np.ndarray)
    at = {"optimal": best.alpha, "0": 0.0, "1": 1.0}
    if not best.finite and not curve.infinite_alpha:
        at["optimal"] = next(end for end in best.bracket or () if np.isfinite(end))  # as far as was looked
    finite = {name: alpha for name, alpha in at.items() if np.all(np.isfinite(np.asarray(alpha, float)))}
    known = finite if several else at
    values: dict[str, Any] = {
        "accuracy": {name: curve.accuracy(alpha) for name, alpha in known.items()},
        "risk": {name: curve.risk(alpha) for name, alpha in finite.items()},
        "class_accuracy": {name: list(curve.class_accuracy(alpha)) for name, alpha in known.items()},
    }
    if isinstance(curve, FixedPointCurve):
        values["loss"] = {name: curve.test_loss(alpha) for name, alpha in finite.items()}
    values["accuracy"].setdefault("optimal", best.value)
    if best.direction is not None:
        values["direction"] = list(best.direction)
    if not several:
        values["transfer_interval"] = list(curve.transfer_interval())
        values["within_one_point"] = list(curve.tolerance_interval(0.01))
    return values


def _sentence(values: dict[str, Any], dps: int | None) -> str:
    def shown(value: Any) -> str:
        return f"{value:.6g}" if dps is None else mpmath.nstr(value, dps)

    def span(pair: list[Any]) -> str:
        return f"({float(pair[0]):.4g}, {float(pair[1]):.4g})"

    accuracy, best = values["accuracy"], values["optimal_alpha"]
    several = isinstance(best, np.ndarray)
    others = f"(alpha = 1: {shown(accuracy['1'])}, alpha = 0, no source: {shown(accuracy['0'])})"
    lines = [
        f"alpha* = ({', '.join(map(shown, best))})" if several else f"alpha* = {shown(best)}",
        f"accuracy {shown(accuracy['optimal'])}  {others}",
    ]
    lines.append(_source_line(values, shown))
    if several and "direction" in values:
        lines.append(
            f"no finite alpha is best: go to infinity along ({', '.join(map(shown, values['direction']))})"
        )
    if "optimal" in values.get("class_accuracy", ()):
        lines.append(f"by class {' '.join(map(shown, values['class_accuracy']['optimal']))}")
    if (least := values["criterion"]) != "accuracy":
        lines += [f"{least} {shown(values[least]['optimal'])}, the least of all alpha"]
        # In the isotropic model the number is known for the accuracy.
        return "\n".join([*lines] if "problem" in values else [*lines, worth(values["equivalent_samples"])])
    if not several:
        helps = values["transfer_interval"]
        within = span(values["within_one_point"])
        lines += [
            f"within one point of the best accuracy for alpha in {within}",
            f"the source helps for alpha in {span(helps)}"
            if helps[0] != helps[1]
            else "the source does not help",
        ]
    return "\n".join([*lines, worth(values["equivalent_samples"])])


def _source_line(values: dict[str, Any], shown: Callable[[Any], str]) -> str:
    """What the source does without any training, and whether training does better."""
    alone = values["source_accuracy"]
    each = alone if isinstance(alone, list) else [alone]
    line = f"{'the sources as they are have' if each[1:] else 'the source as it is has'} " + ", ".join(
        map(shown, each)
    )
    if values["criterion"] == "accuracy" and values["accuracy"]["optimal"] <= max(each):
        line += ": training does not pay at this ridge; try a larger gamma"
    return line
