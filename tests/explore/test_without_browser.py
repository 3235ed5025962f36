"""The application without a browser: problems from fields, code that says the same, stores."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import shlex
import threading
from contextlib import nullcontext
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest

import rmt_alpha as ra
from rmt_alpha.cli import main
from rmt_alpha.explore import snippets
from rmt_alpha.explore.fields import WindowState
from rmt_alpha.explore.look import shown
from rmt_alpha.explore.server import Explorer, search_of
from rmt_alpha.explore.tabs import mixture_problem, transfer
from rmt_alpha.explore.tabs.stored_sweep import read_store
from rmt_alpha.explore.window import Window, known_fields, tab_class
from rmt_alpha.explore.work import Work
from rmt_alpha.problems.fine_tuning import FineTuning


def values(**changed):
    state = WindowState(known_fields())
    return state.values | changed


class Turns:
    """A document: callbacks that another thread adds, it may lose."""

    session_context = object()

    def __init__(self):
        self.added = []

    def add_next_tick_callback(self, action):
        self.added.append(threading.current_thread())
        action()


def test_what_is_computed_elsewhere_is_shown_in_the_thread_of_the_window(monkeypatch):
    document = Turns()
    computed: list[threading.Thread] = []
    drawn: list[int] = []
    failed: list[Exception] = []
    monkeypatch.setattr("panel.io.hold", lambda _: nullcontext())

    def steps():
        for item in range(3):
            computed.append(threading.current_thread())
            yield item
        raise ValueError("too large")

    async def window():
        work = Work(failed.append)
        work._document = document
        work.start(steps(), drawn.append)
        while not failed:
            await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(window(), 60))
    assert drawn == [0, 1, 2]
    assert str(failed[0]) == "too large"
    assert document.added == [threading.main_thread()] * 4
    assert threading.main_thread() not in computed


def test_url_and_values_are_inverse():
    state = WindowState(known_fields())
    state.values.update(beta=-0.123456789, N=1e5, source="known", m_intercept=True, s_store="a b/ü&=.sqlite")
    other = WindowState(known_fields())
    assert other.read(state.search) == []
    assert other.values == state.values


@pytest.mark.parametrize("name", transfer.PRESETS)
def test_presets_are_the_problems_of_the_figures(name):
    problem = transfer.PRESETS[name][1]()
    assert transfer.problem_of(values(**transfer.values_of(problem))) == problem


def test_the_mixture_has_the_geometry_that_the_fields_say():
    given = values(m_K=3.0, m_p=163.0, m_beta=0.6, m_prior=0.5, m_length=1.5, m_training="known")
    problem = mixture_problem.problem_of(given)
    source: Any = problem.source
    means, weights = problem.target.means, source.weights
    assert problem.target.p == 160
    distances = [np.linalg.norm(means[i] - means[j]) for i, j in ((0, 1), (0, 2), (1, 2))]
    assert distances == pytest.approx([3.0] * 3)
    assert means.sum(axis=0) == pytest.approx(np.zeros(160), abs=1e-12)
    cosines = (means * weights).sum(axis=1) / np.linalg.norm(means, axis=1) / np.linalg.norm(weights, axis=1)
    assert cosines == pytest.approx([0.6] * 3)
    assert problem.target.priors == pytest.approx([0.5, 0.25, 0.25])


def test_two_sources_err_in_common_as_far_as_is_said():
    given = values(m_sources="two", m_beta=0.8, m_beta2=-0.3, m_shared=0.4, m_training="known")
    sources: Any = mixture_problem.problem_of(given).sources
    first, second = (source.weights / 1.2 for source in sources)
    target = mixture_problem.problem_of(given).target.means[1] / 1.2
    assert [first @ target, second @ target] == pytest.approx([0.8, -0.3])
    errors = [weights - (weights @ target) * target for weights in (first, second)]
    assert errors[0] @ errors[1] / np.linalg.norm(errors[0]) / np.linalg.norm(errors[1]) == pytest.approx(0.4)


def test_the_isotropic_mixture_is_the_transfer_problem():
    given = values(m_p=400.0, m_n=40.0, m_beta=0.8, m_length=1.0, m_N=2000.0, m_gamma_source=1.0)
    curve = ra.TransferProblem(beta=0.8, p=400, n=40, N=2000, gamma=0.1).curve()
    found = mixture_problem.problem_of(given).curve()
    alpha = np.linspace(-2, 4, 7)
    assert found.accuracy(alpha) == pytest.approx(curve.accuracy(alpha), rel=1e-10)


@pytest.mark.parametrize(
    "changed",
    [
        {"m_spectrum": "spikes", "m_prior": 0.3, "m_intercept": True, "m_noise": 0.1},
        {"m_K": 3.0, "m_spectrum": "power"},
        {"m_sources": "two", "m_training": "known"},
        {"m_loss": "logistic", "m_training": "loss"},
    ],
)
def test_the_command_reads_the_same_problem(changed, tmp_path, monkeypatch):
    problem = mixture_problem.problem_of(values(m_p=16.0, **changed))
    text = snippets.command(problem, "optimal {}")
    head, _, rest = text.partition("\n")
    content, _, command = rest.partition("END\n")
    assert head == "cat > problem.toml <<'END'"
    monkeypatch.chdir(tmp_path)
    (tmp_path / "problem.toml").write_text(content)
    from rmt_alpha.cli.problem_file import load_problem

    assert load_problem(tmp_path / "problem.toml") == problem
    assert shlex.split(command) == ["rmt-alpha", "optimal", "--problem", "problem.toml"]


def test_a_target_scale_goes_into_a_file(tmp_path, monkeypatch, capsys):
    problem = ra.TransferProblem(0.5, 40, 10, target_scale=2.0)
    content = snippets.command(problem, "optimal {}").partition("\n")[2].partition("END\n")[0]
    (tmp_path / "problem.toml").write_text(content)
    assert main(["optimal", "--problem", str(tmp_path / "problem.toml")]) == 0
    assert f"alpha* = {problem.curve().optimal_alpha():.6g}" in capsys.readouterr().out


def snippets_of(tab: Any):
    """The code beside the pictures of a tab, by name."""
    return tab.code if isinstance(tab.code, dict) else {"": tab.code}


@pytest.mark.parametrize("query", ["?tab=theory", "?tab=phase", "?tab=mixtures&m_p=16&m_K=3"])
def test_python_that_is_copied_runs_and_says_the_same(query, monkeypatch, capsys):
    monkeypatch.setattr("matplotlib.pyplot.show", lambda: None)
    window = Window(query)
    tab: Any = window.tab
    for name, snippet in snippets_of(tab).items():
        if name == "map" and "mixtures" in query:
            continue  # of two sources
        plt.figure()
        names: dict[str, Any] = {}
        exec(snippet.texts["Python"], names)
        if tab.name == "mixtures":
            assert isinstance(names["problem"], FineTuning)
            assert names["problem"] == mixture_problem.problem_of(window.state.values)
            assert str(names["problem"].curve().optimal_alpha()) in capsys.readouterr().out
        elif tab.name == "phase":
            assert np.shape(names["curve"].optimal_alpha()) == (61, 61)
        else:
            assert names["problem"] == transfer.problem_of(window.state.values)
        plt.close("all")


def test_the_spectrum_that_is_copied_is_the_one_that_is_drawn(monkeypatch):
    monkeypatch.setattr("matplotlib.pyplot.show", lambda: None)
    tab: Any = Window("?tab=mixtures&m_p=16&m_spectrum=power").tab
    exec(tab.code["spectrum"].texts["Python"], {})
    drawn = plt.gca().lines[0].get_ydata()
    plt.close("all")
    assert np.array_equal(drawn, tab.spectrum_data.data["variance"])


@pytest.mark.parametrize(
    "query", ["?tab=theory", "?tab=phase", "?tab=mixtures", "?tab=mixtures&m_sources=two"]
)
def test_beside_every_picture_stands_the_same_as_code(query):
    window = Window(query)
    tab: Any = window.tab
    drawn = [
        fig
        for fig in tab.figures
        if any(len(source.data[next(iter(source.data))]) for source in sources(fig))
    ]
    written = [snippet for snippet in snippets_of(tab).values() if snippet.texts]
    two = "two" in query  # their map and the spectrum, which is not shown then
    assert len(written) == len(drawn) - two
    for snippet in written:
        assert all(snippet.texts[title] for title in ("Python", "command"))


def sources(fig):
    """The data of what is drawn in a figure."""
    return [renderer.data_source for renderer in fig.renderers]


# --- every control changes what is shown --------------------------------------------------------------------


def picture(window: Window) -> str:
    """All that a window shows: the data of pictures and their ranges, words, code, as one text."""
    tab = window.tab
    told: list[Any] = [tab.alert.object if tab.alert.visible else "", tab.lead.object]
    for fig in tab.figures:
        told += [fig.x_range.properties_with_values().get(end) for end in ("start", "end", "factors")]
        for source in sources(fig):
            told += [np.asarray(values).tobytes() for values in source.data.values()]
    told += [snippet.texts for snippet in snippets_of(tab).values()]
    told += [found.object for found in vars(tab).values() if type(found).__name__ == "HTML"]
    return str(told)


OTHERS = {"N": 900.0, "gamma_source": 2.5, "m_p": 32.0, "m_n": 60.0, "m_K": 3.0, "m_prior": 0.3, "m_N": 300.0}
STARTS = {  # what must be set for a control to be there, where the first values would hide it
    "low": "view=fixed", "high": "view=fixed", "m_low": "m_view=fixed", "m_high": "m_view=fixed",
    "m_exponent": "m_spectrum=power", "m_spikes": "m_spectrum=spikes", "m_size": "m_spectrum=spikes",
    "m_beta2": "m_sources=two", "m_shared": "m_sources=two",
    "m_gamma_source": "m_spectrum=power",
}  # fmt: skip
SILENT = {"simulate", "draws"}
"""They change nothing before there is a simulation: tested in the browser."""
CONTROLS = [
    (name, field)
    for name in ("theory", "phase", "mixtures")
    for field in tab_class(name).fields
    if field.name not in SILENT
]


@cache
def window_of(query: str) -> Window:
    """One window for all controls that begin alike."""
    return Window(query)


def other(field: Any) -> Any:
    """Another value of a field than its default."""
    if field.name in OTHERS:
        return OTHERS[field.name]
    if field.kind == "switch":
        return not field.default
    if field.kind == "choice":
        return next(value for value, _ in field.options[::-1] if value != field.default)
    nearer = float(field.default) * (1.25 if abs(field.default) * 1.25 <= field.high else 0.5)
    return nearer or field.high / 2


@pytest.mark.parametrize("query", ["?", "?tab=mixtures&m_p=16", "?tab=mixtures&m_p=16&m_sources=two"])
def test_the_source_as_it_is_stands_beside_the_best_alpha(query):
    """And it is said where training does not pay, so that nobody takes the best alpha for a gain."""
    for samples, pays in ((4, False), (4000, True)):
        window = window_of(f"{query}&n={samples}&m_n={samples}&gamma=0.1&m_gamma=0.1")
        tab: Any = window.tab
        problem_of = tab.problem_of if tab.name == "mixtures" else transfer.problem_of
        problem = problem_of(window.state.values)
        own, reached = float(np.max(problem.source_accuracy())), problem.curve().optimum().value
        assert (reached > own) is pays
        assert f"as it is scores {shown(own)}" in tab.lead.object
        assert ("does not pay" in tab.lead.object) is not pays


@pytest.mark.parametrize(
    ("name", "field"), CONTROLS, ids=[f"{name} {field.name}" for name, field in CONTROLS]
)
def test_every_control_changes_what_is_shown(name, field):
    """And back again shows what was there before: nothing is left behind."""
    window = window_of(f"?tab={name}&m_p=16&m_n=24&{STARTS.get(field.name, '')}")
    before, value = picture(window), window.state.values[field.name]
    window.change({field.name: other(field)})
    assert not window.tab.alert.visible, window.tab.alert.object
    assert picture(window) != before
    if field.kept:
        window.change({field.name: value})
        # What two sources left behind is hidden.
        assert field.name == "m_sources" or picture(window) == before


@pytest.fixture(scope="module")
def own_files(tmp_path_factory):
    """Samples in a table that needs every option of how it is written, and two sources for it."""
    pd = pytest.importorskip("pandas")
    folder = tmp_path_factory.mktemp("own")
    rng = np.random.default_rng(0)
    mean, y = np.ones(12) / 3, np.repeat([-1, 1], 20)
    names = [f"f{i}" for i in range(12)]
    X = y[:, None] * mean + rng.standard_normal((40, 12))
    table = pd.DataFrame(X, columns=names)
    table.insert(0, "Stimmung", np.where(y > 0, "gut", "übel"))
    table.to_csv(folder / "plain.csv", index=False)
    table.iloc[3, 2] = np.nan
    options = {"sep": "|", "decimal": ",", "na_rep": "fehlt", "index": False, "encoding": "latin-1"}
    table.to_csv(folder / "odd.csv", **options)
    pd.DataFrame([mean], columns=names).to_csv(folder / "odd_source.csv", **options)
    for name, weights in (("one", mean), ("two", rng.standard_normal(12))):
        pd.DataFrame([weights], columns=names).to_csv(folder / f"{name}.csv", index=False)
    np.savez(folder / "all.npz", X=X, y=y, coef_source=mean)
    return folder


def give(window: Window, role: str, *paths) -> None:
    """Files as the browser sends them."""
    for place, path in enumerate(paths):
        data = base64.b64encode(path.read_bytes()).decode()
        last = place + 1 == len(paths)
        piece = {"name": path.name, "first": place == 0, "start": 0, "data": data, "more": not last}
        window.change({role: piece})


@pytest.mark.parametrize(
    "changed",
    [{"d_criterion": "loo_mse"}, {"d_intercept": "none"}, {"d_ridge": "fixed"}, {"d_gamma": 4.0}],
)
def test_every_control_of_a_fit_changes_what_is_shown(own_files, changed):
    window = Window("?tab=data&d_gamma=2" + ("&d_ridge=fixed" if "d_gamma" in changed else ""))
    give(window, "d_samples", own_files / "all.npz")
    before = picture(window)
    window.change(changed)
    assert not window.tab.alert.visible, window.tab.alert.object
    assert picture(window) != before


def test_a_table_is_read_as_the_controls_say(own_files):
    """Each of them is needed: without it the file is refused, or read as something else."""
    right = {
        "d_label": "Stimmung",
        "d_delimiter": "|",
        "d_decimal": ",",
        "d_encoding": "latin-1",
        "d_na": "fehlt",
    }
    window = Window("?tab=data")
    tab: Any = window.tab
    give(window, "d_samples", own_files / "odd.csv")
    give(window, "d_source", own_files / "odd_source.csv")
    for wrong in (
        {},
        {"d_label": "nothing"},
        {"d_decimal": "."},
        {"d_na": ""},
        {"d_encoding": "ascii"},
        {"d_delimiter": ";"},
        {},
    ):
        window.change(right | wrong)
        assert window.tab.alert.visible is bool(wrong), (wrong, window.tab.alert.object)
        if not wrong:
            assert "39, 12, 2" in tab.numbers.object


def test_several_sources_are_fitted_as_by_the_command(own_files, capsys):
    files = [str(own_files / name) for name in ("plain.csv", "one.csv", "two.csv")]
    assert (
        main(["fit", files[0], "--source", files[1], "--source", files[2], "--label", "Stimmung", "--json"])
        == 0
    )
    found = json.loads(capsys.readouterr().out)
    window = Window("?tab=data&d_label=Stimmung")
    tab: Any = window.tab
    give(window, "d_samples", own_files / "plain.csv")
    give(window, "d_source", own_files / "one.csv", own_files / "two.csv")
    assert not tab.alert.visible, tab.alert.object
    for k, (alpha, error) in enumerate(zip(found["alpha"], found["alpha_stderr"], strict=True), 1):
        row = f'alpha of source {k}</th><td class="number">{shown(alpha)} ± {error:.2g}<'
        assert row in tab.numbers.object
    # The path goes along the chosen alphas: at 1 it has what was chosen, at 0 no source.
    data = tab.path_data.data
    at = int(np.argmin(abs(data["alpha"] - 1.0)))
    assert abs(data["gaussian"][at] - found["one_rule"]["gaussian_accuracy"]) < 1e-3
    assert tab.path.xaxis.axis_label == "share of the chosen alphas"
    assert "--source one.csv --source two.csv" in tab.code.texts["command"]
    give(window, "d_source", own_files / "one.csv")  # and one again
    assert tab.path.xaxis.axis_label == "α"
    assert "alpha of source" not in tab.numbers.object


SWEEP_CONTROLS = {"s_c": "risk", "s_x": "n", "s_y": "n", "s_alpha": "0", "s_rest": "n = 20"}


@pytest.mark.parametrize("name", SWEEP_CONTROLS)
def test_every_control_of_a_sweep_changes_what_is_shown(name, tmp_path):
    store = tmp_path / "s.sqlite"
    ra.sweep({"beta": [0.2, 0.5], "p": 40, "n": [10, 20]}, alpha=[0, "optimal"], replicates=2, store=store)
    window = Window(f"?tab=sweeps&s_store={store}")
    before = picture(window)
    window.change({name: SWEEP_CONTROLS[name]})
    assert not window.tab.alert.visible, window.tab.alert.object
    assert picture(window) != before


def test_a_problem_is_explored_with_one_call():
    problem = ra.TransferProblem(0.3, 200, 50, gamma=2.0)
    window = Window(search_of(problem), problem)
    assert transfer.problem_of(window.state.values) == problem
    mean = np.ones(10)
    general = ra.FineTuning(ra.GaussianMixture.symmetric(mean), ra.FixedSource(mean), n=20, gamma=0.7)
    window = Window(search_of(general), general)
    tab: Any = window.tab
    assert tab.problem_of(window.state.values) == general
    window.change({"m_gamma": 1.5})
    assert tab.problem_of(window.state.values).gamma == 1.5
    with pytest.raises(ValueError, match="scalar problem"):
        search_of(ra.TransferProblem([0.1, 0.2], 10, 5))


def test_urls_in_the_pages_say_what_can_be_set():
    """Notebooks and pages name the setting that the reader is to open."""
    root = Path(__file__).parents[2]
    pages = [root / "README.md", *(root / "docs").glob("**/*.md"), *(root / "notebooks").glob("*.ipynb")]
    found = [
        url for page in pages for url in re.findall(r"--url '(\?[^']*)'", page.read_text(encoding="utf-8"))
    ]
    assert len(found) >= 10
    for url in found:
        assert WindowState(known_fields()).read(url) == [], url


def test_it_can_be_served_beside_a_program():
    explorer = ra.TransferProblem(0.3, 200, 50).explore(port=0, browser=False)
    try:
        assert isinstance(explorer, Explorer)
        assert "beta=0.3" in explorer.url
    finally:
        explorer.stop()


def test_a_store_of_other_problems_is_read(tmp_path):
    mean = np.ones(8)
    problem = ra.FineTuning(ra.GaussianMixture.symmetric(mean), ra.FixedSource(mean), n=20, gamma=0.5)
    store = tmp_path / "s.sqlite"
    result = ra.sweep(
        problem, axes={"n": [10, 30], "loss": ["squared", "hinge"]}, alpha=1, replicates=0, store=store
    )
    (part,) = read_store(store)
    assert part.axes["n"] == [10.0, 30.0]
    assert part.axes["loss"] == ["hinge", "squared"]
    found = {(row["n"], row["loss"]): row["accuracy"] for row in part.rows}
    assert found[30.0, "squared"] == result["accuracy"][1, 0, 0]
