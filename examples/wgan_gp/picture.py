"""Draw what a generator makes, what its critic thinks, and how it went."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dezero_core import Variable, no_grad
from dezero_core.files import atomic_write

History = dict[str, list[float]]

BLUE, VERMILION, GRAY = "#0072B2", "#D55E00", "#555555"
EDGE = 3.0  # of the square that is drawn


def draw(
    critic: Callable[[np.ndarray], Variable],
    real: np.ndarray,
    made: np.ndarray,
    history: History,
    floor: float,
    path: Path,
) -> None:
    """Draw points over the critic's scores, and curves beside it.

    Args:
        critic: Gives scores of shape (N, 1) to points of shape (N, 2).
        real: Real points, of shape (N, 2).
        made: Points of the generator.
        history: By name, what was written down; ``"update"`` is when.
        floor: The distance of two samples of real points.
        path: The png to write.
    """
    figure = Figure(figsize=(9.8, 4.4), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(1.25, 1.0))
    draw_landscape(left.subplots(), critic, real, made)
    above, below = right.subplots(2, 1, sharex=True)
    updates = history["update"]
    above.plot(updates, history["distance"], color=BLUE, label="made to real points")
    above.axhline(floor, color=VERMILION, linestyle=(0, (5, 2)), label="real to real points")
    above.set_yscale("log")
    above.set_title("Distance (sliced Wasserstein)", fontsize=11)
    below.plot(updates, history["slope"], color=BLUE, label="the critic's")
    below.axhline(1.0, color=VERMILION, linestyle=(0, (5, 2)), label="wanted")
    below.set_ylim(0.0, 1.25 * max(1.0, *history["slope"]))
    below.set_title("Slope between real and made points", fontsize=11)
    below.set_xlabel("update of the generator")
    for axes in (above, below):
        axes.grid(True, alpha=0.4, linewidth=0.7)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    with atomic_write(path) as file:
        file.write(buffer.getvalue())


def draw_landscape(
    axes: Axes, critic: Callable[[np.ndarray], Variable], real: np.ndarray, made: np.ndarray
) -> None:
    """Draw the critic's scores as a map, with real and made points on it."""
    places = np.linspace(-EDGE, EDGE, 121, dtype=np.float32)
    x, y = np.meshgrid(places, places)
    with no_grad():
        scores = critic(np.stack([x.ravel(), y.ravel()], axis=1)).data.reshape(x.shape)
    # Only differences of scores mean anything.
    image = axes.contourf(x, y, scores - scores.max(), levels=16, cmap="cividis")
    axes.figure.colorbar(image, ax=axes, label="the critic's score, below its highest")
    style = {"linestyle": "none", "markersize": 2.6, "alpha": 0.8}
    axes.plot(*real.T, marker="o", color="black", label="real", **style)
    axes.plot(*made.T, marker="o", color=VERMILION, label="made", **style)
    axes.set_xlim(-EDGE, EDGE)
    axes.set_ylim(-EDGE, EDGE)
    axes.set_aspect("equal")
    axes.set_title("The points, on the critic's landscape", fontsize=11)
    axes.legend(loc="lower left", markerscale=2.5, framealpha=0.9)
