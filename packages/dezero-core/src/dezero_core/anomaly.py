"""A mode in which the first thing that goes wrong with the numbers is an error that says where."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from dezero_core.backend import as_numpy, get_array_module
from dezero_core.callers import user_line
from dezero_core.config import Watcher
from dezero_core.details import trace_of, watching
from dezero_core.node import Bundle, Node
from dezero_core.variable import Variable

__all__ = ["AnomalyError", "detect_anomaly"]


class AnomalyError(ArithmeticError):
    """A value or a gradient stopped being finite, or an array changed that was still needed."""


@contextmanager
def detect_anomaly(*, check_changes: bool = True) -> Iterator[None]:
    """Check every operation inside: ``with detect_anomaly():`` around forward and backward.

    Each result and each gradient must be finite where what it was computed from was. With
    `check_changes`, the contents of all arrays that rules will need are compared with what they
    were in the forward pass, so that a change in place is found however it was made. This costs a
    pass over each array: use it to look for a fault, not in production.

    Args:
        check_changes: Whether to look for changes in place.

    Raises:
        AnomalyError: With the operation, the ranges of its operands and the user's source line.

    Example:
        >>> import numpy as np
        >>> from dezero_core import Variable, functions as F
        >>> x = Variable(np.array([1.0, 0.0]), "x")
        >>> with np.errstate(divide="ignore"), detect_anomaly():  # doctest: +ELLIPSIS
        ...     F.log(x)
        Traceback (most recent call last):
        dezero_core.anomaly.AnomalyError: log: the result is not finite: 1 of 2 elements, ...
    """
    with watching(_Watcher(check_changes)):
        yield


class _Watcher(Watcher):
    def __init__(self, check_changes: bool) -> None:
        self._check_changes = check_changes

    def after_forward(
        self, operation: str, operands: Mapping[str, Any], result: Any, node: Node | None
    ) -> None:
        if node is not None:
            trace_of(node).contents = self._contents(node)
        for y in result if isinstance(result, tuple) else (result,):
            if not _is_finite(y) and all(map(_is_finite, operands.values())):
                raise AnomalyError(
                    f"{operation}: the result is not finite: {_describe(y)}. "
                    f"Operands: {_list(operands)}. At {user_line()}{_of_half(y, _FORWARD)}"
                )

    def before_pull(self, node: Node) -> None:
        trace = getattr(node, "trace", None)
        if trace is None or trace.contents is None or node.plan is None:
            return
        if trace.contents == self._contents(node):
            return
        pairs = zip(node.plan.saved_operands(node), trace.contents, strict=False)
        changed = [what for (what, _, array), old in pairs if _checksum(array) != old]
        raise AnomalyError(
            f"backward of {node.plan.name}: {', '.join(changed)} was changed in place after the "
            f"forward pass, so the gradient would be wrong. The operation ran at {trace.source}"
        )

    def after_pull(self, node: Node, gy: Any, gradients: list[tuple[Node, Any]]) -> None:
        gys = gy.parts if isinstance(gy, Bundle) else [gy]
        if not all(_is_finite(g) for g in gys if g is not None):
            return  # what came in was not finite: the fault lies elsewhere
        for parent, g in gradients:
            if not isinstance(g, Bundle) and not _is_finite(g := _arriving(g, parent)):
                assert node.plan is not None
                saved = {what: array for what, _, array in node.plan.saved_operands(node)}
                trace = getattr(node, "trace", None)
                name = getattr(parent, "name", None)
                raise AnomalyError(
                    f"backward of {node.plan.name}: the gradient"
                    f"{f' of {name!r}' if name else ''} is not finite: {_describe(g)}. "
                    f"Given: {_list({'gy': gys[0], **saved})}. "
                    f"The operation ran at {trace.source if trace else 'an unknown line'}"
                    f"{_of_half(g, _BACKWARD)}"
                )

    def _contents(self, node: Node) -> tuple[int, ...]:
        if not self._check_changes or node.plan is None:
            return ()
        return tuple([_checksum(array) for _, _, array in node.plan.saved_operands(node)])


_FORWARD = "bfloat16 has the range of float32, and so has what runs under autocast(enabled=False)"
_BACKWARD = (
    "a GradScaler skips such an update and scales the loss by less, and bfloat16 has more range"
)


def _arriving(g: Any, parent: Node) -> Any:
    """Return a gradient in the dtype in which its node gets it, where that is a shorter one."""
    dtype, array = parent.dtype, g.data if isinstance(g, Variable) else g
    if dtype is None or dtype.kind not in "fV" or dtype.itemsize >= array.dtype.itemsize:
        return g
    with np.errstate(over="ignore"):
        return array.astype(dtype)


def _of_half(x: Any, advice: str) -> str:
    """Return what there is to say about an overflow in float16, or nothing."""
    return f". float16 ends at 65504: {advice}" if x.dtype == np.float16 else ""


def _checksum(array: Any) -> int:
    return zlib.crc32(np.ascontiguousarray(as_numpy(array)).view(np.uint8).data)


def _is_finite(x: Any) -> bool:
    dtype = getattr(x, "dtype", None)
    if dtype is None or dtype.kind not in "fV":
        return True
    if dtype.kind == "V":  # half-precision types that an array library need not know
        return bool(np.isfinite(as_numpy(x)).all())
    # On its device: one number comes down, not the array.
    array = x.data if isinstance(x, Variable) else x
    return bool(get_array_module(array).isfinite(array).all())


def _describe(x: Any) -> str:
    """Say how many elements are not finite, and in what range the others are."""
    if getattr(x, "dtype", None) is None:
        return repr(x)
    values = as_numpy(x)
    kind = f"{values.dtype}{list(values.shape)}"
    finite = np.isfinite(values)
    if values.size == 0:
        return f"{kind}, empty"
    parts = []
    if not finite.all():
        where = tuple(int(i) for i in np.argwhere(~finite)[0])
        parts.append(
            f"{int((~finite).sum())} of {values.size} elements, the first at {list(where)}: "
            f"{values[where]}"
        )
    if finite.any():
        low, high = values[finite].min(), values[finite].max()
        parts.append(f"{kind} from {low:.6g} to {high:.6g}")
    return ", ".join(parts)


def _list(operands: Mapping[str, Any]) -> str:
    return "; ".join(f"{name}: {_describe(x)}" for name, x in operands.items())
