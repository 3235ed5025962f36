"""A Dask cluster that may grow and shrink: tasks go to workers that have our code, and to no others.

joblib's Dask backend counts the threads once, at the start; so this talks to `distributed` itself.
"""

from __future__ import annotations

import math
import queue
import re
import time
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterable
from typing import Any, NamedTuple, TypeVar

from rmt_alpha._core.machine.code import Answer, Code, answer, code_here, difference

T = TypeVar("T")
CONNECT_SECONDS = 20.0
"""For the scheduler to answer, and for the workers of the start to say which code they have."""
POLL_SECONDS = 0.5
"""How often the workers are counted."""
LOST_SECONDS = 10.0
"""A scheduler that is silent for so long is lost."""
SAY_SECONDS = 3.0
"""After so long without a worker a warning says so."""
AHEAD = 2
"""Tasks in flight for each thread: one is computed, the next one is there when it ends."""
PROTOCOLS = ("tcp", "tls", "ws", "wss", "ucx")
_ADDRESS = re.compile(
    r"(?:(?P<protocol>[a-z]+)://)?(?P<host>\[[0-9a-fA-F:.%\w]+\]|[^\s:/\[\]]+):(?P<port>\d+)"
)


def check_address(scheduler: str) -> str:
    """``scheduler`` if it can be the address of one; ValueError at once, not when a connection times out."""
    if not isinstance(scheduler, str):
        raise TypeError(f"scheduler must be an address, 'tcp://HOST:PORT', got {scheduler!r}")
    if re.fullmatch(r"inproc://\S+", scheduler):
        return scheduler
    found = _ADDRESS.fullmatch(scheduler)
    protocol = found and (found["protocol"] or "tcp")
    if found is None or protocol not in PROTOCOLS or not 0 < int(found["port"]) < 2**16:
        hint = ""
        if scheduler.startswith("http"):
            hint = "; http is the address of the dashboard, the scheduler prints its own when it starts"
        elif not re.search(r":\d+$", scheduler):
            hint = "; the port is missing, which is 8786 unless it was chosen"
        raise ValueError(f"scheduler must be an address, tcp://HOST:PORT, got {scheduler!r}{hint}")
    return scheduler


def check_patience(wait_for_workers: float) -> float:
    """``wait_for_workers`` as a number of seconds, at least 0; inf is for ever."""
    if isinstance(wait_for_workers, bool) or not isinstance(wait_for_workers, int | float):
        raise TypeError(f"wait_for_workers must be a number of seconds, got {wait_for_workers!r}")
    if math.isnan(wait_for_workers) or wait_for_workers < 0:
        raise ValueError(
            f"wait_for_workers must be at least 0 seconds (inf: for ever), got {wait_for_workers}"
        )
    return float(wait_for_workers)


class ClusterPool:
    """The workers of a Dask cluster.

    Parameters
    ----------
    client : distributed.Client
        Connected.
    code : dict
        That the workers must have.
    patience : float
        Seconds to go on without any worker, at the start and later.

    Raises
    ------
    ValueError
        If a worker that is there now has other code.
    """

    def __init__(self, client: Any, code: Code, patience: float) -> None:
        self.client, self.patience = client, patience
        self.address = str(client.scheduler.address)
        self.workers = Workers(client, code)
        self._without_since: float | None = None
        self._said = False
        for reason in self.workers.first_refusals():
            raise ValueError(
                f"{reason}: results would depend on where a cell is computed; install the same there"
            )

    @property
    def count(self) -> int:
        """Threads that are there now, or one."""
        return max(1, self.workers.threads)

    @property
    def text(self) -> str:
        """For people."""
        threads = self.workers.threads
        how_many = f"{threads} thread{'s' * (threads != 1)}" if threads else "no workers yet"
        return f"a Dask cluster of {how_many} at {self.address}"

    def run(self, tasks: Iterable[T], function: Callable[[T], object]) -> Generator[tuple[T, Answer]]:
        """Each task with its answer as soon as it is finished, in any order.

        Tasks that were given to workers of other code, or to workers that are gone, are given to others.

        Raises
        ------
        ConnectionError
            If the scheduler does not answer any more, or no worker has been there for `patience` seconds.
        """
        flight = _Flight(self.client, self.workers.code, function)
        source, looked = iter(tasks), -math.inf
        more = True
        try:
            while more or flight.busy:
                if time.monotonic() - looked >= POLL_SECONDS:
                    self._look()
                    flight.call_back(self.workers.able)
                    looked = time.monotonic()
                while more and self.workers.able and flight.size < AHEAD * self.workers.threads:
                    task = next(source, _NONE)
                    more = task is not _NONE
                    if more:
                        flight.send(task, self.workers.able)
                flight.send_again(self.workers.able)
                landed = flight.next_landed(POLL_SECONDS)
                if landed is None:
                    self._check_scheduler()
                elif not (reason := difference(landed.answer[0], self.workers.code)):
                    yield landed.task, landed.answer
                else:
                    self.workers.refuse(landed.answer[1], reason)
                    flight.again.append(landed.task)
        finally:
            flight.cancel()

    def _look(self) -> None:
        self._check_scheduler()
        try:
            self.workers.look()
        except (OSError, TimeoutError):
            raise self._lost() from None
        now = time.monotonic()
        if self.workers.able:
            self._without_since, self._said = None, False
            return
        self._without_since = now if self._without_since is None else self._without_since
        without = now - self._without_since
        if without >= self.patience:
            raise ConnectionError(
                f"there was no worker at {self.address} for {self.patience:g} seconds{self._refused()}; "
                "start some, or wait longer with wait_for_workers"
            )
        if without >= min(SAY_SECONDS, self.patience / 2) and not self._said:
            self._said = True
            left = f"{self.patience - without:.0f} seconds more" if self.patience < math.inf else "for one"
            _say(f"there is no worker at {self.address}{self._refused()}; waiting {left}")

    def _refused(self) -> str:
        number = len(self.workers.refused)
        return f" ({number} with other code are not used)" if number else ""

    def _check_scheduler(self) -> None:
        if self.client.status != "running":
            raise self._lost()

    def _lost(self) -> ConnectionError:
        return ConnectionError(f"the scheduler at {self.address} does not answer any more")


_NONE: Any = object()


def _say(message: str) -> None:
    """A warning that is shown each time, also where the same happens again."""
    warnings.warn_explicit(message, UserWarning, __file__, 0)


class Workers:
    """Who is there, with how many threads, and who of them has the code that is asked for."""

    def __init__(self, client: Any, code: Code) -> None:
        self.client, self.code = client, code
        self.able: dict[str, int] = {}
        """Threads by address."""
        self.refused: dict[str, str] = {}
        """What is wrong, by address."""
        self._asked: dict[str, Any] = {}

    @property
    def threads(self) -> int:
        """Of all who may compute."""
        return sum(self.able.values())

    def first_refusals(self) -> list[str]:
        """What is wrong with the workers that are there now, once they have all answered."""
        deadline = time.monotonic() + CONNECT_SECONDS
        self._look()
        while self._asked and time.monotonic() < deadline:
            time.sleep(0.02)
            self._look()
        return [f"the Dask worker {address} {reason}" for address, reason in self.refused.items()]

    def look(self) -> None:
        """Find who came and who went; warn of those who came with other code."""
        known = set(self.refused)
        self._look()
        for address in self.refused.keys() - known:
            self._warn(address)

    def refuse(self, address: str, reason: str) -> None:
        """Send no more tasks there."""
        if address not in self.refused:
            self.able.pop(address, None)
            self.refused[address] = reason
            self._warn(address)

    def _warn(self, address: str) -> None:
        reason = self.refused[address]
        _say(f"the Dask worker {address} {reason}; what it computes is not used")

    def _look(self) -> None:
        there = self.client.sync(self.client.scheduler.ncores, callback_timeout=LOST_SECONDS)
        self.refused = {address: why for address, why in self.refused.items() if address in there}
        self._asked = {address: future for address, future in self._asked.items() if address in there}
        for address in there.keys() - self.able.keys() - self.refused.keys() - self._asked.keys():
            # A new key each time: an address may come back with other code.
            self._asked[address] = self.client.submit(code_here, workers=[address], pure=False)
        self.able = {address: there[address] for address in self.able if address in there}
        for address, future in list(self._asked.items()):
            if future.done():
                del self._asked[address]
                self._judge(address, there[address], future)

    def _judge(self, address: str, threads: int, future: Any) -> None:
        if future.status == "error":  # no package, or one that cannot say
            self.refused[address] = f"has no rmt_alpha like this one ({future.exception()})"
            return
        try:
            found = future.result(timeout=LOST_SECONDS)
        except Exception:  # gone meanwhile: asked again if it comes back
            return
        if reason := difference(found, self.code):
            self.refused[address] = reason
        else:
            self.able[address] = threads


class _Landed(NamedTuple):
    task: Any
    answer: Answer


class _Flight:
    """Tasks that were sent and are not back."""

    def __init__(self, client: Any, code: Code, function: Callable[[Any], object]) -> None:
        self.client, self.code, self.function = client, code, function
        self.again: deque[Any] = deque()
        """To be sent once more."""
        self._sent: dict[Any, tuple[Any, frozenset[str]]] = {}
        self._done: queue.SimpleQueue[Any] = queue.SimpleQueue()

    @property
    def size(self) -> int:
        return len(self._sent) + len(self.again)

    @property
    def busy(self) -> bool:
        return self.size > 0

    def send(self, task: Any, able: Iterable[str]) -> None:
        to = sorted(able)
        future = self.client.submit(answer, self.code, self.function, task, workers=to, pure=False)
        self._sent[future] = task, frozenset(to)
        future.add_done_callback(self._done.put)

    def send_again(self, able: Iterable[str]) -> None:
        while self.again and able:
            self.send(self.again.popleft(), able)

    def call_back(self, able: Iterable[str]) -> None:
        """Tasks whose workers are all gone, which nobody would ever compute."""
        there = set(able)
        for future, (task, to) in list(self._sent.items()):
            if not future.done() and not (to & there):
                del self._sent[future]
                future.cancel()
                self.again.append(task)

    def next_landed(self, seconds: float) -> _Landed | None:
        """The next answer, or None; what a worker raises is raised."""
        try:
            future = self._done.get(timeout=seconds)
        except queue.Empty:
            return None
        if future not in self._sent:
            return None  # called back
        task, _ = self._sent.pop(future)
        if future.status == "error":
            raise future.exception()
        try:
            return _Landed(task, future.result(timeout=LOST_SECONDS))
        except Exception:  # cancelled, or gone with its worker before it was fetched
            self.again.append(task)
            return None

    def cancel(self) -> None:
        if self._sent and self.client.status == "running":
            self.client.cancel(list(self._sent))
        self._sent.clear()
