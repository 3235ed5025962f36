"""
Is it the length, or a few directions?
======================================

``rank_and_alpha`` takes samples of a task and the source's weights, and says how far the target is the
source rescaled, and how many directions beyond that stand out of the noise.
"""

import matplotlib.pyplot as plt
import numpy as np

import rmt_alpha as ra

rng = np.random.default_rng(0)
p, d, n = 60, 40, 400
source = rng.standard_normal((d, p)) / np.sqrt(p)
u, v = np.linalg.qr(rng.standard_normal((d, 2)))[0], np.linalg.qr(rng.standard_normal((p, 2)))[0]
target = 0.7 * source + u @ np.diag([4.0, 2.5]) @ v.T
X = rng.standard_normal((n, p))
fit = ra.rank_and_alpha(X, X @ target.T + rng.standard_normal((n, d)), source)
print(fit)

change = np.linalg.lstsq(X, X @ (target - fit.alpha * source).T + rng.standard_normal((n, d)))[0]
values = np.linalg.svd(change, compute_uv=False)

figure, axes = plt.subplots(figsize=(6, 3.4))
axes.bar(np.arange(1, 21), values[:20], color=["C3"] * fit.rank + ["gray"] * (20 - fit.rank))
axes.set_xticks(range(1, 21, 3))
axes.set(xlabel="number of the direction", ylabel="its size in the correction")
axes.set_title(rf"$\alpha$ = {fit.beta:.3f} ± {fit.beta_stderr:.3f}, and {fit.rank} directions beyond it")
plt.show()
