"""Errors that say which operation failed, what it got, and what the user can do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["GraphError", "describe", "explain"]


class GraphError(RuntimeError):
    """There is no graph to differentiate, or it can not be differentiated this way."""


def describe(x: Any) -> str:
    """Say in few words what an operand is: its dtype and shape, or its value if it is a number.

    Example:
        >>> describe(2.5)
        '2.5'
    """
    if isinstance(x, (tuple, list)):
        return f"({', '.join(map(describe, x))})"
    shape, dtype = getattr(x, "shape", None), getattr(x, "dtype", None)
    if shape is None or dtype is None:
        return repr(x) if isinstance(x, (bool, int, float, str, type(None))) else str(type(x))
    return f"{dtype}{list(shape)}"


def explain(
    error: Exception,
    operation: str,
    operands: Mapping[str, Any],
    settings: Mapping[str, Any] | None = None,
) -> Exception:
    """Return an error of the same kind that names the operation and what it got.

    Args:
        error: What the array library, or a rule, raised.
        operation: The operation's name.
        operands: The operands by name.
        settings: The settings by name.

    Returns:
        A new error to raise from `error`; `error` itself, with a note, where its class does not
        take a message.
    """
    if getattr(error, "is_explained", False):
        return error
    got = ", ".join(f"{name}: {describe(x)}" for name, x in operands.items())
    with_settings = "".join(f", {name}={value!r}" for name, value in (settings or {}).items())
    # NumPy's generalized functions name themselves.
    reason = str(error).removeprefix(f"{operation}: ")
    message = f"{operation}: {reason} (got {got}{with_settings})"
    try:
        explained = type(error)(message)
    except Exception:
        explained = None
    if explained is None or str(explained) != message:
        error.add_note(message)
        return error
    explained.is_explained = True  # type: ignore[attr-defined]
    return explained
