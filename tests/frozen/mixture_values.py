"""Fine-tuning on mixtures, with the squared loss and with others, and regression with any covariance."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from frozen.asking import LOSSES, Cases, asked, attributes, best

import rmt_alpha as ra

LINE = np.array([-1.5, 0.0, 1.0, 2.5])
P, N = 12, 20
CONVEX = ("logistic", "hinge", "squared_hinge", "huber")


def vectors(rng: np.random.Generator, count: int, length: float) -> Any:
    """Random vectors of a given expected length."""
    return length * rng.standard_normal((count, P)) / np.sqrt(P)


def dense(rng: np.random.Generator) -> Any:
    """A full covariance, far from the identity."""
    root = rng.standard_normal((P, 2 * P)) / np.sqrt(2 * P)
    return root @ root.T + 2.0 * np.outer(*[vectors(rng, 1, 1.0)[0]] * 2)


def balanced(**options: Any) -> ra.FineTuning:
    """Two balanced classes, one diagonal covariance, known source."""
    rng = np.random.default_rng(1)
    mean = vectors(rng, 1, 1.5)[0]
    target = ra.GaussianMixture.symmetric(mean, np.linspace(0.3, 2.0, P))
    return ra.FineTuning(target, ra.FixedSource(mean + vectors(rng, 1, 1.0)[0]), n=N, gamma=0.3, **options)


def per_class(**options: Any) -> ra.FineTuning:
    """Two classes that differ in size, covariance and label noise; intercept."""
    rng = np.random.default_rng(2)
    means = vectors(rng, 2, 1.2) + 0.5 / np.sqrt(P)
    target = ra.GaussianMixture(means, [dense(rng), np.linspace(0.2, 1.5, P)], [0.3, 0.7])
    source = ra.FixedSource(means[1] - means[0] + vectors(rng, 1, 0.8)[0])
    return ra.FineTuning(target, source, n=N, gamma=0.2, intercept=True, label_noise=[0.1, 0.2], **options)


def shared_dense(**options: Any) -> ra.FineTuning:
    """One dense covariance, unbalanced classes with an intercept."""
    rng = np.random.default_rng(8)
    means = vectors(rng, 2, 1.3)
    target = ra.GaussianMixture(means, dense(rng), [0.4, 0.6])
    return ra.FineTuning(
        target, ra.FixedSource(means[1] - means[0]), n=N, gamma=0.1, intercept=True, **options
    )


def ridgeless(**options: Any) -> ra.FineTuning:
    """gamma = 0 with fewer samples than dimensions."""
    rng = np.random.default_rng(9)
    mean = vectors(rng, 1, 1.5)[0]
    target = ra.GaussianMixture.symmetric(mean, np.linspace(0.3, 2.0, P))
    return ra.FineTuning(
        target, ra.FixedSource(mean + vectors(rng, 1, 0.5)[0]), n=P // 2, gamma=0.0, **options
    )


def trained(**options: Any) -> ra.FineTuning:
    """A ridge source trained on its own mixture, with its own covariance, imbalance, noise and intercept."""
    rng = np.random.default_rng(4)
    means = vectors(rng, 2, 1.2)
    own = ra.GaussianMixture(means + vectors(rng, 2, 0.5), dense(rng), [0.6, 0.4])
    source = ra.RidgeSource(own, 30, 0.1, intercept=True, label_noise=0.1)
    target = ra.GaussianMixture(means, np.linspace(0.2, 1.8, P), [0.5, 0.5])
    return ra.FineTuning(target, source, n=N, gamma=0.1, **options)


def two_sources(**options: Any) -> ra.FineTuning:
    """Two known sources of different alignment, unbalanced classes without an intercept."""
    rng = np.random.default_rng(3)
    means = vectors(rng, 2, 1.0)
    weights = np.stack([0.5 * (means[1] - means[0]), vectors(rng, 1, 1.0)[0]])
    target = ra.GaussianMixture(means, [0.5, 1.5], [0.4, 0.6])
    return ra.FineTuning(target, ra.FixedSource(weights), n=N, gamma=0.5, **options)


def mixed_sources() -> ra.FineTuning:
    """A trained source, a known one and the limit of a long one: alpha has three components."""
    rng = np.random.default_rng(7)
    means = vectors(rng, 2, 1.2)
    near = ra.GaussianMixture(means + vectors(rng, 2, 0.7), np.linspace(0.5, 1.5, P))
    far = ra.GaussianMixture(vectors(rng, 2, 1.0), 1.2)
    known = ra.FixedSource(vectors(rng, 1, 1.0)[0])
    sources: list[Any] = [ra.RidgeSource(near, N, 0.3), known, ra.RidgeSource(far, np.inf, 0.1)]
    target = ra.GaussianMixture(means, dense(rng), [0.45, 0.55])
    return ra.FineTuning(target, sources, n=N, gamma=0.4, intercept=True)


def three_classes() -> ra.FineTuning:
    """K = 3, one-hot, own covariances, imbalance, noise, intercept, a trained source."""
    rng = np.random.default_rng(5)
    means = vectors(rng, 3, 1.5)
    own = ra.GaussianMixture(means + vectors(rng, 3, 0.5), np.linspace(0.2, 1.8, P))
    target = ra.GaussianMixture(means, [dense(rng), np.linspace(0.3, 1.5, P), 0.8], [0.2, 0.3, 0.5])
    source = ra.RidgeSource(own, 2 * N, 0.2)
    return ra.FineTuning(target, source, n=N, gamma=0.2, intercept=True, label_noise=[0.0, 0.1, 0.2])


def four_classes() -> ra.FineTuning:
    """K = 4, one-hot, two known sources."""
    rng = np.random.default_rng(6)
    means = vectors(rng, 4, 2.0)
    weights = np.stack([0.3 * means, vectors(rng, 4, 0.5)])
    return ra.FineTuning(ra.GaussianMixture(means), ra.FixedSource(weights, outputs=4), n=N, gamma=0.4)


def regression(covariance: Any, rows: int | None) -> ra.RidgeRegressionTransfer:
    """Regression on one or several outputs."""
    rng = np.random.default_rng(10)
    source, change = rng.standard_normal((2, rows or 1, P))
    target, source = (0.8 * source + 0.3 * change, source) if rows else ((source + change)[0], source[0])
    return ra.RidgeRegressionTransfer(covariance, target, source, 0.5, n=N, gamma=0.2)


class SmoothCorner(ra.Loss):
    """A loss of a user: sqrt(1 + (1 - z)^2)."""

    name = "smooth corner"

    def value(self, z: Any) -> Any:
        return np.sqrt(1 + (1 - z) ** 2)

    def slope(self, z: Any) -> Any:
        return (z - 1) / np.sqrt(1 + (1 - z) ** 2)

    def curvature(self, z: Any) -> Any:
        return (1 + (1 - z) ** 2) ** -1.5


BINARY = (balanced, per_class, shared_dense, ridgeless, trained, two_sources, mixed_sources)
BY_CLASS = ["class_mean", "class_std", "class_accuracy"]
OF_BINARY = [
    *BY_CLASS,
    *["class_covariance", "mean", "variance", "std", "second", "risk", "accuracy", "error", "accuracy_error"],
]
OF_MANY = [*BY_CLASS, *["class_covariance", "risk", "accuracy", "error", "accuracy_error"]]
OF_LOSS = [
    *BY_CLASS,
    *[
        "mean",
        "variance",
        "std",
        "offset",
        "accuracy",
        "error",
        "risk",
        "test_loss",
        "training_loss",
        "training_accuracy",
    ],
]
SEVERAL = {"two_sources": 2, "mixed_sources": 3, "four_classes": 2}
SHAPES = {
    None: None,
    "scalar": 1.5,
    "diagonal": np.linspace(0.1, 2.0, P),
    "dense": dense(np.random.default_rng(12)),
}


def points(name: str) -> Any:
    """Alphas of the shape that a problem asks for."""
    count = SEVERAL.get(name)
    return LINE if count is None else np.stack([LINE, 0.5 - LINE, 0.3 * LINE][:count], axis=1)


def squared() -> Cases:
    """`MixtureCurve`."""
    cases: Cases = {}
    for make in (*BINARY, three_classes, four_classes):
        name, binary = make.__name__, make in BINARY
        key, curve = f"mixture/{name}", lambda make=make: make().curve()
        for question in OF_BINARY if binary else OF_MANY:
            cases[f"{key}/{question}(alphas)"] = asked(curve, question, points(name))
        cases[f"{key}/accuracy(1)"] = asked(curve, "accuracy", 1.0)
        cases |= {f"{key}/optimum({c})": best(curve, c) for c in ("accuracy", "risk")}
        if make is not four_classes:  # seconds of search, and nothing that the optimum does not say
            cases |= {f"{key}/gain({over})": asked(curve, "gain", over) for over in (0.0, 1.0)}
        cases |= attributes(make, key, "ridge.kappa ridge.solution.status")
        cases[f"{key}/path"] = lambda make=make: [c.accuracy(1.0) for c in make().path([0.1, 1.0, 10.0])]
        if name in SEVERAL:
            line = [1.0, 0.5, -0.2][: SEVERAL[name]]
            key, curve = f"{key}/along", partial(along, make, line)
            cases[f"{key}/accuracy(alphas)"] = asked(curve, "accuracy", LINE)
            cases[f"{key}/optimum"] = best(curve)
        cases[f"{key}/accuracy(inf)"] = asked(curve, "accuracy", np.inf)
        if binary:
            cases |= attributes(curve, key, "transfer_interval")
            cases[f"{key}/tolerance_interval(0.01)"] = asked(curve, "tolerance_interval", 0.01)
    for make in (balanced, ridgeless):
        cases |= attributes(lambda make=make: make().curve(), f"mixture/{make.__name__}", "neutral_alpha")
    for make in (balanced, ridgeless):
        cases[f"mixture/{make.__name__}/30 digits/class_mean(1)"] = asked(
            lambda make=make: make().curve(30), "class_mean", 1
        )
        cases[f"mixture/{make.__name__}/30 digits/accuracy(1)"] = asked(
            lambda make=make: make().curve(30), "accuracy", 1
        )
    cases["mixture/balanced/30 digits/optimal_alpha"] = asked(lambda: balanced().curve(30), "optimal_alpha")
    isotropic = ra.TransferProblem(0.5, 40, 20, N=60, gamma=0.1)
    cases["mixture/from_transfer/accuracy(alphas)"] = asked(
        lambda: ra.FineTuning.from_transfer(isotropic).curve(), "accuracy", LINE
    )
    own = lambda: trained().source  # noqa: E731
    cases |= attributes(own, "mixture/source", "ridge.kappa ridge.solution.status p outputs")
    cases |= attributes(lambda: per_class().target, "mixture/target", "classes p priors means")
    return cases


def convex() -> Cases:
    """`LossCurve`, a fresh one for every question: what it was asked before is where its search starts."""
    cases: Cases = {}
    for loss in (*CONVEX, SmoothCorner()):
        for make in (balanced, per_class) if isinstance(loss, str) else (per_class,):
            name = loss if isinstance(loss, str) else loss.name
            key, curve = (
                f"convex/{name}/{make.__name__}",
                lambda make=make, loss=loss: make(loss=loss).curve(),
            )
            cases |= {f"{key}/{question}(1)": asked(curve, question, 1.0) for question in OF_LOSS}
            cases[f"{key}/accuracy(alphas)"] = asked(curve, "accuracy", LINE)
            cases[f"{key}/class_mean(alphas)"] = asked(curve, "class_mean", LINE)
            cases[f"{key}/kappa(1)"] = asked(curve, "kappa", 1.0)
            cases[f"{key}/posterior(scores, 1)"] = asked(curve, "posterior", [-0.5, 0.0, 2.0], 1.0)
            if isinstance(loss, str):
                cases |= {f"{key}/optimum({c})": best(curve, c) for c in ("accuracy", "loss")}
                cases[f"{key}/gain(1)"] = asked(curve, "gain", 1.0)
            else:
                cases[f"{key}/optimum"] = best(curve)
            cases[f"{key}/solution(1).status"] = lambda curve=curve: ask_status(curve())
    for make in (balanced, per_class):
        curve = partial(logistic, make)
        for question in ("calibration_slope", "calibration_error"):
            cases[f"convex/logistic/{make.__name__}/{question}(alphas)"] = asked(curve, question, LINE)
    for make in (trained, shared_dense):
        curve = partial(logistic, make)
        cases[f"convex/logistic/{make.__name__}/accuracy(alphas)"] = asked(curve, "accuracy", LINE)
        cases[f"convex/logistic/{make.__name__}/optimum"] = best(curve)
    curve = partial(logistic, two_sources)
    cases["convex/logistic/two_sources/accuracy(alphas)"] = asked(curve, "accuracy", points("two_sources"))
    cases["convex/logistic/two_sources/along/accuracy(alphas)"] = asked(
        lambda: curve().along([1.0, 0.5]), "accuracy", LINE
    )
    cases["convex/logistic/two_sources/along/optimum"] = best(lambda: curve().along([1.0, 0.5]))
    return cases


def logistic(make: Any) -> Any:
    """The curve of the logistic loss."""
    return make(loss="logistic").curve()


def along(make: Any, direction: list[float]) -> Any:
    """The curve of several sources along one direction."""
    return make().curve().along(direction)


def ask_status(curve: Any) -> str:
    """How the solver ended at alpha = 1."""
    return str(curve.solution(1.0).status)


def losses() -> Cases:
    """The losses themselves."""
    cases: Cases = {}
    z, kappa = np.linspace(-3.0, 4.0, 8) + 0.1, np.linspace(0.2, 5.0, 8)
    spread = np.linspace(0.1, 2.0, 8)
    for name, loss in (LOSSES | {"smooth corner": SmoothCorner()}).items():
        for question in ("value", "slope", "curvature"):
            cases[f"loss/{name}/{question}"] = asked(lambda loss=loss: loss, question, z)
        for question in ("prox", "force"):
            cases[f"loss/{name}/{question}"] = asked(lambda loss=loss: loss, question, z, kappa)
        cases[f"loss/{name}/test_loss"] = asked(lambda loss=loss: loss, "test_loss", z, spread)
        for question in ("moments", "training_loss"):
            cases[f"loss/{name}/{question}"] = asked(lambda loss=loss: loss, question, z, spread, kappa)
    cases["loss/logistic/probability"] = asked(lambda: LOSSES["logistic"], "probability", z)
    return cases


def outputs() -> Cases:
    """`RidgeRegressionTransfer`."""
    cases: Cases = {}
    for shape, covariance in SHAPES.items():
        for rows in (None, 3):
            key, make = f"regression/{shape or 'identity'} rows={rows}", partial(regression, covariance, rows)
            cases[f"{key}/risk(alphas)"] = asked(make, "risk", LINE)
            cases |= attributes(make, key, "optimal_alpha ridge.kappa")
            cases[f"{key}/gain(0)"] = asked(make, "gain", 0.0)
    cases["regression/diagonal/30 digits/risk(1)"] = asked(
        partial(regression, SHAPES["diagonal"], None), "risk", 1, dps=30
    )
    return cases


def cases() -> Cases:
    """All of this file."""
    return squared() | convex() | losses() | outputs()
