r"""The covariance of overlaps over draws of the data, from one fit and its copy at other sources.

The minimum F(h) of a training objective to which sources h times overlaps are added has the covariance

    n Cov[F(h), F(h')] = extremum over q and s of  Cov[M_h(r), M_h'(r')] - s.q + s.A + s V s / 2,

with M the Moreau envelope of the loss of one sample, whose scores r and r' have the covariance q, s the
product of the two forces, A = w_h C w_h' and V = (1/n) tr C Q_h C Q_h' (docs/theory/error_bars.md).  The
overlaps are dF/dh.  So their covariance is the mixed second derivative at h = h' = 0: with Y the second
derivative of the first term by q, and x and y the mixed derivatives by (h, q) and by (h, s),

    n Cov = Cov_kl + s A_kl + s V_kl s / 2 + x_k.y_l + (y_k + V x_k) (1 - Y V)^-1 (x_l + Y y_l).

Here is what the p-dimensional part contributes, A and V with their derivatives, for q outputs (where q and s
are matrices, one for each distinct covariance) and for two fits to the same data with different priors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from rmt_alpha._core.types import Array
from rmt_alpha.theory.error_bars.kernel import Kernel


@dataclass(frozen=True, eq=False)
class Overlaps:
    """F functionals u.w + o.b + tr(E w O w^T) / 2 of trained weights w, shape (q, p), and intercepts b."""

    linear: Array
    """u, shape (F, q, p)."""
    offset: Array
    """o, shape (F, q)."""
    operator: Array
    """Weights of O in the operators of the kernel, shape (F, X)."""
    pattern: Array
    """E, symmetric, shape (F, q, q)."""

    @classmethod
    def joined(cls, parts: Sequence[Overlaps]) -> Overlaps:
        """One after the other."""
        names = ("linear", "offset", "operator", "pattern")
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))

    def of_one_output(self) -> Overlaps:
        """The same where E is a number, as part of O."""
        operator = self.operator * self.pattern[:, 0]
        return replace(self, operator=operator, pattern=np.ones_like(self.pattern))

    def beside(self, groups: int) -> Overlaps:
        """The same for a kernel whose own covariances, of weight 0, come before the operators."""
        operator = np.concatenate([np.zeros((len(self.operator), groups)), self.operator], axis=1)
        return replace(self, operator=operator)


@dataclass(frozen=True, eq=False)
class Trained:
    """Fits to the same data with J priors, each a deterministic vector and t times random ones."""

    kernel: Kernel
    weights: Array
    """Expected w, shape (J, q, p)."""
    scale: Array
    """Ridge times alpha, shape (J, k)."""
    noise: tuple[tuple[Array, ...], ...]
    """For each of k sources what `kernel.noise_traces` returns."""

    @cached_property
    def seen(self) -> Array:
        """C_g w, shape (J, G, q, p)."""
        kernel = self.kernel
        return np.stack([kernel.apply(self.weights, c) for c in kernel.operators[: kernel.groups]], axis=1)

    def product(self, i: int, j: int) -> Array:
        """A = w C_g w'^T of fits i and j, shape (G, q, q)."""
        found = np.einsum("ap,gbp->gab", self.weights[i], self.seen[j])
        for scale, noise in zip(self.scale.T, self.noise, strict=True):
            found = found + scale[i] * scale[j] * noise[0]
        return np.asarray(found)


@dataclass(frozen=True, eq=False)
class Response:
    """How fits answer to a source of each of F functionals: the derivatives of Q and of w."""

    fit: Trained
    load: Array
    """X = dQ^-1/dh as weights of the operators of the kernel, shape (F, X); times ``pattern``."""
    pattern: Array
    """E, shape (F, q, q)."""
    weights: Array
    """dw/dh, shape (J, F, q, p)."""

    @cached_property
    def _flow(self) -> Array:
        """(1/n) tr C_g Q X Q C_h Q, shape (F, G, G)."""
        return np.asarray(np.einsum("fx,gxh->fgh", self.load, self.fit.kernel.third))

    def product(self, i: int, j: int) -> Array:
        """dA/dh = dw/dh C_g w'^T, shape (F, G, q, q)."""
        fit, groups = self.fit, self.fit.kernel.groups
        found = np.einsum("fap,gbp->fgab", self.weights[i], fit.seen[j], optimize=True)
        for scale, noise in zip(fit.scale.T, fit.noise, strict=True):
            moved = np.einsum("fb,bgac->fgac", self.load[:, :groups], noise[1])
            found = found - scale[i] * scale[j] * np.einsum("fac,fgcb->fgab", self.pattern, moved)
        return np.asarray(found)

    def echo(self, force: Array) -> Array:
        """dV/dh s, shape (F, G, q, q), for s of shape (G, q, q)."""
        return np.asarray(-np.einsum("fgh,fac,hcb->fgab", self._flow, self.pattern, force, optimize=True))

    def second(self, i: int, j: int, force: Array) -> Array:
        """s A_kl + s V_kl s / 2, shape (F, F)."""
        fit, groups = self.fit, self.fit.kernel.groups
        count = len(self.pattern)
        total = np.zeros((count, count))
        for g, covariance in enumerate(fit.kernel.operators[:groups]):
            left = np.einsum("fap,ab->fbp", self.weights[i], force[g]).reshape(count, -1)
            right = fit.kernel.apply(self.weights[j], covariance).reshape(count, -1)
            total += left @ right.T
        turned = np.einsum("kab,hbc->khac", self.pattern, force)  # E_k s_h
        back = np.einsum("lcb,gab->lgca", self.pattern, force)  # E_l s_g^T
        total += self._between(turned, back) / 2
        for scale, noise in zip(fit.scale.T, fit.noise, strict=True):
            total += scale[i] * scale[j] * self._through_noise(force, noise[2])
        return total

    def _between(self, turned: Array, back: Array) -> Array:
        """tr C_g Q X_k Q C_h Q X_l Q times the turned and turned back s_h and s_g, (F, F)."""
        count = len(self.load)
        first = np.einsum("kx,khac->kacxh", self.load, turned)
        second = np.einsum("ly,lgca->lacgy", self.load, back)
        fourth = np.moveaxis(self.fit.kernel.fourth, 0, 2)  # (x, h, g, y)
        size = first.shape[3] * first.shape[4]
        moved = first.reshape(-1, size) @ fourth.reshape(size, -1)
        return np.asarray(moved.reshape(count, -1) @ second.reshape(count, -1).T)

    def _through_noise(self, force: Array, noise: Array) -> Array:
        """s_g . E_k (v Q X_k Q C_g Q X_l Q v) E_l for random v, (F, F)."""
        own, count = self.load[:, : self.fit.kernel.groups], len(self.load)
        first = np.einsum("kb,kax,gac->kcbgx", own, self.pattern, force, optimize=True)
        second = np.einsum("ld,lyc->lcdy", own, self.pattern)
        table = np.moveaxis(noise, 3, 2)  # (b, g, x, d, y)
        size = int(np.prod(table.shape[:3]))
        moved = first.reshape(-1, size) @ table.reshape(size, -1)
        return np.asarray(moved.reshape(count, -1) @ second.reshape(count, -1).T)


def joint_covariance(
    kernel: Kernel,
    own: Array,
    second: Array,
    stiffness: Array,
    pull: tuple[Array, Array],
    push: tuple[Array, Array],
) -> Array:
    """n Cov of functionals, shape (F, F), from the pieces that the module docstring names.

    ``own`` is Cov_kl, ``second`` is s A_kl + s V_kl s / 2, ``stiffness`` is Y, shape (G,), ``pull`` is x and
    ``push`` is y, of the first and of the second fit, shape (F, G, q, q) each.
    """
    groups = kernel.groups
    coupling = kernel.second[:, :groups]
    flow = np.linalg.inv(np.eye(groups) - stiffness[:, None] * coupling)
    left = push[0] + np.einsum("gh,fhab->fgab", coupling, pull[0])
    right = pull[1] + stiffness[:, None, None] * push[1]
    count = len(own)
    mixed = pull[0].reshape(count, -1) @ push[1].reshape(count, -1).T
    answered = np.einsum("gh,fhab->fgab", flow, right)
    return np.asarray(own + second + mixed + left.reshape(count, -1) @ answered.reshape(count, -1).T)
