"""The public names of every package, for the tests of documentation."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


def public_module_names() -> Iterator[str]:
    """Yield the dotted names of all modules without a leading underscore on the way."""
    for folder in sorted(ROOT.glob("packages/*/src")):
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            if parts[-1] == "__init__":
                parts = parts[:-1]
            if not any(part.startswith("_") for part in parts):
                yield ".".join(parts)


def public_modules() -> Iterator[ModuleType]:
    """Yield the modules that can be imported; that all of them can is a test of its own."""
    for name in public_module_names():
        try:
            yield importlib.import_module(name)
        except Exception:
            continue


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "module_name" in metafunc.fixturenames:
        metafunc.parametrize("module_name", list(public_module_names()))
    elif "module" in metafunc.fixturenames and "name" in metafunc.fixturenames:
        cases = [
            (module, name) for module in public_modules() for name in getattr(module, "__all__", ())
        ]
        ids = [f"{module.__name__}.{name}" for module, name in cases]
        metafunc.parametrize(("module", "name"), cases, ids=ids)
    elif "module" in metafunc.fixturenames:
        metafunc.parametrize("module", list(public_modules()), ids=lambda module: module.__name__)
