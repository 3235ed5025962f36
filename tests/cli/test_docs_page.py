"""What docs/cli.md shows is what the commands print."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from rmt_alpha.cli import main

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"
BLOCK = re.compile(r"```console\n\$ rmt-alpha ([^\n]*)\n(.*?)```", re.DOTALL)
BLOCKS = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
SHOWN = [(command, output) for command, output in BLOCKS if output]


def test_the_page_shows_output():
    assert len(SHOWN) >= 2


@pytest.mark.parametrize(("command", "output"), SHOWN, ids=[command for command, _ in SHOWN])
def test_shown_output_is_printed(command, output, capsys):
    assert main(shlex.split(command)) == 0
    printed = capsys.readouterr().out
    # The last digit of a float64 may differ between machines.
    number = re.compile(r"-?\d+\.?\d*(?:e-?\d+)?")
    assert number.sub("#", printed) == number.sub("#", output)
    found, shown = (list(map(float, number.findall(text))) for text in (printed, output))
    assert found == pytest.approx(shown, rel=1e-13)
