"""What belongs together in a drawing: layers inside layers, the gradient apart from the rest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from dezero_core.graph import Graph, GraphOperation

__all__ = ["Box", "Group", "Item", "group_operations", "operations_of"]


@dataclass(frozen=True, eq=False)
class Box:
    """Several operations, and what lies between them, drawn as one.

    Attributes:
        title: What they are.
        operations: The operations.
        takes_inputs: Whether data that they alone read is hidden in it too.
        says_all: Whether the title names all of the operations.
    """

    title: str
    operations: tuple[GraphOperation, ...]
    takes_inputs: bool = False
    says_all: bool = False


@dataclass(eq=False)
class Group:
    """A frame in the drawing: the whole, a layer, or a gradient.

    Attributes:
        path: The layer's path; what a gradient is called.
        name: The layer's class, if it is known, and nothing for others.
        is_layer: Whether it is a layer.
        items: What is inside, in the order of computation.
    """

    path: str
    name: str
    is_layer: bool
    items: list[Item] = field(default_factory=list)

    @property
    def title(self) -> str:
        """What stands on the frame."""
        return f"{self.path} ({self.name})" if self.name not in ("", self.path) else self.path

    def operations(self) -> Iterator[GraphOperation]:
        """Yield all operations inside."""
        for item in self.items:
            yield from operations_of(item)

    def groups(self, depth: int = 1) -> Iterator[tuple[int, Group, Group]]:
        """Yield each group inside: its depth, the group around it, itself."""
        for item in self.items:
            if isinstance(item, Group):
                yield depth, self, item
                yield from item.groups(depth + 1)


Item: TypeAlias = GraphOperation | Box | Group


def operations_of(item: Item) -> Iterator[GraphOperation]:
    """Yield the operations that an item of a group stands for."""
    if isinstance(item, GraphOperation):
        yield item
    elif isinstance(item, Box):
        yield from item.operations
    else:
        yield from item.operations()


def group_operations(graph: Graph) -> Group:
    """Group the operations of a graph by derivative, and then by layer.

    Args:
        graph: The graph.

    Returns:
        The whole. A group stands where its first operation ran.
    """
    whole = Group("", "", is_layer=False)
    groups: dict[tuple[int, str], Group] = {}
    layers = {*graph.layers, *[operation.scope for operation in graph.operations]}
    orders = {operation.derivative for operation in graph.operations} - {0}
    for operation in graph.operations:
        outer, order = whole, operation.derivative
        paths = [*_prefixes(operation.scope, layers)]
        for path in ["", *paths] if order else paths:
            if (order, path) not in groups:
                if path:
                    inner = Group(path, graph.layers.get(path, ""), is_layer=True)
                else:
                    title = "gradient" if orders == {1} else f"{_ordinal(order)} derivative"
                    inner = Group(title, "", is_layer=False)
                groups[order, path] = inner
                outer.items.append(inner)
            outer = groups[order, path]
        outer.items.append(operation)
    return whole


def _prefixes(scope: str, layers: Iterable[str]) -> Iterator[str]:
    """Yield the paths of the layers around: "blocks/0", "blocks/0/conv"."""
    end = 0
    while scope and end != -1:
        end = scope.find("/", end + 1)
        path = scope if end == -1 else scope[:end]
        if path in layers:
            yield path


def _ordinal(n: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th") if n % 100 not in (11, 12, 13) else "th"
    return f"{n}{ending}"
