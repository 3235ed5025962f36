"""``rmt-alpha optimal``: the best alpha, and what it is worth."""

from __future__ import annotations

import argparse
import json
import math
from typing import Any

import mpmath

from rmt_alpha._checks import check_dps
from rmt_alpha.cli.problem import FIELDS, add_problem_options, problem_from
from rmt_alpha.curve import CRITERIA, AlphaCurve

DESCRIPTION = """\
The factor alpha* by which to multiply the frozen source weights, what accuracy it gives, and how precise it
need be.

example:
  rmt-alpha optimal --beta 0.8 --p 400 --n 40 --N 2000 --gamma 0.1"""


def add_parser(subparsers: Any) -> None:
    """Add the verb."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "optimal",
        help="the best alpha, and what it is worth",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_problem_options(parser)
    parser.add_argument(
        "--criterion",
        choices=CRITERIA,
        default="accuracy",
        help="what alpha optimises: accuracy (to classify, default) or risk (when the score itself is used)",
    )
    parser.add_argument("--json", action="store_true", help="machine-readable output")
    parser.add_argument("--dps", type=int, metavar="DIGITS", help="evaluate with this many decimal digits")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the answer."""
    dps = check_dps(arguments.dps)
    problem = problem_from(arguments, dps)
    curve = problem.curve(dps)
    best = curve.optimal_alpha(arguments.criterion)
    values: dict[str, Any] = {
        "optimal_alpha": best,
        "criterion": arguments.criterion,
        "accuracy": {"optimal": curve.accuracy(best), "0": curve.accuracy(0), "1": curve.accuracy(1)},
        "risk": {"optimal": curve.risk(best), "0": curve.risk(0), "1": curve.risk(1)},
        "neutral_alpha": curve.neutral_alpha,
        "transfer_interval": list(curve.transfer_interval),
        "within_one_point": list(curve.tolerance_interval(0.01)),
        "equivalent_samples": problem.equivalent_samples(),
        "problem": {name: getattr(problem, name) for name in FIELDS},
    }
    if arguments.json:
        print(json.dumps(_plain(values, dps), indent=2))
    else:
        print(_sentence(values, curve, dps))
    return 0


def _sentence(values: dict[str, Any], curve: AlphaCurve, dps: int | None) -> str:
    def shown(value: Any) -> str:
        return f"{value:.6g}" if dps is None else mpmath.nstr(value, dps)

    def span(pair: list[Any]) -> str:
        return f"({float(pair[0]):.4g}, {float(pair[1]):.4g})"

    accuracy = values["accuracy"]
    helps = values["transfer_interval"]
    others = f"(alpha = 1: {shown(accuracy['1'])}, alpha = 0, no source: {shown(accuracy['0'])})"
    lines = [
        f"alpha* = {shown(values['optimal_alpha'])}",
        f"accuracy {shown(accuracy['optimal'])}  {others}",
        f"within one point of the best accuracy for alpha in {span(values['within_one_point'])}",
        f"the source helps for alpha in {span(helps)}"
        if helps[0] != helps[1]
        else "the source does not help",
        f"worth {values['equivalent_samples']:.4g} more target samples",
    ]
    if values["criterion"] == "risk":
        lines[2] = f"risk {shown(values['risk']['optimal'])}, the least of all alpha"
        lines.pop()
    return "\n".join(lines)


def _plain(value: Any, dps: int | None) -> Any:
    """JSON has no infinity and no mpf: both become strings."""
    if isinstance(value, dict):
        return {key: _plain(entry, dps) for key, entry in value.items()}
    if isinstance(value, list):
        return [_plain(entry, dps) for entry in value]
    if isinstance(value, mpmath.mpf):
        return mpmath.nstr(value, dps)
    if isinstance(value, float) and math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return value
