"""Measure DeZero beside PyTorch and the book's released package: `hatch run bench`.

Prints a table, and writes `results.json` and `ratios.png` into a folder that it names.
"""

from __future__ import annotations

import argparse
import sys
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from device_run import run_on_device
from harness.machine import describe_machine
from harness.measure import Row, compare, take_figure
from harness.plot import plot_ratios
from harness.processes import Process, WorkerError, find_pythons
from harness.report import format_header, format_row, write_json
from harness.workload import LIBRARIES, Comparison, Figure
from workloads import WORKLOADS
from workloads.devices import DEVICE_WORKLOADS, PRECISIONS


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmarks; the exit status is 1 if something failed."""
    options = _parse(arguments)
    if options.list:
        for workload in (*WORKLOADS.values(), *DEVICE_WORKLOADS.values()):
            print(f"{workload.name:20}{workload.title}")
        return 0
    if options.device is not None:
        return run_on_device(options)
    pythons = find_pythons(dict(options.python))
    missing = [LIBRARIES[library] for library in LIBRARIES if library not in pythons]
    if missing:
        print(f"No environment for {', '.join(missing)}: see --python. Going on without.")
    start = time.monotonic()
    with ExitStack() as stack:

        def start_process(library: str) -> Process:
            return Process(library, pythons[library], options.threads)

        processes: dict[str, Process] = {}
        facts = {
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": describe_machine(),
            "threads": options.threads,
            "libraries": {},
        }
        for library in LIBRARIES:
            if library in pythons:
                processes[library] = stack.enter_context(start_process(library))
                facts["libraries"][library] = processes[library].ask("facts")
        _print_facts(facts)
        print(format_header(), flush=True)
        rows: list[Row] = []
        for name in options.only or WORKLOADS:
            if name not in WORKLOADS:
                raise SystemExit(f"{name} is a row of a device: give --device")
            workload = WORKLOADS[name]
            if isinstance(workload, Comparison):
                for library, process in processes.items():
                    if not process.is_alive:
                        processes[library] = stack.enter_context(start_process(library))
                row = compare(workload, processes, options.repeats, options.seconds)
            else:
                assert isinstance(workload, Figure)
                row = take_figure(workload, processes, start_process)
            rows.append(row)
            print(format_row(row), flush=True)
    written = _write(options.out, rows, facts)
    print(f"{time.monotonic() - start:.0f} s. Written to {options.out}: {', '.join(written)}")
    return int(any(row.errors for row in rows))


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="hatch run bench", description=__doc__)
    parser.add_argument("--list", action="store_true", help="show the names of the rows")
    parser.add_argument(
        "--only",
        action="append",
        choices=[*WORKLOADS, *DEVICE_WORKLOADS],
        metavar="NAME",
        help="this row; repeatable",
    )
    parser.add_argument(
        "--device",
        metavar="NAME",
        help="measure training steps on a device, cuda or cuda:1, beside PyTorch on the same one; "
        "cpu runs small ones on the host",
    )
    parser.add_argument(
        "--precision",
        action="append",
        choices=PRECISIONS,
        metavar="NAME",
        help=f"with --device: {', '.join(PRECISIONS)}; repeatable (cuda: the first three, "
        "cpu: float32)",
    )
    parser.add_argument(
        "--repeats", type=_positive, default=15, metavar="N", help="batches of each library (15)"
    )
    parser.add_argument(
        "--seconds",
        type=float,
        default=10.0,
        metavar="S",
        help="take no more batches of a row after so long, but at least five (10)",
    )
    parser.add_argument(
        "--threads", type=_positive, default=2, metavar="N", help="threads of each library (2)"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("runs/bench"), metavar="FOLDER", help="(runs/bench)"
    )
    parser.add_argument(
        "--python",
        action="append",
        type=_python,
        default=[],
        metavar="LIBRARY=PATH",
        help=f"the interpreter that has a library ({', '.join(LIBRARIES)}), if not hatch's",
    )
    return parser.parse_args(arguments)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is less than 1")
    return number


def _python(text: str) -> tuple[str, Path]:
    library, _, path = text.partition("=")
    if library not in LIBRARIES:
        raise argparse.ArgumentTypeError(f"{library!r} is none of {', '.join(LIBRARIES)}")
    if not Path(path).is_file():
        raise argparse.ArgumentTypeError(f"there is no {path!r}")
    return library, Path(path)


def _print_facts(facts: dict[str, Any]) -> None:
    machine = facts["machine"]
    print(
        f"{machine['processor']}, {machine['cores']} cores, {machine['system']}; "
        f"load {machine['load']} before the start; {facts['threads']} threads each; {facts['date']}"
    )
    for library, versions in facts["libraries"].items():
        details = ", ".join(f"{name} {value}" for name, value in versions.items())
        print(f"{LIBRARIES[library]}: {details}")
    print()


def _write(folder: Path, rows: list[Row], facts: dict[str, Any]) -> list[str]:
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "results.json", rows, facts)
    if not any(row.ratios for row in rows):
        return ["results.json"]
    plot_ratios(folder / "ratios.png", rows)
    return ["results.json", "ratios.png"]


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
    except WorkerError as error:
        sys.exit(str(error))
