"""Public signatures are typed with real types: an editor completes what `problem.curve()` returns."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import rmt_alpha

API = (Path(__file__).parents[1] / "docs" / "api.md").read_text(encoding="utf-8")


def documented() -> dict[str, Any]:
    """What the page of the API names: in its lists, or in a sentence that also names the module."""
    listed = re.findall(r"^ +([\w.]+)$", API, re.MULTILINE)
    dotted = re.findall(r"`(rmt_alpha\.\w[\w.]+\w)`", API.replace("rmt_alpha.lora", ""))
    found = {name: pkgutil.resolve_name(f"rmt_alpha.{name}") for name in listed}
    found |= {name: pkgutil.resolve_name(name) for name in dotted}
    modules = [importlib.import_module(getattr(value, "__module__", name)) for name, value in found.items()]
    words = re.findall(r"`(\w+)`", API)
    found |= {word: getattr(module, word) for word in words for module in modules if hasattr(module, word)}
    return {name: value for name, value in found.items() if callable(value)}


PUBLIC = documented() | {name: getattr(rmt_alpha, name) for name in rmt_alpha.__all__}


def callables_of(name: str, value: Any) -> dict[str, Callable[..., Any]]:
    """A public function, or the constructor, methods and properties of a public class of ours."""
    if not inspect.isclass(value):
        return {name: value}
    found: dict[str, Callable[..., Any]] = {}
    construct = inspect.getattr_static(value, "__init__")
    if inspect.isfunction(construct) and construct.__module__.startswith("rmt_alpha"):
        found[f"{name}()"] = construct
    for owner in value.__mro__:
        if not owner.__module__.startswith("rmt_alpha"):
            continue
        for member, held in vars(owner).items():
            inner = (
                getattr(held, "fget", None) or getattr(held, "func", None) or getattr(held, "__func__", held)
            )
            if not member.startswith("_") and inspect.isfunction(inner):
                found.setdefault(f"{name}.{member}", inner)
    return found


def untyped(functions: dict[str, Callable[..., Any]]) -> list[str]:
    """Parameters and returns that are `Any`, or say nothing."""
    found = []
    for name, function in functions.items():
        signature = inspect.signature(function)
        for parameter in signature.parameters.values():
            bare = parameter.annotation is parameter.empty or is_any(parameter.annotation)
            if bare and parameter.name not in ("self", "cls"):
                found.append(f"{name}({parameter.name})")
        returned = signature.return_annotation
        if is_any(returned) or (returned is signature.empty and not name.endswith("()")):
            found.append(f"{name} ->")
    return found


def is_any(annotation: object) -> bool:
    """Whether it is `Any`, alone or as one of several; inside of a container it says at least that."""
    text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))
    outside = re.sub(r"\[[^\[\]]*\]", "", re.sub(r"\[[^\[\]]*\]", "", text))
    return bool(re.search(r"\bAny\b", outside))


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_public_signatures_have_types(name):
    assert untyped(callables_of(name, PUBLIC[name])) == []


def test_sentences_of_the_page_are_read_too():
    assert {
        "problems.losses.Huber",
        "run_study",
        "load_digit_pair",
        "embed",
        "errors.ConvergenceError",
    } <= set(PUBLIC)


def test_public_signatures_of_the_adapter_have_types():
    pytest.importorskip("peft")
    lora = importlib.import_module("rmt_alpha.lora")
    for name in lora.__all__:
        assert untyped(callables_of(name, getattr(lora, name))) == []


def test_a_signature_without_types_would_be_seen():
    def wrong(a, b: Any, c: Any | None = None, *, d: dict[str, Any]) -> Any: ...

    assert untyped({"wrong": wrong}) == ["wrong(a)", "wrong(b)", "wrong(c)", "wrong ->"]
