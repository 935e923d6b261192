"""Functions of one and of two numbers: their derivatives, and ways to their minima."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from dezero_core import Variable, as_numpy, grad, no_grad
from dezero_core import functions as F
from dezero_core.typing import ArrayLike
from dezero_viz.plots._arrays import finite_or_nan, real_array, where_given
from dezero_viz.plots._sheet import Sheet
from dezero_viz.plots._style import COLORS, GRAY, MARKS, dress, line_styles

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_derivatives", "plot_paths"]

_GRID = 200
_LEVELS = 14


def plot_derivatives(
    f: Callable[[Any], Any],
    x: ArrayLike,
    order: int = 3,
    *,
    name: str = "f",
    ax: Axes | None = None,
    to_file: str | os.PathLike[str] | None = None,
) -> Figure:
    r"""Draw a function of one number and its derivatives, :math:`f, f', f'', \dots`.

    Each derivative is computed by differentiating the one before. Where a value is not finite, the
    curve has a gap.

    Args:
        f: A function from a Variable of shape (N,), on the device of `x`, to one of that shape,
            element by element.
        x: Where to compute it: numbers in ascending order, of shape (N,).
        order: Up to which derivative, from 0 on.
        name: What the function is called in the legend.
        ax: Where to draw; a new figure when None.
        to_file: Also write the figure to this file: png, svg, pdf or jpg, by its ending.

    Returns:
        The figure that was drawn on.

    Raises:
        TypeError: `f` returned no Variable, `x` holds no numbers, or `ax` is no Axes.
        ValueError: `x` is empty or has another number of axes, `f` changed the shape, or `order` is
            less than 0.
        OSError: The file cannot be written.
        ImportError: matplotlib cannot be imported.

    Example:
        >>> figure = plot_derivatives(F.sin, np.linspace(-7, 7, 200), order=1)
        >>> [line.get_label() for line in figure.axes[0].get_lines()]
        ['$f$', "$f'$"]

    Deep Learning from Scratch 3, step 34.
    """
    points = real_array("plot_derivatives", "x", x, "an array of shape (N,)", (1,))
    if isinstance(order, bool) or not isinstance(order, int) or order < 0:
        raise ValueError(f"plot_derivatives: order must be a whole number from 0, got {order!r}")
    sheet = Sheet("plot_derivatives", to_file)
    curves = _derivatives(f, where_given(points, x), order)
    axes = sheet.axes(ax, (5.6, 3.6))
    for n, (curve, look) in enumerate(zip(curves, line_styles(), strict=False)):
        mark = "'" * n if n < 4 else f"^{{({n})}}"
        axes.plot(points, finite_or_nan(curve), linewidth=1.8, label=f"${name}{mark}$", **look)
    axes.set_xlabel("$x$")
    dress(axes)
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return sheet.finish(axes)


def _derivatives(f: Callable[[Any], Any], points: Any, order: int) -> list[Any]:
    y = f(Variable(points))
    if not isinstance(y, Variable):
        raise TypeError(f"plot_derivatives: f must return a Variable, got {type(y).__name__}")
    if y.shape != points.shape:
        raise ValueError(
            f"plot_derivatives: f must compute element by element; of {points.shape} it made "
            f"{y.shape}"
        )
    curves = [as_numpy(y)]
    for _ in range(order):
        # An element of the result depends on its own element of x alone: so the gradient of the
        # sum holds every derivative.
        f = grad(lambda x, f=f: F.sum(f(x)), create_graph=True)
        curves.append(as_numpy(f(Variable(points))))
    return curves


def plot_paths(
    f: Callable[..., Any],
    paths: ArrayLike | Mapping[str, ArrayLike],
    *,
    minimum: ArrayLike | None = None,
    xlim: tuple[float, float] | None = None,
    ylim: tuple[float, float] | None = None,
    ax: Axes | None = None,
    to_file: str | os.PathLike[str] | None = None,
) -> Figure:
    """Draw the ways that methods took to the minimum of a function.

    A function of two numbers is drawn by its contours, closer together towards the least value; a
    function of one by its curve. A ring shows where a path starts, a cross where it ends. A path
    that leaves the finite numbers ends before.

    Args:
        f: Called with one or two arrays, of any one shape; returns an array or a Variable of it.
        paths: The points in order, of shape (T, 2), or (T,) for a function of one number. Or
            several such, of any length, by the name of the method.
        minimum: Where the least value is, of shape (2,) or (), marked by a star.
        xlim: The limits of the first number. By default as the paths have it.
        ylim: The limits of the second number; of a function of one, of its values.
        ax: Where to draw; a new figure when None.
        to_file: Also write the figure to this file: png, svg, pdf or jpg, by its ending.

    Returns:
        The figure that was drawn on.

    Raises:
        TypeError: A path holds no numbers, or `ax` is no Axes.
        ValueError: A path is empty, has another shape, starts where nothing is finite, or the
            paths differ in their dimension; or `f` changed the shape.
        OSError: The file cannot be written.
        ImportError: matplotlib cannot be imported.

    Example:
        >>> path = np.array([[2.0, 1.0], [1.0, 0.5], [0.5, 0.25]])
        >>> figure = plot_paths(lambda x0, x1: x0**2 + x1**2, {"descent": path})
        >>> figure.axes[0].get_legend_handles_labels()[1]
        ['descent, 2 steps']

    Deep Learning from Scratch 3, steps 28 and 29.
    """
    tracks = _checked_paths(paths)
    columns = next(iter(tracks.values())).shape[1]
    goal = None
    if minimum is not None:
        wanted = f"a point of {columns}"
        goal = real_array("plot_paths", "minimum", minimum, wanted).reshape(-1)
        if len(goal) != columns:
            raise ValueError(f"plot_paths: minimum must be {wanted}, got {len(goal)} numbers")
    sheet = Sheet("plot_paths", to_file)
    axes = sheet.axes(ax, (5.4, 4.2))
    known = np.concatenate([*tracks.values(), *([] if goal is None else [goal[None]])])
    x = np.linspace(*(xlim or _limits(known[:, 0])), _GRID)
    if columns == 2:
        y = np.linspace(*(ylim or _limits(known[:, 1])), _GRID)
        _draw_contours(axes, x, y, _values(f, *np.meshgrid(x, y)))
        axes.set_ylim(y[0], y[-1])
    else:
        axes.plot(x, finite_or_nan(_values(f, x)), color=GRAY, linewidth=1.2, zorder=1)
        tracks = {name: np.c_[t, _values(f, t[:, 0])] for name, t in tracks.items()}
        goal = None if goal is None else np.r_[goal, _values(f, goal)]
        if ylim is not None:
            axes.set_ylim(*ylim)
    axes.set_xlim(x[0], x[-1])
    for i, (name, track) in enumerate(tracks.items()):
        _draw_path(axes, name, track, i)
    if goal is not None:
        axes.plot(*goal, "*", color="black", markersize=12, label="minimum", zorder=4)
    axes.set_xlabel("$x_0$" if columns == 2 else "$x$")
    axes.set_ylabel("$x_1$" if columns == 2 else "$f(x)$")
    if columns == 1:
        dress(axes)
    axes.legend(frameon=True, framealpha=0.9, fontsize="small")
    return sheet.finish(axes)


def _checked_paths(paths: Any) -> dict[str, Any]:
    """Return each path as (T, 1) or (T, 2), without what comes after the finite numbers."""
    named = paths if isinstance(paths, Mapping) else {"path": paths}
    if not named:
        raise ValueError("plot_paths: there are no paths; give at least one")
    tracks: dict[str, Any] = {}
    for name, path in named.items():
        wanted = "of shape (T, 2), or (T,) for a function of one number"
        track = real_array("plot_paths", f"the path {name!r}", path, wanted, (1, 2))
        track = track.reshape(len(track), -1)
        if track.shape[1] not in (1, 2):
            raise ValueError(
                f"plot_paths: the path {name!r} must be {wanted}, got the shape {track.shape}"
            )
        lost = np.flatnonzero(~np.isfinite(track).all(axis=1))
        track = track[: lost[0]] if len(lost) else track
        if not len(track):
            raise ValueError(f"plot_paths: the path {name!r} starts at a point that is not finite")
        tracks[str(name)] = track
    if len({track.shape[1] for track in tracks.values()}) > 1:
        raise ValueError("plot_paths: some paths are of points of one number, others of two")
    return tracks


def _limits(values: Any) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    margin = 0.12 * (high - low) or 1.0
    return low - margin, high + margin


def _values(f: Callable[..., Any], *at: Any) -> Any:
    with no_grad():
        z = real_array("plot_paths", "f's result", f(*at), "an array")
    if z.shape != at[0].shape:
        raise ValueError(f"plot_paths: f must keep the shape {at[0].shape}, it made {z.shape}")
    return z


def _draw_contours(axes: Axes, x: Any, y: Any, z: Any) -> None:
    z = np.ma.masked_invalid(z)
    if z.count() and z.max() > z.min():
        lowest, span = float(z.min()), float(z.max() - z.min())
        # In equal ratios above the least value: else a narrow valley has no line in it.
        levels = lowest + span * np.geomspace(1e-4, 1.0, _LEVELS)
        axes.contourf(x, y, z, levels=[lowest, *levels], cmap=_heights(_LEVELS))
        axes.contour(x, y, z, levels=levels, colors="white", linewidths=0.6)


def _heights(count: int) -> Any:
    """Return pale colors, dark below: paths shall stand out against them."""
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap

    colors = colormaps["viridis"](np.linspace(0.25, 1.0, count))
    colors[:, :3] = 0.4 * colors[:, :3] + 0.6
    return ListedColormap(list(map(tuple, colors)))


def _draw_path(axes: Axes, name: str, track: Any, place: int) -> None:
    color = COLORS[place % len(COLORS)]
    steps = len(track) - 1
    few = steps <= 60
    axes.plot(
        *track.T,
        color=color,
        linewidth=1.6,
        marker=MARKS[place % len(MARKS)] if few else None,
        markersize=3.5,
        label=f"{name}, {steps} step{'' if steps == 1 else 's'}",
        zorder=2,
    )
    axes.plot(*track[0], "o", color=color, markerfacecolor="white", markersize=7, zorder=3)
    axes.plot(*track[-1], "X", color=color, markeredgecolor="white", markersize=9, zorder=3)
