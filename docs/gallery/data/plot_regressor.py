"""
A regression from few samples
=============================

``AlphaRidgeCV`` beside the source as it is and scikit-learn's ``RidgeCV``: the same test samples, growing
training sets.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import RidgeCV

import rmt_alpha as ra

rng = np.random.default_rng(1)
p, sizes = 60, (10, 15, 20, 30, 45, 70, 100)
truth = rng.standard_normal(p) / np.sqrt(p)
source = 2 * truth + rng.standard_normal(p) / np.sqrt(p)  # in units of its own: twice too long
X = rng.standard_normal((3000, p))
y = X @ truth + 0.5 * rng.standard_normal(3000)

names = {"alpha and ridge chosen": [], "without source": []}
for n in sizes:
    fits = (ra.AlphaRidgeCV(coef_source=source), RidgeCV(np.logspace(-3, 3, 13)))
    for scores, fit in zip(names.values(), fits):
        parts = [slice(k * n, (k + 1) * n) for k in range(10)]
        scores.append(np.mean([fit.fit(X[part], y[part]).score(X[1000:], y[1000:]) for part in parts]))

figure, axes = plt.subplots(figsize=(6, 3.6))
for (name, scores), color in zip(names.items(), ("C3", "C2")):
    axes.semilogx(sizes, scores, "o-", color=color, label=name)
residual = y[1000:] - X[1000:] @ source
axes.axhline(1 - residual.var() / y[1000:].var(), color="black", linestyle=":", label="the source as it is")
axes.set(xlabel="target samples", ylabel=r"$R^2$ on fresh samples")
axes.set_xticks(sizes, [str(n) for n in sizes])
axes.minorticks_off()
axes.legend()
plt.show()
