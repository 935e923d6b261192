"""What is public is documented and tested, as the tables of the site say (`docs/coverage.md`)."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

PATH = Path(__file__).parents[2] / "docs" / "coverage_tables.py"
#: Layers that hold others, and what helps to define layers: there is no paper to cite.
BARE = {"Layer", "LayerDict", "LayerList", "LoadReport", "Model", "Persistent", "Sequential"}


def load() -> ModuleType:
    location = importlib.util.spec_from_file_location("coverage_tables", PATH)
    assert location is not None and location.loader is not None
    module = importlib.util.module_from_spec(location)
    sys.modules[location.name] = module  # dataclasses look their module up
    location.loader.exec_module(module)
    return module


COVERAGE = load()
TABLES: dict[str, list[Any]] = COVERAGE.tables()
FUNCTIONS = [entry for title in COVERAGE.FUNCTION_TABLES for entry in TABLES[title]]
OF_NETWORKS = TABLES["Functions of networks"]
LEARNERS = [
    entry
    for title in ("Layers", "Models", "Optimizers")
    for entry in TABLES[title]
    if inspect.isclass(COVERAGE._value(entry))
]


def by_name(entries: list[Any]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("entry", entries, ids=lambda entry: entry.name)


@by_name(FUNCTIONS)
def test_a_function_has_a_row_in_the_spec_table(entry: Any) -> None:
    assert entry.specs, "no row in packages/*/tests/specs"
    assert entry.summary


@by_name(OF_NETWORKS)
def test_a_function_of_networks_has_an_equation_and_a_source(entry: Any) -> None:
    assert entry.equation, "no equation in the docstring"
    assert entry.sources, "no paper, and no step of the book, in the docstring"
    assert entry.order >= 2 or entry.name == "accuracy"
    assert entry.device != "–"


@by_name([entry for entry in LEARNERS if entry.name not in BARE])
def test_layers_models_and_optimizers_have_a_source_and_tests(entry: Any) -> None:
    assert entry.files, "no test names it"
    if entry.name not in {"Optimizer", "ParameterGroup"}:
        assert entry.sources, "no paper, and no step of the book, in the docstring"


@by_name(
    [entry for entry in TABLES["Optimizers"] if entry.name not in {"Optimizer", "ParameterGroup"}]
)
def test_an_optimizer_has_an_equation(entry: Any) -> None:
    assert entry.equation, "no equation in the docstring"


def test_every_public_callable_is_in_a_table() -> None:
    listed = {entry.name for entries in TABLES.values() for entry in entries}
    assert len(OF_NETWORKS) == len(importlib.import_module("dezero_nn.functions").__all__)
    for package in ("dezero_nn", "dezero_optim"):
        module = importlib.import_module(package)
        ours = {name for name in module.__all__ if callable(getattr(module, name))}
        assert ours - listed == {"Hook"} & ours  # the type of hooks


def test_a_source_is_read_out_of_a_docstring() -> None:
    text = 'A. One, B. Two, "On Three:\nFour", 1999; Deep Learning from Scratch 3,\nstep 46.'
    assert list(COVERAGE._sources(text)) == ["On Three: Four, 1999", "step 46"]
    assert list(COVERAGE._sources("Base class (book step 44).")) == ["step 44"]
    assert list(COVERAGE._sources('Call it "a", 1')) == []
