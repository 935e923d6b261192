"""Products of matrices: on a cuBLAS that computes on the host by addresses alone, and on a card."""

from __future__ import annotations

import inspect
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stub_cublas import StubCublas, stub_cuda

from dezero_cuda import allow_tf32
from dezero_cuda.kernels import KERNELS, _gemm

DTYPES = ["float16", "float32", "float64"]
matmul = KERNELS["matmul"]
tensordot = KERNELS["tensordot"]
einsum = KERNELS["einsum"]


def whole(*shape: int, seed: int = 0, dtype: Any = np.float32) -> Any:
    """Return small whole numbers, with which products are exact in every dtype."""
    return np.random.default_rng(seed).integers(-3, 4, shape).astype(dtype)


def check(place: Any, found: Any, wanted: Any) -> None:
    found = place.get(found)
    assert found.flags.c_contiguous
    assert found.dtype == wanted.dtype
    np.testing.assert_array_equal(found, wanted)


def names(place: Any) -> list[str]:
    """Return which functions of cuBLAS have been called since the last look."""
    calls: list[tuple[str, int]] = place.cuda.cublas.calls
    found = [name for name, _ in calls]
    calls.clear()
    return found


# --- any shape, any layout ----------------------------------------------------------------------


@st.composite
def layouts(draw: Any, shape: tuple[int, ...]) -> Any:
    """Draw a function that lays an array of this shape out in memory in some way."""
    n = len(shape)
    order = draw(st.permutations(range(n)))
    margins = draw(st.lists(st.integers(0, 2), min_size=n, max_size=n))
    steps = draw(st.lists(st.sampled_from([1, 1, 1, 2, -1]), min_size=n, max_size=n))
    repeated = draw(st.lists(st.sampled_from([False, False, True]), min_size=n, max_size=n))

    def lay_out(x: Any, xp: Any) -> Any:
        lengths = [
            (1 if repeated[i] else (shape[i] - 1) * abs(steps[i]) + 1) + margins[i] for i in order
        ]
        memory = xp.zeros([max(0, length) for length in lengths], x.dtype)
        view = memory.transpose([list(order).index(i) for i in range(n)])
        cut = []
        for length, step, twin in zip(shape, steps, repeated, strict=True):
            end = 1 if twin else max(0, (length - 1) * abs(step) + 1)
            cut.append(slice(0, end if length else 0, 1 if twin else abs(step)))
        view = view[tuple(cut)]
        view = view[tuple([slice(None, None, -1 if step < 0 else 1) for step in steps])]
        first = tuple([slice(0, 1) if twin else slice(None) for twin in repeated])
        view[...] = xp.asarray(x[first])
        return xp.broadcast_to(view, shape)

    return lay_out


@st.composite
def products(draw: Any) -> Any:
    """Draw the shapes of two operands of `matmul`, and how they lie."""
    m, k, n = (draw(st.integers(0, 4)) for _ in range(3))
    stack = draw(st.lists(st.integers(0, 4), max_size=3))
    stacks = []
    for _ in range(2):
        own = [length if draw(st.booleans()) else 1 for length in stack]
        stacks.append(own[draw(st.integers(0, len(own))) :])
    shapes = [(*stacks[0], m, k), (*stacks[1], k, n)]
    kind = draw(st.sampled_from(["matrices", "matrices", "matrices", "row", "column"]))
    if kind == "row" and len(shapes[1]) > 1:
        shapes[0] = (k,)
    elif kind == "column" and len(shapes[0]) > 1:
        shapes[1] = (k,)
    return [(shape, draw(layouts(shape))) for shape in shapes]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(operands=products(), dtype=st.sampled_from(DTYPES))
def test_matmul_of_any_shape_and_layout(place: Any, operands: Any, dtype: Any) -> None:
    there = [
        lay_out(whole(*shape, seed=i, dtype=dtype), place.xp)
        for i, (shape, lay_out) in enumerate(operands)
    ]
    here = [place.get(x) for x in there]
    before = [x.copy() for x in here]
    check(place, matmul(place.xp, *there), np.matmul(*here))
    for x, old in zip(there, before, strict=True):
        np.testing.assert_array_equal(place.get(x), old)


@pytest.mark.parametrize("dtype", DTYPES)
def test_random_numbers(place: Any, dtype: Any) -> None:
    rng = np.random.default_rng(0)
    a, b = (rng.normal(size=s).astype(dtype) for s in ((3, 70, 50), (3, 60, 50)))
    wanted = a.astype(np.float64) @ b.astype(np.float64).swapaxes(1, 2)
    y = place.get(matmul(place.xp, place.put(a), place.xp.swapaxes(place.put(b), 1, 2)))
    tolerance = {"float16": 2e-3, "float32": 1e-5, "float64": 1e-12}[dtype]
    np.testing.assert_allclose(y, wanted, rtol=tolerance, atol=20 * tolerance)
    assert y.dtype == dtype


def test_bfloat16(place: Any) -> None:
    bfloat16 = pytest.importorskip("ml_dtypes").bfloat16
    a, b = whole(2, 5, 4, dtype=bfloat16), whole(2, 4, 3, seed=1, dtype=bfloat16)
    y = matmul(place.xp, place.put(a), place.put(b))
    if y is NotImplemented and place.cuda is None:
        pytest.skip("this card has no products of bfloat16")
    wanted = np.matmul(a.astype(np.float32), b.astype(np.float32))
    assert y.dtype == bfloat16
    np.testing.assert_array_equal(place.get(y).astype(np.float32), wanted)


# --- calls and copies ---------------------------------------------------------------------------

M, N = "gemmEx", "gemmStridedBatchedEx"
X, W, HEADS = whole(6, 4, 5), whole(5, 7), whole(8, 9, 8, 3)
# Two operands, what is called for their product, and how many of them are copied.
CALLS: dict[str, tuple[Any, Any, list[str], int]] = {
    "matrices": (X[0], W, [M], 0),
    "transposed": (X[0].T, whole(7, 4).T, [M], 0),
    "cut": (X[0, :, 1:4], W[1:4, 2:6], [M], 0),
    "a row, repeated": (np.broadcast_to(X[0, :1], (4, 5)), W, [M], 1),
    "every other column": (X[0, :, ::2], W[:3], [M], 1),
    "backwards": (X[0, ::-1], W, [M], 1),
    "a vector": (X[0, 0], W, [M], 0),
    "a column": (W, whole(7, 3)[:, 1], [M], 0),
    "stacks": (X, whole(6, 5, 2), [N], 0),
    "transposed stacks": (X.swapaxes(1, 2), whole(6, 3, 4).swapaxes(1, 2), [N], 0),
    "stacks along another axis": (X.transpose(1, 0, 2), whole(4, 5, 2), [N], 0),
    "weights for all": (X, W, [M], 0),
    "weights for all, transposed": (X, whole(7, 5).T, [M], 0),
    "weights for all, x transposed": (X.swapaxes(1, 2), whole(4, 7), [N], 0),
    "weights for all, one row each": (X[0][:, None], W, [M], 0),
    "weights for all, some rows of x": (X[:, 1:3], W, [N], 0),
    "stacks backwards": (X[::-1], whole(6, 5, 2), [N], 1),
    "a matrix for all": (whole(3, 4), X, [N], 0),
    "stacks of stacks": (whole(2, 3, 4, 5), whole(2, 3, 5, 2), [N], 0),
    "a stack for all": (whole(2, 3, 4, 5), whole(3, 5, 2), [N] * 2, 0),
    "few heads": (HEADS[:2].swapaxes(1, 2), HEADS[:2].transpose(0, 2, 3, 1), [N] * 2, 0),
    "many heads": (HEADS.swapaxes(1, 2), HEADS.transpose(0, 2, 3, 1), [N], 2),
    "nothing": (whole(0, 5), W, [], 0),
    "sums of nothing": (whole(3, 0), whole(0, 2), [], 0),
}


@pytest.mark.parametrize("case", CALLS)
def test_calls_and_copies(case: str, place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    a, b, calls, n_copies = CALLS[case]
    copied = []
    if place.cuda is not None:
        make_contiguous = np.ascontiguousarray

        def copy(x: Any) -> Any:
            copied.append(x)
            return make_contiguous(x)

        monkeypatch.setattr(np, "ascontiguousarray", copy)
        there = [a, b]
    else:
        there = [place.put(a), place.put(b)]
    check(place, matmul(place.xp, *there), np.matmul(a, b))
    if place.cuda is not None:
        assert (names(place), len(copied)) == (calls, n_copies)


# --- precision ----------------------------------------------------------------------------------


def test_half_precision_is_summed_in_single(place: Any) -> None:
    # In half precision, 2048 + 1 is 2048 again.
    ones = place.put(np.ones((2, 4096), np.float16))
    y = matmul(place.xp, ones, ones.T)
    np.testing.assert_array_equal(place.get(y), np.full((2, 2), 4096.0))


def test_tf32_is_used_where_it_is_allowed(place: Any) -> None:
    x = np.full((32, 32), 1 + 2.0**-12, np.float32)
    there = place.put(x)
    exact, rounded = np.float32(32 * (1 + 2.0**-12) ** 2), 32.0
    with allow_tf32(False):
        np.testing.assert_allclose(place.get(matmul(place.xp, there, there)), exact, rtol=1e-6)
    with allow_tf32(True):
        y = place.get(matmul(place.xp, there, there))
        exact_double = matmul(place.xp, there.astype(np.float64), there.astype(np.float64))
    np.testing.assert_allclose(place.get(exact_double), exact, rtol=1e-7)
    if place.cuda is None:
        # A card may round or cut off, and older ones have no TF32.
        np.testing.assert_allclose(y, exact, rtol=2e-3)
        return
    np.testing.assert_array_equal(y, np.full((32, 32), rounded))
    blas = place.cuda.cublas
    assert [compute for _, compute in blas.calls] == [
        blas.CUBLAS_COMPUTE_32F,
        blas.CUBLAS_COMPUTE_32F_FAST_TF32,
        blas.CUBLAS_COMPUTE_64F,
    ]


def test_older_cards_have_neither_tf32_nor_bfloat16(
    place: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    if place.cuda is None:
        pytest.skip("of a card that stands in for an older one")
    cuda = stub_cuda("75")
    monkeypatch.setattr(_gemm, "cuda_of", lambda xp: cuda)
    monkeypatch.setattr(_gemm, "_modes", {})
    with allow_tf32(True):
        check(place, matmul(np, X, W), np.matmul(X, W))
    assert cuda.cublas.calls == [("gemmEx", cuda.cublas.CUBLAS_COMPUTE_32F)]
    assert _gemm._make_mode(cuda, "bfloat16", tf32=False) is None


# --- what is left to CuPy -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (np.ones((2, 2), np.int32), np.ones((2, 2), np.int32)),
        (np.ones((2, 2), np.complex64), np.ones((2, 2), np.complex64)),
        (np.ones((2, 2), bool), np.ones((2, 2), bool)),
        (np.ones((2, 2), np.float32), np.ones((2, 2), np.float64)),
        (np.ones(3), np.ones(3)),
        (np.ones((2, 3)), np.ones((2, 3))),
        (np.ones((2, 2, 3)), np.ones((3, 3, 2))),
        (np.ones(()), np.ones((2, 2))),
    ],
    ids=lambda x: f"{x.dtype}{list(x.shape)}",
)
def test_what_matmul_declines(a: Any, b: Any, place: Any) -> None:
    assert matmul(place.xp, place.put(a), place.put(b)) is NotImplemented
    assert matmul(place.xp, place.put(a), 2.0) is NotImplemented


@pytest.mark.parametrize(
    ("subscripts", "shapes"),
    [
        ("ii,ij->j", [(3, 3), (3, 2)]),
        ("ij,jk->k", [(2, 3), (3, 2)]),
        ("ij,ij->ij", [(2, 3), (2, 3)]),
        ("bi,bi->b", [(2, 3), (2, 3)]),
        ("ij,jk->ik", [(2, 1), (3, 2)]),
        ("ij,jk,kl->il", [(2, 2), (2, 2), (2, 2)]),
    ],
)
def test_what_einsum_declines(subscripts: str, shapes: Any, place: Any) -> None:
    operands = [place.put(np.ones(shape)) for shape in shapes]
    assert einsum(place.xp, *operands, subscripts=subscripts) is NotImplemented


# --- tensors ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shapes", "axes"),
    [
        ([(2, 3, 4), (4, 5)], ((2,), (0,))),
        ([(2, 3, 4), (4, 5, 3)], ((2, 1), (0, 2))),
        ([(2, 3, 4), (5, 3, 4, 2)], ((0, 1, 2), (3, 1, 2))),
        ([(2, 3), (4,)], ((), ())),
        ([(3,), (3, 2)], ((0,), (0,))),
        ([(2, 0), (0, 3)], ((1,), (0,))),
    ],
)
def test_tensordot(shapes: Any, axes: Any, place: Any) -> None:
    x0, x1 = (whole(*shape, seed=i) for i, shape in enumerate(shapes))
    y = tensordot(place.xp, place.put(x0), place.put(x1), axes=axes)
    check(place, y, np.tensordot(x0, x1, axes=axes))


def test_tensordot_leaves_sums_and_integers_to_cupy(place: Any) -> None:
    x = place.put(np.ones((2, 3)))
    assert tensordot(place.xp, x, x, axes=((0, 1), (0, 1))) is NotImplemented
    whole_numbers = place.put(np.ones((2, 3), np.int64))
    assert tensordot(place.xp, x, whole_numbers, axes=((0,), (0,))) is NotImplemented


@pytest.mark.parametrize(
    ("subscripts", "shapes"),
    [
        ("ij,jk->ik", [(2, 3), (3, 4)]),
        ("ij,kj->ki", [(2, 3), (4, 3)]),
        ("bij,bjk->bik", [(5, 2, 3), (5, 3, 4)]),
        ("bhqd,bhkd->bhqk", [(2, 3, 4, 5), (2, 3, 6, 5)]),
        ("bqhd,bkhd->bhqk", [(2, 4, 3, 5), (2, 6, 3, 5)]),
        ("ijab,bacj->ci", [(2, 3, 4, 5), (5, 4, 2, 3)]),
        ("j,ij->i", [(3,), (2, 3)]),
        ("bi,bij->jb", [(2, 3), (2, 3, 4)]),
    ],
)
def test_einsum(subscripts: str, shapes: Any, place: Any) -> None:
    x0, x1 = (whole(*shape, seed=i) for i, shape in enumerate(shapes))
    y = place.get(einsum(place.xp, place.put(x0), place.put(x1), subscripts=subscripts))
    np.testing.assert_array_equal(y, np.einsum(subscripts, x0, x1))
    assert y.dtype == np.float32


# --- the stand-in itself ------------------------------------------------------------------------


def real_cublas() -> Any:
    pytest.importorskip("cupy", reason="CuPy is not installed")
    try:
        from cupy.cuda import cublas
    except ImportError as error:
        pytest.skip(f"cuBLAS is not installed: {error}")
    return cublas


@pytest.mark.parametrize("name", [M, N])
def test_the_stand_in_takes_what_cupy_takes(name: str) -> None:
    signature = re.search(r"\((.*)\)", getattr(real_cublas(), name).__doc__.splitlines()[0])
    assert signature is not None
    real = [parameter.split()[-1] for parameter in signature[1].split(", ")]
    assert list(inspect.signature(getattr(StubCublas, name)).parameters)[1:] == real


def test_the_stand_in_has_the_numbers_of_cupy() -> None:
    real = real_cublas()
    named = [name for name in vars(StubCublas) if name.startswith("CUBLAS_")]
    assert len(named) >= 6
    assert {name: getattr(StubCublas, name) for name in named} == {
        name: getattr(real, name) for name in named
    }
    import cupy

    ours = vars(stub_cuda().runtime)
    assert ours == {name: getattr(cupy.cuda.runtime, name) for name in ours}
    assert callable(cupy.cuda.device.get_cublas_handle)


def test_the_stand_in_scales_and_adds() -> None:
    cuda = stub_cuda()
    a, b, c = (whole(3, 3, seed=i, dtype=np.float64) for i in range(3))
    two, three = np.array(2.0), np.array(3.0)
    before = c.copy()
    handle = cuda.device.get_cublas_handle()
    places = [(x.ctypes.data, 1, 3) for x in (a, b, c)]
    cuda.cublas.gemmEx(
        handle, 0, 1, 3, 3, 3, two.ctypes.data, *places[0], *places[1], three.ctypes.data,
        *places[2], cuda.cublas.CUBLAS_COMPUTE_64F, cuda.cublas.CUBLAS_GEMM_DEFAULT,
    )  # fmt: skip
    # By columns each of them is the transposed array.
    np.testing.assert_array_equal(c.T, 2 * a.T @ b + 3 * before.T)
