"""
Which alphas help, and how precisely must alpha be known?
=========================================================

In the wide interval the source helps; outside of it transfer is negative, here at alpha = 1. In the narrow
one accuracy is within half a point of the best.
"""

import matplotlib.pyplot as plt
import numpy as np

import rmt_alpha as ra

curve = ra.TransferProblem(beta=0.5, p=200, n=60, N=240, gamma=0.3, gamma_source=0.02).curve()
alpha = np.linspace(-0.4, 1.6, 301)
best = curve.optimal_alpha()

figure, axes = plt.subplots(figsize=(6, 3.6))
axes.axvspan(*curve.transfer_interval(), color="C2", alpha=0.2, label="better than no source")
axes.axvspan(*curve.tolerance_interval(0.005), color="C3", alpha=0.3, label="within half a point of the best")
axes.axhline(curve.accuracy(0), color="gray", linewidth=0.8)
axes.plot(alpha, curve.accuracy(alpha))
axes.plot(0, curve.accuracy(0), "oC2", markersize=8, label=r"$\alpha = 0$")
axes.plot(1, curve.accuracy(1), "sC1", markersize=8, label=r"$\alpha = 1$")
axes.plot(best, curve.accuracy(best), "DC3", markersize=8, label=r"$\alpha^*$")
axes.set(xlabel=r"$\alpha$", ylabel="test accuracy", xlim=(alpha[0], alpha[-1]))
axes.legend()
plt.show()
