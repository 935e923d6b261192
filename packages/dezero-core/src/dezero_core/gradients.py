"""Gradients of variables: what `Variable.backward` and the functional transforms share.

The engine propagates; here its gradients get their seeds, their shapes and dtypes, and, at the
end, their places.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from threading import get_ident
from typing import Any

import numpy as np
from numpy import ndarray  # a module's own names are found sooner

from dezero_core import variable
from dezero_core.backend import backend_of, get_array_module
from dezero_core.config import current, using_config
from dezero_core.engine import propagate, reachable
from dezero_core.errors import GraphError, describe
from dezero_core.functions.broadcasting import broadcasts, sum_array_to, sum_to
from dezero_core.node import Node
from dezero_core.variable import Variable, variable_of

__all__ = ["adding_thread", "gradients_at", "gradients_of", "run_backward", "seed_for"]

#: The thread in which a gradient is about to go because its sum with a new one takes its place; as
#: a rule None. It tells those who hold a weak reference why the gradient goes.
adding_thread: int | None = None


def run_backward(root: Variable, retain_grad: bool, create_graph: bool) -> None:
    """Add the gradients of all leaves behind `root` to their `grad` (see `Variable.backward`)."""
    if current().autocast is not None:
        # Rules compute in the dtypes that the forward pass chose, wherever they run.
        with using_config("autocast", None):
            return run_backward(root, retain_grad, create_graph)
    node = root._node
    if node is None:
        raise GraphError(
            "backward: there is no graph behind this variable. It is a constant, or it was "
            "computed under no_grad(), from constants alone, by an operation without gradient, "
            "or as a gradient without create_graph=True"
        )
    if type(root._data) is not ndarray:
        _check_place(root._data)
    given = getattr(node, "grad", None) if node.plan is not None else None
    seed = seed_for(root) if given is None else given._data
    inner: list[tuple[Node, Any]] = []
    retain = (lambda *pair: inner.append(pair)) if retain_grad else None
    if create_graph:
        seed = variable_of(seed, None) if given is None else given
        with _recording():
            leaves = propagate([(node, seed)], _fit, recording=True, retain=retain)
            for leaf, gradient in leaves.items():
                if getattr(leaf, "grad", None) is None:
                    leaf.grad = gradient
                else:
                    gradient = leaf.grad + gradient
                    _replace(leaf, gradient)
                # What depends on nothing has zero derivatives: no error, if it comes to that.
                if gradient._node is None:
                    gradient.requires_grad = True
    else:
        leaves = propagate([(node, seed)], _fit, retain=retain)
        for leaf, gradient in _own(leaves, seed).items():
            if getattr(leaf, "grad", None) is None:
                leaf.grad = variable_of(gradient, None)
            else:
                # Never in place: somebody may hold the old gradient (book, appendix A).
                total = leaf.grad._data + gradient  # type: ignore[union-attr]
                _replace(leaf, variable_of(total, None))
    if given is not None and not retain_grad:
        node.grad = None
    for result, gy in inner:
        if not result.is_bundle:
            # A copy: rules hand the same array on, to where somebody may change it.
            result.grad = gy if create_graph else variable_of(gy.copy(), None)


def _replace(leaf: Node, total: Variable) -> None:
    global adding_thread
    adding_thread = get_ident()
    leaf.grad = total
    adding_thread = None


def gradients_of(
    outputs: Iterable[tuple[Variable, Any]], targets: list[Variable], *, create_graph: bool = False
) -> list[Variable | None]:
    """Return gradients with respect to chosen variables; no variable's `grad` is touched.

    Args:
        outputs: Variables, each with its seed: an array, or a Variable when `create_graph`.
        targets: Leaves, or results that the outputs were computed from.
        create_graph: Whether the gradients can be differentiated again.

    Returns:
        The gradient of each target; None where no output depends on it.
    """
    seeds = [(y._node, seed) for y, seed in outputs if y._node is not None]
    nodes = [target._node for target in targets]
    present = [node for node in nodes if node is not None]
    wanted = reachable([node for node, _ in seeds], present)
    found = gradients_at(seeds, present, wanted, create_graph)
    return [None if node is None else found.get(node) for node in nodes]


def gradients_at(
    seeds: Iterable[tuple[Node, Any]], targets: list[Node], wanted: set[Node], create_graph: bool
) -> dict[Node, Variable]:
    """Return the gradients that arrive at some nodes.

    Args:
        seeds: The nodes to start from, with their gradients: arrays, or Variables when
            `create_graph`.
        targets: The nodes asked for.
        wanted: What `dezero_core.engine.reachable` finds for these.
        create_graph: Whether the gradients can be differentiated again.
    """
    if current().autocast is not None:
        with using_config("autocast", None):
            return gradients_at(seeds, targets, wanted, create_graph)
    inner: dict[Node, Any] = {}

    def retain(node: Node, gy: Any) -> None:
        if node in targets:
            inner[node] = gy

    seeds = [(node, seed) for node, seed in seeds if node in wanted]
    with _recording() if create_graph else nullcontext():
        leaves = propagate(
            seeds,
            _fit,
            recording=create_graph,
            wanted=wanted,
            retain=None if all(node.plan is None for node in targets) else retain,
        )
    found = {node: g for node, g in {**leaves, **inner}.items() if node in targets}
    if create_graph:
        return found
    found = _own(found, *[seed for _, seed in seeds])
    return {node: variable_of(g, None) for node, g in found.items()}


def _check_place(array: Any) -> None:
    """Make sure that rules run where a graph's arrays lie, as operations do."""
    check_devices = getattr(backend_of(array), "check_devices", None)
    if check_devices is not None:
        check_devices([array], "backward")


def _recording() -> AbstractContextManager[None]:
    # It is switched on already, as a rule.
    return nullcontext() if current().enable_backprop else using_config("enable_backprop", True)


def seed_for(root: Variable) -> Any:
    """Return ones, the seed of a backward pass, in the shape, dtype and place of a variable."""
    data = root._data
    if type(data) is ndarray or isinstance(data, np.generic):
        return np.ones(data.shape, data.dtype) if data.shape else data.dtype.type(1)
    return get_array_module(data).ones_like(data)


def _fit(g: Any, parent: Node, node: Node) -> Any:
    """Return a gradient in the shape and dtype of the parent's result.

    Broadcasting is undone here, for all rules.
    """
    if g.shape != parent.shape:
        shape = parent.shape
        # A bias, that is new axes in front, is by far the most frequent case.
        if g.shape[len(g.shape) - len(shape) :] != shape and not broadcasts(shape, g.shape):
            raise ValueError(
                f"backward of {node.plan.name if node.plan else 'leaf'}: a rule returned a "
                f"gradient {describe(g)} for an operand of shape {list(shape)}"
            )
        g = sum_to(g, shape) if isinstance(g, Variable) else sum_array_to(g, shape)
    # An integer operand's gradient may well be a fraction; a float's keeps its precision.
    if g.dtype != parent.dtype and g.dtype.kind in "fV" and parent.dtype.kind in "fV":
        g = g.astype(parent.dtype)
    return g


def _own(leaves: dict[Node, Any], *seeds: Any) -> dict[Node, Any]:
    """Return the gradients so that none shares memory with another, and all can be written to.

    Rules hand the same array on, and views of it; hooks change gradients in place.
    """
    seen = set(map(_base, seeds))
    for node, g in leaves.items():
        base = _base(g)
        # A view may show one number many times, as a sum's gradient does.
        if base in seen or (g.base is not None and 0 in g.strides):
            leaves[node] = g.copy()
        seen.add(base)
    return leaves


def _base(array: Any) -> int:
    return id(array if array.base is None else array.base)


# Variables come first in the order of imports, and what their backward() needs comes last.
variable._run_backward = run_backward
