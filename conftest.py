"""What pytest leaves out where an extra is not installed; settings of the tests are in tests/conftest.py."""

from __future__ import annotations

import importlib.util

# Scripts that `poe docs` runs; importing them draws.
collect_ignore_glob = ["docs/*.py", "docs/gallery/*"]
# The docstrings and tests of the extra `peft`. One test stays, to say so: tests/lora/test_extra.py. Of the
# comparison on GLUE, what reads data and records needs nothing more.
if any(importlib.util.find_spec(name) is None for name in ("torch", "transformers", "peft", "accelerate")):
    collect_ignore_glob += [
        "rmt_alpha/lora/*",
        "tests/lora/test_[!e]*",
        "tests/helpers/tiny_transformers.py",
        "tests/helpers/two_processes.py",
        "tests/experiments/networks/test_runs*",
        "rmt_alpha/experiments/networks/experiment.py",
        "rmt_alpha/experiments/networks/extras.py",
        "rmt_alpha/experiments/networks/trained_pairs.py",
        "rmt_alpha/experiments/networks/transfer/*",
        "rmt_alpha/experiments/networks/training/*",
    ]
