"""
Can the sample be separated?
============================

Below the threshold a linear classifier makes no error on its training sample, and without ridge the source
matters; above it does not. A few wrong labels move the border far.
"""

import matplotlib.pyplot as plt
import numpy as np

import rmt_alpha as ra

p, lengths = 50, np.linspace(0, 3, 16)
direction = np.ones(p) / np.sqrt(p)

figure, axes = plt.subplots(figsize=(6, 3.6))
for noise in (0.0, 0.02, 0.1, 0.3):
    found = []
    for length in lengths:
        target = ra.GaussianMixture.symmetric(length * direction)
        problem = ra.FineTuning(target, ra.FixedSource(direction), p, 0, label_noise=noise, loss="hinge")
        found.append(ra.separability_threshold(problem) / p)
    axes.semilogy(lengths, found, label=f"{noise:.0%} wrong labels")
axes.set(xlabel=r"length of the class means, $\|\mu\|$", ylabel="samples per dimension", ylim=(1.5, 20))
axes.set_yticks([2, 5, 10, 20], ["2", "5", "10", "20"])
axes.minorticks_off()
axes.legend()
plt.show()
