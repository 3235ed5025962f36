"""What may happen to a command line: a seed becomes a command and its files."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from kill_cases import KILLED
from record_cases import RECORDED

# fmt: off
NUMBERS = (
    "0.5", "1", "40", "400", "2.5", "0", "-1", "1e-3", "1e9", "inf", "-inf", "nan", "1e300",
    "1e-300", "x", "0x10", "1,5", "1_0", "é",
    "", "9" * 400,
)
VALUES = (
    "0", "-1", "nan", "inf", "1e300", "1e308", "1e-300", "[1,2]", "[]", "true", "{}", "[[1,2],[3]]",
    "2020-01-01", "[[[[[[1]]]]]]", "0x10", '"text"', '"x.npz:a"', '"x.npz:b"', '"x.npz:none"',
    '"none.npz:a"', '"x.npz"', "[nan,1]", "[1e300,1]", "{a=1}", "80*1",
    "9" * 400,
)
# fmt: on
SNIPPETS = (
    *b'" , ; | NA nan inf 1e999 ,, "" - = # \0 \xff \xe9 \xef\xbb\xbf \xff\xfe'.split(),
    *(b" ", b"\t", b"\n", b"\r", b"7" * 140_000, b"[" * 600),
)


class Case(NamedTuple):
    """A command and its files."""

    kind: str
    argv: tuple[str, ...]
    files: dict[str, bytes]
    seed: int = 0
    """Of what happens to a record (`record_cases`, `kill_cases`)."""


def draw(seed: int) -> Case:
    """The case of a seed."""
    rng = random.Random(seed)
    kind = rng.choices(list(KINDS), weights=[4, 6, 12, 6, 2, 3, 1, 2, 1, 1])[0]
    argv, files = KINDS[kind](rng)
    return Case(kind, tuple(argv), files, seed)


def _some(rng: random.Random, options: dict[str, tuple[str, ...]], chance: float = 0.15) -> list[str]:
    """Some options, with values; one without a value stands for a flag."""
    words = []
    for name, values in options.items():
        if rng.random() < chance:
            value = rng.choice(values) if values else None
            words += [name] if value is None else [f"{name}={value}"]
    return words


def _problem_options(rng: random.Random) -> tuple[list[str], dict[str, bytes]]:
    verb = rng.choice(["optimal", "curve", "curve", "compare", "fly", "reproduce"])
    if verb in {"fly", "reproduce"}:
        return [verb, rng.choice(["--list", "nothing", "--fly", "--out"])], {}
    words = [verb]
    for name, good in (("--beta", "0.8"), ("-p", "400"), ("-n", "40"), ("--N", "2000"), ("--gamma", "0.5")):
        chance = rng.random()
        if chance < 0.85:
            words += [name, good if chance < 0.65 else rng.choice(NUMBERS)]
    words += _some(rng, {"--mu": NUMBERS, "--mu-orth": NUMBERS, "--gamma-source": NUMBERS}, 0.1)
    if verb == "optimal":
        words += _some(rng, {"--criterion": ("accuracy", "risk", "loss", "x"), "--dps": ("20", "0", "x")})
    else:
        words += _some(
            rng, {"--alpha": ("0,1", "0:1:3", "0:1:99999999999", "0:1", "inf,0", "nan", "1e300", "")}, 0.5
        )
        words += _some(rng, {"--plot": ("x.xyz", "none/x.png", "", "."), "--format": ("json", "x")}, 0.1)
    if verb == "compare":
        words += ["--replicates", rng.choice(["2", "3", "1", "x"]), "--doublings", "0"]
    return words + _some(rng, {"--json": ()}, 0.3), {}


# --- files ------------------------------------------------------------------------------------------------


def _spoiled(rng: random.Random, raw: bytes) -> bytes:
    """Up to three damages."""
    for _ in range(rng.choice([0, 1, 1, 1, 2, 3])):
        at = rng.randrange(len(raw) + 1)
        what = rng.randrange(6)
        if what == 0:
            raw = raw[:at]
        elif what == 1:
            raw = raw[:at] + rng.choice(SNIPPETS) + raw[at:]
        elif what == 2:
            raw = raw[:at] + raw[at + rng.choice([1, 1, 5, 50]) :]
        elif what == 3 and at < len(raw):
            raw = raw[:at] + bytes([raw[at] ^ (1 << rng.randrange(8))]) + raw[at + 1 :]
        elif what == 4:
            lines = raw.split(b"\n")
            lines.insert(rng.randrange(len(lines) + 1), rng.choice(lines))
            raw = b"\n".join(lines)
        else:
            raw = rng.choice([raw, raw, b"", raw + raw, b"\xef\xbb\xbf" + raw])
    return raw


def _samples(rng: random.Random) -> tuple[list[str], dict[str, bytes]]:
    features = rng.sample(["a", "b", "größe", "intercept", "d e", "a", ""], rng.choice([1, 2, 3]))
    classes = rng.choice(
        [["-1", "+1"], ["2", "10"], ["no", "yes"], ["u", "v", "w"], ["NA", "b"], ["x, y", "z"]]
    )
    delimiter, decimal = rng.choice([(",", "."), (",", "."), (";", ","), ("\t", "."), ("|", ","), (" ", ".")])
    encoding, newline = (
        rng.choice(["utf-8", "utf-8", "utf-8-sig", "latin-1", "utf-16"]),
        rng.choice(["\n", "\r\n"]),
    )
    absent = rng.choice([None, None, None, "", "NA", "-999"])

    def field(text: str) -> str:
        quoted = delimiter in text or '"' in text or rng.random() < 0.02
        return '"' + text.replace('"', '""') + '"' if quoted else text

    def number() -> str:
        if absent is not None and rng.random() < 0.1:
            return absent
        return field(f"{rng.gauss(0, 1):.4g}".replace(".", decimal))

    rows = [["y", *features]]
    rows += [[rng.choice(classes), *(number() for _ in features)] for _ in range(rng.choice([4, 8, 12]))]
    if rng.random() < 0.1:
        rows = [["" if i == 0 else str(i), *row] for i, row in enumerate(rows)]
    names = ["y", *features, "intercept"] if rng.random() < 0.2 else ["y", *features]
    sources = [names, *([c, *(number() for _ in names[1:])] for c in classes)]
    if rng.random() < 0.7:
        sources = [row[1:] for row in sources[:2]]

    def text(table: list[list[str]]) -> bytes:
        joined = newline.join(delimiter.join(map(field, row)) for row in table)
        return (joined + rng.choice([newline, ""])).encode(encoding, "replace")

    ending = rng.choice(["csv", "csv", "csv", "tsv", "CSV", "parquet", "txt"])
    files = {f"t.{ending}": text(rows), "s.csv": text(sources)}
    spoiled = rng.choice([*files, *files, None])
    if spoiled:
        files[spoiled] = _spoiled(rng, files[spoiled])
    words = ["fit", f"t.{ending}", *_some(rng, {"--source": ("s.csv",)}, 0.95)]
    words += _some(rng, {"--source": ("s.csv", "none.csv", "."), "--label": ("a", "y", "é")}, 0.05)
    words += _some(rng, {"--delimiter": (delimiter, ";", "tab", "xx"), "--decimal": (decimal, ",", "x")}, 0.1)
    words += _some(rng, {"--encoding": (encoding, "latin-1", "utf-16", "x")}, 0.1)
    words += _some(rng, {"--na": (absent or "", "NA", "1")}, 0.3)
    return words + _fit_options(rng), files


def _fit_options(rng: random.Random) -> list[str]:
    options = {
        "--gamma": ("1", "inf", *NUMBERS),
        "--alpha": ("1", *NUMBERS),
        "--json": (),
        "--out": ("o.npz", "no/o"),
    }
    options |= {"--criterion": ("loo_mse", "evidence", "theory", "x"), "--intercept": ("free", "none", "x")}
    return _some(rng, options, 0.08)


def _stored(rng: random.Random) -> tuple[list[str], dict[str, bytes]]:
    n, p, classes = rng.choice([4, 9]), rng.choice([1, 3]), rng.choice([2, 3])
    source = rng.choice([(p,), (classes, p), (2, 1, p), (2, p), (p + 1,), (0,), ()])
    random_numbers = np.random.default_rng(rng.randrange(1000))
    labels = np.arange(n) % classes
    arrays: dict[str, np.ndarray] = {
        "X": random_numbers.standard_normal((n, p)) * rng.choice([1, 1, 1, 1e-300, 1e300, np.nan, 0]),
        "y": rng.choice([labels, labels.astype(str), labels.astype("S1"), labels > 0, labels + 0.5]),
        "coef_source": random_numbers.standard_normal(source),
    }
    if rng.random() < 0.2:
        odd = rng.choice(
            [
                np.array(["a", None]),
                np.zeros((0, 3)),
                np.array(3),
                np.array([1j, 2]),
                np.array("x"),
                np.array(["2020"], "M8[D]"),
                np.zeros(2, "i4,f8"),
                np.full((n, p), np.inf),
            ]
        )
        arrays[rng.choice(["X", "y", "coef_source", "intercept_source", "classes_source"])] = odd
    if rng.random() < 0.1:
        del arrays[rng.choice(list(arrays))]
    raw = io.BytesIO()
    rng.choice([np.savez, np.savez, np.savez_compressed])(raw, **arrays)  # type: ignore[arg-type]
    content = _spoiled(rng, raw.getvalue())
    if rng.random() < 0.3:
        name = rng.choice(["X", "y"])
        text = (
            f'n = 4\ngamma = 1\n[target]\nmeans = "x.npz:{name}"\n[source]\nweights = "x.npz:coef_source"\n'
        )
        return ["optimal", "--problem", "p.toml"], {"x.npz": content, "p.toml": text.encode()}
    return ["fit", "x.npz", *_fit_options(rng)], {"x.npz": content}


PROBLEM = "beta = 0.5\np = 10\nn = 5\nN = inf\ngamma = 0.1\nmu = 2\n"
MIXTURE = (
    "n = 30\ngamma = 0.4\nintercept = true\nlabel_noise = [0.1, 0.0]\n[target]\nmean = [0.6, 0.8, 0.0]\n"
    "covariance = [1.0, 2.0, 1.0]\n[source]\nweights = [1.0, 0.0, 0.5]\n"
)
TRAINED = (
    "n = 30\ngamma = 0.4\n[target]\nmeans = [[-1.0, 0.0], [1.0, 0.2]]\npriors = [0.3, 0.7]\n"
    'covariances = ["x.npz:a", "x.npz:a"]\n[[source]]\nn = 90\ngamma = 0.5\nmean = [1.0, 0.0]\n'
    "covariance = 1.5\n[[source]]\nweights = [1.0, 0.0]\n"
)
GRID = "beta = { linspace = [0, 1, 3] }\np = [4, 8]\nn = 5\nalpha = [0, 1]\nreplicates = 0\n"


def _toml(rng: random.Random, text: str) -> bytes:
    """Values and keys replaced, or the bytes damaged."""
    lines = text.splitlines()
    for _ in range(rng.choice([0, 1, 1, 2])):
        at = rng.randrange(len(lines))
        key = lines[at].split(" = ")[0]
        if " = " in lines[at]:
            lines[at] = rng.choice([f"{key} = {rng.choice(VALUES)}"] * 5 + [f"{key}s = 1", key, ""])
        elif rng.random() < 0.2:
            lines[at] = rng.choice(["", "[x]", "[[target]]", "[source"])
    raw = ("\n".join(lines) + "\n").encode(rng.choice(["utf-8"] * 6 + ["utf-8-sig", "utf-16"]))
    return _spoiled(rng, raw) if rng.random() < 0.3 else raw


def _problems(rng: random.Random) -> tuple[list[str], dict[str, bytes]]:
    raw = io.BytesIO()
    np.savez(raw, a=np.eye(2), b=np.array([None]))
    files = {"p.toml": _toml(rng, rng.choice([PROBLEM, MIXTURE, MIXTURE, TRAINED])), "x.npz": raw.getvalue()}
    verb = rng.choice(["optimal", "curve"])
    words = [verb, "--problem", rng.choice(["p.toml"] * 20 + ["none.toml", "."])]
    if verb == "curve":
        words += ["--alpha", rng.choice(["0,1", "0,1,inf", "1e9"])] if rng.random() < 0.8 else []
        words += _some(rng, {"--band": (), "--format": ("json",)}, 0.1)
    else:
        words += _some(rng, {"--json": (), "--criterion": ("risk",)})
    return words, files


def _grids(rng: random.Random) -> tuple[list[str], dict[str, bytes]]:
    return ["sweep", "g.toml", "--dry-run", *_some(rng, {"--csv": ("no/x",), "--seed": ("1", "-1", "x")})], {
        "g.toml": _toml(rng, GRID)
    }


def _recorded(kind: str) -> Callable[[random.Random], tuple[list[str], dict[str, bytes]]]:
    recorded = RECORDED[kind]
    return lambda _: ([*recorded.argv], {recorded.file: b""})


KINDS: dict[str, Callable[[random.Random], tuple[list[str], dict[str, bytes]]]] = {
    "options": _problem_options,
    "problem files": _problems,
    "tables": _samples,
    "stored arrays": _stored,
    "grids": _grids,
    **{kind: _recorded(kind) for kind in RECORDED},
    **{kind: lambda _: ([], {}) for kind in KILLED},
}
