"""The files that a run leaves: tables of comma-separated values, JSON lines, TensorBoard events.

Each is a line as it comes: what was written is there when the run is interrupted. A file that has
to change as a whole, since a column is new or a run goes on from an earlier point, is written
beside its place and renamed.
"""

from __future__ import annotations

import csv
import io
import json
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Protocol, TextIO, TypeAlias

from dezero_core.files import atomic_write

__all__ = ["CsvLog", "JsonLinesLog", "Log", "Row", "TensorBoardLog"]

#: What was measured: "epoch" and "step", and numbers by name.
Row: TypeAlias = dict[str, float]
Kind: TypeAlias = Literal["epoch", "step"]


class Log(Protocol):
    """Where rows go."""

    def begin(self, epochs: Sequence[Row], step: int) -> None:
        """Start with the epochs of a run that goes on from `step`; with none for a new run."""

    def write(self, kind: Kind, row: Row) -> None:
        """Add a row."""

    def close(self) -> None:
        """Write no more."""


class CsvLog:
    """A table with a line for each row of one kind, and a column for each quantity."""

    def __init__(self, path: Path, kind: Kind) -> None:
        self.path = path
        self._kind = kind
        self._columns: list[str] = []
        self._file: TextIO | None = None

    def begin(self, epochs: Sequence[Row], step: int) -> None:
        """Write the table that a run goes on with."""
        if self._kind == "epoch":
            rows: list[dict[str, Any]] = list(epochs)
        else:
            rows = [row for row in self._read() if step and int(row["step"]) <= step]
        if rows:
            self._rewrite(rows)

    def write(self, kind: Kind, row: Row) -> None:
        """Add a line; if it has a new column, all lines get it."""
        if kind != self._kind:
            return
        if not set(row) <= set(self._columns):
            self._rewrite([*self._read(), row] if self._columns else [row])
            return
        if self._file is None:
            self._file = self.path.open("a", encoding="utf-8", newline="")
        self._file.write(self._line(row))
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _line(self, row: dict[str, Any]) -> str:
        buffer = io.StringIO()
        csv.writer(buffer, lineterminator="\n").writerow(
            [row.get(column, "") for column in self._columns]
        )
        return buffer.getvalue()

    def _read(self) -> list[dict[str, Any]]:
        """Return the lines that are whole."""
        if not self.path.is_file():
            return []
        text = self.path.read_text(encoding="utf-8")
        text = text[: text.rfind("\n") + 1]
        return list(csv.DictReader(io.StringIO(text)))

    def _rewrite(self, rows: Sequence[dict[str, Any]]) -> None:
        self.close()
        self._columns = list(dict.fromkeys(name for row in rows for name in row))
        with atomic_write(self.path, "w") as file:
            file.write(self._line({column: column for column in self._columns}))
            file.writelines(self._line(row) for row in rows)


class JsonLinesLog:
    """A JSON object on each line: its kind, the time, and the row. What is not finite is null."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: TextIO | None = None

    def begin(self, epochs: Sequence[Row], step: int) -> None:
        """Keep the lines up to the point that the run goes on from."""
        kept = []
        for line in self._lines() if step or epochs else ():
            try:
                row = json.loads(line)
                of_epoch = row["kind"] == "epoch"
                if row["epoch"] <= len(epochs) if of_epoch else row["step"] <= step:
                    kept.append((of_epoch, row["epoch"], line))
            except (ValueError, KeyError, TypeError):
                continue  # a line that was cut off
        # The run may have been saved at the end of an epoch, before that was written.
        there = {epoch for of_epoch, epoch, _ in kept if of_epoch}
        lines = [line for _, _, line in kept]
        lines += [_json("epoch", row) for row in epochs if row["epoch"] not in there]
        if lines:
            with atomic_write(self.path, "w") as file:
                file.writelines(lines)

    def write(self, kind: Kind, row: Row) -> None:
        """Add a line."""
        if self._file is None:
            self._file = self.path.open("a", encoding="utf-8", newline="")
        self._file.write(_json(kind, row))
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _lines(self) -> list[str]:
        if not self.path.is_file():
            return []
        return self.path.read_text(encoding="utf-8").splitlines(keepends=True)


def _json(kind: Kind, row: Row) -> str:
    finite = {
        name: value if math.isfinite(value) else None  # JSON knows neither nan nor infinity
        for name, value in row.items()
    }
    record = {"kind": kind, "time": round(time.time(), 3), **finite}
    return json.dumps(record, ensure_ascii=False) + "\n"


class TensorBoardLog:
    """Event files that TensorBoard reads: curves ``epochs/loss`` and ``steps/loss``, by step."""

    def __init__(self, folder: Path) -> None:
        try:
            from tensorboardX import SummaryWriter
        except ImportError as error:
            raise ImportError(
                "Monitor: tensorboard=True writes event files with the package tensorboardX: "
                "pip install dezero-viz[tensorboard]"
            ) from error
        self._make = SummaryWriter
        self._folder = folder
        self._writer: Any = None

    def begin(self, epochs: Sequence[Row], step: int) -> None:
        """Open a file; TensorBoard forgets what earlier files have of later points."""
        purge = (step or len(epochs)) + 1 if epochs or step else None
        self._writer = self._make(str(self._folder), purge_step=purge, flush_secs=10)

    def write(self, kind: Kind, row: Row) -> None:
        """Add a point to each curve."""
        for name, value in row.items():
            if name not in ("epoch", "step"):
                tag = f"{kind}s/{name.replace(' ', '_')}"
                # One axis for both kinds, for TensorBoard forgets by it when a run goes on.
                self._writer.add_scalar(tag, value, int(row["step"] or row["epoch"]))
        self._writer.flush()

    def close(self) -> None:
        """Close the file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
