"""What may happen to records: damages, and other files in their place.

A record is made by the package itself, something happens to it, and a command uses it.  Either the command
refuses it in one line and leaves it as it was, or it gives to the last bit what the sound record gives.
"""

from __future__ import annotations

import gzip
import itertools
import os
import random
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

GRID = "beta = { linspace = [0, 1, 7] }\np = 40\nn = [20, 60]\nalpha = [0, 1]\nreplicates = 20\n"


class Ended(NamedTuple):
    """How a command ended."""

    status: object
    out: str
    err: str


Command = Callable[[Sequence[str]], Ended]


class Recorded(NamedTuple):
    """A verb with a record."""

    file: str
    table: str
    argv: tuple[str, ...]
    make: Callable[[Command], None]
    """Makes the sound record in the working directory."""


# --- sound records ----------------------------------------------------------------------------------------


def _make_sweep(command: Command) -> None:
    assert command(RECORDED["records of sweeps"].argv).status == 0


def _make_study(_: Command) -> None:
    from rmt_alpha._core.records.record import Record
    from rmt_alpha.experiments.study.methods import METHODS
    from rmt_alpha.experiments.study.run import plan
    from rmt_alpha.experiments.study.tasks import BLOCKS

    blocks = plan("amazon", pairs=STUDY_PAIRS, sizes=[20], seeds=(1,), splits=2, baselines=1, logistic=1)
    rng = random.Random(0)
    with Record(Path("amazon.sqlite"), BLOCKS) as record:
        for block in blocks:
            rows = [{name: rng.random() for name in METHODS} for _ in range(block.splits)]
            record.write([(block.parameters, rows)])


def _make_networks(_: Command) -> None:
    from rmt_alpha.experiments.networks.results.runs import RunKey, RunRecord
    from rmt_alpha.experiments.networks.settings import Settings

    record, rng = RunRecord("runs.sqlite"), random.Random(0)
    settings = Settings("encoder")
    record.add_settings(settings)
    record.add_command("rmt-alpha glue --task rte")
    record.add_task("rte", {"train": 100, "dev": 277, "majority": 0.527, "origin": "a folder"})
    for method, seed in itertools.product(("lora", "alpha-lora", "head"), (1, 2, 3)):
        values = {"validation": rng.random(), "dev": rng.random(), "trainable": 100, "curve": [[60, 0.5]]}
        record.add_run(RunKey(settings.id, "rte", 100, method, 1e-3, seed), values)


STUDY_PAIRS = "book->dvd", "dvd->book"
RECORDED = {
    "records of sweeps": Recorded(
        "r.sqlite", "cells", ("sweep", "g.toml", "--out", "r.sqlite", "--csv", "out.csv"), _make_sweep
    ),
    "records of studies": Recorded(
        "amazon.sqlite",
        "blocks",
        ("study", "amazon", "--report", "--quick", "--n", "20", "--out", ".", "--pairs", *STUDY_PAIRS),
        _make_study,
    ),
    "records of networks": Recorded(
        "runs.sqlite",
        "runs",
        ("glue", "--report", "--out", "runs.sqlite", "--csv", "out.csv"),
        _make_networks,
    ),
}


@contextmanager
def folder() -> Iterator[None]:
    """An empty working directory with the grid in it."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as path:
        os.chdir(path)
        Path("g.toml").write_text(GRID)
        try:
            yield
        finally:
            os.chdir(before)


def _outcome(ended: Ended) -> dict[str, str]:
    written = {path.name: path.read_text() for path in Path().iterdir() if path.suffix in {".csv", ".txt"}}
    return written | {"": ended.out}


@lru_cache
def sound(kind: str, command: Command) -> tuple[bytes, dict[str, str]]:
    """The bytes of a record, and what the command makes of it."""
    recorded = RECORDED[kind]
    with folder():
        recorded.make(command)
        content = Path(recorded.file).read_bytes()
        ended = command(recorded.argv)
        assert ended.status == 0, ended.err
        return content, _outcome(ended)


# --- damages ----------------------------------------------------------------------------------------------

PAGE = 4096


def _of_bytes(rng: random.Random, raw: bytes) -> bytes:
    at, length = rng.randrange(len(raw)), rng.choice([1, 4, 64, PAGE])
    page, other = (PAGE * rng.randrange(max(1, len(raw) // PAGE)) for _ in range(2))
    spoiled = bytearray(raw)
    match rng.choice(
        ["flip"] * 8 + ["truncate"] * 4 + ["noise", "noise", "zero", "cut", "insert", "swap", "end"]
    ):
        case "flip":
            for _ in range(rng.choice([1, 1, 2, 3])):
                spoiled[rng.randrange(len(raw))] ^= 1 << rng.randrange(8)
        case "truncate":
            del spoiled[rng.choice([at, page, rng.randrange(200)]) :]
        case "noise":
            spoiled[at : at + length] = rng.randbytes(length)
        case "zero":
            spoiled[at : at + length] = bytes(length)
        case "cut":
            del spoiled[at : at + length]
        case "insert":
            spoiled[at:at] = rng.randbytes(length)
        case "swap":
            spoiled[page : page + PAGE] = raw[other : other + PAGE]
            spoiled[other : other + PAGE] = raw[page : page + PAGE]
        case "end":
            spoiled += rng.choice([b"\0", rng.randbytes(PAGE), raw])
    return bytes(spoiled)


ENDLESS = "AS WITH RECURSIVE r(key) AS (SELECT 1 UNION ALL SELECT key + 1 FROM r) SELECT * FROM r"
STATEMENTS = (
    "UPDATE {t} SET content = replace(content, '0.', '0.9')",
    "UPDATE {t} SET content = replace(content, '1', '2') WHERE position = 2",
    "UPDATE {t} SET content = (SELECT content FROM {t} WHERE position = 1) WHERE position = 2",
    "UPDATE {t} SET content = CAST(content AS BLOB)",
    "UPDATE {t} SET content = x'ff00' WHERE position = 1",
    "UPDATE {t} SET content = 5 WHERE position = 1",
    "UPDATE {t} SET parameters = replace(parameters, '0', '1')",
    "UPDATE {t} SET version = '0.0.9'",
    "UPDATE {t} SET key = 'x' || key WHERE position = 3",
    "UPDATE {t} SET digest = '' WHERE position = 1",
    "UPDATE {t} SET digest = NULL",
    "INSERT INTO {t} SELECT position + 1000, 'x' || key, parameters, content, version, digest FROM {t}",
    "DROP TABLE {t}",
    "DROP TABLE {t}; CREATE VIEW {t} " + ENDLESS,
    "DROP TABLE {t}; CREATE TABLE {t} (key TEXT)",
    "DROP VIEW results; CREATE VIEW results " + ENDLESS,
    "CREATE VIEW more " + ENDLESS,
    "CREATE TABLE more (x)",
    "CREATE INDEX more ON {t} (version)",
    "CREATE TRIGGER more AFTER INSERT ON {t} BEGIN DELETE FROM {t}; END",
    "ALTER TABLE {t} ADD COLUMN x",
    "ALTER TABLE {t} RENAME TO other",
    "PRAGMA user_version = 1",
    "PRAGMA user_version = 3",
    "PRAGMA application_id = 0",
    "PRAGMA writable_schema = 1; UPDATE sqlite_master SET sql = replace(sql, ' NOT NULL', '')",
    "PRAGMA writable_schema = 1; UPDATE sqlite_master SET rootpage = 999 WHERE type = 'table'",
    "PRAGMA writable_schema = 1; UPDATE sqlite_master SET rootpage = 1 WHERE type = 'index'",
    # These leave it as sound as it was.
    "PRAGMA journal_mode = WAL",
    "PRAGMA page_size = 512; VACUUM",
    "ANALYZE",
    "REINDEX",
)


def _by_sql(rng: random.Random, path: Path, table: str) -> None:
    with closing(sqlite3.connect(path)) as db, suppress(sqlite3.Error):
        db.executescript(rng.choice(STATEMENTS).format(t=table))


def _another_file(rng: random.Random, path: Path, others: Sequence[bytes]) -> None:
    raw = path.read_bytes()
    contents = (
        b"", b"hello", b"\0" * PAGE, b'{"kind":"run"}\n', b'{"kind": "run", "dev": 0.5}\n' * 9, b"[1]\n",
        b'{"rmt_alpha":"record of runs","format":2,"rows":0,"digest":""}\n', b'{"rmt_alpha":', GRID.encode(),
        b"SQLite format 3\0", raw[:100], gzip.compress(raw), b"\xef\xbb\xbf" + raw, *others,
    )  # fmt: skip
    beside = path.with_name(path.name + rng.choice(["-journal", "-wal"]))
    match rng.choice(
        ["content"] * 5 + ["foreign", "folder", "pipe", "endless", "nowhere", "beside", "pipe beside"]
    ):
        case "content":
            path.write_bytes(rng.choice(contents))
        case "foreign":
            path.unlink()
            with closing(sqlite3.connect(path)) as db:
                db.executescript(
                    "CREATE TABLE cells (key TEXT); CREATE TABLE blocks (key TEXT, results TEXT)"
                )
        case "folder":
            path.unlink()
            path.mkdir()
        case "pipe":
            path.unlink()
            os.mkfifo(path)
        case "endless":
            path.unlink()
            path.symlink_to("/dev/zero")
        case "nowhere":
            path.unlink()
            path.symlink_to("none/x")
        case "beside":
            beside.write_bytes(rng.choice([b"", b"\0" * 600, b"hello", rng.randbytes(5000)]))
        case "pipe beside":
            os.mkfifo(beside)


def _bytes_of(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def used_after_damage(kind: str, seed: int, command: Command) -> tuple[Ended, str]:
    """How the command ended with a damaged record, and what is wrong about that apart from its messages."""
    recorded, rng = RECORDED[kind], random.Random(seed)
    content, expected = sound(kind, command)
    others = [sound(other, command)[0] for other in RECORDED if other != kind]
    path = Path(recorded.file)
    path.write_bytes(content)
    what = rng.choice(["bytes"] * 5 + ["sql"] * 3 + ["file"])
    if what == "bytes":
        path.write_bytes(_of_bytes(rng, content))
    elif what == "sql":
        _by_sql(rng, path, recorded.table)
    else:
        _another_file(rng, path, others)
    before = _bytes_of(path)
    ended = command(recorded.argv)
    if ended.status == 0:
        return ended, "" if _outcome(ended) == expected else "another result than was recorded"
    return ended, "" if _bytes_of(path) == before else "a refused record was changed"
