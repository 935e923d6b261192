"""How numbers are distributed: activations, gradients, weights, layer by layer."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from dezero_viz.plots._arrays import real_array
from dezero_viz.plots._sheet import Sheet
from dezero_viz.plots._style import COLORS, FAULT, GRAY

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_histograms"]

# So many letters are as wide as a histogram.
_WIDTH = 30


def plot_histograms(
    values: Mapping[str, Any] | Iterable[tuple[str, Any]],
    *,
    bins: int = 40,
    xlabel: str = "value",
    columns: int = 4,
    figure: Any = None,
    to_file: str | os.PathLike[str] | None = None,
) -> Figure:
    """Draw a histogram of each of some arrays, each on a scale of its own.

    Activations are ``layer_outputs(model, x)``, weights ``model.namedparams()``, and gradients
    ``{name: p.grad for name, p in model.namedparams()}``. Above each histogram stand the standard
    deviation and the share of zeros, which are left out of the bars: what `relu` stopped would hide
    all the rest. A dashed line shows where zero is.

    Args:
        values: Arrays of any shape by name, or pairs of both; None for what is missing, such as
            the gradient of a parameter that got none.
        bins: The number of bars.
        xlabel: What the numbers are.
        columns: How many histograms stand in a row.
        figure: The figure, or part of one, to draw on; a new one when None.
        to_file: Also write the figure to this file: png, svg, pdf or jpg, by its ending.

    Returns:
        The figure that was drawn on.

    Raises:
        TypeError: `values` are neither, or hold something else than real numbers.
        ValueError: There are none, or `bins` or `columns` is less than 1.
        OSError: The file cannot be written.
        ImportError: matplotlib cannot be imported.

    Example:
        >>> figure = plot_histograms({"l0": np.array([0.0, 1.0, 3.0]), "l1": None})
        >>> figure.axes[0].get_title().splitlines()
        ['l0', 'std 1.25, 33% zero']
    """
    operation = "plot_histograms"
    if not isinstance(values, Mapping):
        try:
            values = dict(values)
        except (TypeError, ValueError):
            raise TypeError(
                f"{operation}: values must map names to arrays, or be pairs such as "
                f"model.namedparams(), got {type(values).__name__}"
            ) from None
    if not values:
        raise ValueError(f"{operation}: there are no values; give at least one array")
    for name, number in (("bins", bins), ("columns", columns)):
        if isinstance(number, bool) or not isinstance(number, int) or number < 1:
            raise ValueError(f"{operation}: {name} must be a whole number from 1, got {number!r}")
    arrays = {
        str(name): None
        if getattr(array, "data", array) is None
        else real_array(operation, repr(name), array, "an array").reshape(-1)
        for name, array in values.items()
    }
    columns = min(columns, len(arrays))
    rows = math.ceil(len(arrays) / columns)
    sheet = Sheet(operation, to_file)
    drawn = sheet.figure(figure, (2.5 * columns + 0.3, 1.9 * rows + 0.3))
    for i, (name, array) in enumerate(arrays.items()):
        axes = drawn.add_subplot(rows, columns, i + 1)
        _draw_histogram(axes, name, array, bins)
        if i % columns == 0:
            axes.set_ylabel("count", fontsize=8)
        if i >= len(arrays) - columns:
            axes.set_xlabel(xlabel, fontsize=8)
    return sheet.finish(drawn)


def _draw_histogram(axes: Axes, name: str, array: Any, bins: int) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(labelsize=7)
    label = _folded(name)
    finite = array[np.isfinite(array)] if array is not None else np.empty(0)
    if array is None or not len(finite):
        reason = "none" if array is None else f"none of {array.size} is finite"
        axes.set_title(f"{label}\n{reason}", fontsize=8, color=FAULT)
        axes.set_xticks([])
        axes.set_yticks([])
        return
    said = [f"std {np.std(finite):.3g}"]
    nonzero = finite[finite != 0.0]
    if len(nonzero) < len(finite):
        said.append(f"{1 - len(nonzero) / len(finite):.0%} zero")
    if len(finite) < array.size:
        said.append(f"{array.size - len(finite)} not finite")
    axes.set_title(
        f"{label}\n{', '.join(said)}",
        fontsize=8,
        color=FAULT if len(finite) < array.size or not len(nonzero) else "black",
    )
    if len(nonzero):
        axes.hist(nonzero, bins=_edges(nonzero, bins), color=COLORS[0], edgecolor="white", lw=0.2)
    axes.axvline(0.0, color=GRAY, linestyle=(0, (3, 2)), linewidth=0.9)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    axes.ticklabel_format(axis="both", style="sci", scilimits=(-3, 4), useMathText=True)
    axes.xaxis.get_offset_text().set_fontsize(7)
    axes.yaxis.get_offset_text().set_fontsize(7)


def _folded(path: str) -> str:
    """Break a long path where layers begin: any part may tell it from its neighbors."""
    lines = [""]
    for part in re.findall(r"[^/]*/?", path):
        if lines[-1] and len(lines[-1]) + len(part) > _WIDTH:
            lines.append("")
        lines[-1] += part
    return "\n".join(lines)


def _edges(values: Any, bins: int) -> Any:
    """Return the edges of the bars; some room about values that are all the same."""
    low, high = float(values.min()), float(values.max())
    # Numbers that differ by rounding alone cannot be told apart by edges either.
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        room = 0.5 * abs(high)
        low, high = low - room, high + room
    return np.linspace(low, high, bins + 1)
