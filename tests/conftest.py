"""Settings of every test run."""

from __future__ import annotations

import gc
import logging
import os
import sys

import pytest
from hypothesis import settings

# Figures are drawn to files; no test may need a screen.
os.environ.setdefault("MPLBACKEND", "Agg")
# The matrices here are small: one BLAS thread is faster than several, and much faster on a busy machine. Read
# when numpy is first imported, which is later than this.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

# The same examples every time, so that a failure belongs to the change and not to the day. A test sets no
# max_examples of its own: that would override the profiles, and the exploring run would not explore it.
settings.register_profile("ci", derandomize=True, deadline=None, max_examples=15, print_blob=True)
# Fresh examples every time, many of them; failures are remembered in .hypothesis/ and tried first next time.
settings.register_profile("explore", deadline=None, max_examples=5_000, print_blob=True)
settings.load_profile("ci")

# What the package tells is there for a test to read. Set once: pytest's `log_level` sets it anew around every
# part of every test, and each time hundreds of loggers forget what they have found out.
logging.getLogger().setLevel(logging.INFO)

# Modules and test items live as long as the process: nobody looks through them for garbage again and again,
# neither while they are collected nor later.
gc.disable()


def pytest_runtestloop():
    gc.freeze()
    gc.set_threshold(50_000)  # instead of 700: arrays leave no cycles, and looking for them takes time
    gc.enable()


@pytest.fixture(autouse=True)
def _no_figures_left():
    """Close what ``plot`` opened: pyplot keeps figures."""
    yield
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        pyplot.close("all")
