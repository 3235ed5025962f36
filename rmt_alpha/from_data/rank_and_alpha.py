r"""`rank_and_alpha`: how much of the source to keep and which rank to train, from samples of a regression.

Least squares gives W = W_t + noise, of covariance sigma^2 (X X^T)^-1 in every row.  Its projection on the
source is beta, its residuals are the noise, and (W - beta W_s) S^(1/2) is spikes in white noise, whose
singular values `rmt_alpha.theory.low_rank` turns back into spikes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike
from scipy import linalg

from rmt_alpha._core.alphas import FINITE
from rmt_alpha._core.checks import as_real, check_flag, check_scalar
from rmt_alpha._core.pictures.html import Card, Shown
from rmt_alpha._core.pictures.svg import plot
from rmt_alpha._core.types import FloatArray
from rmt_alpha._core.values import Value
from rmt_alpha.problems.low_rank import LowRankTransfer
from rmt_alpha.theory.low_rank.learnt import spikes_behind

FALSE_ALARM = 2.0234
"""Quantile .99 of the law of Tracy and Widom for real matrices: noise stands out once in a hundred."""
ROUNDS = 20
ROUNDING = 1e-24
"""Share of the outputs' variance that residuals without noise may have."""


@dataclass(frozen=True, eq=False, repr=False)
class RankAndAlpha(Value, Shown):
    r"""What samples say about alpha and the rank of a correction, from `rank_and_alpha`.

    Parameters
    ----------
    beta, beta_stderr : float
        :math:`\hat\beta = \langle \hat W, W_s\rangle/|W_s|_F^2`, and its standard error.
    beta_rows, beta_rows_stderr : ndarray, shape (d,)
        The same for every row (output).
    noise, noise_stderr : float
        Standard deviation of the noise of an output.
    spikes, spikes_stderr : ndarray, shape (k,)
        Singular values of the part of low rank, downwards; those that noise would give once in 100 samples
        are left out.
    rest : float
        Frobenius norm of what is neither source nor spikes; 0 unless it is more than two standard errors.
    whiteness : float
        :math:`\operatorname{tr} S^2 p/(\operatorname{tr} S)^2/(1 + p/n)`: 1 for uncorrelated features, which
        the theory assumes, larger for correlated ones.
    problem : LowRankTransfer
        The problem with these numbers, in units in which a feature has variance 1.
    rank : int
        The best rank of a correction at alpha.
    gain, gain_stderr : float
        What this alpha saves over alpha = 1 at this rank, in excess risk of all outputs together: less what
        the errors of beta add to its estimate and take from the use of it, so 0 where beta is 1 within noise.
    coef, source, root : ndarray
        Least squares, the source, both (d, p), and the root of X X^T/n; for `weights`.

    Examples
    --------
    >>> import numpy as np
    >>> import rmt_alpha as ra
    >>> rng = np.random.default_rng(0)
    >>> source = rng.standard_normal((20, 30)) / 5
    >>> target = 0.5 * source + 2 * np.outer(np.eye(20)[0], np.eye(30)[0])
    >>> X = rng.standard_normal((300, 30))
    >>> fit = ra.rank_and_alpha(
    ...     X, X @ target.T + rng.standard_normal((300, 20)), source
    ... )
    >>> fit
    RankAndAlpha(alpha 0.503 +- 0.021, rank 1 of 1 spike, gain 5.4 +- 0.46)
    """

    beta: float
    beta_stderr: float
    beta_rows: FloatArray
    beta_rows_stderr: FloatArray
    noise: float
    noise_stderr: float
    spikes: FloatArray
    spikes_stderr: FloatArray
    rest: float
    whiteness: float
    problem: LowRankTransfer
    rank: int
    gain: float
    gain_stderr: float
    coef: FloatArray
    source: FloatArray
    root: FloatArray

    @property
    def alpha(self) -> float:
        """The alpha to be used: beta."""
        return self.beta

    def weights(
        self, alpha: float | None = None, rank: int | None = None, *, shrink: bool = False
    ) -> FloatArray:
        r"""Fine-tuned weights, :math:`\alpha W_s + R_r`, shape (d, p).

        Parameters
        ----------
        alpha : float, optional
            Factor of the source; `alpha` by default.
        rank : int, optional
            Of the correction; the best one by default.
        shrink : bool
            Multiply every component by the factor of least risk instead of keeping it as it is: for many
            samples the optimal shrinkage of singular values of Gavish and Donoho (2017).  What belongs to no
            spike is left out, and ``rank`` must not be given.
        """
        at = self.alpha if alpha is None else check_scalar("alpha", alpha, FINITE)
        if check_flag("shrink", shrink) and rank is not None:
            raise ValueError("rank is found by shrinkage: leave it out, or shrink=False")
        u, values, vt = linalg.svd((self.coef - at * self.source) @ self.root, full_matrices=False)
        keep = np.zeros_like(values)
        if shrink:
            learnt = self.problem.learnt(at)
            shares = (1 - learnt.change / learnt.sizes**2) / 2  # inner product with the truth, over the size
            keep[: shares.size] = np.where(learnt.seen, np.maximum(shares, 0), 0)
        else:
            keep[: int(self.problem.check_rank(self.rank if rank is None else rank))] = 1
        correction = linalg.solve(self.root, ((u * (keep * values)) @ vt).T, assume_a="pos").T
        return np.asarray(at * self.source + correction)

    def _card(self) -> Card:
        rows: dict[str, object] = {"alpha": self.beta, "standard error": self.beta_stderr}
        rows |= {"rank": self.rank, "spikes": self.spikes, "noise": self.noise, "rest": self.rest}
        rows |= {"gain over alpha = 1": self.gain, "its standard error": self.gain_stderr}
        order = np.argsort(self.beta_rows)
        at, bars = np.arange(order.size, dtype=float), 2 * self.beta_rows_stderr[order]
        label = "beta of the rows, in their order"
        picture = plot(label, ("row", "beta"), points=(at, self.beta_rows[order], bars), levels=(1.0,))
        return Card(rows, picture, "Picture: beta of every row, two standard errors.")

    def __repr__(self) -> str:
        alpha = f"alpha {self.beta:.3g} +- {self.beta_stderr:.2g}"
        rank = f"rank {self.rank} of {self.spikes.size} spike{'s' * (self.spikes.size != 1)}"
        return f"RankAndAlpha({alpha}, {rank}, gain {self.gain:.3g} +- {self.gain_stderr:.2g})"


def rank_and_alpha(X: ArrayLike, Y: ArrayLike, W_source: ArrayLike) -> RankAndAlpha:
    r"""Estimate from samples of a regression which alpha and which rank a correction should have.

    .. math:: \hat\beta = \frac{\langle \hat W, W_s\rangle}{|W_s|_F^2}, \quad \hat W = Y^\top X
        (X^\top X)^{-1}, \quad y^2 = \tfrac12 \Bigl[t - d - p + \sqrt{(t - d - p)^2 - 4 d p}\Bigr], \quad
        \hat\theta = \hat\sigma y/\sqrt n,

    t the squared singular values of :math:`(\hat W - \hat\beta W_s) (X^\top X)^{1/2}/\hat\sigma` above the
    edge of the noise, and accordingly where something of full rank is left.

    Parameters
    ----------
    X : array_like, shape (n, p)
        Samples in rows, or the inputs of a layer; uncorrelated features, of any common variance (whiten them
        first; ``whiteness`` tells).
    Y : array_like, shape (n, d)
        Outputs, centred as the model is: without intercept.
    W_source : array_like, shape (d, p)
        Weights of the source.

    Returns
    -------
    RankAndAlpha
        Estimates with standard errors, the problem they describe, and `RankAndAlpha.weights`.

    Raises
    ------
    TypeError, ValueError
        If shapes do not fit or entries are not finite; if the source is 0; or if n <= p, where residuals say
        nothing about the noise.

    Notes
    -----
    Standard errors are of first order in 1/n.  That of beta counts the noise and the chance alignment of
    what is not source with it.  That of a spike,

    .. math:: \Bigl[ \frac{\sigma^2}{n} \Bigl(1 + \frac{d + p}{2 y^2}\Bigr) \Big/ \Bigl(1 - \frac{d p}{y^4}
        \Bigr) + \frac{\theta^2}{2 n} \Bigr]^{1/2},

    counts the noise of its singular value, found by simulation, and the variance of its direction in the
    sample.  That of the gain propagates both.

    Examples
    --------
    >>> import numpy as np
    >>> import rmt_alpha as ra
    >>> rng = np.random.default_rng(0)
    >>> source = rng.standard_normal((20, 30)) / 5
    >>> X = rng.standard_normal((300, 30))
    >>> Y = X @ (0.5 * source).T + rng.standard_normal((300, 20))
    >>> fit = ra.rank_and_alpha(X, Y, source)
    >>> bool(abs(fit.alpha - 0.5) < 4 * fit.beta_stderr), fit.rank
    (True, 0)
    """
    x, y, source = _checked(X, Y, W_source)
    (n, p), d, norm = x.shape, y.shape[1], float(linalg.norm(source))
    S = x.T @ x / n
    coef = linalg.solve(S, x.T @ y / n, assume_a="pos").T
    sigma2 = float(np.sum((y - x @ coef.T) ** 2) / (d * (n - p)))
    if not sigma2 > ROUNDING * float(np.mean(y**2)):
        raise ValueError("Y must have noise: it is an exact linear function of X, whose rank one can count")
    spectrum, basis = linalg.eigh(S)
    inverse, root = (basis / (n * spectrum)) @ basis.T, (basis * np.sqrt(spectrum)) @ basis.T
    beta = float(np.sum(coef * source) / norm**2)
    missed, unit = coef - beta * source, float(np.sqrt(spectrum.mean()))
    # Squared norm of W_t - beta W_s without that of the noise, in units in which features have variance 1.
    total = unit**2 * (float(np.sum(missed**2)) - sigma2 * d * float(np.trace(inverse)))
    spread = 2 * sigma2**2 * d * float(np.sum(inverse**2)) * unit**4 + 4 * sigma2 * max(total, 0) / n
    bare = LowRankTransfer(beta, [], norm * unit, np.sqrt(sigma2), n=n, p=p, d=d)
    problem = _described(bare, linalg.svdvals(missed @ root), total, 2 * float(np.sqrt(spread)))
    across = (np.sum(problem.spikes**2) + problem.rest**2) / (d * p * unit**2)
    noise_rows = sigma2 * np.einsum("dp,pq,dq->d", source, inverse, source)
    rows = np.sum(source**2, axis=1)
    beta_stderr = float(np.sqrt(noise_rows.sum() / norm**4 + across / norm**2))
    spikes_stderr = _spike_errors(problem)
    rank = problem.optimal_rank(beta)
    gain, gain_stderr = _gain(problem, rank, beta_stderr, spikes_stderr)
    with np.errstate(divide="ignore", invalid="ignore"):
        beta_rows = np.where(rows > 0, np.sum(coef * source, axis=1) / rows, 0.0)
        rows_stderr = np.where(rows > 0, np.sqrt(noise_rows / rows**2 + across / rows), np.inf)
    noise = float(np.sqrt(sigma2))
    return RankAndAlpha(
        beta=beta,
        beta_stderr=beta_stderr,
        beta_rows=beta_rows,
        beta_rows_stderr=rows_stderr,
        noise=noise,
        noise_stderr=noise / np.sqrt(2 * d * (n - p)),
        spikes=problem.spikes / unit,
        spikes_stderr=spikes_stderr / unit,
        rest=problem.rest / unit,
        whiteness=float(np.sum(spectrum**2) * p / np.sum(spectrum) ** 2 / (1 + p / n)),
        problem=problem,
        rank=rank,
        gain=gain,
        gain_stderr=gain_stderr,
        coef=coef,
        source=source,
        root=root,
    )


def _checked(X: ArrayLike, Y: ArrayLike, W_source: ArrayLike) -> tuple[FloatArray, FloatArray, FloatArray]:
    x, y, source = _matrix("X", X), _matrix("Y", Y), _matrix("W_source", W_source)
    n, p = x.shape
    if len(y) != n or source.shape != (y.shape[1], p):
        raise ValueError(
            "X must have shape (n, p), Y (n, d) and W_source (d, p), got shapes "
            f"{x.shape}, {y.shape} and {source.shape}"
        )
    if n <= p:
        raise ValueError(
            f"X must have more samples than features, got {n} x {p}: without residuals the noise is unknown; "
            "reduce the features first"
        )
    if not source.any():
        raise ValueError("W_source must not be 0: there is nothing to be rescaled")
    return x, y, source


def _described(bare: LowRankTransfer, singular: FloatArray, total: float, slack: float) -> LowRankTransfer:
    """Spikes that noise does not explain, and the rest of ``total`` if it is more than ``slack``."""
    roots = np.sqrt([bare.d, bare.p])
    margin = FALSE_ALARM * np.sum(1 / roots) ** (1 / 3) / np.sum(roots)
    # From all of it being of full rank: else noise that is taken for spikes would leave nothing to the rest.
    problem = replace(bare, rest=float(np.sqrt(total)) if total > slack else 0.0)
    for _ in range(ROUNDS):
        spikes = spikes_behind(problem, problem.beta, singular, margin)
        left = total - float(np.sum(spikes**2))
        rest = float(np.sqrt(left)) if left > slack else 0.0
        known = problem
        problem = replace(bare, spikes=spikes, rest=rest)
        if known.spikes.size == spikes.size and abs(known.rest - rest) <= 1e-6 * (rest + bare.noise):
            break
    return problem


def _spike_errors(problem: LowRankTransfer) -> FloatArray:
    d, p, n = problem.d, problem.p, problem.n
    level = problem.noise**2 / n + problem.rest**2 / (d * p)
    y2 = problem.spikes**2 / level
    # Beside the threshold the error is that of being there.
    seen = np.maximum(1 - d * p / y2**2, 1 / np.sqrt(d + p))
    return np.asarray(np.sqrt(level * (1 + (d + p) / (2 * y2)) / seen + problem.spikes**2 / (2 * n)))


def _gain(
    problem: LowRankTransfer, rank: int, beta_stderr: float, spikes_stderr: FloatArray
) -> tuple[float, float]:
    """Gain of the estimated alpha over 1, and its standard error by propagation."""
    away2 = (1 - problem.beta) ** 2

    def gain(away2: float, spikes: FloatArray) -> float:
        moved = replace(problem, beta=1 - float(np.sqrt(max(away2, 0.0))), spikes=spikes)
        return float(moved.excess_risk(1.0, rank)) - float(moved.excess_risk(moved.beta, rank))

    def slope(at: Callable[[float], float], step: float) -> float:
        return (at(step) - at(-step)) / (2 * step)

    expected = max(away2 - 2 * beta_stderr**2, 0.0)
    # d(1 - beta)^2 = 2 |1 - beta| d beta, and of second order where beta is 1.
    error = 2 * np.sqrt(away2) * beta_stderr + beta_stderr**2
    step = max(1e-4 * away2, 1e-12)
    parts = [error * slope(lambda h: gain(away2 + h, problem.spikes), step)]
    for i, width in enumerate(spikes_stderr):
        unit = np.eye(spikes_stderr.size)[i]
        parts.append(
            width * slope(lambda h, unit=unit: gain(away2, problem.spikes + h * unit), 1e-4 * width)  # type: ignore[misc]
        )
    return gain(expected, problem.spikes), float(linalg.norm(parts))


def _matrix(name: str, value: ArrayLike) -> FloatArray:
    array = np.asarray(as_real(name, value), dtype=np.float64)
    if array.ndim != 2 or array.size == 0:
        raise ValueError(f"{name} must be a two-dimensional array, got shape {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must have finite entries")
    return array
