"""
The leave-one-out path
======================

``alpha_path`` has the exact leave-one-out accuracy for every alpha from one fit; ``estimate_problem`` lays
the theory, with quantities estimated from the same samples, over it.
"""

import matplotlib.pyplot as plt
import numpy as np

import rmt_alpha as ra

rng = np.random.default_rng(4)
p, n = 200, 80
mean = rng.standard_normal(p) / 12
source = mean + rng.standard_normal(p) / 15
y = np.where(np.arange(n) % 2, 1, -1)
X = y[:, None] * mean + rng.standard_normal((n, p))

path = ra.alpha_path(X, y, source, gamma=1.0)
ra.plot_alpha_path(path, np.linspace(-2, 4, 200), estimate=ra.estimate_problem(X, y, source))
plt.show()
