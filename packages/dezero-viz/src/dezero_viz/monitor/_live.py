"""What a run shows in a notebook: its progress and a plot, drawn again while the run goes on."""

from __future__ import annotations

import base64
import sys
from collections.abc import Mapping
from html import escape
from typing import Any

from dezero_viz.monitor._console import number

__all__ = ["Live", "in_notebook"]


def in_notebook() -> bool:
    """Tell whether the program runs in a notebook, whose outputs can be changed afterwards."""
    # Not imported: where nobody did, there is no notebook.
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None


class Live:
    """An output of a notebook cell with a line on the progress, and one with the curves."""

    def __init__(self) -> None:
        self._progress = self._curves = None

    def show_progress(
        self, title: str, done: int, total: int | None, means: Mapping[str, float]
    ) -> None:
        """Draw the line on the progress anew."""
        of_total = f"/{total}" if total is not None else ""
        figures = ", ".join(f"{name} {number(value)}" for name, value in means.items())
        length = f' max="{total}" value="{done}"' if total else ""
        html = (
            f'<div style="font-family: monospace"><progress{length}></progress> '
            f"{escape(title)}, batch {done}{of_total}{': ' if figures else ''}{escape(figures)}"
            "</div>"
        )
        self._progress = _show(self._progress, {"text/html": html, "text/plain": title})

    def show_curves(self, history: Mapping[str, list[float]]) -> None:
        """Draw the curves anew."""
        if not history:
            return
        # matplotlib takes a while to load, which a run without a notebook is spared.
        from dezero_viz import plot_curves

        figure: Any = plot_curves(history)
        png = base64.b64encode(figure._repr_png_()).decode("ascii")
        self._curves = _show(self._curves, {"image/png": png, "text/plain": repr(figure)})


def _show(handle: Any, bundle: Mapping[str, Any]) -> Any:
    """Show an output in the place of the one that `handle` stands for; return its handle."""
    from IPython.display import display

    if handle is None:
        return display(dict(bundle), raw=True, display_id=True)
    handle.update(dict(bundle), raw=True)
    return handle
