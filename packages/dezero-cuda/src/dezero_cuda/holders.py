"""Who holds the memory of a device: arrays by the names that people know them by.

All that lives is looked through, so this is for the moment when memory has run out, and for a look
now and then.
"""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterable
from typing import Any, NamedTuple

from dezero_core import Variable
from dezero_core.errors import describe
from dezero_core.node import Node

__all__ = ["Holder", "list_holders"]


class Holder(NamedTuple):
    """Some memory, and whose it is.

    Attributes:
        size: In bytes.
        name: ``"parameter ResNet50: fc6/W (float32[2048, 1000])"``, the gradient of one, what is
            saved for the backward pass of an operation, a variable, or an array of nobody known.
    """

    size: int
    name: str


def list_holders(kind: type, limit: int = 10) -> list[Holder]:
    """Find the largest arrays that live, with names.

    Parameters are named by the path in the outermost layer. What several things hold is counted
    once. Saved arrays are summed by operation.

    Args:
        kind: The class of the arrays.
        limit: How many to return.

    Returns:
        The holders, the largest first.
    """
    # A proxy of what is gone raises whatever it is asked.
    objects = [x for x in gc.get_objects() if type(x) not in weakref.ProxyTypes]
    # By the identity of what owns the memory; the first name that is found stays, so those that
    # say most come first.
    sizes: dict[int, int] = {}
    roots: list[Any] = []  # held, so that no other object gets their identity
    names: dict[int, str] = {}
    for x in objects:
        if isinstance(x, kind):
            root = _root(x)
            roots.append(root)
            sizes[id(root)] = int(root.nbytes)

    def name(array: Any, text: str, *, with_shape: bool = True) -> None:
        if isinstance(array, kind):
            end = f" ({describe(array)})" if with_shape else ""
            names.setdefault(id(_root(array)), text + end)

    variables = [x for x in objects if isinstance(x, Variable)]
    for path, parameter in _parameters(objects):
        name(parameter.data, f"parameter {path}")
        name(getattr(parameter.grad, "data", None), f"gradient of {path}")
    for variable in variables:
        if variable.name is not None:
            name(variable.data, f"variable {variable.name!r}")
            name(getattr(variable.grad, "data", None), f"gradient of {variable.name!r}")
    for node in objects:
        if isinstance(node, Node) and node.plan is not None:
            for array in _flat(node.saved):
                text = f"saved for the backward pass of {node.plan.name}"
                name(array, text, with_shape=False)
    for variable in variables:
        creator = variable.creator
        plan = getattr(creator, "plan", None)  # a function of the user's has none
        operation = type(creator).__name__ if plan is None else plan.name
        made = "" if creator is None else f", a result of {operation}"
        name(variable.data, f"a variable{made}")
    totals: dict[str, list[int]] = {}
    for key, size in sizes.items():
        totals.setdefault(names.get(key, "an array of no variable"), []).append(size)
    found = [
        Holder(sum(parts), text + (f", {len(parts)} of them" if len(parts) > 1 else ""))
        for text, parts in totals.items()
    ]
    return sorted(found, key=lambda holder: (-holder.size, holder.name))[:limit]


def _root(array: Any) -> Any:
    return array if array.base is None else array.base


def _flat(values: Iterable[Any]) -> Iterable[Any]:
    for value in values:
        if isinstance(value, (tuple, list)):
            yield from _flat(value)
        else:
            yield value


def _parameters(objects: list[Any]) -> list[tuple[str, Variable]]:
    """Return all parameters of layers with their longest paths."""
    found: dict[int, tuple[int, str, Variable]] = {}
    for x in objects:
        kind = type(x)
        # Anything with paths and parameters, as dezero_core.details knows layers.
        if callable(getattr(kind, "namedparams", None)) and hasattr(kind, "namedlayers"):
            for path, parameter in x.namedparams():
                depth = path.count("/")
                if id(parameter) not in found or depth > found[id(parameter)][0]:
                    found[id(parameter)] = (depth, f"{kind.__name__}: {path}", parameter)
    return [(text, parameter) for _, text, parameter in found.values()]
