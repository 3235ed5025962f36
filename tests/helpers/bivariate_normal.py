"""The distribution function of two standard normal variables whose correlation is close to 1 or -1."""

from __future__ import annotations

import math

from scipy import integrate, special


def near_a_line(h: float, k: float, rho: float) -> float:
    """P(x < h, y < k), finite h and k, from the line y = +-x on: dP/drho is the density (Plackett 1954).

    SciPy's own is off by up to the distance from the line, before 1.17.
    """
    if rho < 0:
        return max(0.0, special.ndtr(h) - near_a_line(h, -k, -rho))

    def density(angle: float) -> float:  # at rho = cos(angle); 4 sin^2(angle / 2) = 2 (1 - rho)
        square = (h - k) ** 2 + 4 * h * k * math.sin(angle / 2) ** 2
        return math.exp(-square / (2 * math.sin(angle) ** 2)) / (2 * math.pi)

    width = 2 * math.asin(math.sqrt((1 - rho) / 2))
    return special.ndtr(min(h, k)) - integrate.quad(density, 0, width, epsabs=1e-17, epsrel=1e-10)[0]
