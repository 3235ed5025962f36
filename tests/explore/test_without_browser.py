"""The application without a browser: problems from fields, code that says the same, stores."""

from __future__ import annotations

import shlex

import numpy as np
import pytest

import rmt_alpha as ra
from rmt_alpha.cli import main
from rmt_alpha.explore import mixture_problem, snippets, transfer
from rmt_alpha.explore.fields import State
from rmt_alpha.explore.server import Explorer, search_of
from rmt_alpha.explore.stored_sweep import read_store
from rmt_alpha.explore.window import Window, known_fields
from rmt_alpha.problems.fine_tuning import FineTuning


def values(**changed):
    state = State(known_fields())
    return state.values | changed


def test_url_and_values_are_inverse():
    state = State(known_fields())
    state.values.update(beta=-0.123456789, N=1e5, source="known", m_intercept=True, s_store="a b/ü&=.sqlite")
    other = State(known_fields())
    assert other.read(state.search) == []
    assert other.values == state.values


@pytest.mark.parametrize("name", transfer.PRESETS)
def test_presets_are_the_problems_of_the_figures(name):
    problem = transfer.PRESETS[name][1]()
    assert transfer.problem_of(values(**transfer.values_of(problem))) == problem


def test_the_mixture_has_the_geometry_that_the_fields_say():
    given = values(m_K=3.0, m_p=163.0, m_beta=0.6, m_prior=0.5, m_length=1.5, m_training="known")
    problem = mixture_problem.problem_of(given)
    means, weights = problem.target.means, problem.source.weights
    assert problem.target.p == 160
    distances = [np.linalg.norm(means[i] - means[j]) for i, j in ((0, 1), (0, 2), (1, 2))]
    assert distances == pytest.approx([3.0] * 3)
    assert means.sum(axis=0) == pytest.approx(np.zeros(160), abs=1e-12)
    cosines = (means * weights).sum(axis=1) / np.linalg.norm(means, axis=1) / np.linalg.norm(weights, axis=1)
    assert cosines == pytest.approx([0.6] * 3)
    assert problem.target.priors == pytest.approx([0.5, 0.25, 0.25])


def test_two_sources_err_in_common_as_far_as_is_said():
    given = values(m_sources="two", m_beta=0.8, m_beta2=-0.3, m_shared=0.4, m_training="known")
    first, second = (source.weights / 1.2 for source in mixture_problem.problem_of(given).sources)
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


@pytest.mark.parametrize("tab", ["phase", "mixtures"])
def test_python_that_is_copied_runs_and_says_the_same(tab, monkeypatch, capsys):
    monkeypatch.setattr("matplotlib.pyplot.show", lambda: None)
    window = Window(f"?tab={tab}&m_p=16&m_K=3")
    code = window.tab.code
    one = code if tab == "phase" else code["accuracy"]
    names: dict[str, object] = {}
    exec(one.texts["Python"], names)
    problem = names["problem"]
    if tab == "mixtures":
        assert isinstance(problem, FineTuning)
        assert problem == mixture_problem.problem_of(window.state.values)
        assert str(problem.curve().optimal_alpha()) in capsys.readouterr().out
    else:
        assert np.shape(names["curve"].optimal_alpha()) == (61, 61)


def test_a_problem_is_explored_with_one_call():
    problem = ra.TransferProblem(0.3, 200, 50, gamma=2.0)
    window = Window(search_of(problem), problem)
    assert transfer.problem_of(window.state.values) == problem
    mean = np.ones(10)
    general = ra.FineTuning(ra.GaussianMixture.symmetric(mean), ra.FixedSource(mean), n=20, gamma=0.7)
    window = Window(search_of(general), general)
    assert window.tab.problem_of(window.state.values) == general
    window.change({"m_gamma": 1.5})
    assert window.tab.problem_of(window.state.values).gamma == 1.5
    with pytest.raises(ValueError, match="scalar problem"):
        search_of(ra.TransferProblem([0.1, 0.2], 10, 5))


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
