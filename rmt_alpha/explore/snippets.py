"""The same as code: what is on the screen, in Python and as a command."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

import numpy as np

from rmt_alpha._core.types import FloatArray
from rmt_alpha.problems.described import describe
from rmt_alpha.problems.fine_tuning import FineTuning
from rmt_alpha.problems.transfer import TransferProblem

IMPORTS = "import matplotlib.pyplot as plt\nimport numpy as np\nimport rmt_alpha as ra\n"
FILE = "--problem problem.toml"


def number(value: Any) -> str:
    """A number as one writes it: 400, not 400.0."""
    return repr(float(value)).removesuffix(".0")


def arguments(problem: TransferProblem, swept: Mapping[str, str] | None = None) -> str:
    """``beta=0.8, p=400, n=40``: the fields that differ from their defaults, ``swept`` ones as said."""
    told = {name: number(value) for name, value in problem._given().items()} | dict(swept or {})
    return ", ".join(
        f"{name}={value}" if value != "inf" else f"{name}=np.inf" for name, value in told.items()
    )


def options(problem: TransferProblem) -> str:
    """``--beta 0.8 --p 400 --n 40``, or a problem file where there is no option for a field."""
    given = problem._given()
    if "target_scale" not in given:
        return " ".join(f"--{name.replace('_', '-')}={number(value)}" for name, value in given.items())
    return FILE


def command(problem: TransferProblem | FineTuning, *lines: str) -> str:
    """Commands, with ``{}`` for the problem, below the file of the problem if they need one."""
    place = options(problem) if isinstance(problem, TransferProblem) else FILE
    text = "\n".join(f"rmt-alpha {line}".format(place) for line in lines)
    if place != FILE:
        return text
    content = problem._given() if isinstance(problem, TransferProblem) else content_of(problem)
    return f"cat > problem.toml <<'END'\n{toml(content)}END\n{text}"


def content_of(problem: FineTuning) -> dict[str, Any]:
    """The content of the file of a problem, without what is as it is anyway."""
    told = describe(problem)
    told["target"] = _shorter(told["target"])
    several = isinstance(told["source"], list)
    tables = [_shorter(table) for table in (told["source"] if several else [told["source"]])]
    return told | {"source": tables if several else tables[0]}


def _shorter(table: dict[str, Any]) -> dict[str, Any]:
    """Two balanced classes of opposite means are told by one of them."""
    means, priors = table.get("means"), np.asarray(table.get("priors"))
    if means is not None and len(means) == 2 and (means[0] == -means[1]).all() and (priors == 0.5).all():
        rest = {name: value for name, value in table.items() if name not in {"means", "priors"}}
        return {"mean": means[1], **rest}
    return table


def toml(content: Mapping[str, Any]) -> str:
    """A mapping of numbers, words, arrays and tables as TOML."""
    plain = {name: value for name, value in content.items() if not _is_table(value)}
    lines = [f"{name} = {_literal(value)}" for name, value in plain.items() if value is not None]
    for name, value in content.items():
        if isinstance(value, Mapping):
            lines += ["", f"[{name}]", toml(value).rstrip()]
        elif name not in plain:
            lines += [part for table in value for part in ("", f"[[{name}]]", toml(table).rstrip())]
    return "\n".join(lines) + "\n"


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping) or (isinstance(value, list) and isinstance(value[0], Mapping))


def _literal(value: Any) -> str:
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{value}"'
    if np.ndim(value):
        return f"[{', '.join(_literal(each) for each in value)}]"
    return number(value)


def shell(*words: str) -> str:
    """Words of a command, quoted where a shell needs it."""
    return shlex.join(words)


def spaced(values: FloatArray) -> str:
    """``np.linspace(low, high, count)``."""
    return f"np.linspace({number(values[0])}, {number(values[-1])}, {len(values)})"
