"""Images: with a model's answers, as the filters of a convolution, as what these make of them."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dezero_core.typing import ArrayLike
from dezero_viz.plots._arrays import class_names, class_numbers, real_array
from dezero_viz.plots._sheet import Sheet
from dezero_viz.plots._style import COLORS, FAULT, GRAY

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_feature_maps", "plot_filters", "plot_images"]

# Each image is an Axes of its own: with more, drawing takes many seconds.
_MOST_IMAGES = 200


def plot_images(
    images: ArrayLike,
    labels: ArrayLike | None = None,
    predictions: ArrayLike | None = None,
    *,
    names: Sequence[str] | None = None,
    columns: int | None = None,
    figure: Any = None,
    to_file: str | os.PathLike[str] | None = None,
) -> Figure:
    """Draw images in rows, with what they are and what a model takes them for.

    Right answers are blue; wrong ones are vermilion in a thick frame, with the truth in brackets.
    Of integers, 0 is black and 255 is white; of other numbers, 0 and 1 are, unless the images go
    beyond: then the least and the largest of all. Pixels that are not finite are vermilion.

    Args:
        images: Of shape (N, H, W), (N, 1, H, W), or (N, 3, H, W) in red, green and blue.
        labels: The true classes, of shape (N,).
        predictions: The model's answers: classes of shape (N,); or scores of shape (N, C), whose
            largest is shown in per cent where they are probabilities.
        names: The classes' names. Without it, their numbers.
        columns: How many images stand in a row. By default, such that the grid is wider than high.
        figure: The figure, or part of one, to draw on; a new one when None.
        to_file: Also write the figure to this file: png, svg, pdf or jpg, by its ending.

    Returns:
        The figure that was drawn on.

    Raises:
        TypeError: Something holds no numbers, or `figure` is no figure.
        ValueError: The images are none, too many, or of another shape; the labels' or the answers'
            number differs; `names` are too few; or `columns` is less than 1.
        OSError: The file cannot be written.
        ImportError: matplotlib cannot be imported.

    Example:
        >>> figure = plot_images(np.zeros((2, 8, 8)), labels=[3, 5], predictions=[3, 2])
        >>> [axes.get_title() for axes in figure.axes]
        ['3', '2 (is 5)']
    """
    pixels, low, high = _pixels(images)
    count = len(pixels)
    captions, wrong = _captions(count, labels, predictions, names)
    columns = columns if columns is not None else math.ceil(math.sqrt(1.6 * count))
    if isinstance(columns, bool) or not isinstance(columns, int) or columns < 1:
        raise ValueError(f"plot_images: columns must be a whole number from 1, got {columns!r}")
    columns = min(columns, count)
    rows = math.ceil(count / columns)
    sheet = Sheet("plot_images", to_file)
    width = max(0.95, 0.085 * max(map(len, captions)) + 0.1)
    drawn = sheet.figure(figure, (width * columns, (1.2 if any(captions) else 0.95) * rows))
    for i in range(count):
        axes = drawn.add_subplot(rows, columns, i + 1)
        _draw_image(axes, pixels[i], low, high)
        axes.spines[:].set_color(FAULT if wrong[i] else GRAY)
        axes.spines[:].set_linewidth(2.0 if wrong[i] else 0.6)
        # Of those that may be wrong, those that are right are told by their color.
        color = FAULT if wrong[i] else "black" if predictions is None else COLORS[0]
        axes.set_title(captions[i], fontsize=8.5, color=color, pad=3)
    return sheet.finish(drawn)


def _pixels(images: Any) -> tuple[Any, float, float]:
    """Return images of shape (N, H, W) or (N, H, W, 3), and what is black and what is white."""
    wanted = "of shape (N, H, W), (N, 1, H, W) or (N, 3, H, W)"
    pixels = real_array("plot_images", "images", images, wanted, (3, 4))
    if len(pixels) > _MOST_IMAGES:
        raise ValueError(
            f"plot_images: {len(pixels)} images are too many to look at; give up to "
            f"{_MOST_IMAGES}, such as images[:{_MOST_IMAGES}]"
        )
    if pixels.ndim == 4:
        if pixels.shape[1] not in (1, 3):
            raise ValueError(f"plot_images: images must be {wanted}, got the shape {pixels.shape}")
        pixels = pixels[:, 0] if pixels.shape[1] == 1 else np.moveaxis(pixels, 1, -1)
    first = images[0] if isinstance(images, list | tuple) else images
    kind = getattr(getattr(first, "dtype", None), "kind", "f")
    finite = pixels[np.isfinite(pixels)]
    low, high = (0.0, 255.0) if kind in "iu" else (0.0, 1.0)
    if len(finite) and (finite.min() < low or finite.max() > high):
        low, high = float(finite.min()), float(finite.max())
    return pixels, low, max(high, low + 1e-12)


def _captions(count: int, labels: Any, predictions: Any, names: Any) -> tuple[list[str], list[Any]]:
    """Return the text above each image, and whether the answer is wrong."""
    truth = None if labels is None else class_numbers("plot_images", "labels", labels, count)
    if predictions is None:
        if truth is None:
            return [""] * count, [False] * count
        known = class_names("plot_images", names, int(truth.max()) + 1)
        return [known[number] for number in truth], [False] * count
    wanted = "classes of shape (N,) or scores of shape (N, C)"
    scores = real_array("plot_images", "predictions", predictions, wanted, (1, 2))
    if len(scores) != count:
        raise ValueError(f"plot_images: {len(scores)} predictions for {count} images")
    sure = [""] * count
    if scores.ndim == 2 and scores.shape[1] > 1:
        answers = np.where(np.isnan(scores), -np.inf, scores).argmax(axis=1)
        if (scores >= 0.0).all() and np.allclose(scores.sum(axis=1), 1.0, atol=1e-3):
            sure = [f" {score:.0%}" for score in scores.max(axis=1)]
    else:
        answers = class_numbers("plot_images", "predictions", scores)
    most = max(int(answers.max()), 0 if truth is None else int(truth.max())) + 1
    known = class_names("plot_images", names, most)
    captions = [known[answer] for answer in answers]
    if truth is None:
        wrong = [False] * count
    else:
        wrong = list(answers != truth)
        for i in np.flatnonzero(wrong):
            captions[i] += f" (is {known[truth[i]]})"
    return [caption + end for caption, end in zip(captions, sure, strict=True)], wrong


def _draw_image(axes: Axes, image: Any, low: float, high: float) -> None:
    """Draw one image, of shape (H, W) or (H, W, 3), without scales."""
    from matplotlib import colormaps
    from matplotlib.colors import to_rgb

    if image.ndim == 3:
        lost = ~np.isfinite(image).all(axis=-1)
        image = np.clip((np.where(lost[..., None], low, image) - low) / (high - low), 0.0, 1.0)
        image[lost] = to_rgb(FAULT)
        axes.imshow(image, interpolation="nearest")
    else:
        colors = colormaps["gray"].with_extremes(bad=FAULT)
        shown = np.ma.masked_invalid(image)
        axes.imshow(shown, cmap=colors, vmin=low, vmax=high, interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])


def plot_filters(
    W: ArrayLike,
    *,
    columns: int | None = None,
    ax: Axes | None = None,
    to_file: str | os.PathLike[str] | None = None,
) -> Figure:
    """Draw the filters of a convolution, all on one scale about zero.

    Filters of three channels are drawn in color, gray where they are zero. Those of one channel
    stand in rows. Of any other number of channels, there is a row for each filter and a column for
    each channel. Weights that are not finite are black.

    Args:
        W: Of shape (filters, channels, KH, KW), as `Conv2d` has it.
        columns: How many filters stand in a row, where they have one or three channels.
        ax: Where to draw; a new figure when None.
        to_file: Also write the figure to this file: png, svg, pdf or jpg, by its ending.

    Returns:
        The figure that was drawn on.

    Raises:
        TypeError: `W` holds no numbers, or `ax` is no Axes.
        ValueError: `W` is empty (a layer that was never called has no weights) or of another shape,
            or `columns` is less than 1.
        OSError: The file cannot be written.
        ImportError: matplotlib cannot be imported.

    Example:
        >>> figure = plot_filters(np.ones((8, 1, 5, 5)), columns=4)
        >>> figure.axes[0].get_xlabel()
        '8 filters of 5 × 5'
    """
    if getattr(W, "data", W) is None:
        raise ValueError("plot_filters: W has no data yet; call the layer once, or load weights")
    wanted = "an array of shape (filters, channels, KH, KW)"
    filters = real_array("plot_filters", "W", W, wanted, (4,))
    outputs, channels, height, width = filters.shape
    finite = filters[np.isfinite(filters)]
    bound = float(np.abs(finite).max(initial=0.0)) or 1.0
    what = f"{outputs} filter{'s' if outputs != 1 else ''} of {height} × {width}"
    sheet = Sheet("plot_filters", to_file)
    if channels == 3:
        colors = np.clip(np.moveaxis(filters, 1, -1) / (2.0 * bound) + 0.5, 0.0, 1.0)
        colors = np.where(np.isfinite(colors), colors, 0.0)
        axes, _ = _draw_mosaic("plot_filters", sheet, ax, colors, columns)
        axes.set_xlabel(f"{what}, in color")
        return sheet.finish(axes)
    if channels > 1:
        columns = channels
        what = f"{outputs} filters (rows) of {channels} channels (columns), {height} × {width}"
    tiles = filters.reshape(-1, height, width)
    numbers = {"step": 1} if channels > 1 else {}
    axes, image = _draw_mosaic(
        "plot_filters", sheet, ax, tiles, columns, cmap="PuOr_r", vmin=-bound, vmax=bound, **numbers
    )
    axes.set_xlabel(what)
    _add_bar(axes, image, "weight")
    return sheet.finish(axes)


def plot_feature_maps(
    maps: ArrayLike,
    *,
    columns: int | None = None,
    ax: Axes | None = None,
    to_file: str | os.PathLike[str] | None = None,
) -> Figure:
    """Draw what the channels of a convolution respond to, all on one scale.

    The number of the first map of each row stands to the left. What is not finite is vermilion.
    `layer_outputs` finds the maps of any layer of a model.

    Args:
        maps: The feature maps of one image, of shape (C, H, W) or (1, C, H, W).
        columns: How many maps stand in a row.
        ax: Where to draw; a new figure when None.
        to_file: Also write the figure to this file: png, svg, pdf or jpg, by its ending.

    Returns:
        The figure that was drawn on.

    Raises:
        TypeError: `maps` holds no numbers, or `ax` is no Axes.
        ValueError: `maps` is empty, of another shape or of several images, or `columns` is less
            than 1.
        OSError: The file cannot be written.
        ImportError: matplotlib cannot be imported.

    Example:
        >>> figure = plot_feature_maps(np.zeros((8, 12, 12)))
        >>> figure.axes[0].get_xlabel()
        '8 feature maps of 12 × 12'
    """
    wanted = "the maps of one image, of shape (C, H, W)"
    found = real_array("plot_feature_maps", "maps", maps, wanted, (3, 4))
    if found.ndim == 4:
        if len(found) != 1:
            raise ValueError(
                f"plot_feature_maps: maps must be {wanted}, got {len(found)} images of shape "
                f"{found.shape[1:]}; choose one: maps[0]"
            )
        found = found[0]
    count, height, width = found.shape
    finite = found[np.isfinite(found)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    sheet = Sheet("plot_feature_maps", to_file)
    axes, image = _draw_mosaic(
        "plot_feature_maps", sheet, ax, found, columns, cmap="viridis", vmin=low, vmax=high
    )
    axes.set_xlabel(f"{count} feature map{'s' if count != 1 else ''} of {height} × {width}")
    _add_bar(axes, image, "activation")
    return sheet.finish(axes)


def _draw_mosaic(
    operation: str,
    sheet: Sheet,
    ax: Any,
    tiles: Any,
    columns: int | None,
    step: int | None = None,
    **scale: Any,
) -> tuple[Axes, Any]:
    """Draw tiles, of shape (K, H, W) or (K, H, W, 3), in rows as one image.

    Hundreds of Axes would take many seconds, one takes none. Each row is numbered by its first
    tile, or in steps of `step`.
    """
    count, height, width = tiles.shape[:3]
    columns = math.ceil(math.sqrt(1.6 * count)) if columns is None else columns
    if isinstance(columns, bool) or not isinstance(columns, int) or columns < 1:
        raise ValueError(f"{operation}: columns must be a whole number from 1, got {columns!r}")
    columns = min(columns, count)
    rows = math.ceil(count / columns)
    # The gaps are narrower than the few weights of a filter: so these are drawn of several pixels.
    fine = math.ceil(12 / max(height, width))
    tiles = tiles.repeat(fine, axis=1).repeat(fine, axis=2)
    height, width = fine * height, fine * width
    gap = max(2, round(0.1 * max(height, width)))
    # Between the tiles, and beyond the last one, there is nothing: not zero.
    canvas: Any = np.zeros((rows * (height + gap) - gap, columns * (width + gap) - gap))
    canvas = np.ma.masked_array(canvas, mask=True)
    if tiles.ndim == 4:
        canvas = np.ones((*canvas.shape, 3))
    lost = np.zeros(canvas.shape[:2], dtype=bool)
    for i, tile in enumerate(tiles):
        top, left = (i // columns) * (height + gap), (i % columns) * (width + gap)
        place = slice(top, top + height), slice(left, left + width)
        canvas[place] = np.where(np.isfinite(tile), tile, 0.0)
        lost[place] = ~np.isfinite(tile).reshape(height, width, -1).all(axis=-1)
    shape = canvas.shape[0] / canvas.shape[1]
    across = min(max(3.0, 0.55 * columns), 9.0)
    size = across + 1.2, min(max(1.2, across * shape), 12.0) + 0.6
    axes = sheet.axes(ax, size, "compressed")
    image = axes.imshow(canvas, interpolation="nearest", **scale)
    if lost.any():
        from matplotlib.colors import to_rgba

        marks = np.zeros((*lost.shape, 4))
        marks[lost] = to_rgba(FAULT if scale.get("cmap") == "viridis" else "black")
        axes.imshow(marks, interpolation="nearest")
    numbers = [row * (step or columns) for row in range(rows)]
    places = [row * (height + gap) + (height - 1) / 2 for row in range(rows)]
    every = 1 + rows // 30
    axes.set_yticks(places[::every], [str(number) for number in numbers[::every]], fontsize=8)
    axes.set_xticks([])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return axes, image


def _add_bar(axes: Axes, image: Any, label: str) -> None:
    figure: Any = axes.figure
    figure.colorbar(image, ax=axes, label=label, shrink=0.8, pad=0.02)
