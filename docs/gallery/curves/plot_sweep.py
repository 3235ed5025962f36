"""
A grid of problems
==================

``sweep`` answers for every cell of a grid, in parallel and resumable; ``heatmap`` draws any answer over any
two axes.
"""

import matplotlib.pyplot as plt
import numpy as np

import rmt_alpha as ra

grid = {"beta": np.linspace(0, 1, 21).tolist(), "n": np.geomspace(20, 2000, 17).tolist(), "p": 400, "N": 1000}
found = ra.sweep(grid, alpha=[0, 1, "optimal"], replicates=0, store=None)

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6))
ra.heatmap(found, x="n", y="beta", c="optimal_alpha", ax=left)
ra.heatmap(found, x="n", y="beta", c="accuracy", alpha="optimal", ax=right)
plt.show()
