"""The examples in the documentation run, and nothing undeclared is public."""

from __future__ import annotations

import doctest
import importlib

import pytest

import dezero_viz


@pytest.mark.parametrize("name", ["graph", "plots.curves"])
def test_examples(name: str) -> None:
    failed, tried = doctest.testmod(importlib.import_module(f"dezero_viz.{name}"))
    assert (failed, tried > 0) == (0, True)


def test_public_names() -> None:
    assert set(dezero_viz.__all__) == {
        "Picture",
        "__version__",
        "get_dot_graph",
        "plot_curves",
        "plot_dot_graph",
        "plot_graph",
    }
    for name in dezero_viz.__all__:
        assert getattr(dezero_viz, name).__doc__
