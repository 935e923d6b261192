"""The packages pass their tests with compiled modules, too (docs/design/native.md)."""

from __future__ import annotations

import os
import runpy
import shutil
import sysconfig
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ..conftest import ROOT, TEST_TOOLS, Environment

# What tests skip without, as hatch's environment has it.
EXTRAS = ("ml_dtypes>=0.5", "numba>=0.61,<1", "pillow>=10", "safetensors>=0.5,<1", "tqdm>=4.66,<5")


@pytest.fixture(scope="module")
def native() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "integration_tests" / "install" / "native.py"))


@pytest.fixture(scope="module")
def native_wheels(
    native: dict[str, Any], wheels: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    if os.name == "posix" and shutil.which(os.environ.get("CC", compiler)) is None:
        pytest.skip("there is no C compiler here")
    folder = tmp_path_factory.mktemp("native")
    copies = {name: Path(shutil.copy(wheels[name], folder)) for name in native["NATIVE"]}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CFLAGS", "-O0")  # a third of the time, and the same answers
        return {name: native["compile_wheel"](wheel) for name, wheel in copies.items()}


def test_a_native_wheel_says_what_it_runs_on(native_wheels: dict[str, Path]) -> None:
    for wheel in native_wheels.values():
        assert not wheel.stem.endswith("none-any")
        with zipfile.ZipFile(wheel) as archive:
            names = archive.namelist()
            (path,) = [name for name in names if name.endswith(".dist-info/WHEEL")]
            text = archive.read(path).decode()
        assert "Root-Is-Purelib: false" in text
        assert f"Tag: {'-'.join(wheel.stem.split('-')[2:])}" in text
        # Sources stay, for tracebacks; what Cython and the compiler left behind does not.
        assert {".py", ".c", ".o"} & {Path(name).suffix for name in names} == {".py"}
        assert any(name.endswith((".so", ".pyd")) for name in names)


def test_native_packages_pass_their_tests(
    native: dict[str, Any],
    native_wheels: dict[str, Path],
    environment: Environment,
    test_folder: Callable[[str], Path],
) -> None:
    environment.install([*native_wheels.values(), *TEST_TOOLS, *EXTRAS])
    modules = ("dezero_core.engine", "dezero_nn.functions.activations", "dezero_optim.sgd")
    script = f"import {', '.join(modules)}; print({', '.join(f'{m}.__file__' for m in modules)})"
    for location in environment.run("-c", script).split():
        assert Path(location).suffix in {".so", ".pyd"}
    for package in native["NATIVE"]:
        folder = test_folder(package)

    def run(package: str) -> str:
        tests = f"packages/{package}"
        return environment.run(
            "-m", "pytest", "-q", "--tb=short", "-p", "no:cacheprovider", tests, cwd=folder
        )

    with ThreadPoolExecutor() as pool:  # what waits for other processes
        for report in pool.map(run, native["NATIVE"]):
            assert " passed" in report


def test_a_module_that_does_not_compile_leaves_the_wheel(
    native: dict[str, Any], tmp_path: Path
) -> None:
    files = {
        "broken/__init__.py": "",
        "broken/module.py": "def function(:\n",
        "broken-1.0.dist-info/METADATA": "Name: broken\nVersion: 1.0\n",
        "broken-1.0.dist-info/WHEEL": "Root-Is-Purelib: true\nTag: py3-none-any\n",
    }
    for name, text in files.items():
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    folder = tmp_path / "wheels"
    folder.mkdir()
    native["_run"]("wheel", "pack", "--dest-dir", str(folder), str(tmp_path / "tree"))
    (wheel,) = folder.iterdir()
    before = wheel.read_bytes()
    with pytest.raises(RuntimeError, match=r"(?s)Cythonize failed.+module\.py"):
        native["compile_wheel"](wheel)
    assert wheel.read_bytes() == before
    assert list(folder.iterdir()) == [wheel]
