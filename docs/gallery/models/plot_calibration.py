"""
Are the probabilities right?
============================

Fine-tuned logistic regression tells probabilities. The theory knows how often each is true, against alpha
and the ridge.
"""

import matplotlib.pyplot as plt
import numpy as np

import rmt_alpha as ra

p = 100
mean = np.ones(p) / np.sqrt(p)
target = ra.GaussianMixture.symmetric(1.2 * mean)
source = ra.FixedSource(mean * np.linspace(0.2, 1.8, p))
alpha = np.linspace(-1, 6, 29)

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4))
for gamma in (0.003, 0.03, 0.3):
    curve = ra.FineTuning(target, source, n=100, gamma=gamma, loss="logistic").curve()
    left.plot(alpha, curve.accuracy(alpha), label=rf"$\gamma$ = {gamma}")
    right.plot(alpha, curve.calibration_error(alpha), label=rf"$\gamma$ = {gamma}")
left.set(xlabel=r"$\alpha$", ylabel="test accuracy")
right.set(xlabel=r"$\alpha$", ylabel="calibration error", ylim=(0, None))
left.legend()
plt.show()
