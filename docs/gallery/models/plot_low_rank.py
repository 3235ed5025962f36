"""
Low rank, as in LoRA
====================

A correction of rank r from alpha times the source: at low rank the right alpha matters most, at full rank
not at all, and beyond the rank of the change each further one learns noise.
"""

import matplotlib.pyplot as plt
import numpy as np

import rmt_alpha as ra

problem = ra.LowRankTransfer(0.6, [3, 2, 1.5], source_norm=6.0, noise=1.0, n=500, p=200, d=150)
rank = np.arange(problem.largest_rank + 1)

figure, axes = plt.subplots(figsize=(6, 3.6))
for alpha, name, color in ((0, "no source", "C2"), (1, "plain", "C1"), (problem.beta, "the best", "C3")):
    axes.plot(rank, problem.excess_risk(alpha, rank), color=color, label=rf"$\alpha$ = {alpha:.1f}, {name}")
axes.set(xlabel="rank of the correction", ylabel="excess risk", xscale="symlog", yscale="log")
axes.legend()
plt.show()
