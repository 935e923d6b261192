"""Work on each channel of images, or on each feature, in compiled loops."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from dezero_core.compiled import Loops
from dezero_core.typing import Array
from dezero_nn.functions._shares import in_shares

__all__ = ["find_loops"]

_of_images = Loops("dezero_nn.loops.channels")
_of_features = Loops("dezero_nn.loops.features")


def find_loops(x: Array, *others: Array) -> ChannelLoops | None:
    """Return loops over the channels of x, (N, C) or (N, C, S), or None where NumPy is to do it."""
    module = (_of_images if x.ndim > 2 else _of_features).find(x, *others)
    return None if module is None else ChannelLoops(module, x)


class ChannelLoops:
    """The loops for arrays of one shape; each computes new arrays."""

    def __init__(self, module: Any, x: Array) -> None:
        self._module = module
        self._shape = (*x.shape[:2], x.shape[2] if x.ndim > 2 else 1)
        self._dtype = x.dtype

    def moments(self, x: Array) -> tuple[Array, Array]:
        """Return mean and variance of each channel."""
        mean, var = np.empty((2, self._shape[1]), self._dtype)
        self._run(self._module.moments, [x], mean, var)
        return mean, var

    def sums(self, gy: Array, x: Array, center: Array) -> tuple[Array, Array]:
        """Sum gy, and gy * (x - center), over each channel."""
        g_sum, g_product = np.empty((2, self._shape[1]), self._dtype)
        self._run(self._module.sums, [gy, x], center, g_sum, g_product)
        return g_sum, g_product

    def gradient(
        self, gy: Array, x: Array, center: Array, scale: Array, slope: Array, offset: Array
    ) -> Array:
        """Compute gy * scale + (x - center) * slope + offset."""
        gx = np.empty_like(x)
        self._run(self._module.gradient, [gy, x], center, scale, slope, offset, gx.reshape(-1))
        return gx

    def scale_and_shift(self, x: Array, scale: Array, shift: Array) -> Array:
        """Compute x * scale + shift."""
        y = np.empty_like(x)
        self._run(self._module.scale_and_shift, [x], scale, shift, y.reshape(-1))
        return y

    def _run(self, loop: Callable[..., None], arrays: Sequence[Array], *others: Array) -> None:
        rows, shape = [array.reshape(-1) for array in arrays], self._shape

        def compute(channels: Sequence[int]) -> None:
            loop(*rows, shape, (channels[0], channels[-1] + 1), *others)

        in_shares(compute, range(shape[1]), rows[0].size)
