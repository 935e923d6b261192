"""What this machine lacks for CUDA: CuPy, the driver or a device."""

from __future__ import annotations

import importlib
from typing import Any

__all__ = ["CudaUnavailableError", "diagnose", "import_cupy"]

_ready = False
_INSTALL = (
    "pip install 'dezero-cuda[cuda12]', or 'dezero-cuda[cuda13]' where the driver has CUDA 13 "
    "(the first line of nvidia-smi tells)"
)
_DRIVER = "Install it (nvidia-smi must run); in a container, start it with the GPUs passed through"
_DEVICE = "Check that nvidia-smi lists one, and that CUDA_VISIBLE_DEVICES does not hide it"


class CudaUnavailableError(RuntimeError):
    """CUDA was asked for, and this machine cannot do it. The message says why, and what to do."""


def diagnose() -> str | None:
    """Say what keeps this process from computing on a CUDA device.

    CuPy is imported, the driver and the devices are asked, and a small sum is computed: each may
    fail alone. Once all went well, the answer is remembered.

    Returns:
        None if nothing does; otherwise what is missing, and what to do about it.
    """
    global _ready
    if not _ready:
        try:
            reason = _find_gap(import_cupy())
        except CudaUnavailableError as error:
            reason = str(error)
        if reason is not None:
            return reason
        _ready = True
    return None


def import_cupy() -> Any:
    """Return the module `cupy`. It can be imported where there is no driver or device.

    Raises:
        CudaUnavailableError: It is not installed, or its import fails.
    """
    try:
        cupy = importlib.import_module("cupy")
        # A folder of this name can be imported, too.
        if not hasattr(cupy, "cuda"):
            raise ImportError(f"{cupy!r} has no cuda")
        return cupy
    except ModuleNotFoundError as error:
        if error.name != "cupy":
            raise CudaUnavailableError(_broken(error)) from error
        raise CudaUnavailableError(f"CUDA: CuPy is not installed. {_INSTALL}") from error
    except Exception as error:
        raise CudaUnavailableError(_broken(error)) from error


def _broken(error: Exception) -> str:
    return (
        f"CUDA: CuPy is installed, but importing it fails ({type(error).__name__}: {error}). "
        f"Its wheels exclude one another: pip uninstall every cupy package, then {_INSTALL}"
    )


def _find_gap(cupy: Any) -> str | None:
    runtime = cupy.cuda.runtime
    try:
        driver = runtime.driverGetVersion()
    except Exception as error:
        return f"CUDA: the NVIDIA driver does not answer ({error}). {_DRIVER}"
    if driver == 0:
        return f"CUDA: there is no NVIDIA driver. {_DRIVER}"
    try:
        count = runtime.getDeviceCount()
    except Exception as error:
        if "InsufficientDriver" in str(error):
            return (
                f"CUDA: the NVIDIA driver is too old ({_version(driver)}) for the installed CuPy "
                f"({_version(runtime.runtimeGetVersion())}). Update the driver, or {_INSTALL}"
            )
        return f"CUDA: no device answers ({error}). {_DEVICE}"
    if count == 0:
        return f"CUDA: the driver is there, but no CUDA device. {_DEVICE}"
    # What is compiled, and what multiplies: CuPy comes without the libraries of both.
    try:
        works = int((cupy.arange(3) + 1).sum()) == 6
        _ = cupy.cuda.cublas
    except Exception as error:
        wheel = f"cupy-cuda{runtime.runtimeGetVersion() // 1000}x[ctk]"
        return (
            f"CUDA: device 0 does not compute ({type(error).__name__}: {error}). Where the "
            f"CUDA toolkit is not installed, pip install '{wheel}' brings what CuPy needs of it"
        )
    return None if works else "CUDA: device 0 computes wrong results (1 + 2 + 3 is not 6)"


def _version(number: int) -> str:
    return f"CUDA {number // 1000}.{number % 1000 // 10}"
