r"""One ridge stage, and the two-stage model made of it: the closed forms of the isotropic theory.

A ridge fit with prior vector alpha w~ on samples x ~ N(y m_t, I_p) has a Gaussian score y w.x with

    mean     = (m^2 + alpha kappa s) / (L + m^2)
    variance = [ (mean/m)^2 + (alpha kappa / L)^2 c2 + (1 - h) (1 - mean)^2 ] / h

where m = ||m_t||, s = <w~, m_t>, c2 is the squared length of w~ across m_t, and kappa, L, h describe the
sample (`theory.ridge.closed_form`).  The source classifier is the same stage with alpha = 0.
docs/theory/isotropic.md derives this.  Every line below works for floats, arrays, mpmath numbers and sympy
symbols alike, and is free of cancellation: in float64 it is right to a few units in the last place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from rmt_alpha._core import arithmetic
from rmt_alpha._core.arithmetic import ARRAY, Arithmetic
from rmt_alpha._core.checks import check_dps
from rmt_alpha._core.types import Real
from rmt_alpha.problems.transfer import TransferProblem
from rmt_alpha.theory.isotropic.curve import AlphaCurve
from rmt_alpha.theory.isotropic.fluctuations import Fluctuations, RidgeChain, source_spread
from rmt_alpha.theory.isotropic.geometry import Pair
from rmt_alpha.theory.ridge.closed_form import EffectiveRidge, isotropic_ridge


class Geometry(NamedTuple):
    """Where the target mean and the source vector lie relative to each other."""

    norm: Any
    """m = ||m_t||."""
    norm2: Any
    """m^2."""
    along: Any
    """a = <w~, m_t> / m, the signed length of w~ along the target mean."""
    inner: Any
    """s = <w~, m_t>."""
    across2: Any
    """c2 = ||w~||^2 - a^2, the squared length of w~ across the target mean."""


def source_vector(mu: Any, ridge: EffectiveRidge | None, ops: Arithmetic) -> tuple[Any, Any]:
    """(g, v): length of w~ along the source mean, and its squared length in the directions of pure noise.

    ``ridge=None`` is the exactly known source w~ = m_s; otherwise w~ is trained by ridge on its own samples.
    """
    if ridge is None:
        return mu, 0 * mu
    reach = ridge.lift + mu * mu
    g, miss = mu / reach, ridge.lift / reach  # miss = 1 - mean, written so that nothing cancels
    return g, ridge.noise / ridge.freedom * (g * g + miss * miss)


def two_stage_geometry(
    beta: Any, mu: Any, mu_orth: Any, target_scale: Any, source: tuple[Any, Any], ops: Arithmetic
) -> Geometry:
    """Geometry of the paper's model, m_t = target_scale (beta m_s + sqrt(1 - beta^2) m_perp)."""
    g, noise2 = source
    along = target_scale * (beta * mu)
    across = target_scale * (ops.sqrt((1 - beta) * (1 + beta)) * mu_orth)
    norm2 = along * along + across * across
    norm = ops.sqrt(norm2)
    # Without a target mean all of w~ counts as across it: cosine 0 and sine 1.  safe - norm is 0 otherwise.
    safe = ops.nonzero(norm)
    cosine, sine = along / safe, (across + (safe - norm)) / safe
    return Geometry(norm, norm2, g * cosine, g * along, noise2 + (g * sine) * (g * sine))


def ridge_stage(
    ridge: EffectiveRidge,
    at: Geometry,
    ops: Arithmetic,
    dps: int | None = None,
    fluctuations: Callable[[], Fluctuations] | None = None,
) -> AlphaCurve:
    """The law of the score after fine-tuning, as a curve in alpha."""
    m, m2, _a, s, c2 = at
    reach = ridge.lift + m2
    root = ops.sqrt(ridge.freedom)
    scale = root * reach
    noise = ops.sqrt(ridge.noise) / scale
    drift = ops.sqrt(c2) / (root * ridge.lift)
    return AlphaCurve(
        kappa=ridge.kappa,
        mean_line=(m2 / reach, s / reach),
        aligned=1 / (root * ops.nonzero(m)),
        terms=((0, drift), (noise * ridge.lift, -noise * s)),
        risk_parts=partial(_risk_parts, ridge.freedom, at, scale, drift, ops),
        ops=ops,
        dps=dps,
        fluctuations=fluctuations,
    )


def _risk_parts(
    freedom: Any, at: Geometry, scale: Any, drift: Any, ops: Arithmetic
) -> tuple[Any, tuple[Pair, ...]]:
    # Risk = [1/(1+m^2) + kappa^2 ((1+m^2)/(L+m^2)^2 (m/(1+m^2) - alpha a)^2 + alpha^2 c2/L^2)] / h: what no
    # vector can explain, plus the distance of the prior from the best regression vector m_t/(1+m^2).
    best_risk = 1 / (1 + at.norm2)
    ease = ops.sqrt(1 + at.norm2) / scale
    return best_risk / freedom, ((ease * at.norm * best_risk, -ease * at.along), (0, drift))


def two_stage_curve(
    ops: Arithmetic,
    dps: int | None = None,
    fluctuations: Callable[[], Fluctuations] | None = None,
    *,
    beta: Any,
    p: Any,
    n: Any,
    N: Any,
    mu: Any,
    mu_orth: Any,
    gamma: Any,
    gamma_source: Any,
    target_scale: Any,
) -> AlphaCurve:
    """The whole model: source stage (unless N is None), geometry, target stage."""
    at = _geometry(ops, p, N, gamma_source, beta, mu, mu_orth, target_scale)
    return ridge_stage(isotropic_ridge(p, n, gamma, ops), at, ops, dps, fluctuations)


def _geometry(
    ops: Arithmetic, p: Any, N: Any, gamma_source: Any, beta: Any, mu: Any, mu_orth: Any, target_scale: Any
) -> Geometry:
    source = source_vector(mu, None if N is None else isotropic_ridge(p, N, gamma_source, ops), ops)
    return two_stage_geometry(beta, mu, mu_orth, target_scale, source, ops)


def two_stage_fluctuations(values: Mapping[str, Any]) -> Fluctuations:
    """Spread of both stages over draws of n target and N source samples, in float64."""
    p, n, N, mu = (values[name] for name in ("p", "n", "N", "mu"))
    beta, mu_orth, scale = (values[name] for name in ("beta", "mu_orth", "target_scale"))
    trained = None if N is None else isotropic_ridge(p, N, values["gamma_source"], ARRAY)
    g, noise2 = source_vector(mu, trained, ARRAY)
    at = two_stage_geometry(beta, mu, mu_orth, scale, (g, noise2), ARRAY)
    across = np.sqrt(at.across2)
    chain = RidgeChain(n, p / n, isotropic_ridge(p, n, values["gamma"], ARRAY), at.norm, at.along, across)
    if trained is None:
        return Fluctuations(chain, None)
    source_chain = RidgeChain(N, p / N, trained, mu, 0.0, 0.0)
    cosine = scale * (beta * mu) / ARRAY.nonzero(at.norm)
    sine = np.sqrt((1 - cosine) * (1 + cosine))
    return Fluctuations(chain, source_spread(source_chain, p, noise2, cosine, sine))


def transfer_curve(problem: TransferProblem, dps: int | None) -> AlphaCurve:
    """See `TransferProblem.curve`."""
    dps = check_dps(dps)
    with arithmetic.working_precision(dps):
        values, ops = _numbers(problem, dps)
        # Error bars are asked for rarely: their ingredients are computed then.
        fluctuations = partial(two_stage_fluctuations, values) if dps is None else None
        return two_stage_curve(ops, dps, fluctuations, **values)


def source_accuracy(problem: TransferProblem, dps: int | None) -> Real:
    """See `TransferProblem.source_accuracy`."""
    dps = check_dps(dps)
    with arithmetic.working_precision(dps):
        values, ops = _numbers(problem, dps)
        names = ("p", "N", "gamma_source", "beta", "mu", "mu_orth", "target_scale")
        at = _geometry(ops, **{name: values[name] for name in names})
        length = ops.sqrt(at.along * at.along + at.across2)
        accuracy: Real = arithmetic.rounded(ops.ndtr(at.norm * (at.along / ops.nonzero(length))), dps)
    return accuracy


def _numbers(problem: TransferProblem, dps: int | None) -> tuple[dict[str, Any], Arithmetic]:
    """The fields in the precision that was asked for, and the arithmetic of it."""
    values = vars(problem)
    if dps is not None:
        values = {k: None if v is None else arithmetic.exact_numbers(k, v) for k, v in values.items()}
    elif any(map(arithmetic.is_precise, values.values())):
        values = {k: None if v is None else np.asarray(v, float)[()] for k, v in values.items()}
    return values, arithmetic.arithmetic_of(values.values(), dps)
