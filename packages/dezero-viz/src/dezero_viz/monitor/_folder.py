"""The folder of a run, and the logs in it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dezero_viz.monitor._logs import CsvLog, JsonLinesLog, Kind, Log, Row, TensorBoardLog

__all__ = ["RunFolder"]

_FILES = ("epochs.csv", "steps.csv", "log.jsonl")
_EVENTS = "events.out.tfevents.*"


class RunFolder:
    """Writes to all logs of a run, and to none of another run.

    Args:
        path: The folder, which is made; None for a run without files.
        csv: Whether there are tables.
        jsonl: Whether there are JSON lines.
        tensorboard: Whether there are event files.
        steps: Whether there are rows for steps.
        overwrite: Whether the logs of another run may go.

    Raises:
        OSError: The folder cannot be made.
        ImportError: tensorboardX is not installed.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        csv: bool,
        jsonl: bool,
        tensorboard: bool,
        steps: bool,
        overwrite: bool,
    ) -> None:
        self._logs: list[Log] = []
        self._others: list[Path] = []  # what another run left here
        self._may_replace = overwrite
        self._is_begun = False
        if path is None:
            return
        if csv:
            self._logs.append(CsvLog(path / "epochs.csv", "epoch"))
        if csv and steps:
            self._logs.append(CsvLog(path / "steps.csv", "step"))
        if jsonl:
            self._logs.append(JsonLinesLog(path / "log.jsonl"))
        if tensorboard:
            self._logs.append(TensorBoardLog(path))
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise type(error)(
                error.errno, f"Monitor: cannot make the folder ({error.strerror})", str(path)
            ) from error
        self._others = [path / name for name in _FILES if (path / name).is_file()]
        self._others += path.glob(_EVENTS)

    def begin(self, epochs: Sequence[Row], step: int) -> None:
        """Make the logs fit a run that goes on from these epochs and this step, or a new one.

        Raises:
            FileExistsError: The folder has the log of another run.
        """
        if self._is_begun:
            return
        if self._others and not self._may_replace:
            raise FileExistsError(
                f"Monitor: {str(self._others[0])!r} is the log of another run: choose another "
                "folder, go on with that run by load_state_dict(), or say overwrite=True"
            )
        if not epochs and not step:
            for file in self._others:
                file.unlink(missing_ok=True)
        for log in self._logs:
            log.begin(epochs, step)
        self._is_begun = True

    def go_on(self) -> None:
        """Know that what is here is the run's own, to be made to fit when it begins again."""
        self.close()
        self._may_replace, self._is_begun = True, False

    def write(self, kind: Kind, row: Row) -> None:
        """Add a row to each log."""
        for log in self._logs:
            log.write(kind, row)

    def close(self) -> None:
        """Close the files."""
        for log in self._logs:
            log.close()
