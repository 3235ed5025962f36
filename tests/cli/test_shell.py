"""What helps at the shell: completion, a look at the installation, and a help that is there at once."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from rmt_alpha._core.version import __version__
from rmt_alpha.cli import VERBS, asked_verb, build_parser, doctor, main

REPOSITORY = Path(__file__).parents[2]
COMPLETE = """source "$1"
complete_words() {
  COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*" COMP_POINT=${#COMP_LINE} COMPREPLY=()
  _shtab_rmt_alpha rmt-alpha "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
  echo "${COMPREPLY[@]}"
}
complete_words rmt-alpha rep
complete_words rmt-alpha study tra
complete_words rmt-alpha optimal --be
complete_words rmt-alpha networks gl
"""


def test_bash_completes_verbs_options_and_choices(tmp_path, capsys):
    if shutil.which("bash") is None:
        pytest.skip("no bash on this machine")
    assert main(["completion", "bash"]) == 0
    script = tmp_path / "completion"
    script.write_text(capsys.readouterr().out)
    command = ["bash", "-c", COMPLETE, "bash", str(script)]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert lines == ["reproduce", "transfers", "--beta", "glue"]


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_read_their_script(shell, tmp_path, capsys):
    assert main(["completion", shell]) == 0
    text = capsys.readouterr().out
    assert all(verb in text for verb in VERBS)
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} on this machine: the script is written, but nothing read it")
    script = tmp_path / "completion"
    script.write_text(text)
    subprocess.run([shell, "-n", str(script)], check=True, capture_output=True)


def test_completion_without_shtab_says_how_to_get_it(monkeypatch, capsys):
    monkeypatch.setattr("rmt_alpha.cli.completion.find_spec", lambda name: None)
    assert main(["completion", "bash"]) == 2
    assert capsys.readouterr().err.endswith("pip install '.[completion]' in a clone\n")


def test_the_doctor_knows_what_the_project_asks_for():
    with (REPOSITORY / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]

    def names(lines):
        return {line.split(">=")[0].split("[")[0].strip() for line in lines} - {"rmt-alpha"}

    assert set(doctor.CORE) == names(project["dependencies"])
    extras = project["optional-dependencies"]
    assert set(doctor.EXTRAS) == set(extras) - {"all", "dev", "docs", "lint", "test", "test-peft"}
    for name, (_, needed) in doctor.EXTRAS.items():
        assert names(extras[name]) <= set(needed), name


def test_the_doctor_says_what_is_here_and_what_is_missing(monkeypatch, capsys, tmp_path):
    real = doctor._version
    monkeypatch.setattr(doctor, "_version", lambda name: None if name == "dask" else real(name))
    assert main(["doctor", "--data", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert f"rmt-alpha {__version__}" in out
    assert "missing: dask; pip install '.[dask]'" in out
    assert f"data folder     {tmp_path} (from --data)" in out
    assert "0 of 4 files" in out
    assert main(["doctor", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["core"]["numpy"] == real("numpy")


def test_the_doctor_fails_where_the_core_is_incomplete(monkeypatch, capsys):
    monkeypatch.setattr(doctor, "_version", lambda name: None)
    assert main(["doctor"]) == 1
    assert "pip install pooch" in capsys.readouterr().out
    wanted = ["numpy>=2.0", "scipy[dev]>=1.15; python_version > '3'", "dask>=9; extra == 'dask'"]
    monkeypatch.setattr("importlib.metadata.requires", lambda name: wanted)
    monkeypatch.setattr(doctor, "_version", {"numpy": "1.9.5rc1", "scipy": "1.15", "dask": "1"}.get)
    assert doctor._too_old() == ["numpy 1.9.5rc1, wanted 2.0"]


def test_the_help_and_each_verb_import_no_more_than_they_need():
    """The reason why it is there at once: nothing of the package is imported for it, nor SciPy."""
    look = "print(*(name for name in sys.modules if name.split('.')[0] in {'scipy', 'matplotlib', 'pandas'}))"
    program = f"import sys; from rmt_alpha.cli import build_parser; build_parser('').format_help(); {look}"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert told.split() == []


def test_a_parser_of_one_verb_is_the_same_as_that_of_all():
    assert build_parser("").format_help() == build_parser().format_help()
    assert [asked_verb(words) for words in ([], ["--help"], ["nothing"], ["fit", "curve"])] == [
        "",
        "",
        "",
        "fit",
    ]
    words = ["optimal", "--beta", "0.5", "--p", "10", "--n", "5"]
    assert vars(build_parser("optimal").parse_args(words)) == vars(build_parser().parse_args(words))
