"""The real cuDNN, where it is installed: it builds plans for a card that is not there.

`hatch run cudnn:test packages/dezero-cuda/tests/test_cudnn_library.py` installs it, 1.2 GB with
cuBLAS. No driver is needed: engines are chosen by the properties of a device, which may be told.
"""

from __future__ import annotations

import inspect
import json
import re
from typing import Any

import numpy as np
import pytest
import stub_cudnn

from dezero_cuda.cudnn_library import LIBRARY
from dezero_cuda.kernels._cudnn import Convolution, build
from dezero_cuda.kernels._sliding import out_size

# An H100, as cuDNN describes it.
CARD = {
    "deviceName": "NVIDIA H100",
    "deviceVer": 900,
    "driverVer": 12080,
    "cudaDeviceId": 0,
    "pciDeviceId": 0,
    "isTccDriver": 0,
    "supportCoopLaunch": 1,
    "warpSize": 32,
    "multiProcessorCount": 132,
    "maxGridSize": [2147483647, 65535, 65535],
    "maxBlockSize": [1024, 1024, 64],
    "maxThreadsPerBlock": 1024,
    "maxThreadsPerSM": 2048,
    "maxCtasPerSM": 32,
    "regsPerBlock": 65536,
    "maxRegistersPerSM": 65536,
    "maxSharedMemoryPerBlock": 49152,
    "maxSharedMemoryPerBlockOptin": 232448,
    "reservedSharedMemoryPerBlock": 1024,
    "l2CacheSize": 52428800,
    "totalGlobalMem": 85 * 10**9,
    "smClockRateKHz": 1980000,
    "memClockRateKHz": 2619000,
}


CUDNN = LIBRARY.module
pytestmark = pytest.mark.skipif(CUDNN is None, reason=str(LIBRARY.reason))

# N, C, H, OC, K, stride, pad, dilation, groups.
GEOMETRIES = {
    "3x3": (8, 64, 28, 64, 3, 1, 1, 1, 1),
    "1x1": (16, 256, 14, 1024, 1, 1, 0, 1, 1),
    "7x7 stride": (8, 3, 224, 64, 7, 2, 3, 1, 1),
    "one number": (1, 1, 3, 1, 2, 1, 0, 1, 1),
    "odd": (3, 4, 7, 6, 3, 2, 1, 1, 1),
    "dilation": (8, 64, 28, 64, 3, 1, 2, 2, 1),
    "groups": (8, 32, 28, 64, 3, 1, 1, 1, 4),
    "odd groups": (2, 6, 9, 9, 3, 1, 0, 2, 3),
    "depthwise": (8, 32, 28, 32, 3, 1, 1, 1, 32),
    "depthwise stride": (8, 8, 28, 16, 3, 2, 1, 1, 8),
    "pad larger than kernel": (2, 3, 6, 4, 3, 1, 4, 1, 1),
}
BFLOAT16 = type("bfloat16", (), {"name": "bfloat16", "__eq__": lambda self, other: False})()


def describe(name: str, operation: str, dtype: Any) -> Convolution:
    N, C, H, OC, K, *others, groups = GEOMETRIES[name]
    stride, pad, dilation = ((n, n) for n in others)
    out = out_size((H, H), (K, K), stride, pad, dilation)
    assert out is not None
    x, w, y = (N, C, H, H), (OC, C // groups, K, K), (N, OC, *out)
    return Convolution(operation, x, w, y, stride, pad, dilation, dtype)


@pytest.fixture(scope="module")
def card() -> Any:
    return CUDNN.create_device_properties(json.dumps(CARD))


@pytest.mark.parametrize("name", GEOMETRIES)
@pytest.mark.parametrize("operation", ["conv_fprop", "conv_dgrad", "conv_wgrad"])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_there_is_an_engine(name: str, operation: str, dtype: str, card: Any) -> None:
    what = describe(name, operation, BFLOAT16 if dtype == "bfloat16" else np.dtype(dtype))
    for tf32 in {False, dtype == "float32"}:
        graph = build(CUDNN, what, tf32, device_property=card, sm_version=90)
        assert graph.get_workspace_size() >= 0


@pytest.mark.parametrize("operation", ["conv_fprop", "conv_dgrad", "conv_wgrad"])
@pytest.mark.parametrize("name", GEOMETRIES)
def test_there_is_one_without_a_workspace(name: str, operation: str, card: Any) -> None:
    for dtype in (np.float16, np.float32):
        what = describe(name, operation, np.dtype(dtype))
        graph = build(CUDNN, what, False, 0, device_property=card, sm_version=90)
        assert graph.get_workspace_size() == 0


def test_without_tf32_other_engines_are_taken(card: Any) -> None:
    what = describe("3x3", "conv_fprop", np.dtype(np.float32))
    exact, rounded = (
        build(CUDNN, what, tf32, device_property=card, sm_version=90).get_workspace_size()
        for tf32 in (False, True)
    )
    # With tensor cores images are laid out anew, in the workspace.
    assert exact != rounded


def test_what_no_engine_can_do_is_an_error(card: Any) -> None:
    what = describe("3x3", "conv_fprop", np.dtype(np.float32))
    wrong = what._replace(y=(8, 64, 28, 27))
    with pytest.raises(RuntimeError, match="spatial_dim"):
        build(CUDNN, wrong, False, device_property=card, sm_version=90)
    assert issubclass(CUDNN.cudnnGraphNotSupportedError, Exception)


# --- the module in its place ----------------------------------------------------------------------


def parameters(function: Any) -> list[str]:
    """Return the names of parameters, which compiled functions have in their docstring."""
    first = next(line for line in function.__doc__.splitlines() if "(self" in line)
    return re.findall(r"[(,] (?=(\w+): )", first.replace("(self", "( self"))


@pytest.mark.parametrize("operation", ["conv_fprop", "conv_dgrad", "conv_wgrad"])
def test_the_stand_in_takes_the_same(operation: str) -> None:
    compiled = CUDNN._pybind_module
    graph = getattr(compiled, "backend_graph", None) or compiled.pygraph
    real = [name for name in parameters(getattr(graph, operation)) if name != "self"]
    ours = list(inspect.signature(getattr(stub_cudnn.pygraph, operation)).parameters)[1:]
    assert ours == real


def test_the_stand_in_has_the_same_names() -> None:
    stub = stub_cudnn.StubCudnn()
    for kind in ("data_type", "heur_mode", "numerical_note"):
        real = getattr(CUDNN, kind)
        for name in getattr(stub, kind).__members__:
            assert hasattr(real, name), f"{kind}.{name}"
    ours = list(inspect.signature(stub_cudnn.pygraph.tensor).parameters)
    real = list(inspect.signature(CUDNN.pygraph.tensor).parameters)
    assert real[: len(ours)] == ours
    for name, member in vars(stub_cudnn.pygraph).items():
        if not name.startswith("_") and inspect.isfunction(member):
            assert hasattr(CUDNN.pygraph, name), name
    setter = CUDNN.set_stream
    known = setter.__doc__ if inspect.isbuiltin(setter) else str(inspect.signature(setter))
    assert re.search(r"\(handle\b.*, stream\b.*\)", known)
