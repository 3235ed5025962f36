"""Every object that a user meets: one short line, a card in a notebook, and equal to its copy."""

from __future__ import annotations

import inspect
import pickle
from xml.etree import ElementTree as ET

import numpy as np
import pytest

import rmt_alpha as ra
from rmt_alpha._core.pictures.html import Card, Shown, number
from rmt_alpha._core.pictures.svg import COLORS, MARKS, cells, plot, spread
from rmt_alpha.plotting import style
from rmt_alpha.problems.losses import Huber, Loss

RNG = np.random.default_rng(0)
P = 30
MEAN, SPECTRUM = np.ones(P) / np.sqrt(P), np.linspace(0.2, 2.0, P)
FULL = np.diag(SPECTRUM) + 0.1
MEANS = RNG.standard_normal((5, P)) / 3
PAIR = ra.GaussianMixture.symmetric(MEAN, SPECTRUM)
LABELS = np.repeat([-1, 1], 12)
SAMPLE = LABELS[:, None] * MEAN + RNG.standard_normal((24, P))
NAME = '<b>"it\'s" & more</b>'


class Named(Loss):
    """A loss with a name that HTML would read."""

    name = NAME

    def __init__(self, speed: float = 1.0) -> None:
        self.speed = speed

    def value(self, z):
        return np.exp(-self.speed * z)

    def slope(self, z):
        return -self.speed * np.exp(-self.speed * z)

    def curvature(self, z):
        return self.speed**2 * np.exp(-self.speed * z)


def transfer(**options):
    return ra.TransferProblem(**{"beta": 0.8, "p": 40, "n": 20, "N": 90, "gamma": 0.1} | options)


def tuning(source=None, target=PAIR, **options):
    return ra.FineTuning(target, source or ra.FixedSource(MEAN), n=20, gamma=0.3, **options)


def classes(count, **options):
    means = MEANS[:count]
    return tuning(ra.FixedSource(means, outputs=count), ra.GaussianMixture(means, 2.0), **options)


def regression(scale=1.0):
    return ra.RidgeRegressionTransfer(FULL, scale * (MEAN + 0.1), scale * MEAN, 1.0, n=50, gamma=0.1)


def low_rank():
    return ra.LowRankTransfer(0.6, [3, 2, 0.1], 6.0, 1.0, n=50, p=P, d=20)


SOURCES = [ra.RidgeSource(PAIR, 50, 0.1), ra.FixedSource([MEAN, SPECTRUM])]
PROBLEMS = {
    "transfer": transfer,
    "transfer, known source": lambda: transfer(N=None, beta=-1),
    "transfer, without influence": lambda: transfer(gamma=0.0, n=400),
    "transfer, infinite samples": lambda: transfer(n=np.inf, N=np.inf),
    "transfer, huge numbers": lambda: transfer(mu=1e30, p=1e9),
    "mixture": lambda: ra.GaussianMixture(MEANS[:3], [SPECTRUM, FULL, None], [0.2, 0.3, 0.5]),
    "mixture of points": lambda: ra.GaussianMixture(np.zeros((2, 3)), 0.0),
    "fixed source": lambda: SOURCES[1],
    "fixed source, classes": lambda: ra.FixedSource(MEANS[:3], outputs=3),
    "ridge source": lambda: SOURCES[0],
    "loss source": lambda: ra.LossSource(PAIR, 50, 0.1, "logistic"),
    "fine-tuning": tuning,
    "fine-tuning, two covariances": lambda: tuning(
        target=ra.GaussianMixture([-MEAN, MEAN], [FULL, FULL @ FULL])
    ),
    "fine-tuning, sources": lambda: tuning(SOURCES, label_noise=0.1, intercept=True),
    "fine-tuning, 3 classes": lambda: classes(3),
    "fine-tuning, 4 classes": lambda: classes(4),
    "fine-tuning, logistic": lambda: tuning(loss="logistic"),
    "fine-tuning, huber, sources": lambda: tuning(SOURCES, loss=Huber(0.5)),
    "fine-tuning, softmax": lambda: classes(3, loss="logistic"),
    "regression": regression,
}
CURVES = {name: make for name, make in PROBLEMS.items() if hasattr(make(), "curve")}
RESULTS = {
    "simulation": lambda: ra.simulate(transfer(), [-1, 0, 1], replicates=5, rng=0),
    "simulation, one draw": lambda: ra.simulate(transfer(), 1.0, replicates=1, rng=0),
    "simulation, sources": lambda: ra.simulate(
        tuning(SOURCES), RNG.standard_normal((4, 3)), replicates=3, rng=0
    ),
    "simulation, regression": lambda: ra.simulate(regression(), [0, 1], replicates=3, rng=0),
    "low rank": low_rank,
    "rank and alpha": lambda: ra.rank_and_alpha(SAMPLE[:, :5], SAMPLE[:, 5:8], SAMPLE[:3, 8:13]),
    "learnt": lambda: low_rank().learnt(1.0),
    "learnt, no spikes": lambda: ra.LowRankTransfer(1, [], 0.0, 1.0, n=50, p=P, d=20).learnt(0.0),
    "simulation, low rank": lambda: low_rank().simulate([0, 1], rank=2, replicates=3, rng=0),
    "comparison, low rank": lambda: ra.compare(low_rank(), [0, 1], rank=2, replicates=5, rng=0),
    "comparison": lambda: ra.compare(transfer(), [0, 1], replicates=5, rng=0),
    "comparison, sources": lambda: ra.compare(tuning(SOURCES), [[0, 1, 0]], replicates=5, rng=0),
    "sweep": lambda: ra.sweep(
        {"beta": [0.2, 0.8], "p": 40, "n": [20, 30, 50]}, alpha=[0, 1], replicates=0, store=None
    ),
    "sweep, one axis": lambda: ra.sweep(
        {"beta": 0.2, "p": 40, "n": 9, "N": [None, 20]}, alpha=0, replicates=0, store=None
    ),
    "sweep, three axes": lambda: ra.sweep(
        {"beta": [0.2, 0.8], "p": 40, "n": [20, 30, 50], "gamma": [0, 1]}, alpha=0, replicates=0, store=None
    ),
    "path": lambda: ra.alpha_path(SAMPLE, LABELS, coef_source=MEAN, gamma=1.0),
    "path, classes": lambda: ra.alpha_path(SAMPLE, np.arange(24) % 3, coef_source=MEANS[:3], gamma=1.0),
    "estimate": lambda: ra.estimate_problem(SAMPLE, LABELS, MEAN),
}
BARE = {
    "transfer, arrays": lambda: transfer(beta=np.linspace(0, 1, 5)),
    "fine-tuning, 5 classes": lambda: classes(5),
    "fine-tuning, own loss": lambda: tuning(loss=Named()),
    "fine-tuning, large": lambda: tuning(
        ra.FixedSource(np.ones(401)), ra.GaussianMixture(np.ones((2, 401)), np.eye(401))
    ),
    "regression, overflow": lambda: regression(1e200),
    "simulation, no alphas": lambda: ra.simulate(transfer(), [], replicates=2, rng=0),
    "sweep, failed": lambda: ra.sweep(
        {"beta": [0.1], "p": 20, "n": 20, "gamma": 0}, alpha=0, replicates=0, store=None
    ),
}
"""What shows no picture."""
VALUES = PROBLEMS | RESULTS | BARE
OBJECTS = (
    VALUES
    | {f"{name}: curve": lambda make=make: make().curve() for name, make in CURVES.items()}
    | {"curve of 5 classes": lambda: classes(5).curve(), "curve in mpmath": lambda: transfer().curve(dps=30)}
    | {"curve of low rank": lambda: low_rank().curve(2)}
    | {"array of curves": lambda: tuning().curves(n=[20, 40])}
    | {"mixture in mpmath": lambda: tuning().curve(dps=30)}
)


def parsed(value):
    """Its HTML, which is well-formed."""
    return ET.fromstring(value._repr_html_())


@pytest.mark.parametrize("name", OBJECTS)
def test_shown_in_one_short_line_and_in_a_card(name):
    value = OBJECTS[name]()
    assert "\n" not in repr(value)
    assert len(repr(value)) < 120
    card = parsed(value)
    assert card.find("strong").text == type(value).__name__
    assert len(list(card.iter("th"))) >= 1
    pictures = list(card.iter("{http://www.w3.org/2000/svg}svg"))
    bare = name in BARE or name in ("curve of 5 classes", "array of curves")
    assert len(pictures) == (0 if bare else 1), ET.tostring(card, encoding="unicode")
    for picture in pictures:
        assert picture.get("role") == "img"
        assert picture.get("aria-label") == picture[0].text != ""
        assert "nan" not in ET.tostring(picture, encoding="unicode")


@pytest.mark.parametrize("name", OBJECTS)
def test_tools_can_look_at_it(name):
    value = OBJECTS[name]()
    assert inspect.getmembers(value)
    assert not hasattr(value, "nothing_of_the_kind")


@pytest.mark.parametrize("name", VALUES)
def test_equal_to_its_copy(name):
    value = VALUES[name]()
    copied = pickle.loads(pickle.dumps(value))
    assert copied is not value
    assert copied == value
    assert repr(copied) == repr(value)
    assert value != "something else"


@pytest.mark.parametrize("name", CURVES)
def test_a_curve_answers_after_pickling(name):
    curve = CURVES[name]().curve()
    quantity = curve.criteria[0]
    copied = pickle.loads(pickle.dumps(curve))
    np.testing.assert_array_equal(getattr(copied, quantity)(0.5), getattr(curve, quantity)(0.5))


def test_every_class_of_results_is_here():
    held = {type(make()) for make in OBJECTS.values()}
    public = {value for value in (getattr(ra, name) for name in ra.__all__) if inspect.isclass(value)}
    shown = {value for value in public if issubclass(value, Shown) and not inspect.isabstract(value)}
    assert shown <= held
    assert {"Comparison", "FineTuning", "LossCurve", "Simulation"} <= {value.__name__ for value in shown}


def test_names_are_escaped():
    problem = tuning(loss=Named())
    html = problem._repr_html_()
    assert "<b>" not in html
    assert NAME in [cell.text for cell in parsed(problem).iter("td")]


def test_a_card_that_fails_is_the_line_and_the_reason():
    class Broken(Shown):
        def _card(self):
            raise ArithmeticError("1 < 2")

        def __repr__(self):
            return "<Broken>"

    assert {"Broken", "<Broken>", "1 < 2"} <= set(parsed(Broken()).itertext())


def test_losses_are_equal_by_value():
    assert Huber(0.5) == Huber(0.5) != Huber(0.6)
    assert Named(2.0) == Named(2.0) != Named(1.0)
    assert hash(Named(2.0)) == hash(Named(2.0))
    assert Huber() != "huber"
    assert tuning(loss=Named()) == tuning(loss=Named()) != tuning(loss=Named(2.0))


def test_numbers_are_short():
    shown = {
        0.123456: "0.1235",
        400.0: "400",
        1e9: "1e+09",
        np.inf: "∞",
        None: "none",
        "text": "text",
        True: "True",
    }
    assert {value: number(value) for value in shown} == shown
    assert number(np.arange(3)) == "0, 1, 2"
    assert number(np.arange(6.0).reshape(2, 3)) == "0 to 5, shape (2, 3)"
    assert number(np.ones(9)) == "1"
    assert number([]) == "none"


def test_pictures_have_the_look_of_the_figures():
    assert set(COLORS) <= set(style.SERIES)
    assert {kind: color for kind, (_, color, _) in MARKS.items()} == {
        kind: style.SHAPES[kind]["color"] for kind in MARKS
    }


def test_a_picture_holds_what_is_finite():
    x = np.array([0.0, 1.0, 2.0, np.nan])
    full = plot(
        "a < b", ("x", "y"), lines={"one": (x, x), "": (x, -x)}, points=(x, x, 0 * x), marks={"best": (1, 1)}
    )
    tree = ET.fromstring(full)
    assert tree.get("aria-label") == "a < b"
    assert len(list(tree.iter("{http://www.w3.org/2000/svg}circle"))) == 3
    assert "one" in [text.text for text in tree.iter("{http://www.w3.org/2000/svg}text")]
    for nothing in ([], [np.nan], [np.inf]):
        assert plot("", ("x", "y"), lines={"": (nothing, nothing)}) == ""
        assert cells("", [nothing]) == ""
    # One number, and numbers beyond all others, have a frame as well.
    assert "<svg" in plot("", ("x", "y"), marks={"one": (1.0, 1e-300)})
    assert plot("", ("x", "y"), lines={"": ([0, 1], [-1e308, 1e308])}) == ""


def test_only_as_much_is_drawn_as_can_be_seen():
    assert spread(3, 60).tolist() == [0, 1, 2]
    assert spread(0, 60).tolist() == []
    assert spread(1000, 4).tolist() == [0, 333, 666, 999]
    assert cells("", np.arange(1e4).reshape(100, 100)).count("<rect") == 1600
    many = np.arange(1000.0)
    assert plot("", ("x", "y"), points=(many, many, many)).count("<circle") == 60


def test_cells_that_failed_are_empty():
    assert cells("", [[1.0, np.nan, np.inf], [2.0, 3.0, 3.0]]).count("<rect") == 4
    assert 'fill-opacity="1.00"' in cells("", [2.0, 2.0])


def test_a_card_is_what_is_shown():
    class Held(Shown):
        def _card(self):
            return Card({"n": 2.0}, note="a < b")

    assert Held()._repr_html_().endswith("a &lt; b</div></div>")
