"""Three arms of a spiral in the plane."""

from __future__ import annotations

import numpy as np

from dezero_core.typing import Array
from dezero_data.datasets.base import Dataset

__all__ = ["Spiral", "get_spiral"]

_CLASSES = 3
_POINTS = 100  # of each class


def get_spiral(train: bool = True) -> tuple[Array, Array]:
    """Return points on three arms of a spiral, and which arm each is on.

    Point i of arm j has the radius r = i / 100 and the angle 4 j + 4 r + 0.2 e, e drawn from the
    standard normal distribution. The points come shuffled, and the same ones every time.

    Source: Deep Learning from Scratch 3, step 48.

    Args:
        train: Training or test points: the same arms, another noise.

    Returns:
        The points, float32 of shape (300, 2), and the classes 0 to 2, int64 of shape (300,).

    Example:
        >>> x, t = get_spiral(train=True)
        >>> x[0], t[0].item()
        (array([-0.13981389, -0.00721657], dtype=float32), 1)
    """
    # A generator of its own: NumPy's global one belongs to the program.
    random = np.random.RandomState(1984 if train else 2020)
    arm = np.repeat(np.arange(_CLASSES, dtype=np.int64), _POINTS)
    radius = np.tile(np.arange(_POINTS) / _POINTS, _CLASSES)
    angle = 4 * arm + 4 * radius + 0.2 * random.randn(_CLASSES * _POINTS)
    points = np.stack([radius * np.sin(angle), radius * np.cos(angle)], axis=1)
    order = random.permutation(_CLASSES * _POINTS)
    return points.astype(np.float32)[order], arm[order]


class Spiral(Dataset):
    """The points of `get_spiral`: 300 in the plane, of three classes.

    Args:
        train: As `get_spiral`.
        transform: As `Dataset`. An item is float32 of shape (2,).
        target_transform: As `Dataset`. A label is an int64.

    Example:
        >>> len(Spiral())
        300
    """

    def prepare(self) -> None:
        """Compute the points."""
        self.data, self.label = get_spiral(self.train)
