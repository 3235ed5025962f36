"""Read the numbered equations of a documentation page and evaluate them as printed.

Enough of TeX for closed forms: sums, products (juxtaposed too), quotients, fractions, roots, powers, |x|
and max.
A name is whatever the table of names says it is, so that ``\\alpha^\\star`` is one symbol and no power.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import mpmath

LABELLED = re.compile(r"^\$\$\n(?P<tex>.*?)\n\$\$ \((?P<label>[\w-]+)\)$", re.MULTILINE | re.DOTALL)
LAYOUT = re.compile(r"\\[,;:!]|&|\\(?:[bB]igg?[lr]?|left|right|quad|(?:begin|end)\{aligned\})(?![a-zA-Z])")
TOKEN = re.compile(r"\s*(?:(?P<name>«[^»]*»)|(?P<number>\d+)|(?P<command>\\[a-zA-Z]+)|(?P<other>\S))")


def equations(page: Path) -> dict[str, str]:
    """TeX source of every labelled equation of a page, by label, in order."""
    return {match["label"]: match["tex"] for match in LABELLED.finditer(page.read_text(encoding="utf-8"))}


def chains(tex: str, names: Mapping[str, str]) -> Iterator[list[str]]:
    """The equalities A = B = ... of an equation, as lists of expressions with all names marked."""
    for part in re.split(r"\\qquad|\\\\|, *&|, *$", tex.replace("\n", " ").strip()):
        if "=" in part:
            text = part
            for symbol in sorted(names, key=len, reverse=True):  # the longest first: m_\alpha before \alpha
                text = _replace(text, symbol, names[symbol])
            yield [LAYOUT.sub(" ", side).strip().rstrip(",.").strip() for side in text.split("=")]


def _replace(text: str, symbol: str, name: str) -> str:
    # Not inside a mark that is already there, nor in the middle of a TeX command.
    ahead = r"(?![a-zA-Z])" if re.match(r".*\\[a-zA-Z]+$", symbol) else ""
    behind = r"(?<![\\a-zA-Z])" if symbol[0] != "\\" else ""
    pattern = re.compile(rf"«[^»]*»|\\[a-zA-Z]+\{{aligned\}}|{behind}{re.escape(symbol)}{ahead}")
    return pattern.sub(lambda m: m[0] if m[0][0] == "«" or m[0].endswith("{aligned}") else f"«{name}»", text)


def evaluate(expression: str, values: Mapping[str, Any]) -> Any:
    """The value of an expression made by `chains`; KeyError names a symbol without value."""
    return _Parser(expression, values).whole()


def check(tex: str, names: Mapping[str, str], values: Mapping[str, Any], tolerance: Any) -> int:
    """Check all equalities of an equation; return how many there were.

    A symbol without value that is alone on its side gets one from the other side, for the rest of the
    equation.
    """
    values, checked = dict(values), 0
    pending = list(chains(tex, names))
    while pending:
        waiting = []
        for sides in pending:
            try:
                checked += _check_chain(sides, values, tolerance)
            except KeyError:  # perhaps another part of the equation defines the symbol
                waiting.append(sides)
        if len(waiting) == len(pending):
            raise ValueError(f"symbols without value in {waiting}")
        pending = waiting
    return checked


def _check_chain(sides: list[str], values: dict[str, Any], tolerance: Any) -> int:
    new = [side for side in sides if re.fullmatch("«[^»]*»", side) and side[1:-1] not in values]
    found = [evaluate(side, values) for side in sides if side not in new]
    for side in new:
        values[side[1:-1]] = found[0]
    for value in found[1:]:
        error = abs(value - found[0])
        if not error <= tolerance * max(1, abs(value)):
            raise AssertionError(f"{' = '.join(sides)} is wrong by {mpmath.nstr(error, 3)}")
    return len(found) - 1


class _Parser:
    """Recursive descent: sum, product, power, atom."""

    def __init__(self, expression: str, values: Mapping[str, Any]) -> None:
        self.values = values
        self.source = expression
        self.tokens = [match[match.lastgroup or 0] for match in TOKEN.finditer(expression)]
        self.at = 0

    def whole(self) -> Any:
        value = self.sum()
        if self.at < len(self.tokens):
            raise ValueError(f"cannot read {self.tokens[self.at :]} in {self.source!r}")
        return value

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, *expected: str) -> str:
        token = self.peek()
        if expected and token not in expected:
            raise ValueError(f"expected {expected}, got {token!r} in {self.source!r}")
        self.at += 1
        return token

    def sum(self) -> Any:
        sign = -1 if self.peek() == "-" and self.take() else 1
        value = sign * self.product()
        while self.peek() in ("+", "-"):
            value = value + self.product() if self.take() == "+" else value - self.product()
        return value

    def product(self) -> Any:
        value = self.power()
        while (token := self.peek()) not in ("", "+", "-", ")", "]", "}", ",", "\\rvert"):
            if token == "/":
                self.take()
                value = value / self.power()
            else:
                if token == "\\cdot":
                    self.take()
                value = value * self.power()
        return value

    def power(self) -> Any:
        value = self.atom()
        if self.peek() == "^":
            self.take()
            value = value ** self.argument()
        return value

    def argument(self) -> Any:
        """One token, as TeX takes it, or a group in braces."""
        if self.peek() == "{":
            return self.bracketed("{", "}")
        token = self.take()
        if token.isdigit():  # \frac12 is one half
            self.at -= 1
            self.tokens[self.at : self.at + 1] = list(token)
            return mpmath.mpf(self.take())
        return self.named(token)

    def bracketed(self, opening: str, closing: str) -> Any:
        self.take(opening)
        value = self.sum()
        self.take(closing)
        return value

    def named(self, token: str) -> Any:
        if not token.startswith("«"):
            raise ValueError(f"unknown symbol {token!r} in {self.source!r}")
        return self.values[token[1:-1]]

    def atom(self) -> Any:
        token = self.peek()
        for opening, closing in (("(", ")"), ("[", "]"), ("{", "}")):
            if token == opening:
                return self.bracketed(opening, closing)
        self.take()
        if token.isdigit():
            return mpmath.mpf(token)
        if token in ("\\frac", "\\tfrac"):
            numerator = self.argument()
            return numerator / self.argument()
        if token == "\\sqrt":
            return mpmath.sqrt(self.argument())
        if token == "\\lvert":
            value = abs(self.sum())
            self.take("\\rvert")
            return value
        if token == "\\max":
            self.take("(")
            first = self.sum()
            self.take(",")
            second = self.sum()
            self.take(")")
            return max(first, second)
        return self.named(token)
