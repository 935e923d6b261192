from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from dezero_core import Parameter, Variable
from dezero_core import functions as F
from dezero_core.graph import build_graph
from dezero_core.testing import fake_device
from dezero_viz import to_html


def parsed(thing: Any) -> ET.Element:
    html = to_html(thing)
    assert html is not None
    return ET.fromstring(html.replace("<details open>", '<details open="">'))


def words(element: ET.Element) -> str:
    return " ".join(" ".join(element.itertext()).split())


def cells(element: ET.Element) -> list[list[str]]:
    return [[cell.text or "" for cell in row.iter("td")] for row in element.iter("tr")]


# --- variables -----------------------------------------------------------------------------------


def test_a_variable_says_what_it_is() -> None:
    x = Variable(np.array([[1.0, 2.0], [3.0, 4.5]], np.float32), name="x")
    page = parsed(x)
    assert words(page).startswith("Variable x float32 · (2, 2) · on numpy · no gradient yet")
    assert "from 1 to 4.5, mean 2.625" in words(page)
    assert cells(page) == [["1", "2"], ["3", "4.5"]]
    (x * x).sum().backward()
    assert "gradient of norm 11.7" in words(parsed(x))
    assert "constant" in words(parsed(x.detach()))
    assert words(parsed(Parameter(np.array(2)))) == (
        "Parameter int64 · () · on numpy · no gradient yet 2"
    )


def test_a_variable_shows_how_its_values_are_distributed() -> None:
    page = parsed(Variable(np.repeat([0.0, 1.0], [30, 10])))
    bars = [bar for bar in page.iter("rect") if bar.get("width") == "3"]
    heights = [(bar.get("x"), float(bar.get("height", 0))) for bar in bars]
    assert heights == [("0", 22.0), ("92", pytest.approx(22 / 3, abs=0.05))]
    assert page.find(".//svg").get("fill") == "currentColor"  # type: ignore[union-attr]


def test_a_large_table_shows_its_ends() -> None:
    table = cells(parsed(Variable(np.arange(10_000).reshape(100, 100))))
    assert len(table) == 9 and {len(row) for row in table} == {11}
    assert table[0][:2] == ["0", "1"] and table[0][-1] == "99"
    assert table[4] == ["…"] * 11
    assert table[-1][-1] == "9999" and table[-1][5] == "…"
    assert cells(parsed(Variable(np.arange(5.0)))) == [["0", "1", "2", "3", "4"]]


def test_blocks_with_more_axes() -> None:
    small = parsed(Variable(np.arange(8.0).reshape(2, 2, 2)))
    assert (small.findtext(".//pre") or "").split("\n")[0] == "[[[0. 1.]"
    large = parsed(Variable(np.zeros((10, 10, 10))))
    assert large.find(".//pre") is None and large.find(".//table") is None


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (np.array([1.0, np.nan, np.inf]), "from 1 to 1, mean 1; 2 of 3 not finite"),
        (np.array([np.nan, np.nan]), "2 of 2 not finite"),
        (np.array([-1e308, 1e308]), "from -1e+308 to 1e+308"),
        (np.zeros((0, 3)), "(0, 3)"),
        (np.array([True, False]), "True False"),
        (np.array(1.5, np.float16), "float16"),
    ],
    ids=str,
)
def test_special_values(data: Any, told: str) -> None:
    assert told in words(parsed(Variable(data)))


def test_names_are_text_and_not_markup() -> None:
    page = parsed(Variable(np.ones(2), name="<script>&"))
    assert page.find(".//script") is None
    assert "<script>&" in words(page)
    assert words(parsed(Variable(None, name="<w>"))) == "Variable <w> , which holds no array yet"


def test_a_variable_on_a_device_says_so() -> None:
    with fake_device() as device:
        page = parsed(Variable(device.asarray(np.arange(3.0))))
    assert "on fake" in words(page) and cells(page) == [["0", "1", "2"]]


def test_a_variable_shows_itself() -> None:
    x = Variable(np.ones(2))
    assert x._repr_html_() == to_html(x)
    assert build_graph(x * 2)._repr_html_() is not None


# --- layers --------------------------------------------------------------------------------------


class Layer:
    def __init__(self, says: str | None = None, **parts: Any) -> None:
        self.parts, self.says = parts, says

    def __repr__(self) -> str:
        return self.says or super().__repr__()

    def namedlayers(self) -> Iterator[tuple[str, Layer]]:
        yield "", self
        for name, part in self.parts.items():
            if isinstance(part, Layer):
                for path, layer in part.namedlayers():
                    yield f"{name}/{path}".rstrip("/"), layer

    def namedparams(self) -> Iterator[tuple[str, Parameter]]:
        for name, part in self.parts.items():
            if isinstance(part, Layer):
                for path, parameter in part.namedparams():
                    yield f"{name}/{path}", parameter
            else:
                yield name, part


def weight(*shape: int) -> Parameter:
    return Parameter(np.zeros(shape, np.float32))


def test_a_model_is_a_tree_to_unfold() -> None:
    frozen = weight(5)
    frozen.requires_grad = False
    model = Layer(
        "Layer(sizes=<3>\n  more",
        scale=weight(),
        l0=Layer("Layer(3)", W=weight(3, 4), b=Parameter(None)),
        block=Layer(None, l1=Layer("Layer(2)", W=frozen), l2=Layer()),
    )
    page = parsed(model)
    tops = page.findall("details")
    assert len(tops) == 1 and tops[0].get("open") == ""
    assert words(tops[0].find("summary")) == (  # type: ignore[arg-type]
        "Layer (sizes=<3>) 18 parameters, more when it is called, 5 frozen"
    )
    inner = [words(s) for s in page.iter("summary")][1:]
    assert inner == [
        "l0: Layer (3) 12 parameters, more when it is called",
        "block: Layer 5 parameters, 5 frozen",
        "l1: Layer (2) 5 parameters, 5 frozen",
    ]
    assert [d.get("open") for d in page.iter("details")] == ["", None, None, None]
    text = words(page)
    assert "scale float32 ()" in text and "W float32 (3, 4)" in text
    assert "b made when the layer is first called" in text
    assert text.endswith("l2: Layer")


# --- graphs, and what is none of these -----------------------------------------------------------


def test_a_graph_is_drawn() -> None:
    x = Variable(np.ones(2), name="x")
    svg = ET.fromstring(to_html(build_graph(x + x)) or "")
    assert svg.tag.endswith("svg")
    assert [text.text for text in svg.iter() if text.tag.endswith("text")].count("x") == 1


def test_a_large_graph_is_folded() -> None:
    x = y = Variable(np.ones(3))
    for _ in range(500):
        y = F.tanh(y * 0.5 + x)
    html = to_html(build_graph(y)) or ""
    assert "× (" in html
    assert html.count('class="node"') < 250


@pytest.mark.parametrize("thing", ["text", None, 3, np.ones(2), Layer])
def test_what_has_no_view(thing: Any) -> None:
    assert to_html(thing) is None
