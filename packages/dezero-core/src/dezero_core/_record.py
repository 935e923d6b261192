"""The graph of a function at a point, and the way back through it: what the transforms share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from operator import index
from typing import Any

from dezero_core.backend import get_array_module
from dezero_core.config import current, using_config
from dezero_core.engine import reachable
from dezero_core.errors import describe
from dezero_core.gradients import gradients_at
from dezero_core.node import Node, leaf
from dezero_core.primitive import primitive
from dezero_core.typing import Array, ArrayLike, Shape
from dezero_core.variable import Variable, as_variable, variable_of

__all__ = ["Record", "match", "pack", "unpack", "zeros_for"]

# How many transforms are running a function of the user's in this context.
_depth: ContextVar[int] = ContextVar("dezero_transforms", default=0)


def _run(f: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """Call the user's function, recorded, as transforms in there will be."""
    token = _depth.set(_depth.get() + 1)
    try:
        if current().enable_backprop:
            return f(*args, **kwargs)
        with using_config("enable_backprop", True):
            return f(*args, **kwargs)
    finally:
        _depth.reset(token)


@primitive
def _argument(xp: Any, x: ArrayLike) -> Any:
    """Return a Variable of its own for an argument, in the graph of the transform around.

    A function may use the same variable otherwise, too: that use is not differentiated.
    """
    return x


_argument.defvjp(lambda xp, gy: gy)


class Record:
    """The graph of a function at a point, and the way back through it.

    Attributes:
        inputs: The differentiated arguments, as the function got them.
        outputs: What it returned.
        has_several: Whether that was a tuple.
    """

    def __init__(
        self,
        name: str,
        f: Callable[..., Any],
        args: Sequence[Any],
        kwargs: dict[str, Any],
        argnums: int | Sequence[int],
        create_graph: bool,
    ) -> None:
        self._create_graph = create_graph
        positions = argnums if isinstance(argnums, Sequence) else (argnums,)
        filled = list(args)
        is_linked = self._is_recorded()
        for i in positions:
            if not -len(args) <= index(i) < len(args):
                raise IndexError(
                    f"{name}: there is no argument {i}, only {len(args)} positional ones"
                )
            if filled[i] is not args[i]:
                raise ValueError(f"{name}: argnums={argnums} names an argument twice")
            filled[i] = _differentiable(name, i, args[i], is_linked)
        y = _run(f, filled, kwargs)
        self.inputs: list[Variable] = [filled[i] for i in positions]
        self.has_several = isinstance(y, tuple)
        self.outputs: list[Variable] = list(y) if self.has_several else [y]
        for y in self.outputs:
            if not isinstance(y, Variable) or y.dtype.kind not in "fV":
                got = f"one of {y.dtype}" if isinstance(y, Variable) else str(type(y))
                raise TypeError(
                    f"{name}: the function must return a Variable of floating-point numbers, got "
                    f"{got}; compute with dezero_core.functions on its arguments, not on .data"
                )
        values = [y if is_linked else y.detach() for y in self.outputs]
        self.value: Any = pack(values, self.has_several)
        nodes = [y._node for y in self.outputs if y._node is not None]
        self._targets = [_node(x) for x in self.inputs]
        self._wanted = reachable(nodes, self._targets)

    def _is_recorded(self) -> bool:
        return current().enable_backprop and (self._create_graph or _depth.get() > 0)

    def pull(self, seeds: Sequence[Any]) -> list[Variable]:
        """Return the gradient of each input; `seeds` are those of the outputs, or None."""
        recording = self._is_recorded()
        start = [
            (y._node, _seed(seed, recording))
            for y, seed in zip(self.outputs, seeds, strict=True)
            if seed is not None and y._node is not None
        ]
        found = gradients_at(start, self._targets, self._wanted, recording)
        return [
            found[node] if node in found else zeros_for(x, x.shape)
            for node, x in zip(self._targets, self.inputs, strict=True)
        ]


def _node(x: Variable) -> Node:
    assert x._node is not None
    return x._node


def _differentiable(name: str, position: int, x: Any, is_linked: bool) -> Variable:
    """Return the Variable that the function gets for an argument."""
    try:
        variable = as_variable(x)
        kind = variable.dtype.kind
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name}: argument {position}: {error}") from None
    if kind not in "fV":
        raise TypeError(
            f"{name}: argument {position} is {describe(variable)}; derivatives are with respect "
            "to floating-point numbers: pass 2.0 instead of 2, or x.astype(float)"
        )
    if is_linked and isinstance(x, Variable) and x.requires_grad:
        return _argument(x)
    return variable_of(variable._data, leaf(variable._data))


def _seed(seed: Any, recording: bool) -> Any:
    """Return a seed as the engine takes it: a Variable where it records, otherwise an array."""
    if isinstance(seed, Variable):
        return seed if recording else seed._data
    return variable_of(seed, None) if recording else seed


def match(
    name: str, what: str, given: Any, likes: Sequence[Variable], is_tuple: bool
) -> list[Variable]:
    """Check vectors against what they go with, and give them its dtype."""
    vectors, has_several = unpack(given)
    if has_several != is_tuple or len(vectors) != len(likes):
        wanted = f"a tuple of {len(likes)}" if is_tuple else "no tuple"
        raise ValueError(
            f"{name}: expected one vector for each {what}, {wanted}, got {describe(given)}"
        )
    matched = []
    for i, (v, like) in enumerate(zip(vectors, likes, strict=True)):
        vector = v if isinstance(v, Variable) else as_variable(v).detach()
        if vector.shape != like.shape:
            raise ValueError(
                f"{name}: {what} {i} is {describe(like)}, the vector for it {describe(vector)}; "
                "shapes must be the same"
            )
        matched.append(vector if vector.dtype == like.dtype else vector.astype(like.dtype))
    return matched


def unpack(x: Any) -> tuple[tuple[Any, ...], bool]:
    """Return several things and True, or one in a tuple and False."""
    return (x, True) if isinstance(x, tuple) else ((x,), False)


def pack(results: Sequence[Any], has_several: bool) -> Any:
    """Undo `unpack`."""
    return tuple(results) if has_several else results[0]


def zeros_for(like: Variable, shape: Shape) -> Variable:
    """Return zeros where a Variable lives, of its dtype."""
    data: Array = like.data
    return variable_of(get_array_module(data).zeros(shape, data.dtype), None)
