"""Random commands and damaged files against one bar: no traceback, exit status 0, 1 or 2, one line of error.

``python tests/fuzz/fuzz.py --cases 10000`` counts the cases of every kind, and tells every fault with seeds;
``--seed S --cases 1`` shows one case again, and ``--package FOLDER`` tries another copy of the package.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import io
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from cases import Case, draw

SECONDS, MEMORY = 30, 8 << 30
"""A case may take so long, and a process so much memory."""


class Hang(BaseException):
    """Too long; no Exception, so that the command does not take it for one of its own."""


def fault(case: Case, status: object, out: str, err: str) -> str:
    """What is wrong with how a command ended; empty if nothing is."""
    lines = [
        line
        for line in err.splitlines()
        if ": warning: " not in line and not line.startswith("several sources")
    ]
    if status not in {0, 1, 2}:
        return f"exit status {status}"
    if "Traceback" in err:
        return "traceback"
    if any(
        not line.startswith("rmt-alpha")
        for line in err.splitlines()
        if not line.startswith("several sources")
    ):
        return "a line without rmt-alpha before it"
    if status == 2 or (status == 1 and not out):
        if len(lines) != 1:
            return f"{len(lines)} lines for one error"
        if "this is a fault of rmt-alpha" in lines[0]:
            return "an error that nobody foresaw"
        named = [*case.files, "--", "argument", *(f"'{word}'" for word in case.argv)]
        if case.files and not any(word in lines[0] for word in named):
            return "no file and no option is named"
    if status == 0 and "--json" in case.argv:
        bare: list[str] = []
        try:
            json.loads(out, parse_constant=bare.append)
        except ValueError:
            return "no JSON"
        return "Infinity or NaN in JSON" if bare else ""
    if status == 0 and case.argv[0] == "curve" and "nan" in out:
        return "NaN in a curve"
    return ""


def run(case: Case) -> str:
    """Run a case in this process, in an empty folder."""
    from rmt_alpha.cli import main

    def stop(*_: object) -> None:
        raise Hang

    out, err = io.StringIO(), io.StringIO()
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for name, content in case.files.items():
            Path(name).write_bytes(content)
        signal.signal(signal.SIGALRM, stop)
        signal.alarm(SECONDS)
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), warnings.catch_warnings():
                warnings.simplefilter("always")
                status: object = main(list(case.argv))
        except SystemExit as end:
            status = end.code
        except Hang:
            return f"still running after {SECONDS} s"
        except BaseException as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            return f"traceback of {type(error).__name__} in {Path(place.filename).name}"
        finally:
            signal.alarm(0)
            os.chdir(before)
    return fault(case, status, out.getvalue(), err.getvalue())


def work(seeds: range) -> None:
    """Print a line for every seed: its kind and its fault."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    for seed in seeds:
        case = draw(seed)
        print(json.dumps([seed, case.kind, run(case)]), flush=True)


def results(seeds: range, package: Path) -> Iterator[tuple[int, str, str]]:
    """Kind and fault of every seed; a process that dies is a fault, and the next one goes on after it."""
    start = seeds.start
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(package), os.environ.get("PYTHONPATH", "")])
    }
    while start < seeds.stop:
        command = [
            sys.executable,
            __file__,
            "--work",
            "--seed",
            str(start),
            "--cases",
            str(seeds.stop - start),
        ]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
            assert process.stdout is not None
            for line in process.stdout:
                seed, kind, found = json.loads(line)
                yield seed, kind, found
                start = seed + 1
        if start < seeds.stop:
            yield start, draw(start).kind, f"the process died with status {process.returncode}"
            start += 1


def main() -> int:
    """Count, and tell every fault."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--package", type=Path, default=Path(__file__).parents[2], help="folder of rmt_alpha")
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    seeds = range(arguments.seed, arguments.seed + arguments.cases)
    if arguments.work:
        work(seeds)
        return 0
    cases: collections.Counter[str] = collections.Counter()
    faults: dict[tuple[str, str], list[int]] = {}
    for seed, kind, found in results(seeds, arguments.package):
        cases[kind] += 1
        if found:
            faults.setdefault((kind, found), []).append(seed)
    for (kind, found), where in sorted(faults.items()):
        print(f"{kind}: {found}: {len(where)} times, such as --seed {' '.join(map(str, where[:5]))}")
    for seed in [where[0] for where in faults.values()] if arguments.cases == 1 else []:
        print(draw(seed))
    total = sum(map(len, faults.values()))
    print(
        f"{total} faults in {sum(cases.values())} cases ({', '.join(f'{n} {k}' for k, n in cases.items())})"
    )
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
