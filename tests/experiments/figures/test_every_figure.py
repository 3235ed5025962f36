"""What all figure modules have in common."""

from __future__ import annotations

import dataclasses
import inspect
import itertools
import pickle
import subprocess
import sys
from functools import cache

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure

from rmt_alpha.experiments.figures._numbers import FoundTable, Numbers, Table, or_word
from rmt_alpha.experiments.figures.registry import NAMES, NEED_DATA, TITLES, load, select

SIMULATED = [name for name in NAMES if name not in NEED_DATA]
LABELS = {
    "convergence": ("target samples $n$", r"accuracy at $\alpha = 1$", "well conditioned"),
    "accuracy": (r"$\alpha$", "test accuracy"),
    "alpha_beta": (r"alignment $\beta$", r"best alpha $\alpha^*$"),
    "alpha_overlap": (r"overlap $\langle \tilde w, \mu_\beta \rangle$", r"best alpha $\alpha^*$"),
    "alpha_gamma": (r"target ridge $\gamma$", "test accuracy", r"best alpha $\alpha^*$"),
    "alpha_ridges": (r"source ridge $\tilde\gamma$", r"target ridge $\gamma$", r"best alpha $\alpha^*$"),
    "decision": (r"score $w_\alpha^\top x$", "density"),
    "erratum": ("source samples per dimension, $N/p$", r"$\tilde\gamma = 0.01$"),
    "regression": (r"$\alpha$", "test risk"),
    "double_descent": ("target samples per dimension, $n/p$", "test accuracy", "test risk", "no ridge"),
    "negative_transfer": (r"alignment $\beta$", "per dimension, $n/p$", r"gain of $\alpha = 1$"),
    "source_ridge": (r"source ridge $\tilde\gamma$", "target accuracy", "source accuracy"),
    "best_ridge": (r"target ridge $\gamma$", "test accuracy", "spiked"),
    "imbalance_noise": ("share of the larger class", "fraction of wrong labels", r"best alpha $\alpha^*$"),
    "two_sources": (r"$\alpha_1$", r"$\alpha_2$", "test accuracy"),
    "losses": (r"target ridge $\gamma$", r"accuracy at $\alpha^*$", r"gain over $\alpha = 1$"),
    "softmax": (r"target ridge $\gamma$", "height of the third class", "accuracy"),
    "calibration": (r"$\alpha$", "test accuracy", "slope of the true log odds", "calibration error"),
    "low_rank": (r"$\alpha$", "excess risk", "gain of", "rank of the correction", "singular value"),
    "low_rank_phase": ("target samples $n$", "rank", "difference of the risks"),
    "published_losses": ("samples per dimension $n/p$", "error", "best ridge"),
    "separability": ("length of the class means", "$n/p$", "accuracy without ridge"),
    "error_bars": (r"$\alpha$", "std of the accuracy", "std of the risk", "three classes"),
    "strong_directions": ("share of one direction", r"accuracy at $\alpha = 0$", "$n = 40$"),
}
PANELS = {
    "convergence": 6,
    "accuracy": 3,
    "alpha_beta": 3,
    "alpha_overlap": 2,
    "alpha_gamma": 4,
    "alpha_ridges": 8,  # six maps and two colour bars
    "decision": 6,
    "erratum": 9,
    "regression": 3,
    "double_descent": 6,
    "negative_transfer": 5,  # four and a colour bar
    "source_ridge": 6,
    "best_ridge": 6,
    "imbalance_noise": 4,
    "two_sources": 3,
    "losses": 6,
    "softmax": 3,
    "calibration": 3,
    "low_rank": 3,
    "low_rank_phase": 2,  # the map and its colour bar
    "published_losses": 2,
    "separability": 3,
    "error_bars": 5,
    "strong_directions": 2,
}


@pytest.mark.parametrize("name", NAMES)
def test_title_and_signature_are_those_of_the_registry(name):
    assert TITLES[name].endswith(".")
    parameters = inspect.signature(load(name).compute).parameters
    assert parameters["quick"].default is False
    assert ("data" in parameters) == (name in NEED_DATA)


def test_the_figures_with_data_come_last():
    assert NAMES[-len(NEED_DATA) :] == NEED_DATA


def test_names_may_be_one_string_may_have_hyphens_and_come_once():
    assert select("alpha-beta") == ("alpha_beta",)
    assert select(["erratum", "accuracy", "erratum"]) == ("erratum", "accuracy")
    assert select(None) == NAMES
    assert select([]) == ()


def test_an_unknown_name_is_refused_with_the_nearest_one():
    with pytest.raises(ValueError, match=r"'acuracy' \(did you mean 'accuracy'\?\); there are accuracy, "):
        load("acuracy")
    with pytest.raises(ValueError, match=r"^no figure is called 8; there are"):
        select(["accuracy", 8])  # type: ignore[list-item]


def test_the_registry_imports_no_figure_by_itself():
    program = (
        "import sys; import rmt_alpha.experiments.figures.registry; "
        "print([m for m in sys.modules if m.startswith('rmt_alpha.experiments.figures.')])"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert shown.strip() == "['rmt_alpha.experiments.figures.registry']"


@pytest.mark.parametrize("name", SIMULATED)
def test_tables_are_rectangular_and_finite(name, quick):
    tables = quick(name).tables(name)
    assert name in tables
    for stem, (header, rows) in tables.items():
        assert stem == name or stem.startswith(f"{name}_")
        assert len(set(header)) == len(header)
        assert rows
        assert {len(row) for row in rows} == {len(header)}
        for row, (column, value) in itertools.product(rows, enumerate(header)):
            if isinstance(row[column], str):
                continue
            # The only missing values are those of the reference formula where its variance is negative.
            assert np.isfinite(row[column]) or (name == "erratum" and value.startswith("reference_accuracy"))


@pytest.fixture(scope="module")
def drawn(quick):
    """``drawn(name)`` is that figure, drawn where nothing can be computed; it leaves no trace."""

    def forbidden(*args, **kwargs):
        raise AssertionError("draw must not compute")

    @cache
    def draw(name):
        result, before = quick(name), dict(mpl.rcParams)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("rmt_alpha.problems.transfer.TransferProblem.__init__", forbidden)
            patch.setattr("rmt_alpha.simulation.engine.root_seed", forbidden)
            figure = load(name).draw(result)
        assert dict(mpl.rcParams) == before
        assert "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()
        return figure

    return draw


@pytest.mark.parametrize("name", SIMULATED)
def test_drawing_computes_nothing_and_gives_labelled_panels(name, drawn):
    figure = drawn(name)
    assert isinstance(figure, Figure)
    assert len(figure.axes) == PANELS[name]
    texts = [text for ax in figure.axes for text in (ax.get_xlabel(), ax.get_ylabel(), ax.get_title())]
    for label in LABELS[name]:
        assert any(label in text for text in texts), label


@pytest.mark.parametrize("name", SIMULATED)
def test_legends_do_not_repeat_and_stay_outside_the_panels(name, drawn):
    figure = drawn(name)
    figure.get_layout_engine().execute(figure)
    for legend in figure.legends:
        labels = [text.get_text() for text in legend.get_texts()]
        assert len(set(labels)) == len(labels)
        box = legend.get_window_extent()
        for ax in figure.axes:
            assert not box.overlaps(ax.get_window_extent()), (name, labels)
        assert figure.bbox.x0 <= box.x0
        assert box.x1 <= figure.bbox.x1


def arrays(value, path=""):
    """All arrays inside a result, with where they are."""
    if isinstance(value, Numbers) or dataclasses.is_dataclass(value):
        value = vars(value)
    if isinstance(value, dict):
        for key, entry in value.items():
            yield from arrays(entry, f"{path}.{key}")
    elif isinstance(value, tuple | list):
        for key, entry in enumerate(value):
            yield from arrays(entry, f"{path}[{key}]")
    elif isinstance(value, np.ndarray):
        yield path, value


@pytest.mark.slow  # all figures a second time
@pytest.mark.parametrize("name", SIMULATED)
def test_computing_again_gives_the_same_numbers(name, quick):
    first, second = (dict(arrays(result)) for result in (quick(name), load(name).compute(quick=True)))
    assert first
    assert first.keys() == second.keys()
    for where, values in first.items():
        np.testing.assert_array_equal(values, second[where], err_msg=where)


def test_columns_spread_over_each_other():
    first, second = np.array([["a"], ["b"]]), np.array([[1, 2, 3]])
    best = np.array([[0.5], [np.nan]])
    table = Table(name=first, n=second, half=second / 2, best=best, word="w")
    header, rows = Numbers(main=table).tables("some")["some"]
    assert header == ["name", "n", "half", "best", "word"]
    assert rows[0] == ["a", 1, 0.5, 0.5, "w"]
    assert rows[4][:3] == ["b", 2, 1.0]
    assert len(rows) == 6
    found = FoundTable(**vars(table))
    assert found.as_rows() == rows[:3]
    assert Numbers(draws=3, both=(found, found)).tables("some") == {"some_both": (header, 2 * rows[:3])}
    assert or_word(np.array([1.5, np.inf]), "infinite").tolist() == [1.5, "infinite"]
    with pytest.raises(ValueError, match="shape"):
        Table(a=[1, 2], b=[1, 2, 3]).as_rows()


def test_numbers_say_what_they_hold():
    numbers = Numbers(alphas=np.arange(3), draws=5)
    assert repr(numbers) == "Numbers(alphas, draws)"
    assert not hasattr(numbers, "betas")
    with pytest.raises(AttributeError, match="no 'betas' among alphas, draws"):
        numbers.betas  # noqa: B018
    copied = pickle.loads(pickle.dumps(numbers))
    assert copied.draws == 5
