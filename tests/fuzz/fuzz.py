"""Random commands and damaged files against one bar: no traceback, exit status 0, 1 or 2, one line of error.

Of records also: what a command makes of one that was damaged, or of one whose writers were killed at a random
moment, is what it makes of a sound one, or nothing.

``python tests/fuzz/fuzz.py --cases 10000`` counts the cases of every kind, and tells every fault with seeds;
``--only records`` tries some kinds, ``--seed S --cases 1`` one case again, ``--package FOLDER`` another copy
of the package.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import io
import json
import os
import resource
import select
import signal
import subprocess
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from cases import Case, draw
from kill_cases import KILLED
from record_cases import RECORDED, Ended, folder, used_after_damage

SECONDS, MEMORY = 30, 8 << 30
"""A case may take so long, and a process so much memory."""


class Hang(BaseException):
    """Too long; no Exception, so that the command does not take it for one of its own."""


def fault(case: Case, status: object, out: str, err: str) -> str:
    """What is wrong with how a command ended; empty if nothing is."""
    told = (": warning: ", " cells to do, ")
    lines = [
        line
        for line in err.splitlines()
        if not any(word in line for word in told) and not line.startswith("several sources")
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


class Stopped(Exception):
    """A command that did not end as it should."""


def command(argv: Sequence[str]) -> Ended:
    """Run a command in this process."""
    from rmt_alpha.cli import main

    def stop(*_: object) -> None:
        raise Hang

    out, err = io.StringIO(), io.StringIO()
    signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), warnings.catch_warnings():
            warnings.simplefilter("always")
            status: object = main(list(argv))
    except SystemExit as end:
        status = end.code
    except Hang:
        raise Stopped(f"still running after {SECONDS} s") from None
    except BaseException as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        raise Stopped(f"traceback of {type(error).__name__} in {Path(place.filename).name}") from None
    finally:
        signal.alarm(0)
    return Ended(status, out.getvalue(), err.getvalue())


def run(case: Case) -> str:
    """Run a case in this process, in an empty folder."""
    with folder():
        for name, content in case.files.items():
            Path(name).write_bytes(content)
        try:
            if case.kind in KILLED:
                return KILLED[case.kind](case.seed, command)
            if case.kind in RECORDED:
                ended, wrong = used_after_damage(case.kind, case.seed, command)
                return fault(case, *ended) or wrong
            return fault(case, *command(case.argv))
        except Stopped as found:
            return str(found)


def work(seeds: range, only: str) -> None:
    """Print a line for every seed: its kind and its fault."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    for seed in seeds:
        case = draw(seed)
        if only in case.kind:
            print(json.dumps([seed, case.kind, run(case)]), flush=True)
    print(json.dumps([seeds.stop, "", ""]), flush=True)  # it came to the end


def results(seeds: range, package: Path, only: str = "") -> Iterator[tuple[int, str, str]]:
    """Kind and fault of every seed; a process that dies is a fault, and the next one goes on after it."""
    start = seeds.start
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(package), os.environ.get("PYTHONPATH", "")]),
        "OMP_NUM_THREADS": "1",  # processes are forked, which threads do not survive
    }
    while start < seeds.stop:
        options = ["--seed", str(start), "--cases", str(seeds.stop - start), "--only", only]
        command = [sys.executable, __file__, "--work", *options]
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
            for line in _lines(process):
                seed, kind, found = json.loads(line)
                start = seed + 1
                if kind:
                    yield seed, kind, found
        if start < seeds.stop:
            while only not in draw(start).kind:
                start += 1
            yield start, draw(start).kind, f"the process died with status {process.returncode}"
            start += 1


def _lines(process: subprocess.Popen[bytes]) -> Iterator[bytes]:
    """What it prints; it is killed where that takes too long: some waits are deaf to signals."""
    assert process.stdout is not None
    begun = b""
    while select.select([process.stdout], [], [], 2 * SECONDS)[0]:
        read = os.read(process.stdout.fileno(), 1 << 16)
        if not read:
            return
        *lines, begun = (begun + read).split(b"\n")
        yield from lines
    process.kill()


def main() -> int:
    """Count, and tell every fault."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--package", type=Path, default=Path(__file__).parents[2], help="folder of rmt_alpha")
    parser.add_argument("--only", default="", metavar="WORD", help="kinds with this word in their name")
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    seeds = range(arguments.seed, arguments.seed + arguments.cases)
    if arguments.work:
        work(seeds, arguments.only)
        return 0
    cases: collections.Counter[str] = collections.Counter()
    faults: dict[tuple[str, str], list[int]] = {}
    for seed, kind, found in results(seeds, arguments.package, arguments.only):
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
