"""
Accuracy against alpha
======================

Fine-tuning starts from alpha times the source weights. The curve is the accuracy to be expected, the band one
standard deviation of a single run, that is of one draw of all training data.
"""

import matplotlib.pyplot as plt

import rmt_alpha as ra

problem = ra.TransferProblem(beta=0.6, p=200, n=100, N=1000, gamma=1, gamma_source=5)
problem.curve().plot([-7, 9], source=problem.source_accuracy())
plt.show()
