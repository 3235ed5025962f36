"""`run_cells`: every method on every draw of some cells, family x n, from a record as far as it has them."""

from __future__ import annotations

import itertools
import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import NamedTuple

from rmt_alpha._core.checks import check_choice
from rmt_alpha._core.machine.code import place_here, signature
from rmt_alpha._core.machine.progress import progress_bar
from rmt_alpha._core.machine.threads import one_blas_thread
from rmt_alpha._core.records.record import Record
from rmt_alpha._core.records.record_text import canonical, key_of
from rmt_alpha._core.types import FilePath
from rmt_alpha.experiments.study.tasks import BLOCKS
from rmt_alpha.experiments.study.transfers.draws import DRAWS, SIZES, STUDY_SEEDS, Draw
from rmt_alpha.experiments.study.transfers.families import FAMILIES, KINDS, find_family, prepared
from rmt_alpha.experiments.study.transfers.gift import GIFT_METHODS
from rmt_alpha.experiments.study.transfers.hindsight import BOUNDS
from rmt_alpha.experiments.study.transfers.ours import (
    EVERY_METHOD,
    LOGISTIC,
    Candidate,
    is_ours,
    method_names,
    score,
)
from rmt_alpha.experiments.study.transfers.verdicts import Cell, Scores
from rmt_alpha.validation.sweeps.workers import PATIENCE, open_pool

SEEDS_OF_A_JOB = 5
"""Draws that a process computes before it reports: few are lost by an interruption."""


class Entry(NamedTuple):
    """One method on one draw: what is recorded, with its score."""

    study: str
    family: str
    n: int
    seed: int
    method: str

    @property
    def parameters(self) -> str:
        """Its canonical JSON."""
        return canonical(self._asdict())


def run_cells(
    families: Iterable[str] | None = None,
    sizes: Iterable[int] = SIZES,
    seeds: Sequence[int] = STUDY_SEEDS[:DRAWS],
    methods: Iterable[str] | None = None,
    *,
    candidates: Mapping[str, Candidate] | None = None,
    further: Sequence[int] = (),
    precision: float = math.inf,
    again: bool = False,
    logistic: int = 0,
    hindsight: bool = False,
    record: Path | None = None,
    data: FilePath | None = None,
    n_jobs: int = 1,
    scheduler: str | None = None,
    wait_for_workers: float = PATIENCE,
    compute: bool = True,
    progress: bool = False,
) -> Scores:
    """Scores of methods, and of candidates beside them, on every draw.

    Parameters
    ----------
    families : iterable of str, optional
        Names in `FAMILIES`; by default all, those left out whose encoder is missing.
    sizes : iterable of int
        Numbers of target samples.  Where a target has fewer than twice as many rows, there is no cell.
    seeds : sequence of int
        One draw each, from `STUDY_SEEDS` or `DEVELOPMENT_SEEDS`.
    methods : iterable of str, optional
        Of `method_names`; those that a kind does not have are left out there.  By default all but the
        logistic estimator.
    candidates : mapping, optional
        Estimators to be judged by a name of their own; they are computed at every call and never recorded.
        Unfitted estimators with a parameter ``coef_source``, or functions of a `Draw` that predict its test
        rows.
    further : sequence of int
        More seeds, for cells in which the standard error of the default's gain over the better baseline is
        larger than ``precision``: as many as bring it there, as far as they reach.
    precision : float
        In points, positive; with the default there are no more.
    again : bool
        Compute this package's estimators again, and replace what the record has of them: for a new default.
        The peers are recalled as before.
    logistic : int
        How many of the seeds the logistic estimator is run on, too.
    hindsight : bool
        Also what choices by rows that nobody has reach: by the test rows, in families of classes
        (`hindsight`), and by further samples, in those of two (`gift`).
    record : Path, optional
        SQLite file that keeps what is computed; made if there is none, unless nothing is.
    data : path, optional
        See `rmt_alpha.experiments.data.datasets.data_folder`.
    n_jobs : int
        Processes.
    scheduler : str, optional
        Address of a Dask cluster instead, "tcp://HOST:PORT", whose workers find the data where we do.
    wait_for_workers : float
        See `rmt_alpha.sweep`.
    compute : bool
        Whether what the record lacks is computed.
    progress : bool
        Show a bar.

    Returns
    -------
    Scores
        Of every cell of which something is known.

    Examples
    --------
    A candidate for the default against the better of source and target alone, on development draws:

    >>> import rmt_alpha as ra
    >>> from rmt_alpha.experiments.study.transfers.draws import DEVELOPMENT_SEEDS
    >>> scores = run_cells(
    ...     ["digits_writers"],
    ...     [20],
    ...     DEVELOPMENT_SEEDS[:3],
    ...     ["source", "ridge_target"],
    ...     candidates={"mine": ra.AlphaRidgeClassifierCV(criterion="loo_mse")},
    ... )
    >>> print(scores.text("mine"))  # doctest: +SKIP
    """
    names = available_families() if families is None else [find_family(name).name for name in families]
    asked = None if methods is None else tuple(methods)
    for name in asked or ():
        check_choice("methods", name, EVERY_METHOD)
    if not precision > 0:
        raise ValueError(f"precision must be positive, in points, got {precision}")
    chosen, every = dict(candidates or {}), (*seeds, *further)
    cells = dict.fromkeys(itertools.product(names, sizes), every[: len(seeds)])
    values: dict[Entry, float] = {}
    work = partial(_compute, candidates=chosen, data=None if data is None else os.fspath(data))
    with Record(record, BLOCKS, make=compute) as store:
        while True:
            wanted = [e for e in _recorded(cells, asked, logistic, hindsight) if e.method not in chosen]
            wanted = [entry for entry in wanted if entry not in values]
            for row in store.read([key_of(entry.parameters) for entry in wanted]):
                entry = Entry(**json.loads(row.parameters))
                if not (compute and again and is_ours(entry.method)):
                    values[entry] = row.content
            if compute:
                extra = [Entry("transfers", *at, i, m) for at in cells for i in cells[at] for m in chosen]
                jobs = _jobs([entry for entry in [*wanted, *extra] if entry not in values])
                with (
                    open_pool(n_jobs, None, scheduler, wait_for_workers) as pool,
                    closing(pool.run(jobs, work)) as answers,
                ):
                    bar = progress_bar(progress, len(jobs), "job", steps=answers, dynamic_ncols=True)
                    for _, (code, place, done) in bar:
                        values |= done
                        kept = [(e.parameters, value) for e, value in done.items() if e.method not in chosen]
                        store.write(kept, signature(code), (place_here(), place))
            scores = Scores.gather((*entry[1:], value) for entry, value in values.items())
            needed = scores.draws_for(precision)
            more = {cell: every[:n] for cell, n in needed.items() if len(every[:n]) > len(cells[cell])}
            if not more:
                return scores
            cells |= more


def _recorded(
    cells: Mapping[Cell, Sequence[int]], asked: tuple[str, ...] | None, logistic: int, hindsight: bool
) -> list[Entry]:
    """What may be in a record, for these seeds of each cell."""
    entries = []
    for cell, seeds in cells.items():
        kind = find_family(cell[0]).kind
        bounds = bounds_of(kind) if hindsight else ()
        known = {*method_names(kind, logistic=True), *bounds_of(kind)}
        plain = [name for name in (method_names(kind) if asked is None else asked) if name in known]
        for i, seed in enumerate(seeds):
            more = [LOGISTIC] if i < logistic and LOGISTIC in known else []
            methods = dict.fromkeys([*plain, *more, *bounds])
            entries += [Entry("transfers", *cell, seed, method) for method in methods]
    return entries


def bounds_of(kind: str) -> tuple[str, ...]:
    """The methods that choose by rows that nobody has, of a kind of family."""
    of_classes = () if kind == "regression" else tuple(BOUNDS)
    return (*of_classes, *GIFT_METHODS) if kind == KINDS[0] else of_classes


def available_families() -> list[str]:
    """All families but those whose encoder is missing."""
    return [name for name, family in FAMILIES.items() if family.available()]


def _jobs(entries: Iterable[Entry]) -> list[list[Entry]]:
    """Those of a few draws of one cell together; cells in the order in which they come."""
    cells: dict[tuple[str, int], dict[int, list[Entry]]] = {}
    for entry in entries:
        cells.setdefault((entry.family, entry.n), {}).setdefault(entry.seed, []).append(entry)
    jobs = []
    for name in dict.fromkeys(name for name, _ in cells):  # a process keeps the rows of two families
        for draws in (draws for (family, _), draws in cells.items() if family == name):
            parts = list(draws.values())
            starts = range(0, len(parts), SEEDS_OF_A_JOB)
            jobs += [[*itertools.chain(*parts[start : start + SEEDS_OF_A_JOB])] for start in starts]
    return jobs


def _compute(
    entries: list[Entry], candidates: Mapping[str, Candidate], data: str | None
) -> dict[Entry, float]:
    """The scores; none where the target is too small for n."""
    values: dict[Entry, float] = {}
    with one_blas_thread():
        for (name, n, seed), same in itertools.groupby(entries, key=lambda entry: entry[1:4]):
            rows = prepared(name, data)
            if 2 * n > len(rows.labels):
                continue
            draw = Draw.at(find_family(name), rows, n, seed)
            found = {entry: score(draw, entry.method, candidates) for entry in same}
            values |= {entry: value for entry, value in found.items() if not math.isnan(value)}
    return values
