"""The verb ``fit``: what it prints is what the estimator says."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from small_samples import draw

from rmt_alpha import AlphaRidgeClassifierCV, AlphaRidgeCV
from rmt_alpha.cli import main
from rmt_alpha.from_data.criteria import DEFAULT


@pytest.fixture
def sample():
    return draw("n < p")


@pytest.fixture
def npz(tmp_path, sample):
    file = tmp_path / "target.npz"
    np.savez(file, X=sample.X, y=sample.y, coef_source=sample.source, intercept_source=sample.bias)
    return file


def write_csv(file, header, rows):
    with file.open("w", newline="") as lines:
        csv.writer(lines).writerows([header, *rows])


KINDS = {
    (): {},
    ("--intercept", "none", "--units", "raw"): {"fit_intercept": False, "units": "raw"},
    ("--intercept", "free", "--units", "standard"): {"fit_intercept": True, "units": "standard"},
}


@pytest.mark.parametrize("options", KINDS)
def test_numbers_are_those_of_the_estimator(npz, sample, capsys, options):
    assert main(["fit", str(npz), "--json", *options]) == 0
    found = json.loads(capsys.readouterr().out)
    kind = {"coef_source": sample.source, "intercept_source": sample.bias}

    def fit(**kinds):
        return AlphaRidgeClassifierCV(**kind, **{**KINDS[options], **kinds}).fit(sample.X, sample.y)

    model = fit()
    expected = {"alpha": model.alpha_, "alpha_stderr": model.alpha_stderr_, "gamma": model.gamma_}
    assert {name: float(found[name]) for name in expected} == pytest.approx(expected)
    unit = found["alpha_unit"]
    for alpha, name in (
        ("auto", ""), (0.0, "_alpha_0"), (1.0, "_alpha_1"), (unit, "_alpha_unit"),
    ):  # fmt: skip
        right = (fit(alpha=alpha).loo_decision_function_ > 0) == (sample.y > 0)
        assert found[f"loo_accuracy{name}"] == pytest.approx(right.mean())
    assert [rule["share"] for rule in found["rules"]] == pytest.approx([r["share"] for r in model.rules_])
    rule = "shrunk" if model.fit_intercept == "auto" else model.fit_intercept
    one = fit(fit_intercept=rule, units="raw")
    assert found["one_rule"]["rule"] == one.rules_[0]["rule"]
    assert float(found["one_rule"]["alpha"]) == pytest.approx(one.alpha_)
    assert found["one_rule"]["loo_accuracy"] == pytest.approx(
        ((one.loo_decision_function_ > 0) == (sample.y > 0)).mean()
    )
    source = (sample.X @ sample.source + sample.bias > 0) == (sample.y > 0)
    assert found["loo_accuracy_source_only"] == pytest.approx(source.mean())


def test_regression(tmp_path, sample, capsys):
    rng = np.random.default_rng(0)
    y = sample.X @ sample.source * 2 + rng.standard_normal(len(sample.y)) + 1
    names = [f"f{i}" for i in range(40)]
    target, source, out = (tmp_path / name for name in ("target.csv", "source.csv", "tuned.npz"))
    write_csv(target, ["price", *names], [[one, *row] for one, row in zip(y, sample.X, strict=True)])
    write_csv(source, names, [sample.source])
    arguments = ["fit", str(target), "--source", str(source), "--label", "price", "--regression"]
    assert main([*arguments, "--intercept", "free", "--out", str(out), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    kind = {"coef_source": sample.source, "fit_intercept": True}
    fits = {
        "loo_r2": AlphaRidgeCV(**kind),
        "loo_r2_alpha_0": AlphaRidgeCV(alpha=0.0, **kind),
        "loo_r2_alpha_1": AlphaRidgeCV(alpha=1.0, **kind),
    }
    for name, model in fits.items():
        missed = y - model.fit(sample.X, y).loo_prediction_
        assert found[name] == pytest.approx(1 - missed @ missed / np.square(y - y.mean()).sum()), name
    model = fits["loo_r2"]
    assert found["alpha"] == pytest.approx(model.alpha_)
    assert float(found["gamma"]) == pytest.approx(model.gamma_)
    with np.load(out) as arrays:
        assert arrays["coef"] == pytest.approx(model.coef_)
    assert main(arguments) == 0
    assert "R2, leave-one-out" in capsys.readouterr().out
    write_csv(target, ["price", *names], [["dear", *row] for row in sample.X])
    for more, words in (([], "needs numbers in y"), (["--plot", "path.png"], "--plot draws")):
        assert main([*arguments, *more]) != 0
        assert words in capsys.readouterr().err


def test_model_and_picture_are_written(npz, tmp_path, sample, capsys):
    model, picture = tmp_path / "tuned.npz", tmp_path / "path.png"
    assert main(["fit", str(npz), "--gamma", "0.5", "--out", str(model), "--plot", str(picture)]) == 0
    text = capsys.readouterr().out
    assert "gamma" in text
    assert "+-" in text
    assert "random matrix theory" in text
    fitted = AlphaRidgeClassifierCV([0.5], DEFAULT, sample.source, sample.bias).fit(sample.X, sample.y)
    with np.load(model) as arrays:
        assert arrays["coef"] == pytest.approx(fitted.coef_)
        assert arrays["classes"].tolist() == [-1, 1]
        assert arrays["alpha"] == pytest.approx(fitted.alpha_)
    assert picture.stat().st_size > 10_000


def test_tables(tmp_path, sample, capsys):
    names = [f"f{i}" for i in range(40)]
    labels = np.where(sample.y > 0, "yes", "no")
    target, source = tmp_path / "target.csv", tmp_path / "source.csv"
    write_csv(
        target, ["answer", *names], [[label, *row] for label, row in zip(labels, sample.X, strict=True)]
    )
    write_csv(source, [*names[::-1], "intercept"], [[*sample.source[::-1], 0.2]])
    arguments = ["fit", str(target), "--source", str(source), "--label", "answer", "--json", "--alpha", "1"]
    assert main(arguments) == 0
    found = json.loads(capsys.readouterr().out)
    model = AlphaRidgeClassifierCV(coef_source=sample.source, intercept_source=0.2, alpha=1.0).fit(
        sample.X, sample.y
    )
    assert found["gamma"] == pytest.approx(model.gamma_)
    assert found["alpha"] == 1


def test_three_classes(tmp_path, capsys):
    rng = np.random.default_rng(0)
    file = tmp_path / "three.npz"
    np.savez(
        file, X=rng.standard_normal((30, 4)), y=np.arange(30) % 3, coef_source=rng.standard_normal((3, 4))
    )
    assert main(["fit", str(file)]) == 0
    shown = capsys.readouterr().out
    assert "3 classes" in shown
    assert "the discriminant of what is trained" in shown
    assert main(["fit", str(file), "--intercept", "none"]) == 0
    assert "the discriminant" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "y,a\n1,2\n",
            "source.csv must hold one row with a weight for every feature of target.csv; it lacks 'a'",
        ),
        ("label,b\n1,2\n", "target.csv has no column 'y'"),
        ("y,b\n", "target.csv holds no rows"),
        ("y,b\n1,two\n", "target.csv, line 2: b must be a number, got 'two'"),
    ],
)
def test_bad_tables(tmp_path, capsys, content, message):
    target, source = tmp_path / "target.csv", tmp_path / "source.csv"
    target.write_text(content)
    source.write_text("b\n1\n")
    assert main(["fit", str(target), "--source", str(source)]) == 2
    assert message in capsys.readouterr().err


def test_bad_files(tmp_path, capsys, npz):
    lacking = tmp_path / "lacking.npz"
    np.savez(lacking, X=np.ones((3, 2)))
    for arguments, message in (
        ([str(lacking)], "lacking.npz has no array 'y', 'coef_source'; it has X"),
        ([str(npz), "--source", "x.csv"], "--source is for .csv files and other tables"),
        ([str(tmp_path / "a.csv")], "give the source weights"),
        ([str(tmp_path / "a.txt")], "must end in .npz, .csv"),
        ([str(tmp_path / "none.npz")], "No such file"),
        ([str(npz), "--gamma", "-1"], "must be a number > 0"),
    ):
        assert main(["fit", *arguments]) == 2
        assert message in capsys.readouterr().err


def test_sources_name_their_classes(tmp_path, capsys):
    rng = np.random.default_rng(0)
    names, rows = np.array(["a", "b", "c"]), 2 * rng.standard_normal((3, 4))
    y = names[np.arange(30) % 3]
    X = rows[np.arange(30) % 3] + rng.standard_normal((30, 4))
    model = AlphaRidgeClassifierCV(coef_source=rows, intercept_source=[0.1, 0.2, 0.3]).fit(X, y)
    file, target, source = (tmp_path / name for name in ("x.npz", "target.csv", "source.csv"))
    turned, biases = rows[[2, 0, 1]], np.array([0.3, 0.1, 0.2])
    np.savez(file, X=X, y=y, coef_source=turned, intercept_source=biases, classes_source=names[[2, 0, 1]])
    write_csv(target, ["y", *"pqrs"], [[label, *row] for label, row in zip(y, X, strict=True)])
    table = zip(names[[2, 0, 1]], biases, turned, strict=True)
    write_csv(source, ["y", "intercept", *"pqrs"], [[name, bias, *row] for name, bias, row in table])
    for arguments in ([str(file)], [str(target), "--source", str(source)]):
        assert main(["fit", *arguments, "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert float(found["alpha"]) == pytest.approx(model.alpha_)
        assert found["classes"] == 3
    source.write_text("y,p,q,r,s\na,1,2,3,4\n")
    assert main(["fit", str(target), "--source", str(source)]) == 2
    assert "one row per class, two or more, with a weight" in capsys.readouterr().err


def test_alpha_in_least_squares_units(npz, sample, capsys):
    assert main(["fit", str(npz), "--json", "--intercept", "free"]) == 0
    found = json.loads(capsys.readouterr().out)
    scores = sample.X @ sample.source
    unit = np.polyfit(scores, sample.y, 1)[0]
    assert found["alpha_unit"] == pytest.approx(unit)
    assert found["alpha_least_squares"] == pytest.approx(found["alpha"] / unit)
    assert found["alpha_1_least_squares"] == pytest.approx(1 / unit)
    # In other units of the source, alpha in least-squares units is the same.
    np.savez(npz, X=sample.X, y=sample.y, coef_source=10 * sample.source)
    assert main(["fit", str(npz), "--json", "--intercept", "free"]) == 0
    other = json.loads(capsys.readouterr().out)
    assert other["alpha_least_squares"] == pytest.approx(found["alpha_least_squares"])
    assert other["loo_accuracy_alpha_unit"] == found["loo_accuracy_alpha_unit"]
