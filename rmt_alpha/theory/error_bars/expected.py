r"""Accuracy averaged over Gaussian weights, exactly: what few strong directions do to the average.

Trained weights are nearly N(w, G), G = (1/n) sum_g s_g Q C_g Q and what the randomness of sources adds.  The
accuracy of a fresh x ~ N(m, C) averaged over them is P(W.x + b > 0), W and x both random: a quadratic form in
normal variables, whose characteristic function is a product over the eigenvalues of B = C^{1/2} G C^{1/2},

    exp(i t (w.m + b) - t^2 m G m / 2) prod_j k_j^-1/2 exp((i t v_j - t^2 g_j)^2 / (2 k_j)),

with k_j = 1 + t^2 l_j, v = C^{1/2} w and g = C^{1/2} G m in the basis of B.  One integral over t inverts it
(Gil-Pelaez 1951).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rmt_alpha._core.types import Array
from rmt_alpha.theory.error_bars.delta import ScoresAt
from rmt_alpha.theory.error_bars.kernel import Kernel, inside
from rmt_alpha.theory.error_bars.pairs import Trained
from rmt_alpha.theory.mixtures.score_law import Prior, Task
from rmt_alpha.theory.ridge.basis import Operator

SILENT = -34.0
"""Logarithm of the characteristic function below which it is 0 to rounding."""
PANELS, NODES = 32, np.polynomial.legendre.leggauss(16)


def expected_accuracies(
    trained: Trained, j: int, force: Array, at: ScoresAt, task: Task, prior: Prior | None
) -> Array:
    """Of both classes, (2,), under prior j; ``force`` is s_g, (G,)."""
    kernel, weights = trained.kernel, trained.weights[j, 0]
    pairs = () if prior is None else prior.noise
    sources = [
        (operator, float(scale[0, 0]) * t * t)
        for t, each in zip(trained.scale[j], pairs, strict=True)
        for operator, scale in each
    ]
    found = []
    for c, sign in enumerate((-1.0, 1.0)):
        mean = task.means[c]
        offset = float(at.mean[c, 0] - mean @ weights)
        law = WeightLaw.of(kernel, sign * weights, force, sources, sign * offset)
        found.append(law.positive(mean, kernel.operators[task.group[c]]))
    return np.array(found)


@dataclass(frozen=True, eq=False)
class WeightLaw:
    """W ~ N(weights, sum_x factor_x O_x) for one output, in the basis of a kernel, and the intercept b."""

    weights: Array
    """(p,)."""
    covariance: Array
    """(p,) or (p, p)."""
    offset: float

    @classmethod
    def of(
        cls,
        kernel: Kernel,
        weights: Array,
        force: Array,
        sources: list[tuple[Operator, float]],
        offset: float,
    ) -> WeightLaw:
        """With s_g the mean square of the forces, (G,), and pairs (A, c): sources add c Q A Q."""
        groups = kernel.groups
        products = kernel.times(kernel.resolvent, kernel.steps[:groups])
        total = np.tensordot(force / kernel.n, products, axes=1)
        for operator, factor in sources:
            matrix = inside(operator, kernel.basis)
            diagonal = kernel.diagonal and operator.basis is kernel.basis and operator.entries.ndim == 1
            q = kernel.resolvent
            if diagonal:
                added = factor * np.diagonal(matrix) * q**2
            else:
                added = factor * (q[:, None] * matrix * q if kernel.diagonal else q @ matrix @ q)
            total = total + added if total.ndim == added.ndim else _full(total) + _full(added)
        return cls(weights, total, offset)

    def positive(self, mean: Array, covariance: Array) -> float:
        """P(W.x + b > 0) for x ~ N(mean, covariance)."""
        at, spread = float(self.weights @ mean) + self.offset, self.covariance
        if spread.ndim == 1 and covariance.ndim == 1:
            root = np.sqrt(covariance)
            values, line, tilt = root**2 * spread, root * self.weights, root * spread * mean
            square = float(spread @ mean**2)
        else:
            spread, covariance = _full(spread), _full(covariance)
            eigenvalues, vectors = np.linalg.eigh(covariance)
            root = (vectors * np.sqrt(np.maximum(eigenvalues, 0.0))) @ vectors.T
            values, turn = np.linalg.eigh(root @ spread @ root)
            values = np.maximum(values, 0.0)
            line, tilt = turn.T @ (root @ self.weights), turn.T @ (root @ (spread @ mean))
            square = float(mean @ spread @ mean)
        return _positive(at, square, values, line, tilt)


def _positive(at: float, square: float, values: Array, line: Array, tilt: Array) -> float:
    size = np.sqrt(square + line @ line + values.sum())
    if size == 0:
        return 0.5 * (1 + float(np.sign(at)))
    at, square, values, line, tilt = (
        at / size,
        square / size**2,
        values / size**2,
        line / size,
        tilt / size**2,
    )

    def logarithm(t: Array) -> Array:
        growth = 1 + np.multiply.outer(t**2, values)
        inner = (1j * np.multiply.outer(t, line) - np.multiply.outer(t**2, tilt)) ** 2 / growth - np.log(
            growth
        )
        return np.asarray(1j * t * at - t**2 * square / 2 + inner.sum(axis=-1) / 2)

    last = 1.0
    while logarithm(np.array([last]))[0].real > SILENT and last < 1e8:
        last *= 1.5
    edges = np.linspace(0, np.arcsinh(last), PANELS + 1)
    x = (edges[:-1, None] + np.diff(edges)[:, None] * (NODES[0] + 1) / 2).ravel()
    weight = (np.diff(edges)[:, None] / 2 * NODES[1]).ravel()
    t = np.sinh(x)
    integral = weight @ (np.exp(logarithm(t)).imag / t * np.cosh(x))
    return float(np.clip(0.5 + integral / np.pi, 0.0, 1.0))


def _full(operator: Array) -> Array:
    return np.diag(operator) if operator.ndim == 1 else operator
