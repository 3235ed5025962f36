"""
Any covariance, any balance
===========================

Two classes of their own sizes and covariances, wrong labels, an intercept: ``FineTuning`` holds the
problem, and its curve knows the accuracy of each class.
"""

import matplotlib.pyplot as plt
import numpy as np

import rmt_alpha as ra

p = 120
mean, spectrum = np.ones(p) / np.sqrt(p), np.arange(1.0, p + 1) ** -0.5
target = ra.GaussianMixture([-mean, mean], [spectrum, 2 * spectrum], priors=[0.2, 0.8])
source = ra.RidgeSource(ra.GaussianMixture.symmetric(mean, spectrum), n=600, gamma=0.1)
problem = ra.FineTuning(target, source, n=80, gamma=0.2, intercept=True, label_noise=0.1)
curve = problem.curve()

alpha = np.linspace(-2, 4, 121)
figure, axes = plt.subplots(figsize=(6, 3.6))
axes.plot(alpha, curve.accuracy(alpha), color="black", label="all")
for k, name in enumerate(("the rare class, a fifth", "the frequent class")):
    axes.plot(alpha, curve.class_accuracy(alpha)[:, k], color=f"C{k}", label=name)
axes.plot(curve.optimal_alpha(), curve.optimum().value, "DC3", markersize=8, label=r"$\alpha^*$")
axes.set(xlabel=r"$\alpha$", ylabel="test accuracy")
axes.legend()
plt.show()
