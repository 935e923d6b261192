"""Taking turns, and what is made of the numbers."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from harness.processes import Process, WorkerError
from harness.workload import Comparison, Figure, Workload

__all__ = ["Row", "Spread", "compare", "take_figure"]

#: Before a batch, all processes rest. After a product of matrices OpenBLAS's threads spin on for
#: 2**28 clock cycles, a tenth of a second, and keep a core from whoever comes next.
REST: Final = 0.16
#: How long a batch is to last, if a call does not take longer.
_BATCH: Final = 0.05
#: However long a call takes.
_LEAST_ROUNDS: Final = 5


@dataclass(frozen=True, slots=True)
class Spread:
    """Numbers, and how they scatter.

    Attributes:
        median: What counts.
        lower: The first quartile.
        upper: The third quartile.
        values: All, in the order in which they were measured.
    """

    median: float
    lower: float
    upper: float
    values: tuple[float, ...]

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Sum up some numbers."""
        if len(values) == 1:
            return cls(values[0], values[0], values[0], tuple(values))
        lower, median, upper = statistics.quantiles(values, n=4, method="inclusive")
        return cls(median, lower, upper, tuple(values))


@dataclass(slots=True)
class Row:
    """What was measured of one workload.

    Attributes:
        workload: The workload.
        values: For each library the time of a call in seconds, or the figure.
        ratios: For each library but PyTorch its number relative to PyTorch's, if that counts.
        errors: For each library that failed, how.
    """

    workload: Workload
    values: dict[str, Spread] = field(default_factory=dict)
    ratios: dict[str, Spread] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def result(self) -> float | None:
        """What is held against `reach`: our ratio, or our figure."""
        spreads = self.ratios if self.workload.is_relative else self.values
        return spreads["ours"].median if "ours" in spreads else None

    @property
    def best_ratio(self) -> float | None:
        """Our fastest batch relative to PyTorch's fastest: what noise touches least."""
        if "ours" not in self.ratios:
            return None
        return min(self.values["ours"].values) / min(self.values["torch"].values)

    @property
    def is_reached(self) -> bool | None:
        """Whether the result is good enough; None if nothing was asked or measured."""
        if self.workload.reach is None or self.result is None:
            return None
        return self.result <= self.workload.reach


def compare(
    workload: Comparison, processes: Mapping[str, Process], repeats: int, seconds: float
) -> Row:
    """Measure the time of a call, the libraries taking turns.

    Args:
        workload: What to measure.
        processes: Where to measure it.
        repeats: How many batches of each library.
        seconds: Stop when it took so long, but not before five batches.

    Returns:
        The times, and the ratios of neighboring batches.
    """
    row = Row(workload)
    results: dict[str, list[float]] = {}
    calls: dict[str, int] = {}
    for library, process in processes.items():
        try:
            values = process.ask("load", workload=workload.name)["values"]
            if values is not None:
                results[library] = values
                time.sleep(REST)
                once = process.ask("batch", calls=1)["seconds"]
                calls[library] = max(1, round(_BATCH / once))
        except WorkerError as error:
            row.errors[library] = str(error)
    _check_agreement(workload, results, row)
    turn = [library for library in calls if library not in row.errors]
    times: dict[str, list[float]] = {library: [] for library in turn}
    end = time.monotonic() + seconds
    for done in range(repeats):
        if done >= _LEAST_ROUNDS and time.monotonic() > end:
            break
        for library in turn:
            time.sleep(REST)
            answer = processes[library].ask("batch", calls=calls[library])
            times[library].append(answer["seconds"])
        # A machine that slows down, slows the last one most.
        turn.reverse()
    row.values = {library: Spread.of(values) for library, values in times.items()}
    if "torch" in times:
        row.ratios = {
            library: Spread.of([a / b for a, b in zip(values, times["torch"], strict=True)])
            for library, values in times.items()
            if library != "torch"
        }
    return row


def _check_agreement(workload: Comparison, results: dict[str, list[float]], row: Row) -> None:
    """Refuse to compare libraries that do not compute the same."""
    reference = results.get("torch")
    if reference is None:
        return
    for library, values in results.items():
        if len(values) != len(reference) or not all(
            math.isclose(a, b, rel_tol=workload.tolerance, abs_tol=1e-12)
            for a, b in zip(values, reference, strict=True)
        ):
            row.errors[library] = f"computed {values} where PyTorch computed {reference}"


def take_figure(workload: Figure, libraries: Iterable[str], start: Callable[[str], Process]) -> Row:
    """Ask each library for a figure, in a process that `start` starts for it alone."""
    row = Row(workload)
    for library in libraries:
        try:
            with start(library) as process:
                values = process.ask("figure", workload=workload.name)["values"]
        except WorkerError as error:
            row.errors[library] = str(error)
            continue
        if values is not None:
            row.values[library] = Spread.of(values)
    if workload.is_relative and "torch" in row.values:
        row.ratios = {
            library: Spread.of([spread.median / row.values["torch"].median])
            for library, spread in row.values.items()
            if library != "torch"
        }
    return row
