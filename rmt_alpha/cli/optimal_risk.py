"""``rmt-alpha optimal`` for regressions, whose best alpha is that of least risk."""

from __future__ import annotations

import argparse
from typing import Any

import mpmath
import numpy as np

from rmt_alpha.cli.common import check_numbers, json_text
from rmt_alpha.problems.low_rank import LowRankTransfer
from rmt_alpha.problems.regression import RidgeRegressionTransfer


def run_regression(problem: RidgeRegressionTransfer | LowRankTransfer, arguments: argparse.Namespace) -> int:
    """Print the answer."""
    if arguments.criterion == "loss":
        raise ValueError("--criterion loss is not for a regression, whose loss is the risk; leave it out")
    if isinstance(problem, LowRankTransfer):
        values, text = _low_rank(problem, arguments)
    else:
        values, text = _full_rank(problem, arguments.dps)
    print(json_text(values, arguments.dps, indent=2) if arguments.json else text)
    return 0


def _full_rank(problem: RidgeRegressionTransfer, dps: int | None) -> tuple[dict[str, Any], str]:
    curve = problem.curve(dps)
    best = curve.optimal_alpha()
    values: dict[str, Any] = {
        "optimal_alpha": best,
        "criterion": "risk",
        "risk": {"optimal": curve.risk(best), "0": curve.risk(0), "1": curve.risk(1)},
        "gain_over_1": curve.gain(),
        "transfer_interval": list(curve.transfer_interval()),
        "within_one_percent": list(curve.tolerance_interval(0.01)),
        "equivalent_samples": problem.equivalent_samples(),
    }
    check_numbers({"risk": values["risk"]})

    def shown(value: Any) -> str:
        return f"{value:.6g}" if dps is None else mpmath.nstr(value, dps)

    risk, near = values["risk"], values["within_one_percent"]
    others = f"(alpha = 1: {shown(risk['1'])}, alpha = 0, no source: {shown(risk['0'])})"
    lines = [
        f"alpha* = {shown(best)}",
        f"risk {shown(risk['optimal'])}  {others}",
        f"within one percent of the least risk for alpha in ({float(near[0]):.4g}, {float(near[1]):.4g})",
        _helps(values["transfer_interval"]),
        worth(values["equivalent_samples"]),
    ]
    return values, "\n".join(lines)


def _low_rank(problem: LowRankTransfer, arguments: argparse.Namespace) -> tuple[dict[str, Any], str]:
    """Without ``--rank`` for the best one."""
    if arguments.dps is not None:
        raise ValueError("--dps is not for a correction of low rank; leave it out")
    rank = problem.optimal_rank() if arguments.rank is None else arguments.rank
    curve = problem.curve(rank)
    best = float(curve.optimal_alpha())
    learnt = problem.learnt(best)
    at = {"optimal": best, "0": 0.0, "1": 1.0}
    values: dict[str, Any] = {
        "optimal_alpha": best,
        "rank": rank,
        "excess_risk": {name: curve.excess_risk(alpha) for name, alpha in at.items()},
        "source_excess_risk": problem.curve(0).excess_risk(1.0),
        "gain_over_1": curve.gain(),
        "transfer_interval": list(curve.transfer_interval()),
        "optimal_rank": {"optimal": problem.optimal_rank(), "1": problem.optimal_rank(1.0)},
        "equivalent_samples": problem.equivalent_samples(rank),
        "spikes_seen": int(learnt.seen.sum()),
        "samples_to_see": list(problem.samples_to_see()),
    }
    check_numbers({"excess_risk": values["excess_risk"]})
    return values, _low_rank_sentence(problem, values)


def _low_rank_sentence(problem: LowRankTransfer, values: dict[str, Any]) -> str:
    risk, ranks, seen = values["excess_risk"], values["optimal_rank"], values["spikes_seen"]
    others = f"(alpha = 1: {risk['1']:.6g}, alpha = 0, no source: {risk['0']:.6g})"
    lines = [
        f"alpha* = {values['optimal_alpha']:.6g} with a correction of rank {values['rank']}",
        f"excess risk {risk['optimal']:.6g}  {others}",
        f"the source as it is has {values['source_excess_risk']:.6g}"
        + (": training does not pay" if values["source_excess_risk"] <= risk["optimal"] else ""),
        f"gain of alpha* over alpha = 1: {values['gain_over_1']:.4g}",
        f"best rank {ranks['optimal']} at its best alpha, {ranks['1']} at alpha = 1",
        f"{seen} of {problem.spikes.size} spikes seen with {problem.n:g} samples; they are seen beyond "
        f"{', '.join(f'{n:.4g}' for n in values['samples_to_see'])}"
        if problem.spikes.size
        else "no spikes: there is nothing of low rank to be learnt",
        _helps(values["transfer_interval"]),
        worth(values["equivalent_samples"]),
    ]
    return "\n".join(lines)


def _helps(ends: list[Any]) -> str:
    if ends[0] == ends[1]:
        return "the source does not help"
    return f"the source helps for alpha in ({float(ends[0]):.4g}, {float(ends[1]):.4g})"


def worth(samples: float) -> str:
    """What the source is worth, in words."""
    if np.isfinite(samples):
        return f"worth {samples:.4g} more target samples"
    return "worth more than any number of target samples at this ridge"
