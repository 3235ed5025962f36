"""
Four sources, twelve images
===========================

Telling the digits 5 and 8 apart from twelve images and a source: a good one, the same upside down and ten
times too long, and one that tells 3 from 8. ``AlphaRidgeClassifierCV`` chooses alpha from the twelve
images; no fixed alpha is best for all four.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import RidgeClassifier

import rmt_alpha as ra

images, digits = load_digits(return_X_y=True)
images = images / 16 - 0.3


def pair(first, second, half=slice(None)):
    rows = np.flatnonzero((digits == first) | (digits == second))[half]
    return images[rows], np.where(digits[rows] == first, 1, -1)


good = RidgeClassifier(100.0).fit(*pair(5, 8, slice(0, None, 2))).coef_.ravel()
other = RidgeClassifier(100.0).fit(*pair(3, 8)).coef_.ravel()
sources = {"good": good, "upside down": -good, "ten times longer": 10 * good, "of 3 and 8": other}
X, y = pair(5, 8, slice(1, None, 2))
methods = {"no source": 0.0, r"$\alpha = 1$": 1.0, r"$\alpha$ chosen": "auto"}

figure, axes = plt.subplots(figsize=(7, 3.6))
for k, (method, alpha) in enumerate(methods.items()):
    scores = np.zeros((len(sources), 8))
    for i, source in enumerate(sources.values()):
        for seed in range(8):
            order = np.random.default_rng(seed).permutation(len(y))
            train, test = order[:12], order[12:]
            model = ra.AlphaRidgeClassifierCV(alpha=alpha, coef_source=source).fit(X[train], y[train])
            scores[i, seed] = model.score(X[test], y[test])
    axes.bar(np.arange(4) + 0.25 * k, scores.mean(axis=1), 0.24, color=("C2", "C1", "C3")[k], label=method)
as_it_is = [np.mean(np.sign(X @ source) == y) for source in sources.values()]
axes.plot(np.arange(4) + 0.25, as_it_is, "_k", markersize=60, label="the source as it is")
axes.set_xticks(np.arange(4) + 0.25, list(sources))
axes.set(ylabel="mean accuracy, 8 draws of the images", ylim=(0, 1.3))
axes.legend(ncols=2, loc="upper center", markerscale=0.3)
plt.show()
