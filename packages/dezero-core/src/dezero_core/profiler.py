"""Where the time goes: by operation, by layer, and on a time line."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter_ns
from typing import Any, Literal

from dezero_core.backend import Backend, backends
from dezero_core.config import Watcher
from dezero_core.details import LayerCall, current_call, trace_of, watching
from dezero_core.devices import Device
from dezero_core.node import Bundle

__all__ = ["Profile", "ProfileEvent", "ProfileRow", "profile"]

_Key = Literal["host", "device", "count", "size", "name"]
_OUTSIDE = "(outside of layers)"


@dataclass(frozen=True, slots=True)
class ProfileEvent:
    """A span of time: an operation, its way back, or a layer.

    Attributes:
        name: The operation, or the layer's path.
        phase: ``"forward"``, ``"backward"``, or ``"layer"`` for a call of a layer as a whole.
        layer: The layer that it belongs to, such as ``"blocks/0/conv (Conv2d)"``.
        start: When it began, in seconds since the profile did.
        host: How long the host was at it, in seconds.
        host_alone: The same without what ran inside of it.
        device: How long the device was at it, in seconds; None where nobody measured that.
        device_alone: The same without what ran inside of it.
        size: How many bytes its results have.
    """

    name: str
    phase: Literal["forward", "backward", "layer"]
    layer: str
    start: float
    host: float
    host_alone: float
    device: float | None
    device_alone: float | None
    size: int


@dataclass(frozen=True, slots=True)
class ProfileRow:
    """A line of the table.

    Attributes:
        name: The operation or the layer.
        phase: ``"forward"`` or ``"backward"``.
        count: How many operations it sums up.
        host: The host's time, in seconds.
        device: The device's time, in seconds, or None.
        size: The bytes of all results.
    """

    name: str
    phase: str
    count: int
    host: float
    device: float | None
    size: int


class Profile:
    """What `profile` found out. Print it for the table by operation.

    Attributes:
        device: The name of the device that was measured: ``"cpu"``, or another one's.
        events: All that ran, in the order in which it ended. Complete after the ``with`` block.
        seconds: How long the block took.
        peak: The most memory that arrays took on the device, in bytes, as seen after each
            operation; None on the host, which nobody asks.
    """

    def __init__(self, device: str) -> None:
        self.device = device
        self.events: list[ProfileEvent] = []
        self.seconds = 0.0
        self.peak: int | None = None

    def rows(
        self, by: Literal["operation", "layer"] = "operation", sort: _Key | None = None
    ) -> list[ProfileRow]:
        """Sum the operations up.

        Args:
            by: What makes a row: the operation, or the innermost layer that ran it.
            sort: By which column, the largest first, or ``"name"``. Default: the device's time
                where there is one, else the host's.

        Returns:
            A row for each, and for each direction.

        Raises:
            ValueError: `by` or `sort` is something else.
        """
        if by not in ("operation", "layer"):
            raise ValueError(f"Profile.rows: by is 'operation' or 'layer', got {by!r}")
        if sort not in (None, "host", "device", "count", "size", "name"):
            raise ValueError(
                f"Profile.rows: sort is 'host', 'device', 'count', 'size' or 'name', got {sort!r}"
            )
        groups: dict[tuple[str, str], list[ProfileEvent]] = {}
        for event in self.events:
            if event.phase != "layer":
                key = (event.name if by == "operation" else event.layer, event.phase)
                groups.setdefault(key, []).append(event)
        rows = []
        for (name, phase), events in groups.items():
            times = [event.device_alone for event in events if event.device_alone is not None]
            rows.append(
                ProfileRow(
                    name,
                    phase,
                    len(events),
                    sum(event.host_alone for event in events),
                    sum(times) if times else None,
                    sum(event.size for event in events),
                )
            )
        if sort == "name":
            return sorted(rows, key=lambda row: (row.name, row.phase))
        column = sort or ("device" if any(row.device is not None for row in rows) else "host")
        return sorted(rows, key=lambda row: getattr(row, column) or 0, reverse=True)

    def table(
        self,
        by: Literal["operation", "layer"] = "operation",
        sort: _Key | None = None,
        limit: int | None = None,
    ) -> str:
        """Write the rows as a table.

        Args:
            by: See `rows`.
            sort: See `rows`.
            limit: How many rows to show; None for all.

        Returns:
            The table, with times in milliseconds, and under it what they add up to.

        Raises:
            ValueError: See `rows`.
        """
        rows = self.rows(by, sort)
        host = sum(row.host for row in rows)
        has_device = any(row.device is not None for row in rows)
        device = sum(row.device or 0.0 for row in rows)
        whole = (device if has_device else host) or 1.0
        head = [by, "pass", "count", "host ms", *(["device ms"] if has_device else [])]
        lines = [[*head, "share", "made MiB"]]
        for row in rows[:limit]:
            share = ((row.device or 0.0) if has_device else row.host) / whole
            times = [_ms(row.host), *([_ms(row.device or 0.0)] if has_device else [])]
            cells = [row.name, row.phase, str(row.count), *times]
            lines.append([*cells, f"{100 * share:.1f} %", f"{row.size / 2**20:.2f}"])
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        text = ["  ".join(_padded(line, widths)).rstrip() for line in lines]
        text.insert(1, "-" * (sum(widths) + 2 * (len(widths) - 1)))
        if limit is not None and len(rows) > limit:
            text.append(f"... and {len(rows) - limit} more")
        text.append("")
        text.append(
            f"{_ms(self.seconds)} ms, of which {_ms(host)} ms on the host in "
            f"{sum(row.count for row in rows)} operations"
            + (f", {_ms(device)} ms on {self.device}" if has_device else "")
            + ("" if self.peak is None else f"; at most {self.peak / 2**20:.1f} MiB of arrays")
        )
        return "\n".join(text)

    def __str__(self) -> str:
        return self.table()

    def __repr__(self) -> str:
        return f"<profile of {len(self.events)} events on {self.device!r}>"

    def save_trace(self, path: str | os.PathLike[str]) -> None:
        """Write the time line as JSON that Chrome (``chrome://tracing``) and Perfetto show.

        Args:
            path: The file, ``.json``.

        Raises:
            OSError: It cannot be written.
        """
        import json  # here, for it takes time that `import dezero_core` does not need to spend

        from dezero_core.files import atomic_write

        spans = [
            {
                "name": event.name or event.layer,
                "cat": event.phase,
                "ph": "X",
                "ts": event.start * 1e6,
                "dur": event.host * 1e6,
                "pid": 0,
                "tid": 0,
                "args": {
                    "layer": event.layer,
                    "bytes": event.size,
                    **({} if event.device is None else {"device ms": event.device * 1e3}),
                },
            }
            for event in self.events
        ]
        names = {"name": "process_name", "ph": "M", "pid": 0, "args": {"name": "DeZero"}}
        with atomic_write(path) as file:
            file.write(json.dumps({"traceEvents": [names, *spans]}).encode())


@contextmanager
def profile(device: str | Device | None = None) -> Iterator[Profile]:
    """Measure each operation inside, forward and backward.

    Operations take some microseconds more, and do not run on the path that is fast for small
    arrays; so compare shares, not small times. What is no operation, such as an optimizer's
    update, is in `Profile.seconds` alone.

    On a device the host's time is that of starting kernels. The device's is measured by events
    around each operation, so it has the gaps in which the device waited for the host. Layers and
    operations have named ranges, too, for the tools of the device's maker (NVTX).

    Args:
        device: The device to measure beside the host. Default: a GPU if arrays on it were made.

    Yields:
        The profile, which is complete after the block.

    Raises:
        LookupError: There is no such device.
        RuntimeError: It cannot be used here.

    Example:
        >>> import numpy as np
        >>> from dezero_core import Variable
        >>> x = Variable(np.ones((100, 100)))
        >>> with profile("cpu") as found:
        ...     (x @ x).sum().backward()
        >>> [(row.name, row.phase, row.count) for row in found.rows(sort="name")]
        [('matmul', 'backward', 1), ('matmul', 'forward', 1), ('sum', 'backward', 1), \
('sum', 'forward', 1)]
    """
    backend = _measured() if device is None else Device(device, "profile").backend
    name = "cpu" if backend is None or backend.name == "numpy" else backend.name
    result = Profile(name if device is None else Device(device).name)
    profiler = _Profiler(backend)
    start = perf_counter_ns()
    try:
        with watching(profiler):
            yield result
    finally:
        profiler.finish(result, start)


def _measured() -> Backend | None:
    """Return the backend of a device that is in use, and can be measured."""
    for backend in backends().values():
        if hasattr(backend, "mark") and backend.array_types and backend.is_available():
            return backend
    return None


@dataclass(slots=True)
class _Open:
    """A span that has not ended."""

    name: str
    phase: Any
    layer: str
    start: int
    mark: Any
    inner: list[_Closed]


@dataclass(slots=True)
class _Closed:
    """A span that has ended. The device's time is asked when all is over."""

    opened: _Open
    end: int
    mark: Any
    size: int


class _Profiler(Watcher):
    def __init__(self, backend: Backend | None) -> None:
        self._backend = backend
        nothing: Callable[..., Any] = _nothing
        self._mark = getattr(backend, "mark", nothing)
        self._push = getattr(backend, "push_range", nothing)
        self._pop = getattr(backend, "pop_range", nothing)
        self._memory_used = getattr(backend, "memory_used", nothing)
        self._open: list[_Open] = []
        self._closed: list[_Closed] = []
        self._peak: int | None = None

    def before_forward(self, operation: str) -> None:
        self._begin(operation, "forward", current_call())

    def after_forward(self, operation: str, operands: Any, result: Any, node: Any) -> None:
        self._end(operation, "forward", result)
        call = current_call()
        if node is not None and call is not None:
            trace_of(node).call = call

    def before_pull(self, node: Any) -> None:
        trace = getattr(node, "trace", None)
        self._begin(node.plan.name, "backward", None if trace is None else trace.call)

    def after_pull(self, node: Any, gy: Any, gradients: Any) -> None:
        self._end(node.plan.name, "backward", [g for _, g in gradients])

    def before_layer(self, call: LayerCall) -> None:
        self._begin(call.path, "layer", call)

    def after_layer(self, call: LayerCall) -> None:
        self._end(call.path, "layer", ())

    def _begin(self, name: str, phase: str, call: LayerCall | None) -> None:
        layer = _OUTSIDE if call is None else f"{call.path} ({call.kind})".strip()
        self._push(layer if phase == "layer" else f"{name} {phase}")
        mark = self._mark()
        self._open.append(_Open(name, phase, layer, perf_counter_ns(), mark, []))

    def _end(self, name: str, phase: str, results: Any) -> None:
        end = perf_counter_ns()
        # What failed inside never ended.
        while self._open:
            opened = self._open.pop()
            self._pop()
            if (opened.name, opened.phase) == (name, phase):
                break
        else:
            return
        closed = _Closed(opened, end, self._mark(), _bytes(results))
        self._closed.append(closed)
        if self._open and phase != "layer":
            self._open[-1].inner.append(closed)
        used = self._memory_used()
        if used is not None:
            self._peak = max(used, self._peak or 0)

    def finish(self, result: Profile, start: int) -> None:
        result.seconds = (perf_counter_ns() - start) / 1e9
        result.peak = self._peak
        for _ in self._open:
            self._pop()
        for closed in self._closed:
            opened = closed.opened
            host, device = self._times(closed)
            inner = [self._times(part) for part in opened.inner]
            result.events.append(
                ProfileEvent(
                    opened.name,
                    opened.phase,
                    opened.layer,
                    (opened.start - start) / 1e9,
                    host,
                    host - sum(part for part, _ in inner),
                    device,
                    None if device is None else device - sum(part or 0.0 for _, part in inner),
                    closed.size,
                )
            )

    def _times(self, closed: _Closed) -> tuple[float, float | None]:
        opened = closed.opened
        device = None
        if closed.mark is not None:
            device = self._backend.seconds_between(opened.mark, closed.mark)  # type: ignore[union-attr]
        return (closed.end - opened.start) / 1e9, device


def _nothing(*_: Any) -> None:
    return None


def _bytes(results: Any) -> int:
    if isinstance(results, (tuple, list)):
        return sum(map(_bytes, results))
    if isinstance(results, Bundle):
        return sum(map(_bytes, results.parts))
    array = getattr(results, "_data", results)  # a Variable's, if the gradient is recorded
    return int(getattr(array, "nbytes", 0) or 0)


def _padded(cells: list[str], widths: list[int]) -> list[str]:
    return [
        cell.ljust(width) if i < 2 else cell.rjust(width)
        for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]


def _ms(seconds: float) -> str:
    return f"{1e3 * seconds:.3f}"
