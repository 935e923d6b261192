"""Draw how the pictures of a GAN grow."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from dezero_core.files import atomic_write

BLUE, VERMILION = "#0072B2", "#D55E00"


def draw(
    rows: Mapping[str, np.ndarray], distances: Sequence[float], floor: float, path: Path
) -> None:
    """Draw images in rows, and how far they are from real ones.

    Args:
        rows: By what stands beside a row, its images, of shape (N, 1, H, W).
        distances: To the nearest real image, before training and after each epoch.
        floor: The distance of real images from each other.
        path: The png to write.
    """
    figure = Figure(figsize=(9.4, 4.0), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.45, 1.0))
    height = next(iter(rows.values())).shape[2]
    gap = max(1, height // 8)
    # One image of all of them, with gaps that are light gray.
    tiles = np.stack([np.stack(list(images[:, 0])) for images in rows.values()])
    tiles = np.pad(1.0 - tiles, ((0, 0), (0, 0), (0, gap), (0, gap)), constant_values=0.8)
    mosaic = tiles.transpose(0, 2, 1, 3).reshape(tiles.shape[0] * (height + gap), -1)
    left.imshow(mosaic[:-gap, :-gap], cmap="gray", vmin=0.0, vmax=1.0)
    left.set_yticks(
        [i * (height + gap) + (height - 1) / 2 for i in range(len(rows))], list(rows), fontsize=9
    )
    left.set_xticks([])
    left.tick_params(length=0)
    left.set_title("What becomes of twelve samples of noise", fontsize=11)
    right.plot(distances, color=BLUE, label="made by the generator")
    right.axhline(floor, color=VERMILION, linestyle=(0, (5, 2)), label="test images")
    right.set_xlabel("epoch")
    right.set_title("Distance to the nearest training image", fontsize=11)
    right.set_ylim(bottom=0.0)
    right.grid(True, alpha=0.4, linewidth=0.7)
    right.spines[["top", "right"]].set_visible(False)
    right.legend(frameon=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    with atomic_write(path) as file:
        file.write(buffer.getvalue())
