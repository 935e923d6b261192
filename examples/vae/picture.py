"""Draw where digits lie, what is left of them, and what lies where."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dezero_core.files import atomic_write

# Ten colors cannot all be told apart by everybody: the digit itself is drawn as the mark.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#000000", "#56B4E9", "#777777")


def draw(
    places: np.ndarray,
    t: np.ndarray,
    x: np.ndarray,
    drawn_again: np.ndarray,
    drawn: np.ndarray,
    path: Path,
) -> None:
    """Draw a map of digits, some digits with what is left of them, and a table of digits.

    Args:
        places: Where digits lie, of shape (N, 2).
        t: What they are, of shape (N,).
        x: Digits, of shape (M, H * H).
        drawn_again: What became of them.
        drawn: Digits made of places in rows, of shape (K * K, H * H).
        path: The png to write.
    """
    figure = Figure(figsize=(9.6, 6.2), layout="constrained")
    axes = figure.subplot_mosaic([["map", "table"], ["again", "again"]], height_ratios=(3.6, 1.0))
    draw_map(axes["map"], places, t)
    draw_tiles(axes["table"], drawn, round(len(drawn) ** 0.5))
    axes["table"].set_title("What lies where, from any two numbers", fontsize=11)
    draw_tiles(axes["again"], np.concatenate([x, drawn_again]), len(x))
    axes["again"].set_title("Test digits, and what two numbers keep of them", fontsize=11)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=90)
    with atomic_write(path) as file:
        file.write(buffer.getvalue())


def draw_map(axes: Axes, places: np.ndarray, t: np.ndarray) -> None:
    """Draw each digit, as a character, at the place where it lies."""
    for kind in range(10):
        axes.plot(
            *places[t == kind].T,
            linestyle="none",
            marker=f"${kind}$",
            markersize=5,
            markeredgewidth=0.3,
            color=COLORS[kind % len(COLORS)],
        )
    axes.set_aspect("equal", adjustable="datalim")
    axes.set_xlabel("first number")
    axes.set_ylabel("second number")
    axes.grid(True, alpha=0.4, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title("Where test digits lie", fontsize=11)


def draw_tiles(axes: Axes, images: np.ndarray, columns: int) -> None:
    """Draw images of shape (N, H * H), black on white, in rows without scales."""
    height = round(images.shape[1] ** 0.5)
    gap = height // 8
    tiles = 1.0 - images.reshape(-1, columns, height, height)
    tiles = np.pad(tiles, ((0, 0), (0, 0), (0, gap), (0, gap)), constant_values=0.8)
    mosaic = tiles.transpose(0, 2, 1, 3).reshape(-1, columns * (height + gap))
    axes.imshow(mosaic[:-gap, :-gap], cmap="gray", vmin=0.0, vmax=1.0)
    axes.set_xticks([])
    axes.set_yticks([])
