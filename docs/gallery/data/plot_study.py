"""
What it was worth on real data
==============================

Sentiment of book reviews to that of kitchen reviews, and the other pairs of Amazon domains: the study's
committed results. :doc:`The study </experiments/study>` has all cases, wins and losses.
"""

import matplotlib.pyplot as plt
from pandas import read_csv

results = read_csv("../../results/amazon_paper.csv", index_col="n").T

figure, axes = plt.subplots(figsize=(6, 3.6))
looks = {"default": "D-C3", "source": ":k", "alpha 0": "o-C2", "alpha 1": "s-C1"}
names = {"default": "alpha and ridge chosen", "source": "the source as it is"}
for method, look in looks.items():
    axes.semilogx(results.index.astype(int), results[method], look, label=names.get(method, method))
axes.set_xticks(results.index.astype(int), results.index)
axes.set(xlabel="target samples", ylabel="test accuracy in %, mean of 12 pairs")
axes.minorticks_off()
axes.legend()
plt.show()
