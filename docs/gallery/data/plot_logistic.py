"""
Probabilities from few samples
==============================

``AlphaLogisticRegressionCV`` does it by cross-entropy, for two classes and more. Right: what it says
against what is true.
"""

import matplotlib.pyplot as plt
import numpy as np

import rmt_alpha as ra

rng = np.random.default_rng(0)
p, n = 100, 60
mean = rng.standard_normal(p) / 8
source = mean + rng.standard_normal(p) / 12


def draw(n):
    y = np.where(np.arange(n) % 2, 1, 0)
    return (2 * y - 1)[:, None] * mean + rng.standard_normal((n, p)), y


model = ra.AlphaLogisticRegressionCV(coef_source=source).fit(*draw(n))
X, y = draw(8000)
chance = model.predict_proba(X)[:, 1]
bins = np.linspace(0, 1, 11)
inside = np.digitize(chance, bins[1:-1])

figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.2))
for label in (0, 1):
    left.hist(chance[y == label], np.linspace(0, 1, 41), alpha=0.6, label=f"class {label}")
left.set(xlabel="probability of class 1, as told", ylabel="test samples")
left.legend()
right.plot([0, 1], [0, 1], ":k")
right.plot([chance[inside == k].mean() for k in range(10)], [y[inside == k].mean() for k in range(10)], "oC3")
right.set(xlabel="probability of class 1, as told", ylabel="share that is of class 1")
plt.show()
