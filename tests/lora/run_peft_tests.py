"""PEFT's own tests of LoRA, run on alpha-LoRA: ``python tests/lora/run_peft_tests.py CHECKOUT [files]``.

CHECKOUT is a checkout of huggingface/peft near the installed version.  In its ``tests/``, which are copied
to a temporary folder and not edited, `LoraConfig` is `AlphaLoraConfig`, with a random alpha where a test asks
for random weights.  Tests of other methods are left out.  Every outcome falls in one class: passed; refused,
with the error of this package; not run, for want of a network or a library; or wrong.  Exit status 1 if any
is wrong.
"""

from __future__ import annotations

import collections
import importlib.abc
import importlib.machinery
import importlib.util
import inspect
import os
import re
import shutil
import sys
import tempfile
import types
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = ["test_custom_models.py", "test_low_level_api.py", "test_helpers.py", "test_tuners_utils.py"]
OURS = re.compile(r"(?<!\w)LoraConfig")
NO_NETWORK = re.compile(
    r"huggingface\.co|offline mode|LocalEntryNotFound|local_files_only|No module named|outgoing traffic",
    re.IGNORECASE,
)


class Plugin:
    """Puts our configuration in LoRA's place, chooses the tests, and sorts the outcomes."""

    def __init__(self) -> None:
        self.outcomes: dict[str, list[tuple[str, str]]] = collections.defaultdict(list)

    def pytest_configure(self) -> None:
        import peft
        import peft.tuners.lora
        import torch

        from rmt_alpha.lora import AlphaLoraConfig
        from rmt_alpha.lora.variant import AlphaVariant

        peft.LoraConfig = peft.tuners.lora.LoraConfig = AlphaLoraConfig
        self.config, plain = AlphaLoraConfig, AlphaVariant.init

        def init(module: Any, adapter_name: str, config: Any, **kwargs: Any) -> None:
            plain(module, adapter_name, config, **kwargs)
            if config.init_lora_weights is False:
                torch.nn.init.normal_(module.lora_rescale[adapter_name].offset, std=0.3)

        AlphaVariant.init = staticmethod(init)  # type: ignore[method-assign]

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        items[:] = [item for item in items if self._is_of_lora(item)]

    def _is_of_lora(self, item: Any) -> bool:
        parameters = getattr(getattr(item, "callspec", None), "params", {})
        classes = [value for value in parameters.values() if inspect.isclass(value)]
        configs = [value for value in classes if value.__name__.endswith("Config")]
        return self.config in configs if configs else bool(OURS.search(inspect.getsource(item.function)))

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: Any) -> Any:
        report = (yield).get_result()
        if report.when == "call" or (report.when == "setup" and not report.passed):
            self.outcomes[self._class(report, call)].append((item.nodeid, _reason(report, call)))

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:  # a library is missing, or this version of PEFT lacks what the file imports
            last = str(report.longrepr).strip().splitlines()[-1]
            self.outcomes["not run"].append((report.nodeid, f"{Path(report.nodeid).name}: {last}"[:110]))

    @staticmethod
    def _class(report: Any, call: Any) -> str:
        if report.passed or hasattr(report, "wasxfail") or call.excinfo is None:  # or passes unexpectedly
            return "passed"
        if report.skipped:
            return "not run"
        for error in _chain(call.excinfo.value):
            frames = _files(error)
            if isinstance(error, ValueError | TypeError) and any("/rmt_alpha/" in f for f in frames[-1:]):
                return "refused"
        return "not run" if NO_NETWORK.search(str(report.longrepr)) else "wrong"


def _chain(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


def _files(error: BaseException) -> list[str]:
    found, trace = [], error.__traceback__
    while trace is not None:
        found.append(trace.tb_frame.f_code.co_filename)
        trace = trace.tb_next
    return found


def _reason(report: Any, call: Any) -> str:
    if call.excinfo is None:
        return ""
    if report.skipped:
        return str(call.excinfo.value)[:90]
    errors = [e for e in _chain(call.excinfo.value) if any("/rmt_alpha/" in f for f in _files(e)[-1:])]
    shown = (errors or [call.excinfo.value])[0]
    for pattern in (r"PEFT makes it an? (\w+)", r"^(\w+=?'?[a-z]*'?)\S* .*cannot be combined"):
        if errors and (found := re.search(pattern, str(shown))):
            return found.group(1)
    return re.sub(r"\s+", " ", f"{type(shown).__name__}: {shown}")[:110]


class _Absent(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Stands in for diffusers, which PEFT's common test module imports."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        return (
            importlib.machinery.ModuleSpec(name, self)
            if name.split(".", maxsplit=1)[0] == "diffusers"
            else None
        )

    def create_module(self, spec: Any) -> types.ModuleType:
        module = types.ModuleType(spec.name)
        module.__path__ = []
        module.__dict__["__getattr__"] = lambda name: MagicMock()
        return module

    def exec_module(self, module: types.ModuleType) -> None:
        return None


def report(outcomes: dict[str, list[tuple[str, str]]]) -> str:
    """A Markdown table: how many of each class, and why."""
    lines = ["| outcome | tests | why |", "| --- | --- | --- |"]
    for kind in ("passed", "refused", "not run", "wrong"):
        found = outcomes.get(kind, [])
        reasons = collections.Counter(reason for _, reason in found if reason and kind != "passed")
        lines.append(f"| {kind} | {len(found)} | |")
        lines += [f"| | {count} | {reason} |" for reason, count in reasons.most_common(12)]
    return "\n".join(lines + [f"wrong: {name}" for name, _ in outcomes.get("wrong", [])])


def main(arguments: list[str]) -> int:
    """Run, print the table; 1 if anything is wrong, 2 without a checkout."""
    if not arguments or not Path(arguments[0], "tests", "testing_common.py").is_file():
        sys.stderr.write(f"{__doc__}\n")
        return 2
    os.environ["HF_HUB_OFFLINE"] = "1"
    sys.path.insert(0, str(ROOT))
    if importlib.util.find_spec("diffusers") is None:
        sys.meta_path.append(_Absent())
    plugin = Plugin()
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(Path(arguments[0], "tests"), Path(folder, "tests"))
        Path(folder, "pytest.ini").write_text("[pytest]\nmarkers =\n  regression\n", encoding="utf-8")
        chosen = [arg if arg.startswith("-") else f"{folder}/tests/{arg}" for arg in arguments[1:]]
        chosen = chosen or [f"{folder}/tests/{name}" for name in FILES]
        options = [
            "-q",
            "--no-header",
            "--tb=no",
            "--continue-on-collection-errors",
            "-p",
            "no:cacheprovider",
            "--rootdir",
            folder,
        ]
        pytest.main([*chosen, *options, "-c", f"{folder}/pytest.ini", "-W", "ignore"], plugins=[plugin])
    sys.stdout.write(f"{report(plugin.outcomes)}\n")
    return 1 if plugin.outcomes.get("wrong") else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
