"""
Two sources, two alphas
=======================

Accuracy over the plane of both alphas. The best pair leaves out neither source; each alone lies on an axis.
"""

import matplotlib.pyplot as plt
import numpy as np

import rmt_alpha as ra

p = 100
e = np.eye(p)
target = ra.GaussianMixture.symmetric(1.2 * e[0])
sources = [ra.FixedSource(e[0] + e[1]), ra.FixedSource(0.7 * e[0] - 1.2 * e[2])]
curve = ra.FineTuning(target, sources, n=60, gamma=1).curve()

axis = np.linspace(-1, 2, 61)
first, second = np.meshgrid(axis, axis)
accuracy = curve.accuracy(np.stack([first, second], axis=-1))

figure, axes = plt.subplots(figsize=(5, 4))
drawn = axes.contourf(first, second, accuracy, 20, cmap="cividis")
figure.colorbar(drawn, label="test accuracy")
axes.plot(
    *curve.optimal_alpha(), "DC3", markersize=10, markeredgecolor="white", label=r"the best pair, $\alpha^*$"
)
axes.plot(0, 0, "oC2", markersize=9, markeredgecolor="white", label="no source")
axes.plot(1, 1, "sC1", markersize=9, markeredgecolor="white", label="both as they are")
axes.set(xlabel=r"$\alpha$ of the first source", ylabel=r"$\alpha$ of the second")
axes.legend(loc="lower left", facecolor="white", framealpha=0.9, frameon=True)
plt.show()
