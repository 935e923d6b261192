"""Which algorithm computes a convolution.

The figures below are times relative to `columns`, float32, on one Zen 3 core with NumPy 2.4;
docs/design/convolution.md has more of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

import numpy as np

from dezero_core.typing import Array
from dezero_nn.functions.convolution import (
    columns,
    depthwise,
    depthwise_rows,
    direct,
    general,
    pointwise,
)
from dezero_nn.functions.convolution.geometry import Geometry
from dezero_nn.functions.convolution.winograd import Winograd

__all__ = ["ALGORITHMS", "choose", "conv2d", "conv2d_weight", "deconv2d", "using_algorithm"]

_WINOGRAD2 = Winograd([0, 1, -1])
_WINOGRAD4 = Winograd([0, 1, -1, 2, -2])

#: The algorithms for NumPy, by name: modules, or objects, with `forward`, `backward_x`,
#: `backward_w`, and `fits` where they do not fit all. ``"general"`` is for all array libraries.
ALGORITHMS: Final[dict[str, Any]] = {
    "general": None,
    "columns": columns,
    "depthwise": depthwise,
    "depthwise_rows": depthwise_rows,
    "direct": direct,
    "pointwise": pointwise,
    "winograd2": _WINOGRAD2,
    "winograd4": _WINOGRAD4,
}

_forced: ContextVar[str | None] = ContextVar("dezero_convolution", default=None)


@contextmanager
def using_algorithm(name: str | None) -> Iterator[None]:
    """Compute convolutions by one algorithm within a ``with`` block, where it can do it.

    For tests and measurements, and for whoever wants the last digit: `winograd4` is less accurate
    than the others. Gradients are computed by what holds when `backward` runs.

    Args:
        name: One of `ALGORITHMS`, or None for the choice by shape.

    Raises:
        ValueError: There is no such algorithm.

    Example:
        >>> import numpy as np
        >>> from dezero_nn.functions import conv2d
        >>> x, W = np.ones((1, 1, 4, 4), np.float32), np.ones((1, 1, 3, 3), np.float32)
        >>> with using_algorithm("columns"):
        ...     conv2d(x, W)
        variable([[[[9. 9.]
                    [9. 9.]]]])
    """
    if name is not None and name not in ALGORITHMS:
        raise ValueError(f"using_algorithm: no {name!r}; there is {', '.join(ALGORITHMS)}")
    token = _forced.set(name)
    try:
        yield
    finally:
        _forced.reset(token)


def choose(operation: str, g: Geometry, dtype: Any) -> str:
    """Return the name of the algorithm that computes an operation on NumPy arrays.

    Args:
        operation: ``"conv2d"``, ``"deconv2d"`` or ``"conv2d_weight"``.
        g: The geometry, of the convolution in all three cases.
        dtype: That of all operands.
    """
    # Others than these BLAS does not multiply, and that is where the speed comes from.
    if np.dtype(dtype).char not in "fd" or 0 in g.x_shape:
        return "general"
    forced = _forced.get()
    if forced is not None and _fits(forced, g, dtype):
        return forced
    # Compiled loops, where there is Numba: 0.1 to 0.3; not loaded for a few numbers.
    is_enough = g.batch * g.in_channels * g.pixels >= 1 << 11
    if is_enough and depthwise_rows.fits(g, dtype):
        return "depthwise_rows"
    # No columns to copy: 0.9 of the time, and less for gradients with a stride.
    if pointwise.fits(g, dtype):
        return "pointwise"
    # Images of 56x56: 0.85; of 14x14: 1.6, since rows are short. Gradients of weights: 0.4 to 0.6.
    if depthwise.fits(g, dtype) and (operation == "conv2d_weight" or g.pixels >= 1024):
        return "depthwise"
    # With AVX-512, 14x14, batch 64, 32 to 64 channels: 0.5; 32x32, 16 channels: 0.3.
    otherwise = "direct" if is_enough and direct.pays(operation, g, dtype) else "columns"
    # The transforms of weights are shared by all tiles, and tiles that reach beyond the image are
    # computed for nothing.
    channels = min(g.in_channels, g.out_channels)
    if not _WINOGRAD4.fits(g, dtype) or channels < 32:
        return otherwise
    # 64 channels, 16x16, batch 64: 1.35 times as long as `direct`; 128 channels, 28x28: 0.8. To
    # gather gradients of weights from tiles takes longer: 64 channels, 56x56, batch 32: 1.4.
    is_small = g.pixels < 2048 or operation == "conv2d_weight"
    if otherwise == "direct" and channels < 128 and is_small:
        return otherwise
    choose_tiles = _by_products if _WINOGRAD2.loops() is None else _by_loops
    return choose_tiles(g, channels) or otherwise


def _by_products(g: Geometry, channels: int) -> str | None:
    """Choose tiles where transforms are products, which cost as much as those of 20 channels."""
    # 32 channels: 0.85; 64: 0.6; 512: 0.4. With 16 tiles and 256 channels it would be 1.2.
    tiles, covered = _cover(g, 4)
    if tiles >= 32 and (covered > 0.8 or channels >= 256):
        return "winograd4"
    # 14x14, batch 64, 32 to 64 channels: 0.86, where tiles of 4x4 would make it 1.15.
    tiles, covered = _cover(g, 2)
    return "winograd2" if tiles >= 256 and covered > 0.7 else None


def _by_loops(g: Geometry, channels: int) -> str | None:
    """Choose tiles where the transforms of those of 2x2 are compiled, at a third of the cost."""
    # One image of 56x56, 256 channels: 0.45, and 0.9 by tiles of 2x2. But 28x28, 512 channels: 1.07
    # and 0.78. What is not much is not divided among threads: 56x56, 64 channels would be 1.5.
    tiles, covered = _cover(g, 4)
    if g.is_much and tiles >= 128 and (covered > 0.8 or channels >= 256):
        return "winograd4"
    # 14x14, batch 64, 32 to 64 channels: 0.85, 0.6 and 0.6; 28x28, 128 channels: 0.6. With 49 tiles
    # and 512 channels, transforming the weights takes what is won.
    tiles, covered = _cover(g, 2)
    is_worth_it = g.is_much or channels >= 128
    return "winograd2" if is_worth_it and tiles >= 128 and covered > 0.7 else None


def _fits(name: str, g: Geometry, dtype: Any) -> bool:
    fits = getattr(ALGORITHMS[name], "fits", None)
    return fits is None or fits(g, dtype)


def _cover(g: Geometry, side: int) -> tuple[int, float]:
    """Return how many tiles cover the results, and which part of them is of use."""
    height, width = (-(-n // side) for n in g.out_size)
    return g.batch * height * width, g.pixels / (side**2 * height * width)


# --- the operations ------------------------------------------------------------------------------


def conv2d(xp: Any, x: Array, W: Array, b: Array | None, g: Geometry) -> Array:
    """Compute a convolution."""
    algorithm = _algorithm("conv2d", xp, g, x, W, b)
    if algorithm is not None:
        return algorithm.forward(x, W, b, g)
    y = general.forward(xp, x, W, g)
    return y if b is None else y + b.reshape(-1, 1, 1)


def deconv2d(xp: Any, x: Array, W: Array, b: Array | None, g: Geometry) -> Array:
    """Compute a transposed convolution."""
    algorithm = _algorithm("deconv2d", xp, g, x, W, b)
    if algorithm is not None:
        return algorithm.backward_x(x, W, b, g)
    y = general.backward_x(xp, x, W, g)
    return y if b is None else y + b.reshape(-1, 1, 1)


def conv2d_weight(xp: Any, x: Array, gradient: Array, g: Geometry) -> Array:
    """Compute the gradient of a convolution's weights."""
    algorithm = _algorithm("conv2d_weight", xp, g, x, gradient, None)
    if algorithm is not None:
        return algorithm.backward_w(x, gradient, g)
    return general.backward_w(xp, x, gradient, g)


def _algorithm(operation: str, xp: Any, g: Geometry, x: Array, W: Array, b: Array | None) -> Any:
    # Fixed by library, shapes and dtypes, never by values.
    if xp is not np or x.dtype != W.dtype or (b is not None and b.dtype != x.dtype):
        return None
    return ALGORITHMS[choose(operation, g, x.dtype)]
