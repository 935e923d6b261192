"""Data and weights that all libraries start from."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

__all__ = ["WEIGHT_SEED", "digit_batches", "digit_images", "initial_weights", "spiral_batches"]

#: Both DeZeros draw their weights from NumPy's global generator, layer by layer.
WEIGHT_SEED = 0


def initial_weights(sizes: tuple[int, ...]) -> list[Any]:
    """Return what both DeZeros draw for an MLP after ``np.random.seed(WEIGHT_SEED)``."""
    rng = np.random.RandomState(WEIGHT_SEED)
    return [
        rng.randn(n_in, n_out).astype(np.float32) * np.float32(np.sqrt(1 / n_in))
        for n_in, n_out in pairwise(sizes)
    ]


def digit_images(n: int) -> tuple[Any, Any]:
    """Return random images and labels with the shapes and types of MNIST's files."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (n, 1, 28, 28), dtype=np.uint8)
    return images, rng.integers(0, 10, n)


def digit_batches() -> list[tuple[Any, Any]]:
    """Return 20 batches of 100 flat random images, float32 from 0 to 1, with their labels."""
    images, labels = digit_images(2000)
    x = images.reshape(20, 100, 784).astype(np.float32) / np.float32(255)
    return list(zip(x, labels.reshape(20, 100), strict=True))


def spiral_batches() -> list[tuple[Any, Any]]:
    """Return the points of three spiral arms, 10 batches of 30 (the book's step 48)."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), 100)
    radius = np.tile(np.arange(100) / 100, 3)
    angle = 4 * labels + 4 * radius + 0.2 * rng.standard_normal(300)
    points = np.stack([radius * np.sin(angle), radius * np.cos(angle)], axis=1)
    order = rng.permutation(300)
    x = points[order].astype(np.float32).reshape(10, 30, 2)
    return list(zip(x, labels[order].reshape(10, 30), strict=True))
