"""Read and write images, and draw them side by side."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from dezero_core.files import atomic_write

BLUE, VERMILION = "#0072B2", "#D55E00"


def read(path: Path, size: tuple[int, int]) -> np.ndarray:
    """Return the middle square of an image file, scaled, float32 of shape (3, H, W), 0 to 1."""
    with Image.open(path) as image:
        edge = min(image.size)
        left, top = (image.width - edge) // 2, (image.height - edge) // 2
        square = image.convert("RGB").resize(
            size, Image.Resampling.LANCZOS, box=(left, top, left + edge, top + edge)
        )
    return np.moveaxis(np.asarray(square, dtype=np.float32) / 255.0, -1, 0)


def write(image: np.ndarray, path: Path) -> None:
    """Write an image, of shape (3, H, W), from 0 to 1, as png."""
    pixels = np.round(np.moveaxis(np.clip(image, 0.0, 1.0), 0, -1) * 255.0).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="png")
    with atomic_write(path) as file:
        file.write(buffer.getvalue())


def draw(
    images: tuple[np.ndarray, np.ndarray, np.ndarray],
    history: Sequence[tuple[float, float]],
    path: Path,
) -> None:
    """Draw content, style and result, and the distances to both after each step.

    Args:
        images: Of shape (3, H, W), from 0 to 1.
        history: Distances in style and content.
        path: The png to write.
    """
    figure = Figure(figsize=(12.0, 3.3), layout="constrained")
    *frames, curves = figure.subplots(1, 4, width_ratios=(1.0, 1.0, 1.0, 1.1))
    for axes, image, name in zip(frames, images, ("content", "style", "result"), strict=True):
        axes.imshow(np.moveaxis(image, 0, -1), interpolation="nearest")
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_title(name, fontsize=11)
    style, content = zip(*history, strict=True)
    curves.plot(style, color=BLUE, label="from the style")
    curves.plot(content, color=VERMILION, linestyle=(0, (5, 2)), label="from the content")
    curves.set_yscale("log")
    curves.set_ylim(bottom=0.5 * min(style))  # the content is next to 0 at first
    curves.set_xlabel("step")
    curves.set_title("Distance of the result", fontsize=11)
    curves.grid(True, alpha=0.4, linewidth=0.7)
    curves.spines[["top", "right"]].set_visible(False)
    curves.legend(frameon=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=72)
    with atomic_write(path) as file:
        file.write(buffer.getvalue())
