"""Random programs of operations: sharing, broadcasting and views in any combination."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dezero_core import Variable
from dezero_core import functions as F
from dezero_core.gradient_check import check_grads
from dezero_core.gradients import gradients_of

# All of them keep values small, and take operands of any shape that broadcasts.
UNARY: dict[str, Callable[[Any], Any]] = {
    "sin": F.sin,
    "tanh": F.tanh,
    "negative": lambda x: -x,
    "square": lambda x: 0.1 * x**2,
    "exp": lambda x: F.exp(-(x**2)),
    "sum": lambda x: F.sum(x, axis=0, keepdims=True) if x.ndim else x,
    "total": lambda x: 0.1 * F.sum(x),
    "flip": lambda x: x[::-1] if x.ndim else x,
    "repeated": lambda x: x[np.array([0, -1, 0])] if x.ndim == 1 else x,
    "transposed": lambda x: x.T.T,
    "reshaped": lambda x: x.reshape(-1)[:3] if x.size >= 3 else x,
    "broadcast": lambda x: F.broadcast_to(x, (2, 3)),
}
BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "add": lambda x, y: x + y,
    "subtract": lambda x, y: x - y,
    "multiply": lambda x, y: 0.5 * x * y,
    "divide": lambda x, y: x / (2.0 + F.sin(y)),
    "where": lambda x, y: F.where(np.array([True, False, True]), x, y),
    "joined": lambda x, y: F.sum(F.stack([x, x]), axis=0) - y,
}
# Each step: an operation, and which of the values so far it takes.
STEPS = st.lists(
    st.tuples(st.sampled_from([*UNARY, *BINARY]), st.integers(0, 100), st.integers(0, 100)),
    min_size=1,
    max_size=8,
)
SHAPES = st.lists(st.sampled_from([(), (1,), (3,), (1, 3), (2, 1), (2, 3)]), min_size=1, max_size=3)


def run(steps: list[tuple[str, int, int]], leaves: tuple[Variable, ...]) -> Variable:
    """Run a program, and combine all that it computed, so that no result is unused."""
    values: list[Any] = list(leaves)
    for name, i, j in steps:
        x, y = values[i % len(values)], values[j % len(values)]
        values.append(UNARY[name](x) if name in UNARY else BINARY[name](x, y))
    total: Any = 0.0
    for k, value in enumerate(values):
        total = total + F.sum(F.sin(value + float(k)))
    result: Variable = total
    return result


@settings(max_examples=150)
@given(STEPS, SHAPES, st.integers(0, 2**32 - 1))
def test_derivatives_of_random_programs(
    steps: list[tuple[str, int, int]], shapes: list[tuple[int, ...]], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    arrays = tuple(np.asarray(rng.normal(size=shape)) for shape in shapes)
    for array in arrays:
        array.flags.writeable = False
    check_grads(lambda *leaves: run(steps, leaves), arrays, order=2, rtol=1e-4, atol=1e-5)

    leaves = [Variable(array) for array in arrays]
    y = run(steps, tuple(leaves))
    y.backward()
    recorded = gradients_of([(y, Variable(np.ones(())))], leaves, create_graph=True)
    for leaf, again, array in zip(leaves, recorded, arrays, strict=True):
        assert leaf.grad is not None and again is not None
        assert leaf.grad.shape == array.shape
        np.testing.assert_allclose(again.data, leaf.grad.data, rtol=1e-10, atol=1e-12)
        # The gradients are the user's own, and may be changed.
        leaf.grad.data += 1.0
    np.testing.assert_allclose(
        [float(F.sum(leaf.grad)) for leaf in leaves],
        [float(F.sum(again)) + again.size for again in recorded if again is not None],
        rtol=1e-9,
    )
