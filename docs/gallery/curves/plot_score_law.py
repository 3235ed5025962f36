"""
The law of the score
====================

Each class has a Gaussian score, of the predicted mean and standard deviation. The accuracy is what lies on
the right side of zero; the best alpha has the least overlap, which is not the least variance.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import norm

import rmt_alpha as ra

curve = ra.TransferProblem(beta=0.6, p=200, n=100, N=1000, gamma=1, gamma_source=5).curve()
score = np.linspace(-1.5, 1.5, 301)

figure, panels = plt.subplots(1, 3, figsize=(9, 2.8), sharey=True)
for axes, alpha in zip(panels, (0, 1, curve.optimal_alpha())):
    for label, color in ((-1, "C1"), (1, "C0")):
        law = norm(label * curve.mean(alpha), curve.std(alpha)).pdf(score)
        axes.fill_between(score, law, color=color, alpha=0.4, label=f"class {label:+d}")
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set(title=rf"$\alpha$ = {alpha:.2f}: accuracy {curve.accuracy(alpha):.3f}", xlabel="score")
panels[0].legend()
plt.show()
