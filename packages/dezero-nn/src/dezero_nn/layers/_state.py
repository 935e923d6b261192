"""Whether a saved state fits a layer, found out before anything is changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from dezero_core.typing import Array, Shape

__all__ = ["Saved", "Wanted", "check_state", "saved_of"]


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


def check_state(
    operation: str,
    source: str,
    target: str,
    state: Mapping[str, Saved | None],
    layer: Mapping[str, Wanted],
) -> None:
    """Make sure that a state has an array that fits for each parameter, and nothing else.

    Args:
        operation: Who asks, for the message.
        source: Where the state comes from, for the message.
        target: What shall take it, for the message.
        state: What the state has, by path; None for what is no array.
        layer: What the layer has, by path.

    Raises:
        ValueError: It does not fit. The message has a line for each difference.
    """
    lines = []
    for path, wanted in layer.items():
        if path not in state:
            lines.append(f"missing: {path}, {_text(*wanted)} in the {target}")
            continue
        saved = state[path]
        if saved is None:
            lines.append(f"no array: {path}")
        elif not _fits(saved, wanted):
            lines.append(
                f"different: {path}, {_text(*saved)} in {source}, {_text(*wanted)} in the {target}"
            )
    for path in state.keys() - layer.keys():
        saved = state[path]
        lines.append(f"unexpected: {path}" + (f", {_text(*saved)}" if saved else ""))
    if lines:
        listed = "\n  ".join(sorted(lines))
        raise ValueError(
            f"{operation}: {source} does not fit the {target}; nothing was changed\n  {listed}"
        )


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
