"""From a list of operations to a tree of groups, small enough at each level to be looked at.

Layers are groups. What runs repeatedly is folded: a thousand time steps become ten groups of a
hundred, each of them ten of ten. Where layers feed back on each other over time, as inside a
recurrent layer, time is folded first and layers within a step; otherwise each layer is folded on
its own. What has no structure is cut into ranges, in the order of execution.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Literal, TypeAlias

import numpy as np

__all__ = ["FEWEST_REPEATS", "Group", "Item", "Step", "arrange", "keys_in", "series"]

#: What runs this often is folded.
FEWEST_REPEATS = 3

# With no more things than this side by side, nothing need be folded or cut.
_WIDE = 40
# How many stand together in what is cut.
_PART = 20
_FANOUT = 10
_LONGEST_PERIOD = 512

Kind: TypeAlias = Literal["layer", "gradient", "repeat", "range", "step", "inputs"]


@dataclass(frozen=True, slots=True)
class Step:
    """An operation, as far as grouping needs to know it.

    Attributes:
        key: Its key in the graph.
        name: Its name.
        token: What it does. Equal for operations that repeat each other.
        layers: The paths of the layers around it, the outermost first: each begins with the one
            before.
        sources: The keys of operations that it has operands from.
    """

    key: int
    name: str
    token: Hashable
    layers: tuple[str, ...] = ()
    sources: tuple[int, ...] = ()


@dataclass(slots=True, eq=False)
class Group:
    """Things that can be folded into one.

    Attributes:
        label: What to call it.
        kind: ``"layer"``; ``"gradient"``, what a backward pass recorded; ``"repeat"``, what ran
            repeatedly; ``"step"``, one time of it; ``"range"``, a few of what stands in a row;
            ``"inputs"``, variables that look alike.
        kids: What is inside: groups, and keys of the graph.
        path: The layer's path, for a layer.
        times: How often it ran.
    """

    label: str
    kind: Kind
    kids: list[Item] = field(default_factory=list)
    path: str = ""
    times: int = 1


Item: TypeAlias = "Group | int"


def keys_in(items: Iterable[Item]) -> Iterator[int]:
    """Yield the keys in some items and all their groups."""
    stack = list(items)[::-1]
    while stack:
        item = stack.pop()
        if isinstance(item, Group):
            stack.extend(item.kids[::-1])
        else:
            yield item


def arrange(steps: Sequence[Step], depth: int = 0) -> list[Item]:
    """Group operations that share their first `depth` layers.

    Args:
        steps: The operations, in the order of execution.
        depth: How many layers around them are groups already.

    Returns:
        Groups and keys, in the order of execution.
    """
    if any(len(step.layers) > depth for step in steps) and _feeds_back(steps, depth):
        run = _longest_run(steps)
        if run is not None:
            return _over_time(steps, depth, run)
    items: list[Item] = []
    tokens: list[Hashable] = []
    inside: dict[str, list[Step]] = {}
    for step in steps:
        if len(step.layers) == depth:
            items.append(step.key)
            tokens.append(step.token)
        elif (path := step.layers[depth]) in inside:
            inside[path].append(step)
        else:
            # The layer stands where it ran first.
            inside[path] = [step]
            items.append(Group(_label(step.layers, depth), "layer", path=path))
            tokens.append(None)
    for i, item in enumerate(items):
        if isinstance(item, Group):
            layer_steps = inside[item.path]
            kids = arrange(layer_steps, depth + 1)
            if len(kids) == 1 and isinstance(kids[0], Group) and kids[0].kind == "repeat":
                item.times, kids = kids[0].times, kids[0].kids  # "×1000" is said once
            item.kids = kids
            tokens[i] = tuple([step.token for step in layer_steps])
    if len(items) <= _WIDE:
        return items
    names = {step.key: step.name for step in steps}
    return _cut(_folded(items, tokens, names), names)


def _label(layers: tuple[str, ...], depth: int) -> str:
    path = layers[depth]
    return path.removeprefix(layers[depth - 1]).lstrip("/") if depth else path


# --- repetition -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Run:
    """A block that stands several times in a row: where, how long it is, and how often."""

    start: int
    period: int
    times: int

    @property
    def stop(self) -> int:
        return self.start + self.period * self.times


def _find_runs(tokens: Sequence[Hashable]) -> list[_Run]:
    """Return blocks that stand in a row, from left to right, longest first at each place."""
    numbers: dict[Hashable, int] = {}
    ids = np.array([numbers.setdefault(token, len(numbers)) for token in tokens], np.intp)
    n = len(ids)
    covered = np.zeros(n, np.intp)
    periods = np.zeros(n, np.intp)
    for period in range(1, min(n // FEWEST_REPEATS, _LONGEST_PERIOD) + 1):
        # How far the sequence agrees with itself, shifted by the period, from each place on.
        places = np.arange(n - period)
        ends = np.where(ids[:-period] == ids[period:], n - period, places)
        agreeing = np.minimum.accumulate(ends[::-1])[::-1] - places
        times = agreeing // period + 1
        length = np.where(times >= FEWEST_REPEATS, times * period, 0)
        is_better = length > covered[: n - period]
        covered[: n - period][is_better] = length[is_better]
        periods[: n - period][is_better] = period
    runs = []
    place = 0
    while place < n:
        if covered[place]:
            period = int(periods[place])
            runs.append(_Run(place, period, int(covered[place]) // period))
            place = runs[-1].stop
        else:
            place += 1
    return runs


def _folded(items: list[Item], tokens: list[Hashable], names: dict[int, str]) -> list[Item]:
    """Replace what stands in a row repeatedly by one group."""
    result: list[Item] = []
    place = 0
    for run in _find_runs(tokens):
        result.extend(items[place : run.start])
        blocks = [
            items[start : start + run.period] for start in range(run.start, run.stop, run.period)
        ]
        result.append(_repeat(_summary(blocks[0], names), blocks))
        place = run.stop
    return result + items[place:]


def _repeat(label: str, blocks: list[list[Item]]) -> Group:
    """Return a group of equal blocks; a block of several things is a group itself."""
    kids: list[Item] = [
        block[0] if len(block) == 1 else Group(f"step {i}", "step", block)
        for i, block in enumerate(blocks, 1)
    ]
    return series(label, "repeat", kids)


def series(label: str, kind: Kind, kids: Sequence[Item]) -> Group:
    """Return a group of many that are alike: of ranges, unless there are few."""
    what = "steps" if kind == "repeat" else label
    return Group(label, kind, _tens(list(kids), what), times=len(kids))


def _tens(kids: list[Item], what: str, first: int = 1) -> list[Item]:
    """Cut a long row into ranges of ten, a hundred, ..., nested, so that each level is short."""
    if len(kids) <= _FANOUT:
        return kids
    size = _FANOUT ** (len(str(len(kids) - 1)) - 1)
    ranges: list[Item] = []
    for start in range(0, len(kids), size):
        part = kids[start : start + size]
        label = f"{what} {first + start}–{first + start + len(part) - 1}"
        inside = _tens(part, what, first + start)
        ranges.append(Group(label, "range", inside, times=len(part)) if len(part) > 1 else part[0])
    return ranges


def _cut(items: list[Item], names: dict[int, str]) -> list[Item]:
    """Cut a row without structure into ranges, nested, named after where they begin and end."""
    while len(items) > _WIDE:
        parts = [items[start : start + _PART] for start in range(0, len(items), _PART)]
        items = [Group(_summary([p[0], p[-1]], names, " … "), "range", p) for p in parts]
    return items


def _summary(items: Sequence[Item], names: dict[int, str], joint: str = ", ") -> str:
    words = [item.label if isinstance(item, Group) else names[item] for item in items]
    shown = [word for word, _ in groupby(words)]
    return joint.join(shown[:3]) + (", …" if len(shown) > 3 else "")


# --- time -----------------------------------------------------------------------------------------


def _longest_run(steps: Sequence[Step]) -> _Run | None:
    """Return the block that ran repeatedly, if that is most of what ran."""
    runs = _find_runs([(step.token, step.layers) for step in steps])
    longest = max(runs, key=lambda run: run.stop - run.start, default=None)
    if longest is None or 2 * (longest.stop - longest.start) < len(steps):
        return None
    return longest


def _feeds_back(steps: Sequence[Step], depth: int) -> bool:
    """Tell whether layers, or operations beside them, would stand in a circle once folded."""
    names: dict[int, Hashable] = {
        step.key: step.layers[depth] if len(step.layers) > depth else ("", step.token)
        for step in steps
    }
    after: dict[Hashable, set[Hashable]] = {name: set() for name in names.values()}
    for step in steps:
        for source in step.sources:
            if source in names and names[source] != names[step.key]:
                after[names[source]].add(names[step.key])
    # Take away what nothing leads to, until nothing is left, or only circles.
    before = dict.fromkeys(after, 0)
    for targets in after.values():
        for target in targets:
            before[target] += 1
    free = [name for name, number in before.items() if not number]
    for name in free:
        for target in after[name]:
            before[target] -= 1
            if not before[target]:
                free.append(target)
    return len(free) < len(after)


def _over_time(steps: Sequence[Step], depth: int, run: _Run) -> list[Item]:
    """Group by the times that a block ran, and by layers within each."""
    before, after = steps[: run.start], steps[run.stop :]
    blocks = [
        arrange(steps[start : start + run.period], depth)
        for start in range(run.start, run.stop, run.period)
    ]
    label = steps[run.start].layers[depth - 1].rpartition("/")[2] if depth else "steps"
    return [
        *(arrange(before, depth) if before else []),
        _repeat(label, blocks),
        *(arrange(after, depth) if after else []),
    ]
