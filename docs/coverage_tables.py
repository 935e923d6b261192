"""Make the tables of what there is: every public name, how it is documented, what tests it.

All is found in the docstrings, in the rows of `packages/*/tests/specs` and in the other tests, so
that no table has to be kept up by hand. A test in `integration_tests/contracts` reads them as well.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx

    from dezero_core.testing import OperationSpec

ROOT = Path(__file__).resolve().parents[1]
#: The title of each table, and the module that lists its names; a package's own come last, for
#: there stand only the names that are in no table before.
FUNCTION_TABLES = {
    "Functions of networks": "dezero_nn.functions",
    "Functions with NumPy's names": "dezero_core.functions",
    "Linear algebra": "dezero_core.functions.linalg",
}
OTHER_TABLES = {
    "Layers": "dezero_nn.layers",
    "Models": "dezero_nn.models",
    "Initializers": "dezero_nn.initializers",
    "Tools for networks": "dezero_nn",
    "Schedules": "dezero_optim.schedules",
    "Hooks": "dezero_optim.hooks",
    "Optimizers": "dezero_optim",
}
ALL_TABLES = FUNCTION_TABLES | OTHER_TABLES
BOOK = re.compile(r"(?:Deep Learning from Scratch 3|book), steps? (\d+)|book step (\d+)")
PAPER = re.compile(r'([A-Z][^"“;:]{2,120}?), "([^"]+)", ((?:[^";.]*?)\b\d{4})')
REFERENCE = re.compile(r"(?<![:\w`])`([A-Za-z_][\w.]*)`")


@dataclass(frozen=True, slots=True)
class Entry:
    """A public name.

    Attributes:
        module: The module that lists it.
        name: Its name there.
        summary: The first sentence of its docstring.
        equation: Whether its docstring has an equation, or that of a function it names does.
        sources: Papers and steps of the book.
        specs: The rows that test it, if it is a function.
        files: The test files that name it, below `packages`, if it is none.
    """

    module: str
    name: str
    summary: str
    equation: bool
    sources: tuple[str, ...]
    specs: tuple[OperationSpec, ...] = ()
    files: tuple[str, ...] = ()

    @property
    def order(self) -> int:
        """The highest order of derivatives that is checked."""
        return max((spec.order for spec in self.specs if spec.differentiable), default=0)

    @property
    def device(self) -> str:
        """How it runs on other devices: in all rows, or in the worst of them."""
        kinds = {spec.device for spec in self.specs}
        return "–" if False in kinds or not kinds else "moves" if "moves" in kinds else "✓"


def tables() -> dict[str, list[Entry]]:
    """Return the names of each table, by its title."""
    rows = spec_rows()
    found = {
        title: [_entry(module, name, rows) for name in _names(module)]
        for title, module in FUNCTION_TABLES.items()
    }
    seen = {id(_value(entry)) for entries in found.values() for entry in entries}
    for title, module in OTHER_TABLES.items():
        entries = [_entry(module, name, None) for name in _names(module)]
        found[title] = [entry for entry in entries if id(_value(entry)) not in seen]
        seen |= {id(_value(entry)) for entry in entries}
    return found


def spec_rows() -> dict[str, dict[str, list[OperationSpec]]]:
    """Return the rows of the spec tables, by package and by the function's name."""
    rows: dict[str, dict[str, list[OperationSpec]]] = {"dezero_core": {}, "dezero_nn": {}}
    for package, by_name in rows.items():
        folder = ROOT / "packages" / package.replace("_", "-") / "tests" / "specs"
        for path in sorted(folder.glob("*.py")):
            location = importlib.util.spec_from_file_location(f"{package}_{path.stem}", path)
            assert location is not None and location.loader is not None
            module = importlib.util.module_from_spec(location)
            location.loader.exec_module(module)
            for spec in module.SPECS:
                by_name.setdefault(spec.name.partition("[")[0], []).append(spec)
    return rows


def _names(module: str) -> list[str]:
    """Return what can be called: neither modules, nor aliases of types, nor constants."""
    values = vars(importlib.import_module(module))
    listed = sorted(values["__all__"], key=str.lower)
    return [name for name in listed if _is_ours(values[name]) and callable(values[name])]


def _is_ours(value: Any) -> bool:
    home = getattr(value, "__module__", None) or type(value).__module__
    return home.partition(".")[0].startswith("dezero")


def _value(entry: Entry) -> Any:
    return getattr(importlib.import_module(entry.module), entry.name)


def _entry(module: str, name: str, rows: dict[str, dict[str, list[OperationSpec]]] | None) -> Entry:
    value = getattr(importlib.import_module(module), name)
    text = inspect.getdoc(value) or ""
    package = module.partition(".")[0]
    specs, files = [], []
    if rows is not None:
        prefix = "linalg." if module.endswith(".linalg") else ""
        specs = rows[package].get(prefix + name, [])
    else:
        word = re.compile(rf"\b{name}\b")
        files = [path for path, code in test_files(package).items() if word.search(code)]
    return Entry(
        module=module,
        name=name,
        summary=re.split(r"\n\s*\n", text)[0].replace("\n", " "),
        equation=_has_equation(text, package),
        sources=tuple(_sources(text)),
        specs=tuple(specs),
        files=tuple(files),
    )


@cache
def test_files(package: str) -> dict[str, str]:
    """Return the code of a package's tests, by the name of the file."""
    folder = ROOT / "packages" / package.replace("_", "-") / "tests"
    return {
        path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("test_*.py"))
    }


def _has_equation(text: str, package: str) -> bool:
    """Tell whether there is an equation in the opening of a docstring, or where it leads to."""
    if ":math:" in text or ".. math::" in text:
        return True
    named = {name.rpartition(".")[2] for name in REFERENCE.findall(text.partition("Args:")[0])}
    modules = [module for module in ALL_TABLES.values() if module.startswith(package)]
    for module in map(importlib.import_module, modules):
        for name in named & set(module.__all__):
            there = inspect.getdoc(getattr(module, name)) or ""
            if ":math:" in there or ".. math::" in there:
                return True
    return False


def _sources(text: str) -> Iterator[str]:
    flat = re.sub(r"\s+", " ", text)
    for _, title, year in PAPER.findall(flat):
        yield f"{title}, {year}"
    steps = sorted({int(a or b) for a, b in BOOK.findall(flat)})
    if steps:
        yield f"step {', '.join(map(str, steps))}"


# --- as text -------------------------------------------------------------------------------------


def page() -> list[str]:
    """Return the tables as lines of reStructuredText."""
    lines: list[str] = []
    for title, entries in tables().items():
        is_of_functions = title in FUNCTION_TABLES
        heads = ["rows", "order", "device"] if is_of_functions else ["tests"]
        widths = "46 6 30 5 5 6" if is_of_functions else "44 6 30 20"
        lines += [title, "-" * len(title), "", ".. list-table::", "   :header-rows: 1"]
        lines += [f"   :widths: {widths}", "   :width: 100%", ""]
        lines += _row([[head] for head in ("name", "eq.", "source", *heads)])
        for entry in entries:
            lines += _row(_cells(entry, is_of_functions))
        lines += [""]
    return lines


def _cells(entry: Entry, is_of_functions: bool) -> list[list[str]]:
    """Return the cells of a row, each a list of lines."""
    cells = [
        [_link(entry), entry.summary.replace("|", r"\|")],
        ["✓" if entry.equation else ""],
        list(entry.sources),
    ]
    if is_of_functions:
        order = str(entry.order) if entry.order else "–"
        return [*cells, [str(len(entry.specs))], [order], [entry.device]]
    return [*cells, [path[len("test_") : -len(".py")] for path in entry.files]]


def _link(entry: Entry) -> str:
    """Link to where the reference has it: the shortest path."""
    package = entry.module.partition(".")[0]
    is_short = entry.name in importlib.import_module(package).__all__
    return f":py:obj:`{entry.name} <{package if is_short else entry.module}.{entry.name}>`"


def _row(cells: list[list[str]]) -> list[str]:
    """Return a row of a list-table, with the line breaks of its cells."""
    lines = []
    for place, cell in enumerate(cells):
        start = "   * - " if place == 0 else "     - "
        for line in cell or [""]:
            lines.append(f"{start}| {line}" if line else start)
            start = "       "
    return [line.rstrip() for line in lines]


def setup(app: Sphinx) -> dict[str, Any]:
    """Add the directive ``coverage-tables``."""
    from docutils import nodes
    from docutils.statemachine import StringList
    from sphinx.util.docutils import SphinxDirective

    class CoverageTables(SphinxDirective):
        def run(self) -> list[nodes.Node]:
            section = nodes.section()
            section.document = self.state.document
            lines = StringList(page(), source="coverage-tables")
            self.state.nested_parse(lines, 0, section, match_titles=True)
            return section.children

    app.add_directive("coverage-tables", CoverageTables)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
