"""Writing the figures: complete files, the same bytes every time, and nothing lost."""

from __future__ import annotations

import csv
import stat
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from amazon_files import fake_amazon
from matplotlib.figure import Figure

from rmt_alpha.cli import main
from rmt_alpha.experiments.data import datasets
from rmt_alpha.experiments.figures import registry
from rmt_alpha.experiments.figures._numbers import Numbers, Table
from rmt_alpha.experiments.reproduce import Summary, _left, render, reproduce
from rmt_alpha.plotting import style

CHEAP = ("accuracy", "decision", "regression")
ALWAYS = [name for name in registry.NAMES if name not in registry.NEED_DATA]
COARSE = 30
WITH_DATA = list(registry.NEED_DATA)


@pytest.fixture(autouse=True)
def _coarse(monkeypatch):
    """Small pictures: what takes time in these tests is drawing."""
    monkeypatch.setitem(style.SETTINGS, "savefig.dpi", COARSE)


class Stub:
    """A figure that costs nothing."""

    def __init__(self, name, error=None):
        self.name = name
        self.error = error

    def compute(self, quick=False, data=None):
        if self.error is not None:
            raise self.error
        return Numbers(main=Table(quick=[int(quick)], data=[str(data)]))

    def draw(self, result):
        figure = Figure(figsize=(1, 1))
        figure.subplots().plot([0, 1])
        return figure


def use_stubs(monkeypatch, *stubs):
    modules = {stub.name: stub for stub in stubs}
    monkeypatch.setattr("rmt_alpha.experiments.reproduce.TITLES", dict.fromkeys(modules, "A stub."))
    monkeypatch.setattr(
        "rmt_alpha.experiments.reproduce.select", lambda names: tuple(modules) if names is None else names
    )
    monkeypatch.setattr("rmt_alpha.experiments.reproduce.load", modules.__getitem__)


def offline(monkeypatch):
    """No download, and no data folder but the one that is named."""

    def refuse(*args, **kwargs):
        raise OSError(101, "Network is unreachable")

    monkeypatch.delenv(datasets.DATA_VARIABLE, raising=False)
    monkeypatch.setattr(datasets, "_download", refuse)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    """The whole set, made once without data files: summary, lines of progress, folder.

    What uses it is slow, and not part of the default run: `rmt-alpha reproduce --quick` is the README's first
    command, and runs in every check of a change.
    """
    folder = tmp_path_factory.mktemp("everything")
    lines: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        offline(patch)
        patch.setitem(style.SETTINGS, "savefig.dpi", COARSE)
        summary = reproduce(out=folder / "out", data=folder / "data", quick=True, progress=lines.append)
    return summary, lines, folder


@pytest.mark.slow
def test_everything_without_data_is_written_and_the_rest_skipped(everything):
    summary, lines, tmp_path = everything
    assert list(summary.written) == ALWAYS
    assert list(summary.skipped) == WITH_DATA
    assert summary.ok
    assert not summary.failed
    listed = [path for paths in summary.written.values() for path in paths]
    assert sorted(listed) == sorted((tmp_path / "out").iterdir())
    for name, paths in summary.written.items():
        kinds = [path.suffix for path in paths]
        assert [path.name for path in paths[:2]] == [f"{name}.png", f"{name}.pdf"]
        assert kinds.count(".csv") == len(paths) - 2 >= 1
    for path in listed:
        start = path.read_bytes()[:8]
        if path.suffix == ".csv":
            rows = list(csv.reader(path.read_text().splitlines()))
            assert len(rows) > 1
            assert {len(row) for row in rows} == {len(rows[0])}
        else:
            assert start.startswith(b"%PDF-1" if path.suffix == ".pdf" else b"\x89PNG\r\n\x1a\n")
    for reason in summary.skipped.values():
        assert str(tmp_path / "data" / "amazon_review_400") in reason
        assert "--data" in reason
        assert datasets.DATA_VARIABLE in reason
    # The user sees which figure is being made, and in the end every reason once.
    assert lines[0].startswith(f"[1/{len(registry.NAMES)}] accuracy: ")
    assert sum("skipped" in line for line in lines) == len(WITH_DATA)
    text = str(summary)
    made = len(registry.NAMES) - len(WITH_DATA)
    told = f"{made} of {len(registry.NAMES)} figures and tables written to {tmp_path / 'out'}"
    assert text.startswith(f"{told}: {len(listed)} files")
    assert text.count("could not be fetched") == len(set(summary.skipped.values()))
    assert all(name in text for name in WITH_DATA)


def test_with_data_nothing_is_skipped(monkeypatch, tmp_path):
    data = fake_amazon(monkeypatch, tmp_path)
    summary = reproduce("amazon_decision", out=tmp_path / "out", data=data, quick=True)
    assert list(summary.written) == ["amazon_decision"]
    assert not summary.skipped


def test_a_corrupted_file_is_a_failure_and_the_others_are_done(monkeypatch, tmp_path):
    wrong = tmp_path / "data" / datasets.AMAZON_FILES["book"].path
    wrong.parent.mkdir(parents=True)
    wrong.write_bytes(b"not what it says")
    offline(monkeypatch)
    lines: list[str] = []
    names = ("amazon_decision", "alpha_overlap")
    summary = reproduce(names, out=tmp_path / "out", data=tmp_path / "data", progress=lines.append)
    assert not summary.ok
    assert list(summary.failed) == ["amazon_decision"]
    assert list(summary.written) == ["alpha_overlap"]
    assert "FAILED amazon_decision: " in str(summary)
    assert "SHA-256" in str(summary)
    assert any("FAILED" in line for line in lines)


@pytest.mark.slow
def test_second_run_writes_the_same_bytes(everything, tmp_path):
    first = contents(everything[0].out)
    summary = reproduce(CHEAP, out=tmp_path, quick=True)
    second = contents(tmp_path)
    assert len(second) == sum(len(paths) for paths in summary.written.values()) > 10
    assert [name for name in second if first[name] != second[name]] == []


@pytest.mark.slow
def test_second_run_of_everything_writes_the_same_bytes(everything, tmp_path):
    reproduce(ALWAYS, out=tmp_path, quick=True)
    assert contents(tmp_path) == contents(everything[0].out)


@pytest.mark.slow
def test_the_full_set_has_smaller_error_bars(everything, tmp_path):
    reproduce("accuracy", out=tmp_path)
    errors = []
    for folder in (tmp_path, everything[0].out):
        rows = csv.DictReader((folder / "accuracy_simulated.csv").read_text().splitlines())
        errors.append([float(row["standard_error"]) for row in rows])
    ratio = np.array(errors[0]) / errors[1]
    # Ten times as many draws; a standard error from 400 draws is itself known to 1/sqrt(800) = 3.5 %.
    np.testing.assert_allclose(ratio, np.sqrt(0.1), rtol=5 * 0.036)


def test_another_process_with_another_configuration_writes_the_same_bytes(tmp_path):
    # Another matplotlibrc, another order of hashes, another date: none of it may show.
    rc = tmp_path / "matplotlibrc"
    rc.write_text("font.size: 20\naxes.facecolor: red\nlines.linewidth: 5\nsavefig.dpi: 77\n")
    program = (
        "from rmt_alpha.experiments.reproduce import reproduce; import sys; "
        f"from rmt_alpha.plotting import style; style.SETTINGS['savefig.dpi'] = {COARSE}; "
        "reproduce('alpha_overlap', out=sys.argv[1])"
    )
    environment = {"MATPLOTLIBRC": str(rc), "PYTHONHASHSEED": "7", "SOURCE_DATE_EPOCH": "12345", "PATH": ""}
    environment["HOME"] = environment["MPLCONFIGDIR"] = str(tmp_path)
    command = [sys.executable, "-c", program, str(tmp_path / "other")]
    root = Path(__file__).parents[2]
    subprocess.run(command, check=True, env=environment, cwd=root)
    reproduce("alpha_overlap", out=tmp_path / "here")
    assert contents(tmp_path / "other") == contents(tmp_path / "here")


def test_files_carry_no_date_and_no_version(tmp_path):
    reproduce("alpha_overlap", out=tmp_path)
    png, pdf = ((tmp_path / f"alpha_overlap.{kind}").read_bytes() for kind in ("png", "pdf"))
    assert b"CreationDate" not in pdf
    for content in (png, pdf):
        assert b"atplotlib" not in content
        assert mpl.__version__.encode() not in content


def test_interruption_keeps_what_was_finished(monkeypatch, tmp_path):
    use_stubs(monkeypatch, Stub("one"), Stub("two", KeyboardInterrupt()), Stub("three"))
    with pytest.raises(KeyboardInterrupt):
        reproduce(out=tmp_path)
    assert list(contents(tmp_path)) == ["one.csv", "one.pdf", "one.png"]


def test_the_time_that_is_left_is_told_from_the_pace_so_far(monkeypatch, tmp_path):
    assert list(registry.COSTS) == list(registry.NAMES)
    lines: list[str] = []
    monkeypatch.setattr("rmt_alpha.experiments.reproduce.COSTS", {"one": 1.0, "two": 1.0, "three": 9.0})
    use_stubs(monkeypatch, Stub("one"), Stub("two"), Stub("three"))
    reproduce(out=tmp_path, progress=lines.append)
    assert sum(line.endswith(" left") for line in lines) == 2  # not after the last
    assert _left({"one": 200.0}, ["two", "three"]) == "about 33 min left"  # of 10 times the work
    assert _left({"one": 1.0, "two": 3.0}, ["three"]) == "about 18 s left"


def test_an_interrupted_command_says_how_to_go_on(monkeypatch, tmp_path, capsys):
    def interrupted(*_, progress, **__):
        progress("[1/2] alpha_beta: The best alpha")
        raise KeyboardInterrupt

    monkeypatch.setattr("rmt_alpha.experiments.reproduce.reproduce", interrupted)
    words = ["reproduce", "accuracy", "alpha-beta", "erratum", "--quick", "--out", str(tmp_path)]
    assert main(words) == 130
    assert capsys.readouterr().err.splitlines()[-1] == (
        f"  rmt-alpha reproduce alpha_beta erratum --out {tmp_path} --quick"
    )


def test_interruption_while_writing_leaves_the_old_file(monkeypatch, tmp_path):
    use_stubs(monkeypatch, Stub("one"))
    (tmp_path / "one.png").write_bytes(b"old")

    def interrupted(self, target):
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        reproduce(out=tmp_path)
    assert contents(tmp_path) == {"one.png": b"old"}  # and no temporary file


def test_a_bug_in_a_figure_is_not_hidden(monkeypatch, tmp_path):
    use_stubs(monkeypatch, Stub("one"), Stub("two", ZeroDivisionError("bug")))
    with pytest.raises(ZeroDivisionError):
        reproduce(out=tmp_path)
    assert "one.png" in contents(tmp_path)


def test_arguments_reach_the_figure_and_files_can_be_read_by_others(monkeypatch, tmp_path):
    use_stubs(monkeypatch, Stub("one"))
    monkeypatch.setattr("rmt_alpha.experiments.reproduce.NEED_DATA", ("one",))
    out = tmp_path / "a" / "b"
    summary = reproduce(["one"], out=str(out), data="somewhere", quick=True)
    assert (out / "one.csv").read_text() == "quick,data\n1,somewhere\n"
    assert summary.out == out
    assert summary.seconds.keys() == {"one"}
    ordinary = tmp_path / "ordinary"
    ordinary.touch()
    assert stat.S_IMODE((out / "one.png").stat().st_mode) == stat.S_IMODE(ordinary.stat().st_mode)


def test_bad_arguments_are_refused_before_anything_is_made(tmp_path):
    with pytest.raises(ValueError, match="no figure is called 'nothing'"):
        reproduce(["accuracy", "nothing"], out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="out must name a folder"):
        reproduce("accuracy", out=tmp_path / "file")


def test_render_writes_nothing(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    files = render("alpha_overlap")
    assert list(files) == ["alpha_overlap.png", "alpha_overlap.pdf", "alpha_overlap.csv"]
    assert list(tmp_path.iterdir()) == []


def test_the_summary_counts():
    summary = Summary(
        Path("out"), {"a": (Path("a.png"),)}, {"b": "no data", "c": "no data"}, {"d": "broken"}, {"a": 2.0}
    )
    assert str(summary).splitlines() == [
        "1 of 4 figures and tables written to out: 1 files, 2 s",
        "skipped b, c: no data",
        "FAILED d: broken",
    ]


@pytest.mark.parametrize("name", ["accuracy", "explore"])
def test_the_pictures_of_the_readme_are_there_and_small(name):
    picture = Path(__file__).parents[2] / "docs" / "_static" / f"{name}.png"
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size < 100_000
