"""Random fine-tuning problems of every kind, and the spread of simulated draws against the predicted one."""

from __future__ import annotations

import numpy as np

import rmt_alpha as ra
from rmt_alpha.validation.enlarged import enlarged

KINDS = (
    "shared",
    "different",
    "different, intercept, noise",
    "shared, trained",
    "different, intercept, noise, trained",
    "dense, different",
    "dense, trained, two",
    "different, noise, trained, two",
    "classes, shared",
    "classes, different, intercept, noise",
    "classes, different, intercept, trained",
)
QUANTITIES = ("mean", "variance", "risk", "accuracy", "class_accuracy")


def random_problem(
    rng: np.random.Generator, kind: str, p: int, n: int, loss: str = "squared"
) -> ra.FineTuning:
    """Of a kind: a list of what is special about it."""
    classes = int(rng.integers(3, 5)) if "classes" in kind else 2
    means = rng.standard_normal((classes, p)) / np.sqrt(p) * rng.uniform(0.8, 2)
    priors = rng.dirichlet(np.full(classes, 6.0))
    noise = rng.uniform(0, 0.3, classes) if "noise" in kind else np.zeros(classes)
    intercept = "intercept" in kind

    def covariances():
        count = classes if "different" in kind else 1
        diagonals = np.exp(rng.uniform(-1.5, 1, (count, p)))
        if "dense" not in kind:
            return list(diagonals) if count > 1 else diagonals[0]
        turns = [np.linalg.qr(rng.standard_normal((p, p)))[0] for _ in diagonals]
        full = [(turn * d) @ turn.T for turn, d in zip(turns, diagonals, strict=True)]
        return full if count > 1 else full[0]

    target = ra.GaussianMixture(means, covariances(), priors)
    sources: list[ra.FixedSource | ra.RidgeSource] = []
    for _ in range(2 if "two" in kind else 1):
        moved = means + 0.7 * rng.standard_normal((classes, p)) / np.sqrt(p)
        if "trained" in kind:
            own = ra.GaussianMixture(moved, covariances(), priors)
            size, gamma = round(n * rng.uniform(0.8, 3)), rng.uniform(0.05, 1)
            sources.append(ra.RidgeSource(own, size, gamma, intercept=intercept, label_noise=noise))
        else:
            rows = moved if classes > 2 else moved[1] - moved[0]
            sources.append(ra.FixedSource(rows * rng.uniform(0.2, 1), outputs=classes if classes > 2 else 1))
    source = sources if len(sources) > 1 else sources[0]
    gamma = 10 ** rng.uniform(-1.3, 0.3)
    return ra.FineTuning(target, source, n, gamma, intercept=intercept, label_noise=noise, loss=loss)


def alphas_of(problem) -> np.ndarray:
    if getattr(problem, "components", None) is None:
        return np.array([-0.5, 0.0, 1.0, 2.0])
    return np.array([[0.0, 0.0], [1.0, 1.0], [1.0, -0.5]])


def spread_scores(
    problem, curve, counts, *, draws, seed, names=QUANTITIES, sizes=(1, 2)
) -> dict[str, np.ndarray]:
    r"""z-scores of simulated variances against the squares of a curve's error bars, their bias taken out.

    The logarithm of the ratio has the standard error sqrt((kurtosis - 1) / draws), and a bias of order 1/n,
    which twice the value at size 2n minus that at size n does not have.
    """
    alpha, logs, errors = alphas_of(problem), [], []
    names = [name for name in names if f"{name}_std" in curve.answers]
    for size in sizes:
        options = {"class_counts": counts} if isinstance(problem, ra.FineTuning) else {}
        run = ra.simulate(enlarged(problem, size), alpha, replicates=draws, rng=(seed, size), **options)
        found = [getattr(run.draws, name).reshape(draws, -1) for name in names]
        values = np.concatenate(found, axis=1)
        centred = values - values.mean(axis=0)
        variance = (centred**2).sum(axis=0) / (draws - 1)
        bars = [np.ravel(getattr(curve, f"{name}_std")(alpha, class_counts=counts)) for name in names]
        logs.append(np.log(variance * size / np.concatenate(bars) ** 2))
        errors.append(((centred**4).mean(axis=0) / variance**2 - 1) / draws)
    z = (2 * logs[1] - logs[0]) / np.sqrt(4 * errors[1] + errors[0])
    edges = np.cumsum([values.shape[1] for values in found])[:-1]
    return dict(zip(names, np.split(z, edges), strict=True))
