"""The tab of the theory in a real browser: what is on the screen is what the package says."""

from __future__ import annotations

import contextlib
import io
import re

import numpy as np
import pytest

import rmt_alpha as ra
from rmt_alpha.explore.look import shown

GIVEN = {"beta": 0.8, "p": 400, "n": 40, "N": 2000, "gamma": 0.1}
"""What the application begins with."""
CONTROLS = {
    "beta": ("alignment β", 0.3),
    "p": ("dimension p", 250),
    "n": ("target samples n", 77),
    "gamma": ("target ridge γ", 0.5),
    "N": ("source samples N", 900),
    "gamma_source": ("source ridge γ̃", 2.5),
    "mu": ("of the source mean", 1.4),
    "mu_orth": ("of the part across it", 0.7),
    "target_scale": ("target scale", 1.2),
}
ACCURACY, RISK, LAW = "accuracy against alpha", "risk against alpha", "law of the score"


def agrees(screen, **given):
    """Whether the curve on the screen is that of the problem, to the last bit."""
    curve = ra.TransferProblem(**given).curve()
    data = screen.plotted(ACCURACY)
    alpha = np.array(data["alpha"])
    return (
        np.array_equal(data["accuracy"], curve.accuracy(alpha))
        and np.array_equal(data["risk"], curve.risk(alpha))
        and np.array_equal(data["high"], curve.accuracy(alpha) + curve.accuracy_std(alpha))
    )


@pytest.fixture
def fresh(screen):
    """The window as it is at first."""
    return screen.open()


def test_numbers_on_the_screen_are_the_package_s(fresh):
    problem = ra.TransferProblem(**GIVEN)
    curve = problem.curve()
    best = curve.optimal_alpha()
    assert agrees(fresh, **GIVEN)
    assert f"α* = {shown(best)}" in fresh.lead()
    assert f"worth {shown(problem.equivalent_samples())}" in fresh.lead()
    assert fresh.row("α*, the best") == [
        shown(x) for x in (best, curve.accuracy(best), curve.accuracy_std(best), curve.risk(best))
    ]
    assert fresh.row("α = 1")[1] == shown(curve.accuracy(1.0))
    assert fresh.row("α = ∞")[1] == shown(curve.accuracy(np.inf))
    assert fresh.row("the source as it is")[1] == shown(problem.source_accuracy())
    assert f"The source as it is scores {shown(problem.source_accuracy())}: training" in fresh.lead()
    assert fresh.row("neutral")[0] == shown(curve.neutral_alpha())
    assert fresh.row("the source helps") == [shown(curve.transfer_interval())]
    assert fresh.row("within 0.01") == [shown(curve.tolerance_interval(0.01))]
    marks = fresh.plotted(ACCURACY, "marks")
    found = {kind: (x, y) for kind, x, y in zip(*(marks[n] for n in ("kind", "x", "y")), strict=True)}
    assert found["best"] == (best, curve.accuracy(best))
    assert found["zero"] == (0.0, curve.accuracy(0.0))


def test_every_control_changes_what_it_should(fresh):
    given = dict(GIVEN)
    for name, (label, value) in CONTROLS.items():
        given[name] = value
        fresh.number(label, value)
        fresh.until(lambda: agrees(fresh, **given), f"{name} = {value} does not arrive")
        said = f"{name}={value}"
        fresh.until(lambda said=said: said in fresh.page.url, f"{said} is not in the URL")
    fresh.choose("source", "infinite")
    fresh.until(lambda: agrees(fresh, **given | {"N": np.inf}))
    fresh.choose("source", "known")
    known = {name: value for name, value in given.items() if name not in {"N", "gamma_source"}}
    fresh.until(lambda: agrees(fresh, **known))
    samples = fresh.page.get_by_label("source samples N", exact=True).locator("visible=true")
    fresh.until(lambda: not samples.count())


def test_the_url_restores_the_state(screens, fresh):
    fresh.number("alignment β", -0.4)
    fresh.number("law of the score at α", 2.0)
    fresh.until(lambda: "alpha=2" in fresh.page.url and "beta=-0.4" in fresh.page.url)
    other = screens(fresh.page.url.partition("/?")[2].join(["?", ""]))
    assert agrees(other, **GIVEN | {"beta": -0.4})
    assert other.plotted(LAW) == fresh.plotted(LAW)
    fresh.until(lambda: other.lead() == fresh.lead())
    other.page.context.close()


def test_a_key_moves_a_slider(fresh):
    slider = fresh.page.get_by_role("slider", name="alignment β", exact=True)
    slider.focus()
    slider.press("ArrowLeft")
    fresh.until(lambda: agrees(fresh, **GIVEN | {"beta": 0.79}))
    whole = fresh.page.get_by_role("slider", name="target samples n", exact=True)
    whole.focus()
    whole.press("ArrowRight")
    fresh.until(lambda: "n=41" in fresh.page.url)


def test_alpha_and_its_range(fresh):
    curve = ra.TransferProblem(**GIVEN).curve()
    fresh.number("law of the score at α", 2.5)
    fresh.until(lambda: fresh.says(f"mean ±{shown(curve.mean(2.5))}"))
    fresh.number("tolerated loss of accuracy", 0.05)
    fresh.until_row("within 0.05", shown(curve.tolerance_interval(0.05)))
    fresh.choose("range of α", "fixed")
    fresh.number("from", -3)
    fresh.number("to", 7)
    fresh.until(lambda: np.ptp(fresh.plotted(ACCURACY)["alpha"]) == 10)
    fresh.number("to", -5)
    fresh.until_alert("must go up")


def test_settings_of_the_paper(fresh):
    fresh.choose("settings of", "accuracy-0.5")
    setting = {"p": 1000, "n": 40, "N": 5000, "mu": 0.8, "mu_orth": 0.8, "gamma": 0.1, "gamma_source": 5.0}
    fresh.until(lambda: agrees(fresh, beta=0.5, **setting))


def test_simulation_on_demand_agrees_with_the_theory(fresh):
    fresh.page.get_by_role("button", name="Simulate").click()
    fresh.page.get_by_text("200 of 200 draws").wait_for()
    curve = ra.TransferProblem(**GIVEN).curve()
    points = fresh.plotted(ACCURACY, "simulation")
    x, y = np.array(points["x"]), np.array(points["y"])
    error = (np.array(points["high"]) - y) / 2
    assert len(x) == 13
    # Means of 200 draws are Gaussian; the bias of order 1/n is below half a point for n = 40.
    assert (abs(y - curve.accuracy(x)) < 5 * error + 0.005).all()
    fresh.number("alignment β", 0.5)  # points of another problem do not stay
    fresh.until(lambda: not fresh.page.get_by_text("200 of 200 draws").count())


def test_code_can_be_copied_and_says_the_same(fresh, monkeypatch):
    monkeypatch.setattr("matplotlib.pyplot.show", lambda: None)
    copied = {}
    for title in ("Python", "command"):
        before = fresh.page.evaluate("navigator.clipboard.readText()")
        fresh.page.get_by_role("button", name=f"copy accuracy as {title}").click()
        fresh.until(lambda: fresh.page.evaluate("navigator.clipboard.readText()") != before)  # noqa: B023
        copied[title] = fresh.page.evaluate("navigator.clipboard.readText()")
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(copied["Python"], {})
    curve = ra.TransferProblem(**GIVEN).curve()
    numbers = [float(x) for x in re.findall(r"-?\d+\.\d+", out.getvalue().replace("np.float64", ""))]
    assert numbers[:2] == [curve.optimal_alpha(), curve.neutral_alpha()]
    assert (
        copied["command"].splitlines()[0]
        == "rmt-alpha optimal --beta=0.8 --p=400 --n=40 --N=2000 --gamma=0.1"
    )


def test_bad_values_are_answered_as_by_the_package(fresh):
    for label, name, value in (("alignment β", "beta", 1.5), ("dimension p", "p", -3)):
        fresh.open()
        with pytest.raises(ValueError, match=name) as refused:
            ra.TransferProblem(**GIVEN | {name: value})
        fresh.number(label, value)
        fresh.until(lambda refused=refused: fresh.alert() == str(refused.value))
    fresh.number("dimension p", 300)
    fresh.until(lambda: fresh.alert() == "" and agrees(fresh, **GIVEN | {"p": 300}))


def test_a_url_that_says_nonsense_is_answered(screens):
    screen = screens("?beta=much&whatever=1&p=300")
    screen.until_alert("could not convert string to float: 'much'")
    screen.until_alert("nothing called 'whatever'")
    assert agrees(screen, **GIVEN | {"p": 300})
    screen.page.context.close()
