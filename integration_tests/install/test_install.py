"""Each package installs alone into an empty environment, and passes its tests there."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from ..conftest import ROOT, TEST_TOOLS, Environment, siblings

PACKAGES = sorted(path.parent.name for path in ROOT.glob("packages/*/pyproject.toml"))


@pytest.mark.parametrize("package", PACKAGES)
def test_a_wheel_holds_its_package_and_nothing_else(package: str, wheels: dict[str, Path]) -> None:
    import_name = package.replace("-", "_")
    with zipfile.ZipFile(wheels[package]) as wheel:
        names = wheel.namelist()
        metadata = next(name for name in names if name.endswith(".dist-info/METADATA"))
        text = wheel.read(metadata).decode()
    assert f"{import_name}/py.typed" in names
    assert f"{import_name}/__about__.py" in names
    assert any(name.endswith("/licenses/LICENSE") for name in names)
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {import_name}
    assert "License-Expression: MIT" in text
    assert "Requires-Python: >=3.11" in text


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_passes_its_tests_alone(
    package: str,
    wheels: dict[str, Path],
    environment: Environment,
    test_folder: Callable[[str], Path],
) -> None:
    needed = siblings(package)
    environment.install([wheels[name] for name in needed])
    installed = environment.distributions()
    assert sorted(name for name in installed if name.startswith("dezero")) == needed
    import_name = package.replace("-", "_")
    location = environment.run("-c", f"import {import_name}; print({import_name}.__file__)")
    assert Path(location.strip()).is_relative_to(environment.folder)

    environment.install(TEST_TOOLS)
    folder = test_folder(package)
    report = environment.run(
        "-m", "pytest", "-q", "--tb=short", "-p", "no:cacheprovider", cwd=folder
    )
    assert " passed" in report


def test_the_umbrella_installs_with_everything(
    wheels: dict[str, Path], environment: Environment
) -> None:
    environment.install(list(wheels.values()))
    installed = environment.distributions()
    assert sorted(name for name in installed if name.startswith("dezero")) == PACKAGES
    for name in PACKAGES:
        module = name.replace("-", "_")
        version = environment.run("-c", f"import {module}; print({module}.__version__)").strip()
        assert version == installed[name]
    script = "from importlib.metadata import entry_points as e; print(e(group='dezero.{}').names)"
    assert "cuda" in environment.run("-c", script.format("backends"))
    assert "graph" in environment.run("-c", script.format("plotters"))
