"""Random problems for the property-based tests."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from rmt_alpha import TransferProblem


def log_uniform(low: float, high: float) -> st.SearchStrategy[float]:
    """Floats whose decimal logarithm is uniform between the exponents."""
    return st.floats(low, high).map(lambda exponent: float(10.0**exponent))


def aspect_ratios(decades: float = 6) -> st.SearchStrategy[float]:
    """p/n over many decades, with the neighbourhood of 1 well represented."""
    near_one = st.sampled_from([1.0, 1 - 1e-12, 1 + 1e-12, 1 - 1e-3, 1 + 1e-3])
    return st.one_of(near_one, log_uniform(-decades, decades))


def alignments() -> st.SearchStrategy[float]:
    special = st.sampled_from([-1.0, -0.5, 0.0, 1e-8, 0.5, 1 - 1e-10, 1.0])
    return st.one_of(special, st.floats(1e-6, 1), st.floats(-1, -1e-6))


@st.composite
def problems(
    draw: st.DrawFn,
    *,
    ridge: st.SearchStrategy[float] | None = None,
    norm: st.SearchStrategy[float] | None = None,
    aspect: st.SearchStrategy[float] | None = None,
    beta: st.SearchStrategy[float] | None = None,
    source: str = "any",
) -> TransferProblem:
    """A whole problem; ``source`` is "any", "known" (N=None) or "trained"."""
    ridge = log_uniform(-12, 12) if ridge is None else ridge
    norm = log_uniform(-3, 3) if norm is None else norm
    aspect = aspect_ratios() if aspect is None else aspect
    beta = alignments() if beta is None else beta
    p = float(draw(st.integers(2, 10**6)))
    kinds = {"any": st.sampled_from(["known", "trained", "infinite"]), "known": st.just("known")}
    kind = draw(kinds.get(source, st.just("trained")))
    N = {"known": None, "infinite": np.inf}.get(kind, p / draw(aspect))
    return TransferProblem(
        beta=draw(beta),
        p=p,
        n=p / draw(aspect),
        N=N,
        mu=draw(norm),
        mu_orth=draw(norm),
        gamma=draw(ridge),
        gamma_source=draw(ridge),
    )


def moderate_problems(**options: Any) -> st.SearchStrategy[TransferProblem]:
    """Problems in the range a practitioner meets, where no accuracy rounds to 0 or 1."""
    defaults = {"ridge": log_uniform(-2, 2), "norm": log_uniform(-0.7, 0.5), "aspect": aspect_ratios(1.5)}
    return problems(**(defaults | options))
