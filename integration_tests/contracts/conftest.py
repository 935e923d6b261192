"""The public names of every package, for the tests of documentation."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
IMPORT_NAMES = sorted(
    path.parent.name.replace("-", "_") for path in ROOT.glob("packages/*/pyproject.toml")
)


def public_modules() -> Iterator[ModuleType]:
    for name in IMPORT_NAMES:
        package = importlib.import_module(name)
        yield package
        for found in pkgutil.walk_packages(package.__path__, f"{name}."):
            if not any(part.startswith("_") for part in found.name.split(".")):
                yield importlib.import_module(found.name)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "module" in metafunc.fixturenames and "name" in metafunc.fixturenames:
        cases = [(module, name) for module in public_modules() for name in module.__all__]
        ids = [f"{module.__name__}.{name}" for module, name in cases]
        metafunc.parametrize(("module", "name"), cases, ids=ids)
    elif "module" in metafunc.fixturenames:
        metafunc.parametrize("module", list(public_modules()), ids=lambda module: module.__name__)
