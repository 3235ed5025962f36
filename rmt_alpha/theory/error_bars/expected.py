r"""Accuracy averaged over Gaussian weights, exactly: what few strong directions do to the average.

Trained weights are nearly w + R z: w their average, z ~ N(0, S) with S = (1/n) sum_g s_g C_g and what the
randomness of sources adds, and R the answer of the weights, Q but for what the class means hold in place,

    R = Q - U^T T U,   U the rows Q m_a,   T = diag(pi) (diag(1/d) + (m_a Q m_b) pi)^-1

(with the intercept as one more unknown).  The score of a fresh x = m + C^{1/2} y is then a + r.z + y C^{1/2}
(w + R z), r the answer of the mean score m.w + b: a quadratic form in normal variables, positive with the
probability 1/2 + (1/pi) int Im phi(t) dt/t (Gil-Pelaez 1951), where with B = C^{1/2} R S R C^{1/2}

    phi(t) = exp(i t a - t^2 r S r / 2) det(1 + t^2 B)^{-1/2} exp(l (1 + t^2 B)^{-1} l / 2),
    l = i t C^{1/2} w - t^2 C^{1/2} R S r.

Where all operators are diagonal B is diagonal but for 2 K dimensions, else it is diagonalised.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from rmt_alpha._core.types import Array
from rmt_alpha.theory.error_bars.delta import ScoresAt
from rmt_alpha.theory.error_bars.kernel import Kernel, full, plainly, root
from rmt_alpha.theory.error_bars.pairs import Trained
from rmt_alpha.theory.mixtures.score_law import Prior, Task

TINY = 1e-200
"""A stiffness that is none."""
SILENT = -34.0
"""Logarithm of the characteristic function below which it is 0 to rounding."""
CERTAIN = 40.0
"""Standard deviations beyond which a product of normal numbers has probability exp(-40)."""
PANELS, NODES = 32, np.polynomial.legendre.leggauss(16)


def expected_accuracies(
    trained: Trained, j: int, law: SampleForces, at: ScoresAt, task: Task, prior: Prior | None
) -> Array:
    """Of both classes, (2,), under prior j."""
    kernel, weights = trained.kernel, trained.weights[j, 0]
    push = _push(kernel, law.square, trained.scale[j], () if prior is None else prior.noise)
    answer = MeanScores.of(kernel, law, at, task)
    found = []
    for c, sign in enumerate((-1.0, 1.0)):
        one = Weights(kernel, sign * weights, push, answer.rows, answer.held)
        covariance, jitter = kernel.operators[task.group[c]], float(answer.jitter[c, 0, 0])
        found.append(one.positive(sign * float(at.mean[c, 0]), sign * answer.reach[c], jitter, covariance))
    return np.array(found)


class MeanScores(NamedTuple):
    """How the mean scores of the K classes answer to the weights, one output as all others."""

    rows: Array
    """U, (K, p)."""
    held: Array
    """T, (K, K)."""
    reach: Array
    """r of each class, (K, p)."""
    jitter: Array
    """What the average force in each class adds, that of finitely many samples, (K, q, q)."""

    @classmethod
    def of(cls, kernel: Kernel, law: SampleForces, at: ScoresAt, task: Task) -> MeanScores:
        """By a system of the mean forces in the classes and the intercept."""
        classes, damped = len(task.means), kernel.damped(task.means)
        system = np.zeros((classes + 1, classes + 1))
        softness = 1 / np.maximum(law.stiffness, TINY)
        system[:-1, :-1] = np.diag(softness) + (task.means @ damped.T) * task.priors
        system[:-1, -1], system[-1, :-1], system[-1, -1] = (
            law.intercept,
            task.priors * law.intercept,
            1 - law.intercept,
        )
        inverse = np.linalg.inv(system)
        held = task.priors[:, None] * inverse[:-1, :-1]
        # r = sum_a share_a Q m_a by an equation of its own: Q m_c less the rest cancels for large means.
        right = np.diag(softness / task.priors)  # of (1 / pi_c less the forces)
        share = (task.priors[:, None] * (inverse[:-1, :-1] @ right)).T
        moved = (np.eye(classes) - share) / task.priors
        jitter = np.einsum("ca,aij->cij", moved**2 * task.priors, at.covariance[task.group]) / kernel.n
        return cls(damped, (held + held.T) / 2, share @ damped, jitter)


class SampleForces(NamedTuple):
    """Of the training samples."""

    square: Array
    """s_g, the mean square of the forces, (G,)."""
    stiffness: Array
    """Of each class, how fast the force falls as the score grows, (2,)."""
    intercept: bool


@dataclass(frozen=True, eq=False)
class Weights:
    """Random weights of one output in the basis of a kernel; ``push`` is S, ``rows`` U and ``held`` T."""

    kernel: Kernel
    weights: Array
    push: Array
    rows: Array
    held: Array

    def positive(self, at: float, reach: Array, jitter: float, covariance: Array) -> float:
        """Probability of a positive score; ``at`` is its mean, ``reach`` is r."""
        kernel, push = self.kernel, self.push
        pushed = push * reach if push.ndim == 1 else push @ reach
        square, answered = float(reach @ pushed) + jitter, self._answer(pushed)
        if push.ndim == covariance.ndim == 1:
            scale = root(covariance)
            inner = scale * kernel.resolvent
            near, far = scale * self.rows, inner * (push * self.rows)
            middle = (self.rows * push) @ self.rows.T
            low = np.concatenate([far, near])
            zero = np.zeros_like(self.held)
            core = np.block([[zero, -self.held], [-self.held, self.held @ middle @ self.held]])
            return _positive(at, square, inner**2 * push, scale * self.weights, scale * answered, low, core)
        scale, push = root(full(covariance)), full(push)
        response = full(kernel.resolvent) - self.rows.T @ self.held @ self.rows
        spread = scale @ response @ push @ response @ scale
        values, turn = np.linalg.eigh((spread + spread.T) / 2)
        line, tilt = turn.T @ (scale @ self.weights), turn.T @ (scale @ answered)
        none = np.zeros((0, len(values)))
        return _positive(at, square, np.maximum(values, 0.0), line, tilt, none, np.zeros((0, 0)))

    def _answer(self, rows: Array) -> Array:
        """R times a vector."""
        return np.asarray(self.kernel.damped(rows) - (self.held @ (self.rows @ rows)) @ self.rows)


def _push(kernel: Kernel, square: Array, scale: Array, noise: tuple[Any, ...]) -> Array:
    """S: of the samples' forces, and of random sources."""
    total = np.tensordot(square / kernel.n, kernel.operators[: kernel.groups], axes=1)
    for t, pairs in zip(scale, noise, strict=True):
        for operator, outer in pairs:
            added = t * t * float(outer[0, 0]) * plainly(operator, kernel)
            total = total + added if total.ndim == added.ndim else full(total) + full(added)
    return np.asarray(total)


def _positive(
    at: float, square: float, values: Array, line: Array, tilt: Array, low: Array, core: Array
) -> float:
    """P(score > 0), with B = diag(values) + low^T core low."""
    spread = values.sum() + np.vdot(core, low @ low.T)
    size = float(np.sqrt(square + line @ line + max(spread, 0.0)))
    if abs(at) >= CERTAIN * size:
        return 0.5 * (1 + float(np.sign(at)))
    at, square, values, line = at / size, square / size**2, values / size**2, line / size
    tilt, core = tilt / size**2, core / size**2

    def logarithm(t: Array) -> Array:
        squares = t**2
        growth = 1 + np.multiply.outer(squares, values)
        inner = 1j * np.multiply.outer(t, line) - np.multiply.outer(squares, tilt)
        total = (inner**2 / growth - np.log(growth)).sum(axis=-1)
        if len(low):
            # det(G + t^2 W K W^T) and its inverse by Woodbury's identity.
            gram = np.einsum("ip,tp,jp->tij", low, 1 / growth, low, optimize=True)
            matrix = np.eye(len(low)) + squares[:, None, None] * (core @ gram)
            seen = (inner / growth) @ low.T
            answered = np.linalg.solve(matrix, squares[:, None, None] * core + 0j)
            total = total - np.einsum("ti,tij,tj->t", seen, answered, seen)
            total = total - np.log(np.linalg.det(matrix))
        return np.asarray(1j * t * at - squares * square / 2 + total / 2)

    last = 1.0
    while logarithm(np.array([last]))[0].real > SILENT and last < 1e8:
        last *= 1.5
    # Where all is nearly certain the integrand turns many times.
    panels = PANELS + int(abs(at) * last)
    edges = np.linspace(0, np.arcsinh(last), panels + 1)
    x = (edges[:-1, None] + np.diff(edges)[:, None] * (NODES[0] + 1) / 2).ravel()
    weight = (np.diff(edges)[:, None] / 2 * NODES[1]).ravel()
    t = np.sinh(x)
    integral = float(weight @ (np.exp(logarithm(t)).imag / t * np.cosh(x)))
    return float(np.clip(0.5 + integral / np.pi, 0.0, 1.0))
