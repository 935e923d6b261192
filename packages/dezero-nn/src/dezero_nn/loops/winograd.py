"""The transforms of Winograd's algorithm for tiles of 2x2 results, as sums and differences.

The points are 0, 1, -1 and infinity, as in `dezero_nn.functions.convolution.winograd`, where the
transforms are products of matrices. Arrays of tiles have the axes (points, channels, tiles), with
tiles in the order of images, rows and columns.
"""

from __future__ import annotations

from dezero_core.compiled import loop

__all__ = ["gradients", "pixels", "results"]


@loop
def pixels(x, height, width, V):
    """Transform tiles of 4x4 pixels, which overlap by two.

    Args:
        x: Images with their borders, of shape (N, C, H, W).
        height: The number of rows of tiles.
        width: The number of tiles in a row.
        V: The result, of shape (16, C, N * height * width).
    """
    for n in range(x.shape[0]):
        for c in range(x.shape[1]):
            for p in range(height):
                i, t = 2 * p, (n * height + p) * width
                _pixels(x[n, c, i], x[n, c, i + 1], x[n, c, i + 2], x[n, c, i + 3], width, V, c, t)


@loop
def _pixels(x0, x1, x2, x3, width, V, c, t):
    for q in range(width):
        j = 2 * q
        # Down the columns of the tile, then along its rows.
        first = _transform(x0[j], x1[j], x2[j], x3[j])
        second = _transform(x0[j + 1], x1[j + 1], x2[j + 1], x3[j + 1])
        third = _transform(x0[j + 2], x1[j + 2], x2[j + 2], x3[j + 2])
        fourth = _transform(x0[j + 3], x1[j + 3], x2[j + 3], x3[j + 3])
        _put(V, 0, c, t + q, _transform(first[0], second[0], third[0], fourth[0]))
        _put(V, 4, c, t + q, _transform(first[1], second[1], third[1], fourth[1]))
        _put(V, 8, c, t + q, _transform(first[2], second[2], third[2], fourth[2]))
        _put(V, 12, c, t + q, _transform(first[3], second[3], third[3], fourth[3]))


@loop
def _transform(a, b, c, d):
    """Multiply by B^T."""
    return c - a, b + c, c - b, d - b


@loop
def _put(V, k, c, t, values):
    V[k, c, t] = values[0]
    V[k + 1, c, t] = values[1]
    V[k + 2, c, t] = values[2]
    V[k + 3, c, t] = values[3]


@loop
def results(M, b, at, height, width, y):
    """Transform tiles back into 2x2 results, and add a bias.

    Args:
        M: The tiles, of shape (16, channels, images * height * width).
        b: The biases, of shape (channels,).
        at: The first image, channel and row of tiles that they belong to.
        height: The number of rows of tiles.
        width: The number of tiles in a row.
        y: The results, of shape (N, C, H, W). Tiles may reach beyond them by one.
    """
    for n in range(M.shape[2] // (height * width)):
        for c in range(M.shape[1]):
            image = y[at[0] + n, at[1] + c]
            for p in range(height):
                i, t = 2 * (at[2] + p), (n * height + p) * width
                is_whole = i + 1 < y.shape[2]
                _results(M, c, t, b[c], width, image[i], image[i + is_whole], is_whole)


@loop
def _results(M, c, t, b, width, upper, lower, is_whole):
    for q in range(width):
        # Down the columns of the tile, A^T M.
        s0 = M[0, c, t] + M[4, c, t] + M[8, c, t]
        s1 = M[1, c, t] + M[5, c, t] + M[9, c, t]
        s2 = M[2, c, t] + M[6, c, t] + M[10, c, t]
        s3 = M[3, c, t] + M[7, c, t] + M[11, c, t]
        upper[2 * q] = b + s0 + s1 + s2
        if 2 * q + 1 < len(upper):
            upper[2 * q + 1] = b + s1 - s2 + s3
        if is_whole:
            s0 = M[4, c, t] - M[8, c, t] + M[12, c, t]
            s1 = M[5, c, t] - M[9, c, t] + M[13, c, t]
            s2 = M[6, c, t] - M[10, c, t] + M[14, c, t]
            s3 = M[7, c, t] - M[11, c, t] + M[15, c, t]
            lower[2 * q] = b + s0 + s1 + s2
            if 2 * q + 1 < len(lower):
                lower[2 * q + 1] = b + s1 - s2 + s3
        t += 1


@loop
def gradients(gy, at, height, width, M):
    """Take the gradients of 2x2 results to those of tiles: what `results` does, transposed.

    Args:
        gy: The gradients, of shape (N, C, H, W). Tiles may reach beyond them by one.
        at: The first image, channel and row of tiles that are wanted.
        height: The number of rows of tiles.
        width: The number of tiles in a row.
        M: The result, of shape (16, channels, images * height * width).
    """
    zero = gy.dtype.type(0)
    H, W = gy.shape[2], gy.shape[3]
    for n in range(M.shape[2] // (height * width)):
        for c in range(M.shape[1]):
            image = gy[at[0] + n, at[1] + c]
            for p in range(height):
                for q in range(width):
                    i, j, t = 2 * (at[2] + p), 2 * q, (n * height + p) * width + q
                    right, below = j + 1 < W, i + 1 < H
                    a = image[i, j]
                    b = image[i, j + 1] if right else zero
                    d = image[i + 1, j] if below else zero
                    e = image[i + 1, j + 1] if right and below else zero
                    _put(M, 0, c, t, _spread(a, b))
                    _put(M, 4, c, t, _spread(a + d, b + e))
                    _put(M, 8, c, t, _spread(a - d, b - e))
                    _put(M, 12, c, t, _spread(d, e))


@loop
def _spread(a, b):
    """Multiply by A."""
    return a, a + b, a - b, b
