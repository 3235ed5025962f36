"""Tables as people have them: the right numbers, or one line that says what to do."""

from __future__ import annotations

import csv
import io
import json
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmt_alpha.cli import main
from rmt_alpha.from_data.reading.row_check import CheckedRows, RowError
from rmt_alpha.from_data.reading.sample_file import read_sample
from rmt_alpha.from_data.reading.text import TextFormat

ROWS = [("0.5", "+1"), ("-0.5", "-1"), ("0.7", "+1"), ("-0.6", "-1"), ("0.9", "+1"), ("-0.8", "-1")]


@pytest.fixture
def put(tmp_path):
    """Write a target and a source; give back how to read them."""

    def write(target, source="a\n1\n", name="target.csv", encoding="utf-8", newline="\n"):
        paths = tmp_path / name, tmp_path / "source.csv"
        for path, text in zip(paths, (target, source), strict=True):
            raw = text if isinstance(text, bytes) else text.replace("\n", newline).encode(encoding)
            path.write_bytes(raw)
        return paths

    return write


def read(paths, label="y", **form):
    target, *sources = paths
    return read_sample(target, sources, label, TextFormat(**form))


def fitted(capsys, paths, *options):
    status = main(["fit", str(paths[0]), "--source", str(paths[1]), "--json", *options])
    shown = capsys.readouterr()
    return status, (json.loads(shown.out) if status == 0 else shown.err)


def refused(capsys, paths, *options):
    status, line = fitted(capsys, paths, *options)
    assert status == 2
    assert len(line.strip().splitlines()) == 1
    return line


# --- labels -----------------------------------------------------------------------------------------------


def test_signs_are_numbers(put, capsys):
    """As text "+1" comes before "-1", and the source is turned around."""
    paths = put("a,y\n" + "".join(f"{a},{y}\n" for a, y in ROWS))
    status, found = fitted(capsys, paths)
    assert status == 0
    assert found["loo_accuracy_source_only"] == 1.0
    assert read(paths).y.tolist() == [1, -1] * 3


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["10", "2"], [10, 2]),
        (["+1", "1"], [1, 1]),
        (["1.0", "2"], [1.0, 2.0]),
        (["1e1", "-3"], [10.0, -3.0]),
        (["10", "two"], ["10", "two"]),
        ([" yes", "yes "], ["yes", "yes"]),
        (["1_0", "2"], ["1_0", "2"]),  # Python's number, nobody else's
        (["inf", "2"], ["inf", "2"]),
        (["1e999", "2"], ["1e999", "2"]),
        (['"a, b"', '"c""d"'], ["a, b", 'c"d']),
        (["True", "False"], ["True", "False"]),
    ],
    ids=str,
)
def test_labels_that_look_like_numbers_are_numbers(put, texts, expected):
    found = read(put("y,a\n" + "".join(f"{text},1\n" for text in texts))).y
    assert found.tolist() == expected
    assert found.dtype.kind == ("U" if isinstance(expected[0], str) else "if"[isinstance(expected[0], float)])


def test_classes_of_a_source_are_of_the_kind_of_the_labels(put):
    sample = read(put("y,a\n2,1\n10,2\n3,1\n", "y,a\n+10,1\n2,-1\n03,0\n"))
    assert sample.classes_source is not None
    assert sample.classes_source.tolist() == [10, 2, 3]
    mixed = read(put("y,a\n2,1\n10,2\n", "y,a\nten,1\n2,-1\n"))
    assert mixed.y.tolist() == ["2", "10"]


def test_text_and_arrays_sort_labels_alike(put, tmp_path, capsys):
    X, y = np.array([[1.0], [-1.0], [2.0], [-3.0]]), np.array(["10", "2", "10", "2"])
    np.savez(tmp_path / "x.npz", X=X, y=y, coef_source=np.ones(1))
    table = "y,a\n" + "".join(f"{label},{x}\n" for label, (x,) in zip(y, X, strict=True))
    _, found = fitted(capsys, put(table))
    assert main(["fit", str(tmp_path / "x.npz"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == found
    assert found["loo_accuracy_source_only"] == 1.0


# --- shapes -----------------------------------------------------------------------------------------------

BAD = {
    "header twice": ("a,a,y\n1,2,3\n", "target.csv: columns 1 and 2 are both called 'a'"),
    "header twice, with a space": ("a, a,y\n1,2,3\n", "columns 1 and 2 are both called 'a'"),
    "long row": ("y,a,b\nneg,0,1\npos,0,7,1.2\n", "target.csv, line 3: 4 fields, but the header has 3"),
    "long row, what to do": ("y,a,b\npos,0,7,1.2\n", "give --decimal ,"),
    "longer by an empty field": ("y,a\npos,0,\n", "line 2: 3 fields"),
    "short row": ("y,a,b\nneg,0,1\n\npos,0\n", "target.csv, line 4: 2 fields, but the header has 3"),
    "short last row": ("y,a,b\nneg,0,1\npos,0", "line 3: 2 fields"),
    "empty label": ("y,a\nneg,0\n,1\n", "target.csv, line 3: y is missing, got nothing; --na ''"),
    "label NA": ("y,a\nneg,0\nNA,1\n", "line 3: y is missing, got 'NA'; --na=NA leaves out such rows"),
    "missing value": ("y,a\nneg,0\npos,\n", "target.csv, line 3: a is missing, got nothing; --na ''"),
    "missing NaN": ("y,a\nneg,0\npos,nan\n", "line 3: a is missing, got 'nan'; --na=nan"),
    "infinite": ("y,a\nneg,0\npos,-inf\n", "line 3: a must be a finite number, got '-inf'"),
    "too large": ("y,a\nneg,0\npos,1e999\n", "line 3: a must be a number that fits a float64, got '1e999'"),
    "underscore": ("y,a\nneg,0\npos,1_0\n", "line 3: a must be a number, got '1_0'"),
    "no number": ("y,a\nneg,0\npos,'1'\n", "line 3: a must be a number"),
    "unnamed column": ("y,,a\n1,2,3\n", "target.csv: column 2 has no name"),
    "no header": ("1,0.5\n2,0.7\n", "which are numbers: is there no header?"),
    "no label": ("label,a\n1,0.5\n", "target.csv has no column 'y' for the labels; name it with --label"),
    "unclosed quote": ('y,a\n"neg,0\npos,1\n', "target.csv, line 2: a quote is opened and never closed"),
    "unclosed header": ('y,"a\nneg,0\n', "target.csv, line 2: the header cannot be read"),
    "quote in a field": ('y,a\n5" pipe,0\n', "target.csv, line 2: a quote in the middle of a field"),
    "text after a quote": ('y,a\n"5"x,0\n', "target.csv, line 2: a quote in the middle of a field"),
    "long field": ("y,a\nneg,0\npos," + "7" * 200_000 + "x\n", "target.csv, line 3:"),
    "long label": ("y,a\nneg,0\n" + "q" * 200_000 + ",1\n", "target.csv, line 3:"),
    "zero byte": ("y,a\nneg,0\npos,1\0\n", "target.csv, line 3: a zero byte"),
    "empty file": ("", "target.csv is empty"),
    "only a header": ("y,a\n", "target.csv holds no rows below its header"),
    "workbook": (b"PK\x03\x04" + bytes(100), "target.csv is no text"),
    "Latin-1": ("y,a\nneg,0\ncafé,1\n".encode("latin-1"), "target.csv, line 3: byte 0xe9 is not utf-8"),
    "two delimiters": ("y;a,b\n1;2,3\n", "could be separated by commas or ';': say which with --delimiter"),
    "thousands": (
        "y;a\nneg;1,234\npos;2,500\n",
        "target.csv has 1,234, which may be thousands: say with --dec",
    ),
    "commas and points": ("y;a\nneg;1,5\npos;2.5\n", "target.csv has 1,5 beside 2.5: say with --decimal"),
    "a late decimal comma": (
        "y;a\n" + "neg;0\npos;1\n" * 60 + "pos;1,5\n",
        "line 122: a must be a number (for decimal commas give --decimal ,), got '1,5'",
    ),
}


@pytest.mark.parametrize(("text", "message"), BAD.values(), ids=BAD.keys())
def test_what_is_wrong_is_said_with_its_place(text, message, put, capsys):
    assert message in refused(capsys, put(text))


def test_faults_are_found_in_a_source_too(put, capsys):
    good = "y,a,b\n-1,0,1\n1,1,0\n-1,0,2\n1,2,0\n"
    for source, message in (
        ("a,a\n1,2\n", "source.csv: columns 1 and 2"),
        ("a,b\n1\n", "source.csv, line 2: 1 field, but the header has 2"),
        ("a,b\n1,\n", "source.csv, line 2: b is missing"),
        ("a,b\n1,x\n", "source.csv, line 2: b must be a number"),
        ("a,b,c\n1,2,3\n", "it has one for 'c' too, which target.csv lacks"),
        ("a,b\n1,2\n3,4\n", "must hold one row with a weight for every feature of target.csv; it has 2"),
        ("y,a,b\n1,1,2\n1,3,4\n", "source.csv must have one row per class, but the column 'y' has one twice"),
    ):  # fmt: skip
        assert message in refused(capsys, put(good, source))


def test_an_index_is_no_feature(put):
    """What ``DataFrame.to_csv`` writes."""
    sample = read(put(",y,a\n0,neg,5\n1,pos,6\n", ",a\n0,2\n"))
    assert sample.X.tolist() == [[5.0], [6.0]]
    assert sample.coef_source.tolist() == [2.0]


def test_a_feature_named_intercept_is_a_feature(put):
    target, source = "y,a,intercept\nneg,5,1\npos,6,1\n", "a,intercept\n2,3\n"
    sample = read(put(target, source))
    assert sample.coef_source.tolist() == [2.0, 3.0]
    assert sample.intercept_source == 0
    sample = read(put("y,a\nneg,5\npos,6\n", source))
    assert sample.coef_source.tolist() == [2.0]
    assert sample.intercept_source == 3


# --- how a text is written ----------------------------------------------------------------------------------

TABLE = "y{d}a{d}größe\nnö{d}0{p}5{d}-1{p}25e3\nja{d}7{d}1{p}5\n"
SOURCE = "a{d}größe\n1{d}2{p}5\n"


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"], ids=repr)
@pytest.mark.parametrize(
    ("delimiter", "decimal"), [(",", "."), (";", "."), (";", ","), ("\t", ","), ("|", ".")]
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_what_can_be_told_is_told(put, delimiter, decimal, encoding, newline):
    texts = (text.format(d=delimiter, p=decimal) for text in (TABLE, SOURCE))
    sample = read(put(*texts, encoding=encoding, newline=newline))
    assert sample.X.tolist() == [[0.5, -1250.0], [7.0, 1.5]]
    assert sample.y.tolist() == ["nö", "ja"]
    assert sample.coef_source.tolist() == [1.0, 2.5]


@pytest.mark.parametrize("name", ["TARGET.CSV", "t.tsv", "t.Tsv"])
def test_endings(put, name):
    assert read(put("y\ta\nneg\t1\npos\t2\n", name=name)).X.tolist() == [[1.0], [2.0]]


@pytest.mark.parametrize(
    "text", ["y,a\nneg,1\npos,2\n", "y,a\nneg,1\n\n\npos,2", '"y","a"\n"neg","1"\n"pos",2\n']
)
def test_blank_lines_and_quotes(put, text):
    assert read(put(text)).X.tolist() == [[1.0], [2.0]]
    assert read(put(text)).y.tolist() == ["neg", "pos"]


def test_options_say_what_cannot_be_told(put, capsys):
    latin = put("y,a\nnö,0\nja,1\n", encoding="latin-1")
    assert read(latin, encoding="latin-1").y.tolist() == ["nö", "ja"]
    assert read(latin, encoding="cp1252").y.tolist() == ["nö", "ja"]
    thousands = put("y;a\nneg;1,234\npos;2,500\n")
    assert read(thousands, decimal=",").X.tolist() == [[1.234], [2.5]]
    assert "(for decimal commas give --decimal ,), got '1,234'" in refused(
        capsys, thousands, "--decimal", "."
    )
    both = put("y;a,b\nneg;2\npos;3\n", "a,b\n1\n")
    assert read(both, delimiter=";").X.tolist() == [[2.0], [3.0]]
    spaced = put("y a\nneg 2\npos 3\n")
    assert read(spaced, delimiter=" ").X.tolist() == [[2.0], [3.0]]
    assert read(put("y\ta\nneg\t2\npos\t3\n"), delimiter="tab").X.tolist() == [[2.0], [3.0]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--delimiter", "ab"], "--delimiter must be one character"),
        (["--delimiter", "1"], "--delimiter must be one character"),
        (["--delimiter", '"'], "--delimiter must be one character"),
        (["--decimal", ";"], "--decimal must be . or ,"),
        (["--decimal", ",", "--delimiter", ","], "give another --delimiter"),
        (["--encoding", "klingon"], "--encoding must name an encoding"),
        (["--encoding", "base64"], "--encoding must name an encoding"),
        (["--encoding", "utf-16"], "--encoding"),
        (["--encoding", "ascii"], "is not ascii"),
    ],
    ids=str,
)
def test_bad_options(put, capsys, options, message):
    assert message in refused(capsys, put("y,a\nnö,1\nja,2\n"), *options)


def test_missing_values_are_left_out_on_demand(put, capsys):
    text = "y,a,b\nneg,1,2\npos,NA,3\nneg,-999,4\n,5,6\npos,7,8\n"
    sample = read(put(text, "a,b\n1,1\n"), absent=("NA", "-999", ""))
    assert sample.X.tolist() == [[1.0, 2.0], [7.0, 8.0]]
    assert sample.y.tolist() == ["neg", "pos"]
    assert "line 5: y is missing" in refused(capsys, put(text, "a,b\n1,1\n"), "--na", "NA", "--na=-999")
    assert "line 4: a is missing, got 'nan'" in refused(
        capsys, put("y,a\nneg,1\npos,NA\nneg,nan\npos,2\n"), "--na", "NA"
    )
    every = put("y,a\nneg,NA\n")
    assert "holds no rows below its header beside 1 with missing values" in refused(
        capsys, every, "--na", "NA"
    )


# --- what is counted ----------------------------------------------------------------------------------------

FIELD = st.text(alphabet='ab,;" \néß', max_size=5)


@given(st.data())
def test_fields_are_counted_as_csv_counts_them(data):
    """Whatever stands in the fields, and wherever the blocks of bytes end."""
    rows = data.draw(st.lists(st.lists(FIELD, min_size=1, max_size=4), min_size=1, max_size=5))
    text = io.StringIO()
    csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_MINIMAL).writerows(rows)
    expected = len(rows[0])
    wrong = [i for i, row in enumerate(rows) if len(row) != expected]
    block = data.draw(st.integers(1, 9))

    class Blocks(io.StringIO):
        def read(self, _=-1):
            return super().read(block)

    checked = CheckedRows(Blocks(text.getvalue()), ",", expected, 1, "x.csv")
    if wrong:
        line = 1 + "".join(_written(row) for row in rows[: wrong[0]]).count("\n")
        with pytest.raises(RowError, match=rf"x\.csv, line {line}: {len(rows[wrong[0]])} field"):
            list(iter(checked.read, b""))
    else:
        assert b"".join(iter(checked.read, b"")).decode() == text.getvalue()


def _written(row):
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(row)
    return text.getvalue()


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20))
def test_numbers_are_read_to_the_last_bit(tmp_path_factory, numbers):
    folder = tmp_path_factory.mktemp("bits")
    (folder / "t.csv").write_text("y,a\n" + "".join(f"q,{x!r}\n" for x in numbers))
    (folder / "s.csv").write_text("a\n1\n")
    assert read((folder / "t.csv", folder / "s.csv")).X[:, 0].tolist() == numbers


def test_memory_is_that_of_the_numbers(put, monkeypatch):
    """A large table, for which a small one stands: the array, and chunks that are small beside it."""
    monkeypatch.setattr("rmt_alpha.from_data.reading.text.SMALL_CELLS", 0)
    monkeypatch.setattr("rmt_alpha.from_data.reading.text.CHUNK_CELLS", 1 << 14)
    rows = 20_000
    numbers = np.random.default_rng(0).standard_normal((rows, 50)).round(6)
    names = [f"f{i}" for i in range(50)]
    text = (
        "y," + ",".join(names) + "\n" + "\n".join("q," + ",".join(map(repr, row)) for row in numbers.tolist())
    )
    paths = put(text, ",".join(names) + "\n" + ",".join(["1"] * 50) + "\n")
    read(put("y,a\nq,1\n"))  # imports
    paths = put(text, ",".join(names) + "\n" + ",".join(["1"] * 50) + "\n")
    tracemalloc.start()
    sample = read(paths)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert np.array_equal(sample.X, numbers)
    assert peak < 2 * numbers.nbytes


def test_many_columns_are_not_parsed_a_few_rows_at_a_time(put, monkeypatch):
    """Each column costs the time of a thousand fields in every chunk."""
    chunks = []
    monkeypatch.setattr("rmt_alpha.from_data.reading.text.SMALL_CELLS", 0)
    monkeypatch.setattr("rmt_alpha.from_data.reading.text.CHUNK_CELLS", 1000)

    def labels(column, *_):
        chunks.append(len(column))
        return ["q"] * len(column)

    monkeypatch.setattr("rmt_alpha.from_data.reading.text._labels", labels)
    names = ",".join(f"f{i}" for i in range(500))
    row = "q," + ",".join(["1"] * 500) + "\n"
    assert read(put(f"y,{names}\n" + 40 * row, names + "\n" + row[2:])).X.shape == (40, 500)
    assert chunks == [40]


# --- several sources, and other kinds of files --------------------------------------------------------------


def test_several_sources(tmp_path, capsys):
    rng = np.random.default_rng(0)
    y = np.where(np.arange(30) % 2, 1, -1)
    X = 0.5 * y[:, None] + rng.standard_normal((30, 4))
    one, two = rng.standard_normal((2, 4))
    names = "p,q,r,s"
    lines = "\n".join(f"{label},{','.join(map(repr, row))}" for label, row in zip(y, X.tolist(), strict=True))
    (tmp_path / "t.csv").write_text(f"y,{names}\n{lines}\n")
    for name, row in (("one", one), ("two", two)):
        (tmp_path / f"{name}.csv").write_text(f"{names}\n{','.join(map(repr, row.tolist()))}\n")
    np.savez(tmp_path / "t.npz", X=X, y=y, coef_source=np.stack([one, two])[:, None])
    sources = ["--source", str(tmp_path / "one.csv"), "--source", str(tmp_path / "two.csv")]
    from rmt_alpha import AlphaRidgeClassifierCV

    stacked = np.stack([one, two])[:, None]
    model = AlphaRidgeClassifierCV(coef_source=stacked).fit(X, y)
    for command in ([str(tmp_path / "t.csv"), *sources], [str(tmp_path / "t.npz")]):
        assert main(["fit", *command, "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert found["alpha"] == pytest.approx(np.asarray(model.alpha_).tolist())
        right = (model.loo_decision_function_ > 0) == (y > 0)
        assert found["loo_accuracy"] == pytest.approx(right.mean())
        assert found["loo_accuracy_source_only"] == pytest.approx((np.sign(X @ (one + two)) == y).mean())
        assert main(["fit", *command]) == 0
        assert capsys.readouterr().out.count("+- ") >= 2
        assert main(["fit", *command, "--plot", str(tmp_path / "x.png")]) == 2
        assert "has several sources" in capsys.readouterr().err


def test_several_sources_of_three_classes(tmp_path):
    (tmp_path / "t.csv").write_text("y,a\nu,1\nv,2\nw,3\nu,1\nv,2\nw,4\n")
    (tmp_path / "one.csv").write_text("y,a,intercept\nu,1,7\nv,2,8\nw,3,9\n")
    (tmp_path / "two.csv").write_text("y,a\nw,6\nu,4\nv,5\n")
    sample = read([tmp_path / name for name in ("t.csv", "one.csv", "two.csv")])
    assert sample.coef_source.tolist() == [[[1.0], [2.0], [3.0]], [[4.0], [5.0], [6.0]]]
    assert np.asarray(sample.intercept_source).tolist() == [[7.0, 8.0, 9.0], [0.0, 0.0, 0.0]]
    assert sample.classes_source is not None
    assert sample.classes_source.tolist() == ["u", "v", "w"]
    (tmp_path / "two.csv").write_text("y,a\nw,6\nu,4\nx,5\n")
    with pytest.raises(ValueError, match=r"two\.csv must have the same classes as one\.csv"):
        read([tmp_path / name for name in ("t.csv", "one.csv", "two.csv")])
    (tmp_path / "two.csv").write_text("a\n6\n")
    with pytest.raises(ValueError, match=r"two\.csv must name its classes in a column 'y'"):
        read([tmp_path / name for name in ("t.csv", "one.csv", "two.csv")])


@pytest.mark.parametrize("kind", ["parquet", "feather"])
def test_binary_tables(tmp_path, kind, put):
    pd = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")

    def save(frame):
        file = tmp_path / f"t.{kind}"
        getattr(frame, f"to_{kind}")(file)
        return file

    _, source = put("", "a,b\n1,2\n")
    frame = pd.DataFrame({"y": ["10", "2", "2"], "a": [1, 2, 3], "b": [0.5, 0.25, 0.125]})
    sample = read((save(frame), source))
    assert sample.X.tolist() == [[1.0, 0.5], [2.0, 0.25], [3.0, 0.125]]
    assert sample.y.tolist() == [10, 2, 2]
    frame.loc[1, "b"] = np.nan
    with pytest.raises(ValueError, match=rf"t\.{kind}, row 2: b is missing, got nothing; --na ''"):
        read((save(frame), source))
    assert read((save(frame), source), absent=("",)).X.tolist() == [[1.0, 0.5], [3.0, 0.125]]
    for column, message in (
        (pd.Series(["x", "y", "z"]), "the column b must hold numbers"),
        (pd.to_datetime(["2020", "2021", "2022"]), "the column b must hold numbers"),
        ([1.0, np.inf, 2.0], "row 2: b must be finite, got inf"),
    ):
        with pytest.raises(ValueError, match=message):
            read((save(frame.assign(b=column)), source))
    file = save(frame)
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(ValueError, match=f"is no readable .{kind} file, or a damaged one"):
        read((file, source))


def test_without_pandas_or_pyarrow_the_remedy_is_said(put, monkeypatch, capsys):
    import sys

    paths = put("y,a\nneg,1\npos,2\n")
    monkeypatch.setitem(sys.modules, "pandas", None)
    assert "pip install '.[sklearn]'" in refused(capsys, paths)


def test_kinds_of_files(put, tmp_path, capsys):
    paths = put("y,a\nneg,1\npos,2\n")
    assert "must end in .npz, .csv, .tsv, .parquet, .feather" in refused(
        capsys, (paths[0].rename(tmp_path / "t.xlsx"), paths[1])
    )
    (tmp_path / "folder.csv").mkdir()
    assert "folder.csv is no file, but a folder" in refused(capsys, (tmp_path / "folder.csv", paths[1]))
