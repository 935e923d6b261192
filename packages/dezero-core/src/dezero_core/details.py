"""What can be noted of an operation while it runs: the user's line, the layer, the arrays.

None of it is needed for gradients, so nothing of it is kept unless somebody asks: drawings, and
pages to look through, ask with `record_details`.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from dezero_core.callers import SourceLine, user_line
from dezero_core.config import Watcher, current, using_config
from dezero_core.node import Bundle, Node, made_since, tick
from dezero_core.typing import Array

__all__ = [
    "LayerCall",
    "Trace",
    "current_call",
    "layer_call",
    "record_details",
    "reference",
    "trace_of",
    "watching",
]

#: Gives an array, or None where it was freed.
Reference: TypeAlias = Callable[[], "Array | None"]


# --- traces: what watchers leave at a node --------------------------------------------------------


class Trace:
    """What watchers noted when an operation ran. It stands at its node.

    Attributes:
        source: The user's line.
        call: The call of a layer that it was part of, or None.
        operands: For each operand where its array is, as `record_details` noted; or nothing.
        results: The same of each result.
        contents: Checksums of what was saved, if `detect_anomaly` noted them.
    """

    __slots__ = ("call", "contents", "operands", "results", "source")

    def __init__(self, source: SourceLine) -> None:
        self.source = source
        self.call: LayerCall | None = None
        self.operands: tuple[Reference, ...] = ()
        self.results: tuple[Reference, ...] = ()
        self.contents: tuple[int, ...] | None = None


def trace_of(node: Node) -> Trace:
    """Return a node's trace. The first one to ask while the operation runs makes it."""
    trace: Trace | None = getattr(node, "trace", None)
    if trace is None:
        trace = node.trace = Trace(user_line())
    return trace


def reference(array: Any) -> Reference:
    """Return a function that gives the array as long as somebody else holds it.

    A NumPy scalar, or a number, is held: it takes no more memory than the reference.
    """
    try:
        return weakref.ref(array)
    except TypeError:
        return lambda: array


@contextmanager
def watching(watcher: Watcher) -> Iterator[None]:
    """Let a watcher see every operation inside, besides those that do already."""
    others = current().watcher
    with using_config("watcher", watcher if others is None else _Both(others, watcher)):
        yield


class _Both(Watcher):
    """Two watchers as one."""

    def __init__(self, first: Watcher, second: Watcher) -> None:
        self._watchers = first, second

    def before_forward(self, operation: str) -> None:
        for watcher in self._watchers:
            watcher.before_forward(operation)

    def after_forward(self, operation: str, operands: Any, result: Any, node: Any) -> None:
        for watcher in self._watchers:
            watcher.after_forward(operation, operands, result, node)

    def before_pull(self, node: Any) -> None:
        for watcher in self._watchers:
            watcher.before_pull(node)

    def after_pull(self, node: Any, gy: Any, gradients: Any) -> None:
        for watcher in self._watchers:
            watcher.after_pull(node, gy, gradients)

    def before_layer(self, call: Any) -> None:
        for watcher in self._watchers:
            watcher.before_layer(call)

    def after_layer(self, call: Any) -> None:
        for watcher in self._watchers:
            watcher.after_layer(call)


# --- layers -----------------------------------------------------------------------------------


class _Layer(Protocol):
    def namedlayers(self) -> Iterator[tuple[str, Any]]: ...


@dataclass(frozen=True, slots=True, eq=False)
class LayerCall:
    """One call of a layer.

    Attributes:
        path: Where the layer is inside the outermost layer that was called: ``"blocks/0/conv"``;
            ``""`` for that one itself.
        kind: The name of its class.
        outer: The call that it was made in; None for the outermost.
        root: The outermost layer. Weak: a layer that keeps a state would otherwise keep itself.
        paths: The path of each layer inside the outermost, by identity.
    """

    path: str
    kind: str
    outer: LayerCall | None
    root: weakref.ref[Any]
    paths: dict[int, str]

    @property
    def outermost(self) -> LayerCall:
        """The call that no other layer made."""
        call = self
        while call.outer is not None:
            call = call.outer
        return call


_call: ContextVar[LayerCall | None] = ContextVar("dezero_layer_call", default=None)


@contextmanager
def layer_call(layer: _Layer) -> Iterator[None]:
    """Tell watchers that a layer runs. A layer calls it when there is a watcher.

    Args:
        layer: Any object with ``namedlayers()``: pairs of a path and a layer, itself included.

    Example:
        >>> class Scale:
        ...     def namedlayers(self):
        ...         return iter([("", self)])
        >>> with layer_call(Scale()):
        ...     pass
    """
    outer, kind = _call.get(), type(layer).__name__
    if outer is None:
        call = LayerCall("", kind, None, weakref.ref(layer), _paths_in(layer))
    else:
        path = outer.paths.get(id(layer))
        if path is None:  # made since the outermost layer was called
            outer.paths.update(_paths_in(outer.root()))
            path = outer.paths.get(id(layer), f"{outer.path}/{kind}" if outer.path else kind)
        call = LayerCall(path, kind, outer, outer.root, outer.paths)
    token = _call.set(call)
    watcher = current().watcher
    if watcher is not None:
        watcher.before_layer(call)
    try:
        yield
    finally:
        _call.reset(token)
        if watcher is not None:
            watcher.after_layer(call)


def current_call() -> LayerCall | None:
    """Return the innermost call of a layer that runs while there is a watcher; None outside."""
    return _call.get()


def _paths_in(layer: Any) -> dict[int, str]:
    paths: dict[int, str] = {}
    for path, inner in layer.namedlayers():
        paths.setdefault(id(inner), path)
    return paths


# --- recording ----------------------------------------------------------------------------------


@contextmanager
def record_details(*, keep_values: bool = False) -> Iterator[None]:
    """Note of each operation inside the user's source line, the layer that ran it and its arrays.

    `dezero_core.graph.build_graph` shows what was noted. It takes some microseconds for each
    operation, and nothing where it is off.

    Args:
        keep_values: Whether to keep the arrays of all results, as long as the graph is kept.
            Otherwise those are found that a variable, or a rule, still holds.

    Example:
        >>> import numpy as np
        >>> from dezero_core import Variable
        >>> from dezero_core.graph import build_graph
        >>> x = Variable(np.array([1.0, 2.0]), "x")
        >>> with record_details():
        ...     y = x * x
        >>> (operation,) = build_graph(y).operations
        >>> operation.name, type(operation.source).__name__
        ('multiply', 'SourceLine')
    """
    with watching(_Recorder(keep_values)):
        yield


class _Recorder(Watcher):
    def __init__(self, keep_values: bool) -> None:
        self._reference = _hold if keep_values else reference
        self._pull_began = 0

    def after_forward(
        self, operation: str, operands: Mapping[str, Any], result: Any, node: Node | None
    ) -> None:
        if node is None:
            return
        trace = trace_of(node)
        trace.call = _call.get()
        results = result if isinstance(result, tuple) else (result,)
        trace.results = tuple(map(self._reference, results))
        trace.operands = tuple(map(reference, operands.values()))

    def before_pull(self, node: Node) -> None:
        self._pull_began = tick()

    def after_pull(self, node: Node, gy: Any, gradients: list[tuple[Node, Any]]) -> None:
        # What computes a layer's gradients belongs to that layer.
        trace = getattr(node, "trace", None)
        if trace is None or trace.call is None:
            return
        parts = [part for _, g in gradients for part in (g.parts if isinstance(g, Bundle) else [g])]
        nodes = [getattr(part, "_node", None) for part in parts]  # an array has none
        for made in made_since(self._pull_began, nodes):
            if made.plan is not None and not made.is_selection:
                trace_of(made).call = trace.call


def _hold(array: Any) -> Reference:
    return lambda: array
