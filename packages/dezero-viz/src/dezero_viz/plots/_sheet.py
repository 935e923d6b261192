"""What a plot is drawn on: Axes or a figure of the caller's, or a new figure."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from dezero_viz._targets import check_target

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

__all__ = ["Sheet"]

Layout: TypeAlias = Literal["constrained", "compressed"]

_ENDINGS = ("jpeg", "jpg", "pdf", "png", "svg")


class Sheet:
    """What one plot is drawn on. Made first, so that a bad file name is found before any work.

    Args:
        operation: The public function that speaks in errors.
        to_file: Where to write the figure as well, or None.

    Raises:
        TypeError, ValueError, FileNotFoundError, IsADirectoryError: As of `check_target`.
        ImportError: matplotlib cannot be imported.
    """

    def __init__(self, operation: str, to_file: str | os.PathLike[str] | None) -> None:
        self._operation = operation
        self._file = None if to_file is None else check_target(operation, to_file, _ENDINGS)
        try:
            # Here, since matplotlib takes longer to import than all of DeZero.
            from dezero_viz.plots import _figure
        except ImportError as error:
            raise ImportError(
                f"{operation} draws with matplotlib, which cannot be imported ({error}); install "
                "it with: python -m pip install matplotlib"
            ) from error
        self._library = _figure

    def axes(self, ax: Any, size: tuple[float, float], layout: Layout = "constrained") -> Axes:
        """Return the Axes that was given, or the only one of a new figure, of a size in inches.

        Where pixels are square, the layout ``"compressed"`` leaves no empty room about them.
        """
        from matplotlib.axes import Axes

        if ax is None:
            return self.figure(None, size, layout).subplots()
        if not isinstance(ax, Axes):
            raise TypeError(
                f"{self._operation}: ax must be an Axes of matplotlib, got {type(ax).__name__}"
            )
        return ax

    def figure(
        self, figure: Any, size: tuple[float, float], layout: Layout = "constrained"
    ) -> Figure | SubFigure:
        """Return the figure, or part of one, that was given, or a new one of a size in inches."""
        from matplotlib.figure import Figure, SubFigure

        if figure is None:
            return self._library.InlineFigure(figsize=size, layout=layout)
        if not isinstance(figure, Figure | SubFigure):
            raise TypeError(
                f"{self._operation}: figure must be a Figure or a SubFigure of matplotlib, got "
                f"{type(figure).__name__}"
            )
        return figure

    def finish(self, drawn: Axes | Figure | SubFigure) -> Figure:
        """Write the file, if one is wanted, and return the whole figure."""
        from matplotlib.axes import Axes

        figure: Figure = (drawn.figure if isinstance(drawn, Axes) else drawn).canvas.figure
        if self._file is not None:
            self._library.save_figure(figure, self._file)
        return figure
