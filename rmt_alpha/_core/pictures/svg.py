"""Small pictures as SVG text, drawn without a library; they know nothing of the model.

Text and axes take the colour of the page (``currentColor``), so that they can be read on white and on black.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
from numpy.typing import ArrayLike

from rmt_alpha._core.pictures.html import number
from rmt_alpha._core.types import FloatArray, IntArray

WIDTH, HEIGHT = 320, 184
LEFT, RIGHT, TOP, BOTTOM = 46, 310, 26, 150
"""The picture, and the frame of its data, in pixels."""
COLORS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9")
"""Of lines, in order, for the colour-blind (Okabe and Ito 2008)."""
MARKS = {
    "zero": ("0", "#009E73", "M-4,0a4,4 0 1,0 8,0a4,4 0 1,0 -8,0z"),
    "one": ("1", "#E69F00", "M-3.6,-3.6h7.2v7.2h-7.2z"),
    "best": ("alpha*", "#D55E00", "M0,-5.4L5.4,0L0,5.4L-5.4,0z"),
}
"""The alphas that matter: name, colour and shape."""
MOST_POINTS, MOST_CELLS = 60, 40
"""What can be seen in so small a picture; of more, evenly spread ones are drawn."""

Line = tuple[ArrayLike, ArrayLike]


def plot(
    label: str,
    axes: tuple[str, str],
    *,
    lines: Mapping[str, Line] | None = None,
    points: tuple[ArrayLike, ArrayLike, ArrayLike] | None = None,
    marks: Mapping[str, tuple[float, float]] | None = None,
    levels: Sequence[float] = (),
) -> str:
    """Lines, points and marks in one frame; "" if nothing of them is finite.

    Parameters
    ----------
    label : str
        What the picture shows, for those who do not see it.
    axes : tuple of str
        Names of x and y.
    lines : mapping
        x and y of every line by its name in the legend; "" is not named.
    points : tuple of three arrays
        x, y and half the length of the error bar.
    marks : mapping
        The point (x, y) for some of `MARKS`.
    levels : sequence of float
        Heights of dashed horizontal lines.
    """
    curves = {name: _finite(*line) for name, line in (lines or {}).items()}
    dots = _finite(*points) if points else np.empty((3, 0))
    dots = dots[:, spread(dots.shape[1], MOST_POINTS)]
    spots = _finite(*np.array(list((marks or {}).values()), float).reshape(-1, 2).T)
    across, up = (np.concatenate([*(c[i] for c in curves.values()), dots[i], spots[i]]) for i in (0, 1))
    x = _Scale(across, LEFT, RIGHT)
    y = _Scale(np.concatenate([up, dots[1] - dots[2], dots[1] + dots[2], levels]), BOTTOM, TOP)
    if not (x.exists and y.exists):
        return ""
    parts = [_frame(x, y, axes)]
    parts += [_path(f"M{LEFT},{y(level):.1f}H{RIGHT}", dash="4,3") for level in levels]
    for color, line in zip(COLORS, curves.values(), strict=False):
        track = "L".join(f"{x(a):.1f},{y(b):.1f}" for a, b in line.T)
        parts.append(_path(f"M{track}", color, 1.8) if track else "")
    for a, b, half in dots.T:
        parts.append(_path(f"M{x(a):.1f},{y(b - half):.1f}V{y(b + half):.1f}"))
        parts.append(f'<circle cx="{x(a):.1f}" cy="{y(b):.1f}" r="2.3" fill="currentColor"/>')
    at = {kind: (x(a), y(b)) for kind, (a, b) in (marks or {}).items() if np.isfinite([a, b]).all()}
    parts += [_mark(kind, *place) for kind, place in at.items()]
    return _svg(label, "".join(parts) + _legend([name for name in curves if name], list(at)), HEIGHT)


def cells(label: str, values: ArrayLike) -> str:
    """A vector or matrix: the larger, the fuller the colour; entries that are not finite are left empty."""
    table = np.atleast_2d(np.asarray(values, float))
    table = table[np.ix_(*(spread(size, MOST_CELLS) for size in table.shape))]
    finite = np.isfinite(table)
    if not finite.any():
        return ""
    low, high = table[finite].min(), table[finite].max()
    share = (table - low) / (high - low) if high > low else np.ones(table.shape)
    wide, tall = (WIDTH - 4) / table.shape[1], min((BOTTOM - TOP) / len(table), 24)
    parts = [_text(2, 14, f"{label}: {number(low)} (pale) to {number(high)}")]
    for i, j in np.argwhere(finite):
        parts.append(
            f'<rect x="{2 + j * wide:.1f}" y="{TOP + i * tall:.1f}" width="{wide:.1f}" height="{tall:.1f}" '
            f'fill="{COLORS[0]}" fill-opacity="{0.1 + 0.9 * share[i, j]:.2f}"/>'
        )
    return _svg(label, "".join(parts), TOP + tall * len(table) + 4)


def window(values: Sequence[float], count: int) -> FloatArray:
    """``count`` numbers around the finite ones of ``values``."""
    known = [value for value in values if np.isfinite(value)]
    room = 0.2 * (max(known) - min(known))
    return np.linspace(min(known) - room, max(known) + room, count)


def spread(count: int, most: int) -> IntArray:
    """Indices of at most ``most`` entries, evenly spread."""
    return np.unique(np.linspace(0, max(count - 1, 0), most).round().astype(int))[: max(count, 0)]


class _Scale:
    """From numbers to pixels, with room at both ends, and round numbers as ticks."""

    def __init__(self, values: FloatArray, start: float, stop: float) -> None:
        low, high = (float(values.min()), float(values.max())) if values.size else (np.nan, np.nan)
        room = 0.06 * (high - low) if high - low > 1e-9 * abs(high) else 0.05 * abs(high) or 1.0
        self.low, self.high, self.start, self.stop = low - room, high + room, start, stop
        self.exists = bool(np.isfinite(self.high - self.low))

    def __call__(self, value: float) -> float:
        return self.start + (self.stop - self.start) * float((value - self.low) / (self.high - self.low))

    @property
    def ticks(self) -> list[float]:
        rough = (self.high - self.low) / 5
        unit = 10.0 ** np.floor(np.log10(rough))
        step = float(next(k * unit for k in (1, 2, 5, 10) if k * unit >= 0.999 * rough))
        first, last = int(np.ceil(self.low / step)), int(np.floor(self.high / step))
        return [k * step for k in range(first, last + 1)]


def _finite(*rows: ArrayLike) -> FloatArray:
    table = np.array(np.broadcast_arrays(*(np.asarray(row, float).ravel() for row in rows)))
    return table[:, np.isfinite(table).all(axis=0)]


def _frame(x: _Scale, y: _Scale, names: tuple[str, str]) -> str:
    parts = [_path(f"M{LEFT},{TOP}V{BOTTOM}H{RIGHT}"), _text(2, 14, names[1])]
    parts.append(_text((LEFT + RIGHT) / 2, HEIGHT - 3, names[0], "middle"))
    for value in x.ticks:
        parts.append(_path(f"M{x(value):.1f},{BOTTOM}v3"))
        parts.append(_text(x(value), BOTTOM + 15, f"{value:.4g}", "middle"))
    for value in y.ticks:
        parts.append(_path(f"M{LEFT},{y(value):.1f}h-3"))
        parts.append(_text(LEFT - 6, y(value) + 4, f"{value:.4g}", "end"))
    return "".join(parts)


def _legend(lines: list[str], marks: list[str]) -> str:
    """From right to left above the frame."""
    parts, at = [], float(RIGHT)
    samples = [(MARKS[kind][0], lambda x, kind=kind: _mark(kind, x, 10)) for kind in marks]
    colors = dict(zip(lines, COLORS, strict=False))
    samples += [(name, lambda x, c=color: _path(f"M{x - 6},10h12", c, 1.8)) for name, color in colors.items()]
    for name, sample in reversed(samples):
        parts.append(_text(at, 14, name, "end"))
        at -= 6.2 * len(name) + 10
        parts.append(sample(at))
        at -= 14
    return "".join(parts)


def _mark(kind: str, x: float, y: float) -> str:
    _, color, shape = MARKS[kind]
    return f'<path transform="translate({x:.1f},{y:.1f})" d="{shape}" fill="{color}"/>'


def _path(track: str, color: str = "currentColor", width: float = 1.0, dash: str = "none") -> str:
    return (
        f'<path d="{track}" fill="none" stroke="{color}" stroke-width="{width}" stroke-dasharray="{dash}"/>'
    )


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _svg(label: str, content: str, height: float) -> str:
    name = escape(label)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{name}" '
        f'viewBox="0 0 {WIDTH} {height:.0f}" style="width:{WIDTH}px;max-width:100%;height:auto" '
        f'font-family="sans-serif" font-size="11" fill="currentColor"><title>{name}</title>{content}</svg>'
    )
