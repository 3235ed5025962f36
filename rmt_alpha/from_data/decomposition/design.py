r"""`Design`: samples under one rule, in the coordinates in which every ridge fit is diagonal.

The rows of a rule form a matrix Z with Z^T Z the sample covariance.  Its singular value decomposition
Z = U diag(sigma) V^T makes the residual operator of every ridge fit, I - H = outside + U diag(gamma /
(sigma^2 + gamma)) U^T, a sum of positive parts: nothing cancels where a sample has leverage close to 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from rmt_alpha._core.types import FloatArray
from rmt_alpha._core.values import Value
from rmt_alpha.from_data.decomposition.basis import SampleBasis
from rmt_alpha.from_data.decomposition.origin import Origin
from rmt_alpha.from_data.decomposition.rules import Rule
from rmt_alpha.from_data.decomposition.samples import Samples
from rmt_alpha.from_data.decomposition.sparse_rows import SparseRows
from rmt_alpha.from_data.decomposition.truncated import PRECISE, PROBES, conjugate_gradients


@dataclass(frozen=True, eq=False)
class Design(Value):
    r"""Samples, centred or not, in raw or standard units, decomposed once."""

    samples: Samples
    """Features and weights."""
    centred: bool
    """Whether the features are centred by their mean; how much of an intercept is trained says the path."""
    standard: bool
    """Whether they are divided by their standard deviations."""
    basis: SampleBasis
    """Axes whose span holds what fits reach."""
    singular: FloatArray
    """sigma, descending, exactly 0 below rounding; shape (r,)."""
    rotation: FloatArray
    """U in the coordinates of the basis, (q, r)."""
    origin: Origin | None = None
    """Of rows that are not centred, where sigma and U are those of centred ones."""

    @classmethod
    def of(cls, samples: Samples, rule: Rule) -> Design:
        """Decompose the samples as a rule wants them."""
        centred = rule.pseudo is not None
        found = samples.rows.decomposed(centred=centred, standard=rule.standard)
        return cls(samples, centred, rule.standard, *found)

    @cached_property
    def uncentred(self) -> Design:
        """The rows as they come, from this decomposition of centred ones where it says enough."""
        samples, units2 = self.samples, self.samples.rows.inverse_units(standard=self.standard) ** 2
        if not self.basis.rest:
            pull = self.coordinates(samples.rows.against_mean(units2)[:, None])[:, 0]
            pull = np.where(self.singular > 0, pull, 0.0)
            origin = Origin(self.eigenvalues, pull, float(units2 @ samples.mean**2))
            if origin.resolved:
                return replace(self, centred=False, origin=origin)
        return Design.of(samples, Rule(None, self.standard))

    @property
    def root(self) -> FloatArray:
        r""":math:`\sqrt{c_i / n}` of the samples, a unit vector; shape (n,)."""
        return self.samples.root

    @property
    def total(self) -> float:
        """The number of samples n of the formulas."""
        return self.samples.total

    @cached_property
    def left(self) -> FloatArray:
        """U, orthonormal, and orthogonal to ``root`` if centred; shape (n, r)."""
        return self.basis.expanded(self.rotation)

    @property
    def eigenvalues(self) -> FloatArray:
        """Eigenvalues of the sample covariance, descending, shape (r,)."""
        return np.asarray(self.singular**2)

    @property
    def largest(self) -> float:
        """The largest eigenvalue; 0 if there is none."""
        return self.origin.largest if self.origin else float(self.eigenvalues.max(initial=0.0))

    @cached_property
    def left_squared(self) -> FloatArray:
        """Squares of the entries of U."""
        return np.asarray(self.left**2)

    def coordinates(self, columns: FloatArray) -> FloatArray:
        """U^T applied to columns (n, m)."""
        return np.asarray(self.rotation.T @ self.basis.inside(columns))

    def dual(self, gamma: float, inside: FloatArray, outside: FloatArray, level: FloatArray) -> FloatArray:
        r"""Coefficients a of the rows, :math:`(Z Z^\top + \gamma) a = v`, (n, K), up to what Z^T takes to 0.

        v is given by its coordinates, (r, K), what no axis reaches, (n, K), and its product with root, (K,),
        of which only an `origin` asks.
        """
        if not self.basis.rest or math.isinf(gamma):
            gain = 1.0 / gamma / (1.0 + self.eigenvalues[: self.used] / gamma)
            found = gain[:, None] * inside[: self.used]
            if self.origin is None:
                return self.basis.expanded(self.rotation[:, : self.used] @ found)
            ridge = np.array([gamma])
            along, gained = self.origin.along(ridge)[: self.used], gamma * self.origin.gains(ridge)
            rest = (level - along[:, 0] @ inside[: self.used]) / gained
            found = self.basis.expanded(self.rotation[:, : self.used] @ (found - along * rest))
            return np.asarray(found + self.root[:, None] * rest)
        return self._solved(gamma, self.basis.expanded(self.rotation @ inside) + outside, PRECISE)

    def _solved(self, gamma: float, columns: FloatArray, precise: float) -> FloatArray:
        """The same of columns (n, K) where the kernel is truncated: its approximation is a preconditioner."""
        outer = self.basis.outer_keep(gamma) / gamma
        gain = 1.0 / gamma / (1.0 + self.eigenvalues / gamma) - outer
        rows, kind = self.samples.rows, {"centred": self.centred, "standard": self.standard}
        assert isinstance(rows, SparseRows)  # others are decomposed whole

        def times(columns: FloatArray) -> FloatArray:
            return gamma * columns + rows.kernel(columns, **kind)

        def inverse(columns: FloatArray) -> FloatArray:
            own = gain[:, None] * self.coordinates(columns)
            return outer * columns + self.basis.expanded(self.rotation @ own)

        return conjugate_gradients(times, inverse, columns, precise)

    def probed_freedom(self, gamma: float, freedom: FloatArray) -> FloatArray:
        r"""1 - H_ii where the kernel is truncated, from that of its approximation, (n,).

        .. math:: \operatorname{diag}(M) \approx \frac1m \sum_{j \le m} z_j \odot M z_j , \qquad
            M = \gamma (Z Z^\top + \gamma)^{-1} - \gamma (\widetilde{Z Z^\top} + \gamma)^{-1}

        for random signs z_j (Bekas, Kokiopoulou and Saad 2007) is unbiased.  No leverage is larger than that
        of a sample whose row is orthogonal to all others.
        """
        signs = np.random.default_rng(0).choice([-1.0, 1.0], (len(self.root), PROBES))
        if self.centred:
            signs -= self.root[:, None] * (self.root @ signs)
        own = self.coordinates(signs)
        outer = self.basis.outer_keep(gamma)
        known = outer * signs
        known += self.basis.expanded(
            self.rotation @ ((1.0 / (1.0 + self.eigenvalues / gamma) - outer)[:, None] * own)
        )
        precise = float(freedom.mean()) / PROBES
        true = gamma * self._solved(gamma, signs, precise)
        found = freedom + ((true - known) * signs).mean(axis=1)
        share = 1.0 - self.centred * self.root**2
        rows = self.samples.rows
        assert isinstance(rows, SparseRows)
        lengths = rows.lengths2(centred=self.centred, standard=self.standard)
        return np.asarray(np.clip(found, share / (1.0 + lengths / share / gamma), share))

    def trained(self, dual: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Weights (K, p) of the features as they came and intercept (K,) of Z^T a, for a of shape (n, K).

        The intercept of centred features is that of an average correction of 0.
        """
        samples = self.samples
        pull = self.root[:, None] * dual
        weights = np.asarray((samples.features.T @ pull).T)
        if self.centred:
            weights -= pull.sum(axis=0)[:, None] * samples.mean
            weights[:, ~samples.varies] = 0.0
        if self.standard:
            weights *= samples.rows.inverse_units(standard=True) ** 2
        return weights, -weights @ samples.mean if self.centred else np.zeros(len(weights))

    @cached_property
    def used(self) -> int:
        """Number of positive eigenvalues that are known one by one."""
        return int(np.count_nonzero(self.singular))

    @property
    def rank(self) -> int:
        """Number of positive eigenvalues."""
        return self.used + self.basis.rest * (self.basis.tail > 0) + (self.origin is not None)

    @cached_property
    def _spectrum(self) -> tuple[FloatArray, FloatArray]:
        """Positive eigenvalues, descending, and how often they occur; what an `origin` adds comes on top."""
        values, rest = self.eigenvalues[: self.used], self.rank - self.used
        if not rest or self.origin is not None:
            return values, np.ones(len(values))
        return np.append(values, self.basis.tail), np.append(np.ones(len(values)), rest)

    def volumes(self, gammas: FloatArray) -> FloatArray:
        """Sum of log(1 + eigenvalue/gamma) for each ridge."""
        values, often = self._spectrum
        volume = np.log1p(values / gammas[..., None]) @ often
        return np.asarray(volume + np.log(self.origin.gains(gammas)) if self.origin else volume)

    def odds(self, gammas: FloatArray) -> FloatArray:
        r"""Trained over kept degrees of freedom.

        .. math:: \sum_j \frac{\lambda_j}{\lambda_j + \gamma} \Big/ \sum_j \frac{\gamma}{\lambda_j + \gamma}

        for positive ridges of any shape: lambda/gamma where all eigenvalues are the same, and free of the
        scale of single features where they are not.
        """
        values, often = self._spectrum
        ratio = values / gammas[..., None]
        trained, kept = (ratio / (1.0 + ratio)) @ often, (1.0 / (1.0 + ratio)) @ often
        if self.origin:
            more, less = self.origin.freedoms(gammas)
            trained, kept = trained + more, kept + less
        return np.asarray(trained / kept)

    @cached_property
    def _ridges(self) -> dict[bytes, FloatArray]:
        """Those that were asked for: rules that share a design share its grid."""
        return {}

    def ridges(self, odds: FloatArray) -> FloatArray:
        """The ridges at which the degrees of freedom have these odds, decreasing in them; shape (g,)."""
        if not self.rank:
            return np.asarray(1.0 / odds)
        if (known := self._ridges.get(odds.tobytes())) is not None:
            return known
        least = self.origin.smallest if self.origin else float(self._spectrum[0].min())
        low = math.log(least / self.rank / odds.max()) - 1.0
        high = math.log(self.largest * self.rank / odds.min()) + 1.0
        logs = np.full(odds.shape, (low + high) / 2)
        below, above = np.full(odds.shape, low), np.full(odds.shape, high)
        for _ in range(math.ceil(math.log2((high - low) / 1e-6))):  # bisection to a millionth
            more = self.odds(np.exp(logs)) > odds
            below, above = np.where(more, logs, below), np.where(more, above, logs)
            logs = (below + above) / 2
        return self._ridges.setdefault(odds.tobytes(), np.exp(logs))


def designs(samples: Samples, rules: Sequence[Rule]) -> list[Design]:
    """One for each rule; those that centre alike, or not, in the same units share one."""
    found: dict[tuple[bool, bool], Design] = {}
    for rule in sorted(rules, key=lambda rule: rule.pseudo is None):
        centred, standard = rule.pseudo is not None, rule.standard
        if (centred, standard) not in found:
            other = found.get((True, standard))
            found[centred, standard] = other.uncentred if other else Design.of(samples, rule)
    return [found[rule.pseudo is not None, rule.standard] for rule in rules]
