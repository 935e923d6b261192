"""The book's way to define an operation: a class with `forward` and `backward`."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from typing import Any

from dezero_core.backend import get_array_module
from dezero_core.config import current, using_config
from dezero_core.errors import GraphError, describe, explain
from dezero_core.node import Bundle, Node, leaf, output_nodes
from dezero_core.typing import Array, ArrayLike
from dezero_core.variable import Variable, as_array, as_variable, variable_of

__all__ = ["Function"]


class Function:
    """Base class of operations that are written as classes (book steps 2 to 36).

    A subclass computes arrays from arrays in `forward`, and Variables from Variables in `backward`.
    An instance stands for one call. The shorter way, which keeps less memory and runs on all
    backends alike, is `dezero_core.primitive`.

    Attributes:
        inputs: The Variables that it was called with.
        outputs: For each result a function without arguments that returns its Variable.

    Example:
        >>> class Square(Function):
        ...     def forward(self, x):
        ...         return x**2
        ...
        ...     def backward(self, gy):
        ...         (x,) = self.inputs
        ...         return 2 * x * gy
        >>> x = Variable(as_array(3.0))
        >>> y = Square()(x)
        >>> y.backward()
        >>> y, x.grad
        (variable(9.0), variable(6.0))
    """

    inputs: tuple[Variable, ...]
    outputs: tuple[Callable[[], Variable | None], ...]

    def forward(self, *xs: Array) -> Any:
        """Compute the result, or a tuple of results, from arrays."""
        raise NotImplementedError(f"{type(self).__name__} has no method forward(self, *arrays)")

    def backward(self, *gys: Any) -> Any:
        """Compute the gradients of the inputs from those of the results.

        Compute with Variables, and with what `inputs` and `outputs` hold, so that the gradients
        can be differentiated again. A result that nothing was computed from has gradient zero.

        Returns:
            A gradient, or None, for each input: a tuple, unless there is one input.
        """
        raise NotImplementedError(f"{type(self).__name__} has no method backward(self, *gys)")

    def __call__(self, *inputs: ArrayLike) -> Any:
        """Compute, and record unless recording is off.

        Returns:
            A Variable, or a list of them if there are several results.
        """
        name = type(self).__name__
        variables = tuple([x if isinstance(x, Variable) else _constant(x) for x in inputs])
        arrays = [x.data for x in variables]
        named = {f"inputs[{i}]": x for i, x in enumerate(arrays)}
        mode = current()
        if mode.watcher is not None:
            mode.watcher.before_forward(name)
        try:
            ys = self.forward(*arrays)
            results = tuple(map(_as_result, ys if isinstance(ys, tuple) else (ys,)))
        except Exception as error:
            raise explain(error, name, named) from error

        node = None
        nodes: list[Node | None] = [None] * len(results)
        if mode.enable_backprop and any(x._node is not None for x in variables):
            parents = [x._node for x in variables]
            y = results[0]
            if len(results) == 1:
                node = Node(_FunctionPullback(self), parents, results, y.shape, y.dtype)
                nodes = [node]
            else:
                node = Node(_FunctionPullback(self), parents, results, (), None)
                nodes = [*output_nodes(node, results)]
            self.inputs = variables
        if mode.watcher is not None:
            mode.watcher.after_forward(name, named, results, node)
        outputs = list(map(variable_of, results, nodes))
        self.outputs = tuple(map(weakref.ref, outputs))
        return outputs[0] if len(outputs) == 1 else outputs


class _FunctionPullback:
    """Lets the engine call `Function.backward`."""

    __slots__ = ("function",)

    def __init__(self, function: Function) -> None:
        self.function = function

    @property
    def name(self) -> str:
        return type(self.function).__name__

    def pull(
        self, node: Node, gy: Any, recording: bool, wanted: set[Node] | None
    ) -> list[tuple[Node, Any]]:
        function = self.function
        gys = self._as_variables(node, gy, recording)
        references = function.outputs
        # The user may have dropped a result that backward() wants to see.
        nodes = output_nodes(node, node.saved) if isinstance(gy, Bundle) else [node]
        function.outputs = tuple(
            [
                reference if reference() is not None else _Held(variable_of(y, origin))
                for reference, y, origin in zip(references, node.saved, nodes, strict=True)
            ]
        )
        try:
            if recording:
                gxs = function.backward(*gys)
            else:
                with using_config("enable_backprop", False):
                    gxs = function.backward(*gys)
        except Exception as error:
            named = {f"gys[{i}]": g for i, g in enumerate(gys)}
            raise explain(error, f"backward of {self.name}", named) from error
        finally:
            function.outputs = references
        gxs = gxs if isinstance(gxs, (tuple, list)) else (gxs,)
        if len(gxs) != len(node.parents):
            raise GraphError(
                f"backward of {self.name}: it returned {len(gxs)} gradients for "
                f"{len(node.parents)} inputs"
            )
        return [
            (parent, self._checked(gx, recording))
            for parent, gx in zip(node.parents, gxs, strict=True)
            if parent is not None and gx is not None and (wanted is None or parent in wanted)
        ]

    def _as_variables(self, node: Node, gy: Any, recording: bool) -> list[Variable]:
        parts = gy.parts if isinstance(gy, Bundle) else [gy]
        gys = []
        for part, y in zip(parts, node.saved, strict=True):
            if part is None:
                part = get_array_module(y).zeros_like(y)
            g = part if isinstance(part, Variable) else variable_of(part, None)
            if recording and g._node is None:
                # A leaf, so that `_checked` can tell whether backward() computed with it.
                g = variable_of(g._data, leaf(g._data))
            gys.append(g)
        return gys

    def _checked(self, gx: Any, recording: bool) -> Any:
        if not recording:
            return gx._data if isinstance(gx, Variable) else as_array(gx)
        gx = gx if isinstance(gx, Variable) else _constant(gx)
        if gx._node is None and bool((gx.data != 0).any()):
            raise GraphError(
                f"backward of {self.name}: the gradient ({describe(gx)}) was computed with plain "
                "arrays, so it can not be differentiated again, as create_graph=True asks. "
                "Compute with the Variables in gys, self.inputs and self.outputs"
            )
        return gx

    def saved_operands(self, node: Node) -> Iterator[tuple[str, Node, Any]]:
        for i, x in enumerate(self.function.inputs):
            if x._node is not None:
                yield f"inputs[{i}]", x._node, x._data


class _Held:
    """What a weak reference would be to a Variable that still lives."""

    __slots__ = ("_variable",)

    def __init__(self, variable: Variable) -> None:
        self._variable = variable

    def __call__(self) -> Variable:
        return self._variable


def _as_result(y: Any) -> Array:
    """Return one result of a forward method; a number, such as NumPy makes of 0-d arrays, too."""
    if y is None:
        raise TypeError("forward() returned None, not an array")
    return as_variable(as_array(y)).data


def _constant(x: Any) -> Variable:
    return variable_of(as_variable(as_array(x))._data, None)
