"""The other tabs in a real browser: phase diagrams, mixtures, own data, sweeps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import rmt_alpha as ra
from rmt_alpha.cli import main
from rmt_alpha.explore.fields import WindowState
from rmt_alpha.explore.look import shown
from rmt_alpha.explore.tabs import mixture_problem
from rmt_alpha.explore.tabs.phase import ANSWERS, Axis
from rmt_alpha.explore.window import known_fields

MAP, CURVE = "phase diagram", "accuracy of the mixture against alpha"
GIVEN = {"p": 400, "N": 2000, "gamma": 0.1}


def on_the_map(screen):
    """The values of the image, which is empty where they are infinite."""
    (values,) = screen.plotted(MAP, "map")["image"]
    return np.array(values, float)


def test_a_phase_diagram_shows_the_package_s_values(screen):
    screen.open("?tab=phase")
    problem = ra.TransferProblem(beta=Axis("beta").values, n=Axis("n").values[:, None], **GIVEN)
    for name, answer in ANSWERS.items():
        screen.choose("colour", name)
        expected = np.asarray(answer.compute(problem), float).ravel()
        expected[~np.isfinite(expected)] = np.nan
        screen.until(lambda expected=expected: np.array_equal(on_the_map(screen), expected, equal_nan=True))


def test_axes_of_a_phase_diagram(screen):
    screen.open("?tab=phase")
    screen.choose("across", "gamma")
    screen.choose("up", "N")
    screen.choose("colour", "gain")
    problem = ra.TransferProblem(
        beta=0.8, p=400, n=40, gamma=Axis("gamma").values, N=Axis("N").values[:, None]
    )
    expected = np.asarray(problem.curve().gain(1.0)).ravel()
    screen.until(lambda: np.array_equal(on_the_map(screen), expected))
    screen.number("alignment β", 0.4)
    expected = np.asarray(replace(problem, beta=0.4).curve().gain(1.0)).ravel()
    screen.until(lambda: np.array_equal(on_the_map(screen), expected))
    screen.choose("up", "gamma")
    screen.until_alert("two parameters")


def test_a_click_on_a_phase_diagram_opens_its_curve(screen):
    screen.open("?tab=phase")
    screen.until(lambda: len(on_the_map(screen)) > 0)
    screen.laid_out()
    canvas = screen.page.locator("canvas").locator("visible=true").first

    def clicked():
        if screen.page.locator("button[aria-current=page]", has_text="Theory").count():
            return True
        box = canvas.bounding_box()  # a click comes to nothing until the picture listens
        if box is None:  # the one before came to something just now
            return False
        screen.page.mouse.click(box["x"] + 0.4 * box["width"], box["y"] + 0.4 * box["height"])
        return False

    screen.until(clicked)
    state = WindowState(known_fields())
    assert state.read(screen.page.url.partition("?")[2]) == []
    beta, n = state.values["beta"], state.values["n"]
    assert (beta, n) != (0.8, 40)
    assert beta == Axis("beta").nearest(float(beta))
    curve = ra.TransferProblem(beta=beta, n=n, **GIVEN).curve()
    screen.until(lambda: f"α* = {shown(curve.optimal_alpha())}" in screen.lead())


def mixture_of(screen):
    """The problem that the URL says."""
    state = WindowState(known_fields())
    assert state.read(screen.page.url.partition("?")[2]) == []
    return mixture_problem.problem_of(state.values)


def settled(screen):
    return not screen.page.get_by_text("refining").locator("visible=true").count()


CHANGES = (
    ("number", "m_p", "dimension p", 80),
    ("number", "m_length", "half distance of the means", 1.5),
    ("number", "m_prior", "share of the first class", 0.3),
    ("choose", "m_spectrum", "spectrum", "power"),
    ("number", "m_exponent", "exponent", 0.5),
    ("choose", "m_spectrum", "spectrum", "spikes"),
    ("number", "m_spikes", "spikes", 3),
    ("number", "m_size", "their variance", 20),
    ("number", "m_n", "target samples n", 60),
    ("number", "m_gamma", "target ridge γ", 0.5),
    ("number", "m_noise", "wrong labels", 0.1),
    ("number", "m_beta", "alignment β", 0.6),
    ("number", "m_N", "source samples N", 300),
    ("number", "m_gamma_source", "source ridge γ̃", 1.5),
    ("choose", "m_training", "weights", "known"),
    ("number", "m_K", "classes K", 3),
)


def test_every_control_of_the_mixtures_changes_what_it_should(screen):
    screen.open("?tab=mixtures")
    seen = set()
    for kind, name, label, value in CHANGES:
        getattr(screen, kind)(label, value)
        screen.until(lambda name=name, value=value: f"{name}={value}" in screen.page.url)
        curve = mixture_of(screen).curve()

        def drawn(curve=curve):
            data = screen.plotted(CURVE)
            alpha = np.array(data["alpha"])
            return len(alpha) > 0 and np.array_equal(data["accuracy"], curve.accuracy(alpha))

        screen.until(drawn, f"{name} = {value} does not arrive: {screen.alert()}")
        seen.add(tuple(screen.plotted(CURVE)["accuracy"]))
    assert len(seen) == len(CHANGES)  # each of them did something
    screen.page.get_by_label("intercept", exact=True).locator("visible=true").check()
    screen.until(lambda: "m_intercept=1" in screen.page.url and mixture_of(screen).intercept)


def test_another_loss_is_drawn_at_once_and_then_finer(screen):
    screen.open("?tab=mixtures&m_p=80&m_gamma=1&m_training=known")
    screen.choose("loss", "logistic")
    screen.until(lambda: 0 < len(screen.plotted(CURVE)["alpha"]) < 241)
    screen.until(lambda: settled(screen))
    problem = mixture_of(screen)
    curve = problem.curve()
    data = screen.plotted(CURVE)
    # Solved in another order, to the solver's tolerance.
    assert np.allclose(data["accuracy"], curve.accuracy(np.array(data["alpha"])), atol=1e-6)
    screen.until(lambda: screen.row("α*, the best")[1:2] == [shown(float(curve.optimum().value))])
    screen.until_row("worth in target samples", shown(problem.equivalent_samples()))


def test_two_sources_are_a_map_of_two_alphas(screen):
    screen.open("?tab=mixtures")
    screen.choose("sources", "two")
    screen.until(lambda: "α* = (" in screen.lead())
    screen.number("alignment of the second", 0.7)
    screen.number("what they err in common", 0.4)
    screen.until(lambda: "m_shared=0.4" in screen.page.url)
    curve = mixture_of(screen).curve()
    best = curve.optimum()
    expected = [*(shown(float(x)) for x in best.alpha), shown(float(best.value))]
    screen.until_row("both, the best", *expected)
    assert screen.row("no source")[2] == shown(curve.accuracy([0.0, 0.0]))


def test_what_a_loss_cannot_do_is_answered(screen):
    screen.open("?tab=mixtures&m_K=3&m_loss=hinge")
    screen.until_alert("loss='hinge' is a loss of labels -1 and +1")
    screen.choose("loss", "squared")
    screen.until(lambda: screen.alert() == "")


# --- own data -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The same samples as .npz, .csv and .parquet, and a source."""
    pd = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    folder = tmp_path_factory.mktemp("files")
    rng = np.random.default_rng(0)
    mean, y = np.ones(20) / 4, np.repeat([-1, 1], 20)
    X = y[:, None] * mean + rng.standard_normal((40, 20))
    names = [f"f{i}" for i in range(20)]
    table = pd.DataFrame(X, columns=names)
    table.insert(0, "mood", np.where(y > 0, "good", "bad"))
    table.to_csv(folder / "target.csv", index=False)
    table.to_parquet(folder / "target.parquet")
    pd.DataFrame([mean], columns=names).to_csv(folder / "source.csv", index=False)
    np.savez(folder / "target.npz", X=X, y=y, coef_source=mean)
    (folder / "bad.csv").write_text("mood,f0\ngood,1\nbad,x\n")
    return folder


def drop(screen, role, *paths):
    screen.page.get_by_label(role).set_input_files(list(paths))


def test_an_npz_file_is_fitted_as_by_the_command(screen, files, capsys):
    assert main(["fit", str(files / "target.npz")]) == 0
    lines = capsys.readouterr().out.splitlines()
    before = sorted(files.iterdir())
    screen.open("?tab=data")
    screen.until(lambda: screen.says("nowhere else"))
    drop(screen, "samples (files)", files / "target.npz")
    screen.until(lambda: "leave-one-out accuracy" in screen.lead())
    told = next(line.split("  ")[-1].strip() for line in lines if line.startswith("accuracy, leave-one-out"))
    screen.until_row("accuracy, leave-one-out", told.replace("+-", "±"))
    alpha = next(line.split()[1] for line in lines if line.startswith("alpha"))
    assert screen.row("alpha")[0].split(" ± ")[0] == alpha.replace("-", "−")
    path = screen.plotted("leave-one-out accuracy")
    assert set(np.round(np.array(path["exact"]) * 40, 9)) <= set(range(41))
    assert sorted(files.iterdir()) == before


@pytest.mark.parametrize("name", ["target.csv", "target.parquet"])
def test_tables_with_a_source(screen, files, name):
    screen.open("?tab=data&d_label=mood")
    drop(screen, "samples (files)", files / name)
    screen.until(lambda: "Now give the weights" in screen.lead())
    drop(screen, "source or sources, if not in them (files)", files / "source.csv")
    screen.until_row("samples, features, classes", "40, 20, 2")
    screen.choose("ridge", "fixed")
    screen.number("ridge γ", 2.0)
    screen.until_row("ridge γ, per sample", "2")
    screen.choose("alpha chosen by", "loo_accuracy")
    screen.until(lambda: "--criterion loo_accuracy" in str(screen.page.locator("pre").nth(1).text_content()))


def test_a_bad_file_is_answered_as_by_the_command(screen, files, capsys):
    command = ["fit", str(files / "bad.csv"), "--source", str(files / "source.csv"), "--label", "mood"]
    assert main(command) == 2
    said = capsys.readouterr().err.strip().removeprefix("rmt-alpha fit: ")
    screen.open("?tab=data&d_label=mood")
    drop(screen, "samples (files)", files / "bad.csv")
    drop(screen, "source or sources, if not in them (files)", files / "source.csv")
    screen.until(lambda: screen.alert() == said)
    drop(screen, "samples (files)", files / "target.csv")  # and the next one is welcome
    screen.until(lambda: screen.alert() == "" and "leave-one-out accuracy" in screen.lead())


# --- sweeps -------------------------------------------------------------------------------------------------


def test_a_store_is_shown_while_it_is_filled(screen, tmp_path):
    store = tmp_path / "results.sqlite"
    grid = {"beta": [0.2, 0.5, 0.8], "p": 40, "n": [10, 20]}
    first = ra.sweep(grid, alpha=[0, "optimal"], replicates=8, store=store)
    screen.open("?tab=sweeps")
    box = screen.page.get_by_label("store, a path on this machine")
    box.fill(str(store))
    box.press("Enter")
    screen.until(lambda: "6 cells" in screen.lead())
    screen.choose("α", "optimal")
    screen.choose("up", "n")
    screen.until(lambda: len(screen.plotted("sweep as a map", "map")["value"]) == 6)
    data = screen.plotted("sweep as a map", "map")
    found = dict(zip(zip(data["x"], data["y"], strict=True), data["value"], strict=True))
    assert found["0.5", "20"] == first["accuracy"][1, 1, 1]
    ra.sweep(grid | {"beta": [0.2, 0.5, 0.8, 0.9]}, alpha=[0, "optimal"], replicates=8, store=store)
    screen.until(lambda: "8 cells" in screen.lead(), "what was recorded meanwhile does not appear")
    screen.choose("up", "-")
    screen.choose("other fields", "n = 20")
    screen.until(lambda: screen.plotted("sweep as a curve")["x"] == [0.2, 0.5, 0.8, 0.9])
    simulated = list(first["simulated_accuracy"][:, 1, 1])
    screen.until(lambda: screen.plotted("sweep as a curve", "simulation")["y"][:3] == simulated)


def test_what_is_no_store_is_answered(screen, tmp_path):
    screen.open(f"?tab=sweeps&s_store={tmp_path / 'none.sqlite'}")
    screen.until_alert("there is no store")
    other = tmp_path / "other.txt"
    other.write_text("no store")
    box = screen.page.get_by_label("store, a path on this machine")
    box.fill(str(other))
    box.press("Enter")
    screen.until_alert("is no store of a sweep")
    assert other.read_text() == "no store"
