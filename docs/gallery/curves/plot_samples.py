"""
More samples, and none
======================

Without ridge accuracy falls to a coin's at n = p, with a source and without; a little ridge, and the best
alpha, mend it. Arguments broadcast: one problem holds all values of n.
"""

import matplotlib.pyplot as plt
import numpy as np

import rmt_alpha as ra

n = np.unique(np.geomspace(20, 20_000, 241).round())

figure, panels = plt.subplots(1, 2, figsize=(9, 3.2), sharey=True)
for axes, gamma in zip(panels, (0, 0.3)):
    curve = ra.TransferProblem(beta=0.8, p=1000, n=n, N=5000, gamma=gamma, gamma_source=5).curve()
    axes.semilogx(n, curve.accuracy(0), color="C2", label=r"$\alpha = 0$")
    axes.semilogx(n, curve.accuracy(1), color="C1", label=r"$\alpha = 1$")
    axes.semilogx(n, curve.accuracy(curve.optimal_alpha()), color="C3", label=r"$\alpha^*$")
    axes.set(xlabel="target samples n, for p = 1000", title=rf"ridge $\gamma$ = {gamma}")
panels[0].set(ylabel="test accuracy")
panels[1].legend()
plt.show()
