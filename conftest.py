"""What pytest leaves out where an extra is not installed; the settings of the tests are in tests/conftest.py."""

from __future__ import annotations

import importlib.util

# The docstrings and tests of the extra `peft`. One test stays, to say so: tests/lora/test_extra.py. Of the
# comparison on GLUE, what reads data and records needs nothing more.
if any(importlib.util.find_spec(name) is None for name in ("torch", "transformers", "peft", "accelerate")):
    collect_ignore_glob = ["rmt_alpha/lora/*", "tests/lora/test_[!e]*", "tests/glue/test_runs*"]
    collect_ignore_glob += [
        f"rmt_alpha/glue/{name}.py"
        for name in ("alpha_map", "alphas", "curves", "experiment", "methods", "tokens", "training")
    ]
