"""The GPU (book step 52), if there is one: `gpu_enable` tells.

`gpu_enable` is True where the package dezero-cuda is installed and finds a GPU that can be used.
Nothing is looked for before it is asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dezero_core import Device, as_numpy, get_array_module
from dezero_core.backend import backends
from dezero_core.typing import Array

__all__ = ["as_cupy", "as_numpy", "get_array_module", "gpu_enable"]

gpu_enable: bool


def as_cupy(x: Any) -> Array:
    """Return an array, a number or a Variable's data as an array on the GPU.

    Args:
        x: An array on the host or on the GPU, a number, or a Variable.

    Returns:
        The array; the same object if it is on the GPU already.

    Raises:
        LookupError: The package dezero-cuda is not installed; the message says how to get it.
        RuntimeError: There is no GPU that can be used; the message says what is missing.
    """
    return Device("cuda", "as_cupy").asarray(x.data if hasattr(x, "cleargrad") else x)


if not TYPE_CHECKING:  # which would take any name for one of the module

    def __getattr__(name: str) -> Any:
        if name == "gpu_enable":
            cuda = backends().get("cuda")
            return cuda is not None and cuda.is_available()
        raise AttributeError(f"module 'dezero.cuda' has no attribute {name!r}")
