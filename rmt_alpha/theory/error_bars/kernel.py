"""The resolvent of one fit and the traces of its products with covariances and other operators."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from rmt_alpha._core.types import Array
from rmt_alpha.theory.ridge.basis import Basis, Operator
from rmt_alpha.theory.ridge.dense import DenseCovariances
from rmt_alpha.theory.ridge.spectrum import Spectrum


@dataclass(frozen=True, eq=False)
class Kernel:
    """Q = (sum_g weight_g C_g + ridge I)^-1, and operators O_x: the G covariances C_g, then any others.

    Operators are diagonals, shape (p,), where all of them commute, else matrices (p, p), in ``basis``.
    """

    basis: Basis
    resolvent: Array
    operators: Array
    """shape (X, p) or (X, p, p)."""
    groups: int
    """G."""
    n: float

    @classmethod
    def of_model(
        cls,
        model: Spectrum | DenseCovariances,
        weights: Array,
        ridge: float,
        n: float,
        others: Sequence[Operator] = (),
    ) -> Kernel:
        """At the given weights of the covariances of ``model``."""
        commuting = isinstance(model, Spectrum) and all(
            other.entries.ndim == 1 and other.basis is model.basis for other in others
        )
        covariances = _covariances(model)
        if commuting:
            operators = np.concatenate([covariances, *(other.entries[None] for other in others)])
            return cls(model.basis, 1 / (weights @ covariances + ridge), operators, len(covariances), n)
        if covariances.ndim == 2:
            covariances = np.stack([np.diag(c) for c in covariances])
        added = [inside(other, model.basis)[None] for other in others]
        matrix = np.tensordot(weights, covariances, axes=1) + ridge * np.eye(model.p)
        inverse = np.linalg.inv(matrix)
        operators = np.concatenate([covariances, *added])
        return cls(model.basis, (inverse + inverse.T) / 2, operators, len(covariances), n)

    @property
    def diagonal(self) -> bool:
        """Whether operators are diagonals."""
        return self.resolvent.ndim == 1

    def times(self, left: Array, right: Array) -> Array:
        """Products of operators, with leading axes."""
        return np.asarray(left * right if self.diagonal else left @ right)

    def apply(self, rows: Array, operator: Array) -> Array:
        """An operator times vectors given as rows."""
        return np.asarray(rows * operator if self.diagonal else rows @ operator)

    def damped(self, rows: Array) -> Array:
        """Q times vectors given as rows."""
        return self.apply(rows, self.resolvent)

    @cached_property
    def steps(self) -> Array:
        """O_x Q, shape (X, ...)."""
        return self.times(self.operators, self.resolvent)

    @cached_property
    def _pairs(self) -> Array:
        """C_g Q O_x Q, shape (G, X, ...)."""
        return self.times(self.steps[: self.groups, None], self.steps[None])

    @cached_property
    def second(self) -> Array:
        """(1/n) tr C_g Q O_x Q, shape (G, X)."""
        trace = self._pairs.sum(axis=-1) if self.diagonal else np.trace(self._pairs, axis1=-2, axis2=-1)
        return np.asarray(trace / self.n)

    @cached_property
    def third(self) -> Array:
        """(1/n) tr C_g Q O_x Q C_h Q, shape (G, X, G)."""
        return self._traces(self._pairs, self.steps[: self.groups])

    @cached_property
    def fourth(self) -> Array:
        """(1/n) tr C_g Q O_x Q C_h Q O_y Q, shape (G, X, G, X)."""
        return self._traces(self._pairs, self._pairs)

    def _traces(self, left: Array, right: Array) -> Array:
        """Of all products of a left and a right operator."""
        size = self.resolvent.size
        turned = right if self.diagonal else np.swapaxes(right, -1, -2)
        axes = 1 if self.diagonal else 2
        traces = left.reshape(-1, size) @ turned.reshape(-1, size).T
        shape = (*left.shape[:-axes], *right.shape[:-axes])
        return np.asarray(traces.reshape(shape) / self.n)

    def sandwiches(self) -> tuple[Operator, ...]:
        """Q C_g Q for every g."""
        products = self.times(self.resolvent, self.steps[: self.groups])
        return tuple(Operator(self.basis, product) for product in products)


def noise_traces(kernel: Kernel, noise: Sequence[tuple[Operator, Array]], outputs: int) -> tuple[Array, ...]:
    r"""E[v O C_g O' v] for random vectors v of mean 0, and O, O' among Q and Q C_b Q.

    ``noise`` has pairs (A, S): the covariance of outputs i and j is the sum of S_ij A.  Shapes (G, q, q), (G,
    G, q, q) by (b, g), and (G, G, G, q, q) by (b, g, b').
    """
    groups = kernel.groups
    shape = (outputs, outputs)
    found = tuple(np.zeros((groups,) * (i + 1) + shape) for i in range(3))
    steps = kernel.steps[:groups]
    for operator, outer in noise:
        start = kernel.times(inside(operator, kernel.basis, kernel.diagonal), kernel.resolvent)  # A Q
        for g in range(groups):
            found[0][g] += _trace(kernel.times(start, steps[g])) * outer
            for b in range(groups):
                chain = kernel.times(kernel.times(start, steps[b]), steps[g])
                found[1][b, g] += _trace(chain) * outer
                for c in range(groups):
                    found[2][b, g, c] += _trace(kernel.times(chain, steps[c])) * outer
    return found


def crossed_traces(kernel: Kernel, products: Array, first: Operator, second: Operator) -> Array:
    """tr X_g A X_h B for ``products`` X, (G, ...), and two operators A and B, shape (G, G)."""
    plain = all(each.basis is kernel.basis and each.entries.ndim == 1 for each in (first, second))
    if kernel.diagonal and plain:
        return np.asarray((products * (first.entries * second.entries)) @ products.T)
    a, b = inside(first, kernel.basis), inside(second, kernel.basis)
    if kernel.diagonal:
        return np.asarray(products @ (a * b.T) @ products.T)
    left, right = products @ a, products @ b
    size = kernel.resolvent.size
    return np.asarray(left.reshape(-1, size) @ np.swapaxes(right, -1, -2).reshape(-1, size).T)


def _trace(operator: Array) -> float:
    return float(operator.sum() if operator.ndim == 1 else np.trace(operator))


def _covariances(model: Spectrum | DenseCovariances) -> Array:
    """Diagonals (G, p), or matrices (G, p, p), in the basis of the model."""
    if isinstance(model, Spectrum):
        return np.asarray(np.broadcast_to(model.values, (len(model.values), model.p)), float)
    full = np.zeros((len(model.matrices), model.p, model.p))
    full[:, : model.rank, : model.rank] = model.matrices
    return full


def inside(operator: Operator, basis: Basis, diagonal: bool = False) -> Array:
    """An operator in a basis: as a matrix, or its diagonal only."""
    if operator.basis is basis:
        entries = operator.entries
        if diagonal:
            return entries if entries.ndim == 1 else np.asarray(np.diagonal(entries))
        return np.diag(entries) if entries.ndim == 1 else entries
    if diagonal and operator.entries.ndim == 1:
        return np.asarray(basis.squared_overlaps(operator.basis) @ operator.entries)
    matrix = operator.in_standard_basis()
    if basis.vectors is not None:
        matrix = basis.vectors.T @ matrix @ basis.vectors
    return np.asarray(np.diagonal(matrix)) if diagonal else matrix


def plainly(operator: Operator, kernel: Kernel) -> Array:
    """An operator in the basis of a kernel: its diagonal where it has no more, else a matrix."""
    plain = kernel.diagonal and operator.basis is kernel.basis and operator.entries.ndim == 1
    return operator.entries if plain else inside(operator, kernel.basis)


def full(operator: Array) -> Array:
    """As a matrix."""
    return np.diag(operator) if operator.ndim == 1 else operator


def root(covariance: Array) -> Array:
    """The square root of a covariance, a diagonal or a matrix."""
    if covariance.ndim == 1:
        return np.sqrt(covariance)
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray((vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T)


def product_trace(left: Array, right: Array) -> float:
    """tr of the product of two operators, diagonals or matrices."""
    if left.ndim == right.ndim:
        return float((left * right).sum() if left.ndim == 1 else np.vdot(left, right.T))
    diagonal, matrix = (left, right) if left.ndim == 1 else (right, left)
    return float(diagonal @ np.diagonal(matrix))
