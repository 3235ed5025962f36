"""What pytest leaves out where an extra is not installed; settings of the tests are in tests/conftest.py."""

from __future__ import annotations

import importlib.util

# The docstrings and tests of the extra `peft`. One test stays, to say so: tests/lora/test_extra.py. Of the
# comparison on GLUE, what reads data and records needs nothing more.
if any(importlib.util.find_spec(name) is None for name in ("torch", "transformers", "peft", "accelerate")):
    collect_ignore_glob = [
        "rmt_alpha/lora/*",
        "tests/lora/test_[!e]*",
        "tests/tiny_transformers.py",
        "tests/two_processes.py",
        "tests/glue/test_runs*",
        "rmt_alpha/glue/alpha_map.py",
        "rmt_alpha/glue/alphas.py",
        "rmt_alpha/glue/curves.py",
        "rmt_alpha/glue/encoder.py",
        "rmt_alpha/glue/evaluation.py",
        "rmt_alpha/glue/experiment.py",
        "rmt_alpha/glue/methods.py",
        "rmt_alpha/glue/players.py",
        "rmt_alpha/glue/tokens.py",
        "rmt_alpha/glue/training.py",
        "rmt_alpha/glue/workbench.py",
    ]
