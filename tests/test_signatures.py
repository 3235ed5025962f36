"""Public signatures are typed with real types: an editor completes what `problem.curve()` returns."""

from __future__ import annotations

import inspect
import re

import pytest

import rmt_alpha


def callables_of(name: str) -> dict[str, object]:
    """A public function, or the constructor, methods and properties of a public class of ours."""
    value = getattr(rmt_alpha, name)
    if not inspect.isclass(value):
        return {name: value}
    found = {f"{name}()": value.__init__} if value.__init__ is not object.__init__ else {}
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


def untyped(functions: dict[str, object]) -> list[str]:
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


@pytest.mark.parametrize("name", rmt_alpha.__all__)
def test_public_signatures_have_types(name):
    assert untyped(callables_of(name)) == []


def test_a_signature_without_types_would_be_seen():
    def wrong(a, b: Any, c: Any | None = None, *, d: dict[str, Any]) -> Any: ...  # type: ignore[name-defined]  # noqa: F821

    assert untyped({"wrong": wrong}) == ["wrong(a)", "wrong(b)", "wrong(c)", "wrong ->"]
