"""`Rule`: how an intercept is trained, and in which units weights are penalised."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from rmt_alpha.from_data.decomposition.samples import Samples

InterceptRule: TypeAlias = bool | Literal["shrunk", "auto"]
"""How an intercept is trained: without penalty, not at all, shrunk, or by an average over rules."""
INTERCEPTS: dict[str, InterceptRule] = {"auto": "auto", "shrunk": "shrunk", "free": True, "none": False}
"""How the change of the intercept is trained, by names for files and commands."""
Units: TypeAlias = Literal["raw", "standard", "auto"]
"""In which units weights are penalised: in those of the features, in standard deviations, or in both."""

PSEUDO = 10.0
"""Samples that speak for the source's threshold under the rule "shrunk"."""


@dataclass(frozen=True)
class Rule:
    r"""How the intercept is trained, and in which units the weights are penalised.

    - ``pseudo`` = k0, a number: features are centred by the samples' mean m, and the average correction is
      shrunk, as if k0 further samples said that it is 0:

      .. math:: \frac1n \sum_i (r_i - x_i^\top d - b)^2 + \gamma |d|^2 + \frac{k_0}{n} (b + m^\top d)^2 .

      0 is the free intercept, ``inf`` keeps to the source's threshold.
    - ``pseudo`` = None: nothing is centred, and there is no intercept.
    """

    pseudo: float | None = None
    standard: bool = False
    """Whether the weights are penalised in standard deviations of the features."""
    trained: bool = True
    """False: no weights are, they are alpha times those of the source."""
    alpha: float | None = None
    """Where alpha is held; None: it is chosen."""

    def __str__(self) -> str:
        """In words."""
        parts = [self._intercept] if self.trained or self.pseudo != math.inf else []
        if not self.trained:
            parts.insert(0, "the source alone")
        else:
            parts.append("standard units" if self.standard else "raw units")
        if self.alpha is not None:
            parts.append(f"alpha = {self.alpha:g}")
        return ", ".join(parts)

    @property
    def _intercept(self) -> str:
        if self.pseudo is None:
            return "no intercept"
        if self.pseudo == 0:
            return "free intercept"
        return f"average correction shrunk by {self.pseudo:g} sample{'s' * (self.pseudo != 1)}"


AVERAGED = (
    Rule(pseudo=math.inf, trained=False),
    *(
        Rule(pseudo=k0, standard=standard)
        for standard in (False, True)
        for k0 in (None, 1.0, 10.0, 100.0, math.inf)
    ),
)
"""The rules of "auto", for classes."""
AVERAGED_REGRESSION = tuple(
    Rule(pseudo=k0, standard=standard, trained=trained, alpha=alpha)
    for trained, standard in ((False, False), (True, False), (True, True))
    for k0 in (1.0, 10.0, 100.0, math.inf)
    for alpha in (None, 1.0)
)
"""Of a regression: targets have no origin, so that no rule keeps to it, and the source's level may be wrong
where the rest is right; but they have a size, and a source that predicts them has alpha = 1."""


def rules_of(
    fit_intercept: object, units: str, samples: Samples, averaged: Sequence[Rule] = AVERAGED
) -> list[Rule]:
    """The rules to be averaged, one as a rule; for "auto" those of ``averaged`` with these units.

    Samples that were centred by their own mean have lost their origin, so that leaving one out must centre
    the others again: no intercept becomes an average correction that is kept at 0, which is the same fit.
    """
    value = check_fit_intercept(fit_intercept)
    several = [False, True] if units == "auto" else [units == "standard"]
    if value == "auto":
        kept = not samples.centred_on_itself
        return [
            rule for rule in averaged
            if not rule.trained or (rule.standard in several and (kept or rule.pseudo is not None))
        ]  # fmt: skip
    if value is False:
        centre = None if not samples.centred_on_itself else math.inf
        return [Rule(pseudo=centre, standard=standard) for standard in several]
    return [Rule(pseudo=0.0 if value is True else PSEUDO, standard=standard) for standard in several]


def check_fit_intercept(value: object) -> InterceptRule:
    """True, False, "shrunk" or "auto", else ValueError."""
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, str) and value == "shrunk":
        return "shrunk"
    if isinstance(value, str) and value == "auto":
        return "auto"
    raise ValueError(f"fit_intercept must be True, False, 'shrunk' or 'auto', got {value!r}")
