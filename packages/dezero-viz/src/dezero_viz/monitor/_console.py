"""What a run shows on the console: a table with a line for each epoch, and a progress bar.

The bar is for terminals alone. What is read later, from a file or a pipe, has plain lines.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dezero_viz.monitor._logs import Row

__all__ = ["Console", "number"]

_LEAST_WIDTH = 9


def number(value: float) -> str:
    """Write a number with five digits that count."""
    return f"{value:.5g}"


class Console:
    """The table and the bars of a run."""

    def __init__(self) -> None:
        self._columns: list[str] = []
        self._total = 0

    def begin(self, n_epochs: int) -> None:
        """Know how many epochs there will be."""
        self._total = n_epochs

    def bar(self, title: str, n_batches: int | None) -> Any:
        """Return a progress bar over batches, which is drawn on a terminal alone."""
        # Not above: it takes 50 ms to load, which scripts that only draw are spared.
        from tqdm import tqdm

        return tqdm(
            total=n_batches,
            desc=title,
            unit=" batches",
            leave=False,
            disable=None,
            dynamic_ncols=True,
        )

    def write(self, row: Row) -> None:
        """Print the line of an epoch, below the names of its columns where those are new."""
        names = [name for name in row if name not in ("epoch", "step")]
        if not set(names) <= set(self._columns):
            self._columns = list(dict.fromkeys([*self._columns, *names]))
            self._print("epoch", {name: name for name in self._columns})
        texts = {name: number(row[name]) for name in names}
        texts["seconds"] = f"{row['seconds']:.1f}"
        self._print(f"{row['epoch']}/{self._total}", texts)

    def _print(self, first: str, texts: Mapping[str, str]) -> None:
        width = max(5, 2 * len(str(self._total)) + 1)
        cells = [first.rjust(width)]
        cells += [texts.get(name, "").rjust(max(_LEAST_WIDTH, len(name))) for name in self._columns]
        from tqdm import tqdm

        # Bars on the terminal step aside for it.
        tqdm.write("  ".join(cells).rstrip())
