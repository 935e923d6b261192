"""What a page tells of an array: its statistics, a histogram, and its value when it is small."""

from __future__ import annotations

from typing import Any

import numpy as np

from dezero_core import as_numpy
from dezero_core.typing import Array

__all__ = ["SAMPLE", "SMALL", "describe"]

#: An array with no more elements than this is shown whole.
SMALL = 64
#: A histogram counts at most this many elements, evenly spaced over the array.
SAMPLE = 1 << 16

_BINS = 24
# Statistics are exact. In pieces of this size their float64 copies stay in the processor's cache.
_PIECE = 1 << 17


def describe(array: Any) -> dict[str, Any]:
    """Return what there is to say about an array, ready for JSON.

    Statistics are those of the finite elements, computed in float64 over all of them; what cannot
    be computed (of an empty array, or because it overflows) is None.

    Args:
        array: An array of any backend. One on a device is copied to the host.

    Returns:
        ``size``; ``min``, ``max``, ``mean``, ``std``; ``zeros`` and ``nonfinite``, the numbers of
        such elements; ``histogram``, or None if no element is finite; and ``value``, a text, or
        None if the array is not small.
    """
    x = np.asarray(as_numpy(array))
    flat = x.reshape(-1)
    facts: dict[str, Any] = {"size": int(flat.size), **_statistics(flat)}
    facts["histogram"] = _histogram(flat, facts["min"], facts["max"])
    facts["value"] = _value(x) if x.size <= SMALL else None
    return facts


def _statistics(flat: Array) -> dict[str, Any]:
    """Merge the pieces' moments: Chan, Golub and LeVeque (1979), which loses no digits."""
    count = zeros = nonfinite = 0
    mean = spread = 0.0
    low, high = np.inf, -np.inf
    with np.errstate(over="ignore", invalid="ignore"):
        for start in range(0, flat.size, _PIECE):
            piece = flat[start : start + _PIECE]
            zeros += piece.size - int(np.count_nonzero(piece))
            values = _finite(piece)
            nonfinite += piece.size - values.size
            if not values.size:
                continue
            low, high = min(low, float(values.min())), max(high, float(values.max()))
            own = float(values.mean())
            shift = own - mean
            total = count + values.size
            spread += float(((values - own) ** 2).sum())
            spread += shift * shift * count * (values.size / total)
            mean += shift * (values.size / total)
            count = total
        std = np.sqrt(spread / count) if count else None
    return {
        "min": _number(low) if count else None,
        "max": _number(high) if count else None,
        "mean": _number(mean) if count else None,
        "std": _number(std),
        "zeros": zeros,
        "nonfinite": nonfinite,
    }


def _histogram(flat: Array, low: float | None, high: float | None) -> dict[str, Any] | None:
    if low is None or high is None:
        return None
    step = -(-flat.size // SAMPLE)
    sample = flat[::step]
    values = _finite(sample)
    if low == high:
        return {"low": low, "high": high, "counts": [int(values.size)], "sample": sample.size}
    # Quarters, since the range of float64's largest numbers is itself not finite.
    counts, _ = np.histogram(
        np.clip(values / 4, low / 4, high / 4),
        bins=2 if flat.dtype.kind == "b" else _BINS,
        range=(low / 4, high / 4),
    )
    return {"low": low, "high": high, "counts": counts.tolist(), "sample": sample.size}


def _finite(x: Array) -> Array:
    values = x.astype(np.float64)
    if x.dtype.kind not in "fVc":
        return values
    is_finite = np.isfinite(values)
    return values if is_finite.all() else values[is_finite]


def _number(value: Any) -> float | None:
    """Return a number as it is shown and written: nine digits tell any two of float32 apart."""
    return float(f"{value:.9g}") if value is not None and np.isfinite(value) else None


def _value(x: Array) -> str:
    if x.ndim == 0:
        return str(x[()])
    return np.array2string(x, precision=5, separator=", ", max_line_width=44, threshold=SMALL + 1)
