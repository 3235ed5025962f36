r"""Accuracy averaged over Gaussian weights, for several outputs: what few strong directions do to it.

As in `expected`, weights are nearly w + R z.  Given a fresh x = m + C^{1/2} y the scores are normal,

    s | y ~ N(w (m + C^{1/2} y) + b,  sum_h S_h v_h(y)),   v_h(y) = |C_h^{1/2} (r + R C^{1/2} y)|^2,

where h counts the covariances of the samples, S_h the products of their forces over n, and those of random
sources.  The largest of several scores is no quadratic form, but v_h is: along few strong directions of
y, where it is far from constant, it is averaged over nodes; of the many others the scores are normal, and
the sum of squares v_h nearly so.  There is one R for all outputs with the squared loss; with softmax
every coordinate has a matrix of its own, and is a direction where covariances are diagonal.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy import special

from rmt_alpha._core.types import Array
from rmt_alpha.theory.error_bars.delta import ScoresAt, against_others
from rmt_alpha.theory.error_bars.expected import MeanScores, SampleForces
from rmt_alpha.theory.error_bars.kernel import Kernel, full, plainly, product_trace, root
from rmt_alpha.theory.error_bars.pairs import Trained
from rmt_alpha.theory.mixtures.orthant import orthant_probability
from rmt_alpha.theory.mixtures.score_law import Prior, Task

WEAK, MOST = 0.02, 6
"""Share of the variance of a score below which a direction is one of many; how many others are looked at."""
NODES = {1: (24, 7), 2: (16, 5)}
"""Of Gauss-Hermite rules along one or two strong directions, and for all weak ones together."""
LEVEL, POINTS = 10, 256
"""Logarithm of the Sobol points for more directions; points of an orthant probability in many dimensions."""


def expected_class_accuracies(
    trained: Trained, j: int, law: SampleForces, at: ScoresAt, task: Task, prior: Prior | None
) -> Array:
    """Of K classes with q outputs, (K,), under prior j."""
    kernel, weights = trained.kernel, trained.weights[j]
    answer = MeanScores.of(kernel, law, at, task)
    middles: list[tuple[Array, Array]] = [
        (kernel.operators[g], law.square[g] / kernel.n) for g in range(kernel.groups)
    ]
    for t, pairs in zip(trained.scale[j], () if prior is None else prior.noise, strict=False):
        middles += [(plainly(operator, kernel), t * t * outer) for operator, outer in pairs]
    found = []
    for c in range(len(task.means)):
        signs, covariance = against_others(at, c), kernel.operators[task.group[c]]
        pushes = [(middle, signs @ outer @ signs.T) for middle, outer in middles]
        fresh = ScoreGaps(
            signs @ at.mean[c], signs @ answer.jitter[c] @ signs.T, signs @ weights, answer.reach[c]
        )
        found.append(fresh.all_positive(_Response(kernel, answer), covariance, pushes))
    return np.array(found)


class _Response(NamedTuple):
    """R = Q - U^T T U."""

    kernel: Kernel
    answer: MeanScores

    def applied(self, rows: Array) -> Array:
        """R times vectors given as rows."""
        return np.asarray(
            self.kernel.damped(rows) - rows @ self.answer.rows.T @ self.answer.held @ self.answer.rows
        )

    def trace(self, covariance: Array, middle: Array) -> float:
        """tr C R M R."""
        kernel, (rows, held, *_) = self.kernel, self.answer
        turned = _applied(kernel.damped(_applied(rows, covariance)), middle) @ rows.T  # U C Q M U^T
        total = product_trace(
            kernel.times(kernel.times(kernel.resolvent, covariance), kernel.resolvent), middle
        )
        outer = (_applied(rows, middle) @ rows.T) @ held @ (_applied(rows, covariance) @ rows.T)
        return float(total - 2 * np.vdot(held, turned.T) + np.vdot(held, outer.T))


class ScoreGaps(NamedTuple):
    """The d differences of scores that must be positive for a fresh sample of one class."""

    mean: Array
    """(d,)."""
    jitter: Array
    """(d, d)."""
    weights: Array
    """(d, p)."""
    reach: Array
    """r, (p,)."""

    def all_positive(
        self, response: _Response, covariance: Array, pushes: Sequence[tuple[Array, Array]]
    ) -> float:
        """Their probability, for pairs (C_h, S_h)."""
        kernel = response.kernel
        scale = root(covariance)
        sizes = np.array([float(np.trace(outer)) for _, outer in pushes])
        forms = [_form(kernel, scale, middle) for middle, _ in pushes]
        if any(form.ndim == 2 for form in forms):
            forms = [full(form) for form in forms]
        proxy = np.tensordot(sizes, np.stack(forms), axes=1)
        direct = _applied(self.weights, covariance) @ self.weights.T
        flat = np.array([response.trace(covariance, middle) for middle, _ in pushes])
        constant = np.array([float(_applied(self.reach, middle) @ self.reach) for middle, _ in pushes])
        total = direct + self.jitter + _weighted(flat + constant, pushes)
        columns = _strong(proxy, scale, WEAK * float(np.trace(total)))  # X_S^T
        moved, answered = columns @ self.weights.T, response.applied(columns)
        square = np.stack([_applied(answered, middle) @ answered.T for middle, _ in pushes])
        line = np.stack([2 * _applied(answered, middle) @ self.reach for middle, _ in pushes])
        rest = flat - np.trace(square, axis1=1, axis2=2)
        spread = [2 * float((form**2).sum() - (s**2).sum()) for form, s in zip(forms, square, strict=True)]
        nodes, weak, shares = _nodes(len(columns))
        values = rest + constant + np.einsum("ni,hij,nj->nh", nodes, square, nodes) + nodes @ line.T
        values = np.maximum(values + np.outer(weak, np.sqrt(np.maximum(spread, 0.0))), 0.0)
        means = self.mean + nodes @ moved
        covariances = direct - moved.T @ moved + self.jitter + _weighted(values, pushes)
        return _average(self.mean, total, means, covariances, shares)


def softmax_class_accuracy(
    mean: Array, covariance: Array, weights: Array, pushes: Array, spectrum: Array
) -> float:
    """The same where coordinate j of the weights, (p, d), has a covariance of its own, ``pushes`` (p, d, d).

    Of the ``mean`` and the ``covariance`` of the d differences, and the variances of the features, (p,).  The
    answer of the mean scores is left out: it is of order 1/n unless classes are far apart.
    """
    parts = spectrum[:, None, None] * pushes
    sizes, lines = np.trace(parts, axis1=1, axis2=2), np.sqrt(spectrum)[:, None] * weights
    order = np.argsort(-sizes)
    strong = order[:MOST][sizes[order[:MOST]] > WEAK * np.trace(covariance)]
    others = np.delete(np.arange(len(sizes)), strong)
    nodes, weak, shares = _nodes(len(strong))
    # Of all others together by regression on the sum of squares, whose variance is 2 sum of sizes^2.
    norm = float(np.linalg.norm(sizes[others])) or 1.0
    rest = np.sqrt(2) * np.tensordot(sizes[others], parts[others], axes=1) / norm
    covariances = (
        covariance
        - lines[strong].T @ lines[strong]
        + np.tensordot(nodes**2 - 1, parts[strong], axes=1)
        + weak[:, None, None] * rest
    )
    return _average(mean, covariance, mean + nodes @ lines[strong], covariances, shares)


def _average(mean: Array, total: Array, means: Array, covariances: Array, shares: Array) -> float:
    """Orthant probability averaged over nodes; ``mean`` and ``total`` are those without the nodes."""
    several = len(mean) > 2
    found = float(shares @ orthant_probability(means, covariances, POINTS if several else None)[0])
    if several:  # of one sequence of points the difference is precise
        plain = orthant_probability(mean, total, POINTS)[0]
        found += float(orthant_probability(mean, total)[0] - plain)
    return found


def _strong(proxy: Array, scale: Array, least: float) -> Array:
    """Directions of y, times C^{1/2}, in which scores have more than a variance, (r, p), largest first."""
    if proxy.ndim == 1:
        best = [i for i in np.argsort(-proxy)[:MOST] if proxy[i] > least]
        columns = np.zeros((len(best), len(proxy)))
        columns[np.arange(len(best)), best] = 1.0
        return _applied(columns, scale)
    values, vectors = np.linalg.eigh(proxy)
    kept = vectors[:, ::-1][:, :MOST][:, values[::-1][:MOST] > least].T
    return _applied(kept, scale)


@lru_cache
def _nodes(r: int) -> tuple[Array, Array, Array]:
    """Of r strong directions, (N, r), of all others together, (N,), and weights."""
    if r > max(NODES):
        from scipy.stats import qmc  # half a second to import, for many strong directions

        points = special.ndtri(qmc.Sobol(r + 1, seed=0).random_base2(LEVEL))
        return points[:, :r], points[:, r], np.full(len(points), 1 / len(points))
    strong, weak = NODES[max(r, 1)]
    rules = [np.polynomial.hermite_e.hermegauss(count) for count in (*(strong,) * r, weak)]
    grid = np.stack(np.meshgrid(*(x for x, _ in rules), indexing="ij"), axis=-1).reshape(-1, r + 1)
    weights = np.ones(1)
    for _, w in rules:
        weights = np.outer(weights, w / w.sum()).ravel()
    return grid[:, :r], grid[:, r], weights


def _weighted(values: Array, pushes: Sequence[tuple[Array, Array]]) -> Array:
    """sum_h v_h S_h."""
    return np.tensordot(values, np.stack([outer for _, outer in pushes]), axes=1)


def _form(kernel: Kernel, scale: Array, middle: Array) -> Array:
    """C^{1/2} Q M Q C^{1/2}."""
    inner = kernel.times(kernel.resolvent, scale)
    if inner.ndim == 1:
        return np.asarray(inner**2 * middle if middle.ndim == 1 else inner[:, None] * middle * inner)
    return np.asarray(inner.T @ (full(middle) @ inner))


def _applied(rows: Array, operator: Array) -> Array:
    return np.asarray(rows * operator if operator.ndim == 1 else rows @ operator)
