"""What the layers of a model compute, found in the graph that is recorded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from dezero_core import Variable, test_mode, using_config
from dezero_core.backend import as_numpy
from dezero_core.errors import describe
from dezero_core.graph import Graph, build_graph, record_details

__all__ = ["layer_outputs"]


def layer_outputs(model: Any, *inputs: Any) -> dict[str, Any]:
    """Run a model, in test mode, and return what each of its layers computed.

    An activation function that is no layer shows by the layer that it follows: ``"relu(l0)"``.
    Layers that do nothing but call one other are left out, and so is what no output depends on.
    The outputs of a layer that is called many times, as by a network over time, are joined along
    their first axis; where they differ in shape, they are apart: ``"l0"`` and ``"l0 (2)"``.

    Args:
        model: A layer, or anything that calls layers (those of dezero-nn, or your own that have
            ``namedlayers()`` and announce themselves by `dezero_core.details.layer_call`).
        *inputs: What the model is called with. Arrays of floating-point numbers are made Variables.

    Returns:
        NumPy arrays by the path of the layer, in the order of computation. Convolutions have
        (N, C, H, W), so ``outputs["conv1"][0]`` are the feature maps of the first image.

    Raises:
        TypeError: The model cannot be called, or returned no Variables.
        ValueError: The model called no layers.

    Example:
        >>> from dezero_core.details import layer_call
        >>> class Double:
        ...     def namedlayers(self):
        ...         return iter([("", self)])
        ...
        ...     def __call__(self, x):
        ...         with layer_call(self):
        ...             return x * 2
        >>> layer_outputs(Double(), np.array([1.0, 2.0]))
        {'Double': array([2., 4.])}
    """
    if not callable(model):
        raise TypeError(f"layer_outputs: the model cannot be called, got {describe(model)}")
    with test_mode(), using_config("enable_backprop", True), record_details(keep_values=True):
        outputs = _outputs_of(model(*_as_inputs(inputs)))
    graph = build_graph(*outputs)
    if not graph.layers:
        raise ValueError(
            "layer_outputs: no layer was called; the model must be a layer, or call layers"
        )
    groups: dict[tuple[str, tuple[int, ...]], list[Any]] = {}
    for key, label in sorted(_labels(graph).items()):
        value = graph.value(key)
        if value is not None:
            array = as_numpy(value)
            groups.setdefault((label, array.shape[1:]), []).append(array)
    found: dict[str, Any] = {}
    for (label, _), arrays in groups.items():
        name, number = label, 1
        while name in found:
            number += 1
            name = f"{label} ({number})"
        many = len(arrays) > 1
        found[name] = np.concatenate(list(map(np.atleast_1d, arrays))) if many else arrays[0]
    return found


def _as_inputs(inputs: tuple[Any, ...]) -> list[Any]:
    """Return a model's inputs with Variables for arrays of floats: so all of it is recorded."""
    found = []
    for x in inputs:
        kind = getattr(getattr(x, "dtype", None), "kind", "")
        is_array = not isinstance(x, Variable) and kind == "f"
        found.append(Variable(x) if is_array else x)
    return found


def _outputs_of(y: Any) -> list[Variable]:
    """Return the Variables that a model returned, alone or in a tuple, list or dictionary."""
    several = y.values() if isinstance(y, Mapping) else y if isinstance(y, tuple | list) else [y]
    found = [item for item in several if isinstance(item, Variable)]
    if not found:
        raise TypeError(f"layer_outputs: the model must return a Variable, got {type(y).__name__}")
    return found


def _labels(graph: Graph) -> dict[int, str]:
    """Return which variables are a layer's outputs, and what they are called."""
    forward = [operation for operation in graph.operations if operation.derivative == 0]
    scope_of = {key: operation.scope for operation in forward for key in operation.outputs}
    readers: dict[int, list[str]] = {}
    for operation in forward:
        for key in operation.inputs:
            readers.setdefault(key, []).append(operation.scope)
    labels: dict[int, str] = {}
    # Inner layers first: what an outer one only hands on is the inner one's.
    for path in sorted(graph.layers, key=lambda path: path.count("/") + bool(path), reverse=True):
        if path == "" and len(graph.layers) > 1:
            continue  # the model itself
        for key, scope in scope_of.items():
            if _is_inside(scope, path) and not (
                readers.get(key) and all(_is_inside(reader, path) for reader in readers[key])
            ):
                labels.setdefault(key, path or graph.layers[path])
    kinds = {variable.key: variable for variable in graph.variables}
    for operation in forward:
        # One operand, elementwise: an activation function. Numbers are settings of it.
        operands = [key for key in operation.inputs if kinds[key].kind != "constant"]
        if len(operands) == 1 and len(operation.outputs) == 1 and operands[0] in labels:
            (key,) = operation.outputs
            inner = labels[operands[0]]
            is_elementwise = kinds[key].shape == kinds[operands[0]].shape
            if key not in labels and is_elementwise and operation.scope != inner:
                labels[key] = f"{operation.name}({inner})"
    return labels


def _is_inside(scope: str, path: str) -> bool:
    return path == "" or scope == path or scope.startswith(f"{path}/")
