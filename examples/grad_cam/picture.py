"""Draw pictures with the maps of what a network saw in them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from scenes import DIGIT

from dezero_core import no_grad, test_mode
from dezero_core.files import atomic_write
from dezero_nn import Model
from dezero_viz import grad_cam, plot_grad_cam

VERMILION = "#D55E00"
SINGLES = 4


def draw(
    model: Model,
    layer: str,
    singles: tuple[np.ndarray, np.ndarray, np.ndarray],
    pairs: tuple[np.ndarray, np.ndarray, np.ndarray],
    path: Path,
) -> None:
    """Draw pictures of one digit above, and one of two digits below, asked for each.

    Args:
        model: What computes scores.
        layer: Whose maps are drawn.
        singles: Pictures of one digit, labels, and corners.
        pairs: Pictures of two digits, their labels, of shape (N, 2), and corners, (N, 2, 2).
        path: The png to write.
    """
    figure = Figure(figsize=(10.0, 6.4), layout="constrained")
    above, below = figure.subfigures(2, 1)
    above.suptitle("One digit: where the network saw what it says", fontsize=11)
    below.suptitle("Two digits: where it sees the one it is asked for", fontsize=11)
    x, t, corners = (array[:SINGLES] for array in singles)
    with no_grad(), test_mode():
        answers = model(x).data.argmax(axis=1)
    for i, axes in enumerate(above.subplots(1, SINGLES)):
        cam = grad_cam(model, x[i : i + 1], layer)
        plot_grad_cam(x[i], cam, title=f"says {answers[i]}, is {t[i]}", ax=axes)
        frame(axes, corners[i])
    x, kinds, corners = pairs
    for i, axes in enumerate(below.subplots(1, SINGLES)):
        scene, side = divmod(i, 2)
        asked = int(kinds[scene, side])
        cam = grad_cam(model, x[scene : scene + 1], layer, asked)
        plot_grad_cam(x[scene], cam, title=f"asked for {asked}", ax=axes)
        frame(axes, corners[scene, side])
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=80)
    with atomic_write(path) as file:
        file.write(buffer.getvalue())


def frame(axes: Axes, corner: np.ndarray) -> None:
    """Draw the square where the digit is."""
    top, left = corner - 0.5
    axes.add_patch(Rectangle((left, top), DIGIT, DIGIT, fill=False, edgecolor=VERMILION, lw=1.5))
