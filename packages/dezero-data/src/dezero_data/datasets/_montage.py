"""Many small images in one picture."""

from __future__ import annotations

from typing import Any

import numpy as np

from dezero_core.typing import Array
from dezero_data._arguments import check_integer
from dezero_data._pillow import pillow_image

__all__ = ["ShowsImages", "montage"]


class ShowsImages:
    """What data sets whose `data` are images, uint8 of shape (N, C, H, W), have in common."""

    data: Any

    def show(self, row: int = 10, col: int = 10, *, rng: np.random.Generator | None = None) -> Any:
        """Return a picture of some items, drawn at random, side by side without their labels.

        A notebook shows it. Elsewhere, its method `show` opens a window, and ``save("items.png")``
        writes a file.

        Args:
            row: How many rows of items.
            col: How many columns.
            rng: Where the items are drawn from. Default: other ones each time, and nothing is
                drawn from NumPy's global state.

        Returns:
            An image of Pillow's, ``col`` times as wide and ``row`` times as high as an item.

        Raises:
            ImportError: Pillow is not installed.
            TypeError: `row` or `col` is no integer.
            ValueError: `row` or `col` is below 1, or there are no items.
        """
        name = f"{type(self).__name__}.show"
        image = pillow_image(name)
        row = check_integer(row, "row", name, least=1)
        col = check_integer(col, "col", name, least=1)
        if len(self.data) == 0:
            raise ValueError(f"{name}: there are no items")
        random = np.random.default_rng() if rng is None else rng
        # With replacement only if there are fewer items than places.
        chosen = random.choice(len(self.data), row * col, replace=row * col > len(self.data))
        return image.fromarray(montage(self.data[chosen], row, col))


def montage(images: Array, row: int, col: int) -> Array:
    """Put images side by side, row by row.

    Args:
        images: Shape (row * col, C, H, W), C being 1 or 3.
        row: How many rows.
        col: How many columns.

    Returns:
        Shape (row * H, col * W) for one channel, (row * H, col * W, 3) for three.
    """
    channels, height, width = images.shape[1:]
    grid = images.reshape(row, col, channels, height, width).transpose(0, 3, 1, 4, 2)
    picture = grid.reshape(row * height, col * width, channels)
    return np.ascontiguousarray(picture[:, :, 0] if channels == 1 else picture)
