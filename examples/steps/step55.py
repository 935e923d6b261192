"""Step 55: how a convolution works: padding, stride, and the size of the output.

A kernel is laid on a corner of the image; what lies on top of each other is multiplied and summed
up, and gives one element of the output. Then the kernel moves on by the stride. Padding is a frame
of zeros around the image, so that the kernel reaches the border more often. How often it fits is
the output's size: (size + 2 pad - kernel) // stride + 1.
"""

from __future__ import annotations

import numpy as np

import dezero.functions as F
from dezero.utils import get_conv_outsize


def convolve(image: np.ndarray, kernel: np.ndarray, stride: int, pad: int) -> np.ndarray:
    """Convolve by hand, one place after the other. `F.conv2d` does all places at once."""
    KH, KW = kernel.shape
    OH = get_conv_outsize(image.shape[0], KH, stride, pad)
    OW = get_conv_outsize(image.shape[1], KW, stride, pad)
    padded = np.pad(image, pad)
    y = np.empty((OH, OW))
    for i in range(OH):
        for j in range(OW):
            top, left = i * stride, j * stride
            y[i, j] = np.sum(padded[top : top + KH, left : left + KW] * kernel)
    return y


def main() -> None:
    """Compute sizes, and convolve an image that is bright on the right."""
    H, W = 4, 4  # the image
    KH, KW = 3, 3  # the kernel
    SH, SW = 1, 1  # the stride
    PH, PW = 1, 1  # the padding
    print("4x4, kernel 3, stride 1, padding 1:", end=" ")
    print(get_conv_outsize(H, KH, SH, PH), get_conv_outsize(W, KW, SW, PW))

    image = np.array([[0.0, 0, 0, 9, 9, 9, 9]] * 7)
    edges = np.array([[-1.0, 0, 1]] * 3)
    print("\nWhere the image gets brighter from left to right, this kernel answers:")
    print(convolve(image, edges, stride=1, pad=0))

    for stride, pad in ((1, 0), (1, 1), (2, 0), (2, 1), (3, 2)):
        y = convolve(image, edges, stride, pad)
        whole = F.conv2d(
            image[np.newaxis, np.newaxis], edges[np.newaxis, np.newaxis], None, stride, pad
        )
        same = np.allclose(y, whole.data[0, 0])
        print(f"7x7, stride {stride}, padding {pad}: {y.shape}, the same as F.conv2d: {same}")


if __name__ == "__main__":
    main()
