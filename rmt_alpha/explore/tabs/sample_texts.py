"""What the tab of the reader's own data says: the fit in numbers and in a sentence, and as code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rmt_alpha.explore import look, snippets
from rmt_alpha.explore.fields import Field, Values

if TYPE_CHECKING:
    from rmt_alpha.estimators.fit_report import FitReport

Rows = list[tuple[str, list[object]]]


def worth(report: FitReport) -> float | None:
    """What the source is worth in samples, by the estimated problem."""
    one, estimate = report.one, report.estimate
    alpha = report.chosen[1]
    if estimate is None or not 0 < one.gamma_ < np.inf or not np.isfinite(alpha):
        return None
    found: float = estimate.fine_tuning(one.gamma_).equivalent_samples(float(alpha))
    return found


def numbers(report: FitReport) -> tuple[str, str]:
    """Tables of the fit and of what the picture shows, and the answer in a sentence."""
    found, one = report.numbers, report.numbers["one_rule"]
    sizes = f"{found['samples']}, {found['features']}, {found['classes']}"
    ignored = "ignoring the source (α = 0)" if report.chosen[0] is None else "ignoring the sources (α = 0)"
    alone = "the source as it is" if report.chosen[0] is None else "the sources as they are"
    rows: Rows = [
        ("samples, features, classes", [sizes]),
        *_alphas(found),
        ("ridge γ, per sample", [found["gamma"]]),
        ("accuracy, leave-one-out", [_with_error(found, "loo_accuracy")]),
        (ignored, [found["loo_accuracy_alpha_0"]]),
        ("standard fine-tuning (α = 1)", [found["loo_accuracy_alpha_1"]]),
        (alone, [found["loo_accuracy_source_only"]]),
    ]
    drawn: Rows = [
        *_alphas(one),
        ("ridge γ", [one["gamma"]]),
        ("accuracy, leave-one-out", [one["loo_accuracy"]]),
    ]
    if "theory_accuracy" in one:
        twice = f"with {2 * found['samples']} samples"
        drawn += [
            ("by random matrix theory", [_with_error(one, "theory_accuracy")]),
            (twice, [_with_error(one, "theory_accuracy_twice")]),
        ]
    if (samples := worth(report)) is not None:
        drawn.append(("the source is worth, in samples", [samples]))
    tables = look.table("The fit", ("", ""), rows) + look.table(
        f"The picture: {one['rule']}", ("", ""), drawn
    )
    return tables, _sentence(found, alone)


def _alphas(found: dict[str, Any]) -> Rows:
    """Each alpha with its standard error."""
    both = list(zip(np.atleast_1d(found["alpha"]), np.atleast_1d(found["alpha_stderr"]), strict=True))
    names = ["alpha"] if len(both) == 1 else [f"alpha of source {k}" for k in range(1, len(both) + 1)]
    return [(name, [_alpha(*each)]) for name, each in zip(names, both, strict=True)]


def _alpha(value: float, error: float) -> str:
    return f"{look.shown(float(value))} ± {error:.2g}"


def _with_error(found: dict[str, Any], name: str) -> str:
    return f"{found[name]:.4f} ± {found[f'{name}_stderr']:.4f}"


def _sentence(found: dict[str, Any], alone: str) -> str:
    names = ("loo_accuracy", "loo_accuracy_alpha_0", "loo_accuracy_alpha_1", "loo_accuracy_source_only")
    own, zero, plain, source = (f"{found[name]:.3f}" for name in names)
    alphas = [str(cells[0]) for _, cells in _alphas(found)]
    alpha = alphas[0] if len(alphas) == 1 else f"({', '.join(alphas)})"
    verdict = ""
    if "gaussian_classes" in found["one_rule"]:
        describe = "describe" if found["one_rule"]["gaussian_classes"] else "do not describe"
        verdict = f" Gaussian classes {describe} these samples."
    return (
        f"<b>α = {alpha}</b>: leave-one-out accuracy {own} ± {found['loo_accuracy_stderr']:.3f}, "
        f"against {zero} at α = 0, {plain} at α = 1 and {source} of {alone}.{verdict}"
    )


def code(samples: str, sources: Sequence[str], fields: Sequence[Field], values: Values) -> dict[str, str]:
    """The same in Python, and as a command."""
    words = ["rmt-alpha", "fit", samples]
    for name in sources:
        words += ["--source", name]
    for field in fields:
        if field.help.startswith("--") and values[field.name] != field.default:
            option = field.help.split(":")[0].split(";")[0].split()[0]
            words += [f"{option}={values[field.name]}"]
    words += ["--criterion", str(values["d_criterion"]), "--intercept", str(values["d_intercept"])]
    chosen = values["d_ridge"] == "auto"
    words += [] if chosen else [f"--gamma={snippets.number(values['d_gamma'])}"]
    gamma = "" if chosen else f", gamma={snippets.number(values['d_gamma'])}"
    paths = ", ".join(f"Path({name!r})" for name in sources)
    drawn = (
        "at = np.linspace(-1, 3, 801)  # shares of the chosen alphas\n"
        "plt.plot(at, report.path.loo_accuracy(at))\nplt.show()\n"
        if len(sources) > 1
        else "plot_alpha_path(report.path, estimate=report.estimate).savefig('path.png')\n"
    )
    imports = (
        "import matplotlib.pyplot as plt\nimport numpy as np\n"
        if len(sources) > 1
        else "from rmt_alpha.plotting.alpha_path import plot_alpha_path\n"
    )
    return {
        "Python": "from pathlib import Path\n\nfrom rmt_alpha.estimators.fit_report import fit_report\n"
        f"from rmt_alpha.from_data.reading.sample_file import read_sample\n{imports}\n"
        f"sample = read_sample(Path({samples!r}), [{paths}], {str(values['d_label'])!r})\n"
        f"report = fit_report(sample, criterion={str(values['d_criterion'])!r}, "
        f"intercept={str(values['d_intercept'])!r}{gamma})\nprint('\\n'.join(report.lines()))\n{drawn}",
        "command": snippets.shell(*words, *([] if len(sources) > 1 else ["--plot", "path.png"])),
    }
