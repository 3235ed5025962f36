"""
Other losses
============

The same problem trained with four losses; each has an exact curve of its own. A loss is a function of the
margin, and ten lines make a new one.
"""

import matplotlib.pyplot as plt
import numpy as np

import rmt_alpha as ra

p = 100
mean = np.ones(p) / np.sqrt(p)
target = ra.GaussianMixture.symmetric(1.5 * mean)
source = ra.FixedSource(mean * np.linspace(0.2, 1.8, p))
alpha, margin = np.linspace(-2, 8, 31), np.linspace(-2, 3, 101)
losses = {
    "squared": ra.losses.Squared(),
    "logistic": ra.losses.Logistic(),
    "hinge": ra.losses.Hinge(),
    "Huber": ra.losses.Huber(0.3),
}

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4))
for name, loss in losses.items():
    left.plot(margin, loss.value(margin), label=name)
    curve = ra.FineTuning(target, source, n=150, gamma=0.1, label_noise=0.1, loss=loss).curve()
    right.plot(alpha, curve.accuracy(alpha), label=name)
left.set(xlabel="margin", ylabel="loss", ylim=(0, 5))
left.legend()
right.set(xlabel=r"$\alpha$", ylabel="test accuracy")
plt.show()
