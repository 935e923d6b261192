"""Parts of arrays by index."""

from __future__ import annotations

from typing import Any

import numpy as np

from dezero_core import functions as F
from dezero_core.testing.specs import OperationSpec, booleans, integers, normal

# Indices that are told on the host.
_INDICES: dict[str, Any] = {
    "int": 1,
    "negative": -1,
    "ints": (1, -1, 2),
    "slice": slice(0, 2),
    "steps": (slice(None), slice(None, None, -2)),
    "...": (..., 1),
    "None": (None, slice(None), None, 2),
    "()": (),
    "empty slice": slice(2, 1),
}
_ARRAYS: dict[str, Any] = {
    "list": [1, 0, 1],
    "empty list": [],
    "lists": ([0, 1, 1], [2, -1, -1]),
    "array and slice": ([0, 1, 1], slice(1, 3)),
    "slice and array": (slice(None), [0, 1, 1, 0]),
    "arrays around a slice": ([0, 1, 1], slice(None), [0, 3, 3]),
    "array and int": (1, [0, 0, 2]),
    "2-d array": np.array([[0, 1], [1, 1]]),
    "array and None": (None, [0, 1], ...),
    "mask": np.arange(24).reshape(2, 3, 4) % 3 == 0,
    "mask of rows": [True, False],
    "mask and array": ([True, True], [1, 1]),
    "mask and slice": (slice(None), [True, False, True], slice(0, 2)),
    "True": True,
    "unsigned": np.array([1, 0, 1], np.uint8),
}


def _row(name: str, index: Any, device: Any) -> Any:
    return OperationSpec(
        name=f"get_item[{name}]",
        function=lambda x: F.get_item(x, index),
        operands=(normal(2, 3, 4),),
        reference=lambda x: x[index],
        device=device,
    )


SPECS = [
    *[_row(name, index, device=True) for name, index in _INDICES.items()],
    # They are moved to the device, which can not combine a mask with other arrays.
    *[
        _row(name, index, device=False if name == "mask and array" else "moves")
        for name, index in _ARRAYS.items()
    ],
    OperationSpec(
        name="get_item[rows]",
        function=lambda x, i: F.get_item(x, i),
        operands=(normal(3, 4), integers(-3, 3, 6)),
        reference=lambda x, i: x[i],
    ),
    OperationSpec(
        name="get_item[elements]",
        function=lambda x, i, j: F.get_item(x, (i, j)),
        operands=(normal(3, 4), integers(-3, 3, 6), integers(0, 4, 6)),
        reference=lambda x, i, j: x[i, j],
    ),
    OperationSpec(
        name="get_item[columns]",
        function=lambda x, i: F.get_item(x, (slice(None), i)),
        operands=(normal(3, 4), integers(0, 4, 2, 3)),
        reference=lambda x, i: x[:, i],
    ),
    OperationSpec(
        name="get_item[mask as an operand]",
        function=lambda x, mask: F.get_item(x, mask),
        operands=(normal(3, 4), booleans(3, 4)),
        reference=lambda x, mask: x[mask],
        device="moves",  # how many elements there are depends on the mask, so a device waits
    ),
    OperationSpec(
        name="take_along_axis[axis=1]",
        function=lambda x, i: F.take_along_axis(x, i, axis=1),
        operands=(normal(3, 4), integers(-4, 4, 3, 6)),
        reference=lambda x, i: np.take_along_axis(x, i, axis=1),
    ),
    OperationSpec(
        name="take_along_axis[default axis, broadcast]",
        function=lambda x, i: F.take_along_axis(x, i),
        operands=(normal(2, 3, 4), integers(0, 4, 2, 1, 5)),
        reference=lambda x, i: np.take_along_axis(x, i, axis=-1),
    ),
    OperationSpec(
        name="take_along_axis[operand broadcast]",
        function=lambda x, i: F.take_along_axis(x, i, axis=0),
        operands=(normal(3, 1), integers(0, 3, 2, 5)),
        reference=lambda x, i: np.take_along_axis(x, i, axis=0),
    ),
    OperationSpec(
        name="take_along_axis[axis=None]",
        function=lambda x, i: F.take_along_axis(x, i, axis=None),
        operands=(normal(2, 3), integers(0, 6, 4)),
        reference=lambda x, i: np.take_along_axis(x, i, axis=None),
    ),
]
