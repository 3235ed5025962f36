"""
The spectrum decides the best ridge
===================================

Accuracy at the best alpha against the ridge: without correlations of the features an endless ridge is best,
with them a finite one.
"""

import matplotlib.pyplot as plt
import numpy as np

import rmt_alpha as ra

p = 120
mean, gammas = np.full(p, 1.2 / np.sqrt(p)), np.geomspace(1e-3, 1e3, 25)
spectra = {
    "flat": np.ones(p),
    "power law": np.arange(1.0, p + 1) ** -0.7,
    "ten strong directions": np.where(np.arange(p) < 10, 10.0, 1.0),
}

figure, axes = plt.subplots(figsize=(6, 3.6))
for name, spectrum in spectra.items():
    task = ra.GaussianMixture.symmetric(mean, spectrum / spectrum.mean())
    source = ra.FixedSource(mean * np.linspace(0.4, 1.6, p))
    curves = [ra.FineTuning(task, source, n=60, gamma=gamma).curve() for gamma in gammas]
    axes.semilogx(gammas, [curve.optimum().value for curve in curves], label=name)
axes.set(xlabel=r"ridge $\gamma$, per sample", ylabel=r"test accuracy at $\alpha^*$")
axes.legend()
plt.show()
