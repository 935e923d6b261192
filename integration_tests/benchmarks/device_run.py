"""The table of a device: training steps beside PyTorch's on the same one.

One process for each library and precision, since CuPy reads what decides on TF32 in its own
products when it computes the first. The libraries take turns; times are medians between events on
the device.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

from dezero_core.files import atomic_write
from harness.machine import describe_machine
from harness.measure import Row, compare
from harness.processes import Process, WorkerError, find_pythons
from harness.report import format_ratio, format_time
from workloads.devices import DEVICE_WORKLOADS, PRECISIONS, DeviceTraining

__all__ = ["run_on_device"]

_LIBRARIES = ("ours", "torch")
_WIDTHS = (34, 10, 10, 24, 10, 16, 20)
_HEAD = (
    *("", "DeZero", "PyTorch", "ratio (quartiles)", "reach"),
    *("launches", "peak MiB"),
)


def run_on_device(options: argparse.Namespace) -> int:
    """Measure the rows of a device; the exit status is 1 if something failed, 2 without device."""
    device: str = options.device
    is_cuda = device.startswith("cuda")
    why = _why_not(device)
    if why is not None:
        print(why)
        return 2
    pythons = find_pythons(dict(options.python))
    start = time.monotonic()
    facts: dict[str, Any] = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": describe_machine(),
        "device": _describe(device),
        "libraries": {},
    }
    print(f"{facts['device']}; {facts['machine']['processor']}; {facts['date']}")
    entries: list[dict[str, Any]] = []
    for precision in options.precision or PRECISIONS[: 3 if is_cuda else 1]:
        rows = [
            row
            for row in DEVICE_WORKLOADS.values()
            if row.precision == precision and (not options.only or row.name in options.only)
        ]
        environment = {"CUPY_TF32": "1" if precision == "tf32" else "0"}
        kind, _, number = device.partition(":")
        if number:  # the only one that the libraries see
            environment["CUDA_VISIBLE_DEVICES"] = number
        with ExitStack() as stack:

            def begin(
                library: str,
                stack: ExitStack = stack,
                kind: str = kind,
                environment: dict[str, str] = environment,
            ) -> Process:
                return stack.enter_context(
                    Process(
                        *(library, pythons[library], options.threads),
                        device=kind,
                        environment=environment,
                    )
                )

            processes = {library: begin(library) for library in _LIBRARIES if rows}
            for library, process in processes.items():
                if library in facts["libraries"]:
                    continue
                try:
                    facts["libraries"][library] = process.ask("facts")
                except WorkerError as error:
                    if library == "ours":
                        raise
                    facts["libraries"][library] = None
                    print(f"Going on without PyTorch: {str(error).strip().splitlines()[-1]}")
                else:
                    print(f"{library}: {facts['libraries'][library]}")
            processes = {name: p for name, p in processes.items() if facts["libraries"][name]}
            for row in rows:
                for library, process in processes.items():
                    if not process.is_alive:
                        processes[library] = begin(library)
                if not entries:
                    print(_line(_HEAD))
                entry = _measure(row, processes, options)
                entries.append(entry)
                print(entry.pop("line"), flush=True)
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "device.json"
    with atomic_write(path) as file:
        file.write(json.dumps({**facts, "rows": entries}, indent=1).encode())
    print(f"{time.monotonic() - start:.0f} s. Written to {path}")
    return int(any(entry["errors"] for entry in entries))


def _measure(
    workload: DeviceTraining, processes: dict[str, Process], options: argparse.Namespace
) -> dict[str, Any]:
    row = compare(workload, processes, options.repeats, options.seconds)
    counts: dict[str, dict[str, Any]] = {}
    for library in row.values:
        try:
            counts[library] = processes[library].ask("device")
        except WorkerError as error:
            row.errors[library] = str(error)
    return {
        "name": workload.name,
        "title": workload.title,
        "reach": workload.reach,
        "is_reached": row.is_reached,
        "seconds": {library: list(spread.values) for library, spread in row.values.items()},
        "ratio": None if row.result is None else row.result,
        "device": counts,
        "errors": row.errors,
        "line": _format(row, counts),
    }


def _format(row: Row, counts: dict[str, dict[str, Any]]) -> str:
    times = [
        format_time(row.values[library].median)
        if library in row.values
        else ("failed" if library in row.errors else "-")
        for library in _LIBRARIES
    ]
    ratio = row.ratios.get("ours")
    text = ""
    if ratio is not None:
        quartiles = f"{format_ratio(ratio.lower)} - {format_ratio(ratio.upper)}"
        text = f"{format_ratio(ratio.median)} ({quartiles})"
    reach = "" if row.workload.reach is None else f"<= {row.workload.reach:g}"
    reach += {True: " +", False: " !", None: ""}[row.is_reached]
    launches = _pair([counts.get(library, {}).get("launches") for library in _LIBRARIES])
    peaks = [counts.get(library, {}).get("peak") for library in _LIBRARIES]
    memory = _pair([None if peak is None else round(peak / 2**20) for peak in peaks])
    lines = [_line((row.workload.title, *times, text, reach, launches, memory))]
    lines += [
        f"  {library} failed: {error.strip().splitlines()[-1]}"
        for library, error in row.errors.items()
    ]
    return "\n".join(lines)


def _pair(values: list[int | None]) -> str:
    if all(value is None for value in values):
        return ""
    return " / ".join("?" if value is None else str(value) for value in values)


def _line(cells: tuple[str, ...]) -> str:
    first, *others = zip(cells, _WIDTHS, strict=True)
    return "  ".join([first[0].ljust(first[1]), *(c.rjust(w) for c, w in others)]).rstrip()


def _why_not(device: str) -> str | None:
    """Say why nothing can be measured on a device, as it is."""
    if device == "cpu":
        return None
    from dezero_core import Device

    try:
        Device(device, "bench")
    except (LookupError, RuntimeError, ValueError) as error:
        return str(error)
    return None


def _describe(device: str) -> str:
    if not device.startswith("cuda"):
        return f"the host, {os.cpu_count()} cores"
    from dezero_core import Device

    chosen = Device(device)
    runtime = chosen.backend.xp.cuda.runtime
    found = runtime.getDeviceProperties(chosen.number or 0)
    driver = runtime.driverGetVersion()
    return f"{found['name'].decode()}, driver for CUDA {driver // 1000}.{driver % 1000 // 10}"
