"""A general problem as fields: spectrum, classes, noise, loss, one source or two."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from scipy.linalg import hadamard, helmert

from rmt_alpha._core.types import FloatArray
from rmt_alpha.explore.fields import Field, Values, choice
from rmt_alpha.problems.covariances import power_law
from rmt_alpha.problems.fine_tuning import FineTuning
from rmt_alpha.problems.mixture import GaussianMixture
from rmt_alpha.problems.sources import FixedSource, LossSource, RidgeSource, Source

DIRECTIONS = 8
"""Orthonormal directions in which means and sources lie; the dimension is a multiple of it."""
SPECTRA = {"flat": "flat", "power": "power law", "spikes": "spikes"}
LOSS_NAMES = {
    "squared": "squared",
    "logistic": "logistic",
    "hinge": "hinge",
    "squared_hinge": "squared hinge",
    "huber": "Huber",
}
TRAININGS = {"ridge": "trained by ridge", "loss": "trained by this loss", "known": "known exactly"}
_TRAINED = ("m_training", ("ridge", "loss"))

FIELDS = (
    Field(
        "m_p",
        "dimension p",
        160,
        low=16,
        high=800,
        log=True,
        whole=True,
        group="Data",
        help="A multiple of 8",
    ),
    Field("m_K", "classes K", 2, low=2, high=4, step=1, whole=True, group="Data"),
    Field("m_length", "half distance of the means", 1.2, low=0, high=4, group="Data"),
    Field("m_prior", "share of the first class", 0.5, low=0.05, high=0.95, group="Data"),
    choice("m_spectrum", "spectrum", SPECTRA, group="Data"),
    Field("m_exponent", "exponent", 1.0, low=0, high=3, group="Data", when=("m_spectrum", ("power",))),
    Field(
        "m_spikes",
        "spikes",
        5,
        low=1,
        high=20,
        step=1,
        whole=True,
        group="Data",
        when=("m_spectrum", ("spikes",)),
    ),
    Field(
        "m_size",
        "their variance",
        10,
        low=1,
        high=100,
        log=True,
        group="Data",
        when=("m_spectrum", ("spikes",)),
    ),
    choice("m_loss", "loss", LOSS_NAMES, group="Training"),
    Field("m_n", "target samples n", 80, low=8, high=4000, log=True, whole=True, group="Training"),
    Field(
        "m_gamma", "target ridge γ", 0.1, low=1e-3, high=1e2, log=True, group="Training", help="Per sample"
    ),
    Field("m_noise", "wrong labels", 0.0, low=0, high=0.45, group="Training"),
    Field("m_intercept", "intercept", False, "switch", group="Training"),
    choice("m_sources", "sources", {"one": "one", "two": "two"}, group="Source"),
    Field("m_beta", "alignment β", 0.8, low=-1, high=1, group="Source"),
    Field(
        "m_beta2",
        "alignment of the second",
        0.5,
        low=-1,
        high=1,
        group="Source",
        when=("m_sources", ("two",)),
    ),
    Field(
        "m_shared",
        "what they err in common",
        0.0,
        low=-1,
        high=1,
        group="Source",
        when=("m_sources", ("two",)),
        help="Cosine of the parts of both sources across the target",
    ),
    choice("m_training", "weights", TRAININGS, group="Source"),
    Field(
        "m_N", "source samples N", 800, low=8, high=1e5, log=True, whole=True, group="Source", when=_TRAINED
    ),
    Field(
        "m_gamma_source", "source ridge γ̃", 0.1, low=1e-3, high=1e2, log=True, group="Source", when=_TRAINED
    ),
)


def problem_of(values: Values) -> FineTuning:
    """The problem of these values.

    Class means are the corners of a regular simplex in K - 1 of eight orthonormal directions; those of a
    source have the cosine beta to them.  All features take part alike: each direction is a pattern of signs.
    """
    v: dict[str, Any] = dict(values)
    p, K = int(DIRECTIONS * max(round(v["m_p"] / DIRECTIONS), 1)), int(v["m_K"])
    if not 2 <= K <= 4:
        raise ValueError(f"classes K must be 2, 3 or 4 here, got {v['m_K']:g}; FineTuning takes any number")
    frame = np.tile(hadamard(DIRECTIONS), p // DIRECTIONS) / np.sqrt(p)
    covariance = _covariance(v, p)
    priors = np.full(K, (1 - v["m_prior"]) / (K - 1))
    priors[0] = v["m_prior"]
    target = GaussianMixture(_means(v["m_length"], frame[: K - 1]), covariance, priors)
    planes = _planes(v, frame, K - 1)
    sources = [_source(v, GaussianMixture(_means(v["m_length"], plane), covariance)) for plane in planes]
    several = v["m_sources"] == "two"
    options: dict[str, Any] = {
        "intercept": bool(v["m_intercept"]),
        "label_noise": v["m_noise"],
        "loss": v["m_loss"],
    }
    return FineTuning(target, sources if several else sources[0], v["m_n"], v["m_gamma"], **options)


def changed(given: FineTuning, values: Values) -> FineTuning:
    """A problem that was given from outside, with the training of these values."""
    return replace(given, n=float(values["m_n"]), gamma=float(values["m_gamma"]), loss=str(values["m_loss"]))


def values_of(problem: FineTuning) -> Values:
    """What of a problem the fields hold: its training."""
    values: Values = {"m_gamma": problem.gamma}
    values |= {"m_n": problem.n} if np.isfinite(problem.n) else {}
    return values | ({"m_loss": problem.loss} if isinstance(problem.loss, str) else {})


def _means(length: float, plane: FloatArray) -> FloatArray:
    """Corners at a distance of twice the length, centred; for two classes -length and +length."""
    corners = -np.sqrt(2) * length * helmert(len(plane) + 1).T
    means: FloatArray = corners @ plane
    return means


def _planes(v: dict[str, Any], frame: FloatArray, size: int) -> list[FloatArray]:
    """The directions of each source's means."""
    along, across, other = frame[:size], frame[size : 2 * size], frame[-size:]
    first = v["m_beta"] * along + np.sqrt(1 - v["m_beta"] ** 2) * across
    if v["m_sources"] == "one":
        return [first]
    own = v["m_shared"] * across + np.sqrt(1 - v["m_shared"] ** 2) * other
    return [first, v["m_beta2"] * along + np.sqrt(1 - v["m_beta2"] ** 2) * own]


def _covariance(v: dict[str, Any], p: int) -> float | FloatArray:
    if v["m_spectrum"] == "power":
        return power_law(v["m_exponent"], p)
    if v["m_spectrum"] == "spikes":
        variances = np.ones(p)
        variances[: int(v["m_spikes"])] = v["m_size"]
        return variances
    return 1.0


def _source(v: dict[str, Any], mixture: GaussianMixture) -> Source:
    if v["m_training"] == "known":
        return (
            FixedSource(mixture.means[1])
            if mixture.classes == 2
            else FixedSource(mixture.means, mixture.classes)
        )
    options = {"intercept": bool(v["m_intercept"])}
    if v["m_training"] == "loss" and v["m_loss"] != "squared":
        return LossSource(mixture, v["m_N"], v["m_gamma_source"], v["m_loss"], **options)
    return RidgeSource(mixture, v["m_N"], v["m_gamma_source"], **options)
