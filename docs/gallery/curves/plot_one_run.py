"""
How far one run may lie from the average
========================================

Thirty runs, each with new training data, in grey; the band of two standard deviations is predicted, without
a simulation.
"""

import matplotlib.pyplot as plt
import numpy as np

import rmt_alpha as ra

problem = ra.TransferProblem(beta=0.5, p=200, n=60, N=600, gamma=0.5)
curve = problem.curve()
alpha = np.linspace(-4, 6, 101)
runs = ra.simulate(problem, alpha, replicates=30, rng=1).draws.accuracy

figure, axes = plt.subplots(figsize=(6, 3.6))
axes.plot(alpha, runs.T, color="gray", linewidth=0.5)
accuracy, spread = curve.accuracy(alpha), curve.accuracy_std(alpha)
axes.plot(alpha, accuracy, label="expected")
axes.fill_between(alpha, accuracy - 2 * spread, accuracy + 2 * spread, alpha=0.25, label="± 2 std of one run")
best, width = curve.optimal_alpha(), curve.optimal_alpha_std()
axes.errorbar(best, curve.accuracy(best), xerr=width, fmt="DC3", capsize=3, label=r"$\alpha^*$ of one run")
axes.set(xlabel=r"$\alpha$", ylabel="test accuracy")
axes.legend()
plt.show()
