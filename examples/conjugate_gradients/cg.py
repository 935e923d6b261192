"""Conjugate gradients: linear equations whose matrix nobody has to write down."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from dezero_core import as_numpy, get_array_module
from dezero_core.typing import Array


@dataclass(frozen=True)
class Solution:
    """What conjugate gradients found.

    Attributes:
        x: The solution, of shape (n,), where the right-hand side is.
        steps: The guess after each iteration, the first one zero, of shape (iterations + 1, n), on
            the host.
        residuals: The lengths of `b - A x` after each.
    """

    x: Array
    steps: np.ndarray
    residuals: np.ndarray


def solve(
    product: Callable[[Array], Array],
    b: Array,
    *,
    iterations: int,
    tolerance: float = 0.0,
) -> Solution:
    """Solve A x = b for a symmetric matrix A that is positive definite.

    Each iteration asks for one product with the matrix. It goes along a direction that is conjugate
    to all before, dᵢᵀ A dⱼ = 0, so that what was gained is never spoiled: without rounding the
    solution is there after n iterations, and often a good one much sooner.

    Two numbers decide after each product, whether to go on and whether A is what it should be. So
    the host waits twice for a device.

    M. Hestenes, E. Stiefel, "Methods of Conjugate Gradients for Solving Linear Systems", 1952.

    Args:
        product: Computes A v for a vector v of shape (n,).
        b: The right-hand side, of shape (n,).
        iterations: How many products to ask for, at most.
        tolerance: Stop where the residual is this share of the length of b.
    """
    xp = get_array_module(b)
    x = xp.zeros_like(b)
    residual = b.copy()
    direction = residual.copy()
    square = residual @ residual
    steps, residuals = [x.copy()], [math.sqrt(float(square))]
    for _ in range(iterations):
        if residuals[-1] <= tolerance * residuals[0]:
            break
        image = product(direction)
        curvature = direction @ image
        if not curvature > 0.0:
            # The matrix is not positive definite along here: what was found so far is still good.
            break
        length = square / curvature
        x = x + length * direction
        residual = residual - length * image
        last, square = square, residual @ residual
        direction = residual + (square / last) * direction
        steps.append(x.copy())
        residuals.append(math.sqrt(float(square)))
    return Solution(x, as_numpy(xp.stack(steps)), np.array(residuals))
