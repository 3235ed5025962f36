"""What the tab of the theory says: numbers in tables, a sentence, the law in words, pictures as code."""

from __future__ import annotations

import numpy as np

from rmt_alpha._core.types import FloatArray
from rmt_alpha.explore import look, snippets
from rmt_alpha.explore.fields import Values
from rmt_alpha.problems.transfer import TransferProblem
from rmt_alpha.theory.isotropic.curve import AlphaCurve


def law(curve: AlphaCurve, alpha: float, mean: float, std: float) -> str:
    """The law of the score at alpha."""
    key = look.key([("line", "class +1"), ("minus", "class −1")])
    return (
        f"<p>{key}<br>Score of class ±1 at α = {look.shown(alpha)}: Gaussian of mean "
        f"±{look.shown(mean)} and standard deviation {look.shown(std)}; the right side of 0 has "
        f"{look.shown(float(curve.accuracy(alpha)))}.</p>"
    )


def numbers(
    problem: TransferProblem, curve: AlphaCurve, marks: dict[str, float], tolerance: float
) -> tuple[str, str]:
    """Tables of special alphas and of what they mean, and the answer in a sentence."""
    rows: list[tuple[str, list[object]]] = []
    for kind, alpha in marks.items():
        finite = bool(np.isfinite(alpha))
        std = curve.accuracy_std(alpha) if finite else None
        risk = curve.risk(alpha) if finite else None
        name = look.swatch(kind) + look.SHAPES[kind].label
        exists = finite or kind == "best"
        rows.append((name, [alpha, curve.accuracy(alpha) if exists else None, std, risk]))
    own = float(problem.source_accuracy())
    rows.append(("α = ∞", [np.inf, curve.accuracy(np.inf), None, None]))
    rows.append(("the source as it is, untrained", ["", own, None, None]))
    head = ("", "α", "accuracy", "± of one run", "risk")
    helps, within = curve.transfer_interval(), curve.tolerance_interval(tolerance)
    worth = problem.equivalent_samples()
    facts: list[tuple[str, list[object]]] = [
        ("the source helps for α in", [helps if helps[0] != helps[1] else "none"]),
        (f"within {look.shown(tolerance)} of the best for α in", [within]),
        ("α* of single draws, standard deviation", [curve.optimal_alpha_std()]),
        ("worth in target samples", [worth]),
    ]
    tables = (
        '<div style="display:flex;flex-wrap:wrap;gap:6px 40px;margin-bottom:10px">'
        f"{look.table('Special alphas', head, rows)}{look.table('What it means', ('', ''), facts)}</div>"
    )
    best, gain = marks["best"], float(curve.gain(1.0))
    reached = float(curve.accuracy(best))
    return tables, (
        f"<b>α* = {look.shown(best)}</b>: accuracy {look.shown(reached)}, {100 * gain:.2g} points more "
        f"than plain fine-tuning (α = 1). {untrained(own, reached)} "
        f"It is worth {look.shown(worth)} target samples."
    )


def untrained(own: float, reached: float, name: str = "The source as it is") -> str:
    """What a source has without any training, and whether that is more than the best alpha reaches."""
    pays = ": training with these samples and this ridge does not pay." if own > reached else "."
    return f"{name} scores {look.shown(own)}{pays}"


def code(problem: TransferProblem, at: FloatArray, values: Values) -> dict[str, dict[str, str]]:
    """Each picture in Python and as a command."""
    given = snippets.arguments(problem)
    start = f"{snippets.IMPORTS}\nproblem = ra.TransferProblem({given})\ncurve = problem.curve()\n"
    along = f"{start}alpha = {snippets.spaced(at)}\n"
    tolerance, alpha = snippets.number(values["tolerance"]), snippets.number(values["alpha"])
    grid = f"--alpha={snippets.number(at[0])}:{snippets.number(at[-1])}:{len(at)}"
    return {
        "accuracy": {
            "Python": f"{along}accuracy, std = curve.accuracy(alpha), curve.accuracy_std(alpha)\n"
            "plt.plot(alpha, accuracy)\nplt.fill_between(alpha, accuracy - std, accuracy + std, alpha=0.3)\n"
            "best, helps = curve.optimal_alpha(), curve.transfer_interval()\n"
            f"print(best, curve.neutral_alpha(), helps, curve.tolerance_interval({tolerance}))\n"
            "print(curve.accuracy([0.0, 1.0, best]), problem.equivalent_samples())\nplt.show()\n",
            "command": snippets.command(
                problem, "optimal {}", f"curve {{}} {grid} --band --out curve.csv --plot curve.png"
            ),
        },
        "risk": {
            "Python": f"{along}print(curve.optimal_alpha('risk'))\n"
            "plt.plot(alpha, curve.risk(alpha))\nplt.show()\n",
            "command": snippets.command(problem, "optimal {} --criterion risk", f"curve {{}} {grid}"),
        },
        "law": {
            "Python": f"{start}mean, std = curve.mean({alpha}), curve.std({alpha})\n"
            "x = np.linspace(-abs(mean) - 4 * std, abs(mean) + 4 * std, 161)\n"
            "for sign in (-1, 1):\n"
            "    plt.plot(x, np.exp(-(((x - sign * mean) / std) ** 2) / 2) / (std * np.sqrt(2 * np.pi)))\n"
            "print(mean, std)\nplt.show()\n",
            "command": snippets.command(problem, f"curve {{}} --alpha={alpha}"),
        },
    }
