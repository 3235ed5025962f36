r"""`LowRankTransfer`: regression fine-tuned from a rescaled source with a correction of rank r, as LoRA's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
from numpy.typing import ArrayLike

from rmt_alpha._core.checks import Range, as_real, check_range, check_scalar
from rmt_alpha._core.pictures.html import Card, Shown
from rmt_alpha._core.types import FloatArray, IntArray, Real, SimulationOptions
from rmt_alpha._core.values import Value, shown
from rmt_alpha.problems.ranges import LARGEST, check_interpolation

if TYPE_CHECKING:
    from rmt_alpha.simulation.result import Simulation
    from rmt_alpha.theory.curve_array import CurveArray
    from rmt_alpha.theory.low_rank.curve import LowRankCurve
    from rmt_alpha.theory.low_rank.learnt import LearntCorrection

NOISE = Range("a number from 1e-30 to 1e30", 1 / LARGEST, LARGEST)
SAMPLES = Range("a number from 1e-30 to 1e30", 1 / LARGEST, LARGEST)
NORM = Range("a number from 0 to 1e30", 0.0, LARGEST)
FACTOR = Range("a number from -1e30 to 1e30", -LARGEST, LARGEST)


@dataclass(frozen=True, eq=False, init=False, repr=False)
class LowRankTransfer(Value, Shown):
    r"""Multi-output regression fine-tuned from alpha times the source weights by a correction of rank r.

    .. math:: R_r = \arg\min_{\operatorname{rank} R \le r} \frac1n \sum_i |y_i - (\alpha W_s + R) x_i|^2
        + \gamma |R|_F^2, \qquad y = W_t x + \sigma \epsilon, \quad x \sim \mathcal N(0, I_p),

    .. math:: W_t = \beta W_s + \sum_i \theta_i u_i v_i^\top + W_\perp .

    W_s is a Gaussian d x p matrix of Frobenius norm ``source_norm``, W_perp another of norm ``rest``, and the
    u_i and v_i are orthonormal, in no particular direction.  Its answers are those of large d, p and n.

    The theory of this problem: :doc:`/theory/low_rank`.

    Parameters
    ----------
    beta : float
        How much of the source is in the target.
    spikes : array_like of shape (k,)
        The theta_i, singular values of the part of the target that low rank can learn; zeros are none.
    source_norm : float
        Frobenius norm of W_s, non-negative.
    noise : float
        Standard deviation sigma of the noise of every output, positive.
    n : float
        Number of target samples, positive.
    p, d : int
        Number of features and of outputs.
    rest : float
        Frobenius norm of the part of the target that is of full rank and has nothing of the source.
    gamma : float
        Ridge penalty of the correction R = BA as a whole, per sample, non-negative.  0 is least squares for
        n > p, and the limit of a vanishing ridge, the correction of minimum norm, for n < p.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range, there are more spikes than min(d, p), or n = p without ridge, where
        the variance is infinite.

    Notes
    -----
    W_s enters through the squared norm of (beta - alpha) W_s alone, so the best alpha is beta, at all but the
    highest ranks (`LowRankCurve`).  What depends on the rank is what alpha is worth: everything at rank 0,
    nothing at full rank, where a correction can rescale the source by itself.  Rank 0 and full rank are
    those of `RidgeRegressionTransfer` with an infinite ridge and with ``gamma``.

    Singular values of the correction are singular values of an information-plus-noise matrix (Benaych-Georges
    and Nadakuditi 2012); the derivation is on the documentation's page *Low rank*.

    Examples
    --------
    >>> problem = LowRankTransfer(0.6, [3, 2, 1.5], 6.0, 1.0, n=500, p=200, d=150)
    >>> problem
    LowRankTransfer(d=150, p=200, 3 spikes, n=500, beta=0.6)
    >>> [round(problem.curve(rank).gain(), 2) for rank in (0, 3, 30)]
    [5.76, 5.6, 1.79]
    >>> problem.optimal_rank()
    3
    """

    beta: float
    spikes: FloatArray
    source_norm: float
    noise: float
    n: float
    p: int
    d: int
    rest: float
    gamma: float

    def __init__(
        self,
        beta: float,
        spikes: ArrayLike,
        source_norm: float,
        noise: float,
        *,
        n: float,
        p: int,
        d: int,
        rest: float = 0.0,
        gamma: float = 0.0,
    ) -> None:
        sizes = {name: _size(name, value) for name, value in (("p", p), ("d", d))}
        values = {
            "beta": check_scalar("beta", beta, FACTOR),
            "source_norm": check_scalar("source_norm", source_norm, NORM),
            "noise": check_scalar("noise", noise, NOISE),
            "n": check_scalar("n", n, SAMPLES),
            "rest": check_scalar("rest", rest, NORM),
            "gamma": check_scalar("gamma", gamma, NORM),
        }
        check_interpolation(float(p), values["n"], values["gamma"], "n = p", "gamma")
        vars(self).update(values, **sizes, spikes=_spikes(spikes, min(sizes.values())))

    @property
    def largest_rank(self) -> int:
        """min(d, p), the rank of a correction without restriction."""
        return min(self.d, self.p)

    def check_rank(self, rank: ArrayLike) -> IntArray:
        """``rank`` as an array of whole numbers; TypeError or ValueError unless from 0 to min(d, p)."""
        array = np.asarray(rank)
        if array.dtype.kind not in "iu" and not (array.size == 0 and array.dtype.kind == "f"):
            raise TypeError(f"rank must be a whole number or an array of them, got {rank!r}")
        wrong = array[(array < 0) | (array > self.largest_rank)]
        if wrong.size:
            raise ValueError(
                f"rank must be from 0 to min(d, p) = {self.largest_rank}, got {wrong.flat[0]}; at "
                f"{self.largest_rank} the correction is unrestricted"
            )
        return array.astype(np.int64)

    def curve(self, rank: int) -> LowRankCurve:
        """The risk as a function of alpha, with a correction of this rank."""
        from rmt_alpha.theory.low_rank.curve import low_rank_curve

        return low_rank_curve(self, rank)

    def curves(self, rank: int, n: ArrayLike | None = None, gamma: ArrayLike | None = None) -> CurveArray:
        """The curves with corrections of this rank for arrays of n and gamma, which broadcast."""
        from rmt_alpha.theory.curve_array import curve_array

        return curve_array(self, n, gamma, rank)

    def excess_risk(self, alpha: ArrayLike, rank: ArrayLike) -> Real:
        r"""Squared distance to the target, :math:`E |\alpha W_s + R_r - W_t|_F^2`; the two broadcast.

        Examples
        --------
        >>> import numpy as np
        >>> problem = LowRankTransfer(0.6, [3, 2, 1.5], 6.0, 1.0, n=500, p=200, d=150)
        >>> problem.excess_risk(1.0, np.array([0, 1, 2, 3, 10])).round(2)
        array([21.01, 12.98, 10.03,  8.93, 21.47])
        """
        from rmt_alpha.theory.low_rank.excess import excess_risk

        return excess_risk(self, alpha, rank)

    def optimal_alpha(self, rank: int) -> Real:
        """The alpha of least risk with a correction of this rank; see `LowRankCurve.optimal_alpha`."""
        return self.curve(rank).optimal_alpha()

    def optimal_rank(self, alpha: float | None = None) -> int:
        """The rank of least risk at ``alpha``, by default each at its best alpha; of several the smallest."""
        from rmt_alpha.theory.low_rank.curve import best_rank

        return best_rank(self, alpha)

    def learnt(self, alpha: float) -> LearntCorrection:
        """What the correction is made of: its singular values, which spikes are seen, and how well."""
        from rmt_alpha.theory.low_rank.learnt import learnt_correction

        return learnt_correction(self, alpha)

    def samples_to_see(self, alpha: float | None = None) -> FloatArray:
        r"""Number of samples beyond which each spike stands out of the noise, shape (k,).

        The Baik-Ben Arous-Peche threshold; at beta, the default, without ``rest`` and ridge, it is
        :math:`n = \sigma^2 \sqrt{d p}/\theta^2` if that exceeds p.  Infinite for a spike that no number of
        samples tells from what alpha and ``rest`` leave of full rank.
        """
        from rmt_alpha.theory.low_rank.learnt import samples_to_see

        return samples_to_see(self, alpha)

    def equivalent_samples(self, rank: int, alpha: float | None = None) -> float:
        """How many more target samples would buy, without a source, the risk of ``alpha``, or of alpha*.

        The smallest n' - n >= 0 such that a correction of the same rank, of n' samples, with alpha = 0 has no
        larger a risk; inf if none, up to 10^12 times max(n, p), has, as where the rank is too low for what
        the source has to give.

        Examples
        --------
        >>> problem = LowRankTransfer(0.6, [3, 2, 1.5], 6.0, 1.0, n=500, p=200, d=150)
        >>> problem.equivalent_samples(3), round(problem.equivalent_samples(30), 1)
        (inf, 31.8)
        """
        from rmt_alpha.theory.samples_needed import low_rank_equivalent_samples

        return low_rank_equivalent_samples(self, rank, alpha)

    def simulate(self, alpha: ArrayLike, **options: Unpack[SimulationOptions]) -> Simulation:
        """Corrections of ``rank=`` trained on random data, each scored exactly; see `rmt_alpha.simulate`."""
        from rmt_alpha.simulation import simulate

        return simulate(self, alpha, **options)

    def _facts(self) -> dict[str, object]:
        return vars(self).copy()

    def _card(self) -> Card:
        from rmt_alpha.theory.low_rank.learnt import low_rank_card

        return low_rank_card(self)

    def __repr__(self) -> str:
        count = f"{self.spikes.size} spike{'s' * (self.spikes.size != 1)}"
        facts = f"d={self.d}, p={self.p}, {count}, n={shown(self.n)}, beta={shown(self.beta)}"
        return f"LowRankTransfer({facts})"


def _size(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name} must be a whole number of at least 1, got {value!r}")
    if value < 1:
        raise ValueError(f"{name} must be a whole number of at least 1, got {value}")
    return int(value)


def _spikes(value: ArrayLike, most: int) -> FloatArray:
    array = np.atleast_1d(np.array(as_real("spikes", value) if np.size(value) else [], dtype=np.float64))
    check_range("spikes", array, NORM)
    if array.ndim != 1:
        raise ValueError(f"spikes must be a one-dimensional array of numbers, got shape {array.shape}")
    if array.size > most:
        raise ValueError(f"spikes must be at most min(d, p) = {most} numbers, got {array.size}")
    array.flags.writeable = False
    return array
