"""What a run shows: on the console, and in a notebook."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from dezero_viz.monitor._console import Console
from dezero_viz.monitor._live import Live, in_notebook
from dezero_viz.monitor._logs import Row

__all__ = ["Display", "Progress"]

# How often, in seconds, a bar shows new figures. Each time a device is waited for.
_REFRESH = 0.5


class Display:
    """The table, the bars and the plot of a run; nothing at all unless `show`."""

    def __init__(self, show: bool) -> None:
        self.console = Console() if show else None
        self.live = Live() if show and in_notebook() else None
        self._n_epochs = 0

    def begin(self, n_epochs: int) -> None:
        """Know how many epochs there will be."""
        self._n_epochs = n_epochs
        if self.console:
            self.console.begin(n_epochs)

    def progress(
        self, epoch: int, part: str, total: int | None, means: Callable[[], Mapping[str, float]]
    ) -> Progress:
        """Return the progress through the batches of one part.

        Args:
            epoch: The number of the epoch.
            part: Such as ``"test"``.
            total: How many batches there are, if that is known.
            means: Tells the figures so far.
        """
        title = f"epoch {epoch}/{self._n_epochs} {part}".rstrip()
        return Progress(self, title, part, total, means)

    def write(self, row: Row, history: Mapping[str, list[float]]) -> None:
        """Show an epoch that is over."""
        if self.console:
            self.console.write(row)
        if self.live:
            self.live.show_curves(history)


class Progress:
    """A bar over batches."""

    def __init__(
        self,
        display: Display,
        title: str,
        part: str,
        total: int | None,
        means: Callable[[], Mapping[str, float]],
    ) -> None:
        self._title, self._total, self._means = title, total, means
        self._prefix = f"{part} " if part else ""
        self._live = display.live
        self._bar: Any = display.console.bar(title, total) if display.console else None
        self._done = 0
        self._shown = time.monotonic()

    def update(self) -> None:
        """Count a batch, and show the figures if those shown are old and anybody sees them."""
        self._done += 1
        if self._bar is None:
            return
        self._bar.update()
        is_seen = self._live is not None or not self._bar.disable
        if is_seen and time.monotonic() - self._shown >= _REFRESH:
            self._shown = time.monotonic()
            means = {
                name.removeprefix(self._prefix): value
                for name, value in self._means().items()
                if name.startswith(self._prefix)
            }
            if self._live is not None:
                self._live.show_progress(self._title, self._done, self._total, means)
            if not self._bar.disable:
                texts = [f"{name} {value:.5g}" for name, value in means.items()]
                self._bar.set_postfix_str(", ".join(texts), refresh=False)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
