"""``method="krylov"``: the same classifiers in linear time; no matrix of size p x n exists."""

from __future__ import annotations

import math

import numpy as np

from rmt_alpha._core.types import FloatArray
from rmt_alpha.simulation.isotropic.chain import Chain
from rmt_alpha.simulation.isotropic.elimination import solve
from rmt_alpha.simulation.setting import TransferSetting

BATCH_ENTRIES = 1 << 20
"""Unknowns of one batch of replicates, at most (unless a single chain is longer)."""
BATCH_LIMIT = 128
LONGEST_CHAIN = 10**10
"""Unknowns; about half an hour per replicate."""
EPS = float(np.finfo(np.float64).eps)


def batch_size(setting: TransferSetting, truncate: float | None) -> int:
    """Replicates that are drawn together; by the problem alone, so that results do not depend on n_jobs."""
    longest = max(planned_length(chain, gamma, truncate) for chain, gamma in _stages(setting))
    if longest > LONGEST_CHAIN:
        raise ValueError(
            f"truncate={truncate} needs a Krylov chain of {longest:.3g} vectors at p={setting.p:.6g}, "
            f"n={setting.n:.6g}, above {LONGEST_CHAIN:.0e}; allow a tolerance such as truncate=1e-12, or "
            "raise the ridge, or move p away from the number of samples"
        )
    return max(1, min(BATCH_LIMIT, BATCH_ENTRIES // longest))


def draw(
    setting: TransferSetting, replicates: int, seed: np.random.SeedSequence, truncate: float | None
) -> tuple[FloatArray, FloatArray, float, int]:
    """Train ``replicates`` classifiers in both stages.

    Returns ``along`` and ``across`` of `TransferDraws`, the estimated truncation error and the length of the
    longest chain solved.
    """
    seed_source, seed_sphere, seed_target = (
        np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, part)) for part in range(3)
    )
    *source_stage, (target, gamma) = _stages(setting)
    # w~: its component along the source mean, and the length of the rest.
    lengthwise, aside = np.full(replicates, setting.source_length), np.zeros(replicates)
    error, length = 0.0, 0
    for source, ridge in source_stage:
        along, across, error, length = _solve_to_tolerance(
            source, ridge, None, replicates, seed_source, truncate
        )
        lengthwise, aside = along[:, 0], np.sqrt(across[:, 0, 0])
    prior = _in_target_basis(setting, lengthwise, aside, np.random.default_rng(seed_sphere))
    along, across, target_error, target_length = _solve_to_tolerance(
        target, gamma, prior[: target.starts], replicates, seed_target, truncate
    )
    return along, across[:, [0, 0, 1], [0, 1, 1]], max(error, target_error), max(length, target_length)


def _stages(setting: TransferSetting) -> list[tuple[Chain, float]]:
    # A source vector that is not trained on finite data has no stage of its own.
    stages = []
    if setting.source_samples is not None:
        stages.append((Chain(setting.p, setting.source_samples, (setting.mu,)), setting.gamma_source))
    mean = (setting.target_norm, 0.0) if setting.p > 1 else (setting.target_norm,)
    return [*stages, (Chain(setting.p, setting.n, mean), setting.gamma)]


def _in_target_basis(
    setting: TransferSetting, lengthwise: FloatArray, aside: FloatArray, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Components of w~ along the target mean and across it (a length).

    Given its length, the part of w~ across the source mean is uniform on a sphere of p - 1 dimensions: of a
    standard normal vector over its norm, the first coordinate and the norm of the others are needed.
    """
    cosine, sine = setting.target_direction
    first, others = rng.standard_normal(aside.shape), np.zeros_like(aside)
    if setting.p > 2:
        others = np.sqrt(rng.chisquare(setting.p - 2, aside.shape))
    norm = np.hypot(first, others)
    toward, away = aside * first / norm, aside * others / norm
    return cosine * lengthwise + sine * toward, np.hypot(cosine * toward - sine * lengthwise, away)


def _solve_to_tolerance(
    chain: Chain,
    gamma: float,
    prior: tuple[FloatArray, ...] | None,
    replicates: int,
    seed: np.random.SeedSequence,
    truncate: float | None,
) -> tuple[FloatArray, FloatArray, float, int]:
    """`solve` on a chain just long enough: w, its Gram matrix, the estimated error and the length.

    The error falls geometrically with the length, so that the error of three quarters of the chain, which is
    measured on the same random numbers, exceeds that of the whole chain by far.
    """
    length = planned_length(chain, gamma, truncate)
    result = solve(chain, gamma, prior, replicates, seed, length)
    while truncate is not None and length < chain.length:
        error = _difference(result, solve(chain, gamma, prior, replicates, seed, -(-3 * length // 4)))
        if error <= max(truncate, 16 * EPS * _condition(chain, gamma)):
            return *result, error, length
        length = min(chain.length, 3 * length // 2)
        result = solve(chain, gamma, prior, replicates, seed, length)
    return *result, 0.0, length


def planned_length(chain: Chain, gamma: float, truncate: float | None) -> int:
    """First guess of the unknowns needed for an error ``truncate``; all of them for None.

    A block Krylov step multiplies the error of a quadratic form by ((sqrt(c) - 1)/(sqrt(c) + 1))^2, c the
    condition number; 100 covers the constant in front.  A wrong guess costs time, not accuracy, for the
    error is measured.
    """
    if truncate is None:
        return chain.length
    rate = 4.0 * math.atanh(1.0 / math.sqrt(max(1.0 + 1e-6, _condition(chain, gamma))))
    if rate == 0.0:
        return chain.length
    steps = (4.0 / 3.0) * ((math.log(100.0) - math.log(truncate)) / rate) + 2.0
    return int(min(chain.length, math.ceil(steps) * chain.width))


def _condition(chain: Chain, gamma: float) -> float:
    # Edges of the spectrum of noise, (1 +- sqrt(p/n))^2 as n grows.  The one eigenvalue that a mean can put
    # outside is dealt with by the first Krylov step.
    root = math.sqrt(float(chain.p) / float(chain.n))
    low, high = (1.0 - root) ** 2 + gamma, (1.0 + root) ** 2 + gamma
    return high / low if low > 0 else math.inf


def _difference(result: tuple[FloatArray, FloatArray], other: tuple[FloatArray, FloatArray]) -> float:
    """Largest difference of the inner products of w_0 and w_1, relative to their norms."""
    (along, across), (along_other, across_other) = result, other
    norm = np.sqrt(along**2 + np.diagonal(across, axis1=1, axis2=2))
    scale = np.where(norm > 0, norm, 1.0)
    first = np.abs(along - along_other) / scale
    second = np.abs(across - across_other) / (scale[:, :, None] * scale[:, None, :])
    return float(max(first.max(), second.max()))
