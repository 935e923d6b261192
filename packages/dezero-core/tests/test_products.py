"""Products of matrices are NumPy's, whoever computes them and however they are divided."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dezero_core import Variable, blas, parallel, products
from dezero_core import functions as F
from dezero_core.compiled import using_compiled
from dezero_core.testing import fake_device
from dezero_core.typing import Array

lengths = st.integers(1, 70)
stacks = st.sampled_from([(), (1,), (2,), (5,), (2, 3)])


@pytest.fixture
def tiles(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Tiles for whatever is large enough, on any processor; the names of what computed by them."""
    calls: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        use_tiles(patch, calls)
        yield calls


def use_tiles(patch: pytest.MonkeyPatch, calls: list[str]) -> None:
    loops = pytest.importorskip("dezero_core.loops.products", reason="Numba is not installed")
    patch.setattr(products, "_may_beat_blas", lambda: True)
    patch.setattr(loops, "VECTOR", 16)

    def watch(name: str, loop: Callable[..., None]) -> Callable[..., None]:
        return lambda *operands: (calls.append(name), loop(*operands))[1]

    for name in ("multiply_all", "multiply_rows"):
        patch.setattr(loops, name, watch(name, getattr(loops, name)))


def use_threads(patch: pytest.MonkeyPatch) -> None:
    """Have three threads divide all products."""
    patch.setenv("DEZERO_NUM_THREADS", "3")
    patch.setattr(products, "_LARGE", 0)
    patch.setattr(products, "_SHARED", 0)
    pool = parallel.find_pool(start=True)
    assert pool is not None
    patch.setattr(pool, "size", 3)


def operands(
    m: int, k: int, n: int, stack_a: tuple[int, ...], stack_b: tuple[int, ...], turned: bool
) -> tuple[Array, Array]:
    rng = np.random.default_rng(m + 100 * k + 10_000 * n)
    a = rng.normal(size=(*stack_a, m, k))
    b = rng.normal(size=(*stack_b, n, k)).swapaxes(-1, -2) if turned else None
    return a, rng.normal(size=(*stack_b, k, n)) if b is None else b


@settings(deadline=None)
@given(lengths, lengths, lengths, stacks, stacks, st.booleans(), st.booleans(), st.booleans())
def test_matmul_is_numpys(
    m: int,
    k: int,
    n: int,
    stack_a: tuple[int, ...],
    stack_b: tuple[int, ...],
    turned: bool,
    given_out: bool,
    by_tiles: bool,
) -> None:
    a, b = operands(m, k, n, stack_a, stack_b, turned)
    if by_tiles:
        a, b = a.astype(np.float32), b.astype(np.float32)
    try:
        expected = np.matmul(a, b)
    except ValueError:
        return  # stacks that do not broadcast
    with pytest.MonkeyPatch.context() as patch:
        use_threads(patch)
        if by_tiles:
            use_tiles(patch, [])
            patch.setattr(products, "_LEAST_INNER", 1)
        out = np.empty_like(expected) if given_out else None
        y = products.matmul(np, a, b, out)
    np.testing.assert_allclose(y, expected, atol=1e-4 if by_tiles else 1e-12)
    assert y.shape == expected.shape and y.dtype == expected.dtype
    assert out is None or y is out


@pytest.mark.parametrize("shape", [(3, 4), (4,), ()])
def test_what_has_no_product_is_numpys_to_refuse(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="matmul"):
        products.matmul(np, np.ones(shape), np.ones((5, 1 << 20)))


def test_vectors() -> None:
    x, W = np.arange(4.0), np.ones((4, 1 << 17))
    np.testing.assert_array_equal(products.matmul(np, x, W), np.full(1 << 17, 6.0))
    np.testing.assert_array_equal(products.matmul(np, W.T, x), np.full(1 << 17, 6.0))


# --- which products tiles compute ----------------------------------------------------------------


def single(*shape: int) -> Array:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


LARGE = single(100, 300), single(300, 120)


@pytest.mark.parametrize(
    ("a", "b", "loop"),
    [
        pytest.param(*LARGE, "multiply_all", id="plain"),
        pytest.param(single(300, 100).T, LARGE[1], "multiply_all", id="a turned"),
        pytest.param(LARGE[0], single(120, 300).T, "multiply_rows", id="b turned"),
        pytest.param(LARGE[0][::-1], LARGE[1][::-1], "multiply_all", id="steps"),
        pytest.param(single(5, 100, 60), single(60, 120), "multiply_all", id="stack"),
        pytest.param(single(100, 60), single(2, 5, 60, 120), "multiply_all", id="stacks"),
        pytest.param(single(2, 1, 100, 60), single(5, 60, 120), "multiply_all", id="broadcast"),
        pytest.param(single(120, 300).T, single(120, 300).T[:120, :120], None, id="both turned"),
        pytest.param(single(1000, 60), single(120, 60).T, None, id="b turned, short sums"),
        pytest.param(single(1000, 1000), single(1000, 3), None, id="few columns"),
        pytest.param(single(2, 1000), single(1000, 1000), None, id="few rows"),
        pytest.param(single(30, 40), single(40, 64), None, id="small"),
        pytest.param(LARGE[0].astype(np.float64), LARGE[1], None, id="dtypes"),
        pytest.param(LARGE[0].astype(">f4"), LARGE[1].astype(">f4"), None, id="byte order"),
    ],
)
def test_what_tiles_compute(a: Array, b: Array, loop: str | None, tiles: list[str]) -> None:
    if loop is None and a.shape[-1] != b.shape[-2]:
        a = a[:, : b.shape[-2]]
    y = products.matmul(np, a, b)
    expected = np.matmul(a, b)
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-4)
    assert y.dtype == expected.dtype
    assert set(tiles) == ({loop} if loop else set())


def test_what_may_not_be_written_to_is_blass(tiles: list[str]) -> None:
    a, b = single(100, 300), single(300, 120)
    a.flags.writeable = False
    products.matmul(np, a, b)
    assert not tiles


def test_blas_multiplies_where_it_has_the_processors_vectors(
    tiles: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(products, "_may_beat_blas", lambda: False)
    products.matmul(np, *LARGE)
    monkeypatch.undo()
    with using_compiled(False):
        products.matmul(np, *LARGE)
    assert not tiles


@pytest.mark.parametrize(
    ("lacks", "ours", "blass", "may"),
    [(True, 2, 2, True), (True, 16, 32, True), (True, 16, 64, False), (False, 2, 2, False)],
)
def test_where_tiles_may_beat_blas(
    lacks: bool, ours: int, blass: int, may: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(products, "lacks_avx512", lambda: lacks)
    monkeypatch.setattr(products, "thread_count", lambda: ours)
    monkeypatch.setattr(products, "one_blas_thread", SimpleNamespace(most=blass))
    assert products._may_beat_blas.__wrapped__() is may


@pytest.mark.parametrize(
    ("kinds", "lacks"),
    [
        (["Zen"], True),
        (["Haswell", "SkylakeX"], False),
        (["SkylakeX"], False),
        ([None], False),
        ([], False),
    ],
)
def test_what_is_known_of_blas(
    kinds: list[str | None], lacks: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Library:
        def __init__(self, kind: str | None) -> None:
            if kind is not None:
                self.architecture = kind

    monkeypatch.setattr(blas, "_libraries", lambda: [Library(kind) for kind in kinds])
    assert blas.lacks_avx512.__wrapped__() is lacks


def test_a_product_has_the_same_digits_however_it_is_divided(tiles: list[str]) -> None:
    for a, b in (LARGE, (LARGE[0], single(120, 300).T), (single(6, 100, 300), LARGE[1])):
        whole = products.matmul(np, a, b)
        with pytest.MonkeyPatch.context() as patch:
            use_threads(patch)
            np.testing.assert_array_equal(products.matmul(np, a, b), whole)
    assert len(tiles) > 6


def test_gradients_by_tiles(tiles: list[str]) -> None:
    found = []
    for allowed in (True, False):
        x, W = Variable(LARGE[0]), Variable(LARGE[1])
        with using_compiled(allowed):
            (F.matmul(x, W) ** 2).sum().backward()
        assert x.grad is not None and W.grad is not None
        found.append([x.grad.data, W.grad.data])
    for ours, numpys in zip(*found, strict=True):
        np.testing.assert_allclose(ours, numpys, rtol=1e-4, atol=1e-2)
    assert tiles


# --- tiles ---------------------------------------------------------------------------------------


@settings(max_examples=50, deadline=None)
@given(m=st.integers(0, 30), k=st.integers(0, 300), n=st.integers(0, 70))
def test_products_by_tiles(m: int, k: int, n: int) -> None:
    loops = pytest.importorskip("dezero_core.loops.products", reason="Numba is not installed")
    rng = np.random.default_rng(m)
    a, b, c = (rng.normal(size=shape).astype(np.float32) for shape in ((m, k), (k, n), (m, n)))
    turned, wanted = np.ascontiguousarray(a.T), a @ b
    for operand in (a, turned.T):
        found = np.full_like(c, np.nan)
        loops.multiply(operand, b, found)
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-4)
    found = c.copy()
    loops.add_product(turned.T, b, found)
    np.testing.assert_allclose(found, c + wanted, rtol=1e-5, atol=1e-4)
    rows = np.ascontiguousarray(b.T)
    for multiply, operand in ((loops.multiply_all, b), (loops.multiply_rows, rows)):
        found = np.full((2, m, n), np.nan, np.float32)
        multiply(np.stack([a, -a]), operand[None], found)
        np.testing.assert_allclose(found, [wanted, -wanted], rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("name", ["multiply_all", "multiply_rows"])
@pytest.mark.parametrize(("m", "n"), [(5, 7), (13, 33), (24, 64)])
def test_a_product_leaves_alone_what_lies_beside_it(name: str, m: int, n: int) -> None:
    loops = pytest.importorskip("dezero_core.loops.products", reason="Numba is not installed")
    memory = np.full((1, m + 4, n + 40), 3, np.float32)
    inside = memory[:, 2 : m + 2, 20 : n + 20]
    b = np.ones((1, 2, n) if name == "multiply_all" else (1, n, 2), np.float32)
    getattr(loops, name)(np.ones((1, m, 2), np.float32), b, inside)
    assert (inside == 2).all()
    inside[:] = 3
    assert (memory == 3).all()


def test_products_are_small_where_tiles_are_full() -> None:
    loops = pytest.importorskip("dezero_core.loops.products", reason="Numba is not installed")
    most = 32 * 102 * 400
    assert loops.is_small(102, 400, 32) is (most <= loops._MOST)
    assert not loops.is_small(102, 400, 1)
    assert not loops.is_small(1002, 4000, 32)


# --- other backends ------------------------------------------------------------------------------


def test_products_elsewhere_go_through_the_kernel_of_matmul() -> None:
    calls: list[tuple[int, ...]] = []

    def kernel(xp: Any, x0: Any, x1: Any) -> Any:
        calls.append(x0.shape)
        return NotImplemented if x0.dtype == np.float16 else xp.matmul(x0, x1) * 2

    with fake_device() as device:
        device.kernels["matmul"] = kernel
        x, half = (device.asarray(np.ones((2, 3), dtype)) for dtype in (np.float64, np.float16))
        y = products.matmul(device.xp, x, x.T)
        np.testing.assert_array_equal(device.to_numpy(y), np.full((2, 2), 6.0))
        # What it declines, the backend multiplies as it does without.
        y = products.matmul(device.xp, half, half.T)
        np.testing.assert_array_equal(device.to_numpy(y), np.full((2, 2), 3.0))
        assert calls == [(2, 3), (2, 3)]
        # Rules reach it too: y has the value 6, and its gradient is twice that of the product.
        x0, x1 = Variable(x), Variable(device.asarray(np.ones((3, 4))))
        y = F.matmul(x0, x1)
        y.backward()
        assert x0.grad is not None
        np.testing.assert_array_equal(device.to_numpy(x0.grad.data), np.full((2, 3), 8.0))
        assert calls[2:] == [(2, 3), (2, 4), (3, 2)]


def test_products_of_variables_are_recorded() -> None:
    x = Variable(np.ones((2, 2)))
    y = products.matmul(F, x, x)
    y.backward()
    assert x.grad is not None
    np.testing.assert_array_equal(x.grad.data, np.full((2, 2), 4.0))
