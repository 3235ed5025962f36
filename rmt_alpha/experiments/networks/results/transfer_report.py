"""What a comparison of task transfers says, as tables: effects, pairs, theory, sizes, ranks and means."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from rmt_alpha._core.tables import csv_text
from rmt_alpha.experiments.networks.results.transfer_effects import (
    ABLATIONS,
    NAMES,
    RELATIONS,
    Effect,
    cells_of,
    effects,
)
from rmt_alpha.experiments.networks.results.transfer_results import TransferResults

CONTROLS = (("alpha-lora", "lora"), ("alpha-lora", "lora-fewer-rows"))
HEAD = 2
"""Lines of a table before its first."""
SIZES_BY_RANK = (400,)
"""What is compared at every rank."""


def _main(results: TransferResults) -> TransferResults:
    """The runs of the rank that most of them have."""
    return results.of_rank(next(iter(results.ranks)))


def cell_rows(results: TransferResults) -> list[dict[str, Any]]:
    """One dictionary for each pair, size and method: means over the seeds, at the main rank."""
    rows = []
    order = list(NAMES)
    found = cells_of(_main(results).runs).items()
    for (pair, size, method), by_seed in sorted(
        found, key=lambda item: (item[0][0], item[0][1], order.index(item[0][2]))
    ):
        runs = list(by_seed.values())
        theory = [run.theory for run in runs if run.theory is not None]
        rows.append(
            {
                "pair": pair,
                "size": size,
                "method": method,
                "seeds": len(runs),
                "accuracy": float(np.mean([run.accuracy for run in runs])),
                "log_loss": float(np.mean([run.loss for run in runs])),
                "theory": float(np.mean(theory)) if theory else None,
            }
        )
    return rows


def effects_csv(results: TransferResults) -> str:
    """Effects by relation, then by pair, as CSV text; differences are fractions, intervals half widths.

    p values are corrected within each of the two parts.
    """
    main = _main(results)
    found = [*effects(main), *effects(main, by_pair=True)]
    header = [
        "method", "reference", "where", "pairs", "sizes", "seeds", "accuracy", "accuracy_ci", "accuracy_p",
        "log_loss", "log_loss_ci", "log_loss_p", "verdict",
    ]  # fmt: skip
    rows = [
        [
            one.method, one.reference, one.where, " ".join(one.pairs), " ".join(map(str, one.sizes)),
            one.accuracy.pairs,
            *(f"{x:.5f}" for x in (one.accuracy.mean, one.accuracy.half_width)), f"{one.p_accuracy:.3g}",
            *(f"{x:.5f}" for x in (one.loss.mean, one.loss.half_width)), f"{one.p_loss:.3g}",
            one.verdict,
        ]
        for one in found
    ]  # fmt: skip
    return csv_text(header, rows)


def _markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in (header, *rows)]
    return "\n".join([lines[0], "|---" * len(header) + "|", *lines[1:]])


def _points(one: Effect) -> str:
    return f"{100 * one.accuracy.mean:+.1f} ± {100 * one.accuracy.half_width:.1f}"


def _nats(one: Effect) -> str:
    return f"{one.loss.mean:+.3f} ± {one.loss.half_width:.3f}"


def effects_table(found: Iterable[Effect]) -> str:
    """Accuracy in points and log-loss, with 95 % intervals and corrected p values."""
    header = (
        "method", "against", "target", "pairs, seeds", "accuracy (points)", "p", "log-loss", "p",
        "accuracy / log-loss",
    )  # fmt: skip
    rows = [
        [
            NAMES[one.method],
            NAMES[one.reference],
            one.where,
            f"{len(one.pairs)}, {one.accuracy.pairs}",
            _points(one),
            f"{one.p_accuracy:.2g}",
            _nats(one),
            f"{one.p_loss:.2g}",
            one.verdict,
        ]
        for one in found
    ]
    return _markdown(header, rows)


def pairs_table(results: TransferResults) -> str:
    """The pairs: rows, what is known beforehand, and what full fine-tuning has done to the weights.

    beta - 1 of the head with its standard error, and which share of the head's change is rescaling; then the
    largest such share inside, and the most that alpha could save beside a correction of rank 8.
    """
    header = (
        "pair", "target", "width; pool, test rows", "source's accuracy there (%)", "cosine", "fitted alpha",
        "head: beta - 1", "of its change, rescaling", "inside, at most", "alpha's gain beside rank 8",
    )  # fmt: skip
    source = {row["pair"]: row["accuracy"] for row in cell_rows(results) if row["method"] == "source"}
    rows = []
    for name, facts in results.pairs.items():
        layers = [row for row in results.alignment if row["pair"] == name]
        heads = [row for row in layers if row["layer"] == "head.weight"]
        inner = [row for row in layers if row["layer"] != "head.weight"]
        known = isinstance(facts["cosine"], float)
        cells = [
            f"{facts['width']}; {facts['train']}, {facts['dev']}",
            f"{100 * source[name]:.1f}" if name in source else "",
            f"{facts['cosine']:.3f} ± {facts['cosine_stderr']:.3f}" if known else "",
            f"{facts['fitted_alpha']:.2f}" if known else "",
            *(f"{head['beta'] - 1:+.4f} ± {head['beta_stderr']:.4f}" for head in heads),
            *(f"{head['rescaled']:.0%}" for head in heads),
        ]
        if inner:
            cells.append(f"{max(row['rescaled'] for row in inner):.1%}")
            cells.append(f"{max(row['gain'] for row in layers):.2%}")
        rows.append([name, facts["relation"], *cells, *[""] * (len(header) - 2 - len(cells))])
    return _markdown(header, rows)


def theory_table(results: TransferResults) -> str:
    """Theory less measured accuracy of the heads, in points: by method, and by rows.

    Then two standard errors: that of the theory, where alpha is 1, and that of the test rows.
    """
    rows = [row for row in cell_rows(results) if row["theory"] is not None]
    methods = [name for name in NAMES if any(row["method"] == name for row in rows)]
    sizes = sorted({row["size"] for row in rows})
    lines = []
    for pair, facts in results.pairs.items():
        if not (mine := [row for row in rows if row["pair"] == pair]):
            continue
        parts = [[row for row in mine if row["method"] == name] for name in methods]
        parts += [[row for row in mine if row["size"] == size] for size in sizes]
        gaps = [[100 * (row["theory"] - row["accuracy"]) for row in part] for part in parts]
        accuracy = float(np.mean([row["accuracy"] for row in mine]))
        own = [100 * row["stderr"] for row in results.theory if row["pair"] == pair]
        errors = [
            np.mean(own) if own else math.nan,
            100 * math.sqrt(accuracy * (1 - accuracy) / facts["dev"]),
        ]
        cells = [f"{np.mean(gap):+.1f}" if gap else "" for gap in gaps]
        lines.append([pair, *cells, *(f"{error:.1f}" for error in errors)])
    header = ["pair", *(NAMES[name] for name in methods), *(f"{n} rows" for n in sizes)]
    return _markdown([*header, "error of the theory", "of the test rows"], lines)


def accuracy_table(results: TransferResults) -> str:
    """Mean accuracies in percent, log-losses in brackets; alpha-LoRA's parts have a table of their own."""
    rows = cell_rows(results)
    parts = {method for method, _ in ABLATIONS}
    methods = [name for name in NAMES if name not in parts and any(row["method"] == name for row in rows)]
    lines = []
    for pair, size in dict.fromkeys((row["pair"], row["size"]) for row in rows):
        here = {row["method"]: row for row in rows if (row["pair"], row["size"]) == (pair, size)}
        cells = [
            f"{100 * here[name]['accuracy']:.1f} ({here[name]['log_loss']:.2f})" if name in here else ""
            for name in methods
        ]
        lines.append([pair, str(size), *cells])
    return _markdown(["pair", "rows", *(NAMES[name] for name in methods)], lines)


def ranks_table(results: TransferResults) -> str:
    """alpha-LoRA by rank, with 400 rows, against LoRA and against LoRA on the rows that its adapter has.

    Mean accuracy and tuned rate of both, alpha-LoRA's second; differences with single 95 % intervals.
    """
    rows: list[list[str]] = []
    for rank in sorted(results.ranks):
        mine = results.of_rank(rank)
        cells = cells_of(mine.runs)
        for one in effects(mine, by_pair=True, contests=CONTROLS, sizes=SIZES_BY_RANK):
            both = [
                list(cells[one.where, SIZES_BY_RANK[0], name].values())
                for name in (one.reference, one.method)
            ]
            means = ", ".join(f"{100 * np.mean([run.accuracy for run in runs]):.1f}" for runs in both)
            rates = ", ".join(f"{runs[0].rate:g}" for runs in both)
            about = [one.where, str(rank), NAMES[one.reference], rates, str(one.accuracy.pairs), means]
            rows.append([*about, _points(one), _nats(one)])
    several = Counter(row[0] for row in rows)
    header = (
        "pair", "rank", "alpha-LoRA against", "rates", "seeds", "accuracies (%)", "difference (points)",
        "log-loss",
    )  # fmt: skip
    return _markdown(header, [row for row in rows if several[row[0]] > len(CONTROLS)])


def sizes_table(results: TransferResults) -> str:
    """alpha-LoRA by number of rows, points of accuracy and log-loss with single 95 % intervals."""
    main = _main(results)
    lines: dict[tuple[str, int], dict[str, str]] = {}
    for size in sorted({run.size for run in main.runs}):
        for one in effects(main, contests=CONTROLS, sizes=(size,)):
            cells = lines.setdefault((one.reference, size), dict.fromkeys(RELATIONS, ""))
            cells[one.where] = f"{_points(one)}; {_nats(one)}"
    rows = [
        [NAMES[name], str(size), *cells.values()]
        for (name, size), cells in sorted(lines.items(), key=lambda line: list(NAMES).index(line[0][0]))
    ]
    return _markdown(["alpha-LoRA against", "rows", *RELATIONS], rows)


def ablations_table(results: TransferResults) -> str:
    """alpha-LoRA against itself with fewer, shared or other steps of alpha; p values are Holm's, of these."""
    return effects_table(effects(_main(results), contests=ABLATIONS))


TABLES: dict[str, Callable[[TransferResults], str]] = {
    "effects": lambda results: effects_table(effects(_main(results))),
    "pairs": pairs_table,
    "theory": theory_table,
    "sizes": sizes_table,
    "ranks": ranks_table,
    "ablations": ablations_table,
    "means": accuracy_table,
}
"""What the page shows, by name."""


def transfer_report(results: TransferResults) -> str:
    """All tables that have a line, one after the other."""
    seeds = {run.seed for run in results.runs}
    last = f"{len(results.runs)} tested runs, {len(results.pairs)} pairs, {len(seeds)} seeds"
    tables = [table for make in TABLES.values() if len((table := make(results)).splitlines()) > HEAD]
    return "\n\n".join([*tables, last])
