"""What is checked of each operation in the table (see `dezero_core.testing.specs`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from types import MappingProxyType
from typing import Any

import numpy as np

from dezero_core.backend import Backend, as_numpy, get_backend
from dezero_core.config import using_config
from dezero_core.gradient_check import check_grads
from dezero_core.gradients import gradients_of
from dezero_core.testing.fake_device import fake_device
from dezero_core.testing.specs import OperationSpec
from dezero_core.typing import Array
from dezero_core.variable import Variable

__all__ = ["CHECKS", "check_spec"]


def check_spec(spec: OperationSpec, device: Backend | str | None = None) -> None:
    """Check an operation against its row of the table.

    Args:
        spec: The row.
        device: None for all the checks in `CHECKS`. A backend, or its name, to check only that
            this backend gives the values and gradients that NumPy gives. Nothing is checked where
            the row says that the operation does not run on a device.

    Raises:
        AssertionError: The operation is not what the row says. The message tells where.
    """
    if device is None:
        for check in CHECKS.values():
            check(spec)
    elif spec.device:
        _check_on(spec, get_backend(device) if isinstance(device, str) else device, nullcontext)


def _check_values(spec: OperationSpec) -> None:
    """The reference gives the same values, shapes and dtypes; arrays do as operands, too."""
    arrays = spec.sample()
    expected = [np.asarray(y) for y in _tuple(spec.reference(*arrays))]
    for operands in (arrays, _variables(spec, arrays)):
        outputs = _tuple(spec.function(*operands))
        assert len(outputs) == len(expected), (
            f"{spec.name}: {len(outputs)} results, the reference has {len(expected)}"
        )
        for i, (y, wanted) in enumerate(zip(outputs, expected, strict=True)):
            if operands is not arrays and spec.differentiable:
                assert isinstance(y, Variable), f"{spec.name}: result {i} is {type(y)}"
            assert y.dtype == wanted.dtype, f"{spec.name}: {y.dtype}, reference {wanted.dtype}"
            _assert_same(y, wanted, f"{spec.name}: result {i}", rtol=1e-11, atol=1e-13)


def _check_derivatives(spec: OperationSpec) -> None:
    """Derivatives are those of differences; gradients have their operands' shape and dtype."""
    arrays = spec.sample()
    if not spec.differentiable:
        outputs = _tuple(spec.function(*map(Variable, arrays)))
        assert not any(y.requires_grad for y in outputs), (
            f"{spec.name}: recorded, though no operand is differentiable"
        )
        return
    for i, g in zip(spec.differentiable, _run(spec, arrays)[1], strict=True):
        assert g is not None, f"{spec.name}: no gradient reaches operand {i}"
        assert (g.shape, g.dtype) == (arrays[i].shape, arrays[i].dtype), (
            f"{spec.name}: operand {i} is {arrays[i].dtype}{list(arrays[i].shape)}, its gradient "
            f"{g.dtype}{list(g.shape)}"
        )

    def function(*operands: Variable) -> Any:
        filled: list[Any] = list(arrays)
        for i, operand in zip(spec.differentiable, operands, strict=True):
            filled[i] = operand
        return spec.function(*filled)

    check_grads(function, [arrays[i] for i in spec.differentiable], order=spec.order)


def _check_create_graph(spec: OperationSpec) -> None:
    """Gradients that can be differentiated again equal those that can not."""
    if spec.order < 2:
        return
    arrays = spec.sample()
    plain = _run(spec, arrays)[1]
    again = _run(spec, arrays, create_graph=True)[1]
    for i, g, h in zip(spec.differentiable, plain, again, strict=True):
        what = f"{spec.name}: the gradient of operand {i} with create_graph"
        _assert_same(h, g, what, rtol=1e-12, atol=1e-13)


def _check_float32(spec: OperationSpec) -> None:
    """float32 operands give float32 values, gradients and gradients of those."""
    if not spec.float32:
        return
    arrays = spec.sample()
    singles = [x.astype(np.float32) if x.dtype == np.float64 else x for x in arrays]
    doubles = [x.astype(np.float64) if x.dtype == np.float32 else x for x in singles]
    for order in _orders(spec):
        for single, double in zip(
            _derivatives(spec, singles, order), _derivatives(spec, doubles, order), strict=True
        ):
            if single is None or double is None:
                assert single is double, f"{spec.name}: a gradient in one precision only"
                continue
            wanted = np.dtype(np.float32) if double.dtype == np.float64 else double.dtype
            assert single.dtype == wanted, (
                f"{spec.name}: order {order} turns float32 into {single.dtype}"
            )
            scale = float(np.abs(double).max(initial=1.0))
            what = f"{spec.name}: order {order} in float32"
            _assert_same(single, double, what, rtol=2e-4, atol=2e-5 * scale)


def _check_layouts(spec: OperationSpec) -> None:
    """Operands that are not contiguous give the same."""
    arrays = spec.sample()
    expected = _flat(_run(spec, arrays))
    for name, layout in _LAYOUTS.items():
        found = _flat(_run(spec, [layout(x) for x in arrays]))
        for y, wanted in zip(found, expected, strict=True):
            _assert_same(y, wanted, f"{spec.name}: {name} operands", rtol=1e-11, atol=1e-12)


def _check_fake_device(spec: OperationSpec) -> None:
    """The strict fake device gives the same, with nothing moved and nothing waited for."""
    if spec.device:
        with fake_device() as device:
            _check_on(spec, device, nullcontext if spec.device == "moves" else device.forbid)


#: The checks that every row goes through, by name, for test runners.
CHECKS: Mapping[str, Callable[[OperationSpec], None]] = MappingProxyType(
    {
        "values": _check_values,
        "derivatives": _check_derivatives,
        "create_graph": _check_create_graph,
        "float32": _check_float32,
        "layouts": _check_layouts,
        "fake_device": _check_fake_device,
    }
)


def _check_on(
    spec: OperationSpec, backend: Backend, guard: Callable[[], AbstractContextManager[Any]]
) -> None:
    arrays = spec.sample()
    moved = [backend.asarray(x) for x in arrays]
    weights = _weights(spec, arrays)
    on_device = [backend.asarray(w) for w in weights]
    for order in _orders(spec):
        expected = _derivatives(spec, arrays, order, weights)
        with guard():
            found = _derivatives(spec, moved, order, on_device)
        for y, wanted in zip(found, expected, strict=True):
            if y is None or wanted is None:
                assert y is wanted, f"{spec.name}: a gradient on one of two backends only"
                continue
            what = f"{spec.name}: order {order} on {backend.name}"
            stayed = isinstance(y, backend.array_types)
            assert stayed, f"{what}: {type(y)} is no array of this backend"
            assert y.dtype == wanted.dtype, f"{what}: {y.dtype}, on NumPy {wanted.dtype}"
            _assert_same(backend.to_numpy(y), wanted, what, rtol=1e-9, atol=1e-11)
    # On the host operands are read-only; a device has no such thing.
    for i, (x, before) in enumerate(zip(moved, arrays, strict=True)):
        what = f"{spec.name}: operand {i} on {backend.name}, which must not change,"
        _assert_same(backend.to_numpy(x), before, what, rtol=0, atol=0)


def _orders(spec: OperationSpec) -> range:
    """Return the orders of derivatives that `_derivatives` can tell of: 0 for values alone."""
    return range(1, min(spec.order, 2) + 1) if spec.differentiable else range(1)


def _run(
    spec: OperationSpec,
    arrays: Sequence[Array],
    weights: Sequence[Array] | None = None,
    *,
    create_graph: bool = False,
) -> tuple[list[Array], list[Array | None]]:
    """Return the values, and the gradients of their weighted sum."""
    if weights is None:
        weights = _weights(spec, arrays)
    operands = _variables(spec, arrays)
    outputs = _tuple(spec.function(*operands))
    floats = [y for y in outputs if y.dtype.kind == "f"]
    seeds = [Variable(w) for w in weights] if create_graph else weights
    targets = [operands[i] for i in spec.differentiable]
    gradients = gradients_of(
        list(zip(floats, seeds, strict=True)), targets, create_graph=create_graph
    )
    return [y.data for y in outputs], [None if g is None else g.data for g in gradients]


def _derivatives(
    spec: OperationSpec,
    arrays: Sequence[Array],
    order: int,
    weights: Sequence[Array] | None = None,
) -> list[Array | None]:
    """Return values and gradients (order 0 and 1), or gradients of the gradients' sum (order 2)."""
    if weights is None:
        weights = _weights(spec, arrays)
    if order < 2:
        return _flat(_run(spec, arrays, weights))
    operands = _variables(spec, arrays)
    outputs = _tuple(spec.function(*operands))
    seeds = [Variable(w) for w in weights]
    floats = [y for y in outputs if y.dtype.kind == "f"]
    targets = [operands[i] for i in spec.differentiable]
    first = [
        g
        for g in gradients_of(list(zip(floats, seeds, strict=True)), targets, create_graph=True)
        if g is not None
    ]
    # The gradients squared: weights that are on the right device, and not all the same.
    second = gradients_of([(g, g.data) for g in first], [*targets, *seeds])
    return [None if g is None else g.data for g in second]


def _variables(spec: OperationSpec, arrays: Sequence[Array]) -> list[Any]:
    return [Variable(x) if i in spec.differentiable else x for i, x in enumerate(arrays)]


def _weights(spec: OperationSpec, arrays: Sequence[Array]) -> list[Array]:
    """Draw weights for the results, whose weighted sum is differentiated."""
    rng = np.random.default_rng(1)
    weights = []
    with using_config("enable_backprop", False):
        outputs = _tuple(spec.function(*arrays))
    for y in outputs:
        if y.dtype.kind == "f":
            weight = np.asarray(rng.normal(size=y.shape)).astype(y.dtype)
            weight.flags.writeable = False
            weights.append(weight)
    return weights


def _flat(values_and_gradients: tuple[list[Any], list[Any]]) -> list[Any]:
    return [*values_and_gradients[0], *values_and_gradients[1]]


def _tuple(y: Any) -> tuple[Any, ...]:
    return tuple(y) if isinstance(y, (tuple, list)) else (y,)


def _strided(x: Array) -> Array:
    wide = np.zeros((*x.shape[:-1], 2 * x.shape[-1]) if x.ndim else (2,), x.dtype)
    view = wide[..., ::2] if x.ndim else wide[0, ...]
    view[...] = x
    return view


def _transposed(x: Array) -> Array:
    return x.T.copy().T


def _reversed(x: Array) -> Array:
    return np.flip(np.flip(x).copy())


_LAYOUTS: dict[str, Callable[[Array], Array]] = {
    "strided": _strided,
    "transposed": _transposed,
    "reversed": _reversed,
}


def _assert_same(found: Any, wanted: Any, what: str, *, rtol: float, atol: float) -> None:
    if found is None or wanted is None:
        assert found is wanted, f"{what}: {found!r}, wanted {wanted!r}"
        return
    assert found.shape == wanted.shape, f"{what}: shape {found.shape}, wanted {wanted.shape}"
    np.testing.assert_allclose(as_numpy(found), wanted, rtol=rtol, atol=atol, err_msg=what)
