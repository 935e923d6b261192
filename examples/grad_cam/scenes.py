"""Pictures in which a digit has to be found: it lies anywhere, among scraps of others."""

from __future__ import annotations

import numpy as np

__all__ = ["DIGIT", "SIDE", "make_pairs", "make_scenes"]

DIGIT = 8  # height and width of a digit
SIDE = 32  # of a picture
SCRAPS, SCRAP = 10, 4  # how many pieces of other digits lie about, and how large they are


def make_scenes(
    digits: np.ndarray, labels: np.ndarray, count: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Make pictures of one digit among scraps, and noise.

    Args:
        digits: Images, of shape (N, 1, 8, 8), from 0 to 1.
        labels: What they are, of shape (N,).
        count: How many pictures to make.
        rng: Where chance comes from.

    Returns:
        The pictures, float32 of shape (count, 1, 32, 32); the labels, of shape (count,); and where
        the digit's upper left corner is, of shape (count, 2).
    """
    scenes = _make_grounds(digits, count, rng)
    chosen = rng.integers(len(digits), size=count)
    corners = rng.integers(SIDE - DIGIT + 1, size=(count, 2))
    _place(scenes, digits[chosen], corners)
    return scenes, labels[chosen], corners


def make_pairs(
    digits: np.ndarray, labels: np.ndarray, count: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Make pictures of two different digits, one in the left half and one in the right.

    Args:
        digits: Images, of shape (N, 1, 8, 8), from 0 to 1.
        labels: What they are, of shape (N,).
        count: How many pictures to make.
        rng: Where chance comes from.

    Returns:
        As `make_scenes`, with labels of shape (count, 2), and corners of shape (count, 2, 2).
    """
    scenes = _make_grounds(digits, count, rng)
    first = rng.integers(len(digits), size=count)
    others = [rng.choice(np.flatnonzero(labels != labels[i])) for i in first]
    chosen = np.stack([first, np.array(others)], axis=1)
    corners = np.empty((count, 2, 2), dtype=np.int64)
    corners[..., 0] = rng.integers(SIDE - DIGIT + 1, size=(count, 2))
    corners[..., 1] = rng.integers(SIDE // 2 - DIGIT + 1, size=(count, 2))
    corners[:, 1, 1] += SIDE // 2
    for half in range(2):
        _place(scenes, digits[chosen[:, half]], corners[:, half])
    return scenes, labels[chosen], corners


def _make_grounds(digits: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Make noise with scraps of digits: dark and bright as digits are, so that neither tells."""
    grounds = (0.15 * rng.random((count, 1, SIDE, SIDE))).astype(np.float32)
    for _ in range(SCRAPS):
        top, left = rng.integers(DIGIT - SCRAP + 1, size=2)
        scraps = digits[rng.integers(len(digits), size=count)]
        scraps = scraps[:, :, top : top + SCRAP, left : left + SCRAP]
        _place(grounds, scraps, rng.integers(SIDE - SCRAP + 1, size=(count, 2)))
    return grounds


def _place(scenes: np.ndarray, images: np.ndarray, corners: np.ndarray) -> None:
    """Put an image into each scene, in place of what was there."""
    size = images.shape[-1]
    for scene, image, (top, left) in zip(scenes, images, corners, strict=True):
        scene[:, top : top + size, left : left + size] = image
