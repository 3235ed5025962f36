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
found.plot()
plt.show()
