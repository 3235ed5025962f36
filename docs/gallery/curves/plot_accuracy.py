"""
Accuracy against alpha
======================

Fine-tuning starts from alpha times the source weights. The curve is the accuracy to be expected, the band
one standard deviation of a single run, that is of one draw of all training data.
"""

import matplotlib.pyplot as plt
import numpy as np

import rmt_alpha as ra

problem = ra.TransferProblem(beta=0.6, p=200, n=100, N=1000, gamma=1, gamma_source=5)
curve = problem.curve()
alpha = np.linspace(-7, 9, 401)
accuracy, spread = curve.accuracy(alpha), curve.accuracy_std(alpha)

figure, axes = plt.subplots(figsize=(7, 3.8))
axes.plot(alpha, accuracy, label="expected accuracy")
axes.fill_between(
    alpha, accuracy - spread, accuracy + spread, color="C5", alpha=0.35, label="one run, ± 1 std"
)
axes.axhline(0.5, color="gray", linewidth=0.8)
marks = {
    "no source": (0, "oC2"),
    "plain fine-tuning": (1, "sC1"),
    "the best alpha": (curve.optimal_alpha(), "DC3"),
    "neutral: a coin": (curve.neutral_alpha(), "XC4"),
}
for name, (at, look) in marks.items():
    axes.plot(
        at, curve.accuracy(at), look, markersize=9, markeredgecolor="white", label=f"{name}, alpha = {at:.2f}"
    )
# With an endless ridge training changes nothing: this is the source as it is.
source = ra.accuracy(1, beta=0.6, p=200, n=100, N=1000, gamma=1e9, gamma_source=5)
axes.axhline(source, color="black", linestyle=":", label="the source as it is")
axes.set(xlabel=r"$\alpha$", ylabel="test accuracy", xlim=(alpha[0], alpha[-1]))
axes.legend(loc="lower right", frameon=True, framealpha=1, edgecolor="none")
plt.show()
