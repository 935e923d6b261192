"""The tree of layers inside a layer: walked, and written down."""

from __future__ import annotations

from collections.abc import Iterator
from inspect import Parameter as Argument
from inspect import signature
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from dezero_nn.layers.layer import Layer

__all__ = ["MEMBERS", "children", "describe_settings", "tree_text", "walk"]

#: The attribute in which containers of layers keep them; it is no part of paths.
MEMBERS = "_members"

_EMPTY = Argument.empty
_SIMPLE = (bool, int, float, str, type(None))


def children(layer: Layer) -> Iterator[tuple[str, Layer]]:
    """Yield the layers that a layer has as attributes, or in these, with their paths.

    What stands alone comes before what stands in containers, as with parameters.
    """
    attributes = layer.__dict__
    containers = []
    for name in layer._params:
        value: Any = attributes.get(name)
        if hasattr(value, "namedlayers"):
            yield name, value
        elif isinstance(value, (list, tuple, dict)):
            containers.append(("" if name == MEMBERS else f"{name}/", value))
    for prefix, container in containers:
        yield from _children_in(prefix, container)


def _children_in(prefix: str, container: Any) -> Iterator[tuple[str, Layer]]:
    items = container.items() if isinstance(container, dict) else enumerate(container)
    for key, item in items:
        if hasattr(item, "namedlayers"):
            yield f"{prefix}{key}", item
        elif isinstance(item, (list, tuple, dict)):
            yield from _children_in(f"{prefix}{key}/", item)


def walk(layer: Layer, path: str, seen: set[int]) -> Iterator[tuple[str, Layer]]:
    """Yield a layer and all inside, each once, with paths: outer ones before inner ones."""
    if id(layer) not in seen:
        seen.add(id(layer))
        yield path, layer
        for name, child in children(layer):
            yield from walk(child, f"{path}/{name}" if path else name, seen)


def tree_text(layer: Layer) -> str:
    """Write a layer down: a line for each layer inside, with its settings."""
    return "\n".join(_lines(layer, "", {}))


def _lines(layer: Layer, path: str, seen: dict[int, str]) -> Iterator[str]:
    seen[id(layer)] = path
    name = type(layer).__name__
    settings = describe_settings(layer)
    steps = [*children(layer), *_functions(layer)]
    if not steps:
        yield f"{name}({settings})"
        return
    # In the order of the attributes; a stable sort leaves what stands in containers behind.
    order = {key: i for i, key in enumerate(layer.__dict__)}
    steps.sort(key=lambda step: order.get(step[0], len(order)))
    yield f"{name}({settings}"
    for key, step in steps:
        inner = f"{path}/{key}" if path else key
        if not hasattr(step, "namedlayers"):
            yield f"  {key}: {_text(step)}"
        elif id(step) in seen:
            yield f"  {key}: {type(step).__name__}, the same as {seen[id(step)] or 'the whole'}"
        else:
            lines = _lines(step, inner, seen)
            yield f"  {key}: {next(lines)}"
            yield from (f"  {line}" for line in lines)
    yield ")"


def _functions(layer: Layer) -> list[tuple[str, Any]]:
    """Return the steps of a chain of layers that are no layers."""
    names = getattr(layer, "_step_names", ())
    steps = [(name, getattr(layer, name)) for name in names]
    return [(name, step) for name, step in steps if not hasattr(step, "namedlayers")]


def describe_settings(layer: Layer) -> str:
    """Write down the arguments that a layer was made with, as far as its attributes tell them.

    An attribute tells an argument if it has its name. Defaults, and arrays, are left out.
    """
    try:
        arguments = signature(type(layer).__init__).parameters.values()
    except (TypeError, ValueError):
        return ""
    texts = []
    for argument in arguments:
        value = layer.__dict__.get(argument.name, _EMPTY)
        if argument.kind in (Argument.VAR_POSITIONAL, Argument.VAR_KEYWORD) or value is _EMPTY:
            continue
        if _same(value, argument.default):
            continue
        text = _text(value)
        if text is not None:
            texts.append(f"{argument.name}={text}")
    return ", ".join(texts)


def _text(value: Any) -> str | None:
    if isinstance(value, (np.dtype, np.generic)):
        return str(value)
    if isinstance(value, _SIMPLE):
        return repr(value)
    if isinstance(value, (tuple, list)):
        texts = [_text(item) for item in value]
        if None in texts or len(texts) > 8:
            return None
        return f"({', '.join(map(str, texts))}{',' * (len(texts) == 1)})"
    if hasattr(value, "namedlayers") or hasattr(value, "shape") or isinstance(value, dict):
        return None
    name = getattr(value, "__name__", None)
    return name if isinstance(name, str) else repr(value).partition("\n")[0]


def _same(value: Any, default: Any) -> bool:
    if default is _EMPTY:
        return False
    if value is default:
        return True
    if isinstance(value, np.dtype):
        return bool(value == np.dtype(default))
    if isinstance(value, tuple) and isinstance(default, int):  # a pair, given as one number
        return all(n == default for n in value)
    return isinstance(value, _SIMPLE) and type(value) is type(default) and value == default
