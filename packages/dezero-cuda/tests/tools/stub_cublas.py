"""cuBLAS's products on the host: what it does with addresses, by columns, as its manual has it.

Nothing here knows of arrays, strides or rows: a call gets addresses and numbers, and reads and
writes the memory there. So what our calls ask for is what is computed.
"""

from __future__ import annotations

import ctypes
from types import SimpleNamespace
from typing import Any

import numpy as np

__all__ = ["StubCublas", "stub_cuda"]

_HANDLE = 4711


class StubCublas:
    """In the place of `cupy.cuda.cublas`: two of its functions, with the parameters that they have.

    Attributes:
        calls: The names of the functions that were called, with the compute type of each.
    """

    # As in the headers of CUDA 12.
    CUBLAS_OP_N, CUBLAS_OP_T = 0, 1
    CUBLAS_GEMM_DEFAULT = -1
    CUBLAS_COMPUTE_32F, CUBLAS_COMPUTE_32F_FAST_TF32, CUBLAS_COMPUTE_64F = 68, 77, 70

    def __init__(self, dtypes: dict[int, Any]) -> None:
        self.dtypes = dtypes
        self.calls: list[tuple[str, int]] = []

    def gemmEx(
        self,
        handle: int,
        transa: int,
        transb: int,
        m: int,
        n: int,
        k: int,
        alpha: int,
        A: int,
        Atype: int,
        lda: int,
        B: int,
        Btype: int,
        ldb: int,
        beta: int,
        C: int,
        Ctype: int,
        ldc: int,
        computeType: int,
        algo: int,
    ) -> None:
        """C = alpha op(A) op(B) + beta C."""
        self.calls.append(("gemmEx", computeType))
        self._check(handle, computeType, algo, Atype, Btype, Ctype)
        sizes = (transa, transb, m, n, k)
        self._multiply(sizes, alpha, A, lda, B, ldb, beta, C, ldc, computeType, Atype)

    def gemmStridedBatchedEx(
        self,
        handle: int,
        transa: int,
        transb: int,
        m: int,
        n: int,
        k: int,
        alpha: int,
        A: int,
        Atype: int,
        lda: int,
        strideA: int,
        B: int,
        Btype: int,
        ldb: int,
        strideB: int,
        beta: int,
        C: int,
        Ctype: int,
        ldc: int,
        strideC: int,
        batchCount: int,
        computeType: int,
        algo: int,
    ) -> None:
        """As `gemmEx` for each i, with A + i strideA, B + i strideB and C + i strideC."""
        self.calls.append(("gemmStridedBatchedEx", computeType))
        self._check(handle, computeType, algo, Atype, Btype, Ctype)
        assert batchCount >= 0
        # The manual tells of no steps back.
        assert strideA >= 0 and strideB >= 0
        # Results must not overlap.
        assert batchCount <= 1 or strideC >= ldc * n
        size = self.dtypes[Atype].itemsize
        for i in range(batchCount):
            places = [p + i * stride * size for p, stride in ((A, strideA), (B, strideB))]
            at = C + i * strideC * size
            sizes = (transa, transb, m, n, k)
            self._multiply(
                sizes, alpha, places[0], lda, places[1], ldb, beta, at, ldc, computeType, Atype
            )

    def _check(self, handle: int, compute: int, algo: int, *types: int) -> None:
        assert handle == _HANDLE
        assert algo == self.CUBLAS_GEMM_DEFAULT
        assert len({*types}) == 1
        dtype = self.dtypes[types[0]]
        if dtype == np.float64:
            assert compute == self.CUBLAS_COMPUTE_64F
        elif dtype == np.float32:
            assert compute in (self.CUBLAS_COMPUTE_32F, self.CUBLAS_COMPUTE_32F_FAST_TF32)
        else:
            assert compute == self.CUBLAS_COMPUTE_32F

    def _multiply(
        self,
        sizes: tuple[int, int, int, int, int],
        alpha: int,
        A: int,
        lda: int,
        B: int,
        ldb: int,
        beta: int,
        C: int,
        ldc: int,
        compute: int,
        dtype_number: int,
    ) -> None:
        transa, transb, m, n, k = sizes
        dtype = self.dtypes[dtype_number]
        assert transa in (self.CUBLAS_OP_N, self.CUBLAS_OP_T)
        assert transb in (self.CUBLAS_OP_N, self.CUBLAS_OP_T)
        # What cuBLAS answers with CUBLAS_STATUS_INVALID_VALUE.
        assert m >= 0 and n >= 0 and k >= 0
        assert lda >= max(1, k if transa else m)
        assert ldb >= max(1, n if transb else k)
        assert ldc >= max(1, m)
        assert max(m, n, k, lda, ldb, ldc) < 2**31
        wide: Any = np.float64 if compute == self.CUBLAS_COMPUTE_64F else np.float32
        one, zero = (
            np.frombuffer((ctypes.c_char * np.dtype(wide).itemsize).from_address(p), wide)[0]
            for p in (alpha, beta)
        )
        a = _by_columns(A, (k, m) if transa else (m, k), lda, dtype).astype(wide)
        b = _by_columns(B, (n, k) if transb else (k, n), ldb, dtype).astype(wide)
        if compute == self.CUBLAS_COMPUTE_32F_FAST_TF32:
            a, b = _rounded(a), _rounded(b)
        c = _by_columns(C, (m, n), ldc, dtype)
        product = one * ((a.T if transa else a) @ (b.T if transb else b))
        # With 0 the result is not read: it may hold anything.
        c[...] = product if zero == 0 else product + zero * c.astype(wide)


def _by_columns(address: int, shape: tuple[int, int], step: int, dtype: Any) -> Any:
    """Return the matrix at an address, whose columns begin `step` elements after each other."""
    rows, columns = shape
    n = (step * (columns - 1) + rows) * dtype.itemsize if rows and columns else 0
    memory = (ctypes.c_char * n).from_address(address)
    strides = (dtype.itemsize, step * dtype.itemsize)
    return np.ndarray(shape, dtype, buffer=memory, strides=strides)


def _rounded(x: Any) -> Any:
    """Return numbers with the 10 bits of mantissa that TF32 has, rounded to the nearest."""
    bits = x.view(np.uint32)
    return ((bits + np.uint32(0x1000)) & np.uint32(0xFFFFE000)).view(np.float32)


def stub_cuda(capability: str = "90") -> Any:
    """Return a namespace in the place of `cupy.cuda`, as far as products need it."""
    dtypes = {2: np.dtype(np.float16), 0: np.dtype(np.float32), 1: np.dtype(np.float64)}
    try:
        import ml_dtypes
    except ImportError:
        pass
    else:
        dtypes[14] = np.dtype(ml_dtypes.bfloat16)
    runtime = SimpleNamespace(CUDA_R_16F=2, CUDA_R_16BF=14, CUDA_R_32F=0, CUDA_R_64F=1)
    return SimpleNamespace(
        cublas=StubCublas(dtypes),
        runtime=runtime,
        device=SimpleNamespace(get_cublas_handle=lambda: _HANDLE),
        Device=lambda: SimpleNamespace(compute_capability=capability),
    )
