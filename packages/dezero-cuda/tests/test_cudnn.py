"""Convolutions by cuDNN, as far as it goes without a card: with a module in its place."""

from __future__ import annotations

import importlib
import subprocess
import sys
import threading
import types
from typing import Any

import numpy as np
import pytest
from stub_cudnn import StubCudnn, forget_cudnn, numerical_note, put_cudnn

from dezero_cuda import allow_tf32, diagnose_cudnn, using_cudnn
from dezero_cuda.kernels import KERNELS, _cudnn

SETTINGS: Any = {"stride": (1, 1), "pad": (0, 0), "dilation": (1, 1), "groups": 1}


@pytest.fixture
def cudnn(monkeypatch: pytest.MonkeyPatch) -> StubCudnn:
    return put_cudnn(monkeypatch)


def normal(*shape: int, dtype: Any = np.float32) -> Any:
    return np.random.default_rng(shape).normal(size=shape).astype(dtype)


X, W = normal(2, 3, 5, 4), normal(6, 3, 2, 2)


def convolve(x: Any = X, w: Any = W, b: Any = None, **other: Any) -> Any:
    return KERNELS["conv2d"](np, x, w, b, **(SETTINGS | other))


def expected(x: Any = X, w: Any = W) -> Any:
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[2:], (2, 3))
    return np.einsum("ncpqij,ocij->nopq", windows, w)


# --- what it computes ---------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_a_convolution(dtype: str, cudnn: StubCudnn) -> None:
    x, w, b = X.astype(dtype), W.astype(dtype), normal(6, dtype=dtype)
    y = convolve(x, w, b)
    assert y.dtype == dtype
    tolerance = 5e-3 if dtype == "float16" else 1e-5
    np.testing.assert_allclose(
        y, expected(x, w) + b.reshape(-1, 1, 1), rtol=tolerance, atol=tolerance
    )


def test_gradients_are_adjoint(cudnn: StubCudnn) -> None:
    settings = SETTINGS | {"stride": (2, 1), "pad": (1, 2), "dilation": (1, 2), "groups": 3}
    x, w = normal(2, 6, 8, 7, dtype=float), normal(3, 2, 3, 2, dtype=float)
    y = KERNELS["conv2d"](np, x, w, **settings)
    gy = normal(*y.shape, dtype=float)
    gx = KERNELS["deconv2d"](np, gy, w, outsize=(8, 7), **settings)
    gw = KERNELS["conv2d_weight"](np, x, gy, kernel_size=(3, 2), **settings)
    assert (gx.shape, gw.shape) == (x.shape, w.shape)
    assert np.sum(gx * x) == pytest.approx(np.sum(gy * y))
    assert np.sum(gw * w) == pytest.approx(np.sum(gy * y))
    # Without a size, the smallest that fits: the last row of x is not looked at.
    smallest = KERNELS["deconv2d"](np, gy, w, outsize=None, **settings)
    np.testing.assert_allclose(smallest, gx[:, :, :7])


def test_any_layout_is_read(cudnn: StubCudnn) -> None:
    for x in (
        np.asfortranarray(X),
        np.ascontiguousarray(X.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2),
        np.repeat(X, 2, axis=3)[..., ::2],
        np.broadcast_to(X[:1], X.shape),
        normal(3, 3, 5, 4)[1:],  # begins where no vector does
    ):
        np.testing.assert_allclose(convolve(x), expected(x), rtol=1e-5, atol=1e-5)


# --- plans --------------------------------------------------------------------------------------


def test_a_plan_is_made_once(cudnn: StubCudnn) -> None:
    for _ in range(3):
        convolve()
    assert (len(cudnn.built), len(cudnn.executed), len(cudnn.handles)) == (1, 3, 1)
    convolve(pad=(1, 1))
    convolve(X.astype(float), W.astype(float))
    assert len(cudnn.built) == 3
    KERNELS["conv2d_weight"](np, X, normal(2, 6, 4, 3), kernel_size=(2, 2), **SETTINGS)
    assert [graph.kind for graph in cudnn.built] == ["fprop", "fprop", "fprop", "wgrad"]


def test_plans_do_not_grow_for_ever(cudnn: StubCudnn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_cudnn, "_MOST_PLANS", 2)
    for width in (4, 5, 6, 6, 4):
        convolve(normal(1, 3, 5, width))
    assert len(cudnn.built) == 4
    assert len(_cudnn._mine.plans) == 2


def test_each_thread_has_its_own(cudnn: StubCudnn) -> None:
    results = []

    def work() -> None:
        results.append(convolve())

    for _ in range(2):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert (len(cudnn.built), len(cudnn.handles)) == (2, 2)
    np.testing.assert_array_equal(*results)


def test_it_runs_on_the_current_stream(cudnn: StubCudnn, monkeypatch: pytest.MonkeyPatch) -> None:
    convolve()
    monkeypatch.setattr(_cudnn, "current_stream", lambda xp: 11)
    convolve()
    assert [stream for _, stream in cudnn.executed] == [7, 11]


def test_how_precisely_it_computes(cudnn: StubCudnn) -> None:
    always = {numerical_note.NONDETERMINISTIC, numerical_note.REDUCED_PRECISION_REDUCTION}
    exact = always | {numerical_note.TENSOR_CORE, numerical_note.DOWN_CONVERT_INPUTS}
    with allow_tf32(False):
        convolve()
        convolve(X.astype(np.float16), W.astype(np.float16))
    with allow_tf32(True):
        convolve()
        convolve(X.astype(np.float16), W.astype(np.float16))
    # Half precision is the same in both.
    assert [graph.notes for graph in cudnn.built] == [exact, always, always]


# --- what it declines ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "w", "other"),
    [
        (X[0], W, {}),
        (X[:0], W, {}),
        (X.astype(int), W.astype(int), {}),
        (X, W.astype(float), {}),
        (X[:, :2], W, {}),
        (X, W, {"groups": 2}),
        (X, W, {"groups": 0}),
        (X, W, {"stride": (0, 1)}),
        (X, W, {"pad": (-1, 0)}),
        (X, W, {"dilation": (9, 1)}),
        (X, W, {"b": normal(5)}),
    ],
)
def test_what_does_not_fit_is_left_to_the_general_function(
    x: Any, w: Any, other: Any, cudnn: StubCudnn
) -> None:
    assert convolve(x, w, **other) is NotImplemented
    assert not cudnn.built


def test_gradients_that_do_not_fit(cudnn: StubCudnn) -> None:
    deconv, weight = KERNELS["deconv2d"], KERNELS["conv2d_weight"]
    gy = normal(2, 6, 4, 3)
    assert deconv(np, gy, W, outsize=(9, 4), **SETTINGS) is NotImplemented
    assert deconv(np, gy, W, normal(6), outsize=None, **SETTINGS) is NotImplemented
    assert deconv(np, gy[:, :5], W, outsize=None, **SETTINGS) is NotImplemented
    assert weight(np, X, gy, kernel_size=(3, 2), **SETTINGS) is NotImplemented
    assert weight(np, X[:1], gy, kernel_size=(2, 2), **SETTINGS) is NotImplemented
    assert not cudnn.built


def test_no_engine_is_remembered(cudnn: StubCudnn) -> None:
    asked = []

    def refuses(graph: Any) -> bool:
        asked.append(graph)
        return bool(graph.settings[1] == [2, 2])

    cudnn.refuses = refuses
    for _ in range(2):
        assert convolve(stride=(2, 2)) is NotImplemented
        np.testing.assert_allclose(convolve(), expected(), rtol=1e-5, atol=1e-5)
    assert len(asked) == 2


def test_another_error_is_told_once(cudnn: StubCudnn, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(graph: Any) -> bool:
        raise RuntimeError("CUDNN_STATUS_BAD_PARAM")

    cudnn.refuses = fail
    with pytest.warns(RuntimeWarning, match=r"cuDNN refuses .*conv_fprop.*BAD_PARAM.* product"):
        assert convolve() is NotImplemented
    assert convolve() is NotImplemented


# --- memory -------------------------------------------------------------------------------------


class Scarce:
    """NumPy, with no memory for workspaces."""

    ndarray = np.ndarray
    ascontiguousarray = staticmethod(np.ascontiguousarray)

    @staticmethod
    def empty(shape: Any, dtype: Any) -> Any:
        if dtype is np.uint8:
            raise MemoryError("no memory")
        return np.empty(shape, dtype)


def test_without_memory_for_a_workspace_there_is_a_plan_that_needs_none(cudnn: StubCudnn) -> None:
    for _ in range(2):
        y = KERNELS["conv2d"](Scarce, X, W, **SETTINGS)
        np.testing.assert_allclose(y, expected(), rtol=1e-5, atol=1e-5)
    assert [graph.limit for graph in cudnn.built] == [None, 0]


def test_if_there_is_no_such_plan_the_error_stays(cudnn: StubCudnn) -> None:
    cudnn.refuses = lambda graph: graph.limit is not None
    with pytest.raises(MemoryError, match="no memory"):
        KERNELS["conv2d"](Scarce, X, W, **SETTINGS)


# --- whether it is there ------------------------------------------------------------------------


def test_switched_off(cudnn: StubCudnn) -> None:
    assert diagnose_cudnn() is None
    with using_cudnn(False):
        assert convolve() is NotImplemented
        assert "switched off" in str(diagnose_cudnn())
        with using_cudnn(True):
            assert diagnose_cudnn() is None
    assert convolve() is not NotImplemented


def test_switched_off_by_the_environment() -> None:
    code = "import dezero_cuda; print(dezero_cuda.diagnose_cudnn())"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"DEZERO_CUDNN": "0"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.strip() == (
        "cuDNN: it is switched off, by DEZERO_CUDNN=0 or using_cudnn(False)"
    )


def test_the_library_is_missing(cudnn: StubCudnn) -> None:
    cudnn.version = RuntimeError("Unable to find symbol cudnnGetVersion")
    assert convolve() is NotImplemented
    reason = str(diagnose_cudnn())
    assert reason.startswith("cuDNN: its library is not found (RuntimeError: Unable to find")
    assert "pip install 'dezero-cuda[cuda12,cudnn12]'" in reason


def test_the_library_is_too_old(cudnn: StubCudnn) -> None:
    cudnn.version = 8907
    assert convolve() is NotImplemented
    assert "version 9 is needed, 8907 is installed" in str(diagnose_cudnn())


def test_it_does_not_start(cudnn: StubCudnn, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise RuntimeError("CUDNN_STATUS_NOT_INITIALIZED")

    monkeypatch.setattr(cudnn, "create_handle", fail)
    assert diagnose_cudnn() is None
    assert convolve() is NotImplemented
    assert diagnose_cudnn() == (
        "cuDNN: it does not start on this device (RuntimeError: CUDNN_STATUS_NOT_INITIALIZED)"
    )
    assert convolve() is NotImplemented


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (ModuleNotFoundError("No module named 'cudnn'", name="cudnn"), "is not installed. pip "),
        (ModuleNotFoundError("No module named 'tvm_ffi'", name="tvm_ffi"), "fails (ModuleNotFound"),
        (ImportError("libcudart.so"), "fails (ImportError: libcudart.so). pip install"),
        (types.ModuleType("cudnn"), "is not that of nvidia-cudnn-frontend"),
    ],
)
def test_the_module_is_missing_or_broken(
    found: Any, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget_cudnn(monkeypatch)
    looked = []

    def import_module(name: str) -> Any:
        looked.append(name)
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(importlib, "import_module", import_module)
    for _ in range(2):
        assert convolve() is NotImplemented
    assert words in str(diagnose_cudnn())
    assert looked == ["cudnn"]


def test_importing_the_package_does_not_look_for_it() -> None:
    code = "import sys, dezero_cuda; print('cudnn' in sys.modules, 'torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split() == ["False", "False"]
