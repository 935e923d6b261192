"""Functions on a device, beyond the tables: all are in them, and what moves there need not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from dezero_core import Variable, hessian, jacobian, jvp, vjp
from dezero_core import functions as F
from dezero_nn import functions as NF

from .conftest import Place
from .test_mixed import collect, public_functions

X = np.random.default_rng(0).normal(size=(4, 3))
LABELS = np.array([0, 2, 1, 2])
WEIGHTS = np.array([1.0, 2.0, 0.5])
ROWS, COLUMNS = np.array([3, 0, 3]), np.array([[1], [2]])


def test_every_public_function_has_a_row_in_which_nothing_moves() -> None:
    """The tables' own tests forbid it, in values, gradients and gradients of gradients."""
    quiet = {spec.name.partition("[")[0] for spec in collect() if spec.device is True}
    # Its row draws on the host, for numbers to compare with; test_layers.py has it on a device.
    assert public_functions().keys() - quiet == {"dropout"}


# What the tables call with arrays of the host, which move, here with those of the device.
CASES: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "class weights": (
        lambda x, t, w: NF.softmax_cross_entropy(x, t, class_weights=w),
        (LABELS, WEIGHTS),
    ),
    "class weights, smoothed": (
        lambda x, t, w: NF.softmax_cross_entropy(
            x, t, class_weights=w, label_smoothing=0.1, ignore_label=1, reduction="sum"
        ),
        (LABELS, WEIGHTS),
    ),
    "rows": (lambda x, rows: x[rows], (ROWS,)),
    "rows and columns": (lambda x, rows, columns: x[rows, columns], (ROWS, COLUMNS)),
    "columns of a slice": (lambda x, columns: x[1:, columns], (COLUMNS,)),
    "unsigned": (lambda x, rows: x[rows], (ROWS.astype(np.uint8),)),
}


@pytest.mark.parametrize("name", CASES)
def test_nothing_moves_where_all_is_on_the_device(name: str, place: Place) -> None:
    f, others = CASES[name]
    results = []
    for put in (lambda *arrays: arrays, lambda *arrays: tuple(map(place.backend.asarray, arrays))):
        data, *rest = put(X, *others)
        x = Variable(data)
        with place.quiet():
            y = f(x, *rest)
            (y * y).sum().backward(create_graph=True)
            first = x.grad
            x.cleargrad()
            (first * first).sum().backward()
        results.append([y, first, x.grad])
    for found, wanted in zip(results[1], results[0], strict=True):
        place.assert_same(found, wanted.data, name)


def test_a_mask_waits_for_how_many_there_are(place: Place) -> None:
    x, mask = place.put(X, X > 0)
    _ = place.traffic
    y = Variable(x)[mask]
    events = place.traffic
    assert [event.kind for event in events] in (["sync"], [])
    place.assert_same(y, X[X > 0], "what is positive")


def test_all_transforms(place: Place) -> None:
    def f(x: Any) -> Any:
        return (F.tanh(x) ** 3).sum(axis=1)

    def total(x: Any) -> Any:
        return f(x).sum()

    v, g = X[::-1].copy(), np.arange(4.0)
    x, along, weights = place.put(X, v, g)
    with place.quiet():
        found = [
            hessian(total)(x),
            jacobian(f)(x),
            *jvp(f, (x,), (along,)),
            vjp(f, x)[1](weights),
        ]
    wanted = [hessian(total)(X), jacobian(f)(X), *jvp(f, (X,), (v,)), vjp(f, X)[1](g)]
    for result, expected in zip(found, wanted, strict=True):
        result, expected = (r[0] if isinstance(r, tuple) else r for r in (result, expected))
        assert place.holds(result)
        place.assert_same(result, expected.data, "a derivative")
