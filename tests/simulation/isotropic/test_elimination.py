"""The banded solver against explicit dense algebra on the very same random numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmt_alpha.simulation.isotropic import elimination
from rmt_alpha.simulation.isotropic.chain import Chain
from rmt_alpha.simulation.isotropic.elimination import solve

REPLICATES = 3
EPS = np.finfo(float).eps


def full_matrix(chain, seed, size, length):
    """F/sqrt(n) as a plain array, rows x columns, put together from the pieces that `solve` draws."""
    k = chain.starts
    matrix = np.zeros((REPLICATES, min(chain.p, chain.n + k), min(chain.n, chain.p + 1)))
    for number, start in enumerate(range(0, length, size)):
        lines = slice(start, min(start + size, length))
        key = np.random.SeedSequence(seed.entropy, spawn_key=(number,))
        band = chain.draw(lines, 0, REPLICATES, key)
        for q in range(k + 2):
            for offset in range(lines.stop - start):
                line = start + offset
                i, j = (line, line + 1 - q) if chain.on_rows else (line + k - q, line)
                if 0 <= i < matrix.shape[1] and 0 <= j < matrix.shape[2]:
                    matrix[:, i, j] = band[q, :, offset]
                else:
                    assert not band[q, :, offset].any()
    return matrix


def explicit(matrix, gamma, prior):
    """(w_0, w_1) of each replicate by the normal equations of the smaller side, and the condition number."""
    parts, conditions = [], []
    for F, d in zip(matrix, prior.T, strict=True):
        rows, columns = F.shape
        start = np.zeros(rows)
        start[: len(d)] = d
        first = np.zeros(columns)
        first[0] = 1.0
        if rows <= columns:
            A = F @ F.T + gamma * np.eye(rows)
            w = np.linalg.solve(A, np.stack([F @ first, gamma * start], axis=1))
        else:
            A = F.T @ F + gamma * np.eye(columns)
            w = F @ np.linalg.solve(A, np.stack([first, -F.T @ start], axis=1))
            w[:, 1] += start
        parts.append(w)
        conditions.append(np.linalg.cond(A))
    return np.array(parts), max(conditions)


def assert_same(chain, gamma, prior, seed, size, length=None):
    length = chain.length if length is None else length
    matrix = full_matrix(chain, seed, size, length)
    if length < chain.length:  # Galerkin: the leading block on the side of the unknowns
        matrix = matrix[:, :length] if chain.on_rows else matrix[:, :, :length]
    w, condition = explicit(matrix, gamma, prior)
    along, across = solve(chain, gamma, tuple(prior), REPLICATES, seed, length)
    gram = w[:, 1:].transpose(0, 2, 1) @ w[:, 1:]
    norm = np.linalg.norm(w, axis=1)
    # Either solver is backward stable, so each is right to about (unknowns) * eps * (condition number), times
    # the norm of w_0 or, on the column side where w_1 = d + F z_1, of d.
    norm = np.maximum(norm, np.stack([np.zeros(REPLICATES), np.hypot(*prior)], axis=1))
    tolerance = 10 * min(w.shape[1], matrix.shape[2]) * EPS * condition
    assert np.all(np.abs(along - w[:, 0]) <= tolerance * norm)
    assert np.all(np.abs(across - gram) <= 2 * tolerance * norm[:, :, None] * norm[:, None, :])


@given(
    p=st.integers(2, 40),
    n=st.integers(1, 40),
    ridge=st.sampled_from([0.0, 1e-12, 1e-3, 1.0, 1e12]),
    mean=st.sampled_from([0.0, 0.3, 50.0]),
    entropy=st.integers(0, 2**32),
)
def test_solution_equals_explicit_normal_equations(p, n, ridge, mean, entropy):
    gamma = 1e-3 if p == n and ridge == 0 else ridge
    prior = np.array([[0.5, -1.0, 0.0], [0.7, 0.0, 2.0]])
    assert_same(Chain(p, n, (mean, 0.0)), gamma, prior, np.random.SeedSequence(entropy), size=10**6)


@pytest.mark.parametrize("gamma", [0.0, 0.01, 10.0])
@pytest.mark.parametrize(("p", "n"), [(150, 90), (90, 150), (91, 90), (130, 1000), (1000, 130)])
def test_cutting_into_pieces_changes_nothing(p, n, gamma, monkeypatch):
    # Pieces of 10 unknowns: many interfaces, and last pieces of every length.
    monkeypatch.setattr(elimination, "PIECE_ENTRIES", 10 * REPLICATES)
    monkeypatch.setattr(elimination, "SHORTEST_PIECE", 10)
    prior = np.array([[0.5, -1.0, 0.3], [0.7, 0.1, 2.0]])
    for length in (3, 9, 10, 11, 20, 53, None):
        assert_same(Chain(p, n, (0.8, 0.0)), gamma, prior, np.random.SeedSequence(1), size=10, length=length)


@pytest.mark.parametrize(("p", "n"), [(3000, 2500), (2500, 3000)])
def test_source_stage_with_one_starting_vector(p, n, monkeypatch):
    chain, seed = Chain(p, n, (1.5,)), np.random.SeedSequence(3)
    whole = solve(chain, 0.1, None, 2, seed, chain.length)
    monkeypatch.setattr(elimination, "PIECE_ENTRIES", 10**6)
    one_piece = solve(chain, 0.1, None, 2, seed, 500)
    assert [part.shape for part in whole] == [(2, 1), (2, 1, 1)]
    # Different pieces are different random numbers; the law is the same and concentrates like 1/sqrt(n).
    for many, one in zip(whole, one_piece, strict=True):
        assert np.allclose(many, one, atol=0.1, rtol=0.15)


def test_singular_matrix_is_an_error_that_explains_itself():
    # A negative ridge below the spectrum stands for one lost in rounding.
    chain = Chain(20, 30, (1.0, 0.0))
    prior = (np.ones(2), np.ones(2))
    with pytest.raises(ArithmeticError, match=r"ridge -10 is too small for float64.*at least 1e-14"):
        solve(chain, -10.0, prior, 2, np.random.SeedSequence(0), chain.length)
