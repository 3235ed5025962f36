"""`simulate`: draws in reproducible batches, by either method."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from typing import Any, TypeAlias

import joblib
import numpy as np
from numpy.typing import ArrayLike

from rmt_alpha._core.checks import check_choice
from rmt_alpha._core.machine.processes import run_parallel
from rmt_alpha._core.machine.progress import progress_bar
from rmt_alpha._core.machine.threads import one_blas_thread
from rmt_alpha._core.types import FloatArray, Seed
from rmt_alpha.simulation.arguments import check_count, check_jobs, check_limit, check_tolerance, root_seed
from rmt_alpha.simulation.mixtures.stage import CLASS_COUNTS
from rmt_alpha.simulation.result import Simulation
from rmt_alpha.simulation.samplers import choose_sampler
from rmt_alpha.simulation.scores import Batch, Sampler
from rmt_alpha.simulation.setting import Problem

Task: TypeAlias = tuple[Callable[..., Batch], Any, Any]
METHODS = ("auto", "dense", "krylov")
TOLERANCE = 1e-12
"""Default error at which ``method="krylov"`` cuts its chain."""
MEMORY_LIMIT = 4 * 2**30
"""Bytes that the matrices of ``method="dense"``, all workers together, and the draws may take by default."""


def simulate(
    problem: Problem,
    alpha: ArrayLike,
    *,
    replicates: int = 100,
    method: str = "auto",
    rng: Seed = None,
    n_jobs: int = 1,
    progress: bool = False,
    truncate: float | None = TOLERANCE,
    memory_limit: float = MEMORY_LIMIT,
    class_counts: str = "fixed",
    rank: int | None = None,
) -> Simulation:
    r"""Train fine-tuned classifiers on random data, and score each of them exactly.

    .. math:: w_\alpha = \arg\min_w \frac 1 n \sum_{i=1}^n (y_i - w^\top x_i)^2
        + \gamma \|w - \alpha \tilde w\|^2

    on ``replicates`` independent draws of the target data and, if it is trained on finitely many samples, of
    the source's.  As :math:`w_\alpha` is affine in alpha, one training per draw serves every alpha; the
    accuracy of a given classifier is known exactly (:math:`\Phi(w^\top \mu_t / \|w\|)` for a
    `TransferProblem`), so no test set is drawn.

    How it draws: :doc:`/simulation`.

    Parameters
    ----------
    problem : TransferProblem, FineTuning, RidgeRegressionTransfer or LowRankTransfer
        Scalars only; p, n and a finite N are whole numbers.
    alpha : float or array
        Any shape, at most 1e60 in magnitude.  For a `FineTuning` with k sources the shape is (..., k); a
        number stands for the same alpha for all of them.
    replicates : int
        Independent draws of all data, at least 1.
    method : {"auto", "dense", "krylov"}
        "dense" draws the data matrices and costs O(p n min(p, n)) per draw.  "krylov" draws the same
        classifiers, exactly in distribution: of a `TransferProblem` in O(min(p, n)) or less, of a
        `FineTuning` with the squared loss and a `RidgeRegressionTransfer`, whose covariances are diagonal and
        shared by the classes, in O(b k^3) with b distinct variances and a chain of k vectors, at most
        min(p, n) and some hundred for a ridge that is not tiny.  "auto" is "krylov" for a `TransferProblem`,
        and "dense" for the others.
    rng : int, sequence of int, SeedSequence, Generator, RandomState or None
        The seed.  A Generator or RandomState is advanced by one call; None draws a fresh seed from the
        system.
    n_jobs : int
        Processes, as joblib counts them (-1: all processors).  The results do not depend on it, to the last
        bit.
    progress : bool
        Show a progress bar with the time left: in notebooks, and on stderr if that is a terminal.
    truncate : float or None
        For "krylov": cut the Krylov chain where the relative error of the result falls below this
        tolerance, as measured on the draws themselves (``Simulation.truncation_error``; rounding limits
        what can be reached).  Chains that end earlier, as all short ones do, are never cut.  None cuts
        nothing at all.
    memory_limit : float
        Bytes that the matrices of all workers may take ("dense"), and that all draws may take.
    class_counts : {"fixed", "random"}
        For a `FineTuning`: how many samples each class has.  "fixed": n times its probability, rounded (at
        random, to one of the two neighbours, so that it is right on average).  "random": every label is
        drawn by itself.
    rank : int, optional
        For a `LowRankTransfer`, which needs it: the rank of the correction.  The draws hold all ranks.

    Returns
    -------
    Simulation
        ``alpha``, ``accuracy``, ``accuracy_stderr``, the same for ``mean``, ``variance``, ``risk`` and, by
        class, ``class_accuracy``, ``class_mean``, ``class_variance`` and ``class_std``; and ``draws`` with
        every replicate.  A regression has ``risk`` only, one of
        low rank also ``excess_risk``.

    Raises
    ------
    TypeError
        If ``problem`` is none of these, or an argument has the wrong type.
    ValueError
        If an argument is out of range, the problem is not scalar or not whole, or ``memory_limit`` would be
        exceeded.
    MemoryError
        If the machine has less memory than that.

    Notes
    -----
    In a `TransferProblem` the labels do not matter: y x ~ N(mean, I) whatever the label, and the training
    uses nothing but these products.  So every pattern of labels, balanced or not, fixed or random, gives the
    same law.  In a `FineTuning` they do.  The limit of large n is the same for fixed and random class counts,
    which differ by O(1/n) in the averages and in the variance over draws.  Fixed ones are the default: they
    hold the fractions that the theory is about, and spread least.

    gamma = 0 means least squares for p <= n, and the interpolator nearest to alpha w~ otherwise.  Near
    p = n without ridge the classifier has no moments worth averaging: use medians of ``draws`` there.

    A `FineTuning` with another loss than the squared one is trained by itself at every alpha (scipy's
    trust-region Newton method, to a gradient of 1e-9), and its ``draws`` cannot be moved to other alphas.

    The model is that of alpha-LoRA, arXiv 2510.21345.

    Examples
    --------
    >>> import numpy as np
    >>> import rmt_alpha as ra
    >>> problem = ra.TransferProblem(beta=0.8, p=400, n=40)
    >>> simulation = ra.simulate(problem, [0, 1], replicates=1000, rng=1)
    >>> z = (
    ...     simulation.accuracy - problem.curve().accuracy([0, 1])
    ... ) / simulation.accuracy_stderr
    >>> bool((abs(z) < 5).all())
    True

    Classes that differ in everything:

    >>> rng = np.random.default_rng(0)
    >>> target = ra.GaussianMixture(
    ...     rng.normal(size=(3, 50)) / 4,
    ...     [1.0, np.linspace(0.5, 2, 50), None],
    ...     priors=[0.2, 0.3, 0.5],
    ... )
    >>> source = ra.RidgeSource(ra.GaussianMixture(target.means), n=60, gamma=0.1)
    >>> problem = ra.FineTuning(
    ...     target, source, n=40, gamma=0.5, intercept=True, label_noise=0.1
    ... )
    >>> simulation = ra.simulate(problem, [0, 1], replicates=200, rng=1)
    >>> simulation.class_accuracy.shape
    (2, 3)

    A hundred million dimensions, on a laptop:

    >>> big = ra.TransferProblem(beta=0.8, p=200_000_000, n=100_000_000)
    >>> ra.simulate(big, 1.0, replicates=10, rng=1).truncation_error < 1e-12
    True
    """
    check_choice("class_counts", class_counts, CLASS_COUNTS)
    check_choice("method", method, METHODS)
    sampler = choose_sampler(problem, method, check_tolerance(truncate), class_counts, rank)
    alphas = sampler.check_alpha(alpha)
    count = check_count("replicates", replicates)
    jobs = check_jobs(n_jobs)
    limit = check_limit(memory_limit)
    seed = root_seed(rng)
    sampler.check_memory(alphas, count, jobs, limit)
    arrays: tuple[FloatArray, ...] = ()
    error, length, done = 0.0, 0, 0
    with progress_bar(progress, count, "draw") as bar:
        for batch in _run(_tasks(sampler, alphas, count, seed), jobs, -(-count // sampler.batch_size())):
            arrays = arrays or tuple(np.empty((count, *each.shape[1:])) for each in batch.arrays)
            size = len(batch.arrays[0])
            for whole, part in zip(arrays, batch.arrays, strict=True):
                whole[done : done + size] = part
            error, length = max(error, batch.truncation_error), max(length, batch.chain_length)
            done += size
            bar.update(size)
    return Simulation(problem, alphas, sampler.method, sampler.collect(alphas, *arrays), error, length, seed)


def _tasks(sampler: Sampler, alpha: FloatArray, count: int, seed: np.random.SeedSequence) -> Iterator[Task]:
    """One by one, so that many draws take no memory before they are drawn."""
    size, root = sampler.batch_size(), root_seed(seed)
    for start in range(0, count, size):
        yield joblib.delayed(_batch)(sampler, alpha, min(size, count - start), root.spawn(1)[0])


def _batch(sampler: Sampler, alpha: FloatArray, replicates: int, seed: np.random.SeedSequence) -> Batch:
    # One BLAS thread: parallelism is over batches, and sums must not depend on the number of threads.
    with one_blas_thread():
        return sampler.draw(alpha, replicates, seed)


def _run(tasks: Iterable[Task], jobs: int, count: int) -> Iterator[Batch]:
    if jobs == 1 or count == 1:
        for function, args, kwargs in tasks:
            yield function(*args, **kwargs)
    else:
        with closing(run_parallel(tasks, jobs, ordered=True, batch_size="auto")) as batches:
            yield from batches
