"""Every kernel compiles, with the compiler that CuPy uses, for cards from Volta to Hopper."""

from __future__ import annotations

import importlib
import re
from importlib.resources import files

import pytest
from cuda_nvrtc import architectures, compile_to_ptx, find_headers, find_library

from dezero_cuda.kernels._launch import DTYPES, options, source

needs_compiler = pytest.mark.skipif(
    find_library() is None,
    reason="there is no nvrtc: pip install nvidia-cuda-nvrtc-cu12 nvidia-cuda-runtime-cu12",
)
# What CuPy gives the compiler by itself. Without the first, lambdas belong to the host.
OF_CUPY = ["--device-as-default-execution-space", "-ftz=true"]
SOURCES = sorted(
    path.name.removesuffix(".cu")
    for path in files("dezero_cuda.kernels").iterdir()
    if path.name.endswith(".cu")
)


def test_all_sources_are_there() -> None:
    assert {"activations", "dropout", "embedding", "normalization", "optimizers"} < set(SOURCES)
    assert {"recurrent", "softmax"} < set(SOURCES)


@needs_compiler
@pytest.mark.parametrize("architecture", ["sm_70", "sm_80", "sm_90"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", SOURCES)
def test_it_compiles(name: str, dtype: str, architecture: str) -> None:
    if architecture not in architectures([architecture]):
        pytest.skip(f"this nvrtc has given up {architecture}; nvidia-cuda-nvrtc-cu12 has it")
    headers = find_headers()
    if headers is None and dtype in ("float16", "bfloat16"):
        pytest.skip("there is no cuda_fp16.h: pip install nvidia-cuda-runtime-cu12")
    more = [] if headers is None else [f"-I{headers}"]
    ptx = compile_to_ptx(source(name), [*options(dtype), *OF_CUPY, f"-arch={architecture}", *more])
    assert f".target {architecture}" in ptx
    found = set(re.findall(r"\.entry (\w+)\(", ptx))
    text = source(name)
    declared = set(re.findall(r'extern "C" __global__ void (\w+)\(\n? *\w', text))
    assert declared <= found and found


@pytest.mark.parametrize("name", SOURCES)
def test_cupy_compiles_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    core = pytest.importorskip("cupy._core.core", reason="CuPy is not installed")
    compiler = importlib.import_module("cupy.cuda.compiler")
    # Which card there is, CuPy would ask the driver.
    monkeypatch.setattr(
        compiler, "_get_arch_for_options_for_nvrtc", lambda arch=None: ("-arch=sm_90", "ptx")
    )
    given = (*core.assemble_cupy_compiler_options(options("float16")), "-ftz=true")
    ptx, _ = compiler._compile_using_nvrtc_no_warning(source(name), given, "90")
    assert b".entry" in ptx


@needs_compiler
def test_vectors_are_loaded_whole() -> None:
    ptx = compile_to_ptx(source("activations"), [*options("float32"), *OF_CUPY, "-arch=sm_90"])
    body = ptx[ptx.index(".entry relu_forward(") :]
    assert "ld.global.v4" in body and "st.global.v4" in body


@needs_compiler
def test_errors_are_the_compilers_own() -> None:
    with pytest.raises(RuntimeError, match=r"nonsense.+ is undefined"):
        compile_to_ptx("__device__ int f() { return nonsense; }", ["-arch=sm_90"])
