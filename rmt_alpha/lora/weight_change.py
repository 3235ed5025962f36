r"""`alignment`: what fine-tuning has done to the weights of a network, layer by layer.

How much of the change is a rescaling of what was there, and how much is of low rank: the two things that
alpha and LoRA can express.  Singular values come from Gram matrices, or where these are large from a random
projection; nothing of size p x p is decomposed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import linalg

from rmt_alpha._core.pictures.html import Card, Shown
from rmt_alpha._core.pictures.svg import plot
from rmt_alpha._core.types import FloatArray

FALSE_ALARM = 2.0234
"""Quantile .99 of the law of Tracy and Widom: noise stands out once in a hundred matrices."""
LARGEST_GRAM = 2048
"""Smaller side of a matrix up to which all singular values are computed."""
SHARES = ("change", "rescaled", "rescaled_rows", "rescaled_columns")
PROJECTED, OVERSAMPLED, POWERS = 128, 16, 2
"""Singular values of larger ones, further directions of the projection, and its power iterations."""


@dataclass(frozen=True, eq=False, repr=False)
class LayerAlignment:
    r"""One weight matrix before and after fine-tuning, W_0 and W_ft, of d rows (outputs) and p columns.

    .. math:: \beta = \frac{\langle W_{ft}, W_0\rangle}{|W_0|_F^2}, \qquad
        \text{stderr} = \frac{|W_{ft} - \beta W_0|_F}{|W_0|_F \sqrt{d p}}

    the standard error being what a change of this size in a random direction would give.

    Parameters
    ----------
    name : str
        Of the parameter.
    shape : tuple of int
        (d, p); of a convolution, p is input channels times kernel.
    beta, beta_stderr : float
        Of the whole matrix.
    beta_rows, beta_rows_stderr : ndarray, shape (d,)
        Of each row.
    beta_columns, beta_columns_stderr : ndarray, shape (p,)
        Of each column.
    change : float
        :math:`|W_{ft} - W_0|_F/|W_0|_F`.
    rescaled, rescaled_rows, rescaled_columns : float
        Share of the squared change that is rescaling of the matrix, and of its rows or columns one by one,
        the latter less the share that a change in a random direction would have; at least 0.
    singular_values : ndarray
        Of W_ft - beta W_0, downwards; all, or the largest 128 of a large matrix.
    energy : float
        Sum of the squares of all of them.
    unscaled_values : ndarray
        As many of W_ft - W_0.
    edge : float
        Where singular values of noise end that has the median of these, :math:`\hat\sigma (\sqrt d + \sqrt
        p)`, and a margin that noise exceeds once in 100 matrices.
    """

    name: str
    shape: tuple[int, int]
    beta: float
    beta_stderr: float
    beta_rows: FloatArray
    beta_rows_stderr: FloatArray
    beta_columns: FloatArray
    beta_columns_stderr: FloatArray
    change: float
    rescaled: float
    rescaled_rows: float
    rescaled_columns: float
    singular_values: FloatArray
    energy: float
    unscaled_values: FloatArray
    edge: float

    @property
    def spikes(self) -> int:
        """Singular values above the edge of the noise: the rank that fine-tuning used, or more."""
        return int((self.singular_values > self.edge).sum())

    def held(self, rank: int) -> float:
        """Share of the squares of W_ft - beta W_0 that its best approximation of this rank holds."""
        self._check_rank(rank)
        return float(np.sum(self.singular_values[:rank] ** 2) / self.energy) if self.energy > 0 else 0.0

    def gain(self, rank: int) -> float:
        r"""What alpha could save of the change with a correction of this rank, as a share of its squares.

        .. math:: \frac{1}{|W_{ft} - W_0|_F^2} \Bigl[ \min_{\operatorname{rank} R \le r}
            |W_{ft} - W_0 - R|_F^2 - \min_{\operatorname{rank} R \le r} |W_{ft} - \beta W_0 - R|_F^2 \Bigr]
        """
        self._check_rank(rank)
        change2 = self._change2
        if change2 == 0:
            return 0.0
        with_alpha = self.energy - float(np.sum(self.singular_values[:rank] ** 2))
        without = change2 - float(np.sum(self.unscaled_values[:rank] ** 2))
        return max((without - with_alpha) / change2, 0.0)

    @property
    def _change2(self) -> float:
        return self.energy / (1 - self.rescaled) if self.rescaled < 1 else self.energy

    def _check_rank(self, rank: int) -> None:
        if not 0 <= rank <= self.singular_values.size:
            raise ValueError(
                f"rank must be from 0 to {self.singular_values.size}, the singular values that are known of "
                f"{self.name}, got {rank}"
            )

    def __repr__(self) -> str:
        size = f"{self.shape[0]} x {self.shape[1]}"
        return (
            f"LayerAlignment({self.name}, {size}, beta - 1 = {self.beta - 1:.1e} +- {self.beta_stderr:.1e})"
        )


class Alignment(Shown):
    """Every weight matrix of a network before and after fine-tuning, from `alignment`; ``print`` it.

    Parameters
    ----------
    layers : list of LayerAlignment
        In the order of the network.
    left_out : list of str
        Parameters of two or more dimensions that only one of the two has, or in another shape, or that did
        not change.
    """

    def __init__(self, layers: list[LayerAlignment], left_out: list[str]) -> None:
        self.layers, self.left_out = layers, left_out

    def __getitem__(self, name: str) -> LayerAlignment:
        """The layer of this name."""
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise KeyError(f"no layer {name!r}; there are {', '.join(layer.name for layer in self.layers)}")

    def rows(self, rank: int = 8) -> list[dict[str, Any]]:
        """One dictionary for each layer: what the table shows, at this rank."""
        return [
            {
                "layer": layer.name,
                "rows": layer.shape[0],
                "columns": layer.shape[1],
                "beta": layer.beta,
                "beta_stderr": layer.beta_stderr,
                "row_scatter": float(np.std(layer.beta_rows)),
                "row_noise": float(np.sqrt(np.mean(layer.beta_rows_stderr**2))),
                "change": layer.change,
                "rescaled": layer.rescaled,
                "rescaled_rows": layer.rescaled_rows,
                "rescaled_columns": layer.rescaled_columns,
                "spikes": layer.spikes,
                "held": layer.held(min(rank, layer.singular_values.size)),
                "gain": layer.gain(min(rank, layer.singular_values.size)),
            }
            for layer in self.layers
        ]

    def __str__(self) -> str:
        return self.table()

    def table(self, rank: int = 8) -> str:
        """The table as text: shares of the squared change, and what a correction of this rank would hold."""
        width = max(len(layer.name) for layer in self.layers)
        heads = (
            "beta - 1",
            "stderr",
            "rows",
            "noise",
            "change",
            "rescaled",
            "by row",
            "by column",
            "spikes",
            f"rank {rank}",
            "gain",
        )
        lines = [f"{'layer':{width}}" + "".join(f"{head:>10}" for head in heads)]
        for row in self.rows(rank):
            numbers = (row["beta"] - 1, *(row[name] for name in ("beta_stderr", "row_scatter", "row_noise")))
            shares = "".join(f"{row[name]:10.2%}" for name in SHARES)
            cells = "".join(f"{number:10.1e}" for number in numbers)
            lines.append(
                f"{row['layer']:{width}}{cells}{shares}{row['spikes']:10d}{row['held']:10.1%}{row['gain']:10.2%}"
            )
        lines += [f"{len(self.left_out)} left out: {', '.join(self.left_out)}"] if self.left_out else []
        return "\n".join(lines)

    def _card(self) -> Card:
        z = np.array([(layer.beta - 1) / max(layer.beta_stderr, 1e-300) for layer in self.layers])
        rescaled = [layer.rescaled for layer in self.layers]
        rows: dict[str, object] = {"matrices": len(self.layers), "left out": len(self.left_out)}
        rows |= {"share that is rescaling": np.array(rescaled)}
        rows |= {"beta - 1": np.array([layer.beta - 1 for layer in self.layers])}
        rows |= {"spikes": np.array([layer.spikes for layer in self.layers])}
        at = np.arange(len(z), dtype=float)
        label = "(beta - 1) in standard errors, by layer"
        picture = plot(label, ("layer", "z"), points=(at, z, 0 * z), levels=(-2.0, 0.0, 2.0))
        return Card(rows, picture)

    def __repr__(self) -> str:
        worst = max((layer.rescaled for layer in self.layers), default=0.0)
        return f"Alignment({len(self.layers)} matrices, at most {worst:.2%} of a change is rescaling)"


def alignment(base: Any, tuned: Any, *, vectors: bool = False) -> Alignment:
    r"""Compare the weights of a network before and after fine-tuning.

    For every matrix, :math:`\beta = \langle W_{ft}, W_0\rangle/|W_0|_F^2`, also by row and by column; how
    much of the change is rescaling; and the singular values of :math:`W_{ft} - \beta W_0` against a noise
    bulk.  Where beta is 1 within noise, fine-tuning has had no use for an alpha.

    Parameters
    ----------
    base, tuned : model or mapping
        Models with a ``state_dict()``, or state dicts: parameters, tensors or arrays, by name.
    vectors : bool
        Compare the vectors too, such as the gains of layer norms, each as a matrix of one row.

    Returns
    -------
    Alignment
        One `LayerAlignment` for each parameter of two or more dimensions (or one, with ``vectors``) that both
        have and that changed; of convolutions each output channel is a row.

    Raises
    ------
    TypeError, ValueError
        If these are no models or state dicts, have no such parameter in common, or one is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> before = {"layer": rng.standard_normal((60, 80))}
    >>> spike = np.outer(np.ones(60), np.ones(80)) / 20
    >>> after = {
    ...     "layer": 1.1 * before["layer"]
    ...     + spike
    ...     + 0.01 * rng.standard_normal((60, 80))
    ... }
    >>> found = alignment(before, after)["layer"]
    >>> round(found.beta, 2), found.spikes
    (1.1, 1)
    """
    before, after = _parameters("base", base), _parameters("tuned", tuned)
    least = 1 if vectors else 2
    layers, left_out = [], []
    for name, value in before.items():
        if len(value.shape) < least:
            continue
        other = after.get(name)
        if other is None or tuple(other.shape) != tuple(value.shape):
            left_out.append(name)
            continue
        old, new = _matrix(name, value), _matrix(name, other)
        if np.array_equal(old, new) or not old.any():
            left_out.append(name)
        else:
            layers.append(layer_alignment(name, old, new))
    left_out += [name for name, value in after.items() if len(value.shape) >= least and name not in before]
    if not layers:
        raise ValueError(
            "base and tuned have no weight matrix in common that changed: are both of the same architecture, "
            f"with the same names?  Left out: {', '.join(left_out) or 'none'}"
        )
    return Alignment(layers, left_out)


def layer_alignment(name: str, old: FloatArray, new: FloatArray) -> LayerAlignment:
    """One matrix before and after."""
    d, p = old.shape
    norm2, change2 = float(np.sum(old**2)), float(np.sum((new - old) ** 2))
    away = float(np.sum((new - old) * old)) / norm2  # beta - 1 without cancellation
    rest = (new - old) - away * old
    energy = float(np.sum(rest**2))
    by_row, row_error = betas_along(old, new, rest, 1)
    by_column, column_error = betas_along(old, new, rest, 0)
    row_share = float(np.sum((by_row - 1) ** 2 * np.sum(old**2, axis=1))) / change2
    column_share = float(np.sum((by_column - 1) ** 2 * np.sum(old**2, axis=0))) / change2
    values = singular_values(rest)
    return LayerAlignment(
        name=name,
        shape=(d, p),
        beta=1 + away,
        beta_stderr=float(np.sqrt(energy / (norm2 * d * p))),
        beta_rows=by_row,
        beta_rows_stderr=row_error,
        beta_columns=by_column,
        beta_columns_stderr=column_error,
        change=float(np.sqrt(change2 / norm2)),
        rescaled=away**2 * norm2 / change2,
        # Of a change in a random direction 1/p lies along the rows, 1/d along the columns.
        rescaled_rows=max(row_share - (1 - row_share) / max(p - 1, 1), 0.0),
        rescaled_columns=max(column_share - (1 - column_share) / max(d - 1, 1), 0.0),
        singular_values=values,
        energy=energy,
        unscaled_values=singular_values(new - old),
        edge=noise_edge(values, energy, d, p),
    )


def betas_along(
    old: FloatArray, new: FloatArray, rest: FloatArray, axis: int
) -> tuple[FloatArray, FloatArray]:
    """beta of each row (axis 1) or column (0), and the standard error of noise as large as the rest there."""
    norms = np.sum(old**2, axis=axis)
    safe = np.where(norms > 0, norms, 1.0)
    beta = np.where(norms > 0, 1 + np.sum((new - old) * old, axis=axis) / safe, 1.0)
    error = np.where(norms > 0, np.sqrt(np.sum(rest**2, axis=axis) / (safe * old.shape[axis])), np.inf)
    return np.asarray(beta), np.asarray(error)


def singular_values(matrix: FloatArray) -> FloatArray:
    """All of them downwards, or the largest of a large matrix, from a random projection."""
    small = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    if small.shape[0] <= LARGEST_GRAM:
        # Squaring costs digits of singular values below 1e-8 of the largest, which no float32 weight has.
        return np.asarray(np.sqrt(np.maximum(linalg.eigvalsh(small @ small.T), 0.0)[::-1]))
    rng = np.random.default_rng(0)
    basis = small @ rng.standard_normal((small.shape[1], PROJECTED + OVERSAMPLED))
    for _ in range(POWERS):
        basis = small @ (small.T @ linalg.qr(basis, mode="economic")[0])
    projected = linalg.qr(basis, mode="economic")[0].T @ small
    return np.asarray(linalg.svdvals(projected)[:PROJECTED])


def noise_edge(values: FloatArray, energy: float, d: int, p: int) -> float:
    """Where noise ends that has their median, or where not all are known, the energy of the others."""
    small, large = sorted((d, p))
    squares, shares = noise_law(small / large)
    if values.size == small:
        sigma2 = float(np.median(values)) ** 2 / (large * float(np.interp(0.5, np.cumsum(shares), squares)))
    else:
        others = np.cumsum(shares) > values.size / small
        left = max(energy - float(np.sum(values**2)), 0.0)
        sigma2 = left / (large * small * float((squares * shares)[others].sum()))
    roots = np.sqrt(small) + np.sqrt(large)
    margin = FALSE_ALARM * (1 / np.sqrt(small) + 1 / np.sqrt(large)) ** (1 / 3) / roots
    return float(np.sqrt(sigma2 * (1 + margin)) * roots)


def noise_law(aspect: float) -> tuple[FloatArray, FloatArray]:
    """The law of Marchenko and Pastur for ``aspect`` <= 1: eigenvalues downwards and their shares."""
    # By the angle phi, l = 1 + c + 2 sqrt(c) cos phi, in which the density is smooth.
    angle = (np.arange(4000) + 0.5) * np.pi / 4000
    values = 1 + aspect + 2 * np.sqrt(aspect) * np.cos(angle)
    shares = np.sin(angle) ** 2 / values
    return values, shares / shares.sum()


def _parameters(name: str, model: Any) -> Mapping[str, Any]:
    held = model.state_dict() if hasattr(model, "state_dict") else model
    if not isinstance(held, Mapping) or not all(hasattr(value, "shape") for value in held.values()):
        raise TypeError(
            f"{name} must be a model, or a mapping from names to tensors, got {type(model).__name__}"
        )
    return held


def _matrix(name: str, value: Any) -> FloatArray:
    if hasattr(value, "detach"):
        value = value.detach().to("cpu").double().numpy()
    matrix = np.asarray(value, np.float64)
    matrix = matrix.reshape(1, -1) if matrix.ndim == 1 else matrix.reshape(len(matrix), -1)
    if not np.isfinite(matrix).all():
        raise ValueError(f"{name} must have finite entries")
    return matrix
