r"""`Design`: samples under one rule, in the coordinates in which every ridge fit is diagonal.

The rows of a rule form a matrix Z with Z^T Z the sample covariance.  Its singular value decomposition
Z = U diag(sigma) V^T makes the residual operator of every ridge fit, I - H = outside + U diag(gamma /
(sigma^2 + gamma)) U^T, a sum of positive parts: nothing cancels where a sample has leverage close to 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

import numpy as np
from scipy import linalg

from rmt_alpha._core.types import FloatArray
from rmt_alpha._core.values import Value
from rmt_alpha.from_data.samples import EPS, Samples

InterceptRule: TypeAlias = bool | Literal["shrunk", "auto"]
"""How an intercept is trained: without penalty, not at all, shrunk, or by an average over rules."""
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
    - ``pseudo`` = None: nothing is centred, and the intercept is the weight of one more feature, constant and
      ``constant`` times the root mean square length of the samples; there is none at 0.
    """

    pseudo: float | None = None
    constant: float = 0.0
    standard: bool = False
    """Whether the weights are penalised in standard deviations of the features."""

    def __str__(self) -> str:
        """In words."""
        units = "standard units" if self.standard else "raw units"
        if self.pseudo is None:
            kind = f"constant feature of size {self.constant:g}" if self.constant else "no intercept"
        elif self.pseudo == 0:
            kind = "free intercept"
        else:
            kind = f"average correction shrunk by {self.pseudo:g} samples"
        return f"{kind}, {units}"


AVERAGED = (
    *(Rule(pseudo=k0, standard=standard) for standard in (False, True) for k0 in (1.0, 10.0, 100.0)),
    *(Rule(constant=c, standard=standard) for standard in (False, True) for c in (0.1, 1.0)),
)
"""The rules of "auto"."""


def rules_of(fit_intercept: object, units: str, samples: Samples) -> list[Rule]:
    """The rules to be averaged, one as a rule.

    Samples that were centred by their own mean have lost their origin, so that leaving one out must centre
    the others again: rules that need an origin become the one that centres and keeps the average correction
    at 0 (which is the same fit), or are left out of an average.
    """
    value = check_fit_intercept(fit_intercept)
    several = [False, True] if units == "auto" else [units == "standard"]
    if value == "auto":
        found = [rule for rule in AVERAGED if rule.standard in several]
        return [rule for rule in found if rule.pseudo is not None or not samples.centred_on_itself]
    if value is False:
        origin = None if not samples.centred_on_itself else math.inf
        return [Rule(pseudo=origin, standard=standard) for standard in several]
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


@dataclass(frozen=True, eq=False)
class Design(Value):
    r"""Samples, centred or not, in raw or standard units, decomposed once."""

    samples: Samples
    """Features and weights."""
    centred: bool
    """Whether the features are centred by their mean; how much of an intercept is trained says the path."""
    standard: bool
    """Whether they are divided by their standard deviations."""
    constant: float
    """Size of the constant feature whose weight is the intercept, 0 without."""
    rotation: FloatArray
    """U in the coordinates of the axes of the samples, (q, r)."""
    singular: FloatArray
    """sigma, descending, exactly 0 below rounding; shape (r,)."""

    @classmethod
    def of(cls, samples: Samples, rule: Rule) -> Design:
        """Decompose the samples as a rule wants them."""
        centred = rule.pseudo is not None
        rows = samples.rows(centred=centred, standard=rule.standard)
        constant = 0.0
        if not centred and rule.constant:
            spread2 = np.count_nonzero(samples.varies) if rule.standard else samples.length2
            constant = rule.constant * (math.sqrt(spread2) or 1.0)
            first = np.zeros(len(rows))
            if samples.axes is None:
                first[:] = samples.root
            else:
                first[0] = 1.0
            rows = np.column_stack([rows, constant * first])
        wide = rows.shape[0] < rows.shape[1]
        left, singular, _ = linalg.svd(
            rows, full_matrices=not wide, check_finite=False, lapack_driver="gesdd"
        )
        singular[singular <= max(rows.shape) * EPS * singular.max(initial=0.0)] = 0.0
        axes = samples.axes
        if axes is None:
            if centred:
                left = samples.reflected(np.concatenate([np.zeros((1, left.shape[1])), left]))
        else:
            size = axes.shape[1]
            turned = np.zeros((size, size - centred))
            turned[int(centred) : len(left) + centred, : left.shape[1]] = left
            spare = size - centred - left.shape[1]
            if spare:
                turned[-spare:, -spare:] = np.eye(spare)
            left = turned
        singular = np.concatenate([singular, np.zeros(left.shape[1] - singular.size)])
        return cls(samples, centred, rule.standard, constant, left, singular)

    @property
    def root(self) -> FloatArray:
        r""":math:`\\sqrt{c_i / n}` of the samples, a unit vector; shape (n,)."""
        return self.samples.root

    @property
    def total(self) -> float:
        """The number of samples n of the formulas."""
        return self.samples.total

    @cached_property
    def left(self) -> FloatArray:
        """U, orthonormal, and orthogonal to ``root`` if centred; shape (n, r)."""
        axes = self.samples.axes
        return self.rotation if axes is None else np.asarray(axes @ self.rotation)

    @property
    def eigenvalues(self) -> FloatArray:
        """Eigenvalues of the sample covariance, descending, shape (r,)."""
        return np.asarray(self.singular**2)

    @cached_property
    def left_squared(self) -> FloatArray:
        """Squares of the entries of U."""
        return np.asarray(self.left**2)

    def coordinates(self, columns: FloatArray) -> FloatArray:
        """U^T applied to columns (n, m)."""
        return np.asarray(self.rotation.T @ self.samples.inside(columns))

    def trained(self, dual: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Weights (K, p) of the features as they came and intercept (K,) of Z^T a, for a of shape (n, K).

        The intercept of centred features is that of an average correction of 0.
        """
        samples = self.samples
        pull = self.root[:, None] * dual
        sums = pull.sum(axis=0)
        weights = np.asarray((samples.features.T @ pull).T)
        if self.centred:
            weights -= sums[:, None] * samples.mean
            weights[:, ~samples.varies] = 0.0
        if self.standard:
            weights *= samples.inverse_units(standard=True) ** 2
        intercept = -weights @ samples.mean if self.centred else self.constant**2 * sums
        return weights, np.asarray(intercept)

    @cached_property
    def rank(self) -> int:
        """Number of positive eigenvalues."""
        return int(np.count_nonzero(self.singular))

    def odds(self, gamma: FloatArray | float) -> FloatArray:
        r"""Trained over kept degrees of freedom.

        .. math:: \sum_j \frac{\lambda_j}{\lambda_j + \gamma} \Big/ \sum_j \frac{\gamma}{\lambda_j + \gamma}

        for positive ridges of any shape: lambda/gamma where all eigenvalues are the same, and free of the
        scale of single features where they are not.
        """
        gamma = np.asarray(gamma, dtype=np.float64)
        ratio = self.eigenvalues[: self.rank] / gamma[..., None]
        used = (ratio / (1.0 + ratio)).sum(axis=-1)
        return np.asarray(used / (1.0 / (1.0 + ratio)).sum(axis=-1))

    def ridges(self, odds: FloatArray) -> FloatArray:
        """The ridges at which the degrees of freedom have these odds, decreasing in them; shape (g,)."""
        if not self.rank:
            return np.asarray(1.0 / odds)
        eigenvalues = self.eigenvalues[: self.rank]
        low = math.log(eigenvalues[-1] / self.rank / odds.max()) - 1.0
        high = math.log(eigenvalues[0] * self.rank / odds.min()) + 1.0
        logs = np.full(odds.shape, (low + high) / 2)
        below, above = np.full(odds.shape, low), np.full(odds.shape, high)
        for _ in range(math.ceil(math.log2((high - low) / 1e-6))):  # bisection to a millionth
            more = self.odds(np.exp(logs)) > odds
            below, above = np.where(more, logs, below), np.where(more, above, logs)
            logs = (below + above) / 2
        return np.asarray(np.exp(logs))
