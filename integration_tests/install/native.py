"""Turn a wheel of pure Python into one whose modules are compiled (docs/design/native.md).

Cython translates the modules as they are. The sources stay beside them, for tracebacks.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from tempfile import TemporaryDirectory

from packaging.tags import sys_tags

__all__ = ["NATIVE", "compile_wheel"]

#: The packages through which a training step runs.
NATIVE = ("dezero-core", "dezero-nn", "dezero-optim")

# What stays as it is: what no step runs through, and ...
_LEFT = {
    "__about__.py",
    "__init__.py",
    "files",
    "graph.py",
    "testing",
    "_torch_files.py",
    # ... what Numba compiles, from Python's own code;
    "loops",
    "loops.py",
    # what imports an optional package: Cython's import does not see that it was barred;
    "autocast.py",
    "images.py",
    # what is called test_mode: pytest warns of it if it is not written in Python.
    "config.py",
}


def compile_wheel(wheel: Path) -> Path:
    """Compile the modules of a wheel; the new wheel takes its place.

    Args:
        wheel: A wheel of pure Python.

    Returns:
        The wheel for this interpreter and platform.

    Raises:
        RuntimeError: A compiler failed. The wheel is as it was.
    """
    with TemporaryDirectory() as folder:
        _run("wheel", "unpack", "--dest", folder, str(wheel.resolve()))
        (tree,) = Path(folder).iterdir()
        paths = [path.relative_to(tree) for path in sorted(tree.rglob("*.py"))]
        modules = [path for path in paths if _LEFT.isdisjoint(path.parts)]
        typed = [path for path in modules if (tree / path).with_suffix(".pxd").exists()]
        _cythonize(tree, [path for path in modules if path not in typed], is_typed=False)
        # Beside a .pxd file a module's annotations are types in C as well. Elsewhere they are for
        # readers and mypy; Cython would check and convert by them.
        _cythonize(tree, typed, is_typed=True)
        for intermediate in [*tree.rglob("*.c"), *tree.rglob("*.o")]:
            intermediate.unlink()
        _name_platform(tree)
        _run("wheel", "pack", "--dest-dir", folder, str(tree))
        (compiled,) = Path(folder).glob("*.whl")
        target = wheel.with_name(compiled.name)
        target.write_bytes(compiled.read_bytes())
    wheel.unlink()
    return target


def _cythonize(tree: Path, modules: list[Path], *, is_typed: bool) -> None:
    """Compile modules in place."""
    if modules:
        settings = ["--inplace", "--parallel", str(os.cpu_count() or 1), "-3"]
        settings += ["-X", f"annotation_typing={is_typed}"]
        _run("Cython.Build.Cythonize", *settings, *map(str, modules), folder=tree)


def _name_platform(tree: Path) -> None:
    """State in a wheel's metadata what its modules run on."""
    (path,) = tree.glob("*.dist-info/WHEEL")
    # Linked against what this machine has, which a tag of manylinux would not say.
    tag = next(str(tag) for tag in sys_tags() if "manylinux" not in tag.platform)
    lines = [
        line
        for line in path.read_text().splitlines()
        if not line.startswith(("Tag:", "Root-Is-Purelib:"))
    ]
    path.write_text("\n".join([*lines, "Root-Is-Purelib: false", f"Tag: {tag}", ""]))


def _run(module: str, *arguments: str, folder: Path | None = None) -> None:
    # Python's own flags, but without the tables for debuggers, most of an extension module's size;
    # and the user's.
    flags = [sysconfig.get_config_var("CFLAGS"), "-g0", os.environ.get("CFLAGS")]
    environment = {"CFLAGS": " ".join(filter(None, flags))} if os.name == "posix" else {}
    run = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode:
        raise RuntimeError(f"python -m {module} failed.\n{run.stdout}{run.stderr}")
