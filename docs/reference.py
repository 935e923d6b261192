"""Write the API reference: a page for each package, with every public name once.

A name belongs to the shortest public path that leads to it, since that is what people type.
Longer paths, and the umbrella's re-exports, link there. The pages lie in `docs/api` and are made
anew at each build, so that a new public name needs no hand to be documented.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx

PACKAGES = (
    "dezero_core",
    "dezero_nn",
    "dezero_optim",
    "dezero_data",
    "dezero_viz",
    "dezero_cuda",
    "dezero",  # last: it re-exports the others
)
UNLISTED = {"__version__"}


def public_modules(package: str) -> list[ModuleType]:
    """Return a package's public modules, shortest path first."""
    root = importlib.import_module(package)
    names = [package]
    for found in pkgutil.walk_packages(root.__path__, f"{package}."):
        if not any(part.startswith("_") for part in found.name.split(".")):
            names.append(found.name)
    names.sort(key=lambda name: name.count("."))
    return [importlib.import_module(name) for name in names]


def reference_pages() -> dict[str, str]:
    """Return the text of each page, by package, and of the index."""
    homes: dict[tuple[int, str], str] = {}
    pages = {package: "\n".join(_page(package, homes)) + "\n" for package in PACKAGES}
    entries = [f"   {package.replace('_', '-')} <{package}>" for package in PACKAGES]
    pages["index"] = "\n".join(
        [*_title("Reference", "="), ".. toctree::", "   :maxdepth: 2", "", *entries, ""]
    )
    return pages


def _page(package: str, homes: dict[tuple[int, str], str]) -> Iterator[str]:
    yield from _title(package.replace("_", "-"), "=")
    for module in public_modules(package):
        if module.__name__ != package:
            yield from _title(module.__name__, "-")
        yield from [f".. automodule:: {module.__name__}", "   :no-members:", ""]
        elsewhere: list[str] = []
        for name in module.__all__:
            if name in UNLISTED:
                continue
            value = getattr(module, name)
            path = f"{module.__name__}.{name}"
            home = homes.setdefault((id(value), name), path)
            if inspect.ismodule(value):
                elsewhere.append(f":py:mod:`{value.__name__}`")
            elif home == path:
                yield from _entry(path, value)
            else:
                elsewhere.append(f":py:obj:`{name} <{home}>`")
        if elsewhere:
            yield from ["Also here: " + ", ".join(elsewhere) + ".", ""]


def _entry(path: str, value: Any) -> Iterator[str]:
    """Yield the directives of one name."""
    if inspect.isclass(value):
        yield from [f".. autoclass:: {path}", "   :members:", "   :show-inheritance:", ""]
    elif inspect.isroutine(value):
        yield from [f".. autofunction:: {path}", ""]
    elif callable(value):  # an operation: an object with a function's signature and docstring
        module, _, name = path.rpartition(".")
        yield from [f".. py:function:: {name}{_signature(value)}", f"   :module: {module}", ""]
        yield from [f"   {line}".rstrip() for line in _google(inspect.getdoc(value) or "")]
        yield ""
    else:
        yield from [f".. autodata:: {path}", "   :no-value:", ""]


def _signature(value: Any) -> str:
    parameters = inspect.signature(value).parameters.values()
    bare = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in parameters]
    return str(inspect.Signature(bare))


def _google(docstring: str) -> list[str]:
    from sphinx.ext.napoleon import Config, GoogleDocstring

    return GoogleDocstring(docstring, Config(napoleon_use_rtype=False)).lines()


def _title(text: str, underline: str) -> list[str]:
    return [text, underline * len(text), ""]


def write_pages(app: Sphinx) -> None:
    """Write the pages beside the hand-written ones, touching only what changed."""
    folder = Path(app.srcdir) / "api"
    folder.mkdir(exist_ok=True)
    pages = reference_pages()
    for page, text in pages.items():
        target = folder / f"{page}.rst"
        if not target.exists() or target.read_text(encoding="utf-8") != text:
            target.write_text(text, encoding="utf-8")
    for stale in folder.glob("*.rst"):
        if stale.stem not in pages:
            stale.unlink()


def setup(app: Sphinx) -> dict[str, Any]:
    """Write the pages before Sphinx looks for them."""
    app.connect("builder-inited", write_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
