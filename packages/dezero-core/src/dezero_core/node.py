"""What is recorded of a computation: a node for each leaf and for each result of an operation.

Edges lead from a result to the nodes that it was computed from, never to variables. A variable
holds its node; a node holds no variable, and no array but those that the rules of its operation
name. So a variable that the program drops is freed at once, with its array, unless a rule needs
that array; and as there is no cycle of references, counting them frees all of it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any, Protocol

from dezero_core.typing import Shape

if TYPE_CHECKING:
    from dezero_core.variable import Variable

__all__ = [
    "Bundle",
    "Node",
    "Pullback",
    "cut_history",
    "history",
    "leaf",
    "made_since",
    "output_nodes",
    "passes",
    "tick",
]

#: The clock that numbers nodes: an operation is always younger than its operands.
tick = count(1).__next__

#: The latest backward passes that were recorded: when each began and ended, by the clock, and the
#: youngest node that it started from. They tell drawings which nodes compute gradients, at no
#: cost to the nodes. A drawing of more passes than these would show nothing.
passes: deque[tuple[int, int, int]] = deque(maxlen=128)


class Pullback(Protocol):
    """How gradients go back through one kind of operation."""

    @property
    def name(self) -> str:
        """The operation's name."""
        ...

    def pull(
        self, node: Node, gy: Any, recording: bool, wanted: set[Node] | None
    ) -> list[tuple[Node, Any]]:
        """Take the gradient of a result back to the operands.

        Args:
            node: The operation's node.
            gy: The gradient of its result: an array, or a Variable when `recording`.
            recording: Whether to compute with Variables, so that the gradients can be
                differentiated again.
            wanted: The nodes whose gradient is of use; None for all.

        Returns:
            Pairs of a parent and its gradient, which may still have the broadcast shape.
        """
        ...

    def saved_operands(self, node: Node) -> Iterator[tuple[str, Node, Any]]:
        """Yield what of the operands and results was saved: its name, its node, the array."""
        ...


class Node:
    """A leaf, or one result of one recorded operation.

    Attributes:
        plan: How gradients go back through the operation. None for a leaf, where they stop.
        parents: For each operand its node; for a constant the number, or None for an array.
        saved: What the rules will read, as `plan` laid it out.
        shape: The shape of the result, to which its gradient is fitted.
        dtype: The dtype of the result.
        settings: The keyword arguments of the operation, or None.
        order: When the node was made. Parents have smaller numbers, so decreasing `order` is a
            right order for the backward pass on any topology (the book's generations, steps 15
            and 16, serve the same end), and the one that frees memory earliest.
        grad: The gradient, where it is kept.
        name: The name that the user gave the variable, for drawings.
        is_parameter: Whether the leaf belongs to a Parameter.
        trace: What watchers noted when the operation ran (see `dezero_core.details`).
    """

    # The slots of the second row stay unset until somebody sets them, which saves each operation
    # four assignments. Read them with getattr(node, name, default).
    __slots__ = (
        *("dtype", "order", "parents", "plan", "saved", "settings", "shape"),
        *("grad", "is_parameter", "name", "trace"),
    )

    grad: Variable | None
    is_parameter: bool
    name: str | None
    trace: Any

    def __init__(
        self,
        plan: Pullback | None,
        parents: Sequence[Any],
        saved: Sequence[Any],
        shape: Shape,
        dtype: Any,
        settings: dict[str, Any] | None = None,
    ) -> None:
        self.plan = plan
        self.parents = parents
        self.saved = saved
        self.shape = shape
        self.dtype = dtype
        self.settings = settings
        self.order = tick()

    @property
    def is_selection(self) -> bool:
        """Whether it is one of several results of an operation."""
        return isinstance(self.plan, _Selection)

    @property
    def result_index(self) -> int:
        """Which of the results of its operation it is."""
        return self.plan.index if isinstance(self.plan, _Selection) else 0

    @property
    def is_bundle(self) -> bool:
        """Whether it stands for an operation with several results, as a whole."""
        return self.plan is not None and self.dtype is None

    def __repr__(self) -> str:
        kind = "leaf" if self.plan is None else self.plan.name
        return f"<node {self.order}: {kind} {self.dtype} {self.shape}>"


def leaf(data: Any, *, is_parameter: bool = False) -> Node:
    """Make the node of a variable that the user made from `data`, an array or None."""
    node = Node(None, (), (), *((), None) if data is None else (data.shape, data.dtype))
    node.is_parameter = is_parameter
    return node


def history(roots: Iterable[Node]) -> list[Node]:
    """Return some nodes and all that they were computed from, in the order of computation."""
    seen: set[Node] = set()
    stack = list(roots)
    while stack:
        node = stack.pop()
        if node not in seen:
            seen.add(node)
            stack.extend(parent for parent in node.parents if isinstance(parent, Node))
    return sorted(seen, key=lambda node: node.order)


def made_since(order: int, nodes: Iterable[Any]) -> Iterator[Node]:
    """Yield those of some nodes, and of what they were computed from, that are younger.

    Args:
        order: What the clock showed.
        nodes: Nodes, or None for what has none.
    """
    stack = list(nodes)
    seen: set[Node] = set()
    while stack:
        node = stack.pop()
        if isinstance(node, Node) and node.order > order and node not in seen:
            seen.add(node)
            yield node
            stack.extend(node.parents)


def cut_history(node: Node) -> None:
    """Turn all ancestors of a node into leaves, and free what they held (book step 59)."""
    if node.is_selection:
        node = node.parents[0]  # the operation itself; its other results keep it as well
    # A list, not recursion: histories are as long as sequences are.
    stack = [parent for parent in node.parents if isinstance(parent, Node)]
    while stack:
        ancestor = stack.pop()
        stack.extend(parent for parent in ancestor.parents if isinstance(parent, Node))
        ancestor.plan = None
        ancestor.parents = ancestor.saved = ()


class Bundle:
    """The gradients of an operation with several results, gathered until all are there.

    It takes part in the engine's additions like a gradient; adding merges what each result
    brought. A result from which nothing came stays None.
    """

    __slots__ = ("parts",)

    #: What makes it fit the node of the operation as a whole.
    shape: Shape = ()
    dtype = None

    def __init__(self, parts: list[Any]) -> None:
        self.parts = parts

    def __add__(self, other: Bundle) -> Bundle:
        return Bundle(
            [
                b if a is None else a if b is None else a + b
                for a, b in zip(self.parts, other.parts, strict=True)
            ]
        )


class _Selection:
    """The pullback of one result out of several: it puts the gradient in its place."""

    __slots__ = ("count", "index")
    name = "output"

    def __init__(self, index: int, count: int) -> None:
        self.index = index
        self.count = count

    def pull(
        self, node: Node, gy: Any, recording: bool, wanted: set[Node] | None
    ) -> list[tuple[Node, Any]]:
        if node.parents[0].plan is None:
            return []  # the history of another result was cut, and this operation is part of it
        parts: list[Any] = [None] * self.count
        parts[self.index] = gy
        return [(node.parents[0], Bundle(parts))]

    def saved_operands(self, node: Node) -> Iterator[tuple[str, Node, Any]]:
        return iter(())


def output_nodes(node: Node, outputs: Sequence[Any]) -> list[Node]:
    """Make a node for each of the results of the operation that `node` stands for."""
    n = len(outputs)
    return [Node(_Selection(i, n), (node,), (), y.shape, y.dtype) for i, y in enumerate(outputs)]
