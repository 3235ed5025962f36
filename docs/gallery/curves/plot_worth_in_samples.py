"""
What a source is worth in samples
=================================

``equivalent_samples`` says how many more target samples would do as much good as the source does at the
best alpha.
"""

import matplotlib.pyplot as plt
import numpy as np

import rmt_alpha as ra

beta = np.linspace(0, 0.98, 50)

figure, axes = plt.subplots(figsize=(6, 3.6))
for N in (200, 1000, 5000):
    problem = ra.TransferProblem(beta=beta, p=400, n=40, N=N, gamma=10)
    axes.semilogy(beta, problem.equivalent_samples(), label=f"source trained on {N} samples")
axes.axhline(40, color="black", linestyle=":", label="the target's own samples")
axes.set(xlabel=r"alignment $\beta$ of the two tasks", ylabel="equivalent samples", ylim=(1, 6000))
axes.legend()
plt.show()
