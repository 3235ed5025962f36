"""Random mixtures and problems on them for the property-based tests: a few dimensions are as good as many."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from strategies import log_uniform

from rmt_alpha.problems.fine_tuning import FineTuning
from rmt_alpha.problems.mixture import GaussianMixture
from rmt_alpha.problems.sources import FixedSource, RidgeSource, Source

SEEDS = st.integers(0, 2**32 - 1)


def covariance(rng: np.random.Generator, p: int, kind: str, decades: float) -> np.ndarray | np.float64 | None:
    values = 10.0 ** (decades * (rng.random(p) - 0.5))
    if kind == "identity":
        return None
    if kind == "scalar":
        return values[0]
    if kind == "diagonal":
        return values
    if kind == "singular":
        return values * (np.arange(p) < max(1, p // 2))
    q = np.linalg.qr(rng.standard_normal((p, p)))[0]
    c = (q * values) @ q.T
    return (c + c.T) / 2


def per_class(kinds: list[str]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(kinds), min_size=4, max_size=4)


COMMUTING = ["identity", "scalar", "diagonal", "singular"]
ANY = ["identity", "scalar", "diagonal", "singular", "full"]


@st.composite
def mixtures(
    draw: st.DrawFn, *, classes: int | None = None, kinds: list[str] | None = None, decades: float = 2.0
) -> GaussianMixture:
    """Any mixture; ``decades`` is the spread of the eigenvalues."""
    rng = np.random.default_rng(draw(SEEDS))
    number = draw(st.integers(2, 4)) if classes is None else classes
    p = draw(st.integers(2, 9))
    means = rng.standard_normal((number, p)) * draw(st.sampled_from([0.3, 1.0, 3.0]))
    names = draw(per_class(ANY if kinds is None else kinds))
    if draw(st.booleans()):
        cs: Any = covariance(rng, p, names[0], decades)
    else:
        cs = [covariance(rng, p, name, decades) for name in names[:number]]
    priors = rng.dirichlet(np.full(number, 3.0)) * 0.9 + 0.1 / number
    return GaussianMixture(means, cs, priors if draw(st.booleans()) else None)


@st.composite
def problems(
    draw: st.DrawFn,
    *,
    classes: int | None = None,
    kinds: list[str] | None = None,
    fixed: bool = False,
    sources: int | None = None,
) -> FineTuning:
    """Any problem of moderate ridge and aspect ratio."""
    target = draw(mixtures(classes=classes, kinds=kinds))
    rng = np.random.default_rng(draw(SEEDS))
    outputs = 1 if target.classes == 2 else target.classes
    n, gamma = target.p * draw(log_uniform(-1, 1)), draw(log_uniform(-2, 2))
    if fixed or sources is not None or draw(st.booleans()):
        shape = (outputs, target.p) if sources is None else (sources, outputs, target.p)
        weights = rng.standard_normal(shape)
        source: Source = FixedSource(weights if outputs > 1 else weights[..., 0, :], outputs=outputs)
    else:
        own = GaussianMixture(
            target.means + 0.3 * rng.standard_normal(target.means.shape), target.covariances
        )
        noise = draw(st.sampled_from([0.0, 0.1]))
        source = RidgeSource(own, 2.0 * target.p, draw(log_uniform(-2, 1)), label_noise=noise)
    noise = draw(st.sampled_from([0.0, 0.2]))
    return FineTuning(target, source, n, gamma, intercept=draw(st.booleans()), label_noise=noise)
