"""The process that has cells computed and records them, alone or beside others on the same store."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from contextlib import closing
from typing import NoReturn

import numpy as np
from tqdm import tqdm

from rmt_alpha._core.machine.code import signature
from rmt_alpha._core.records.record_claims import Claims
from rmt_alpha.validation.sweeps import workers
from rmt_alpha.validation.sweeps.cell import CellResult, compute
from rmt_alpha.validation.sweeps.grid import Grid, Part
from rmt_alpha.validation.sweeps.plan import predicted_seconds, tasks
from rmt_alpha.validation.sweeps.result import Collector
from rmt_alpha.validation.sweeps.store import Store
from rmt_alpha.validation.sweeps.theory import as_arrays
from rmt_alpha.validation.sweeps.workers import CellTask, Pool

EVALUATED = 5000
"""Cells of theory alone that are evaluated at a time."""
CLAIM_SECONDS = 1.0
"""Work of about so long for every worker is claimed at a time: claiming costs a transaction."""
WAIT_SECONDS = 0.5
"""How often a driver that has nothing left to claim looks what others have recorded."""


class Driver:
    """Computes cells that a store lacks.

    Parameters
    ----------
    pool : Pool
        Who computes.
    records : Store
        Where results go at once.
    result : Collector
        Where they go for the caller.
    bar : tqdm
        Told of every cell that is finished, by this driver or another.
    """

    def __init__(self, pool: Pool, records: Store, result: Collector, bar: tqdm[NoReturn]) -> None:
        self._pool, self._records, self._result, self._bar = pool, records, result, bar
        self._theirs: list[int] = []
        self._failure: Exception | None = None
        self.done = 0
        """Cells that this driver had computed."""

    def run(self, todo: Part) -> None:
        """Have all cells computed, by this driver or by others."""
        if not len(todo):
            return  # and ask for no workers
        if self._records.path is None and todo.grid.replicates == 0 and todo.grid.together:
            self._evaluate(todo.grid)
            return
        with self._records.claims() as claims:
            self._compute(self._claimed(todo, claims), claims)
            while self._theirs:
                if not self._recall(todo):
                    time.sleep(WAIT_SECONDS)
                left = Part(todo.grid, np.isin(np.arange(todo.grid.size), self._theirs))
                self._theirs = []
                # Whoever had claimed them may have died.
                if free := list(self._claimed(left, claims)):
                    self._compute(iter(free), claims)

    def _evaluate(self, grid: Grid) -> None:
        """Theory alone that nobody records: the whole grid as arrays, without a cell in between."""
        for start in range(0, grid.size, EVALUATED):
            part = np.arange(start, min(start + EVALUATED, grid.size))
            for places, fields in grid.columns(part):
                try:
                    self._result.put_theory(places, *as_arrays(fields, grid.alpha, len(places)))
                except Exception:  # of some of them, which has to be found
                    wanted = np.isin(np.arange(grid.size), places, assume_unique=True)
                    found = compute(tuple(Part(grid, wanted)))
                    self._result.put(places.tolist(), [of_cell.content for of_cell in found])
            self.done += len(part)
            self._bar.update(len(part))

    def _compute(self, work: Iterator[CellTask], claims: Claims) -> None:
        # Closed even if writing fails: the workers must not go on.
        with closing(self._pool.run(work, workers.run_task)) as answers:
            for task, (code, place, finished) in answers:
                self._record(task, finished, signature(code), (claims.driver, place))
                self._result.put(task.places, [of_cell.content for of_cell in finished])
                self._bar.update(len(finished))
        if self._failure is not None:
            raise self._failure

    def _record(self, task: CellTask, finished: list[CellResult], code: str, where: tuple[str, str]) -> None:
        before = self.done
        try:
            if self._records.path is not None:
                self._records.add(finished, code, where)
            self.done = before + len(finished)
        except KeyboardInterrupt:
            # It mostly comes in the write to the disk, and is heard when that is done.
            self.done = before + len(self._records.found([cell.key for cell in task.cells])[0])
            raise

    def _claimed(self, cells: Part, claims: Claims) -> Iterator[CellTask]:
        """Tasks of cells that nobody else computes; joblib asks for them in threads of its own."""
        places = cells.places
        parts = tasks(cells, self._pool.count)
        work = (CellTask(list(itertools.islice(places, len(part))), part) for part in parts)
        try:
            while batch := list(self._batch(work)):
                free = claims.take([cell.key for task in batch for cell in task.cells])
                for task in batch:
                    mine = [cell.key in free for cell in task.cells]
                    self._theirs += [at for at, is_mine in zip(task.places, mine, strict=True) if not is_mine]
                    if any(mine):
                        kept = tuple(itertools.compress(task.cells, mine))
                        yield CellTask(list(itertools.compress(task.places, mine)), kept)
        except Exception as error:  # an exception in a thread of joblib's would be lost, and the sweep wait
            self._failure = error

    def _batch(self, work: Iterator[CellTask]) -> Iterator[CellTask]:
        seconds = 0.0
        for task in work:
            seconds += sum(map(predicted_seconds, task.cells))
            yield task
            if seconds >= CLAIM_SECONDS * self._pool.count:
                return

    def _recall(self, todo: Part) -> bool:
        """Collect what other drivers have recorded meanwhile; whether there was anything."""
        wanted = np.isin(np.arange(todo.grid.size), self._theirs)
        cells = Part(todo.grid, wanted)
        places = list(cells.places)
        found, contents = self._records.found([cell.key for cell in cells])
        recorded = [places[at] for at in found]
        self._result.put(recorded, contents)
        self._bar.update(len(found))
        self._theirs = sorted(set(self._theirs).difference(recorded))
        return bool(found)
