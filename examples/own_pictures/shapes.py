"""A folder of pictures for who has none at hand: five shapes, each drawn differently every time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

SIDE = 64  # pixels
SMOOTH = 4  # drawn so many times as large, then made smaller: soft edges
CLASSES = ("circle", "cross", "square", "star", "triangle")


def draw_folder(root: Path, each: int, random: np.random.Generator) -> None:
    """Draw pictures into one folder for each class.

    Args:
        root: The folder that gets a folder for each class.
        each: How many pictures of each.
        random: Where everything is drawn from.
    """
    for name in CLASSES:
        folder = root / name
        folder.mkdir(parents=True)
        for number in range(each):
            draw_shape(name, random).save(folder / f"{number:03}.png")


def draw_shape(name: str, random: np.random.Generator) -> Image.Image:
    """Draw a shape: of a light color on a dark one, somewhere, in some size, turned, with noise."""
    side = SIDE * SMOOTH
    ground, paint = (tuple(random.integers(low, low + 120, 3).tolist()) for low in (0, 136))
    image = Image.new("RGB", (side, side), ground)
    radius = random.uniform(0.2, 0.42) * side
    center = random.uniform(radius, side - radius, 2)
    corners = center + radius * outline(name, random.uniform(0.0, 2.0 * np.pi))
    ImageDraw.Draw(image).polygon([tuple(corner) for corner in corners], fill=paint)
    small = np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BOX), dtype=np.float64)
    noisy = small + random.normal(scale=random.uniform(2.0, 50.0), size=small.shape)
    return Image.fromarray(noisy.clip(0.0, 255.0).astype(np.uint8))


def outline(name: str, turn: float) -> np.ndarray:
    """Return the corners of a shape about the origin, at most 1 away, of shape (corners, 2)."""
    if name == "cross":  # a third of the square is the width of a bar
        a, b = 0.32, 0.95
        x = np.array([a, a, b, b, a, a, -a, -a, -b, -b, -a, -a])
        y = np.array([-b, -a, -a, a, a, b, b, a, a, -a, -a, -b])
        return np.stack(
            [x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)], axis=1
        )
    count = {"triangle": 3, "square": 4, "star": 10, "circle": 60}[name]
    angles = turn + 2.0 * np.pi * np.arange(count) / count
    lengths = np.where(np.arange(count) % 2, 0.42, 1.0) if name == "star" else np.ones(count)
    corners: np.ndarray = lengths[:, np.newaxis] * np.stack([np.cos(angles), np.sin(angles)], 1)
    return corners
