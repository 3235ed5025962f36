"""Tables of the transfer study: wines, students, rented bicycles, and bags of visual words of objects.

Source and target are two tables with the same columns.  Features come in the units of the files;
`in_units_of` gives both the source's standard units.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from rmt_alpha._core.checks import check_choice
from rmt_alpha._core.types import FilePath, FloatArray
from rmt_alpha.experiments.data.datasets import LabelledData, RemoteFile, deviations, fetch

_RAW = "https://raw.githubusercontent.com/"
_WINE = _RAW + "ajhotrum/Wine-Classifier/a8482be021a31e9bcf0e03b479d792aa3aa3daa4/data/winequality-"
_STUDENTS = (
    _RAW + "aminfesharaki97/Predicting_Student_Performance_Project/"
    "f35710c666c07bc2e82f59e7f798f671810a8604/student-"
)
_OFFICE = _RAW + "chamwen/JPDA/b056e5eca625fc480aa605242348809f9199d5f8/data/Office/"

WINE_FILES = {
    "red": RemoteFile(
        "transfers/wine_red.csv",
        _WINE + "red.csv",
        "efdc02d64a02758a504d5d1826a188c14677a03d37d212c2a5fc6a040e9c5daf",
        259120,
    ),
    "white": RemoteFile(
        "transfers/wine_white.csv",
        _WINE + "white.csv",
        "3fe445c8f278a8c7fd29ff60a18d90d0aec66b7eb7ce47a590eba72724aafe93",
        1003729,
    ),
}
STUDENT_FILES = {
    "mat": RemoteFile(
        "transfers/student_mat.csv",
        _STUDENTS + "mat.csv",
        "947d89e470fe05016629ca65e910ef1aa619ccb47c07f1d137f8fffcc0a38587",
        56999,
    ),
    "por": RemoteFile(
        "transfers/student_por.csv",
        _STUDENTS + "por.csv",
        "5eafbc63a725eea3889b8283012bad06198b118f50216c3eca0bf4c4dc585a00",
        93226,
    ),
}
OFFICE_FILES = {
    "amazon": RemoteFile(
        "transfers/office_amazon.mat",
        _OFFICE + "amazon_SURF_L10.mat",
        "df32548b994e18d364c99e1f317e1fae100597259f0423a41b90f4f68187bb1f",
        104970,
    ),
    "caltech": RemoteFile(
        "transfers/office_caltech.mat",
        _OFFICE + "caltech_SURF_L10.mat",
        "4f9334c8ced489d5054de97a5fd51a61f017f3bcd1f38c9a85c6d78cb9d7bda5",
        150751,
    ),
}
BIKE_FILE = RemoteFile(
    "transfers/bike.csv",
    _RAW + "colegulledge/Bike_Share_Analysis_UCI_data/68cf5ccb8ae136ffd61694d2dc2020b6cd921153/hour.csv",
    "ffed31bb8755b5ec854552e55d18d013be221d406e977975ecc7b91bc6f2de52",
    2344386,
)
GOOD = 6.0
"""Quality from which a wine is a good one: the median of the red ones."""
GRADES = ("G1", "G2", "G3")
"""Of a student: two terms', which would give away the last, and the final one."""
BIKE_NUMBERS = ("holiday", "workingday", "temp", "atemp", "hum", "windspeed")
BIKE_CATEGORIES = {"mnth": 12, "hr": 24, "weekday": 7, "weathersit": 3}
"""One column for each value; the three hours of the worst weather (4) count as bad (3)."""


def load_wine(color: str, data: FilePath | None = None, *, bounds: Sequence[float] = (GOOD,)) -> LabelledData:
    """Wines of one color: 11 chemical measurements, +1 for a quality of at least 6, else -1.

    More than one of the rising ``bounds`` make classes 0, 1, ...: how many of them the quality reaches.

    The file has its rows several times over; every row is taken once, in the order of the file (1189 red,
    46 % good; 3708 white, 69 % good).  P. Cortez et al., "Modeling wine preferences by data mining from
    physicochemical properties", Decision Support Systems 2009.
    """
    check_choice("color", color, tuple(WINE_FILES))
    with fetch(WINE_FILES[color], data).open(encoding="utf-8", newline="") as stream:
        rows = np.array(list(dict.fromkeys(tuple(map(float, row)) for row in csv.reader(stream) if row)))
    reached = np.digitize(rows[:, -1], bounds).astype(np.float64)
    return LabelledData(color, rows[:, :-1].copy(), 2 * reached - 1 if len(bounds) == 1 else reached)


def load_students(data: FilePath | None = None) -> dict[str, LabelledData]:
    """Students of mathematics ("mat", 395) and Portuguese ("por", 649), labelled by the final grade, 0 to 20.

    30 answers about school and home, in their units; a yes or no is one column, an answer with more values
    one column for each (`one_hot`).  The grades of the first two terms are left out.  P. Cortez and A. Silva,
    "Using data mining to predict secondary school student performance", 2008.
    """
    tables = {}
    for subject, file in STUDENT_FILES.items():
        with fetch(file, data).open(encoding="utf-8", newline="") as stream:
            next(stream)  # "sep=;", which tells spreadsheets the separator
            tables[subject] = list(csv.DictReader(stream, delimiter=";"))
    everyone = [row for table in tables.values() for row in table]
    names = [name for name in everyone[0] if name not in GRADES]
    features = one_hot(everyone, names)
    found, start = {}, 0
    for subject, table in tables.items():
        grades = np.array([float(row["G3"]) for row in table])
        found[subject] = LabelledData(subject, features[start : start + len(table)], grades)
        start += len(table)
    return found


def one_hot(rows: Sequence[Mapping[str, str]], names: Iterable[str]) -> FloatArray:
    """Columns of numbers as they are; of text one column of 0 and 1 for each value, two values sharing one.

    Examples
    --------
    >>> rows = [{"a": "3", "b": "no", "c": "x"}, {"a": "4", "b": "yes", "c": "y"}]
    >>> one_hot([*rows, {"a": "5", "b": "no", "c": "z"}], ["a", "b", "c"])
    array([[3., 0., 1., 0., 0.],
           [4., 1., 0., 1., 0.],
           [5., 0., 0., 0., 1.]])
    """
    columns = []
    for name in names:
        values = [row[name] for row in rows]
        try:
            columns.append(np.array(values, dtype=np.float64))
        except ValueError:
            kinds = sorted(set(values))
            columns += [
                np.array([value == kind for value in values], float) for kind in kinds[len(kinds) == 2 :]
            ]
    return np.column_stack(columns)


def load_bikes(column: str, value: str, data: FilePath | None = None) -> LabelledData:
    """Hours of a bicycle rental where ``column`` ("yr" or "season") has the value, labelled by the count.

    52 features: month, hour, weekday and weather, one column for each value, and `BIKE_NUMBERS`.  H.
    Fanaee-T and J. Gama, "Event labeling combining ensemble detectors and background knowledge", 2014.
    """
    check_choice("column", column, ("yr", "season"))
    with fetch(BIKE_FILE, data).open(encoding="utf-8", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row[column] == value]
    if not rows:
        raise ValueError(f"value must be one that {column} has, got {value!r}")
    columns = [np.array([float(row[name]) for row in rows]) for name in BIKE_NUMBERS]
    for name, count in BIKE_CATEGORIES.items():
        first = 0 if name in ("hr", "weekday") else 1
        numbers = np.array([min(int(row[name]) - first, count - 1) for row in rows])
        columns += list(np.eye(count)[numbers].T)
    return LabelledData(
        f"{column}={value}", np.column_stack(columns), np.array([float(row["cnt"]) for row in rows])
    )


def load_office(domain: str, data: FilePath | None = None) -> LabelledData:
    """Objects of ten classes on "amazon" (958 images) or "caltech" (1123): counts of 800 visual words (SURF).

    The label is the number of the class, 1 to 10.  K. Saenko et al., ECCV 2010; B. Gong et al., CVPR 2012.
    """
    check_choice("domain", domain, tuple(OFFICE_FILES))
    from scipy.io import loadmat

    content = loadmat(fetch(OFFICE_FILES[domain], data))
    (features,) = (value for key, value in content.items() if key.startswith("f"))
    (labels,) = (value for key, value in content.items() if key.startswith("l"))
    return LabelledData(domain, np.asarray(features, np.float64), labels.ravel().astype(np.float64))


def in_units_of(source: LabelledData, other: LabelledData) -> LabelledData:
    """The features minus the source's means, divided by its standard deviations (1 for a constant column)."""
    features = (other.features - source.features.mean(axis=0)) / deviations(source.features)
    return LabelledData(other.name, features, other.labels)
