"""``dezero doctor``: what is found on this machine, what is missing, and what to install."""

from __future__ import annotations

import importlib
import importlib.util
import os
import platform
import shutil
import subprocess
import warnings
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType
from typing import Literal, NamedTuple

__all__ = ["doctor"]

_PACKAGES = ("core", "nn", "optim", "data", "viz", "cuda")
_CUDA = "pip install 'dezero[cuda12]' (or [cuda13], after your driver)"
#: What some functions need besides: the import name, what for, and the extra that brings it.
_OPTIONAL = (
    ("pillow", "PIL", "images: ImageFolder, ToPIL, preprocess", "dezero[images]"),
    ("numba", "numba", "compiled loops: faster training on the host", "dezero[numba]"),
    ("safetensors", "safetensors", "weight files of that format", "dezero[safetensors]"),
    ("tensorboardX", "tensorboardX", "TensorBoard's logs", "dezero[tensorboard]"),
)
_COUNT = 8
_CPU_INFO = Path("/proc/cpuinfo")


class _Finding(NamedTuple):
    # "no" is nothing to worry about: something that is not there, and need not be.
    state: Literal["ok", "no", "!!"]
    what: str
    text: str


def doctor() -> int:
    """Print what is found, and return 1 if something that is installed does not work."""
    print(
        f"Python {platform.python_version()} on {platform.platform()}, "
        f"{_count(os.cpu_count() or 1, 'core')}"
    )
    findings: list[_Finding] = []
    for title, find in _SECTIONS.items():
        print(f"\n{title}")
        for finding in _found(title, find):
            findings.append(finding)
            print(f"  {finding.state}  {finding.what:16} {finding.text}".rstrip(), flush=True)
    faults = [finding.what for finding in findings if finding.state == "!!"]
    missing = [finding.what for finding in findings if finding.state == "no"]
    print()
    if missing:
        print(f"not there, and not needed for the rest: {', '.join(missing)}")
    if faults:
        print(f"to be put right: {', '.join(faults)}")
        return 1
    print("everything else works" if missing else "everything works")
    return 0


def _found(title: str, find: Callable[[], Iterator[_Finding]]) -> Iterator[_Finding]:
    # Of a broken installation anything may be expected, and this is where it shall be told.
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield from find()
    except Exception as error:
        yield _Finding("!!", title, f"{type(error).__name__}: {error}")
    for warning in caught:
        yield _Finding("!!", title, str(warning.message))


def _packages() -> Iterator[_Finding]:
    yield _Finding("ok", "dezero", version("dezero"))
    for part in _PACKAGES:
        name = f"dezero-{part}"
        try:
            number = version(name)
            package = importlib.import_module(f"dezero_{part}")
        except PackageNotFoundError:
            if part == "cuda":
                yield _Finding("no", name, f"for GPUs: {_CUDA}")
            else:
                yield _Finding("!!", name, f"is not installed: pip install {name}")
        except Exception as error:
            text = f"cannot be imported ({type(error).__name__}: {error})"
            yield _Finding("!!", name, f"{text}: pip install --force-reinstall {name}")
        else:
            yield _Finding("ok", name, number + (", compiled" if _is_compiled(package) else ""))


def _is_compiled(package: ModuleType) -> bool:
    """Whether a package's modules are in C (docs/design/native.md)."""
    folder = Path(str(package.__file__)).parent
    return any(path.suffix in {".so", ".pyd"} for path in folder.iterdir())


def _computing() -> Iterator[_Finding]:
    import numpy as np
    from threadpoolctl import threadpool_info

    from dezero_core.blas import lacks_avx512
    from dezero_core.parallel import thread_count
    from dezero_core.products import has_tiles

    yield _Finding("ok", "NumPy", np.__version__)
    libraries = [library for library in threadpool_info() if library["user_api"] == "blas"]
    for library in libraries:
        kind = library.get("architecture")
        kind = f" for {kind}" if kind else ""
        threads = _count(library["num_threads"], "thread")
        name = f"{library['internal_api']} {library['version'] or ''}".strip()
        yield _Finding("ok", "BLAS", f"{name}{kind}, {threads}")
    if lacks_avx512() and _has_avx512():
        advice = "set OPENBLAS_CORETYPE=SKYLAKEX, and products take about half of the time"
        if has_tiles():
            advice += ", but for large ones in float32, which DeZero computes itself"
        yield _Finding("no", "AVX-512", f"which this processor has and BLAS does without: {advice}")
    if not libraries:
        yield _Finding("no", "BLAS", "none that is known, so how many threads it uses is not known")
    asked = os.environ.get("DEZERO_NUM_THREADS")
    why = "as BLAS" if asked is None else "as DEZERO_NUM_THREADS says"
    yield _Finding("ok", "DeZero's threads", f"{thread_count()}, {why}")


def _has_avx512() -> bool:
    """Whether the processor has what OpenBLAS's kernels for AVX-512 use; known on Linux alone."""
    if not _CPU_INFO.exists():
        return False
    lines = _CPU_INFO.read_text(encoding="utf-8").splitlines()
    flags = next((line.split() for line in lines if line.startswith("flags")), [])
    return {"avx512f", "avx512bw", "avx512dq", "avx512vl"} <= set(flags)


def _backends() -> Iterator[_Finding]:
    import numpy as np

    from dezero_core.backend import backends

    found = backends()
    for name, backend in found.items():
        try:
            backend.to_numpy(backend.asarray(np.ones(1)))
        except Exception as error:  # it says what is missing
            yield _Finding("no", name, str(error).removeprefix("asarray: "))
        else:
            library = f"{backend.xp.__name__} {getattr(backend.xp, '__version__', '')}".strip()
            yield _Finding("ok", name, f"computes with {library}")
            if name == "cuda":
                yield from _cudnn()
    if "cuda" not in found:
        yield _Finding("no", "cuda", _CUDA)


def _cudnn() -> Iterator[_Finding]:
    reason = importlib.import_module("dezero_cuda").diagnose_cudnn()
    if reason is None:
        yield _Finding("ok", "cuDNN", "computes convolutions")
    else:
        yield _Finding("no", "cuDNN", reason)


def _drawing() -> Iterator[_Finding]:
    dot = shutil.which("dot")
    wheel = _version("graphviz-pure")
    instead = f"; graphviz-pure {wheel} draws instead" if wheel else ""
    if dot is None:
        yield _Finding("no", "dot", f"Graphviz is not on the PATH{instead}; graphviz.org has it")
    else:
        done = subprocess.run([dot, "-V"], capture_output=True, text=True, timeout=20, check=False)
        said = (done.stderr or done.stdout).strip().splitlines()
        if done.returncode or not said:
            yield _Finding("!!", "dot", f"{dot} does not start{instead}; install Graphviz anew")
        else:
            yield _Finding("ok", "dot", f"{dot}, {said[0]}")
    matplotlib = _version("matplotlib")
    if matplotlib is None:
        yield _Finding("!!", "matplotlib", "plots need it: pip install dezero-viz")
    else:
        yield _Finding("ok", "matplotlib", matplotlib)


def _optional() -> Iterator[_Finding]:
    for name, module, purpose, extra in _OPTIONAL:
        if importlib.util.find_spec(module) is None:
            yield _Finding("no", name, f"for {purpose}: pip install '{extra}'")
        else:
            yield _Finding("ok", name, f"{_version(name) or module}, for {purpose}")


def _cache() -> Iterator[_Finding]:
    from dezero_core.files import cache_dir

    folder = cache_dir()
    if not folder.exists():
        yield _Finding("ok", "folder", f"{folder}, which the first download makes")
        return
    if not folder.is_dir() or not os.access(folder, os.R_OK | os.W_OK):
        wanted = "let $DEZERO_HOME name a folder that you may write to"
        yield _Finding("!!", "folder", f"{folder} cannot be used: {wanted}")
        return
    sizes = {path.name: _size(path) for path in sorted(folder.iterdir())}
    total = _megabytes(sum(sizes.values()))
    yield _Finding("ok", "folder", f"{folder}, {_count(len(sizes), 'entry')}, {total}")
    for name in list(sizes)[:_COUNT]:
        broken = ": a download that broke off" if name.endswith(".part") else ""
        yield _Finding("ok", "", f"{name}, {_megabytes(sizes[name])}{broken}")
    if len(sizes) > _COUNT:
        yield _Finding("ok", "", f"and {len(sizes) - _COUNT} more")
    yield _Finding("ok", "", "`python -m dezero_data` lists, checks and removes data sets")


def _checks() -> Iterator[_Finding]:
    from math import cos, sin

    import numpy as np

    from dezero_core import Variable
    from dezero_core import functions as F

    x = Variable(np.array(1.0))
    F.sin(x).backward(create_graph=True)
    first, wanted = x.grad, cos(1.0)
    assert first is not None
    x.cleargrad()
    first.backward()
    second = x.grad
    assert second is not None
    values = ((float(first), cos(1.0)), (float(second), -sin(1.0)))
    for what, (value, wanted) in zip(("sin'(1)", "sin''(1)"), values, strict=True):
        if abs(value - wanted) < 1e-12:
            yield _Finding("ok", what, repr(value))
        else:
            yield _Finding("!!", what, f"{value!r} instead of {wanted!r}")


_SECTIONS: dict[str, Callable[[], Iterator[_Finding]]] = {
    "packages": _packages,
    "computing": _computing,
    "backends": _backends,
    "drawing": _drawing,
    "optional": _optional,
    "downloads": _cache,
    "a small computation": _checks,
}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _size(path: Path) -> int:
    files = [path, *path.rglob("*")] if path.is_dir() else [path]
    return sum(file.lstat().st_size for file in files if not file.is_dir())


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"


def _count(number: int, what: str) -> str:
    plural = f"{what[:-1]}ies" if what.endswith("y") else f"{what}s"
    return f"{number} {what if number == 1 else plural}"
