"""The pooling of models that were first trained with Caffe."""

from __future__ import annotations

from dezero_core import Variable
from dezero_nn.functions import pooling

__all__ = ["pooling_to_the_end"]


def pooling_to_the_end(x: Variable) -> Variable:
    """Take the largest of windows of 3x3, every 2 pixels, the last ones over the edge if need be.

    For an even length one window more than `pooling` has begins within the image.
    """
    # A border of 2 gives windows that begin at -2, 0, 2, ...; the first one is none of ours.
    pad = tuple([0 if n % 2 else 2 for n in x.shape[2:]])
    y = pooling(x, kernel_size=3, stride=2, pad=(pad[0], pad[1]))
    return y if pad == (0, 0) else y[:, :, pad[0] // 2 :, pad[1] // 2 :]
