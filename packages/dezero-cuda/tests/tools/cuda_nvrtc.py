"""NVIDIA's runtime compiler, as far as tests need it: it compiles where there is no driver."""

from __future__ import annotations

import ctypes
import importlib.util
import os
from pathlib import Path

__all__ = ["architectures", "compile_to_ptx", "find_headers", "find_library"]


def _nvidia_folders() -> list[Path]:
    """Return where NVIDIA's wheels put their files."""
    spec = importlib.util.find_spec("nvidia")
    roots = [] if spec is None else list(spec.submodule_search_locations or ())
    return [folder for root in roots for folder in sorted(Path(root).iterdir())]


def find_library() -> Path | None:
    """Return the compiler's library: that of NVIDIA's wheel, or of an installed toolkit.

    The oldest of several, for the newer ones have given up older cards.
    """
    folders = [folder / "lib" for folder in _nvidia_folders()]
    folders += [Path(os.environ.get("CUDA_PATH", "/usr/local/cuda"), "lib64")]
    found = [path for folder in folders for path in folder.glob("libnvrtc.so.*")]
    return min(found, key=lambda path: path.name.split(".")[2:], default=None)


def architectures(wanted: list[str]) -> list[str]:
    """Return those of some architectures, such as ``"sm_70"``, that the compiler knows."""
    path = find_library()
    if path is None:
        return []
    library = ctypes.CDLL(str(path))
    count = ctypes.c_int()
    _check(library.nvrtcGetNumSupportedArchs(ctypes.byref(count)))
    known = (ctypes.c_int * count.value)()
    _check(library.nvrtcGetSupportedArchs(known))
    return [name for name in wanted if int(name.removeprefix("sm_")) in list(known)]


def find_headers() -> Path | None:
    """Return the folder of cuda_fp16.h."""
    folders = [folder / "include" for folder in _nvidia_folders()]
    folders += [Path(os.environ.get("CUDA_PATH", "/usr/local/cuda"), "include")]
    return next((folder for folder in folders if (folder / "cuda_fp16.h").exists()), None)


def compile_to_ptx(source: str, options: list[str]) -> str:
    """Compile CUDA's C++.

    Args:
        source: The text.
        options: As of nvcc, such as ``-arch=sm_90``.

    Returns:
        The code for the device.

    Raises:
        RuntimeError: It does not compile. The message is the compiler's.
    """
    library = ctypes.CDLL(str(find_library()))
    program = ctypes.c_void_p()
    text = source.encode()
    _check(library.nvrtcCreateProgram(ctypes.byref(program), text, b"kernels.cu", 0, None, None))
    try:
        given = (ctypes.c_char_p * len(options))(*[option.encode() for option in options])
        status = library.nvrtcCompileProgram(program, len(options), given)
        log = _read(library, "ProgramLog", program)
        if status or "): warning" in log:
            raise RuntimeError(log)
        return _read(library, "PTX", program)
    finally:
        library.nvrtcDestroyProgram(ctypes.byref(program))


def _read(library: ctypes.CDLL, what: str, program: ctypes.c_void_p) -> str:
    size = ctypes.c_size_t()
    _check(getattr(library, f"nvrtcGet{what}Size")(program, ctypes.byref(size)))
    buffer = ctypes.create_string_buffer(size.value)
    _check(getattr(library, f"nvrtcGet{what}")(program, buffer))
    return buffer.value.decode()


def _check(status: int) -> None:
    if status:
        raise RuntimeError(f"nvrtc answers with the error {status}")
