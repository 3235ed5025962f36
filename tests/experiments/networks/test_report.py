"""The report: means, errors and paired tests against an independent judge."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from rmt_alpha.experiments.networks.results.report import TITLES, percent, report, summarise, table, verdicts
from rmt_alpha.experiments.networks.results.runs import RunKey, RunRecord


def filled(tmp_path, accuracies, size=100):
    """A record with these dev accuracies by method, seeds 1, 2, ..."""
    record = RunRecord(tmp_path / "runs.sqlite")
    for method, values in accuracies.items():
        for seed, value in enumerate(values, start=1):
            if value is not None:
                key = RunKey("s", "sst2", size, method, 1e-3, seed)
                record.add_run(key, {"dev": value, "validation": value, "trainable": 7})
    return record


RNG = np.random.default_rng(5)
LORA = (0.8 + 0.02 * RNG.standard_normal(6)).tolist()
BETTER = (np.array(LORA) + 0.01 + 0.002 * RNG.standard_normal(6)).tolist()
WORSE = (np.array(LORA) - 0.01 + 0.002 * RNG.standard_normal(6)).tolist()
NOISY = (np.array(LORA) + 0.01 + 0.05 * RNG.standard_normal(6)).tolist()


def test_numbers_against_scipy(tmp_path):
    rows = {
        row.method: row
        for row in summarise(
            filled(tmp_path, {"lora": LORA, "alpha-lora": BETTER, "ia3": NOISY, "head": WORSE})
        )
    }
    assert list(rows) == ["head", "lora", "alpha-lora", "ia3"]
    for method, values in (("alpha-lora", BETTER), ("ia3", NOISY), ("head", WORSE)):
        row = rows[method]
        assert row.accuracy == pytest.approx(np.mean(values))
        assert row.accuracy_se == pytest.approx(stats.sem(values))
        assert row.against.error == pytest.approx(stats.sem(np.subtract(values, LORA)))
        assert row.against.p == pytest.approx(stats.ttest_rel(values, LORA).pvalue)
        # The test must be a paired one: seeds share their rows.
        assert row.against.p != pytest.approx(stats.ttest_ind(values, LORA).pvalue, rel=0.05)
    assert [rows[m].against.verdict for m in ("alpha-lora", "ia3", "head", "lora")] == [
        "wins",
        "ties",
        "loses",
        "",
    ]


def test_runs_with_a_rate_that_later_tuning_does_not_choose_do_not_count(tmp_path):
    record = filled(tmp_path, {"lora": LORA, "alpha-lora": BETTER})

    def tune(method, rate, size, validation):
        key = RunKey("s", "sst2", size, method, rate, 0)
        record.add_run(key, {"tuning": True, "validation": validation, "validation_loss": 0.5})

    for rate, validation in ((1e-3, 0.82), (1e-2, 0.81)):
        tune("lora", rate, 100, validation)
    assert len(summarise(record)) == 2
    tune("lora", 1e-3, 400, 0.70)
    tune("lora", 1e-2, 400, 0.80)  # now the best on average
    assert [row.method for row in summarise(record)] == ["alpha-lora"]
    record.add_run(RunKey("s", "sst2", 100, "lora", 1e-2, 1), {"dev": 0.9, "validation": 0.9, "trainable": 7})
    (row,) = [row for row in summarise(record) if row.method == "lora"]
    assert (row.rate, row.accuracy, row.seeds) == (1e-2, 0.9, (1,))


def test_only_common_seeds_are_paired(tmp_path):
    values = [None, *BETTER[1:4], None, 0.1]
    (row,) = [
        r for r in summarise(filled(tmp_path, {"lora": LORA[:5], "alpha-lora": values})) if r.method != "lora"
    ]
    assert (row.against.pairs, len(row.seeds)) == (3, 4)
    assert row.against.p == pytest.approx(stats.ttest_rel(BETTER[1:4], LORA[1:4]).pvalue)


def test_too_few_seeds_are_not_judged(tmp_path):
    record = filled(tmp_path, {"lora": [0.8], "alpha-lora": [0.9]})
    assert [row.against.verdict for row in summarise(record)] == ["", ""]
    assert "nan" not in report(record)
    assert verdicts(record) == []


def test_tuning_runs_are_not_reported(tmp_path):
    record = filled(tmp_path, {"lora": LORA})
    record.add_run(
        RunKey("s", "sst2", 400, "lora", 1e-3, 0), {"tuning": True, "validation": 0.9, "validation_loss": 0.5}
    )
    assert [row.size for row in summarise(record)] == [100]


def test_the_text_says_who_wins(tmp_path):
    text = report(filled(tmp_path, {"lora": LORA, "alpha-lora": BETTER, "alpha-lora-paper": WORSE}))
    assert "\nalpha-LoRA, held-out against LoRA: wins on sst2 100 (+" in text
    assert "\nalpha-LoRA, paper mode against LoRA: loses on sst2 100 (-" in text


def test_alpha_is_also_compared_with_its_control(tmp_path):
    record = filled(tmp_path, {"lora": WORSE, "alpha-lora": BETTER, "lora-fewer-rows": BETTER[:4]})
    against_lora, against_control = verdicts(record)
    assert against_lora.startswith("alpha-LoRA, held-out against LoRA: wins")
    assert against_control == (
        "alpha-LoRA, held-out against LoRA, without alpha's rows: "
        "ties on sst2 100 (+0.0 ± 0.0, p = 1, 4 seeds)"
    )


def test_a_line_of_the_table(tmp_path):
    lines = table(summarise(filled(tmp_path, {"lora": LORA}))).splitlines()
    assert (
        lines[2] == f"| sst2 | 100 | LoRA | 0.001 | 6 | {percent(np.mean(LORA), stats.sem(LORA))} |  |  |  |"
    )


def test_titles_are_those_of_the_methods():
    methods = pytest.importorskip("rmt_alpha.experiments.networks.training.methods", exc_type=ImportError)
    assert set(TITLES) == set(methods.METHOD_NAMES)
