"""Which figures there are; each is imported when it is asked for."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable
from types import ModuleType

TITLES = {
    "accuracy": "Test accuracy against alpha: theory, simulation, and the alphas that matter.",
    "alpha_beta": "The best alpha against the alignment of source and target.",
    "alpha_overlap": "The best alpha for a fixed source vector against its overlap with the target mean.",
    "alpha_gamma": "The best alpha, and the accuracy that it buys, against the target ridge.",
    "alpha_ridges": "Heat maps of the best alpha, and of its gain over alpha = 1, over both ridges.",
    "decision": "The decision function on simulated data: histograms and predicted Gaussians.",
    "erratum": "The error in the reference implementation: its formula, the right one, and simulation.",
    "regression": "Multi-output regression: test risk against alpha.",
    "convergence": "Convergence: the theory's bias falls like 1/n, the spread of one draw like 1/sqrt(n).",
    "double_descent": "Double descent in the number of target samples, at alpha = 0, 1 and alpha*.",
    "negative_transfer": "The phase diagram of negative transfer: "
    "where alpha = 1 beats alpha = 0, and where it harms.",
    "source_ridge": "The source's best ridge for transfer, at alpha = 1 and at alpha*, "
    "and its best ridge for itself.",
    "best_ridge": "The best target ridge: infinite with uncorrelated features, finite with correlated ones.",
    "imbalance_noise": "Class imbalance and label noise move the best alpha.",
    "two_sources": "Two sources of different alignment, and the alpha vector that combines them.",
    "losses": "When the loss matters: squared, logistic and hinge against the ridge.",
    "softmax": "Softmax against one-hot squared loss, for three classes in a triangle or in a row.",
    "calibration": "Calibration of fine-tuned logistic regression against alpha.",
    "error_bars": "Error bars of one draw against alpha, predicted and simulated, for five models.",
    "strong_directions": "Few strong directions: average accuracy before and after the correction.",
    "published_losses": "Published asymptotics of convex losses, without a source.",
    "separability": "Training without ridge: the threshold of separability, and accuracy on both sides.",
    "low_rank": "A correction of low rank, as LoRA's: risk against alpha and rank, and what it learns.",
    "low_rank_phase": "Which helps more, one more rank or alpha? Rank against number of samples.",
    # Those that need data files come last: whatever happens to a download, the rest is written by then.
    "amazon_decision": "The decision function on two pairs of Amazon domains: "
    "histograms and predicted Gaussians.",
    "amazon": "Test accuracy against alpha on three pairs of Amazon domains: measured and predicted.",
    "table1": "Table 1: test accuracy on 12 pairs of Amazon domains, beside the published values.",
}
"""All figures, in the order in which they are made."""

NAMES = tuple(TITLES)

COSTS = {
    "accuracy": 1,
    "alpha_beta": 1.1,
    "alpha_overlap": 0.6,
    "alpha_gamma": 1.5,
    "alpha_ridges": 1.9,
    "decision": 1.2,
    "erratum": 1.7,
    "regression": 0.7,
    "convergence": 3.4,
    "double_descent": 1.9,
    "negative_transfer": 2,
    "source_ridge": 2.1,
    "best_ridge": 1.9,
    "imbalance_noise": 1.9,
    "two_sources": 1.6,
    "losses": 5.7,
    "softmax": 2.7,
    "calibration": 1.5,
    "error_bars": 0.7,
    "strong_directions": 0.4,
    "published_losses": 1.3,
    "separability": 2,
    "low_rank": 0.8,
    "low_rank_phase": 0.6,
    "amazon_decision": 0.9,
    "amazon": 0.7,
    "table1": 2.1,
}
"""Time of each with ``quick``, in that of the first: how what is left is told from the time that passed."""

NEED_DATA = ("amazon_decision", "amazon", "table1")
"""Those whose ``compute`` takes the folder ``data`` of the data files, too."""


def load(name: str) -> ModuleType:
    """The figure module called ``name``; ValueError if there is none.

    Its ``compute(quick=False)`` gives all numbers, of a smaller simulation if ``quick``; ``tables(name)`` of
    these are the tables to be written; ``draw(result)`` draws these numbers, and computes nothing.

    Examples
    --------
    >>> load("accuracy").BETAS
    (0.2, 0.5, 0.9)
    """
    (known,) = select([name])
    return importlib.import_module(f"rmt_alpha.experiments.figures.{known}")


def select(names: str | Iterable[str] | None) -> tuple[str, ...]:
    """Check the names of figures; hyphens count as underscores, every figure comes once, None selects all.

    Examples
    --------
    >>> select(["alpha-beta", "erratum", "alpha_beta"])
    ('alpha_beta', 'erratum')
    >>> select("eratum")
    Traceback (most recent call last):
        ...
    ValueError: no figure is called 'eratum' (did you mean 'erratum'?); there are accuracy, alpha_beta, ...
    """
    if names is None:
        return NAMES
    wanted = []
    for given in [names] if isinstance(names, str) else names:
        name = str(given).replace("-", "_")
        if name not in NAMES:
            close = difflib.get_close_matches(name, NAMES, 1)
            hint = f" (did you mean {close[0]!r}?)" if close else ""
            raise ValueError(f"no figure is called {given!r}{hint}; there are {', '.join(NAMES)}")
        wanted.append(name)
    return tuple(dict.fromkeys(wanted))
