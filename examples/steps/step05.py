"""Step 5: the chain rule, and in which order to multiply.

The slope of a composition is the product of its functions' slopes, each taken at the value that
reached it. A product may be multiplied from either end. From the output backwards, what is carried
along is "how the output changes with this value": with one output, such as a loss, it is one row,
however many inputs there are. From the input forwards it would be one column for each input. This
is why networks are trained by going backwards.
"""

from __future__ import annotations

import numpy as np


def main() -> None:
    """Multiply the slopes of (exp(x²))² at 0.5, then compare the two orders on matrices."""
    x = 0.5
    a = x**2
    b = np.exp(a)
    y = b**2
    print(f"forward: x = {x}, a = {a}, b = {b}, y = {y}")

    gy = 1.0  # how y changes with y
    gb = gy * 2 * b
    ga = gb * np.exp(a)
    gx = ga * 2 * x
    print(f"backward: dy/dy = {gy}, dy/db = {gb}, dy/da = {ga}")
    print(f"dy/dx: {gx}")

    # Three maps one after the other, 1000 -> 1000 -> 1000 -> 1: each slope is a matrix.
    shapes = [(1, 1000), (1000, 1000), (1000, 1000)]
    dy_db, db_da, da_dx = (np.random.default_rng(0).normal(size=shape) for shape in shapes)
    backward, forward = (dy_db @ db_da) @ da_dx, dy_db @ (db_da @ da_dx)
    n = 1000
    print(f"\nfrom the output: {2 * n * n:,} multiplications; from the input: {n**3 + n * n:,}")
    print("the same slopes:", np.allclose(backward, forward))


if __name__ == "__main__":
    main()
