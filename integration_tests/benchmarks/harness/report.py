"""The table, row by row, and the files."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from dezero_core.files import atomic_write
from harness.measure import Row, Spread
from harness.workload import LIBRARIES, Comparison, Figure

__all__ = ["format_header", "format_ratio", "format_row", "format_time", "write_json"]

_TITLE = 44
_WIDTHS = (11, 11, 13, 22, 9, 10, 9)
_COLUMNS = (*LIBRARIES.values(), "ratio to PyTorch", "of best", "reach", "0.0.13's")


def format_header() -> str:
    """Return the head of the table."""
    return _join("", _COLUMNS) + "\n" + "-" * (_TITLE + sum(_WIDTHS) + 2 * len(_WIDTHS))


def format_row(row: Row) -> str:
    """Return a row of the table, followed by the errors that there were."""
    workload = row.workload
    unit = workload.unit if isinstance(workload, Figure) else "s"
    cells = []
    for library in LIBRARIES:
        value = row.values.get(library)
        missing = "failed" if library in row.errors else "-"
        cells.append(missing if value is None else _with_unit(value.median, unit))
    if workload.is_relative:
        cells.append(_ratio(row.ratios.get("ours"), spread=isinstance(workload, Comparison)))
        cells.append("" if row.best_ratio is None else format_ratio(row.best_ratio))
        reach = "" if workload.reach is None else f"<= {workload.reach:g}"
    else:
        cells += ["", ""]
        reach = "" if workload.reach is None else f"<= {_bound(workload.reach, unit)}"
    cells.append(reach + {True: " +", False: " !", None: ""}[row.is_reached])
    cells.append(_ratio(row.ratios.get("released"), spread=False))
    lines = [_join(workload.title, cells)]
    lines += [
        f"  {LIBRARIES[library]} failed: {error.strip().splitlines()[-1]}"
        for library, error in row.errors.items()
    ]
    return "\n".join(lines)


def _join(title: str, cells: Iterable[str]) -> str:
    padded = [cell.rjust(width) for cell, width in zip(cells, _WIDTHS, strict=True)]
    return "  ".join([title.ljust(_TITLE), *padded]).rstrip()


def _ratio(ratio: Spread | None, *, spread: bool) -> str:
    if ratio is None:
        return ""
    text = format_ratio(ratio.median)
    if not spread:
        return text
    return f"{text} ({format_ratio(ratio.lower)} - {format_ratio(ratio.upper)})"


def format_ratio(ratio: float) -> str:
    """Return a ratio with two digits that say something."""
    return f"{ratio:.2f}" if ratio >= 0.1 else f"{ratio:.3f}"


def format_time(seconds: float) -> str:
    """Return a time with its unit."""
    return _with_unit(seconds, "s")


def _bound(reach: float, unit: str) -> str:
    return _with_unit(reach, unit) if unit == "s" else f"{reach:g}"


def _with_unit(value: float, unit: str) -> str:
    if unit == "s":
        for factor, name in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
            if value >= factor:
                return f"{_three_digits(value / factor)} {name}"
        return f"{_three_digits(value / 1e-9)} ns"
    return f"{_three_digits(value)} {unit}".rstrip()


def _three_digits(value: float) -> str:
    if value == int(value):
        return str(int(value))
    return f"{value:.{max(0, 3 - len(str(int(value))))}f}"


def _entry(spread: Spread) -> dict[str, Any]:
    def rounded(value: float) -> float:
        return float(f"{value:.4g}")

    return {
        "median": rounded(spread.median),
        "quartiles": [rounded(spread.lower), rounded(spread.upper)],
        "values": [rounded(value) for value in spread.values],
    }


def write_json(path: Path, rows: Iterable[Row], facts: dict[str, Any]) -> None:
    """Write all that was measured, in seconds and counts.

    Args:
        path: The file.
        rows: What was measured.
        facts: The machine, the versions, the settings.
    """
    entries = [
        {
            "name": row.workload.name,
            "title": row.workload.title,
            "unit": row.workload.unit if isinstance(row.workload, Figure) else "s",
            "reach": row.workload.reach,
            "is_reached": row.is_reached,
            "values": {library: _entry(spread) for library, spread in row.values.items()},
            "best_ratio": row.best_ratio,
            "ratios": {library: _entry(spread) for library, spread in row.ratios.items()},
            "errors": row.errors,
        }
        for row in rows
    ]
    with atomic_write(path) as file:
        file.write(json.dumps({**facts, "rows": entries}, indent=1).encode())
