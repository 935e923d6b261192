"""The examples in the documentation run, and nothing undeclared is public."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import dezero_viz
import dezero_viz.plots

PLOTS = [
    f"plots.{found.name}"
    for found in pkgutil.iter_modules(dezero_viz.plots.__path__)
    if not found.name.startswith("_")
]


@pytest.mark.parametrize("name", ["graph", *PLOTS])
def test_examples(name: str) -> None:
    failed, tried = doctest.testmod(importlib.import_module(f"dezero_viz.{name}"))
    assert (failed, tried > 0) == (0, True)


def test_public_names() -> None:
    assert set(dezero_viz.plots.__all__) <= set(dezero_viz.__all__)
    assert {"get_dot_graph", "plot_dot_graph", "plot_graph", "__version__"} <= set(
        dezero_viz.__all__
    )
    assert [name for name in dezero_viz.__all__ if name[0] == "_"] == ["__version__"]
    for name in dezero_viz.__all__:
        assert getattr(dezero_viz, name).__doc__
