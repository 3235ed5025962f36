"""Cost of alpha-LoRA against the size of the model: step time, peak memory and trained parameters.

Run ``OMP_NUM_THREADS=1 python -m benchmarks.bench_lora_sizes`` (extra ``peft``; Linux for the memory): a
table, one line for each of five random encoders of 1 to 100 million parameters, with every linear layer
adapted at rank 8; a number after it takes the smallest so many alone. Times are processor times, ratios
medians over pairs of neighbouring steps of one run.
"""

from __future__ import annotations

import ctypes
import gc
import statistics
import sys
import warnings
from pathlib import Path

from benchmarks.bench_lora import TARGETS, Run, ratio, seconds

SHAPES = ((128, 4), (256, 4), (384, 6), (512, 12), (768, 14))
"""Width and layers."""
EVERYWHERE = TARGETS["every linear layer"]
HEADER = (
    "parameters | trained by LoRA | and alpha | LoRA step, s | alpha-LoRA step | alpha at every step "
    "| LoRA step, peak MB | alpha at every step, peak MB"
)


def peak(run: Run) -> float:
    """Megabytes that a step needs above what is there before it, at its peak."""
    run.step()  # AdamW's moments are there from the second step on
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # what the last step has freed goes back, or this one needs nothing new
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak is counted from here
    before = _status("VmRSS")
    run.step()
    return (_status("VmHWM") - before) / 1024


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


def line(shape: tuple[int, int], pairs: int) -> list[str]:
    """One row of the table."""
    theirs = Run(EVERYWHERE, False, shape=shape)
    memory = [peak(theirs)] if sys.platform == "linux" else []
    step = statistics.median(seconds(theirs.step) for _ in range(pairs))
    alternating = ratio(Run(EVERYWHERE, True, shape=shape).step, theirs.step, pairs)
    together = Run(EVERYWHERE, True, together=True, shape=shape)
    if memory:
        memory.append(peak(together))
    trained = [
        sum(p.numel() for p in run.model.parameters() if p.requires_grad) for run in (theirs, together)
    ]
    return [
        f"{sum(p.numel() for p in theirs.model.get_base_model().parameters()) - trained[0]:,}",
        f"{trained[0]:,}",
        f"{trained[1] - trained[0]:,}",
        f"{step:.3f}",
        f"{alternating:.3f}",
        f"{ratio(together.step, theirs.step, pairs):.3f}",
        *(f"{megabytes:.0f}" for megabytes in memory),
    ]


def main() -> None:
    import torch

    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    print(HEADER, flush=True)
    lines = list(zip(SHAPES, (30, 20, 12, 5, 3), strict=True))
    for shape, pairs in lines[: int(sys.argv[1]) if len(sys.argv) > 1 else None]:
        print(" | ".join(line(shape, pairs)), flush=True)


if __name__ == "__main__":
    main()
