"""Images that are computed: a landscape, a painting to take the style of, and textures to learn."""

from __future__ import annotations

import numpy as np

__all__ = ["KINDS", "landscape", "painting", "textures"]

# What the textures are called; their colors, sizes and directions are drawn at random.
KINDS = ("stripes", "waves", "checks", "dots", "rings", "bricks", "grains", "clouds")


def landscape(size: int) -> np.ndarray:
    """Draw hills, a sun, a house and a tree: float32 of shape (3, size, size), from 0 to 1."""
    y, x = np.mgrid[0:size, 0:size] / size
    image = np.stack([0.45 + 0.45 * y, 0.65 + 0.25 * y, 0.95 - 0.1 * y])  # the sky
    image = _paint(image, (x - 0.78) ** 2 + (y - 0.2) ** 2 < 0.011, (1.0, 0.9, 0.35))
    image = _paint(image, y > 0.55 + 0.1 * np.sin(7.0 * x), (0.42, 0.6, 0.45))
    image = _paint(image, y > 0.72 + 0.07 * np.sin(5.0 * x + 2.0), (0.3, 0.5, 0.2))
    image = _paint(image, (abs(x - 0.32) < 0.14) & (abs(y - 0.7) < 0.12), (0.9, 0.85, 0.75))
    image = _paint(image, (abs(x - 0.32) < 1.1 * (y - 0.4)) & (y < 0.58), (0.7, 0.25, 0.2))
    image = _paint(image, (abs(x - 0.32) < 0.03) & (abs(y - 0.755) < 0.065), (0.35, 0.2, 0.15))
    image = _paint(image, (abs(x - 0.75) < 0.02) & (abs(y - 0.75) < 0.12), (0.35, 0.22, 0.12))
    image = _paint(image, (x - 0.75) ** 2 + (y - 0.58) ** 2 < 0.014, (0.15, 0.4, 0.15))
    return image.astype(np.float32)


def painting(size: int) -> np.ndarray:
    """Draw strokes that swirl, as `landscape` does: dark blue, light blue, cream and orange."""
    y, x = np.mgrid[0:size, 0:size] / size * 128
    # A wave whose crests bend about the highs and lows of others.
    phase = x * 0.32 + 5.5 * np.sin(y / 15.0 + 1.2 * np.sin(x / 19.0)) + 2.0 * np.sin(x / 9.0)
    along = y * 0.25 - 3.0 * np.sin(x / 13.0)
    height = np.sin(phase) + 0.35 * np.sin(along * 2.3)
    stops = np.array([-1.35, -0.6, 0.1, 0.75, 1.35])
    colors = [(0.05, 0.08, 0.3), (0.12, 0.25, 0.6), (0.3, 0.6, 0.8), (0.98, 0.9, 0.6)]
    colors.append((0.95, 0.55, 0.1))
    channels = [np.interp(height, stops, channel) for channel in zip(*colors, strict=True)]
    return np.stack(channels).astype(np.float32)


def textures(count: int, size: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw textures of any colors, sizes and directions.

    Args:
        count: How many.
        size: Their height and width.
        rng: Where chance comes from.

    Returns:
        Images, float32 of shape (count, 3, size, size), from 0 to 1; and their kinds, the positions
        in `KINDS`, of shape (count,).
    """
    kinds = rng.integers(len(KINDS), size=count)
    angle, x0, y0 = rng.uniform(0, 2 * np.pi, (3, count, 1, 1))
    step = rng.uniform(0.6, 1.3, (count, 1, 1))  # radians from pixel to pixel
    row, column = np.mgrid[0:size, 0:size]
    x = step * (np.cos(angle) * column + np.sin(angle) * row) + x0
    y = step * (np.cos(angle) * row - np.sin(angle) * column) + y0
    noise = rng.standard_normal((count, size, size))
    for n, kind in enumerate(kinds):
        noise[n] = _height(KINDS[kind], x[n], y[n], noise[n])
    share = (1 / (1 + np.exp(-3.0 * noise)))[:, None]  # of the first of two colors
    first = rng.random((count, 3, 1, 1))
    second = (first + rng.uniform(0.3, 0.7, first.shape)) % 1.0  # never much the same
    images = share * first + (1 - share) * second
    images += 0.03 * rng.standard_normal(images.shape)
    return np.clip(images, 0.0, 1.0).astype(np.float32), kinds


def _height(kind: str, x: np.ndarray, y: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Return a texture as a height, mostly from -1 to 1, above each place."""
    match kind:
        case "stripes":
            return np.sin(x)
        case "waves":
            return np.sin(x + 1.5 * np.sin(y / 2))
        case "checks":
            return np.sign(np.sin(x / 2) * np.sin(y / 2))
        case "dots":
            return 2.5 * np.cos(x / 1.5) * np.cos(y / 1.5) - 1.0
        case "rings":
            return np.sin(1.5 * np.hypot(x - x.mean(), y - y.mean()))
        case "bricks":
            odd = np.floor(y / np.pi) % 2
            mortar = (np.abs(np.sin(y)) < 0.3) | (np.abs(np.sin(x / 2 + odd * np.pi / 2)) < 0.15)
            return np.where(mortar, -1.0, 1.0)
        case "grains":
            return noise
    # Clouds: noise, whose neighbors are averaged several times.
    for _ in range(6):
        noise = (
            noise + np.roll(noise, 1, 0) + np.roll(noise, 1, 1) + np.roll(noise, 1, (0, 1))
        ) / 4
    return noise / noise.std()


def _paint(image: np.ndarray, where: np.ndarray, color: tuple[float, ...]) -> np.ndarray:
    return np.where(where, np.array(color)[:, None, None], image)
