"""The record: complete, resumable, the same in any order."""

from __future__ import annotations

import io
import shutil
import sqlite3
from contextlib import closing, redirect_stderr, redirect_stdout

import pytest
from study_world import small_study

from rmt_alpha._core.machine.code import code_here, signature
from rmt_alpha.cli import main
from rmt_alpha.errors import RecordError
from rmt_alpha.experiments.study import run as run_module
from rmt_alpha.experiments.study.run import plan, run_study
from rmt_alpha.experiments.study.tasks import find_study


@pytest.fixture(autouse=True)
def world(monkeypatch):
    run_module._prepared.cache_clear()
    yield small_study(monkeypatch)
    run_module._prepared.cache_clear()


OPTIONS = ("study", "amazon", "--quick", "--pairs", "a->b", "--n", "20", "--out")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder of a study that the command has finished, and what it said; copied by who changes it."""
    folder, out, err = tmp_path_factory.mktemp("finished"), io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        small_study(patch)
        assert main([*OPTIONS, str(folder)]) == 0
    return folder, out.getvalue(), err.getvalue()


def test_a_plan_has_every_split_once():
    blocks = plan("amazon", splits=15, baselines=3)
    for part, count in (("choices", 15), ("baselines", 3)):
        found = [
            (b.pair, b.n, b.protocol, b.seed, i)
            for b in blocks
            if b.part == part
            for i in range(b.start, b.start + b.splits)
        ]
        assert len(found) == len(set(found)) == 2 * 2 * 2 * 3 * count


@pytest.fixture(scope="module")
def some():
    """Four blocks, and what they hold."""
    with pytest.MonkeyPatch.context() as patch:
        small_study(patch)
        blocks = plan("amazon", pairs=["a->b"], splits=1, baselines=1, logistic=0, seeds=(1,), sizes=(20,))
        return blocks, run_study(blocks, None, progress=False)


def test_an_interrupted_study_goes_on(tmp_path, monkeypatch, some):
    blocks, whole = some
    computed: list = []
    original = run_module.compute

    def watched(block, data):
        if len(computed) == 3:
            raise KeyboardInterrupt
        computed.append(block)
        return original(block, data)

    monkeypatch.setattr(run_module, "compute", watched)
    record = tmp_path / "record.sqlite"
    with pytest.raises(KeyboardInterrupt):
        run_study(blocks, record, progress=False)
    done = list(computed)
    computed.clear()
    monkeypatch.setattr(
        run_module, "compute", lambda block, data: (computed.append(block), original(block, data))[1]
    )
    again = run_study(blocks, record, progress=False)
    assert len(done) == 3
    assert not set(done) & set(computed)
    assert again == whole
    computed.clear()
    assert run_study(blocks, record, progress=False) == whole
    assert not computed


def test_a_cluster_gives_the_same_and_the_record_says_where(tmp_path, some):
    """Workers in threads of this process, which have its small world too."""
    distributed = pytest.importorskip("distributed")
    blocks, whole = some
    record = tmp_path / "record.sqlite"
    with distributed.LocalCluster(n_workers=1, processes=False, dashboard_address=":0") as cluster:
        assert run_study(blocks, record, scheduler=cluster.scheduler_address) == whole
    db = sqlite3.connect(record)
    with closing(db):
        places = db.execute("SELECT place, count(*) FROM work").fetchall()
        versions = db.execute("SELECT DISTINCT version FROM blocks").fetchall()
    assert places == [(places[0][0], len(blocks))]
    assert places[0][0].startswith("inproc://")
    assert versions == [(signature(code_here()),)]


def test_a_block_does_not_depend_on_those_before_it():
    (first,) = plan(
        "amazon", splits=1, seeds=(5,), sizes=(20,), pairs=["a->b"],
        protocols=["paper"], baselines=0, logistic=0,
    )  # fmt: skip
    late, long = first._replace(start=2), first._replace(splits=3)
    assert run_module.compute(late, None)[1] == run_module.compute(long, None)[1][2:]


def test_a_file_of_something_else_is_refused(tmp_path):
    (tmp_path / "text").write_text("not a database, and long enough to be sure about that")
    with pytest.raises(RecordError, match="is no record of a study"):
        run_study([], tmp_path / "text")


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE blocks SET content = replace(content, '0.', '0.9') WHERE position = 2",
        "UPDATE blocks SET parameters = replace(parameters, 'seed', 'sEEd') WHERE position = 2",
    ],
)
def test_altered_results_are_refused_and_left_alone(tmp_path, capsys, finished, change):
    shutil.copytree(finished[0], tmp_path, dirs_exist_ok=True)
    options = [*OPTIONS, str(tmp_path)]
    record = tmp_path / "amazon.sqlite"
    db = sqlite3.connect(record)
    db.execute(change)
    db.commit()
    db.close()
    before = record.read_bytes()
    capsys.readouterr()
    for more in ([], ["--report"]):
        assert main([*options, *more]) == 2
        assert "amazon.sqlite is damaged" in capsys.readouterr().err
    assert record.read_bytes() == before


def test_too_many_samples():
    (block,) = plan(
        "amazon", splits=1, seeds=(1,), sizes=(160,), pairs=["a->b"],
        protocols=["paper"], baselines=0, logistic=0,
    )  # fmt: skip
    with pytest.raises(ValueError, match="n must be below the 160 rows of b"):
        run_module.compute(block, None)


def test_unknown_study():
    with pytest.raises(ValueError, match="study must be one of 'amazon'"):
        find_study("imagenet")


def test_the_command(tmp_path, finished):
    folder, out, err = finished
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    options = [*OPTIONS, str(tmp_path)]
    assert "bars passed; wrote" in out
    assert "blocks of at most 10 splits" in err
    names = {path.name for path in tmp_path.iterdir()}
    tables = {f"amazon_{name}.csv" for name in ("summary", "pairs", "paper", "inductive")}
    assert names == {"amazon.sqlite", "amazon.png", "amazon_bars.txt", *tables}
    assert (tmp_path / "amazon_bars.txt").read_text() in out
    with closing(sqlite3.connect(tmp_path / "amazon.sqlite")) as db:
        assert db.execute("SELECT count(*) FROM blocks").fetchone() == (6,)
    before = (tmp_path / "amazon_summary.csv").read_bytes()
    assert main([*options, "--report"]) == 0
    assert (tmp_path / "amazon_summary.csv").read_bytes() == before
    # Two Gaussian domains do not reach the accuracies of the Amazon reviews.
    assert main([*options, "--report", "--check"]) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--pairs", "a->c"], "--pairs must be among a->b, b->a; got a->c"),
        (["--splits", "0"], "--splits must be at least 1"),
        (["--report"], "there is no record of a study"),
        (["--model", "nowhere"], "model must be a folder"),
    ],
)
def test_bad_options(tmp_path, capsys, options, message):
    assert main(["study", "amazon", "--out", str(tmp_path), *options]) == 2
    assert message in capsys.readouterr().err


def test_an_interrupted_command_says_how_to_go_on(tmp_path, monkeypatch, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("rmt_alpha.experiments.study.run.run_study", interrupted)
    words = ["study", "amazon", "--n", "20", "40", "--quick", "--jobs", "2", "--out", str(tmp_path)]
    assert main(words) == 130
    assert capsys.readouterr().err.splitlines()[-1] == (
        f"  rmt-alpha study amazon --out {tmp_path} --jobs 2 --n 20 40 --quick"
    )
