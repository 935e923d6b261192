"""Bad input: each error names the operation, what it got, and what it wants."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from dezero_core import GraphError, Variable
from dezero_core import functions as F
from dezero_core.errors import describe, explain


def variable(*shape: int, dtype: Any = np.float64) -> Variable:
    return Variable(np.ones(shape, dtype))


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (2.5, "2.5"),
        (3, "3"),
        (True, "True"),
        (None, "None"),
        ("text", "'text'"),
        (np.ones((2, 3), np.float32), "float32[2, 3]"),
        (np.float64(1.0), "float64[]"),
        (Variable(np.ones(2)), "float64[2]"),
        ((np.ones(2), 3), "(float64[2], 3)"),
        (object, "<class 'type'>"),
    ],
)
def test_describe(x: Any, text: str) -> None:
    assert describe(x) == text


def test_explain_keeps_the_class() -> None:
    error = explain(ValueError("no"), "op", {"x": np.ones(2)}, {"axis": 3})
    assert type(error) is ValueError
    assert str(error) == "op: no (got x: float64[2], axis=3)"


def test_explain_explains_once() -> None:
    inner = explain(ValueError("no"), "inner", {"x": 1})
    assert explain(inner, "outer", {"x": 2}) is inner


def test_explain_adds_a_note_where_the_class_takes_no_message() -> None:
    class SpecialError(Exception):
        def __init__(self, code: int, detail: str) -> None:
            super().__init__(f"{code} {detail}")

    error = SpecialError(1, "two")
    assert explain(error, "op", {"x": np.ones(2)}) is error
    assert error.__notes__ == ["op: 1 two (got x: float64[2])"]


def test_a_key_error_stays_readable() -> None:
    error = explain(KeyError("name"), "op", {"x": 1})
    assert "op: 'name'" in str(error) + "".join(getattr(error, "__notes__", []))


BAD: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "shapes that do not broadcast": (
        lambda: variable(2, 3) + np.ones(4),
        ValueError,
        r"add: .*\(2,3\) \(4,\).*got x0: float64\[2, 3\], x1: float64\[4\]",
    ),
    "the same with a plain array on the left": (
        lambda: np.ones(4) * variable(2, 3),
        ValueError,
        r"multiply: .*got x0: float64\[4\], x1: float64\[2, 3\]",
    ),
    "matmul of shapes that do not fit": (
        lambda: variable(2, 3) @ variable(2, 3),
        ValueError,
        r"matmul: .*float64\[2, 3\].*float64\[2, 3\]",
    ),
    "a string as operand": (
        lambda: variable(2) + "text",
        TypeError,
        r"add: a builtins\.str is an array of no backend",
    ),
    "None as operand": (lambda: variable(2) * None, TypeError, "multiply: "),
    "a complex number": (lambda: variable(2) * 1j, TypeError, "multiply: complex numbers"),
    "an axis out of range": (lambda: F.sum(variable(2, 3), axis=2), ValueError, r"sum: .*axis.*2"),
    "an axis beyond any integer of the machine": (
        lambda: F.sum(variable(2, 3), axis=2**70),
        (ValueError, OverflowError),
        "sum: .*axis",
    ),
    "an axis that is no integer": (
        lambda: F.sum(variable(2, 3), axis=1.5),  # type: ignore[arg-type]
        TypeError,
        "sum: .*axis",
    ),
    "an axis twice": (lambda: F.sum(variable(2, 3), axis=(0, -2)), ValueError, r"sum: .*axis"),
    "reshape to another number of elements": (
        lambda: variable(2, 3).reshape(4),
        ValueError,
        r"reshape: .*6.*float64\[2, 3\]",
    ),
    "transpose with too few axes": (
        lambda: variable(2, 3).transpose(0),
        ValueError,
        r"transpose: axes=\(0,\) .*shape \[2, 3\]",
    ),
    "broadcast_to a smaller shape": (
        lambda: F.broadcast_to(variable(2, 3), (3,)),
        ValueError,
        r"broadcast_to: .*\[2, 3\]",
    ),
    "sum_to a shape that was never broadcast": (
        lambda: F.sum_to(variable(2, 3), (2, 2)),
        ValueError,
        r"sum_to: .*\[2, 3\]",
    ),
    "an index out of range": (
        lambda: variable(2, 3)[5],
        IndexError,
        r"get_item: .*index 5 is out of bounds.*float64\[2, 3\]",
    ),
    "too many indices": (
        lambda: variable(2)[0, 0],
        IndexError,
        r"get_item: too many indices.*float64\[2\]",
    ),
    "concatenate of shapes that do not fit": (
        lambda: F.concatenate([variable(2), variable(2, 2)]),
        ValueError,
        r"concatenate: .*float64\[2\].*float64\[2, 2\]",
    ),
    "inverse of a singular matrix": (
        lambda: F.linalg.inv(Variable(np.zeros((2, 2)))),
        np.linalg.LinAlgError,
        r"inv: .*[Ss]ingular matrix",
    ),
    "backward of a constant": (lambda: F.floor(variable()).backward(), GraphError, "backward: "),
    "negative powers of integers": (
        lambda: Variable(np.array([2])) ** -1,
        ValueError,
        r"power: Integers to negative integer powers.*int64\[1\]",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(case: str) -> None:
    call, kind, message = BAD[case]
    with pytest.raises(kind) as caught:
        call()
    assert re.search(message, str(caught.value), re.DOTALL), str(caught.value)


def test_a_failed_operation_leaves_the_graph_as_it_was() -> None:
    x = variable(2, 3)
    y = x * 2
    with pytest.raises(ValueError, match="add: "):
        y + np.ones(4)
    y.backward()
    assert x.grad is not None
    assert x.grad.data.tolist() == [[2.0] * 3] * 2


def test_errors_in_backward_name_the_operation() -> None:
    x = variable(2)
    y = x * 2
    y.grad = Variable(np.ones(2))
    y.data = np.ones(3)
    y.backward()
    assert x.grad is not None
    assert x.grad.shape == (2,)
