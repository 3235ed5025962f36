"""Cost of reading samples from CSV, in units of the parsing alone; memory in units of the numbers.

Run ``python benchmarks/bench_reading.py`` for the numbers of 200,000 x 50, or ``poe bench`` for asv.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

SAMPLES, FEATURES = 200_000, 50


def write(folder: Path, samples: int) -> tuple[Path, Path]:
    """A table of samples and its source; the same thousand rows again and again."""
    rng = np.random.default_rng(0)
    names = ",".join(f"f{i}" for i in range(FEATURES))
    rows = rng.standard_normal((1000, FEATURES)).tolist()
    block = "".join(f"{'pos' if row[0] > 0 else 'neg'},{','.join(map(repr, row))}\n" for row in rows)
    target, source = folder / "target.csv", folder / "source.csv"
    with target.open("w") as file:
        file.write(f"y,{names}\n")
        for _ in range(samples // 1000):
            file.write(block)
    source.write_text(f"{names}\n{','.join(['1'] * FEATURES)}\n")
    return target, source


def read(files: tuple[Path, Path]) -> np.ndarray:
    from rmt_alpha.from_data.reading.sample_file import read_sample

    return read_sample(files[0], files[1:], "y").X


def parse(files: tuple[Path, Path]) -> None:
    import pandas as pd

    pd.read_csv(files[0])


def seconds(call: Callable[[tuple[Path, Path]], object], files: tuple[Path, Path]) -> float:
    start = time.process_time()
    call(files)
    return time.process_time() - start


def ratio(files: tuple[Path, Path], repeats: int = 3) -> float:
    # In turn, so that a change of the machine's speed hits both; the fastest of each.
    pairs = [(seconds(read, files), seconds(parse, files)) for _ in range(repeats)]
    ours, theirs = zip(*pairs, strict=True)
    return min(ours) / min(theirs)


def memory(files: tuple[Path, Path]) -> float:
    """Peak memory of reading in a process of its own, without the imports, in units of the numbers."""
    command = [sys.executable, __file__, *map(str, files)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def grown(files: tuple[Path, Path]) -> float:
    """The same, of this process."""
    small = files[0].with_suffix(".small.csv")
    with files[0].open() as lines:
        small.write_text(next(lines) + next(lines))
    read((small, files[1]))  # imports
    before = peak()
    numbers = read(files)
    return (peak() - before) / numbers.nbytes


def peak() -> int:
    """Most bytes that this process has had so far (Linux; getrusage would count its parent's too)."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.split("VmHWM:")[1].split()[0])


class Reading:
    """Timed by asv."""

    def setup(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.files = write(Path(self.folder.name), SAMPLES)
        read(self.files)

    def teardown(self) -> None:
        self.folder.cleanup()

    def track_reading(self) -> float:
        """Readings by pandas alone, unchecked, 200,000 x 50: at most 4."""
        return ratio(self.files)

    def track_memory(self) -> float:
        """Peak memory in units of the numbers, 200,000 x 50: at most 2."""
        return memory(self.files)

    track_reading.unit = track_memory.unit = "ratio"  # type: ignore[attr-defined]


def main() -> None:
    if len(sys.argv) > 1:
        print(grown((Path(sys.argv[1]), Path(sys.argv[2]))))
        return
    with tempfile.TemporaryDirectory() as folder:
        files = write(Path(folder), SAMPLES)
        size = files[0].stat().st_size / 1e6
        read(files)
        took = min(seconds(read, files) for _ in range(3))
        print(f"{SAMPLES} x {FEATURES}, {size:.0f} MB: {took:.1f} s of CPU (wanted: at most 5)")
        print(f"  in readings by pandas alone: {ratio(files):.2f} (wanted: at most 4)")
        print(f"  peak memory in units of the numbers: {memory(files):.2f} (wanted: at most 2)")


if __name__ == "__main__":
    main()
