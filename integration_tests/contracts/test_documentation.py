"""Every public name is listed, documented, and its examples give what they say."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import itertools
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest


def own_docstring(obj: object) -> str | None:
    """Return the docstring of the object itself, not the one that its class lends it."""
    doc = getattr(obj, "__doc__", None)
    speaks_for_itself = isinstance(obj, type) or inspect.isroutine(obj)
    if not speaks_for_itself and doc is type(obj).__doc__:
        return None
    return doc if isinstance(doc, str) and doc.strip() else None


def is_ours(obj: object) -> bool:
    module = getattr(obj, "__module__", None)
    return isinstance(module, str) and module.partition(".")[0].startswith("dezero")


def documented_value(module: ModuleType, name: str) -> bool:
    """Tell whether a value has a `#:` comment over its assignment or a docstring under it."""
    source = inspect.getsource(module)
    if re.search(rf"^#:.*\n{name}\b.*=", source, re.MULTILINE):
        return True
    body = ast.parse(source).body
    for statement, following in itertools.pairwise(body):
        if isinstance(statement, ast.Assign):
            targets = [target.id for target in statement.targets if isinstance(target, ast.Name)]
        elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            targets = [statement.target.id]
        else:
            continue
        if name in targets:
            return isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant)
    return False


def is_lambda(function: object) -> bool:
    return getattr(function, "__name__", None) == "<lambda>"


def members(cls: type) -> Iterator[tuple[str, Any]]:
    """Yield the public methods and properties that the class itself defines.

    A property that a lambda forwards to NumPy's of the same name needs no words of its own.
    """
    for name, member in vars(cls).items():
        if name.startswith("_"):
            continue
        if hasattr(np.ndarray, name) and is_lambda(getattr(member, "fget", None)):
            continue
        if isinstance(member, staticmethod | classmethod):
            member = member.__func__
        if inspect.isfunction(member) or isinstance(member, property):
            yield name, member


def test_imports(module_name: str) -> None:
    assert importlib.import_module(module_name).__name__ == module_name


def test_lists_its_public_names(module: ModuleType) -> None:
    assert module.__doc__, "no module docstring"
    names = module.__all__
    assert len(set(names)) == len(names), "a name is listed twice"
    assert [name for name in names if not hasattr(module, name)] == []
    assert [name for name in names if name.startswith("_") and name != "__version__"] == []


def test_is_documented(module: ModuleType, name: str) -> None:
    obj = getattr(module, name)
    if name == "__version__" or inspect.ismodule(obj):
        assert obj
        return
    if own_docstring(obj) is None:
        package = module.__name__.partition(".")[0]
        homes = [where for path, where in sys.modules.items() if path.startswith(package)]
        same = [where for where in homes if vars(where).get(name) is obj]
        assert any(documented_value(where, name) for where in same), "no docstring"
    if inspect.isclass(obj) and is_ours(obj):
        protocol = getattr(obj, "_is_protocol", False)
        attributes = (obj.__doc__ or "").partition("Attributes:")[2]
        bare = [
            member_name
            for member_name, member in members(obj)
            if not inspect.getdoc(getattr(obj, member_name, member))
            and not (protocol and f"{member_name}:" in attributes)
        ]
        assert bare == [], "members without a docstring"


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Examples write into an empty folder, and download into another."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DEZERO_HOME", str(tmp_path / "home"))


def run_examples(docstrings: dict[str, str | None], names: dict[str, Any]) -> None:
    parser = doctest.DocTestParser()
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS, verbose=False)
    report: list[str] = []
    for label, docstring in docstrings.items():
        examples = parser.get_doctest(docstring or "", dict(names), label, None, None)
        runner.run(examples, out=report.append)
    assert report == [], "".join(report)


@pytest.mark.usefixtures("elsewhere")
def test_examples_of_a_module_give_what_they_say(module: ModuleType) -> None:
    run_examples({module.__name__: module.__doc__}, vars(module))


@pytest.mark.usefixtures("elsewhere")
def test_examples_give_what_they_say(module: ModuleType, name: str) -> None:
    obj = getattr(module, name)
    if inspect.ismodule(obj):
        return
    if is_ours(obj) and obj.__module__ != module.__name__:
        if obj.__module__.partition(".")[0] != module.__name__.partition(".")[0]:
            return  # re-exported: its own package runs it
        module = importlib.import_module(obj.__module__)
    docstrings = {name: own_docstring(obj)}
    if inspect.isclass(obj) and is_ours(obj):
        docstrings |= {f"{name}.{member}": value.__doc__ for member, value in members(obj)}
    run_examples(docstrings, vars(module))
