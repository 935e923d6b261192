"""cuDNN, if it is installed: looked for once, when a convolution first asks, never at import."""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import os
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any

__all__ = ["LIBRARY", "Library", "diagnose_cudnn", "using_cudnn"]

_INSTALL = (
    "pip install 'dezero-cuda[cuda12,cudnn12]', or 'dezero-cuda[cuda13,cudnn13]' where the driver "
    "has CUDA 13"
)
_OLDEST = 90000
_enabled: ContextVar[bool] = ContextVar(
    "dezero_cuda_cudnn", default=os.environ.get("DEZERO_CUDNN", "1") != "0"
)


class Library:
    """The module `cudnn` of nvidia-cudnn-frontend, and the library that it loads.

    What is missing is found out once; after that, asking costs nothing.
    """

    def __init__(self) -> None:
        self._module: Any = None
        self._reason: str | None = None
        self._was_looked_for = False

    @property
    def module(self) -> Any:
        """The module, or None if cuDNN is not there, does not work or is switched off."""
        if not self._was_looked_for:
            self._look()
        return self._module if _enabled.get() else None

    @property
    def reason(self) -> str | None:
        """Why cuDNN cannot be used, and what to do; None if it can."""
        if not self._was_looked_for:
            self._look()
        return self._reason

    def give_up(self, error: Exception) -> None:
        """Use it no more in this process: it is there, but does not start."""
        self._module = None
        self._reason = f"cuDNN: it does not start on this device ({_named(error)})"

    def _look(self) -> None:
        self._was_looked_for = True
        with suppress(Exception):
            _load_library()
        try:
            module = importlib.import_module("cudnn")
        except ModuleNotFoundError as error:
            missing = error.name == "cudnn"
            self._reason = (
                f"cuDNN: nvidia-cudnn-frontend is not installed. {_INSTALL}"
                if missing
                else _broken(error)
            )
            return
        except Exception as error:
            self._reason = _broken(error)
            return
        if not hasattr(module, "pygraph"):
            # A folder of this name can be imported, too.
            self._reason = f"cuDNN: {module!r} is not that of nvidia-cudnn-frontend. {_INSTALL}"
            return
        try:
            version = int(module.backend_version())
        except Exception as error:
            self._reason = f"cuDNN: its library is not found ({_named(error)}). {_INSTALL}"
            return
        if version < _OLDEST:
            self._reason = f"cuDNN: version 9 is needed, {version} is installed. {_INSTALL}"
            return
        self._module = module


def _load_library() -> None:
    """Load the library of NVIDIA's wheel where the module would not look for it.

    It looks where this Python's own packages are, and where the system's libraries are. With
    ``pip install --user`` or ``--target`` the wheel lies elsewhere on Python's path.
    """
    spec = importlib.util.find_spec("nvidia")
    folders = [] if spec is None else list(spec.submodule_search_locations or ())
    found = [path for folder in folders for path in Path(folder, "cudnn/lib").glob("libcudnn.so.9")]
    if not found or found[0].is_relative_to(sysconfig.get_path("purelib")):
        return
    try:
        ctypes.CDLL("libcudnn.so.9")
    except OSError:
        # From now on it is known by its name.
        ctypes.CDLL(str(found[0]))


def _broken(error: Exception) -> str:
    return f"cuDNN: importing nvidia-cudnn-frontend fails ({_named(error)}). {_INSTALL}"


def _named(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


#: The one of this process.
LIBRARY = Library()


def diagnose_cudnn() -> str | None:
    """Say why convolutions on a device go without cuDNN.

    Without it they are computed as products of matrices: the same values, more memory, more time.

    Returns:
        None if cuDNN is there and switched on; otherwise what is missing, and what to do about it.

    Example:
        >>> with using_cudnn(False):
        ...     diagnose_cudnn()
        'cuDNN: it is switched off, by DEZERO_CUDNN=0 or using_cudnn(False)'
    """
    if not _enabled.get():
        return "cuDNN: it is switched off, by DEZERO_CUDNN=0 or using_cudnn(False)"
    return LIBRARY.reason


@contextmanager
def using_cudnn(enabled: bool) -> Iterator[None]:
    """Compute convolutions with cuDNN, or without it, within a ``with`` block.

    For tests and measurements. Gradients are computed by what holds when `backward` runs. Where
    nothing was said, cuDNN is used if it is there, unless the environment variable
    ``DEZERO_CUDNN`` is ``0``.

    Args:
        enabled: Whether to use it, if it is there.

    Example:
        >>> with using_cudnn(False):
        ...     diagnose_cudnn() is None
        False
    """
    token = _enabled.set(enabled)
    try:
        yield
    finally:
        _enabled.reset(token)
