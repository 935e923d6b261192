"""Wheels of every package, and empty environments to install them into."""

from __future__ import annotations

import json
import os
import runpy
import shutil
import subprocess
import sys
import tomllib
import venv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEST_TOOLS = ("hypothesis>=6.100", "pip", "pytest>=9.0,<10")  # pip: core installs plug-ins


@dataclass(frozen=True)
class Environment:
    """A virtual environment with nothing in it but what a test installs."""

    folder: Path

    @classmethod
    def create(cls, folder: Path) -> Environment:
        """Make one, without even pip."""
        venv.create(folder, with_pip=False, symlinks=os.name != "nt")
        return cls(folder)

    @property
    def python(self) -> Path:
        """Its interpreter."""
        scripts = "Scripts/python.exe" if os.name == "nt" else "bin/python"
        return self.folder / scripts

    def run(self, *arguments: str, cwd: Path | None = None) -> str:
        """Run Python here, away from the sources, and return what it printed."""
        variables = {
            name: value for name, value in os.environ.items() if not name.startswith("PYTHON")
        }
        run = subprocess.run(
            [str(self.python), *arguments],
            cwd=cwd or self.folder,
            env=variables,
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == 0, f"{' '.join(arguments)}\n{run.stdout}{run.stderr}"
        return run.stdout

    def install(self, requirements: Sequence[str | Path]) -> None:
        """Install with the pip of the environment that runs the tests: this one has none."""
        pip = ["-m", "pip", "--quiet", "--disable-pip-version-check"]
        command = [sys.executable, *pip, "--python", str(self.python), "install", *requirements]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        assert run.returncode == 0, f"{requirements}\n{run.stdout}{run.stderr}"

    def distributions(self) -> dict[str, str]:
        """Return name and version of everything that is installed."""
        script = (
            "import json; from importlib.metadata import distributions as found; "
            "print(json.dumps({d.metadata['Name']: d.version for d in found()}))"
        )
        listed: dict[str, str] = json.loads(self.run("-c", script))
        return listed


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The wheel of every package, built from the sources as they are."""
    folder = tmp_path_factory.mktemp("wheels")
    build = runpy.run_path(str(ROOT / "integration_tests" / "install" / "build.py"))
    return {package: build["build_wheel"](package, folder) for package in build["PACKAGES"]}


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    """An empty environment, without even pip."""
    return Environment.create(tmp_path / "environment")


def dependencies(package: str) -> list[str]:
    """Return what a package of this workspace declares to need, without its extras."""
    text = (ROOT / "packages" / package / "pyproject.toml").read_text(encoding="utf-8")
    declared: list[str] = tomllib.loads(text)["project"]["dependencies"]
    return declared


def siblings(package: str) -> list[str]:
    """Return the packages of this workspace that a package needs, itself included."""
    needed = {package}
    for requirement in dependencies(package):
        name = requirement.partition(">=")[0]
        if name.startswith("dezero"):
            needed.update(siblings(name))
    return sorted(needed)


@pytest.fixture
def test_folder(tmp_path: Path) -> Callable[[str], Path]:
    """Return a function that copies a package's tests away from its sources."""

    def copy(package: str) -> Path:
        folder = tmp_path / "copy"
        shutil.copytree(
            ROOT / "packages" / package / "tests",
            folder / "packages" / package / "tests",
            ignore=shutil.ignore_patterns("__pycache__"),
        )
        shutil.copy(ROOT / ".pytest.toml", folder)
        return folder

    return copy
