"""Step 57: convolution as a product of matrices.

`im2col` copies what lies under the kernel at each place into a row of a matrix. Then a convolution
is one product, of the rows with the kernels as columns, and pooling is the maximum of each row.
Both are composed of functions that have gradients, and so have them too, of any order. `col2im`
adds the rows back into an image: it is what `im2col` does on the way back.
"""

from __future__ import annotations

import numpy as np

import dezero.functions as F
import dezero.layers as L
from dezero import Variable
from dezero.utils import pair


def main() -> None:
    """Take windows, convolve, pool, and differentiate."""
    np.random.seed(0)
    x1 = np.random.rand(1, 3, 7, 7)
    print("windows of 5x5 in one image of 7x7:", end=" ")
    print(F.im2col(x1, kernel_size=5, stride=1, pad=0, to_matrix=True).shape)
    x2 = np.random.rand(10, 3, 7, 7)
    col = F.im2col(x2, kernel_size=(5, 5), stride=(1, 1), pad=(0, 0), to_matrix=True)
    print("in ten images:", col.shape)
    back = F.col2im(col, x2.shape, kernel_size=5, stride=1, pad=0, to_matrix=True)
    print("and back again:", back.shape)
    print("an int stands for a pair:", pair(5), pair((5, 3)))

    x = Variable(np.random.randn(1, 5, 15, 15))
    W = Variable(np.random.randn(8, 5, 3, 3))
    y = F.conv2d_simple(x, W, b=None, stride=1, pad=1)
    y.backward()
    print("\na convolution's output and gradient:")
    print(y.shape)
    print(x.grad.shape)
    whole = F.conv2d(x, W, None, 1, 1)
    print("the same as the single function:", np.allclose(y.data, whole.data))

    pooled = F.pooling_simple(x, kernel_size=(2, 3), stride=2, pad=1)
    same = np.array_equal(pooled.data, F.pooling(x, (2, 3), 2, 1).data)
    print(f"pooling gives {pooled.shape}, the same as the single function: {same}")
    print("deconv2d goes back to a larger image:", F.deconv2d(y, W, None, 1, 1).shape)

    # The gradient of a gradient. The cube is there so that the first one still depends on x.
    x.cleargrad()
    F.sum(F.conv2d(x, W, None, 2, 1) ** 3).backward(create_graph=True)
    gx = x.grad
    x.cleargrad()
    F.sum(gx**2).backward()
    print("the second derivative's shape:", x.grad.shape)

    print("\nlayers:", L.Conv2d(8, kernel_size=3, stride=1, pad=1)(x).shape, end=" ")
    print(L.Deconv2d(8, kernel_size=4, stride=2, pad=1)(x).shape)


if __name__ == "__main__":
    main()
