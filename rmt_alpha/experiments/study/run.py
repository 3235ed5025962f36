"""`run_study`: compute the blocks that the record does not have yet."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from contextlib import closing
from functools import lru_cache, partial
from pathlib import Path

import numpy as np

from rmt_alpha._core.machine.code import place_here, signature
from rmt_alpha._core.machine.progress import progress_bar
from rmt_alpha._core.machine.threads import one_blas_thread
from rmt_alpha._core.records.record import Record
from rmt_alpha._core.types import FilePath
from rmt_alpha.experiments.data.amazon_task import MeanEstimate, draw_splits, ridge
from rmt_alpha.experiments.reference_formula import reference_curve
from rmt_alpha.experiments.study.methods import accuracies, baseline_accuracies, logistic_accuracies
from rmt_alpha.experiments.study.protocols import PROTOCOLS, Array, Transfer
from rmt_alpha.experiments.study.tasks import BLOCKS, Block, Results, find_study, recorded
from rmt_alpha.validation.sweeps.workers import PATIENCE, open_pool

SEEDS = (1, 123, 404)
SPLITS = 20
LOGISTIC = 2
"""The first splits of each seed, on which the logistic estimator runs: many samples take it seconds."""
BLOCK = 10
"""Splits of a block."""
GAMMA_SOURCE = 1.0


def plan(
    name: str,
    *,
    pairs: Sequence[str] | None = None,
    sizes: Sequence[int] | None = None,
    seeds: Sequence[int] = SEEDS,
    splits: int = SPLITS,
    baselines: int = SPLITS,
    logistic: int = LOGISTIC,
    protocols: Sequence[str] = PROTOCOLS,
) -> list[Block]:
    """The blocks of a study, in an order in which an interrupted run has a bit of everything."""
    study = find_study(name)
    seeds, sizes, pairs = list(seeds), list(sizes or study.sizes), list(pairs or study.pairs)
    cells = list(itertools.product(sizes, pairs))
    blocks = []
    for protocol in protocols:
        for start, seed in itertools.product(range(0, splits, BLOCK), seeds):
            size = min(BLOCK, splits - start)
            blocks += [Block(name, pair, n, protocol, "choices", seed, start, size) for n, pair in cells]
        for part, count in (("baselines", baselines), ("logistic", logistic)):
            for start, seed in itertools.product(range(min(count, splits)), seeds):
                blocks += [Block(name, pair, n, protocol, part, seed, start, 1) for n, pair in cells]
    return blocks


def run_study(
    blocks: Sequence[Block],
    record: Path | None,
    *,
    data: FilePath | None = None,
    n_jobs: int = 1,
    scheduler: str | None = None,
    wait_for_workers: float = PATIENCE,
    progress: bool = False,
) -> list[tuple[Block, Results]]:
    """Compute the blocks of a `plan` that the record lacks, write each at once, and return all asked for.

    ``record`` is an SQLite file, or None for none; workers are those of `sweep`, which must find the data.
    """
    with Record(record, BLOCKS) as store, open_pool(n_jobs, None, scheduler, wait_for_workers) as pool:
        done = {block for block, _ in recorded(store, blocks)}
        missing = [block for block in blocks if block not in done]
        work = partial(compute, data=None if data is None else os.fspath(data))
        with closing(pool.run(missing, work)) as answers:
            bar = progress_bar(progress, len(missing), "block", steps=answers, dynamic_ncols=True)
            for _, (code, place, (block, accuracy)) in bar:
                store.write([(block.parameters, accuracy)], signature(code), (place_here(), place))
        return recorded(store, blocks)


def compute(block: Block, data: str | None) -> tuple[Block, Results]:
    """The accuracies of one block."""
    with one_blas_thread():
        transfer, weights, inputs = _prepared(block.study, block.pair, block.protocol, data)
        sizes = {"p": weights.size, "n": block.n, "N": len(transfer.source_labels)}
        reference = reference_curve(**inputs, **sizes, gamma=1.0, gamma_source=GAMMA_SOURCE)
        alpha = reference.optimal_alpha()
        rows = len(transfer.target.labels)
        if block.n >= rows:
            raise ValueError(f"n must be below the {rows} rows of {transfer.target.name}, got {block.n}")
        drawn = draw_splits(rows, block.n, block.seed, block.start + block.splits)
        results = []
        for i, (train, test) in enumerate(drawn):
            if i < block.start:
                continue
            split = transfer.split(train, test)
            if block.part == "choices":
                results.append(accuracies(split, weights, alpha))
            elif block.part == "logistic":
                results.append(logistic_accuracies(split, weights))
            else:
                pooled = (transfer.source_features, transfer.source_labels)
                results.append(baseline_accuracies(split, weights, pooled))
    return block, results


@lru_cache(maxsize=2)
def _prepared(
    study: str, pair: str, protocol: str, data: str | None
) -> tuple[Transfer, Array, dict[str, float]]:
    """The transfer, its source classifier, and what the oracle knows: means from all rows and labels."""
    found = find_study(study)
    source, target = found.load(pair, data)
    transfer = Transfer.prepare(source, target, found.n_source, protocol)
    weights = ridge(transfer.source_features, transfer.source_labels, GAMMA_SOURCE)
    return transfer, weights, _oracle_inputs(transfer)


def _oracle_inputs(transfer: Transfer) -> dict[str, float]:
    target = transfer.target
    known = MeanEstimate.from_rows(transfer.source_features, transfer.source_labels)
    goal = MeanEstimate.from_rows(target.features - target.features.mean(axis=0), target.labels)
    beta = float(known.vector @ goal.vector) / known.inner_norm**2
    across = float(np.linalg.norm(goal.vector - beta * known.vector))
    return {"mu": known.inner_norm, "beta": min(max(beta, -1.0), 1.0), "mu_orth": across}
