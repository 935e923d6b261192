"""Mixed precision: what is cast, when, how often, and what gradients it gives."""

from __future__ import annotations

import gc
import sys
import threading
import warnings
import weakref
from collections.abc import Iterator
from contextvars import copy_context
from functools import partial
from typing import Any

import numpy as np
import pytest

from dezero_core import (
    AnomalyError,
    Config,
    Function,
    Parameter,
    Primitive,
    Variable,
    as_numpy,
    autocast,
    detect_anomaly,
    grad,
    hvp,
    no_grad,
    primitive,
)
from dezero_core import functions as F
from dezero_core.gradient_check import check_grads
from dezero_core.graph import build_graph
from dezero_core.testing import fake_device

F16, F32, F64 = np.dtype(np.float16), np.dtype(np.float32), np.dtype(np.float64)


@pytest.fixture(params=["float16", "bfloat16"])
def half(request: pytest.FixtureRequest) -> Any:
    """Each dtype of half precision that there is."""
    if request.param == "bfloat16":
        ml_dtypes = pytest.importorskip("ml_dtypes", reason="ml_dtypes is not installed")
        return np.dtype(ml_dtypes.bfloat16)
    return F16


def draw(*shape: int, dtype: Any = np.float32) -> Any:
    return np.random.default_rng(0).normal(size=shape).astype(dtype)


@pytest.fixture
def casts(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """The dtypes that Variables were cast to."""
    seen: list[Any] = []
    module = sys.modules["dezero_core.autocast"]

    def noted(x: Any, dtype: Any) -> Any:
        seen.append(dtype)
        return F.astype(x, dtype)

    monkeypatch.setattr(module, "astype", noted)
    yield seen


# --- which operations ----------------------------------------------------------------------------

PRODUCTS: dict[str, Any] = {
    "matmul": lambda a, b: a @ b,
    "dot": F.dot,
    "tensordot": lambda a, b: F.tensordot(a, b, 1),
    "einsum": lambda a, b: F.einsum("ij,jk->ik", a, b),
    "einsum of three": lambda a, b: F.einsum("ij,jk,k->i", a, b, b[0]),
}
WIDE: dict[str, Any] = {
    **{name: getattr(F, name) for name in ("exp", "expm1", "log", "log1p", "log2", "log10")},
    **{name: getattr(F, name) for name in ("sinh", "cosh", "tan", "square", "reciprocal")},
    **{name: getattr(F, name) for name in ("sum", "mean", "var", "std", "prod", "logsumexp")},
    "power": lambda x: x**2.5,
    "cumsum": lambda x: F.cumsum(x, 0),
    "norm": F.linalg.norm,
    "inv": lambda x: F.linalg.inv(x.T @ x + 2.0 * np.eye(3, dtype=np.float32)),
}
AS_THEY_ARE: dict[str, Any] = {
    "tanh": F.tanh,
    "sin": F.sin,
    "maximum": lambda x: F.maximum(x, x),
    "product": lambda x: x * x,
    "transpose": lambda x: x.T,
    "max": F.max,
    "reshape": lambda x: x.reshape(-1),
    "item": lambda x: x[0],
    "concatenate": lambda x: F.concatenate([x, x]),
}


@pytest.mark.parametrize("name", PRODUCTS)
def test_products_are_computed_in_half_precision(name: str, half: Any) -> None:
    a, b = Variable(draw(4, 3)), Variable(draw(3, 2))
    wanted = PRODUCTS[name](a, b)
    with autocast(half):
        y = PRODUCTS[name](a, b)
    assert (y.dtype, wanted.dtype) == (half, F32)
    tolerance = 2e-3 if half == F16 else 2e-2
    np.testing.assert_allclose(y.data.astype(F32), wanted.data, rtol=tolerance, atol=tolerance)
    F.sum(y).backward()
    assert a.grad is not None and b.grad is not None
    assert a.grad.dtype == b.grad.dtype == F32
    found = [a.grad.data, b.grad.data]
    a.cleargrad()
    b.cleargrad()
    F.sum(wanted).backward()
    for g, exact in zip(found, (a.grad.data, b.grad.data), strict=True):
        np.testing.assert_allclose(g, exact, rtol=tolerance, atol=3 * tolerance)


@pytest.mark.parametrize("name", WIDE)
def test_sums_and_exponentials_are_computed_in_single_precision(name: str, half: Any) -> None:
    x = Variable(np.abs(draw(3, 3)).astype(half) + half.type(0.5))
    with autocast(half):
        y = WIDE[name](x)
        assert y.dtype == F32
        F.sum(y).backward()
    assert x.grad is not None and x.grad.dtype == half
    exact = WIDE[name](x.data.astype(np.float64))
    tolerance = 1e-5 if name != "inv" else 0.2
    np.testing.assert_allclose(y.data, exact.data, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", AS_THEY_ARE)
@pytest.mark.parametrize("dtype", [F16, F32])
def test_all_else_is_computed_in_the_precision_of_its_operands(name: str, dtype: Any) -> None:
    x = Variable(draw(3, 3, dtype=dtype))
    wanted = AS_THEY_ARE[name](x)
    with autocast("float16"):
        y = AS_THEY_ARE[name](x)
    assert y.dtype == wanted.dtype == dtype
    np.testing.assert_array_equal(y.data, wanted.data)


def test_what_is_mixed_becomes_the_widest() -> None:
    with autocast("float16"):
        y = F.matmul(draw(2, 2), draw(2, 2)) + draw(2, 2)
        z = F.concatenate([y, F.matmul(draw(2, 2), draw(2, 2))])
    assert (y.dtype, z.dtype) == (F32, F32)


def test_double_precision_integers_and_numbers_are_left_alone() -> None:
    x, W = Variable(draw(2, 2, dtype=F64)), Variable(draw(2, 2))
    integers = np.array([[1, 2], [3, 4]])
    with autocast("float16"):
        assert (x @ x).dtype == F64
        y = x @ W  # not even the other operand
        assert y.dtype == F64
        assert F.exp(x).dtype == F64
        assert F.matmul(integers, integers).dtype == integers.dtype
        assert F.sum(integers).dtype == integers.dtype
        assert F.exp(2.0).dtype == F64
    np.testing.assert_array_equal(y.data, x.data @ W.data)


def test_the_other_half_precision_is_cast_too() -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes", reason="ml_dtypes is not installed")
    bfloat16 = np.dtype(ml_dtypes.bfloat16)
    x = Variable(draw(2, 2, dtype=bfloat16))
    with autocast("float16"):
        assert F.matmul(x, draw(2, 2)).dtype == F16
    with autocast("bfloat16"):
        assert F.matmul(draw(2, 2, dtype=F16), x).dtype == bfloat16
        assert F.exp(draw(2, dtype=F16)).dtype == F32


def test_operations_of_users_say_for_themselves() -> None:
    @primitive
    def plain(xp: Any, x: Any) -> Any:
        return x * x

    @primitive(autocast="half")
    def narrow(xp: Any, x: Any, b: Any = None) -> Any:
        return x if b is None else x + b

    @primitive(autocast="first", multiple_outputs=True)
    def scaled(xp: Any, x: Any, scale: Any) -> Any:
        return x * scale, x.astype(np.float32)

    class Doubled(Function):
        def forward(self, *xs: Any) -> Any:
            return xs[0] * 2

        def backward(self, *gys: Any) -> Any:
            return gys[0] * 2

    plain.defvjp(lambda xp, gy, x: 2 * gy * x)
    narrow.defvjp(lambda xp, gy: gy, lambda xp, gy: gy)
    x = Variable(draw(3))
    with autocast("float16"):
        assert plain(x).dtype == F32
        assert narrow(x).dtype == narrow(x, None).dtype == narrow(x, x).dtype == F16
        assert Doubled()(x).dtype == F32
        assert [y.dtype for y in scaled(x, x)] == [F32, F32]  # type: ignore[attr-defined]
        assert [y.dtype for y in scaled(narrow(x), x)] == [F16, F32]  # type: ignore[attr-defined]
    assert (plain.autocast, narrow.autocast, F.matmul.autocast) == (None, "half", "half")
    with pytest.raises(ValueError, match=r"primitive <lambda>: autocast is .+ not 'quarter'"):
        Primitive(lambda xp, x: x, autocast="quarter")  # type: ignore[arg-type]


# --- the block -----------------------------------------------------------------------------------


def test_blocks_nest_and_end() -> None:
    x = draw(2, 2)

    def dtype() -> Any:
        return F.matmul(x, x).dtype

    assert dtype() == F32
    with autocast("float16"):
        assert dtype() == F16
        with autocast(enabled=False):
            assert dtype() == F32
            with autocast(np.float16):
                assert dtype() == F16
        assert dtype() == F16
        assert repr(Config.autocast) == "<autocast float16>"
    assert dtype() == F32
    assert Config.autocast is None
    block = autocast("float16")
    with pytest.raises(ZeroDivisionError), block, block:
        raise ZeroDivisionError
    assert dtype() == F32


def test_as_a_decorator() -> None:
    @autocast("float16")
    def product(x: Any, *, times: int) -> Any:
        """Multiply."""
        return product(x, times=times - 1) if times else F.matmul(x, x)

    @autocast(enabled=False)
    def usual(x: Any) -> Any:
        return F.matmul(x, x)

    assert product(draw(2, 2), times=2).dtype == F16
    assert product.__doc__ == "Multiply."
    with autocast("float16"):
        assert usual(draw(2, 2)).dtype == F32
    assert F.matmul(draw(2, 2), draw(2, 2)).dtype == F32


def test_other_threads_do_not_see_it() -> None:
    seen: list[Any] = []

    def look() -> None:
        seen.append(F.matmul(draw(2, 2), draw(2, 2)).dtype)

    with autocast("float16"):
        for target in (look, partial(copy_context().run, look)):
            thread = threading.Thread(target=target)
            thread.start()
            thread.join()
    assert seen == [F32, F16]


def test_other_dtypes_are_refused() -> None:
    for dtype in ("float32", np.float64, "int8"):
        with pytest.raises(ValueError, match=r"autocast: dtype is 'bfloat16' or 'float16', not"):
            autocast(dtype)


def test_bfloat16_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    with pytest.raises(ImportError, match=r"the package ml_dtypes: pip install 'dezero-core\[bf"):
        autocast()
    assert autocast(enabled=False) is not None


# --- gradients -----------------------------------------------------------------------------------


def penalty(x: Variable, W: Variable, inside: bool) -> list[Any]:
    """Return a gradient, and the gradient of its square; the passes inside of a block or not."""

    def first() -> Variable:
        F.tanh(x @ W).sum().backward(create_graph=True)
        gx = x.grad
        assert gx is not None
        x.cleargrad()
        W.cleargrad()
        return gx

    def second(gx: Variable) -> None:
        (gx * gx).sum().backward()

    if inside:
        with autocast("float16"):
            gx = first()
            second(gx)
    else:
        with autocast("float16"):
            y = F.tanh(x @ W).sum()
        y.backward(create_graph=True)
        gx = x.grad  # type: ignore[assignment]
        x.cleargrad()
        W.cleargrad()
        with autocast("float16"):
            square = (gx * gx).sum()
        square.backward()
    assert x.grad is not None and W.grad is not None
    return [gx.data, x.grad.data, W.grad.data]


def test_a_backward_pass_computes_the_same_inside_and_outside() -> None:
    x, W = draw(4, 3) / 2, draw(3, 2) / 2
    inside = penalty(Variable(x), Parameter(W), inside=True)
    outside = penalty(Variable(x), Parameter(W), inside=False)
    for a, b in zip(inside, outside, strict=True):
        assert a.dtype == b.dtype == F32
        np.testing.assert_array_equal(a, b)
    wide = Variable(x.astype(F64)), Parameter(W.astype(F64))
    F.tanh(wide[0] @ wide[1]).sum().backward(create_graph=True)
    gx = wide[0].grad
    assert gx is not None
    for v in wide:
        v.cleargrad()
    (gx * gx).sum().backward()
    exact = [gx.data, wide[0].grad.data, wide[1].grad.data]  # type: ignore[union-attr]
    for a, b in zip(inside, exact, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-2, atol=1e-2)


def test_transforms_inside_of_a_block() -> None:
    W, x = draw(3, 3), draw(3)

    def f(x: Any) -> Any:
        return (F.tanh(F.matmul(x, W)) ** 2).sum()

    with autocast("float16"):
        found = grad(f)(x), hvp(f, x, x)
    for g, exact in zip(found, (grad(f)(x), hvp(f, x, x)), strict=True):
        assert g.dtype == F32
        np.testing.assert_allclose(g.data, exact.data, rtol=2e-2, atol=2e-2)


def test_casts_pass_the_check_of_gradients() -> None:
    def f(x: Any, W: Any) -> Any:
        # Double precision would be left alone.
        return F.matmul(F.astype(x, F32), F.astype(W, F32))

    x, W = np.array([[1.0, 2.0]]), np.array([[0.5], [0.25]])
    with autocast("float16"):
        assert f(x, W).dtype == F16
        # Steps must be large beside the digits of half precision; a bilinear function allows them.
        check_grads(f, (x, W), order=2, eps=0.25, rtol=1e-2, atol=1e-2)


def test_a_function_of_a_user_is_pulled_back_as_it_was_computed() -> None:
    class Product(Function):
        def forward(self, *xs: Any) -> Any:
            return xs[0] @ xs[1]

        def backward(self, *gys: Any) -> Any:
            x, W = self.inputs
            return gys[0] @ W.T, x.T @ gys[0]

    x, W = Variable(draw(2, 3)), Variable(draw(3, 2))
    with autocast("float16"):
        y = Product()(x, W)
        F.sum(y).backward()
    assert x.grad is not None
    np.testing.assert_array_equal(x.grad.data, np.ones((2, 2), F32) @ W.data.T)


# --- each weight is cast once --------------------------------------------------------------------


def test_a_weight_is_cast_once_in_a_block(casts: list[Any]) -> None:
    W, x = Parameter(draw(3, 3)), draw(2, 3)
    with autocast("float16"):
        h = F.matmul(x, W)
        for _ in range(3):
            h = F.matmul(h, W)
        with autocast("float16"):
            h = F.matmul(h, W)
        assert casts == [F16]
        F.sum(h).backward()
    with autocast("float16"):
        F.matmul(x, W)
    assert casts == [F16, F32, F16]
    assert W.grad is not None and W.grad.dtype == F32
    found = W.grad.data
    W.cleargrad()
    h = F.matmul(x, W)
    for _ in range(4):
        h = F.matmul(h, W)
    F.sum(h).backward()
    np.testing.assert_allclose(found, W.grad.data, rtol=2e-2, atol=1e-2)


def test_results_are_cast_once_too_but_no_input(casts: list[Any]) -> None:
    x = Variable(draw(2, 2))
    with autocast("float16"):
        y = F.exp(x)
        a, b = y @ y, y @ y
        assert casts == [F16]
        np.testing.assert_array_equal(a.data, b.data)
        first = x @ x
        x.data[...] = 0
        assert casts == [F16] * 3
        assert as_numpy(first).any() and not as_numpy(x @ x).any()


def test_a_weight_that_has_changed_is_cast_anew(casts: list[Any]) -> None:
    W = Parameter(np.ones((2, 2), F32))
    x = np.ones((1, 2), F32)
    with autocast("float16"):
        assert F.matmul(x, W).data.tolist() == [[2, 2]]
        W.data *= 2
        assert F.matmul(x, W).data.tolist() == [[4, 4]]
        W.data = np.zeros((2, 2), F32)
        assert F.matmul(x, W).data.tolist() == [[0, 0]]
        W.requires_grad = False
        assert not F.matmul(x, W).requires_grad
        W.requires_grad = True
        assert F.matmul(x, W).requires_grad
    assert len(casts) == 5


def test_a_cast_without_a_graph_is_not_used_with_one(casts: list[Any]) -> None:
    W = Parameter(draw(2, 2))
    with autocast("float16"):
        with no_grad():
            F.matmul(draw(1, 2), W)
        y = F.sum(F.matmul(draw(1, 2), W))
        with no_grad():
            F.matmul(draw(1, 2), W)
        assert len(casts) == 3  # of which one is that of the sum
        y.unchain_backward()
        F.sum(F.matmul(draw(1, 2), W)).backward()
    assert W.grad is not None and W.grad.data.all()
    assert len(casts) == 5


def test_nothing_is_kept_alive() -> None:
    W = Parameter(draw(20, 20))
    results = []
    gc.disable()
    try:
        with autocast("float16"):
            casters = weakref.ref(Config.autocast["half"]._cache)
            y = F.sqrt(F.exp(F.matmul(draw(20, 20) / 20, W)))
            results.append(weakref.ref(F.matmul(y, W)))
            results.append(weakref.ref(y))
            del y
            # Its cast has gone with it; only the weight's remains.
            assert [entry.reference() is W for entry in casters()._entries.values()] == [True]
        assert casters() is None
        assert [ref() for ref in results] == [None, None]
    finally:
        gc.enable()


def test_casts_are_operations_like_others() -> None:
    x = Parameter(draw(2, 2))
    with autocast("float16"):
        y = F.sum(F.matmul(x, x))
    names = [operation.name for operation in build_graph(y).operations]
    assert sorted(names) == ["astype", "astype", "matmul", "sum"]


# --- on a device, and overflow -------------------------------------------------------------------


def test_on_a_device_nothing_moves_and_nothing_waits() -> None:
    with fake_device() as device:
        W, x = Parameter(device.asarray(draw(3, 3))), device.asarray(draw(2, 3))
        with device.forbid(), autocast("float16"):
            y = F.matmul(F.matmul(x, W), W)
            loss = F.mean(F.square(y))
            loss.backward()
        assert (y.dtype, loss.dtype, W.grad.dtype) == (F16, F32, F32)  # type: ignore[union-attr]
        twin = Parameter(draw(3, 3))
        with autocast("float16"):
            F.mean(F.square(F.matmul(F.matmul(draw(2, 3), twin), twin))).backward()
        np.testing.assert_array_equal(as_numpy(W.grad), twin.grad.data)  # type: ignore[union-attr]


def test_an_overflow_is_explained() -> None:
    x = Variable(np.full((2, 2), 300.0, F32), "x")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        with (
            autocast("float16"),
            detect_anomaly(),
            pytest.raises(AnomalyError, match=r"matmul: .+ends at 65504: bfloat16 has the range"),
        ):
            x @ x
        with autocast("float16"), detect_anomaly():
            y = F.sum(x @ np.full((2, 2), 0.5, F32)) * 1e6
            with pytest.raises(AnomalyError, match=r"backward of astype: .+ a GradScaler skips"):
                y.backward()
    with (
        np.errstate(divide="ignore"),
        detect_anomaly(),
        pytest.raises(AnomalyError, match=r"log: the result is not finite.+F\.log\(0\.0 \* x\)$"),
    ):
        F.log(0.0 * x)
