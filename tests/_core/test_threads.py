"""One BLAS thread, whoever else is in the process."""

from __future__ import annotations

import sys
import threading

import pytest
from threadpoolctl import ThreadpoolController, threadpool_info, threadpool_limits

from rmt_alpha._core.machine import threads
from rmt_alpha._core.machine.threads import one_blas_thread


def blas_threads() -> set[int]:
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def in_another_thread(function) -> threading.Thread:
    thread = threading.Thread(target=function)
    thread.start()
    return thread


@pytest.fixture
def three_blas_threads():
    """Whatever the machine and OMP_NUM_THREADS say; set by a thread that does not stay to control it."""
    before = blas_threads()
    in_another_thread(lambda: threadpool_limits(3)).join()
    assert blas_threads() == {3}
    yield
    in_another_thread(lambda: threadpool_limits(max(before))).join()


def test_blas_stays_on_one_thread_until_the_last_task_leaves(three_blas_threads):
    inside, leave = threading.Event(), threading.Event()

    def first_task():
        with one_blas_thread():
            inside.set()
            leave.wait(10)

    thread = in_another_thread(first_task)
    assert inside.wait(10)
    with one_blas_thread():
        assert blas_threads() == {1}
        leave.set()
        thread.join()
        assert blas_threads() == {1}
    assert blas_threads() == {3}


def test_limit_can_be_set_by_others_afterwards(three_blas_threads):
    for _ in range(2):
        with one_blas_thread(), one_blas_thread():
            assert blas_threads() == {1}
        in_another_thread(lambda: threadpool_limits(2)).join()
        assert blas_threads() == {2}


def test_libraries_are_looked_for_again_only_after_an_import(monkeypatch):
    scans: list[int] = []
    real = ThreadpoolController
    monkeypatch.setattr(threads, "ThreadpoolController", lambda: [scans.append(1), real()][1])
    monkeypatch.setattr(threads, "_controller", None)
    for _ in range(5):
        with one_blas_thread(), one_blas_thread():
            pass
    assert len(scans) == 1
    monkeypatch.setitem(sys.modules, "a_new_module", sys)
    with one_blas_thread():
        pass
    assert len(scans) == 2
