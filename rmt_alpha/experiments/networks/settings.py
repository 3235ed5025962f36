"""Settings of an experiment: what is the same for every method, in one frozen object with a short name."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from dataclasses import dataclass
from typing import Any

from rmt_alpha._core.checks import check_choice

PRECISIONS = ("fp32", "bf16")
STEPS = "100:60,400:100,1600:150,240"
"""Adapter steps by training rows: 60 up to 100 rows, 100 up to 400, 150 up to 1600, 240 above."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What every run of a comparison shares."""

    model: str
    """The pretrained encoder's name: the hub's, or the last folders of a path."""
    steps: str = STEPS
    """Adapter steps of a run: a number, or numbers by training rows such as `STEPS`."""
    batch_size: int = 16
    max_length: int = 128
    """Tokens a row is cut to."""
    validation_rows: int = 300
    """Rows cut from the training file, the same for every size, method and seed: they choose the learning
    rate and the checkpoint."""
    evaluations: int = 3
    """How often a run is evaluated on them, evenly spaced, the last time after the last step."""
    warmup: float = 0.1
    """Share of the steps in which the learning rates rise; from then on they fall linearly to 0."""
    rank: int = 8
    """Rank of LoRA and of everything with a LoRA part; the scale s of (s/r) B A is r."""
    dropout: float = 0.0
    """Dropout of the encoder while training, for every method."""
    alpha_every: int = 5
    """T: one step on alpha after T adapter steps."""
    alpha_ratio: float = 10.0
    """Learning rate of alpha over that of the adapter."""
    alpha_holdout: float = 0.2
    """Share of the training rows that alpha-LoRA takes from the adapter and gives to alpha."""
    tuning_sizes: tuple[int, ...] = (400, 1600)
    """Training rows of the tuning runs; those above what there is are lowered to it."""
    precision: str = "fp32"
    """bf16: autocast, with the frozen layers stored in bfloat16; what is trained stays in float32."""
    data: str = ""
    """Where the rows are from."""

    def __post_init__(self) -> None:
        for name in ("batch_size", "max_length", "validation_rows", "evaluations", "rank", "alpha_every"):
            _at_least_one(name, getattr(self, name))
        if not self.tuning_sizes or min(self.tuning_sizes) < 2:
            raise ValueError(f"tuning_sizes must name sizes of at least 2 rows, got {self.tuning_sizes}")
        if (fewest := min(steps for _, steps in parse_steps(self.steps))) < self.evaluations:
            raise ValueError(f"evaluations must be at most steps = {fewest}, got {self.evaluations}")
        for name in ("warmup", "dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must be in [0, 1), got {getattr(self, name)}")
        if not 0 < self.alpha_holdout < 1:
            raise ValueError(f"alpha_holdout must be in (0, 1), got {self.alpha_holdout}")
        if not self.alpha_ratio > 0:
            raise ValueError(f"alpha_ratio must be positive, got {self.alpha_ratio}")
        check_choice("precision", self.precision, PRECISIONS)

    def steps_for(self, size: int) -> int:
        """Adapter steps for this many training rows."""
        return next(steps for rows, steps in parse_steps(self.steps) if size <= rows)

    def as_dict(self) -> dict[str, Any]:
        """The fields, for the record."""
        return dataclasses.asdict(self)

    @property
    def id(self) -> str:
        """Eight hexadecimal digits that change with any field."""
        text = json.dumps(self.as_dict(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:8]


def parse_steps(text: str) -> list[tuple[float, int]]:
    """Rows up to which, and steps; the last entry holds for any number of rows.

    Raises
    ------
    ValueError
        If the text has another form, or a number below 1.

    Examples
    --------
    >>> parse_steps("100:60,400:100,240")
    [(100.0, 60), (400.0, 100), (inf, 240)]
    """
    *by_rows, last = str(text).split(",")
    try:
        table = [(float(int(rows)), int(steps)) for rows, steps in (part.split(":") for part in by_rows)]
        table.append((math.inf, int(last)))
    except ValueError:
        table = []
    limits = [rows for rows, _ in table]
    if not table or min(steps for _, steps in table) < 1 or limits != sorted(set(limits)):
        raise ValueError(
            f"steps must be a number of at least 1, or numbers by rows such as {STEPS!r}, got {text!r}"
        )
    return table


def _at_least_one(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{name} must be an integer of at least 1, got {value!r}")
