"""The device that is not there: what it computes, and which mistakes it finds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cuda_emulator
import numpy as np
import pytest

from dezero_cuda.kernels import _launch, bias_activation

pytestmark = pytest.mark.skipif(
    cuda_emulator.compiler() is None, reason="there is no C++ compiler (g++)"
)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that runs the body of a kernel, with ``double* x`` and ``long long n``."""
    cuda_emulator.emulate(monkeypatch)

    def run(body: str, x: Any, *args: Any, threads: int = 64, blocks: int = 1) -> None:
        text = f'extern "C" __global__ void kernel(double* x, long long n) {{ {body} }}'
        monkeypatch.setattr(_launch, "source", lambda name: text)
        grid, block = (blocks,), (threads,)
        dtype = np.dtype(np.float64)
        monkeypatch.setattr(_launch, "_functions", {})
        cuda_emulator._library.cache_clear()
        _launch.launch(np, f"test{abs(hash(body))}", "kernel", dtype, grid, block, (x, *args))

    return run


def test_threads_and_blocks_have_their_numbers(run: Any) -> None:
    x = np.zeros(192)
    run("int i = blockIdx.x * blockDim.x + threadIdx.x; x[i] = i + gridDim.x * n;", x, 5, blocks=3)
    np.testing.assert_array_equal(x, np.arange(192) + 15)


def test_barriers_hold_all_threads(run: Any) -> None:
    x = np.zeros(64)
    turn = "__shared__ double a[64]; a[threadIdx.x] = threadIdx.x; __syncthreads(); "
    run(turn + "x[threadIdx.x] = a[63 - threadIdx.x];", x, 0)
    np.testing.assert_array_equal(x, np.arange(64)[::-1])


def test_warps_exchange_and_vote(run: Any) -> None:
    x = np.zeros(64)
    run("x[threadIdx.x] = __shfl_xor_sync(~0u, (double)threadIdx.x, 1);", x, 0)
    np.testing.assert_array_equal(x, np.arange(64) ^ 1)
    run("x[threadIdx.x] = __ffs(__ballot_sync(~0u, threadIdx.x % 32 >= 7));", x, 0)
    np.testing.assert_array_equal(x, np.full(64, 8))


def test_a_barrier_that_some_threads_never_reach_is_named(run: Any) -> None:
    body = "if (threadIdx.x < 5) {\n__syncthreads();\n} else {\n__syncthreads();\n}"
    with pytest.raises(AssertionError, match="kernel: some threads never come to the barrier"):
        run(body, np.zeros(64), 0)


def test_a_number_of_arguments_that_is_wrong_is_named(run: Any) -> None:
    with pytest.raises(AssertionError, match="kernel: 1 arguments are not as many as it takes"):
        run("x[0] = n + 1;", np.zeros(1))


def test_halves_round_as_numpy_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda_emulator.emulate(monkeypatch)
    every = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    finite = every[np.isfinite(every)]
    np.testing.assert_array_equal(bias_activation(np, every, None, "identity"), every)
    # Sums of two halves are exact in single precision, and rounded once.
    b = np.random.default_rng(0).permutation(finite)
    with np.errstate(over="ignore"):
        wanted = (finite.astype(np.float32) + b.astype(np.float32)).astype(np.float16)
    np.testing.assert_array_equal(
        bias_activation(np, finite.reshape(1, -1), b, "identity")[0], wanted
    )
