"""
Theory against simulation
=========================

``compare`` trains classifiers on random data, without a line of the theory's code, and gives a z-score to
every number.
"""

import matplotlib.pyplot as plt
import numpy as np

import rmt_alpha as ra

problem = ra.TransferProblem(beta=0.7, p=300, n=150, N=900, gamma=0.2)
found = ra.compare(problem, np.linspace(-3, 5, 17), replicates=200, rng=0)
print(found.verdict())

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4))
alpha = np.linspace(-3, 5, 201)
left.plot(alpha, problem.curve().accuracy(alpha), label="theory")
simulated, error = found.column("simulation", "accuracy"), found.column("stderr", "accuracy")
left.errorbar(found.alpha, simulated, 2 * error, fmt=".k", capsize=2, label="simulation, ± 2 standard errors")
left.set(xlabel=r"$\alpha$", ylabel="test accuracy")
left.legend()
right.axhspan(-2, 2, color="C5", alpha=0.3)
for quantity in ("accuracy", "mean", "variance"):
    right.plot(found.alpha, found.column("z", quantity), ".", label=quantity)
right.set(xlabel=r"$\alpha$", ylabel="difference in standard errors", ylim=(-5, 5))
right.legend()
plt.show()
