"""
Errors too small for 1 - accuracy
=================================

Where accuracy rounds to 1, ``error`` keeps its digits, and ``log_error`` does so below the smallest float.
"""

import matplotlib.pyplot as plt
import numpy as np

import rmt_alpha as ra

signal = np.linspace(1, 60, 119)
curve = ra.TransferProblem(beta=0.9, p=100, n=100_000, mu=signal, gamma=1e-6).curve()

figure, axes = plt.subplots(figsize=(6, 3.6))
axes.plot(signal, -curve.log_error(1) / np.log(10), label="from log_error")
rounded = 1 - curve.accuracy(1)
axes.plot(signal[rounded > 0], -np.log10(rounded[rounded > 0]), "o", markersize=4, label="from 1 - accuracy")
axes.set(xlabel=r"length of the class mean, $\|\mu\|$", ylabel="minus the decimal logarithm of the error")
axes.legend()
plt.show()
