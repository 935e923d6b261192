"""Convolution against its definition, summed element by element."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from dezero_core.testing.specs import OperationSpec, normal
from dezero_nn import functions as F


def two(n: Any) -> tuple[int, int]:
    return n if isinstance(n, tuple) else (n, n)


def terms(W: Any, groups: int, out: Any, stride: Any, pad: Any, dilation: Any) -> Any:
    """Yield what belongs together: channels, place in the kernel, places in result and image."""
    (OC, IC, KH, KW), (sh, sw), (ph, pw), (dh, dw) = W.shape, *map(two, (stride, pad, dilation))
    for o, c, i, j, p, q in product(*map(range, (OC, IC, KH, KW, *out))):
        channel = o // (OC // groups) * IC + c
        yield o, c, channel, i, j, p, q, p * sh + i * dh - ph, q * sw + j * dw - pw


def convolve(
    x: Any, W: Any, b: Any = None, stride: Any = 1, pad: Any = 0, dilation: Any = 1, groups: int = 1
) -> Any:
    (N, _, H, Wd), (OC, _, KH, KW) = x.shape, W.shape
    (sh, sw), (ph, pw), (dh, dw) = map(two, (stride, pad, dilation))
    out = (H + 2 * ph - dh * (KH - 1) - 1) // sh + 1, (Wd + 2 * pw - dw * (KW - 1) - 1) // sw + 1
    y = np.zeros((N, OC, *out), np.result_type(x, W))
    for o, c, channel, i, j, p, q, v, h in terms(W, groups, out, stride, pad, dilation):
        if 0 <= v < H and 0 <= h < Wd:
            y[:, o, p, q] += x[:, channel, v, h] * W[o, c, i, j]
    return y if b is None else y + b.reshape(-1, 1, 1)


def transposed(
    x: Any,
    W: Any,
    b: Any = None,
    stride: Any = 1,
    pad: Any = 0,
    outsize: Any = None,
    dilation: Any = 1,
    groups: int = 1,
) -> Any:
    (N, _, H, Wd), (_, IC, KH, KW) = x.shape, W.shape
    (sh, sw), (ph, pw), (dh, dw) = map(two, (stride, pad, dilation))
    if outsize is None:
        outsize = (
            sh * (H - 1) + dh * (KH - 1) + 1 - 2 * ph,
            sw * (Wd - 1) + dw * (KW - 1) + 1 - 2 * pw,
        )
    y = np.zeros((N, IC * groups, *two(outsize)), np.result_type(x, W))
    for o, c, channel, i, j, p, q, v, h in terms(W, groups, (H, Wd), stride, pad, dilation):
        if 0 <= v < y.shape[2] and 0 <= h < y.shape[3]:
            y[:, channel, v, h] += x[:, o, p, q] * W[o, c, i, j]
    return y if b is None else y + b.reshape(-1, 1, 1)


def windows(x: Any, kernel: Any, stride: Any = 1, pad: Any = 0, dilation: Any = 1) -> Any:
    """Return (N, C, KH, KW, OH, OW): a convolution with kernels that see one element each."""
    KH, KW = two(kernel)
    eye = np.eye(KH * KW).reshape(KH * KW, 1, KH, KW)
    N, C, H, W = x.shape
    y = convolve(x.reshape(N * C, 1, H, W), eye, None, stride, pad, dilation)
    return y.reshape(N, C, KH, KW, *y.shape[2:])


def rows(col: Any) -> Any:
    N, C, KH, KW, OH, OW = col.shape
    return col.transpose(0, 4, 5, 1, 2, 3).reshape(N * OH * OW, C * KH * KW)


def fold(col: Any, shape: Any, pad: tuple[int, int]) -> Any:
    """Add columns up: the sum of what all windows hold of an element."""
    N, C, H, W = shape
    x = np.zeros((N, C, H + 2 * pad[0], W + 2 * pad[1]), col.dtype)
    for i, j, p, q in product(*map(range, col.shape[2:])):
        x[:, :, p + i, q + j] += col[:, :, i, j, p, q]
    return x[:, :, pad[0] : pad[0] + H, pad[1] : pad[1] + W]


def _row(
    case: str, function: Any, reference: Any, shapes: list[tuple[int, ...]], **settings: Any
) -> OperationSpec:
    return OperationSpec(
        name=f"{function.__name__}[{case}]",
        function=lambda *operands: function(*operands, **settings),
        operands=tuple([normal(*shape) for shape in shapes]),
        reference=lambda *operands: reference(*operands, **settings),
        differentiable=tuple(range(len(shapes))),
    )


def _conv(case: str, *shapes: tuple[int, ...], **settings: Any) -> OperationSpec:
    return _row(case, F.conv2d, convolve, list(shapes), **settings)


def _deconv(case: str, *shapes: tuple[int, ...], **settings: Any) -> OperationSpec:
    return _row(case, F.deconv2d, transposed, list(shapes), **settings)


def _sequence(x: Any, W: Any, b: Any, **settings: Any) -> Any:
    settings = {name: (1, n) if name != "pad" else (0, n) for name, n in settings.items()}
    return convolve(x[:, :, None], W[:, :, None], b, **settings)[:, :, 0]


def _transposed_sequence(x: Any, W: Any, b: Any, **settings: Any) -> Any:
    settings = {name: (1, n) if name != "pad" else (0, n) for name, n in settings.items()}
    return transposed(x[:, :, None], W[:, :, None], b, **settings)[:, :, 0]


CONVOLUTIONS = [
    _conv("plain", (2, 3, 5, 4), (4, 3, 3, 3)),
    _conv("bias", (2, 3, 4, 5), (4, 3, 3, 3), (4,), pad=1),
    _conv("not square", (2, 2, 6, 5), (3, 2, 2, 3), (3,), stride=(2, 1), pad=(1, 2)),
    _conv("stride leaves a rest", (1, 2, 6, 6), (2, 2, 3, 3), (2,), stride=2),
    _conv("stride larger than kernel", (2, 2, 7, 7), (2, 2, 2, 2), stride=3),
    _conv("pad larger than kernel", (1, 2, 3, 3), (2, 2, 2, 2), (2,), pad=(3, 4)),
    _conv("dilation", (1, 2, 7, 6), (2, 2, 3, 2), dilation=(2, 3), pad=1),
    _conv("groups", (2, 4, 4, 4), (6, 2, 3, 3), (6,), pad=1, groups=2),
    _conv("depthwise", (2, 3, 5, 5), (3, 1, 3, 3), (3,), pad=1, groups=3),
    _conv("depthwise, two each", (1, 2, 5, 5), (4, 1, 3, 3), stride=2, pad=1, groups=2),
    _conv("1x1", (2, 3, 3, 4), (4, 3, 1, 1), (4,)),
    _conv("1x1, stride", (2, 3, 5, 4), (4, 3, 1, 1), (4,), stride=2),
    _conv("1x1, groups", (2, 4, 3, 3), (2, 2, 1, 1), groups=2),
    _conv("1x1, pad", (1, 2, 3, 3), (2, 2, 1, 1), pad=1),
    _conv("one pixel", (1, 1, 1, 1), (1, 1, 1, 1), (1,)),
    _conv("kernel as large as the image", (2, 2, 3, 4), (3, 2, 3, 4), (3,)),
    _conv("empty batch", (0, 2, 4, 4), (3, 2, 3, 3), (3,), pad=1),
]

SPECS = [
    *CONVOLUTIONS,
    _row("bias", F.conv2d_simple, convolve, [(2, 3, 4, 5), (4, 3, 3, 3), (4,)], pad=1),
    _row("stride", F.conv2d_simple, convolve, [(1, 2, 6, 5), (2, 2, 3, 2)], stride=(2, 1)),
    _deconv("plain", (2, 4, 3, 4), (4, 3, 3, 3)),
    _deconv("bias", (2, 4, 4, 3), (4, 3, 3, 3), (3,), pad=1),
    _deconv("stride", (1, 3, 3, 4), (3, 2, 2, 3), (2,), stride=(2, 1), pad=(1, 0)),
    _deconv("outsize", (1, 2, 3, 3), (2, 2, 3, 3), (2,), stride=2, outsize=(8, 7)),
    _deconv("dilation", (1, 2, 3, 2), (2, 2, 2, 3), dilation=(2, 1)),
    _deconv("groups", (2, 4, 3, 3), (4, 2, 3, 3), (4,), stride=2, groups=2),
    _deconv("depthwise", (2, 3, 3, 3), (3, 1, 3, 3), (3,), pad=1, groups=3),
    _deconv("1x1", (2, 3, 3, 4), (3, 4, 1, 1), (4,)),
    _deconv("1x1, stride", (2, 3, 3, 2), (3, 4, 1, 1), (4,), stride=2, outsize=(6, 4)),
    _deconv("empty batch", (0, 2, 4, 4), (2, 3, 3, 3), (3,)),
    _row(
        "settings", F.conv1d, _sequence, [(2, 3, 7), (4, 3, 3), (4,)], stride=2, pad=1, dilation=2
    ),
    _row(
        "settings", F.deconv1d, _transposed_sequence, [(2, 4, 3), (4, 3, 2), (3,)], stride=2, pad=1
    ),
    _row("matrix", F.im2col, lambda x, **s: rows(windows(x, 2, **s)), [(2, 3, 4, 4)])
    if False
    else OperationSpec(
        "im2col",
        lambda x: F.im2col(x, (2, 3), (1, 2), 1),
        (normal(2, 3, 4, 5),),
        lambda x: rows(windows(x, (2, 3), (1, 2), 1)),
    ),
    OperationSpec(
        "im2col[not as a matrix]",
        lambda x: F.im2col(x, 2, to_matrix=False, dilation=2),
        (normal(1, 2, 4, 5),),
        lambda x: windows(x, 2, dilation=2),
    ),
    OperationSpec(
        "col2im",
        lambda col: F.col2im(col, (2, 2, 4, 5), (2, 3), 1, (0, 1)),
        (normal(2 * 3 * 5, 2 * 6),),
        lambda col: fold(
            col.reshape(2, 3, 5, 2, 2, 3).transpose(0, 3, 4, 5, 1, 2), (2, 2, 4, 5), (0, 1)
        ),
    ),
    OperationSpec(
        "col2im[not as a matrix]",
        lambda col: F.col2im(col, (1, 2, 4, 5), 2, to_matrix=False),
        (normal(1, 2, 2, 2, 3, 4),),
        lambda col: fold(col, (1, 2, 4, 5), (0, 0)),
    ),
    OperationSpec(
        "upsample_nearest",
        lambda x: F.upsample_nearest(x, (2, 3)),
        (normal(2, 3, 2, 4),),
        lambda x: np.kron(x, np.ones((1, 1, 2, 3))),
    ),
]
