r"""Convolution with 3x3 kernels in NumPy by fewer multiplications (Winograd's minimal filtering).

A tile of 4x4 results needs a tile of 6x6 pixels. Both are taken as polynomials: these are
multiplied by multiplying their values at 6 points, in each direction, so that 36 multiplications
do what takes 144 otherwise; for 2x2 results 16 do what takes 36:

.. math:: Y = A^T \left[ (G W G^T) \odot (B^T D B) \right] A

The products of all channels are 36 products of matrices. The transforms are one each: on tiles as
vectors, :math:`D \mapsto B^T D B` is the Kronecker product of :math:`B^T` with itself. For 2x2
results they are a few sums and differences, for which there are compiled loops.

The points are 0, 1, -1, and for tiles of 4x4 also 2 and -2, and infinity. With these two the
relative error in float32 is about 1e-5, ten times that of a sum. Whoever takes float64 wants the
digits: this is for float32 alone.

A. Lavin, S. Gray, "Fast Algorithms for Convolutional Neural Networks", 2016.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from dezero_core.compiled import Loops
from dezero_core.parallel import in_threads
from dezero_core.products import matmul
from dezero_core.typing import Array
from dezero_nn.functions.convolution.columns import transposed
from dezero_nn.functions.convolution.frames import Frames
from dezero_nn.functions.convolution.geometry import Geometry

__all__ = ["Winograd"]

# What the transformed tiles of a block may take, in bytes, and how many there are at least: for
# each block the weights are read, or even transformed, anew.
_BLOCK, _TILES = 3 << 19, 128
# What the transformed weights of some output channels may take, and the gradients of such.
_WEIGHTS_AT_ONCE, _GRADIENTS_AT_ONCE = 2 << 20, 8 << 20

_loops = Loops("dezero_nn.loops.winograd")


def _transforms(points: Sequence[float], out: int, kernel: int) -> tuple[Array, Array, Array]:
    r"""Return :math:`A^T`, :math:`B^T` and :math:`G` for points, and infinity."""
    n = len(points) + 1
    AT, BT, G = np.zeros((out, n)), np.zeros((n, n)), np.zeros((n, kernel))
    for i, point in enumerate(points):
        others = [p for p in points if p != point]
        AT[:, i] = [point**k for k in range(out)]
        G[i] = [point**k / np.prod([point - p for p in others]) for k in range(kernel)]
        BT[i, : n - 1] = np.polynomial.polynomial.polyfromroots(others)
    # At infinity a polynomial is its highest coefficient.
    AT[-1, -1] = G[-1, -1] = 1
    BT[-1] = np.polynomial.polynomial.polyfromroots(points)
    return AT, BT, G


def _squared(matrix: Array) -> Array:
    """Return a transform of vectors as one of tiles."""
    return np.kron(matrix, matrix).astype(np.float32)


@dataclass(frozen=True, slots=True)
class _Block:
    """Some images, and of these some rows of tiles, and how many tiles there are in a row."""

    images: slice
    rows: slice
    width: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """The number of images, of rows and of columns of tiles."""
        images = self.images.stop - self.images.start
        return images, self.rows.stop - self.rows.start, self.width

    @property
    def size(self) -> int:
        """The number of tiles."""
        images, height, width = self.shape
        return images * height * width

    def of(self, channels: slice) -> tuple[tuple[int, int, int], int, int]:
        """Return where the tiles of some channels begin, and the number of rows and of columns."""
        at = self.images.start, channels.start, self.rows.start
        return at, *self.shape[1:]


class _Tiles:
    """The transformed tiles of one block of images after the other.

    Args:
        x: The images.
        g: The geometry.
        out: The side of a tile of results.
        transform: The transform of pixels, of tiles as vectors.
        loops: Compiled transforms for this size of tiles, or None.
    """

    def __init__(self, x: Array, g: Geometry, out: int, transform: Array, loops: Any) -> None:
        self._out = out
        self._loops = loops
        self._transform = transform
        self._pad = g.pad
        width = -(-g.out_size[1] // out)
        self._frames = Frames(x, -g.pad[1], width * out + 2)
        self._tiles = np.empty(0, np.float32)
        self._transformed = np.empty(0, np.float32)

    def of(self, block: _Block) -> Array:
        """Return what belongs to each point, (points, C, tiles). Valid until the next call."""
        out, side = self._out, self._out + 2
        images, height, width = block.shape
        top = block.rows.start * out - self._pad[0]
        x = self._frames.take(block.images, top, height * out + 2)
        channels = x.shape[1]
        points = (side**2, channels, block.size)
        if self._loops is not None:
            V = self._take("_transformed", prod(points)).reshape(points)
            self._loops.pixels(x if x.flags.carray else x.copy(), height, width, V)
            return V
        N, C, H, W = x.strides
        seen = as_strided(
            x,
            (side, side, channels, images, height, width),
            (H, W, C, N, H * out, W * out),
            writeable=False,
        )
        tiles = self._take("_tiles", seen.size).reshape(seen.shape)
        np.copyto(tiles, seen)
        transformed = self._take("_transformed", seen.size).reshape(side**2, -1)
        matmul(np, self._transform, tiles.reshape(side**2, -1), out=transformed)
        return transformed.reshape(points)

    def _take(self, name: str, size: int) -> Array:
        """Return a buffer, which is kept from block to block."""
        buffer: Array = getattr(self, name)
        if buffer.size < size:
            buffer = np.empty(size, np.float32)
            setattr(self, name, buffer)
        return buffer[:size]


class Winograd:
    """The algorithm for one size of tiles.

    Args:
        points: The points but infinity.

    Attributes:
        out: The side of a tile of results, two less than that of one of pixels.
    """

    def __init__(self, points: Sequence[float]) -> None:
        self.out = len(points) - 1
        AT, BT, G = _transforms(points, self.out, 3)
        self._points = (len(points) + 1) ** 2
        self._pixels = _squared(BT)
        self._weights = _squared(G)
        self._turned_weights = _squared(G[:, ::-1])
        # The bias comes as one value more of a tile, that goes to all of its results.
        self._results = np.hstack([_squared(AT), np.ones((self.out**2, 1), np.float32)])
        self._gradients = np.ascontiguousarray(_squared(AT).T)

    def fits(self, g: Geometry, dtype: Any) -> bool:
        """Tell whether a convolution can be computed this way."""
        return (
            g.kernel == (3, 3)
            and g.stride == g.dilation == (1, 1)
            and g.groups == 1
            and np.dtype(dtype) == np.float32
        )

    def loops(self) -> Any:
        """Return the compiled transforms for this size of tiles, or None.

        Tiles of 4x4 take hundreds of operations each: products of matrices do them as fast.
        """
        return _loops.module() if self.out == 2 else None

    def forward(self, x: Array, W: Array, b: Array | None, g: Geometry) -> Array:
        """Return the convolution of images with weights, and the bias added."""

        def transform(channels: slice) -> Array:
            return self._apply(self._weights, W[channels])

        return self._convolve(x, transform, b, g)

    def backward_x(self, gy: Array, W: Array, b: Array | None, g: Geometry) -> Array:
        """Return the images' gradient, the transposed convolution, and the bias added."""
        turned = transposed(g)
        assert turned is not None

        def transform(channels: slice) -> Array:
            return self._apply(self._turned_weights, W[:, channels]).swapaxes(1, 2)

        return self._convolve(gy, transform, b, turned)

    def backward_w(self, x: Array, gy: Array, g: Geometry) -> Array:
        """Return the weights' gradient."""
        chunks = self._chunks(g, _GRADIENTS_AT_ONCE)
        loops = self.loops()
        gy = gy if loops is None or gy.flags.carray else gy.copy()
        is_covered = all(n % self.out == 0 for n in g.out_size)

        def compute(blocks: Sequence[_Block]) -> Array:
            gW = np.zeros((9, *g.w_shape[:2]), np.float32)
            tiles = _Tiles(x, g, self.out, self._pixels, loops)
            for block in blocks:
                V = tiles.of(block).swapaxes(1, 2)
                for channels in chunks:
                    n = channels.stop - channels.start
                    if loops is not None:
                        gM = np.empty((self._points, n, block.size), np.float32)
                        loops.gradients(gy, *block.of(channels), gM)
                    else:
                        # Zeros, for tiles at the edge that are not whole.
                        new = np.empty if is_covered else np.zeros
                        gradients = new((self.out**2, n * block.size), np.float32)
                        for place, gradient in self._places(gy, channels, gradients, block):
                            gradient[...] = place
                        gM = matmul(np, self._gradients, gradients)
                        gM = gM.reshape(self._points, n, block.size)
                    gU = matmul(np, gM, V).reshape(self._points, -1)
                    gW[:, channels] += matmul(np, self._weights.T, gU).reshape(9, n, -1)
            return gW

        gW: Array = sum(in_threads(compute, list(self._blocks(g)), start=g.is_much))
        return np.ascontiguousarray(gW.transpose(1, 2, 0)).reshape(g.w_shape)

    def _apply(self, transform: Array, W: Array) -> Array:
        """Return transformed weights, (points, OC, C)."""
        return matmul(np, transform, W.reshape(-1, 9).T).reshape(self._points, *W.shape[:2])

    def _convolve(
        self, x: Array, transform: Callable[[slice], Array], b: Array | None, g: Geometry
    ) -> Array:
        y = np.empty(g.y_shape, np.float32)
        chunks = self._chunks(g, _WEIGHTS_AT_ONCE)
        U = transform(chunks[0]) if len(chunks) == 1 else None
        loops = self.loops()
        bias = np.zeros(g.out_channels, np.float32) if b is None else b

        def compute(blocks: Sequence[_Block]) -> None:
            tiles = _Tiles(x, g, self.out, self._pixels, loops)
            M = results = np.empty((0, 0, 0), np.float32)
            for block in blocks:
                V = tiles.of(block)
                for channels in chunks:
                    shape = (self._points + 1, channels.stop - channels.start, block.size)
                    if M.shape != shape:
                        M = np.empty(shape, np.float32)
                        results = np.empty((self.out**2, M[0].size), np.float32)
                    matmul(np, transform(channels) if U is None else U, V, out=M[:-1])
                    if loops is not None:
                        loops.results(M, bias[channels], *block.of(channels), y)
                        continue
                    M[-1] = bias[channels].reshape(-1, 1)
                    matmul(np, self._results, M.reshape(len(M), -1), out=results)
                    for place, result in self._places(y, channels, results, block):
                        place[...] = result

        in_threads(compute, list(self._blocks(g)), start=g.is_much)
        return y

    def _blocks(self, g: Geometry) -> Iterator[_Block]:
        height, width = (-(-n // self.out) for n in g.out_size)
        channels = g.in_channels + g.out_channels
        tiles = max(_TILES, _BLOCK // (4 * self._points * channels))
        if tiles < height * width:
            rows = -(-height // -(-height * width // tiles))
            for i, row in product(range(g.batch), range(0, height, rows)):
                yield _Block(slice(i, i + 1), slice(row, min(row + rows, height)), width)
        else:
            images = tiles // (height * width)
            for i in range(0, g.batch, images):
                yield _Block(slice(i, min(i + images, g.batch)), slice(0, height), width)

    def _chunks(self, g: Geometry, limit: int) -> list[slice]:
        """Divide the output channels, so that transformed weights of a part stay in the cache."""
        n = -(-g.out_channels * g.in_channels * self._points * 4 // limit)
        size = -(-g.out_channels // n)
        return [slice(i, min(i + size, g.out_channels)) for i in range(0, g.out_channels, size)]

    def _places(
        self, y: Array, channels: slice, results: Array, block: _Block
    ) -> Iterator[tuple[Array, Array]]:
        """Yield for each place in a tile these pixels of images, and of the tiles of a block."""
        out = self.out
        part = y[block.images, channels, block.rows.start * out : block.rows.stop * out]
        part = part.swapaxes(0, 1)
        tiles = results.reshape(out, out, -1, *block.shape)
        for i, j in product(range(out), range(out)):
            pixels = part[:, :, i::out, j::out]
            # Tiles at the lower and right edge may reach beyond the image.
            yield pixels, tiles[i, j][..., : pixels.shape[2], : pixels.shape[3]]
