"""Write the API reference: pages for each package, with every public name once.

A name belongs to the shortest public path that leads to it, since that is what people type.
A module of which all names have shorter paths gets no page, unless it is the umbrella's: its pages
tell where the book's names lead.
The pages lie in `docs/api` and are made anew at each build, so that a new public name needs no
hand to be documented.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys
from collections.abc import Iterator, Sequence
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
    """Return the text of each page, by the module that it documents, and of the index."""
    homes: dict[tuple[int, str], str] = {}
    pages: dict[str, str] = {}
    for package in PACKAGES:
        inner: list[str] = []
        for module in public_modules(package):
            lines = _page(module, homes)
            if lines and module.__name__ != package:
                inner.append(module.__name__)
            if lines or module.__name__ == package:
                title = _title(module.__name__, "=")
                pages[module.__name__] = "\n".join([*title, *_opening(module), *lines, ""])
        pages[package] += "\n".join(_toctree(inner)) if inner else ""
    pages["index"] = "\n".join([*_title("Reference", "="), *_toctree(PACKAGES)])
    return pages


def _toctree(pages: Sequence[str]) -> list[str]:
    return [".. toctree::", "   :maxdepth: 1", "", *(f"   {page}" for page in pages), ""]


def _opening(module: ModuleType) -> list[str]:
    parent, _, last = module.__name__.rpartition(".")
    shadow = getattr(sys.modules[parent], last, module) if parent else module
    hidden = [] if inspect.ismodule(shadow) else ["   :no-index:"]  # a function of that name
    return [f".. py:module:: {module.__name__}", *hidden, "", *_docstring(module), ""]


def _page(module: ModuleType, homes: dict[tuple[int, str], str]) -> list[str]:
    """Return what a module's page says of its names, or nothing if all have their home elsewhere.

    Names that the module collects from others are grouped, each group under the docstring of the
    module that defines them.
    """
    groups: dict[str, list[str]] = {}
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
            groups.setdefault(_definer(module, value), []).extend(_entry(path, value))
        else:
            elsewhere.append(f":py:obj:`{name} <{home}>`")
    lines = groups.pop(module.__name__, [])
    for definer, entries in groups.items():
        lines += _title(definer.rpartition(".")[2].replace("_", " "), "-")
        lines += [*_docstring(sys.modules[definer]), "", *entries]
    if elsewhere and (
        lines or module.__name__ in PACKAGES or module.__name__.startswith("dezero.")
    ):
        lines += ["Also here: " + ", ".join(elsewhere) + ".", ""]
    return lines


def _definer(module: ModuleType, value: Any) -> str:
    """Return the module whose docstring introduces the value on the page of `module`."""
    definer = getattr(value, "__module__", None)
    inside = isinstance(definer, str) and definer.startswith(f"{module.__name__}.")
    private = any(part.startswith("_") for part in str(definer).split("."))
    return str(definer) if inside and not private else module.__name__


def _entry(path: str, value: Any) -> Iterator[str]:
    """Yield the directives of one name."""
    if inspect.isclass(value):
        yield from [f".. autoclass:: {path}", "   :members:", "   :show-inheritance:", ""]
    elif inspect.isroutine(value):
        yield from [f".. autofunction:: {path}", ""]
    elif "__signature__" in getattr(value, "__dict__", {}):  # an operation: a callable object
        module, _, name = path.rpartition(".")
        yield from [f".. py:function:: {name}{_signature(value)}", f"   :module: {module}", ""]
        yield from [f"   {line}".rstrip() for line in _docstring(value)]
        yield ""
    else:
        module, _, name = path.rpartition(".")
        yield from [f".. py:data:: {name}", f"   :module: {module}", ""]
        yield from [f"   {line}".rstrip() for line in _comment(module, name, value)]
        yield ""


def _comment(path: str, name: str, value: Any) -> list[str]:
    """Return what the source says of a plain value, wherever in the package it is assigned."""
    from sphinx.pycode import ModuleAnalyzer

    package = path.partition(".")[0]
    for candidate, module in sorted(sys.modules.items()):
        if candidate.partition(".")[0] == package and vars(module).get(name) is value:
            found = ModuleAnalyzer.for_module(candidate).find_attr_docs().get(("", name))
            if found:
                return found
    return []


def _signature(value: Any) -> str:
    parameters = inspect.signature(value).parameters.values()
    bare = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in parameters]
    return str(inspect.Signature(bare))


def _docstring(value: Any) -> list[str]:
    from sphinx.ext.napoleon import Config, GoogleDocstring

    return GoogleDocstring(inspect.getdoc(value) or "", Config(napoleon_use_rtype=False)).lines()


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
