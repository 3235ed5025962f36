"""Cost of alpha-LoRA in units of PEFT's LoRA: a training step, alpha's own step, and a merged forward.

Run ``OMP_NUM_THREADS=1 python benchmarks/bench_lora.py`` for the ratios (it needs the extra ``peft``), or
``poe bench`` for asv.

Both models are the same encoder (six layers of width 384, as MiniLM-L6, random weights), with the same batch
and AdamW. Steps are taken in turn, their processor time is taken, and each ratio is the median over pairs of
neighbouring steps: what else the machine does falls on both sides.
"""

from __future__ import annotations

import copy
import statistics
import time
import warnings
from collections.abc import Callable
from typing import Any

ROWS, TOKENS, EVERY = 8, 64, 10
TARGETS = {"query, value": ["query", "value"], "every linear layer": ["query", "key", "value", "dense"]}
PAIRS = 24
KINDS: dict[str, dict[str, Any]] = {
    "alpha trained at every step": {"together": True},
    "bias rescaled too": {"scale_bias": True},
    "alpha-LoRA": {},
}
"""The last one's step is what alpha's own step is added to."""


def encoder(width: int = 384, layers: int = 6) -> Any:
    import torch
    from transformers import BertConfig, BertForSequenceClassification

    torch.manual_seed(0)
    shape = {
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": width // 32,
        "intermediate_size": 4 * width,
    }
    return BertForSequenceClassification(BertConfig(vocab_size=2000, **shape)).train()


def batch() -> dict[str, Any]:
    import torch

    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(1, 2000, (ROWS, TOKENS), generator=generator)
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": torch.arange(ROWS) % 2}


class Run:
    """One adapter in training; ``together``: alpha moves at every step, with A and B, as in a plain loop."""

    def __init__(
        self,
        targets: list[str],
        alpha: bool,
        bfloat16: bool = False,
        scale_bias: bool = False,
        together: bool = False,
        shape: tuple[int, int] = (384, 6),
    ) -> None:
        import torch
        from peft import LoraConfig, get_peft_model

        from rmt_alpha.lora import AlphaLoraConfig, AlphaSchedule

        options: dict[str, Any] = {"r": 8, "target_modules": targets, "task_type": "SEQ_CLS"}
        config = AlphaLoraConfig(scale_bias=scale_bias, **options) if alpha else LoraConfig(**options)
        self.model = get_peft_model(encoder(*shape), config)
        self.batch = batch()
        self.bfloat16 = bfloat16
        alternating = alpha and not together
        self.plan = AlphaSchedule(self.model, ROWS, every=EVERY, batch_size=ROWS) if alternating else None
        groups = self.plan.parameter_groups(lr=1e-4, alpha_lr=1e-3) if self.plan else self.model.parameters()
        self.optimizer = torch.optim.AdamW(groups, lr=1e-4)

    def loss(self, rows: Any = None) -> Any:
        import torch

        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.bfloat16):
            return self.model(**self.batch).loss

    def step(self) -> None:
        self.loss().backward()
        if self.plan:
            self.plan.drop_alpha_gradients()
        self.optimizer.step()
        self.optimizer.zero_grad()

    def alpha_step(self) -> None:
        if self.plan:
            self.plan.update_alpha(self.optimizer, EVERY, self.loss)

    def forward(self) -> None:
        import torch

        with torch.no_grad():
            self.loss()


def seconds(task: Callable[[], None]) -> float:
    start = time.process_time()
    task()
    return time.process_time() - start


def ratio(ours: Callable[[], None], theirs: Callable[[], None], pairs: int = PAIRS) -> float:
    """Median over pairs of calls of the time of ``ours`` over that of ``theirs``, which go first in turn."""
    for task in (ours, theirs):
        task()
    quotients = []
    for pair in range(pairs):
        order = (ours, theirs) if pair % 2 else (theirs, ours)
        spent = {task: seconds(task) for task in order}
        quotients.append(spent[ours] / spent[theirs])
    return statistics.median(quotients)


class Lora:
    """Timed by asv."""

    params = tuple(TARGETS)
    param_names = ("targets",)
    timeout = 600

    def setup(self, targets: str) -> None:
        try:
            import peft  # noqa: F401
            import torch
        except ImportError:
            raise NotImplementedError("needs the extra peft") from None  # asv: skip
        torch.set_num_threads(1)
        self.ours, self.theirs = Run(TARGETS[targets], True), Run(TARGETS[targets], False)

    def track_adapter_step(self, targets: str) -> float:
        """At most 1.05."""
        return ratio(self.ours.step, self.theirs.step)

    track_adapter_step.unit = "ratio"  # type: ignore[attr-defined]

    def track_step_with_alpha(self, targets: str) -> float:
        """At most 1.05."""
        return ratio(Run(TARGETS[targets], True, together=True).step, self.theirs.step)

    track_step_with_alpha.unit = "ratio"  # type: ignore[attr-defined]

    def track_merged_forward(self, targets: str) -> float:
        """1 but for noise: there is nothing left of the adapter."""
        return merged_ratio(copy.deepcopy(self.ours.model).merge_and_unload(), encoder())

    track_merged_forward.unit = "ratio"  # type: ignore[attr-defined]


def merged_ratio(ours: Any, base: Any) -> float:
    import torch

    inputs = batch()

    def call(model: Any) -> Callable[[], None]:
        def forward() -> None:
            with torch.no_grad():
                model(**inputs)

        return forward

    return ratio(call(ours.eval()), call(base.eval()))


def main() -> None:
    import torch

    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    for name, targets in TARGETS.items():
        theirs = Run(targets, False)
        for label, options in KINDS.items():
            ours = Run(targets, True, **options)
            step = ratio(ours.step, theirs.step)
            print(f"{name}: {label}: adapter step {step:.3f} of LoRA's")
        alone = ratio(ours.alpha_step, theirs.step, PAIRS // 2)
        print(
            f"{name}: alpha's own step {alone:.2f} of LoRA's step; every {EVERY}: {step + alone / EVERY:.3f}"
        )
        low, plain = Run(targets, True, bfloat16=True), Run(targets, False, bfloat16=True)
        print(f"{name}: bfloat16 autocast: adapter step {ratio(low.step, plain.step, PAIRS // 2):.3f}")
        print(
            f"{name}: merged forward {merged_ratio(ours.model.merge_and_unload(), encoder()):.3f} of the "
            "base model's"
        )


if __name__ == "__main__":
    main()
