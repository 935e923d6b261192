"""A figure of matplotlib's that belongs to nobody else."""

from __future__ import annotations

import io
import os

from matplotlib.figure import Figure

from dezero_core.files import atomic_write
from dezero_viz._targets import ending_of

__all__ = ["InlineFigure", "save_figure"]


class InlineFigure(Figure):
    """A figure that a notebook shows without pyplot, whose state would outlive it."""

    def _repr_png_(self) -> bytes:
        return _drawn(self, "png")


def save_figure(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Write a figure to a file in the format of its ending: whole, or not at all."""
    content = _drawn(figure, ending_of(path))
    with atomic_write(path) as file:
        file.write(content)


def _drawn(figure: Figure, ending: str) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format=ending, dpi=150)
    return buffer.getvalue()
