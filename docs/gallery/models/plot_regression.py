"""
Regression
==========

Ridge regression from alpha times a source: the risk is a parabola in alpha, for any covariance and any
noise.
"""

import matplotlib.pyplot as plt
import numpy as np

import rmt_alpha as ra

p = 150
rng = np.random.default_rng(0)
truth = rng.standard_normal(p) / np.sqrt(p)
source = truth + 0.7 * rng.standard_normal(p) / np.sqrt(p)
alpha = np.linspace(-0.5, 1.5, 101)

figure, axes = plt.subplots(figsize=(6, 3.6))
for n in (30, 100, 300):
    problem = ra.RidgeRegressionTransfer(np.linspace(0.2, 1.8, p), truth, source, noise=0.5, n=n, gamma=0.05)
    axes.plot(alpha, problem.risk(alpha), label=f"{n} samples")
    best = problem.optimal_alpha()
    axes.plot(best, problem.risk(best), "DC3", markersize=7, markeredgecolor="white")
axes.set(xlabel=r"$\alpha$", ylabel="test risk", ylim=(0, 2))
axes.legend()
plt.show()
