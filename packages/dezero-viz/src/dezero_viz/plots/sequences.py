"""What a model foretold of a sequence, beside what came."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from dezero_core.typing import ArrayLike
from dezero_viz.plots._arrays import finite_or_nan, real_array
from dezero_viz.plots._sheet import Sheet
from dezero_viz.plots._style import GRAY, dress, line_styles

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_sequence"]


def plot_sequence(
    predictions: ArrayLike | Mapping[str, ArrayLike],
    truth: ArrayLike,
    *,
    start: int = 0,
    xlabel: str = "step",
    ylabel: str = "value",
    ax: Axes | None = None,
    to_file: str | os.PathLike[str] | None = None,
) -> Figure:
    r"""Draw predictions of a sequence in front of the truth, with their error in the legend.

    .. math:: \mathrm{RMSE} = \sqrt{\tfrac{1}{T} \sum_t (y_t - t_t)^2}

    The mean is over the steps at which both are finite. Elsewhere the curves have gaps.

    Args:
        predictions: Of shape (T,) or (T, 1), or several such by the name of the model.
        truth: Of shape (S,) or (S, 1).
        start: The step of the truth that the first prediction is for.
        xlabel: What one step stands for.
        ylabel: What is foretold, with its unit.
        ax: Where to draw; a new figure when None.
        to_file: Also write the figure to this file: png, svg, pdf or jpg, by its ending.

    Returns:
        The figure that was drawn on.

    Raises:
        TypeError: These are no real numbers, `start` is no whole number, or `ax` no Axes.
        ValueError: A sequence is empty, has another shape, or reaches beyond the truth.
        OSError: The file cannot be written.
        ImportError: matplotlib cannot be imported.

    Example:
        >>> figure = plot_sequence({"RNN": [0.5, 1.0]}, [0.0, 0.5, 1.5], start=1)
        >>> figure.axes[0].get_legend_handles_labels()[1]
        ['truth', 'RNN (RMSE 0.354)']

    Deep Learning from Scratch 3, steps 59 and 60.
    """
    named = predictions if isinstance(predictions, Mapping) else {"prediction": predictions}
    if not named:
        raise ValueError("plot_sequence: there are no predictions; give at least one sequence")
    if isinstance(start, bool) or not isinstance(start, int):
        raise TypeError(f"plot_sequence: start must be a whole number, got {start!r}")
    t = _column("truth", truth)
    curves = {name: _column(f"the prediction {name!r}", y) for name, y in named.items()}
    for name, y in curves.items():
        if start < 0 or start + len(y) > len(t):
            raise ValueError(
                f"plot_sequence: the prediction {name!r} is for the steps {start} to "
                f"{start + len(y) - 1}, the truth has 0 to {len(t) - 1}"
            )
    sheet = Sheet("plot_sequence", to_file)
    axes = sheet.axes(ax, (7.2, 3.2))
    axes.plot(np.arange(len(t)), t, color=GRAY, linewidth=3.5, alpha=0.4, label="truth")
    for (name, y), look in zip(curves.items(), line_styles(), strict=False):
        error = (y - t[start : start + len(y)])[np.isfinite(y - t[start : start + len(y)])]
        rmse = f"RMSE {np.sqrt(np.mean(error**2)):.3g}" if len(error) else "no finite value"
        axes.plot(np.arange(len(y)) + start, y, linewidth=1.6, label=f"{name} ({rmse})", **look)
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel)
    dress(axes)
    axes.legend(frameon=False, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=3)
    return sheet.finish(axes)


def _column(name: str, x: Any) -> Any:
    wanted = "of shape (T,) or (T, 1)"
    array = real_array("plot_sequence", name, x, wanted, (1, 2))
    if array.ndim == 2 and array.shape[1] != 1:
        raise ValueError(f"plot_sequence: {name} must be {wanted}, got the shape {array.shape}")
    return finite_or_nan(array.reshape(-1))
