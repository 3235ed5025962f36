"""Cost of comparing the weights of a model of RoBERTa-base's shapes, in matrix products.

Run ``python benchmarks/bench_alignment.py`` for the ratio, or ``poe bench`` for asv.
Needs the extra ``peft``.
"""

from __future__ import annotations

import time

import numpy as np

WIDTH, DEEP, LAYERS, WORDS = 768, 3072, 12, 50265


def weights() -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    rng = np.random.default_rng(0)
    shapes = {"words": (WORDS, WIDTH)}
    for i in range(LAYERS):
        shapes |= {f"{i}.{name}": (WIDTH, WIDTH) for name in ("query", "key", "value", "output")}
        shapes |= {f"{i}.up": (DEEP, WIDTH), f"{i}.down": (WIDTH, DEEP)}
    base = {name: rng.standard_normal(shape, dtype=np.float32) for name, shape in shapes.items()}
    tuned = {
        n: w + np.float32(0.01) * rng.standard_normal(w.shape, dtype=np.float32) for n, w in base.items()
    }
    return base, tuned


class Alignment:
    """Timed by asv."""

    timeout = 600.0

    def setup(self) -> None:
        self.base, self.tuned = weights()
        self.square = np.random.default_rng(1).standard_normal((2048, 2048))

    def time_product(self) -> None:
        self.square @ self.square

    def time_alignment(self) -> None:
        from rmt_alpha.lora import alignment

        alignment(self.base, self.tuned)


def main() -> None:
    bench = Alignment()
    bench.setup()

    def seconds(function) -> float:
        start = time.perf_counter()
        function()
        return time.perf_counter() - start

    bench.time_product()
    unit = min(seconds(bench.time_product) for _ in range(5))
    processor = time.process_time()
    taken = seconds(bench.time_alignment)
    processor = time.process_time() - processor
    count = sum(value.size for value in bench.base.values()) / 1e6
    print(f"alignment of {count:.0f} million parameters: {taken:.0f} s, {processor:.0f} s of processor time")
    print(f"as much as {taken / unit:.0f} products of 2048 x 2048 ({unit:.2f} s)")


if __name__ == "__main__":
    main()
