"""Runs the very sources of the kernels on the host: compiled as C++, thread by thread.

It finds wrong formulas, indices, tails and missing barriers where there is no card. It does not
find what only a card has: races between blocks, alignment faults, too many registers.
"""

from __future__ import annotations

import ctypes
import re
import shutil
import struct
import subprocess
import tempfile
from collections import OrderedDict
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from stub_cublas import stub_cuda

from dezero_cuda.kernels import _launch

__all__ = ["compiler", "emulate"]

_HEADERS = Path(__file__).parent / "emulated_headers"
_folder = tempfile.TemporaryDirectory(prefix="dezero-emulated-")
_MARK = "struct kernels_begin_here;"
_FLAGS = ["-std=c++17", "-x", "c++", f"-I{_HEADERS}"]


def compiler() -> str | None:
    """Return the host's C++ compiler, if there is one."""
    return shutil.which("g++")


@cache
def _library(name: str, dtype_name: str) -> ctypes.CDLL:
    """Compile a source for the host, with a launcher for each of its kernels."""
    text = f'#include "emulated_cuda.h"\n{_MARK}\n{_launch.source(name)}'
    expanded = _run(["-E", "-P", f"-DTYPE_{dtype_name}", "-"], text)
    kernels = re.findall(r'extern "C"\s+void (\w+)\(', expanded.partition(_MARK)[2])
    launchers = [
        f'extern "C" int run_{kernel}(const unsigned int* grid, const unsigned int* block, '
        "unsigned int count, const unsigned long long* args) "
        f"{{ return emulated::launch({kernel}, grid, block, count, args); }}"
        for kernel in kernels
    ]
    path = Path(_folder.name, f"{name}_{dtype_name}.so")
    _run(
        ["-O1", "-shared", "-fPIC", "-w", "-ffp-contract=off", "-o", str(path), "-"],
        "\n".join([expanded, *launchers]),
    )
    return ctypes.CDLL(str(path))


def _run(options: list[str], text: str) -> str:
    command = [compiler() or "g++", *_FLAGS, *options]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout


def _host(x: Any) -> Any:
    """Return the NumPy array that stands for a device's."""
    return x if isinstance(x, np.ndarray) else x._host


def _bits(x: Any) -> int:
    if isinstance(x, int):
        return x & 0xFFFFFFFFFFFFFFFF
    if isinstance(x, float):
        return int.from_bytes(struct.pack("<d", x), "little")
    return int(_host(x).ctypes.data)


def _load(xp: Any, name: str, function: str, dtype_name: str) -> Callable[..., None]:
    run = getattr(_library(name, dtype_name), f"run_{function}")

    def kernel(grid: tuple[int, ...], block: tuple[int, ...], args: tuple[Any, ...]) -> None:
        sizes = [(ctypes.c_uint * 3)(*(*shape, 1, 1)[:3]) for shape in (grid, block)]
        values = (ctypes.c_ulonglong * len(args))(*map(_bits, args))
        status = run(*sizes, len(args), values)
        assert status != -1, f"{function}: {len(args)} arguments are not as many as it takes"
        assert not status, f"{function}: some threads never come to the barrier of line {status}"

    return kernel


def emulate(monkeypatch: Any) -> Any:
    """Let kernels be launched on the host, on arrays of NumPy or of the fake device.

    Returns:
        What stands in for `cupy.cuda`; its `cublas.calls` tells which products were computed.
    """
    for module in ("_launch", "_gemm", "gradients", "optimizers", "philox"):
        place = f"dezero_cuda.kernels.{module}.current_device"
        monkeypatch.setattr(place, lambda xp: 0)
    for module in ("_gemm", "gradients", "optimizers"):
        place = f"dezero_cuda.kernels.{module}.address"
        monkeypatch.setattr(place, lambda x: _host(x).ctypes.data)
    cuda = stub_cuda()
    monkeypatch.setattr("dezero_cuda.kernels._gemm.cuda_of", lambda xp: cuda)
    monkeypatch.setattr("dezero_cuda.kernels._gemm._modes", {})
    monkeypatch.setattr(_launch, "load_function", _load)
    monkeypatch.setattr(_launch, "_functions", {})
    monkeypatch.setattr("dezero_cuda.kernels.gradients._tables", OrderedDict())
    monkeypatch.setattr("dezero_cuda.kernels.optimizers._plans", {})
    return cuda
