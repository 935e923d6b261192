"""Curves of a training run."""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, SupportsFloat

import numpy as np

from dezero_viz.plots._sheet import Sheet
from dezero_viz.plots._style import COLORS, DASHES, dress, line_styles

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_curves"]

_ACCURACY = frozenset({"acc", "accuracy"})
_PARTS = frozenset({"train", "training", "valid", "val", "validation", "test", "testing", "eval"})
# Above this ratio of the largest loss to the smallest, an axis that is not logarithmic shows the
# end of the run as a flat line.
_LOG_RATIO = 100.0
# A curve with more points than this is a line without marks.
_MARKED = 40


def plot_curves(
    history: Mapping[str, Iterable[SupportsFloat]] | Mapping[str, Mapping[str, Any]],
    *,
    smooth: float = 0.0,
    xlabel: str = "epoch",
    ax: Axes | Iterable[Axes] | None = None,
    to_file: str | os.PathLike[str] | None = None,
) -> Figure:
    r"""Draw how losses, accuracies and other figures went during training.

    What is measured in the same unit shares a panel: a name with the word ``loss`` goes to the
    losses, one with ``accuracy`` or ``acc`` to the accuracies (in per cent), and any other to a
    panel for the rest of its name once words such as ``train`` and ``test`` are taken off. Curves
    of the same part, such as ``test loss`` and ``test accuracy``, look the same. Losses that span
    more than two decades get a logarithmic axis. Where a value is not finite, the curve has a gap.

    Smoothing is an exponential moving average, freed of the bias towards its start:

    .. math:: m_t = s\,m_{t-1} + (1 - s)\,v_t, \qquad \hat v_t = m_t / (1 - s^t)

    The measured curve stays visible, faintly, behind the smooth one.

    Args:
        history: Curves by name, each a sequence of numbers (or arrays or Variables of shape
            ``()``), counted from 1 along the x axis. They may differ in length. Or several such
            histories by the name of the run: each run has a color, and each part its dashes.
        smooth: The weight :math:`s` of the past, from 0 (as measured) to just under 1.
        xlabel: What one point stands for.
        ax: Where to draw: one Axes for everything, or a sequence with one for each panel. A new
            figure when None. Drawing again on the same Axes adds to it.
        to_file: Also write the figure to this file: png, svg, pdf or jpg (or jpeg), by its ending.

    Returns:
        The figure that was drawn on. A new one belongs to no window and to no state of pyplot;
        a notebook shows it inline.

    Raises:
        TypeError: `history` is no mapping of names to sequences, a value is no real number, or
            `ax` holds something else than Axes.
        ValueError: `history` or a curve of it is empty, `smooth` is out of range, the number of
            axes is wrong, or the file ending is unknown.
        FileNotFoundError: The folder of `to_file` does not exist.
        IsADirectoryError: `to_file` is a folder.
        ImportError: matplotlib cannot be imported.

    Example:
        >>> figure = plot_curves({"train loss": [2.3, 0.7], "test accuracy": [0.6, 0.8]})
        >>> [axes.get_ylabel() for axes in figure.axes]
        ['loss', 'accuracy']
        >>> figure = plot_curves({"SGD": {"loss": [2.3, 1.9]}, "Adam": {"loss": [2.3, 0.7]}})
        >>> [line.get_label() for line in figure.axes[0].get_lines()]
        ['SGD', 'Adam']
    """
    runs = _checked_runs(history)
    if not isinstance(smooth, int | float) or not 0.0 <= smooth < 1.0:
        raise ValueError(f"plot_curves: smooth must be at least 0 and less than 1, got {smooth!r}")
    sheet = Sheet("plot_curves", to_file)
    names = dict.fromkeys(name for curves in runs.values() for name in curves)
    panels = _panels(names)
    if ax is None:
        figure = sheet.figure(None, (5.2 * len(panels), 3.8))
        axes = list(figure.subplots(1, len(panels), squeeze=False)[0])
    else:
        axes = _checked_axes(ax)
        if len(axes) == 1 and len(panels) > 1:
            panels = {" and ".join(panels): {name: name for name in names}}
        if len(axes) != len(panels):
            raise ValueError(
                f"plot_curves: the history has the panels {', '.join(panels)}, so ax must be one "
                f"Axes for all or {len(panels)} of them, got {len(axes)}"
            )

    drawn_before = len(axes[0].get_legend_handles_labels()[1])
    parts = dict.fromkeys(part for panel in panels.values() for part in panel.values())
    styles = _styles(list(runs), list(parts), drawn_before)
    for place, (quantity, panel) in zip(axes, panels.items(), strict=True):
        for (run, curves), (name, part) in itertools.product(runs.items(), panel.items()):
            if name in curves:
                of_part = "" if run and len(parts) == 1 else part
                label = " ".join(filter(None, (run, of_part))) or quantity
                _draw_curve(place, curves[name], smooth, label, styles[run, part])
        _dress(place, quantity, xlabel)
    return sheet.finish(axes[0])


def _checked_runs(history: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the curves of each run; a history that is of one run alone has the name ``""``."""
    if isinstance(history, Mapping) and history:
        several = [isinstance(curves, Mapping) for curves in history.values()]
        if all(several):
            return {str(run): _checked_curves(curves) for run, curves in history.items()}
    return {"": _checked_curves(history)}


def _checked_curves(history: Mapping[str, Iterable[SupportsFloat]]) -> dict[str, Any]:
    """Return each curve as a float64 array in which what is not finite is NaN."""
    if not isinstance(history, Mapping):
        raise TypeError(
            "plot_curves: history must map names to sequences of numbers, such as "
            f'{{"train loss": [0.9, 0.5]}}, got {type(history).__name__}'
        )
    if not history:
        raise ValueError("plot_curves: history is empty; give at least one curve")
    curves = {}
    for name, values in history.items():
        if not isinstance(name, str):
            raise TypeError(f"plot_curves: the curves' names must be str, got {name!r}")
        try:
            if isinstance(values, str | bytes | Mapping):
                raise TypeError
            items = list(values)
        except TypeError:
            raise TypeError(
                f"plot_curves: the curve {name!r} must be a sequence of numbers, got "
                f"{type(values).__name__}"
            ) from None
        numbers = [_number(name, position, value) for position, value in enumerate(items)]
        if not numbers:
            raise ValueError(f"plot_curves: the curve {name!r} is empty; give at least one value")
        curves[name] = np.asarray(numbers)
    return curves


def _number(name: str, position: int, value: Any) -> float:
    shape = getattr(value, "shape", ())
    kind = getattr(getattr(value, "dtype", None), "kind", "")
    try:
        if isinstance(value, str | bytes) or kind == "c" or shape != ():
            raise TypeError
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        what = f"of shape {shape}" if shape else f"{value!r:.40}"
        raise TypeError(
            f"plot_curves: the curve {name!r} must hold real numbers alone (nan leaves a gap), got "
            f"{type(value).__name__} {what} at position {position}"
        ) from None
    return number if math.isfinite(number) else math.nan


def _checked_axes(ax: Any) -> list[Axes]:
    from matplotlib.axes import Axes

    axes = [ax] if isinstance(ax, Axes) or not isinstance(ax, Iterable) else list(ax)
    for place in axes:
        if not isinstance(place, Axes):
            raise TypeError(
                "plot_curves: ax must be an Axes of matplotlib or a flat sequence of them, got "
                f"{type(place).__name__}"
            )
    if not axes:
        raise ValueError("plot_curves: ax is an empty sequence; give at least one Axes, or None")
    return axes


def _panels(curves: Iterable[str]) -> dict[str, dict[str, str]]:
    """Sort the curves by what they measure: quantity to (name to part, such as "train")."""
    panels: dict[str, dict[str, str]] = {}
    for name in curves:
        words = name.replace("_", " ").replace("/", " ").split()
        lower = {word.lower() for word in words}
        if "loss" in lower:
            quantity, part = "loss", [w for w in words if w.lower() != "loss"]
        elif lower & _ACCURACY:
            quantity, part = "accuracy", [w for w in words if w.lower() not in _ACCURACY]
        else:
            part = [word for word in words if word.lower() in _PARTS]
            quantity = " ".join(word for word in words if word not in part) or name
        panel = panels.setdefault(quantity, {})
        label = " ".join(part)
        panel[name] = name if label in panel.values() else label
    order = {"loss": 0, "accuracy": 1}
    return dict(sorted(panels.items(), key=lambda item: order.get(item[0], 2)))


def _styles(runs: list[str], parts: list[str], skip: int) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the look of each part of each run.

    The parts of one run differ in color and dashes. Of several runs, each has its color, and each
    part its dashes.
    """
    if len(runs) == 1:
        looks = zip(parts, itertools.islice(line_styles(), skip, None), strict=False)
        return {(runs[0], part): look for part, look in looks}
    return {
        (run, part): {
            "color": COLORS[(skip + i) % len(COLORS)],
            "linestyle": DASHES[j % len(DASHES)],
        }
        for i, run in enumerate(runs)
        for j, part in enumerate(parts)
    }


def _smoothed(values: Any, weight: float) -> Any:
    """Average with an exponentially fading past; a gap stays a gap and adds nothing."""
    smoothed = np.full_like(values, math.nan)
    mean, total = 0.0, 0.0
    for i, value in enumerate(values):
        if not math.isnan(value):
            mean = weight * mean + (1.0 - weight) * value
            total = weight * total + (1.0 - weight)
            smoothed[i] = mean / total
    return smoothed


def _draw_curve(
    axes: Axes, values: Any, smooth: float, label: str, style: Mapping[str, Any]
) -> None:
    steps = np.arange(1, len(values) + 1)
    finite = np.isfinite(values)
    if not finite.any():
        label = f"{label} (no finite value)"
    if smooth:
        axes.plot(steps, values, color=style["color"], linewidth=1.0, alpha=0.25)
        values = _smoothed(values, smooth)
    # A point between two gaps has no line to either side: only a mark shows it.
    alone = finite & ~np.r_[False, finite[:-1]] & ~np.r_[finite[1:], False]
    marked = np.flatnonzero(finite if len(values) <= _MARKED and not smooth else alone)
    axes.plot(
        steps,
        values,
        label=label,
        linewidth=1.8,
        marker="o" if len(marked) else None,
        markersize=3.5,
        markevery=marked.tolist(),
        **style,
    )
    # The steps that ended in gaps were run all the same.
    axes.update_datalim([(1, 0), (len(values), 0)], updatey=False)
    axes.autoscale_view()


def _dress(axes: Axes, quantity: str, xlabel: str) -> None:
    """Give the panel its scales, labels, grid and legend."""
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    # What was on the Axes before counts as well.
    lowest, highest = axes.dataLim.intervaly
    if not math.isfinite(lowest):  # nothing but gaps
        lowest, highest = 0.0, 1.0
    if quantity == "loss" and lowest > 0.0 and highest / lowest > _LOG_RATIO:
        axes.set_yscale("log")
    elif quantity == "accuracy" and 0.0 <= lowest <= highest <= 100.0:
        whole = 1.0 if highest <= 1.0 else 100.0
        # A little air above the best there can be.
        bottom = min(lowest, 0.9 * whole)
        margin = 0.05 * (whole - bottom)
        axes.set_ylim(max(bottom - margin, 0.0), whole + margin)
        axes.yaxis.set_major_formatter(PercentFormatter(whole, decimals=0))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10], min_n_ticks=1))
    axes.set_xlabel(xlabel)
    axes.set_ylabel(quantity)
    dress(axes)
    if axes.get_legend_handles_labels()[1] != [quantity]:
        axes.legend(frameon=False)
