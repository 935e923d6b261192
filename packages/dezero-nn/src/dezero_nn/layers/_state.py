"""Whether a saved state fits a layer, found out before anything is changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from dezero_core.typing import Array, Shape

__all__ = ["LoadReport", "Saved", "Wanted", "compare", "saved_of"]


class Saved(NamedTuple):
    """What a state has under a path."""

    shape: Shape
    dtype: np.dtype[Any]


class Wanted(NamedTuple):
    """What a layer has under a path: None where it does not know yet."""

    shape: tuple[int | None, ...] | None
    dtype: np.dtype[Any] | None

    @property
    def placeholder(self) -> Array:
        """An empty array that stands for a parameter which has none yet."""
        shape = (None,) if self.shape is None else self.shape
        return np.zeros([n or 0 for n in shape], self.dtype or np.float32)


def saved_of(value: Any) -> Saved | None:
    """Describe a value of a state; None if it is no array."""
    shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
    return None if shape is None or dtype is None else Saved(shape, np.dtype(dtype))


@dataclass(frozen=True)
class LoadReport:
    """What a state, or a file, and a layer do not have in common. Print it to see the details.

    Attributes:
        missing: The paths that only the layer has.
        unexpected: The paths that only the state has.
        different: The paths of arrays of another shape, or of a kind that does not fit.
        lines: A line about each.
    """

    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    different: tuple[str, ...]
    lines: tuple[str, ...] = field(repr=False)

    def __bool__(self) -> bool:
        """Whether there is anything to report."""
        return bool(self.lines)

    def __str__(self) -> str:
        return "\n".join(self.lines) or "all fits"


def compare(
    source: str, target: str, state: Mapping[str, Saved | None], layer: Mapping[str, Wanted]
) -> LoadReport:
    """Find out whether a state has an array that fits for each parameter, and nothing else.

    Args:
        source: Where the state comes from, for the report.
        target: What shall take it, for the report.
        state: What the state has, by path; None for what is no array.
        layer: What the layer has, by path.
    """
    missing, different = {}, {}
    for path, wanted in layer.items():
        if path not in state:
            missing[path] = f"missing: {path}, {_text(*wanted)} in the {target}"
            continue
        saved = state[path]
        if saved is None:
            different[path] = f"no array: {path}"
        elif not _fits(saved, wanted):
            different[path] = (
                f"different: {path}, {_text(*saved)} in {source}, {_text(*wanted)} in the {target}"
            )
    unexpected = {
        path: f"unexpected: {path}" + (f", {_text(*saved)}" if saved else "")
        for path, saved in state.items()
        if path not in layer
    }
    lines = [*missing.values(), *unexpected.values(), *different.values()]
    return LoadReport(tuple(missing), tuple(unexpected), tuple(different), tuple(sorted(lines)))


def _fits(saved: Saved, wanted: Wanted) -> bool:
    if saved.dtype.kind not in "fiub":
        return False
    if wanted.dtype is not None and not np.can_cast(saved.dtype, wanted.dtype, "same_kind"):
        return False
    if wanted.shape is None:
        return True
    return len(saved.shape) == len(wanted.shape) and all(
        n is None or n == m for m, n in zip(saved.shape, wanted.shape, strict=True)
    )


def _text(shape: tuple[int | None, ...] | None, dtype: np.dtype[Any] | None) -> str:
    lengths = "..." if shape is None else ", ".join("?" if n is None else str(n) for n in shape)
    return f"{dtype or 'array'}[{lengths}]"
