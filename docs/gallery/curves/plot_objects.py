"""
What objects show of themselves
===============================

The last expression of a cell is a table of the numbers that matter beside a small picture, in the colours of
the page. In a terminal the same objects are one line.
"""

import matplotlib.pyplot as plt
import numpy as np

import rmt_alpha as ra

problem = ra.TransferProblem(beta=0.6, p=200, n=100, N=1000, gamma=1, gamma_source=5)
problem

# %%
# Its curve: the picture has the marks of the figures.
curve = problem.curve()
curve

# %%
# A mixture with a spectrum of its own, and two sources.
mean = np.full(50, 0.15)
other = mean * np.tile([1, 1, 1, -1, 1], 10)  # points three fifths of the way
target = ra.GaussianMixture.symmetric(mean, np.arange(1, 51) ** -0.5)
ra.FineTuning(target, ra.FixedSource(np.stack([mean, other])), n=40, gamma=0.3)

# %%
# A simulation held against the theory.
ra.compare(problem, [0, 1, 2.7], replicates=100, rng=0)

# %%
# Leaving samples out, for every alpha.
rng = np.random.default_rng(0)
y = np.repeat([-1, 1], 20)
X = y[:, None] * mean + rng.standard_normal((40, 50))
path = ra.alpha_path(X, y, mean, gamma=1.0)
path

# %%
# And the picture to keep.
curve.plot(source=problem.source_accuracy())
plt.show()
