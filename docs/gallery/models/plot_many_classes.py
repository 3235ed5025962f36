"""
Many classes
============

Five classes with one-hot labels, one score for each class; the largest wins. Accuracy is the probability of
an orthant, found by quadrature.
"""

import matplotlib.pyplot as plt
import numpy as np

import rmt_alpha as ra

p, K = 100, 5
rng = np.random.default_rng(2)
means = 2.0 * rng.standard_normal((K, p)) / np.sqrt(p)
moved = means + 0.8 * rng.standard_normal((K, p)) / np.sqrt(p)
source = ra.RidgeSource(ra.GaussianMixture(moved), n=500, gamma=0.2)
curve = ra.FineTuning(ra.GaussianMixture(means), source, n=80, gamma=0.5).curve()

alpha = np.linspace(-1, 4, 41)
figure, axes = plt.subplots(figsize=(6, 3.6))
axes.plot(alpha, curve.class_accuracy(alpha), linewidth=1, label=[f"class {k}" for k in range(K)])
axes.plot(alpha, curve.accuracy(alpha), color="black", linewidth=2.5, label="all")
axes.axhline(1 / K, color="gray", linestyle=":", label="a guess")
axes.set(xlabel=r"$\alpha$", ylabel="test accuracy")
axes.legend(ncols=2)
plt.show()
