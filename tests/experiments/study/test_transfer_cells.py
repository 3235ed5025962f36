"""`run_cells`: candidates beside a record, verdicts by hand, files and the command."""

from __future__ import annotations

import csv
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import RidgeClassifierCV
from transfer_world import REAL, THREE, TWO, small_families

import rmt_alpha
from rmt_alpha.cli import main
from rmt_alpha.experiments.study.transfers import cells as cells_module
from rmt_alpha.experiments.study.transfers import families, gift, hindsight, ours, verdicts
from rmt_alpha.experiments.study.transfers.cell_report import report, tables, verdict
from rmt_alpha.experiments.study.transfers.cells import run_cells
from rmt_alpha.experiments.study.transfers.draws import DEVELOPMENT_SEEDS, Draw
from rmt_alpha.experiments.study.transfers.families import prepared
from rmt_alpha.experiments.study.transfers.hindsight import BOUNDS
from rmt_alpha.experiments.study.transfers.ours import DEFAULT, intercept_rules, method_names
from rmt_alpha.experiments.study.transfers.peers import BASELINES
from rmt_alpha.experiments.study.transfers.verdicts import Scores
from rmt_alpha.from_data.decomposition.design import Design
from rmt_alpha.from_data.decomposition.rules import Rule
from rmt_alpha.from_data.decomposition.samples import Samples

SEEDS = DEVELOPMENT_SEEDS[:3]


@pytest.fixture(autouse=True)
def world(monkeypatch):
    found = small_families(monkeypatch)
    monkeypatch.setattr(cells_module, "FAMILIES", found)
    yield found
    prepared.cache_clear()


@pytest.fixture
def asked(monkeypatch):
    """The methods that are computed, each time."""
    found: list[str] = []
    original = ours.score

    def watched(draw, name, candidates):
        found.append(name)
        return original(draw, name, candidates)

    monkeypatch.setattr(cells_module, "score", watched)
    return found


@pytest.mark.parametrize("name", [TWO, THREE, REAL])
def test_every_method_is_run_and_the_default_is_the_estimator(name, world):
    seeds = SEEDS[: 2 if name == TWO else 1]
    scores = run_cells([name], [20], seeds, logistic=1)
    kind = world[name].kind
    found = scores.values[name, 20]
    expected = set(method_names(kind, logistic=True))
    assert set(found) == expected
    for method in expected - {"alpha_logistic"}:
        assert list(found[method]) == list(seeds)
    draw = Draw.at(world[name], prepared(name, None), 20, seeds[-1])
    if kind != "regression":
        assert list(found["alpha_logistic"]) == list(SEEDS[:1])
        given: dict[str, dict[str, Any]] = {
            DEFAULT: {},
            "alpha_1_tuned": {"alpha": 1.0},
            "evidence": {"criterion": "evidence"},
            "intercept_false": {"fit_intercept": False},
        }
        for method, options in given.items():
            model = rmt_alpha.AlphaRidgeClassifierCV(**options, coef_source=draw.data.model)
            model.fit(draw.train, draw.labels)
            assert found[method][seeds[-1]] == pytest.approx(100 * model.score(draw.test, draw.test_labels))


def test_a_gift_chooses_among_the_fits_and_never_scores_its_own_rows(world, monkeypatch):
    draw = Draw.at(world[TWO], prepared(TWO, None), 10, SEEDS[0])
    monkeypatch.setattr(gift, "LEFT", 10)
    every = gift._Coarse(coef_source=draw.data.model).fit(draw.train, draw.labels)
    # The last ridge is infinite, and what grows with alpha there is the source.
    last = hindsight.pair_scores(every.pairs_[-1], draw.test)[1][:, 0]
    assert np.array_equal(last > 0, draw.data.model.decision_function(draw.test) > 0)
    # Labels of the gift that are random choose at random, and are not scored.
    rng, positive = np.random.default_rng(0), draw.test_labels == every.classes_[1]
    pairs = np.array([hindsight.pair_scores(pair, draw.test) for pair in every.pairs_])[..., 0]
    rows, told = slice(0, 20), positive.copy()
    told[rows] = rng.permuted(told[rows])
    honest, misled = (gift._after(pairs, labels, rows) for labels in (positive, told))
    assert misled != honest
    assert honest["average"] > 0.6
    everywhere = gift._after(np.zeros_like(pairs), positive, rows)
    assert everywhere["average"] == pytest.approx(1 - positive[20:].mean())  # nothing is above 0


def test_gifts_of_the_study(world, monkeypatch):
    monkeypatch.setattr(gift, "LEFT", 10)
    found = run_cells([TWO], [10], SEEDS[:1], ["source"], hindsight=True).values[TWO, 10]
    assert {f"gift_{way}{size}" for way in gift.WAYS for size in ("", "_2n", "_4n")} <= set(found)
    # Of 70 rows 60 test, and with 20 samples four times as many are not left: no score, which is no zero.
    more = run_cells([TWO], [20], SEEDS[:1], ["source"], hindsight=True).values[TWO, 20]
    assert "gift_average_4n" not in more
    few = run_cells([THREE], [20], SEEDS[:1], ["source"], hindsight=True).values[THREE, 20]
    assert not any(name.startswith("gift_") for name in few)
    with pytest.raises(ValueError, match="family must have two classes, got three"):
        ours.score(Draw.at(world[THREE], prepared(THREE, None), 20, 1), "gift_average")


@pytest.mark.parametrize("name", [TWO, THREE])
def test_in_hindsight_nothing_is_better(name, world):
    scores = run_cells([name], [20], SEEDS, ["source", "alpha_0_tuned"], hindsight=True)
    found = {method: scores.of((name, 20), method) for method in scores.methods()}
    assert set(found) == {"source", "alpha_0_tuned", *BOUNDS}
    assert (found["hindsight"] >= found["source"]).all()  # the source is among the choices
    assert found["hindsight"].mean() > found["hindsight_halves"].mean()
    assert set(run_cells([REAL], [20], SEEDS[:1], ["source"], hindsight=True).methods()) == {"source"}


@pytest.mark.parametrize("name", [TWO, THREE])
def test_choices_of_hindsight_are_fits_of_the_estimator(name, world):
    draw = Draw.at(world[name], prepared(name, None), 20, SEEDS[0])
    every = hindsight.EveryChoice(coef_source=draw.data.model).fit(draw.train, draw.labels)
    rules: list[tuple[float | None, Any]] = [(0.0, True), (None, False), (10.0, "shrunk")]
    for k0, intercept in rules:
        rule = hindsight.RULES.index(Rule(k0, True))
        size = len(every.pairs_) // len(hindsight.RULES)
        design = Design.of(Samples.of(draw.train), hindsight.RULES[rule])
        (base, low), (growth, high) = every.pairs_[rule * size + 5]
        model = rmt_alpha.AlphaRidgeClassifier(
            every._ridges(design)[5], 0.7, draw.data.model, fit_intercept=intercept, units="standard"
        ).fit(draw.train, draw.labels)
        assert model.coef_ == pytest.approx(base + 0.7 * growth, abs=1e-10)
        assert model.intercept_ == pytest.approx(low + 0.7 * high, abs=1e-10)


def test_a_record_keeps_what_it_has(tmp_path, asked):
    record = tmp_path / "record.sqlite"
    plan: dict[str, Any] = {
        "families": [TWO],
        "sizes": [10],
        "seeds": SEEDS,
        "methods": [DEFAULT, "source", "adapt"],
    }
    first = run_cells(**plan, record=record)
    assert len(asked) == 9
    asked.clear()
    candidates = {"same": rmt_alpha.AlphaRidgeClassifierCV(), "ridge": ridge_alone}
    second = run_cells(**plan, record=record, candidates=candidates)
    assert sorted(asked) == sorted([*candidates] * 3)
    assert second.values[TWO, 10]["same"] == first.values[TWO, 10][DEFAULT]
    assert second.values[TWO, 10]["adapt"] == first.values[TWO, 10]["adapt"]
    asked.clear()
    run_cells(**plan, record=record, again=True)
    assert asked == [DEFAULT] * 3
    asked.clear()
    third = run_cells(**plan, record=record, compute=False)
    assert asked == []
    assert third.values == first.values


def test_uncertain_cells_get_more_draws(tmp_path, asked):
    record = tmp_path / "record.sqlite"
    plan: dict[str, Any] = {
        "families": [TWO],
        "sizes": [10, 20],
        "seeds": SEEDS,
        "methods": [DEFAULT, "source"],
        "record": record,
    }
    few = run_cells(**plan)
    errors = {cell: few.gain(cell).error for cell in few.cells()}
    low, high = sorted(errors, key=lambda cell: errors[cell])
    assert errors[low] < errors[high]
    between = (errors[low] + errors[high]) / 2
    further = range(100, 140)
    asked.clear()
    more = run_cells(**plan, further=further, precision=between)
    assert more.of(low, DEFAULT).tolist() == few.of(low, DEFAULT).tolist()
    draws = len(more.of(high, DEFAULT))
    assert draws >= math.ceil(len(SEEDS) * (errors[high] / between) ** 2)
    assert len(asked) == 2 * (draws - len(SEEDS))
    assert more.gain(high).error <= between or draws == len(SEEDS) + len(further)
    assert set(more.values[high][DEFAULT]) == {*SEEDS, *further[: draws - len(SEEDS)]}
    asked.clear()
    again = run_cells(**plan, further=further, precision=between, compute=False)
    assert (again.values, asked) == (more.values, [])
    all_of_them = run_cells(**plan, further=further[:2], precision=1e-6)
    assert {len(all_of_them.of(cell, DEFAULT)) for cell in all_of_them.cells()} == {len(SEEDS) + 2}
    for wrong in (0.0, -1.0, math.nan):
        with pytest.raises(ValueError, match="precision must be positive"):
            run_cells(**plan, precision=wrong)


def ridge_alone(draw):
    return RidgeClassifierCV(np.logspace(-3, 5, 17)).fit(draw.train, draw.labels).predict(draw.test)


def test_a_function_is_a_candidate():
    scores = run_cells([TWO], [10], SEEDS, ["ridge_target"], candidates={"mine": ridge_alone})
    assert scores.values[TWO, 10]["mine"] == scores.values[TWO, 10]["ridge_target"]
    with pytest.raises(ValueError, match="methods must be one of"):
        run_cells([TWO], [10], SEEDS, ["perceptron"])
    with pytest.raises(ValueError, match="family must be one of"):
        run_cells(["imagenet"], [10], SEEDS)


def test_an_interrupted_run_goes_on(tmp_path, monkeypatch, asked):
    record = tmp_path / "record.sqlite"
    plan: dict[str, Any] = {"families": [TWO], "sizes": [10, 20, 30], "seeds": SEEDS, "methods": ["source"]}
    whole = run_cells(**plan)
    original, calls = cells_module._compute, []

    def stopped(*arguments, **named):
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return original(*arguments, **named)

    monkeypatch.setattr(cells_module, "_compute", stopped)
    with pytest.raises(KeyboardInterrupt):
        run_cells(**plan, record=record)
    monkeypatch.setattr(cells_module, "_compute", original)
    asked.clear()
    assert run_cells(**plan, record=record).values == whole.values
    assert len(asked) == 3


def test_families_without_their_encoder_are_left_out(world, monkeypatch):
    world["embedded"] = replace(world[TWO], name="embedded", needs_encoder=True)
    for there in (None, "folder"):
        monkeypatch.setattr(families, "find_encoder", lambda there=there: there)
        assert ("embedded" in cells_module.available_families()) == (there is not None)


def test_a_target_too_small_has_no_cell():
    scores = run_cells([TWO], [35, 36], SEEDS[:1], ["source"])  # of 70 rows
    assert list(scores.values) == [(TWO, 35)]


def test_intercepts_are_those_of_the_estimators():
    assert set(intercept_rules()) >= {True, False, "shrunk"}
    for rule in intercept_rules():
        named = f"intercept_{rule}".lower() in method_names("two classes")
        assert named == (rule != "auto")  # that one is the default


# --- Verdicts -----------------------------------------------------------------------------------------------


def made(**cells) -> Scores:
    """From lists of fractions: family=(n, {method: scores})."""
    return Scores.gather(
        (family, n, seed, method, value)
        for family, (n, methods) in cells.items()
        for method, values in methods.items()
        for seed, value in enumerate(values)
    )


def test_the_better_baseline_is_that_of_the_larger_mean():
    scores = made(
        two=(10, {DEFAULT: [0.7, 0.8], "source": [0.5, 0.7], "ridge_target": [0.4, 0.9], "adapt": [0.9, 0.9]})
    )
    gain = scores.gain((TWO, 10))
    assert gain.better == "ridge_target"
    assert gain.mean == pytest.approx((30 - 10) / 2)
    assert gain.error == pytest.approx(20)  # half the difference of the two, 30 and -10
    assert scores.difference((TWO, 10), DEFAULT, "adapt")[0] == pytest.approx(-15)


@pytest.mark.parametrize(
    ("losses", "fails"), [([1.1, 1.3, 1.2], True), ([0.9, 0.9, 0.9], False), ([0.0, 4.0, 2.0], False)]
)
def test_a_cell_fails_beyond_one_point_and_two_errors(losses, fails):
    # errors .058, 0 and 1.15: -1.2 is below -1.115, -.9 is not below -1, -2 is not below -3.3
    default = [0.8 - loss / 100 for loss in losses]
    scores = made(two=(10, {DEFAULT: default, "source": [0.8] * 3}))
    assert scores.gain((TWO, 10)).fails == fails
    (share, _, mean) = scores.bars()
    assert share.passed != fails
    assert mean.found == pytest.approx(-np.mean(losses))
    assert not mean.passed


def test_bars_and_text():
    scores = made(
        two=(10, {DEFAULT: [0.82, 0.84], "source": [0.8, 0.8]}),
        three=(20, {DEFAULT: [0.70, 0.72], "source": [0.75, 0.75]}),
        real=(20, {DEFAULT: [0.5, 0.5], "ridge_target": [0.5, 0.4]}),
    )
    bars: dict[str, list] = {bar.text.split(":")[0]: [] for bar in scores.bars()}
    for bar in scores.bars():
        bars[bar.text.split(":")[0]].append((round(bar.found, 6), bar.passed))
    assert bars == {
        "classes": [(50.0, False), (-4.0, False)],
        "regression": [(100.0, True), (5.0, True)],
        "two classes": [(3.0, True)],
        "many classes": [(-4.0, False)],
    }
    assert "below  three, n = 20: -4.00 +- 1.00 (source)" in scores.text()
    assert "minus ridge_target      +5.00 +- 5.00" in scores.text()
    found = scores.average([(TWO, 10), (THREE, 20)], DEFAULT)
    assert found == pytest.approx((-0.5, np.hypot(1, 1) / 2))


def test_wins_and_losses():
    assert [verdict(*pair) for pair in ((3, 1), (2, 1), (-3, 1), (5, np.nan))] == [
        "win",
        "tie",
        "loss",
        "tie",
    ]


def test_tables_agree_with_each_other(tmp_path):
    scores = run_cells([TWO, THREE, REAL], [10, 20], SEEDS[:2], ["default", *ours.FIXED, *BASELINES])
    found = tables(scores)
    header, rows = found["cells"]
    assert [tuple(row[:3]) for row in rows] == [
        (name, kind, n)
        for name, kind in ((TWO, "two classes"), (THREE, "many classes"), (REAL, "regression"))
        for n in (10, 20)
    ]
    means = {
        (row[0], row[1]): dict(zip(found["methods"][0], row, strict=True)) for row in found["methods"][1]
    }
    for row in (dict(zip(header, row, strict=True)) for row in rows):
        mine = means[row["family"], row["n"]]
        assert float(row["gain"]) == pytest.approx(
            float(mine[DEFAULT]) - float(mine[row["better"]]), abs=0.011
        )
        for name in ours.FIXED:
            gap = float(mine[DEFAULT]) - float(mine[name])
            assert float(row[f"minus_{name}"]) == pytest.approx(gap, abs=0.011)
    for kind, n, name, score, *_, count in found["summary"][1]:
        if n != "all" and name != "better":
            assert count == 1
            here = means[{"two classes": TWO, "many classes": THREE, "regression": REAL}[kind], n]
            every = [float(value) for method, value in here.items() if method in scores.methods() and value]
            assert float(score) == (max(every) if name == "best" else float(here[name]))
    names = [row[0] for row in found["overview"][1]]
    assert names[:2] == ["the better of source and target alone", "the best of all, by the test rows"]
    assert len(names) == len(scores.methods()) + 1
    files, bars = report(scores, tmp_path)
    assert {file.name for file in files} == {
        *(f"transfers_{name}.csv" for name in found), "transfers.png", "transfers_bars.txt",
    }  # fmt: skip
    assert len((tmp_path / "transfers_bars.txt").read_text().splitlines()) == len(bars) == 6


def test_nothing_to_report(tmp_path):
    with pytest.raises(ValueError, match="no cell with the default and a baseline"):
        report(made(two=(10, {DEFAULT: [0.5]})), tmp_path)


def test_the_command(tmp_path, capsys):
    options = ["study", "transfers", "--out", str(tmp_path), "--pairs", TWO, "--n", "10", "--quick"]
    assert main(options) == 0
    shown = capsys.readouterr()
    assert "bars passed; wrote" in shown.out
    assert (tmp_path / "transfers_bars.txt").read_text() in shown.out
    before = (tmp_path / "transfers_cells.csv").read_bytes()
    assert main([*options, "--report"]) == 0
    assert (tmp_path / "transfers_cells.csv").read_bytes() == before
    assert main([*options, "--development"]) == 0
    with (tmp_path / "transfers_development_cells.csv").open(newline="") as stream:
        assert [row["family"] for row in csv.DictReader(stream)] == [TWO]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["transfers", "--protocol", "paper"], "--protocol is not for the study transfers"),
        (["transfers", "--baselines", "0"], "--baselines is not for the study transfers"),
        (["amazon", "--precision", "1"], "--precision is not for the study amazon"),
        (["amazon", "--again"], "--again is not for the study amazon"),
        (["transfers", "--pairs", "a->b"], "--pairs must be among two, wide"),
        (["transfers", "--report"], "there is no record of a study"),
    ],
)
def test_bad_options(tmp_path, capsys, options, message):
    assert main(["study", "--out", str(tmp_path), *options]) == 2
    assert message in capsys.readouterr().err


def test_bars_have_the_numbers_that_were_asked_for():
    assert (verdicts.BELOW, verdicts.WORST, verdicts.SHARE, verdicts.ABOVE) == (1.0, 3.0, 0.97, 1.0)
