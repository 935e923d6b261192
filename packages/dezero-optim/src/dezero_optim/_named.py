"""Parameters by name, and states by name that fit them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from dezero_core import Parameter, as_numpy
from dezero_core.devices import device_of
from dezero_core.typing import Array

__all__ = ["Problems", "check_target", "named_params", "number_in", "saved_array"]


def check_target(operation: str, target: Any) -> None:
    """Make sure that a target has ``params()``.

    Raises:
        TypeError: It has none.
    """
    if not callable(getattr(target, "params", None)):
        raise TypeError(
            f"{operation}: wanted is a model or anything else with params(), got {type(target)}"
        )


def named_params(target: Any) -> dict[str, Parameter]:
    """Return a target's parameters by path where it has ``namedparams()``, else by number."""
    if callable(getattr(target, "namedparams", None)):
        return dict(target.namedparams())
    return {str(number): param for number, param in enumerate(target.params())}


class Problems:
    """All that is wrong with a state, collected before anything is changed."""

    def __init__(self, owner: str) -> None:
        self.owner = owner
        self.lines: list[str] = []

    def keys(self, found: Iterable[str], wanted: Iterable[str]) -> None:
        """Compare the keys that there are with those that there should be."""
        found, wanted = set(found), set(wanted)
        self.lines += [f"missing: {key}" for key in sorted(wanted - found)]
        self.lines += [f"unexpected: {key}" for key in sorted(found - wanted)]

    def raise_if_any(self) -> None:
        """Raise a ValueError that lists all problems, if there are any."""
        if self.lines:
            listed = "\n  ".join(self.lines)
            raise ValueError(
                f"{self.owner}.load_state_dict: the state does not fit; nothing was changed"
                f"\n  {listed}"
            )


def number_in(
    state: Mapping[str, Any],
    key: str,
    problems: Problems,
    *,
    whole: bool = False,
    signed: bool = False,
) -> Any:
    """Return the number under a key of a state; note a problem where it is none.

    Numbers are at least 0, except where they are `signed`.
    """
    value = state.get(key)
    if key not in state:
        return None  # listed as missing
    try:
        array = np.asarray(value)
        number = array.item()
        if array.dtype.kind not in ("iu" if whole else "iuf") or number != number:
            raise ValueError
        if number < 0 and not signed:
            raise ValueError
    except (TypeError, ValueError):
        kind = "whole number" if whole else "number"
        least = "" if signed else ", at least 0"
        problems.lines.append(f"no {kind}{least}: {key}, {value!r}")
        return None
    return number


def saved_array(
    state: Mapping[str, Any], key: str, like: Array, problems: Problems
) -> Array | None:
    """Return a copy of a saved array, of the dtype and on the device of `like`.

    Notes a problem where it is no array of numbers, or of another shape.
    """
    if key not in state:
        return None  # listed as missing
    value = state[key]
    shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
    if shape is None or dtype is None or not np.issubdtype(dtype, np.number):
        problems.lines.append(f"no array of numbers: {key}, {type(value)}")
        return None
    if tuple(shape) != like.shape:
        problems.lines.append(f"of another shape: {key}, {tuple(shape)}, wanted {like.shape}")
        return None
    return device_of(like).asarray(np.array(as_numpy(value), like.dtype))
