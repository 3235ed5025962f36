"""
The effective ridge
===================

A sample of n rows in p dimensions acts like an endless sample with a larger ridge, kappa: at ridge zero it
stays positive as long as p exceeds n.
"""

import matplotlib.pyplot as plt
import numpy as np

import rmt_alpha as ra

gamma = np.geomspace(1e-4, 100, 200)

figure, axes = plt.subplots(figsize=(6, 3.6))
for ratio in (0.2, 1, 2, 5):
    kappa = ra.effective_ridge(p=1000 * ratio, n=1000, gamma=gamma).kappa
    axes.loglog(gamma, kappa, label=f"p/n = {ratio}")
axes.loglog(gamma, gamma, color="black", linestyle=":", label="no noise: kappa = gamma")
axes.set(xlabel=r"ridge $\gamma$, per sample", ylabel=r"effective ridge $\kappa$", ylim=(1e-4, 200))
axes.legend()
plt.show()
