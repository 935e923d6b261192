"""The monitor of a training run."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sized
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from dezero_viz.monitor._display import Display
from dezero_viz.monitor._folder import RunFolder
from dezero_viz.monitor._logs import Row
from dezero_viz.monitor._means import Means, checked_name, checked_weight, examples_in, scalar

__all__ = ["Monitor"]

_Batch = TypeVar("_Batch")

# What the monitor adds to what is logged.
_OWN = frozenset({"epoch", "step", "seconds"})


class Monitor:
    """Shows how a training run goes, and keeps what was measured.

    Give it the epochs and the batches to go through, and the numbers to keep::

        with Monitor("runs/digits") as monitor:
            for epoch in monitor.epochs(10):
                for x, t in monitor.batches(train_loader):
                    ...
                    monitor.log(loss=loss, accuracy=accuracy(y, t))
                for x, t in monitor.batches(test_loader, "test"):
                    monitor.log(loss=softmax_cross_entropy(model(x), t))

    A number that is logged in a batch counts as much as the batch has examples, so that the figure
    of an epoch is the mean over examples. After each epoch there is a line on the console, and one
    in each file; while it runs, a progress bar on a terminal, and a plot in a notebook. Numbers on
    a GPU stay there until they are shown, so that logging does not slow a run down.

    Into `folder` go ``epochs.csv``, ``log.jsonl`` and TensorBoard's event files, as wanted. Lines
    appear as they come: what was measured is there when a run is interrupted.

    To go on with a run, give the monitor to a checkpoint like a model: it has ``state_dict()`` and
    ``load_state_dict()``. Then `epochs` goes on where the checkpoint was saved, and the files lose
    what came later.

    Args:
        folder: The folder of the files, which is made. None for no files.
        csv: Write a table with a line for each epoch, ``epochs.csv``.
        jsonl: Write a JSON object for each epoch, ``log.jsonl``.
        tensorboard: Write event files for TensorBoard. Needs ``dezero-viz[tensorboard]``.
        every: Also write the means of every so many batches: to ``steps.csv``, ``log.jsonl`` and
            TensorBoard.
        show: Whether to show the table, the bar and the plot.
        overwrite: Whether a new run may replace the log of another one in the folder.

    Raises:
        TypeError: `folder` is no path, or `every` no integer.
        ValueError: `every` is less than 1, or tensorboard or every is asked for without a folder.
        OSError: The folder cannot be made.
        ImportError: `tensorboard` is asked for and tensorboardX not installed.

    Attributes:
        epoch: The number of the epoch that runs, or ran last; from 1.
        step: How many batches there were, of parts without a name.

    Example:
        >>> import numpy as np
        >>> batches = [np.ones(3), np.ones(1)]
        >>> with Monitor(show=False) as monitor:
        ...     for epoch in monitor.epochs(2):
        ...         for x in monitor.batches(batches):
        ...             monitor.log(size=len(x))
        >>> monitor.history["size"]
        [2.5, 2.5]
    """

    def __init__(
        self,
        folder: str | os.PathLike[str] | None = None,
        *,
        csv: bool = True,
        jsonl: bool = True,
        tensorboard: bool = False,
        every: int | None = None,
        show: bool = True,
        overwrite: bool = False,
    ) -> None:
        if every is not None:
            if not isinstance(every, int) or isinstance(every, bool):
                raise TypeError(f"Monitor: every is a number of batches, got {every!r}")
            if every < 1:
                raise ValueError(f"Monitor: every is a number of batches, 1 or more; got {every}")
        if folder is not None and not isinstance(folder, str | os.PathLike):
            raise TypeError(f"Monitor: folder must be a path, got {type(folder).__name__}")
        if folder is None and (tensorboard or every is not None):
            what = "tensorboard" if tensorboard else "every"
            raise ValueError(f"Monitor: {what} is about files; give a folder for them")
        self.epoch = 0
        self.step = 0
        self._folder = RunFolder(
            None if folder is None else Path(folder),
            csv=csv,
            jsonl=jsonl,
            tensorboard=tensorboard,
            steps=every is not None,
            overwrite=overwrite,
        )
        self._display = Display(show)
        self._every = every
        self._rows: list[Row] = []
        self._means = Means()
        self._interval = Means()
        self._is_closed = False
        # Of the epoch: whether it runs; goes on in the middle; had batches; had all of them.
        self._is_running = self._is_resumed = False
        self._has_batches = self._is_over = False
        self._seconds = self._started = 0.0
        # Of the batch: what `batches` was told, and how many examples there are.
        self._part = ""
        self._weight = 1.0
        self._in_batch = False

    # --- going through a run -------------------------------------------------------------------

    def epochs(self, n: int) -> Iterator[int]:
        """Go through epochs, and write a line after each.

        An epoch that is left with ``break`` counts; one that an error or Ctrl-C ends does not.

        Args:
            n: How many there are in all, those of a checkpoint that was loaded included.

        Yields:
            The number of the epoch, from 1.

        Raises:
            TypeError: `n` is no integer.
            ValueError: `n` is negative.
            RuntimeError: The monitor is closed, or runs already.
            FileExistsError: The folder has the log of another run.
        """
        if not isinstance(n, int) or isinstance(n, bool):
            raise TypeError(f"Monitor.epochs: the number of epochs is an integer, got {n!r}")
        if n < 0:
            raise ValueError(f"Monitor.epochs: the number of epochs is 0 or more, got {n}")
        self._check_open("epochs")
        if self._is_running:
            self._end_epoch()  # which `break` left
        self._folder.begin(self._rows, self.step)
        self._display.begin(n)
        return self._run_epochs(n)

    def _run_epochs(self, n: int) -> Iterator[int]:
        while self.epoch - self._is_resumed < n:
            self._begin_epoch()
            yield self.epoch
            self._end_epoch()

    def batches(
        self, loader: Iterable[_Batch], part: str = "", *, total: int | None = None
    ) -> Iterator[_Batch]:
        """Go through batches, and show the progress.

        Args:
            loader: The batches: arrays or Variables with the examples along the first axis, or
                tuples or dictionaries of such.
            part: What the names of numbers that are logged here begin with, such as ``"test"``:
                ``log(loss=...)`` is then about ``"test loss"``. Batches with a part are not counted
                as steps.
            total: How many batches there are, where `loader` has no length.

        Yields:
            The batches.

        Raises:
            TypeError: `loader` cannot be gone through, or `part` is no string.
            RuntimeError: The monitor is closed, or no epoch runs.
        """
        if not isinstance(part, str):
            raise TypeError(f"Monitor.batches: part is a string, got {part!r}")
        if not isinstance(loader, Iterable):
            raise TypeError(
                f"Monitor.batches: a loader can be gone through, a {type(loader).__name__} cannot"
            )
        self._check_running("batches")
        if total is None and isinstance(loader, Sized):
            total = len(loader)
        return self._run_batches(loader, part, total)

    def _run_batches(
        self, loader: Iterable[_Batch], part: str, total: int | None
    ) -> Iterator[_Batch]:
        outside = (self._part, self._weight, self._in_batch)
        progress = self._display.progress(self.epoch, part, total, self._means.read)
        try:
            for batch in loader:
                self._part, self._weight, self._in_batch = part, examples_in(batch), True
                yield batch
                if not part:
                    self._end_step()
                progress.update()
            if not part:
                self._is_over = True
        finally:
            self._part, self._weight, self._in_batch = outside
            progress.close()

    def log(
        self,
        values: Mapping[str, Any] | None = None,
        /,
        *,
        weight: float | None = None,
        **named: Any,
    ) -> None:
        """Keep numbers.

        What is logged in a batch counts into the mean of the epoch. What is logged outside of
        batches, such as a test after the epoch, counts likewise if it comes several times.

        Args:
            values: Numbers by name, for names that are no identifiers: ``{"test loss": 0.3}``.
            weight: How much they count: how many examples they are the mean of. By default the
                number of examples in the batch; 1 outside of batches.
            **named: Numbers by name: Python's, or arrays or Variables with one element.

        Raises:
            TypeError: A name is no string, or a value or the weight no number.
            ValueError: A name is not printable or is the monitor's own, a value has several
                elements, or the weight is negative or not finite.
            RuntimeError: The monitor is closed, or no epoch runs.
        """
        self._check_running("log")
        if values is not None and not isinstance(values, Mapping):
            raise TypeError(
                "Monitor.log: give numbers by name, log(loss=0.3) or log({'test loss': 0.3}), not "
                f"{type(values).__name__}"
            )
        weight = self._weight if weight is None else checked_weight(weight)
        prefix = f"{self._part} " if self._part else ""
        # All are looked at before any is kept.
        checked = [
            (prefix + checked_name(name), scalar(name, value))
            for name, value in [*(values or {}).items(), *named.items()]
        ]
        for name, value in checked:
            self._means.add(name, value, weight)
            if self._every is not None and self._in_batch and not self._part:
                self._interval.add(name, value, weight)

    @property
    def history(self) -> dict[str, list[float]]:
        """What was measured in each epoch, by name: what `plot_curves` draws.

        Where nothing was logged under a name in an epoch, there is a nan.
        """
        rows = self._rows
        names = dict.fromkeys(name for row in rows for name in row if name not in _OWN)
        return {name: [row.get(name, math.nan) for row in rows] for name in names}

    # --- state ---------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Return all that is needed to go on from here.

        An epoch whose batches were all gone through counts as over, so that a checkpoint can be
        saved as the last thing in an epoch.

        Returns:
            Numbers by name, and lists and dictionaries of them.
        """
        rows, means = list(self._rows), self._means.state()
        over = self._is_running and (self._is_over or (bool(means) and not self._has_batches))
        if over:
            rows.append(self._row())
        in_epoch = self._is_running and not over
        return {
            "rows": [dict(row) for row in rows],
            # The batch that is being worked on is done when a checkpoint is saved at its end.
            "step": self.step + (self._in_batch and not self._part),
            "in epoch": in_epoch,
            "sums": means if in_epoch else {},
            "seconds": self._spent() if in_epoch else 0.0,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state that `state_dict` returned; change nothing if it does not fit.

        The files are made to fit the state when the next epoch begins.

        Args:
            state: The state.

        Raises:
            ValueError: It is no state of a monitor.
            RuntimeError: The monitor is closed, or an epoch runs.
        """
        self._check_open("load_state_dict")
        if self._is_running:
            raise RuntimeError(
                "Monitor.load_state_dict: an epoch runs; load before the loop over monitor.epochs()"
            )
        try:
            rows = [{name: float(x) for name, x in row.items()} for row in state["rows"]]
            rows = [{**r, "epoch": int(r["epoch"]), "step": int(r["step"])} for r in rows]
            if [row["epoch"] for row in rows] != list(range(1, len(rows) + 1)):
                raise ValueError("the epochs are not numbered from 1")
            step, in_epoch, seconds = int(state["step"]), state["in epoch"], float(state["seconds"])
            means = Means()
            means.restore(state["sums"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ValueError(
                f"Monitor.load_state_dict: this is no state of a monitor: {error!r}"
            ) from error
        self._rows, self.step, self._means, self._seconds = rows, step, means, seconds
        self.epoch = len(rows) + bool(in_epoch)
        self._is_resumed = bool(in_epoch)
        self._interval.clear()
        self._folder.go_on()

    def close(self) -> None:
        """Close the files. An epoch that was left with ``break`` is written before."""
        if self._is_closed:
            return
        if self._is_running:
            self._end_epoch()
        self._shut()

    def __enter__(self) -> Monitor:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._shut()  # without the epoch that failed: its figures are of a part of it

    # --- inside --------------------------------------------------------------------------------

    def _shut(self) -> None:
        self._is_running = False
        self._is_closed = True
        self._folder.close()

    def _check_open(self, method: str) -> None:
        if self._is_closed:
            raise RuntimeError(f"Monitor.{method}: the monitor is closed; make a new one")

    def _check_running(self, method: str) -> None:
        self._check_open(method)
        if not self._is_running:
            raise RuntimeError(
                f"Monitor.{method}: no epoch runs; call it inside `for epoch in monitor.epochs(n):`"
            )

    def _begin_epoch(self) -> None:
        if self._is_resumed:
            self._is_resumed = False
        else:
            self.epoch += 1
            self._means.clear()
            self._interval.clear()
            self._seconds = 0.0
        self._started = time.monotonic()
        self._is_running, self._has_batches, self._is_over = True, False, False

    def _end_epoch(self) -> None:
        row = self._row()
        self._is_running = self._is_over = False
        self._rows.append(row)
        self._means.clear()
        self._seconds = 0.0
        if self._every is not None:
            self._write_interval()
        self._folder.write("epoch", row)
        self._display.write(row, self.history)

    def _end_step(self) -> None:
        self.step += 1
        self._has_batches = True
        if self._every is not None and self.step % self._every == 0:
            self._write_interval()

    def _write_interval(self) -> None:
        means = self._interval.read()
        self._interval.clear()
        if means:
            self._folder.write("step", {"epoch": self.epoch, "step": self.step, **means})

    def _spent(self) -> float:
        return self._seconds + time.monotonic() - self._started

    def _row(self) -> Row:
        return {
            "epoch": self.epoch,
            "step": self.step,
            "seconds": round(self._spent(), 3),
            **self._means.read(),
        }
