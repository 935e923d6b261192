"""Keeping a drawing within a budget: what repeats, then layers, then stretches become boxes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from dezero_core.graph import Graph, GraphOperation, GraphVariable
from dezero_viz._groups import Box, Group, Item, group_operations, operations_of

__all__ = ["Layout", "lay_out"]

# The longest pattern that is looked for: a step of a recurrent network, a block of a deep one.
_LONGEST = 64
# The longest pattern whose operations are all named.
_SHORT = 3
# A box for fewer operations would not be worth having.
_SHORTEST = 8


@dataclass(frozen=True)
class Layout:
    """What is drawn, and where.

    Attributes:
        whole: The groups, with the operations and boxes inside.
        box_of: The box that an operation or a variable is hidden in, by key.
        group_of: The group that an operation, or a variable, is drawn in, by key. Those at the top
            are left out.
    """

    whole: Group
    box_of: dict[int, Box]
    group_of: dict[int, Group]


def lay_out(graph: Graph, max_nodes: int | None) -> Layout:
    """Group the nodes of a graph, and fold until about `max_nodes` are left.

    What tells least is folded first:

    1. Repetitions: of a pattern that occurs three times or more in a row, the first stays, and the
       others become one box: wherever that is so, since it hides nothing new.
    2. Layers and gradients: of the innermost, the largest becomes a box, and with it all that look
       the same; and so on, out to the outermost.
    3. Stretches of operations that follow each other.

    Args:
        graph: The graph.
        max_nodes: How many nodes to draw. None for all.

    Returns:
        What to draw.
    """
    whole = group_operations(graph)
    if max_nodes is not None and _place(graph, whole)[0] > max_nodes:
        while _fold_repetition(whole):
            pass
        for step in (_fold_layers, _fold_stretches):
            while (excess := _place(graph, whole)[0] - max_nodes) > 0 and step(whole, excess):
                pass
    _, box_of, group_of = _place(graph, whole)
    return Layout(whole, box_of, group_of)


# --- what is hidden, and what that leaves -----------------------------------------------------


def _place(graph: Graph, whole: Group) -> tuple[int, dict[int, Box], dict[int, Group]]:
    """Find out how many nodes are drawn, and where each is."""
    box_of: dict[int, Box] = {}
    chain_of: dict[int, tuple[Group, ...]] = {}
    n_boxes = 0
    stack: list[tuple[Group, tuple[Group, ...]]] = [(whole, ())]
    while stack:
        group, chain = stack.pop()
        for item in group.items:
            if isinstance(item, Group):
                stack.append((item, (*chain, item)))
                continue
            n_boxes += isinstance(item, Box)
            for operation in operations_of(item):
                chain_of[operation.key] = chain
                if isinstance(item, Box):
                    box_of[operation.key] = item
    n_operations = sum(operation.key not in box_of for operation in graph.operations)

    maker, readers = _links(graph)
    n_variables = 0
    for variable in graph.variables:
        box = _hiding(variable, maker.get(variable.key), readers.get(variable.key, []), box_of)
        if box is not None:
            box_of[variable.key] = box
        else:
            n_variables += 1
            if variable.key in maker:
                chain_of[variable.key] = chain_of[maker[variable.key].key]
            elif variable.kind != "leaf" and variable.key in readers:
                chain_of[variable.key] = _home(readers[variable.key], chain_of)
            if variable.kind == "output":
                chain_of.pop(variable.key, None)
    group_of = {key: chain[-1] for key, chain in chain_of.items() if chain}
    return n_operations + n_boxes + n_variables, box_of, group_of


def _links(graph: Graph) -> tuple[dict[int, GraphOperation], dict[int, list[GraphOperation]]]:
    maker = {key: operation for operation in graph.operations for key in operation.outputs}
    readers: dict[int, list[GraphOperation]] = {}
    for operation in graph.operations:
        for key in operation.inputs:
            readers.setdefault(key, []).append(operation)
    return maker, readers


def _hiding(
    variable: GraphVariable,
    maker: GraphOperation | None,
    readers: list[GraphOperation],
    box_of: dict[int, Box],
) -> Box | None:
    """Return the box that a variable is hidden in: its maker's, or that of all its readers."""
    if variable.kind == "output":
        return None
    if maker is not None:
        return box_of.get(maker.key)
    boxes = {id(box_of.get(reader.key)) for reader in readers}
    box = box_of.get(readers[0].key) if len(boxes) == 1 else None
    return box if box is None or variable.kind != "leaf" or box.takes_inputs else None


def _home(
    readers: list[GraphOperation], chain_of: dict[int, tuple[Group, ...]]
) -> tuple[Group, ...]:
    """Return the groups around all that read a parameter or a constant in the forward pass."""
    forward = [reader for reader in readers if not reader.derivative] or readers
    chains = [chain_of[reader.key] for reader in forward]
    common: list[Group] = []
    for groups in zip(*chains, strict=False):
        if len(set(map(id, groups))) > 1:
            break
        common.append(groups[0])
    return tuple(common)


# --- repetitions ------------------------------------------------------------------------------


def _fold_repetition(whole: Group) -> bool:
    """Fold the repetition that hides most; say whether there was one."""
    best: tuple[int, Group, int, int, int] | None = None
    signatures = _Signatures()
    for group in [whole, *[inner for _, _, inner in whole.groups()]]:
        marks = np.array([signatures.of(item) for item in group.items])
        weights = [sum(1 for _ in operations_of(item)) for item in group.items]
        for start, period, times in _repetitions(marks):
            hidden = sum(weights[start + period : start + period * times])
            if (best is None or hidden > best[0]) and (
                group.is_layer or _is_chain(group.items, start, period, times)
            ):
                best = hidden, group, start, period, times
    if best is None:
        return False
    _, group, start, period, times = best
    folded = group.items[start + period : start + period * times]
    title, operations = _repeated_title(folded, period), _operations(folded)
    says_all = period <= _SHORT and len(operations) == len(folded)
    group.items[start + period : start + period * times] = [Box(title, operations, True, says_all)]
    return True


class _Signatures:
    """Numbers that are the same for items that look the same."""

    def __init__(self) -> None:
        self._numbers: dict[object, int] = {}

    def of(self, item: Item) -> int:
        look: object
        if isinstance(item, GraphOperation):
            look = item.name
        elif isinstance(item, Group):
            look = (item.name, tuple([self.of(inner) for inner in item.items]))
        else:
            look = item  # one of its own
        return self._numbers.setdefault(look, len(self._numbers))


def _repetitions(marks: np.ndarray) -> Iterator[tuple[int, int, int]]:
    """Yield the start, the period and the number of times of what repeats three times or more."""
    for period in range(1, min(_LONGEST, len(marks) // 3) + 1):
        same = np.concatenate([[False], marks[period:] == marks[:-period], [False]])
        starts, ends = np.flatnonzero(np.diff(same.astype(np.int8))).reshape(-1, 2).T
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
            times = (end - start) // period + 1
            if times >= 3:
                yield start, period, times


def _is_chain(items: Sequence[Item], start: int, period: int, times: int) -> bool:
    """Say whether each repetition computes with a result of the one before."""
    parts = [
        _operations(items[start + period * i : start + period * (i + 1)]) for i in range(times)
    ]
    return all(
        not {key for operation in before for key in operation.outputs}.isdisjoint(
            key for operation in after for key in operation.inputs
        )
        for before, after in pairwise(parts)
    )


def _repeated_title(items: Sequence[Item], period: int) -> str:
    times = len(items) // period
    first, last = items[0], items[-1]
    if period == 1 and isinstance(first, Group) and isinstance(last, Group):
        return f"{times} × {first.name or 'layer'}: {first.path} … {last.path}"
    names = [_name(item) for item in items[:period]]
    if period > _SHORT:
        return f"{times} × {len(_operations(items[:period]))} operations"
    return f"{times} × {names[0]}" if period == 1 else f"{times} × ({', '.join(names)})"


def _name(item: Item) -> str:
    if isinstance(item, Group):
        return item.name or item.path
    return item.title if isinstance(item, Box) else item.name


# --- layers -----------------------------------------------------------------------------------


def _fold_layers(whole: Group, excess: int) -> bool:
    """Fold the largest of the innermost groups, and those that look the same."""
    groups = list(whole.groups())
    if not groups:
        return False
    deepest = max(depth for depth, _, _ in groups)
    innermost = [(outer, group) for depth, outer, group in groups if depth == deepest]
    signatures = _Signatures()
    _, largest = max(innermost, key=lambda pair: sum(1 for _ in pair[1].operations()))
    look = signatures.of(largest)
    for outer, group in innermost:
        if signatures.of(group) == look:
            place = outer.items.index(group)
            outer.items[place] = Box(group.title, tuple(group.operations()))
    return True


# --- stretches --------------------------------------------------------------------------------


def _fold_stretches(whole: Group, excess: int) -> bool:
    """Fold neighbors into boxes, from the beginning on, so that the end is left as it is."""
    n = len(whole.items)
    if n < 2:
        return False
    # With an operation its result is hidden.
    n_folded = min(n, excess // 2 + 2)
    n_boxes = max(1, min(n_folded // _SHORTEST, (n - n_folded) // 2))
    bounds = [n_folded * i // n_boxes for i in range(n_boxes + 1)]
    parts = [_operations(whole.items[i:j]) for i, j in pairwise(bounds)]
    whole.items[:n_folded] = [
        Box(f"{len(part)} operations", part, takes_inputs=True) for part in parts
    ]
    return True


def _operations(items: Sequence[Item]) -> tuple[GraphOperation, ...]:
    return tuple([operation for item in items for operation in operations_of(item)])
