"""How well classes are told apart: boundaries, and which are taken for which."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dezero_core import no_grad, test_mode
from dezero_core.errors import describe
from dezero_core.typing import ArrayLike
from dezero_viz.plots._arrays import class_names, class_numbers, real_array, where_given
from dezero_viz.plots._sheet import Sheet
from dezero_viz.plots._style import COLORS, GRAY, MARKS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_confusion_matrix", "plot_decision_boundary"]

# Yellow is too pale for lines, not for marks and regions.
_COLORS = (*COLORS, "#F0E442", GRAY)
# With more classes than this, a cell of the matrix is too small for a number.
_NUMBERED = 20
# So many points are asked for at once: a grid may be larger than memory with a large model.
_BATCH = 8192


def plot_decision_boundary(
    model: Callable[[Any], Any],
    x: ArrayLike,
    t: ArrayLike | None = None,
    *,
    names: Sequence[str] | None = None,
    threshold: float = 0.0,
    resolution: int = 200,
    ax: Axes | None = None,
    to_file: str | os.PathLike[str] | None = None,
) -> Figure:
    """Draw which class a model chooses at each point of the plane, and the examples.

    The model is asked in test mode, and no graph is recorded.

    Args:
        model: From an array of points, of shape (M, 2), of the dtype of `x` and on its device, to
            scores of shape (M, C), of which the largest is chosen; or of shape (M,) or (M, 1), of
            which class 1 has those above `threshold`.
        x: The examples, of shape (N, 2). They tell what part of the plane is shown.
        t: The examples' classes, of shape (N,). Without it they are not drawn.
        names: The classes' names, for the legend.
        threshold: For a single score: 0 for logits, 0.5 for probabilities.
        resolution: At how many points along each axis the model is asked.
        ax: Where to draw; a new figure when None.
        to_file: Also write the figure to this file: png, svg, pdf or jpg, by its ending.

    Returns:
        The figure that was drawn on.

    Raises:
        TypeError: `model` cannot be called, `x` or the scores hold no numbers, or `ax` is no Axes.
        ValueError: `x` is empty or of another shape, `t` has another length, `names` are too few,
            `resolution` is less than 2, or the scores have another shape than wanted.
        OSError: The file cannot be written.
        ImportError: matplotlib cannot be imported.

    Example:
        >>> x = np.array([[-1.0, 0.0], [1.0, 0.0], [0.5, 1.0]])
        >>> figure = plot_decision_boundary(lambda p: p[:, 0], x, [0, 1, 1], names=["no", "yes"])
        >>> figure.axes[0].get_legend_handles_labels()[1]
        ['no', 'yes']

    Deep Learning from Scratch 3, step 48.
    """
    operation = "plot_decision_boundary"
    if not callable(model):
        raise TypeError(f"{operation}: the model cannot be called, got {describe(model)}")
    points = real_array(operation, "x", x, "an array of shape (N, 2)", (2,))
    if points.shape[1] != 2:
        raise ValueError(
            f"{operation}: x must be an array of shape (N, 2), got the shape {points.shape}"
        )
    classes = None if t is None else class_numbers(operation, "t", t, len(points))
    if isinstance(resolution, bool) or not isinstance(resolution, int) or resolution < 2:
        raise ValueError(f"{operation}: resolution must be at least 2, got {resolution!r}")
    sheet = Sheet(operation, to_file)
    finite = points[np.isfinite(points).all(axis=1)]
    if not len(finite):
        raise ValueError(f"{operation}: no example in x is finite")
    low, high = finite.min(axis=0), finite.max(axis=0)
    margin = np.where(high > low, 0.08 * (high - low), 1.0)
    across = np.linspace(low - margin, high + margin, resolution)
    grid = np.stack(np.meshgrid(*across.T), axis=-1)
    dtype = getattr(x, "dtype", None)
    dtype = dtype if getattr(dtype, "kind", "") == "f" else np.float64
    scores = _scores(model, where_given(grid.reshape(-1, 2).astype(dtype), x), threshold)
    scores = scores.reshape(resolution, resolution, -1)
    count = max(scores.shape[-1], 0 if classes is None else int(classes.max()) + 1)
    labels = class_names(operation, names, count)

    axes = sheet.axes(ax, (4.8, 4.2))
    _draw_regions(axes, across[:, 0], across[:, 1], scores)
    for number in [] if classes is None else range(count):
        chosen = points[classes == number]
        if len(chosen):
            axes.plot(
                *chosen.T,
                MARKS[number % len(MARKS)],
                color=_COLORS[number % len(_COLORS)],
                markeredgecolor="white",
                markeredgewidth=0.5,
                markersize=5.5,
                label=labels[number],
            )
    axes.set_xlim(across[0, 0], across[-1, 0])
    axes.set_ylim(across[0, 1], across[-1, 1])
    axes.set_xlabel("$x_0$")
    axes.set_ylabel("$x_1$")
    if classes is not None:
        axes.legend(title="class", frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return sheet.finish(axes)


def _scores(model: Callable[[Any], Any], points: Any, threshold: float) -> Any:
    """Return the scores of each point, shape (M, C) with C at least 2."""
    found = []
    with no_grad(), test_mode():
        for start in range(0, len(points), _BATCH):
            batch = points[start : start + _BATCH]
            wanted = "an array of scores, of shape (M, C) or (M,)"
            y = real_array("plot_decision_boundary", "the model's result", model(batch), wanted)
            if y.ndim not in (1, 2) or len(y) != len(batch):
                raise ValueError(
                    f"plot_decision_boundary: the model's result must be {wanted}; for "
                    f"{batch.shape} it has the shape {y.shape}"
                )
            found.append(y.reshape(len(batch), -1))
    scores = np.concatenate(found)
    if scores.shape[1] == 1:
        scores = np.hstack([np.zeros_like(scores), scores - threshold])
    return scores


def _draw_regions(axes: Axes, x: Any, y: Any, scores: Any) -> None:
    """Fill where each class wins. The lead over the others crosses 0 between grid points."""
    from matplotlib.colors import to_rgba

    for number in range(scores.shape[-1]):
        others = np.delete(scores, number, axis=-1).max(axis=-1)
        lead = np.ma.masked_invalid(scores[..., number] - others)
        if lead.count() == 0 or lead.max() <= 0.0:
            continue
        top = max(float(lead.max()), 1e-300)
        color = to_rgba(_COLORS[number % len(_COLORS)], 0.28)
        axes.contourf(x, y, lead, levels=[0.0, top * 1.0001], colors=[color])
        if lead.min() < 0.0:
            axes.contour(x, y, lead, levels=[0.0], colors="black", linewidths=0.8)


def plot_confusion_matrix(
    y: ArrayLike,
    t: ArrayLike,
    *,
    names: Sequence[str] | None = None,
    ax: Axes | None = None,
    to_file: str | os.PathLike[str] | None = None,
) -> Figure:
    """Draw how many examples of each class a model took for which.

    A row is a true class, a column what the model said. Cells hold counts; their color is the
    share of the row, so that rare classes show as well as frequent ones.

    Args:
        y: The model's answers: classes of shape (N,), or scores of shape (N, C).
        t: The true classes, of shape (N,).
        names: The classes' names. Without it, their numbers.
        ax: Where to draw; a new figure when None.
        to_file: Also write the figure to this file: png, svg, pdf or jpg, by its ending.

    Returns:
        The figure that was drawn on.

    Raises:
        TypeError: `y` or `t` holds no numbers, or `ax` is no Axes.
        ValueError: They are empty, of other shapes, no classes, or scores that are NaN; or `names`
            are too few.
        OSError: The file cannot be written.
        ImportError: matplotlib cannot be imported.

    Example:
        >>> figure = plot_confusion_matrix([0, 1, 1, 1], [0, 0, 1, 1], names=["cat", "dog"])
        >>> [text.get_text() for text in figure.axes[0].texts]
        ['1', '1', '0', '2']
    """
    operation = "plot_confusion_matrix"
    answers = real_array(operation, "y", y, "of shape (N,) or (N, C)", (1, 2))
    truth = class_numbers(operation, "t", t, len(answers))
    count = int(truth.max()) + 1
    if answers.ndim == 2 and answers.shape[1] > 1:
        if np.isnan(answers).any():
            raise ValueError(f"{operation}: y holds scores that are NaN: they choose no class")
        count = max(count, answers.shape[1])
        chosen = answers.argmax(axis=1)
    else:
        chosen = class_numbers(operation, "y", answers)
    count = max(count, int(chosen.max()) + 1, 0 if names is None else len(names))
    labels = class_names(operation, names, count)
    matrix = np.zeros((count, count), dtype=np.int64)
    np.add.at(matrix, (truth, chosen), 1)
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)

    sheet = Sheet(operation, to_file)
    side = min(max(3.0, 0.42 * count), 12.0)
    axes = sheet.axes(ax, (side + 1.6, side + 0.7), "compressed")
    image = axes.imshow(share, cmap="cividis", vmin=0.0, vmax=1.0)
    for row, column in np.ndindex(matrix.shape) if count <= _NUMBERED else ():
        axes.text(
            column,
            row,
            str(matrix[row, column]),
            ha="center",
            va="center",
            fontsize=8,
            color="white" if share[row, column] < 0.55 else "black",
            # So that mistakes stand out.
            alpha=1.0 if matrix[row, column] else 0.4,
        )
    # Of very many classes, some ticks are enough.
    places = range(0, count, 1 + count // 40)
    shown = [labels[place] for place in places]
    slanted = max(map(len, shown)) > 3
    axes.set_xticks(
        places, shown, rotation=45 if slanted else 0, ha="right" if slanted else "center"
    )
    axes.set_yticks(places, shown)
    axes.tick_params(length=0)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    axes.set_title(f"{np.trace(matrix) / len(truth):.1%} of {len(truth)} are right", fontsize=10)
    figure: Any = axes.figure
    bar = figure.colorbar(image, ax=axes, label="share of the true class", shrink=0.8)
    bar.ax.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    return sheet.finish(axes)
