"""The normal distribution: the probability to lie below x, and its derivative, the density."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from dezero_core.primitive import primitive
from dezero_core.typing import Array

__all__ = ["SINGLE", "normal_cdf", "normal_pdf"]

# No namespace that is shaped like NumPy has the error function. With t = 1 / (1 + c |x|) the tail
# Q(|x|) e^(x^2 / 2) / t is smooth from t = 0, where x is infinite, to t = 1, so a polynomial in
# 2 t - 1, from -1 to 1, comes close to it everywhere. The coefficients are those of the expansion
# in Chebyshev polynomials, computed with 40 digits and sorted by powers. The relative error, far
# into the tail too, is 1e-7 for the first and below rounding for the second.
SINGLE = (
    0.25,
    [
        *[0.18882128180910995, 0.15197414889943234, 0.09678438987361293, 0.04663104607903099],
        *[0.015098828357548532, 0.001880313882530566, -0.0008690491150621521],
        *[-0.00039393802029191136, 3.2335030768351044e-05, 4.06540789120999e-05],
    ],
)
_DOUBLE = (
    0.2,
    [
        *[0.1538386099500126, 0.13307650057801154, 0.09906112319399536, 0.06270663133424276],
        *[0.03300407323406856, 0.013823727741762859, 0.004159013360188325, 0.0005986753476446812],
        *[-0.0001595738818962018, -0.00010897976618042179, -1.187513465704742e-05],
        *[9.95235423882781e-06, 3.3362198222500492e-06, -7.955825301078862e-07],
        *[-5.53867572097638e-07, 6.621396427874957e-08, 8.680524887385087e-08],
        *[-7.163682582496576e-09, -1.3565107995239078e-08, 1.0031311865304943e-09],
        *[1.8893642319313218e-09, -1.007462890358213e-10, -1.6332359087483439e-10],
    ],
)
# Beyond it the density is 0 in double precision too.
_FAR = 40.0


@primitive
def normal_cdf(xp: Any, x: Array) -> Any:
    """Probability that a standard normal number is less than x, accurate in both tails."""
    x = xp.asarray(x)
    if x.dtype.kind == "V":  # bfloat16, which is too short for the series
        return _below(xp, x.astype(np.float32).reshape(-1)).astype(x.dtype).reshape(x.shape)
    if x.dtype.kind != "f":
        x = x.astype(np.float64)
    return _below(xp, x.reshape(-1)).reshape(x.shape)


def _below(xp: Any, x: Array) -> Array:
    slope, coefficients = _DOUBLE if x.dtype.itemsize > 4 else SINGLE
    far = xp.minimum(xp.absolute(x), _FAR)
    t = xp.reciprocal(far * slope + 1)
    u = 2 * t - 1
    y = xp.full_like(x, coefficients[-1])
    for c in coefficients[-2::-1]:
        y *= u
        y += c
    y *= t
    far *= far
    far *= -0.5
    y *= xp.exp(far, out=far)
    # One less the tail where x is positive; the tail itself, of either sign, elsewhere.
    xp.subtract(x > 0, y, out=y)
    return xp.absolute(y, out=y)


@primitive
def normal_pdf(xp: Any, x: Array) -> Any:
    """Density of the standard normal distribution."""
    far = xp.clip(x, -_FAR, _FAR)
    return xp.exp(far * far * -0.5) * (1 / math.sqrt(2 * math.pi))


normal_cdf.defvjp(lambda xp, gy, x: gy * normal_pdf.on(xp, x))
normal_pdf.defvjp(lambda xp, gy, x, y: gy * (y * -x))
