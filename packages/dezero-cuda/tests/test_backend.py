"""The backend: what it says where something is missing, and what it does where nothing is."""

from __future__ import annotations

import subprocess
import sys
import types
from typing import Any

import numpy as np
import pytest
from stub_cupy import put_stub

import dezero_cuda
from dezero_core import Device, Variable, profile
from dezero_core.backend import as_numpy, backend_of, get_array_module, get_backend
from dezero_core.testing import FakeArray
from dezero_cuda import CudaUnavailableError, diagnosis

needs_device = pytest.mark.skipif(
    not dezero_cuda.is_available(), reason=str(dezero_cuda.diagnose())
)


class CUDARuntimeError(RuntimeError):
    """Named as CuPy's is."""


@pytest.fixture(autouse=True)
def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each test ask the machine anew."""
    monkeypatch.setattr(diagnosis, "_ready", False)
    monkeypatch.setattr(dezero_cuda.backend, "_n_devices", None)
    monkeypatch.setattr(dezero_cuda.backend, "_is_watched", False)


class TestWhatIsMissing:
    def assert_missing(self, *words: str) -> None:
        reason = dezero_cuda.diagnose()
        assert reason is not None
        for word in words:
            assert word in reason
        assert dezero_cuda.is_available() is False
        assert dezero_cuda.backend.is_available() is False
        for operation in ("asarray", "synchronize"):
            with pytest.raises(CudaUnavailableError) as caught:
                getattr(dezero_cuda.backend, operation)(*([1.0] if operation == "asarray" else []))
            assert str(caught.value) == f"{operation}: {reason}"
        # Under the name of what the user called.
        x = Variable(np.ones(2))
        with pytest.raises(CudaUnavailableError) as caught:
            x.to_gpu()
        assert str(caught.value) == f"Variable.to_gpu: {reason}"
        with pytest.raises(CudaUnavailableError) as caught:
            x.to("cuda:1")
        assert str(caught.value) == f"Variable.to: {reason}"
        assert type(x.data) is np.ndarray

    def test_cupy(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "cupy", None)
        self.assert_missing("CuPy is not installed", "pip install 'dezero-cuda[cuda12]'", "cuda13")
        with pytest.raises(CudaUnavailableError, match="CuPy is not installed"):
            _ = dezero_cuda.backend.xp
        assert dezero_cuda.backend.array_types == ()

    @pytest.mark.parametrize(
        "error", [ImportError("libcuda_wrong.so"), ModuleNotFoundError("fastrlock"), OSError("x")]
    )
    def test_a_cupy_that_cannot_be_imported(
        self, monkeypatch: pytest.MonkeyPatch, error: Exception
    ) -> None:
        def fail(name: str) -> Any:
            raise error

        monkeypatch.setattr(diagnosis.importlib, "import_module", fail)
        self.assert_missing("importing it fails", str(error), "pip uninstall")

    def test_driver(self, monkeypatch: pytest.MonkeyPatch) -> None:
        failure = CUDARuntimeError("cudaErrorInsufficientDriver: CUDA driver version is ...")
        put_stub(monkeypatch, driver=0, devices=failure)
        self.assert_missing("there is no NVIDIA driver", "nvidia-smi must run")

    def test_a_driver_that_is_too_old(self, monkeypatch: pytest.MonkeyPatch) -> None:
        failure = CUDARuntimeError("cudaErrorInsufficientDriver: CUDA driver version is ...")
        put_stub(monkeypatch, driver=11040, devices=failure)
        self.assert_missing("too old (CUDA 11.4)", "CuPy (CUDA 12.9)", "Update the driver")

    @pytest.mark.parametrize(
        "devices", [0, CUDARuntimeError("cudaErrorNoDevice: no CUDA-capable device is detected")]
    )
    def test_device(self, monkeypatch: pytest.MonkeyPatch, devices: Any) -> None:
        put_stub(monkeypatch, devices=devices)
        self.assert_missing("CUDA: ", "device", "CUDA_VISIBLE_DEVICES")

    def test_a_device_that_runs_no_kernel(self, monkeypatch: pytest.MonkeyPatch) -> None:
        cupy, _ = put_stub(monkeypatch)

        def fail(stop: int) -> Any:
            raise RuntimeError("nvrtc: cannot open cuda_fp16.h")

        cupy.arange = fail
        self.assert_missing(
            "device 0 does not compute",
            "cannot open cuda_fp16.h",
            "pip install 'cupy-cuda12x[ctk]'",
        )

    def test_a_cuda_without_products(self, monkeypatch: pytest.MonkeyPatch) -> None:
        cupy, _ = put_stub(monkeypatch)

        class WithoutLibrary(types.SimpleNamespace):
            @property
            def cublas(self) -> Any:
                raise ImportError("libcublasLt.so.12 is not found")

        inside = vars(cupy.cuda)
        del inside["cublas"]
        cupy.cuda = WithoutLibrary(**inside)
        self.assert_missing("libcublasLt.so.12 is not found", "pip install 'cupy-cuda12x[ctk]'")

    def test_a_device_that_computes_nonsense(self, monkeypatch: pytest.MonkeyPatch) -> None:
        cupy, device = put_stub(monkeypatch)
        cupy.arange = device.xp.zeros
        self.assert_missing("wrong results")

    def test_the_answer_may_change_until_it_is_yes(self, monkeypatch: pytest.MonkeyPatch) -> None:
        cupy, _ = put_stub(monkeypatch, devices=0)
        assert not dezero_cuda.is_available()
        cupy.cuda.runtime.devices = 1
        assert dezero_cuda.is_available()
        cupy.cuda.runtime.devices = 0
        assert dezero_cuda.is_available()


class TestWithDevice:
    def test_the_backend(self, monkeypatch: pytest.MonkeyPatch) -> None:
        cupy, device = put_stub(monkeypatch)
        backend = dezero_cuda.backend
        assert backend.is_available()
        assert backend.array_types == (FakeArray,)
        assert backend.xp is cupy
        device.reset()
        x = backend.asarray(np.ones(2), np.float32)
        assert isinstance(x, FakeArray)
        assert x.dtype == np.float32
        assert backend.asarray(x) is x
        host = backend.to_numpy(x)
        np.testing.assert_array_equal(host, np.ones(2, np.float32), strict=True)
        assert [event.name for event in device.traffic] == ["asarray", "get"]
        assert backend.to_numpy(host) is host
        backend.synchronize()
        assert len(cupy.waited) == 1

    def test_a_device_by_number(self, monkeypatch: pytest.MonkeyPatch) -> None:
        cupy, _ = put_stub(monkeypatch, devices=2)
        cupy.cuda.Device = lambda number: ("device", number)
        assert dezero_cuda.backend.device(1) == ("device", 1)
        assert Device("cuda:1").active() == ("device", 1)
        with pytest.raises(
            CudaUnavailableError, match=r"^Variable\.to: there is no CUDA device 2; "
        ):
            Variable(np.ones(2)).to("cuda:2")
        with pytest.raises(CudaUnavailableError, match=r"no CUDA device 2; .* from 0 to 1"):
            dezero_cuda.backend.device(2)

    def test_operands_on_several_devices(self, monkeypatch: pytest.MonkeyPatch) -> None:
        cupy, _ = put_stub(monkeypatch, devices=2)

        class Array:
            shape = (3,)
            dtype = np.dtype(np.float32)

            def __init__(self, number: int) -> None:
                self.device = types.SimpleNamespace(id=number)

        cupy.ndarray = Array
        check = dezero_cuda.backend.check_devices
        check([Array(0), 2.0, None, Array(0)], "add")
        with pytest.raises(TypeError) as caught:
            check([Array(0), Array(1)], "add")
        assert str(caught.value).startswith(
            "add: the operands live on different devices: operand 0 (float32[3]) on 'cuda:0', "
            "operand 1 (float32[3]) on 'cuda:1'"
        )
        with pytest.raises(TypeError, match=r"exp: .*'cuda:1', while the current .* 'cuda:0'"):
            check([Array(1)], "exp")
        cupy.cuda.runtime.current = 1
        check([Array(1)], "exp")

    def test_what_a_profile_measures_with(self, monkeypatch: pytest.MonkeyPatch) -> None:
        cupy, _ = put_stub(monkeypatch)
        ranges: list[Any] = []
        cupy.cuda.nvtx = types.SimpleNamespace(
            RangePush=ranges.append, RangePop=lambda: ranges.append(None)
        )
        x = Variable(dezero_cuda.backend.asarray([1.0, 2.0]))
        cupy.pool.used = 1 << 20
        with profile() as found:
            x * x
            x + x
        assert found.device == "cuda"
        assert ranges == ["multiply forward", None, "add forward", None]
        # The stub's device takes a millisecond from mark to mark.
        assert [row.device for row in found.rows()] == pytest.approx([1e-3, 1e-3])
        assert found.peak == 1 << 20


class TestRegistration:
    def test_found_by_its_entry_point(self) -> None:
        assert get_backend("cuda") is dezero_cuda.backend
        assert repr(dezero_cuda.backend) == "<backend 'cuda'>"

    def test_import_brings_no_cupy(self) -> None:
        code = (
            "import sys, dezero_cuda; from dezero_core.backend import backends;"
            "assert backends()['cuda'] is dezero_cuda.backend;"
            "assert dezero_cuda.backend.array_types == ();"
            "assert 'cupy' not in sys.modules"
        )
        subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.gpu
@needs_device
class TestOnDevice:
    @pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int64", "bool"])
    def test_there_and_back(self, dtype: str) -> None:
        host = np.arange(6).reshape(2, 3).astype(dtype)
        x = dezero_cuda.backend.asarray(host)
        assert type(x) is dezero_cuda.backend.xp.ndarray
        np.testing.assert_array_equal(dezero_cuda.backend.to_numpy(x), host, strict=True)
        np.testing.assert_array_equal(as_numpy(x.T), host.T, strict=True)

    def test_found_by_type(self) -> None:
        x = dezero_cuda.backend.asarray([1.0, 2.0], np.float32)
        assert backend_of(x, 2.0, np.float32(3)) is dezero_cuda.backend
        assert get_array_module(x) is dezero_cuda.backend.xp
        with pytest.raises(TypeError, match=r"operand 0 \(float32\[2\]\) on 'cuda'"):
            backend_of(x, np.ones(2))

    def test_synchronize(self) -> None:
        x = dezero_cuda.backend.asarray(np.ones((512, 512), np.float32))
        y = x @ x
        dezero_cuda.backend.synchronize()
        assert dezero_cuda.backend.xp.cuda.get_current_stream().done
        assert float(y[0, 0]) == 512.0
