"""Step 56: channels, batches, and pooling.

An image has channels, such as its three colors, and a kernel has as many: their convolutions are
added up, so one kernel makes one channel of output. Several kernels make several, to each a bias is
added, and a batch of images goes through at once. Pooling takes the largest element of each window;
it learns nothing, treats each channel alone, and hardly sees when the image moves a little.
"""

from __future__ import annotations

import numpy as np

import dezero.functions as F


def main() -> None:
    """Convolve and pool, and look at the shapes."""
    np.random.seed(0)
    C, H, W = 3, 4, 4
    OC, KH, KW = 5, 3, 3
    x = np.random.randn(1, C, H, W)
    kernels = np.random.randn(OC, C, KH, KW)

    one = F.conv2d(x, kernels[:1])
    apart = [F.conv2d(x[:, [c]], kernels[:1, [c]]).data for c in range(C)]
    print("one kernel with three channels gives", one.shape)
    print("that is the sum over the channels:", np.allclose(one.data, sum(apart)))

    b = np.arange(OC, dtype=float)
    y = F.conv2d(x, kernels, b)
    print(f"{OC} kernels give {y.shape}, each with a bias:", end=" ")
    print(np.allclose(y.data - F.conv2d(x, kernels).data, b[:, np.newaxis, np.newaxis]))
    batch = np.random.randn(10, C, H, W)
    print("a batch of ten gives", F.conv2d(batch, kernels, b).shape)

    image = np.array([[[[1.0, 2, 1, 0], [0, 1, 2, 3], [3, 0, 1, 2], [2, 4, 0, 1]]]])
    print("\nthe largest of each 2x2 window:")
    print(F.pooling(image, kernel_size=2, stride=2).data[0, 0])
    print("the mean of each:")
    print(F.average_pooling(image, 2, 2).data[0, 0])
    print("channels stay as many:", F.pooling(batch, 2, 2).shape)

    spot, moved = np.zeros((1, 1, 4, 4)), np.zeros((1, 1, 4, 4))
    spot[..., 0, 0] = moved[..., 1, 1] = 1.0
    same = np.array_equal(F.pooling(spot, 2, 2).data, F.pooling(moved, 2, 2).data)
    print("a spot that moves inside its window changes nothing:", same)


if __name__ == "__main__":
    main()
