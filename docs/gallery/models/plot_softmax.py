"""
Softmax
=======

Three classes, one behind the other: one squared loss for each class against the rest cannot see the middle
one; softmax can.
"""

import matplotlib.pyplot as plt
import numpy as np

import rmt_alpha as ra

p = 90
direction = np.ones(p) / np.sqrt(p)
row = ra.GaussianMixture([-3 * direction, 0 * direction, 3 * direction])
names = ("first", "middle", "last")

figure, panels = plt.subplots(1, 2, figsize=(8, 3.2), sharey=True)
for axes, loss in zip(panels, ("squared", "logistic")):
    source = ra.LossSource(row, 400, 0.1, "logistic", intercept=True)
    curve = ra.FineTuning(row, source, n=90, gamma=0.1, intercept=True, loss=loss).curve()
    alpha = np.array([0.0, 1.0])
    found = curve.class_accuracy(alpha)
    for k, at in enumerate(alpha):
        axes.bar(np.arange(3) + 0.4 * k, found[k], 0.38, color=f"C{2 - k}", label=rf"$\alpha$ = {at:.0f}")
    axes.set_xticks(np.arange(3) + 0.2, names)
    axes.set(title="softmax" if loss == "logistic" else "squared, one for each class")
panels[0].set(ylabel="accuracy of the class")
panels[1].legend()
plt.show()
