"""The backward pass. It knows nodes and their order, and no mathematics.

Gradients wait in a table of the engine's own until all of them have arrived at a node; then the
node's rules run, once. Nothing outside this table changes before the caller gets the gradients
of the leaves, so a rule that fails leaves no trace. There is no recursion: a graph may be a
million operations deep.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from heapq import heapify, heappop, heappush
from typing import Any

from dezero_core import versions
from dezero_core.config import current
from dezero_core.node import Node, history, passes, tick

__all__ = ["propagate", "reachable"]


def propagate(
    seeds: Iterable[tuple[Node, Any]],
    fit: Callable[[Any, Node, Node], Any],
    *,
    recording: bool = False,
    wanted: set[Node] | None = None,
    retain: Callable[[Node, Any], None] | None = None,
) -> dict[Node, Any]:
    """Propagate gradients from some nodes back to the leaves.

    Args:
        seeds: The nodes to start from, each with the gradient of its variable.
        fit: ``fit(g, parent, node)`` returns `g` in the shape and the dtype of `parent`. It undoes
            broadcasting, and is called only where shape or dtype differ.
        recording: Whether gradients are Variables whose computation is recorded.
        wanted: The nodes whose gradient is of use (see `reachable`); None for all.
        retain: Called with each inner node and its complete gradient.

    Returns:
        The gradient of each leaf that was reached.
    """
    node: Node
    parent: Node
    pending: dict[Node, Any] = {}
    leaves: dict[Node, Any] = {}
    # Sums made here belong to nobody else, so the next gradient is added to them in place.
    owned: set[Node] = set()
    began, start = tick(), 0
    for node, gy in seeds:
        table = leaves if node.plan is None else pending
        table[node] = table[node] + gy if node in table else gy
        start = max(start, node.order)
    heap: list[tuple[int, Node]] = [(-node.order, node) for node in pending]
    heapify(heap)
    watcher = current().watcher
    last_change = versions.last.change

    while heap:
        node = heappop(heap)[1]
        gy = pending.pop(node)
        if retain is not None:
            retain(node, gy)
        if node.order < last_change:
            versions.check(node)
        if watcher is not None:
            watcher.before_pull(node)
        # Leaves are never pending, so there is a plan.
        gradients = node.plan.pull(node, gy, recording, wanted)  # type: ignore[union-attr]
        if watcher is not None:
            watcher.after_pull(node, gy, gradients)

        for parent, g in gradients:
            if g.shape != parent.shape or g.dtype is not parent.dtype:
                g = fit(g, parent, node)
            table = leaves if parent.plan is None else pending
            so_far = table.get(parent)
            if so_far is None:
                table[parent] = g
                if table is pending:
                    heappush(heap, (-parent.order, parent))
            elif parent in owned:
                so_far += g
                table[parent] = so_far
            else:
                table[parent] = so_far + g
                if not recording:
                    owned.add(parent)
    if recording:
        passes.append((began, tick(), start))
    return leaves


def reachable(roots: Iterable[Node], targets: Iterable[Node]) -> set[Node]:
    """Find the nodes through which a gradient of the roots reaches one of the targets.

    Args:
        roots: Where the backward pass will start.
        targets: The nodes whose gradients are asked for.

    Returns:
        Those nodes, targets included: what `propagate` takes as `wanted`.
    """
    wanted = set(targets)
    # Oldest first: a node's parents have been judged before it.
    for node in history(roots):
        if any(parent in wanted for parent in node.parents if isinstance(parent, Node)):
            wanted.add(node)
    return wanted
