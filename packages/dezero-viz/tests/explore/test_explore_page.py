"""The data of a page, and the file that it becomes."""

from __future__ import annotations

import doctest
import html
import importlib
import json
import pkgutil
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dezero_core
from dezero_core import Function, GraphError, Variable, no_grad
from dezero_core import functions as F
from dezero_core.graph import build_graph, record_details
from dezero_core.primitive import Primitive, primitive
from dezero_viz import Page, explore
from dezero_viz.explorer._document import document
from dezero_viz.explorer._page import embedded
from dezero_viz.explorer._rules import RULES, rule_of

DATA = re.compile(r'<script type="application/json" id="data">(.*?)</script>', re.DOTALL)


def data_of(page: Page) -> dict[str, Any]:
    (found,) = DATA.findall(page.path.read_text(encoding="utf-8"))
    return dict(json.loads(found))


def by_name(data: dict[str, Any], name: str) -> dict[str, Any]:
    (node,) = [node for node in data["nodes"].values() if node.get("name") == name]
    return dict(node)


def tensor_named(data: dict[str, Any], name: str) -> dict[str, Any]:
    (tensor,) = [tensor for tensor in data["tensors"].values() if tensor["name"] == name]
    return dict(tensor)


# --- the data -------------------------------------------------------------------------------------


def test_a_model(tmp_path: Path, mlp: Any, loss: Variable) -> None:
    data = data_of(explore(loss, tmp_path / "mlp.html", model=mlp))
    nodes = data["nodes"]
    outermost = [nodes[str(key)] for key in data["root"]]
    names = [node.get("name") for node in outermost]
    assert names == [None, "l1", "tanh", "l2", "power", "mean"]
    layer = outermost[1]
    assert (layer["kind"], layer["path"], layer["layer"]) == ("layer", "l1", "Linear")
    assert layer["names"] == {"matmul": 1, "add": 1}
    # Its parameters stand inside.
    inside = [nodes[str(key)] for key in layer["kids"]]
    assert [node["type"] for node in inside] == ["variable"] * 2 + ["operation"] * 2
    assert {data["tensors"][str(node["out"][0])]["name"] for node in inside[:2]} == {"l1/W", "l1/b"}
    assert data["recorded"]


def test_statistics_are_numpys(tmp_path: Path, mlp: Any, loss: Variable) -> None:
    data = data_of(explore(loss, tmp_path / "mlp.html", model=mlp))
    W = tensor_named(data, "l1/W")
    values, grads = mlp.l1.W.data.astype(np.float64), mlp.l1.W.grad.data.astype(np.float64)
    assert (W["shape"], W["dtype"], W["kind"]) == ([8, 16], "float32", "parameter")
    for facts, x in ((W["data"], values), (W["grad"], grads)):
        assert facts["min"] == pytest.approx(x.min(), rel=1e-8)
        assert facts["mean"] == pytest.approx(x.mean(), rel=1e-6)
        assert facts["std"] == pytest.approx(x.std(), rel=1e-6)
    assert float(tensor_named(data, "loss")["data"]["value"]) == pytest.approx(float(loss.data))


def test_the_source_line(tmp_path: Path) -> None:
    x = Variable(np.ones(3), name="x")
    with record_details():
        y = F.exp(x)  # here
    data = data_of(explore(y, tmp_path / "exp.html"))
    line = data["lines"][by_name(data, "exp")["line"]]
    assert (Path(line["file"]).name, line["text"]) == (Path(__file__).name, "y = F.exp(x)  # here")


def test_without_details_a_model_tells_the_layers(tmp_path: Path, mlp: Any) -> None:
    y = mlp(mlp.x)
    data = data_of(explore(y, tmp_path / "mlp.html", model=mlp))
    assert [data["nodes"][str(key)].get("name") for key in data["root"]][1:3] == ["l1", "tanh"]
    assert not data["recorded"] and data["lines"] == []
    # No rule of the addition needs the bias: its array comes from the model.
    assert tensor_named(data, "l1/b")["data"]["zeros"] == 16
    without = data_of(explore(y, tmp_path / "mlp.html"))
    assert {node["type"] for node in without["nodes"].values()} == {"operation", "variable"}


def test_constants_stand_with_their_operation(tmp_path: Path) -> None:
    x = Variable(np.array([1.0, 2.0]), name="x")
    data = data_of(explore(x * 2.5 + 1, tmp_path / "line.html"))
    taken = [data["tensors"][str(key)] for key in by_name(data, "multiply")["in"]]
    assert [(t["name"], t["kind"]) for t in taken] == [("x", "leaf"), ("2.5", "constant")]
    assert sum(node["type"] == "variable" for node in data["nodes"].values()) == 1


def test_an_output_that_is_an_input(tmp_path: Path) -> None:
    x, unused = Variable(np.ones(2), name="x"), Variable(np.ones(3), name="unused")
    data = data_of(explore([F.exp(x), unused], tmp_path / "two.html"))
    assert len(data["root"]) == len(data["nodes"]) == 3
    assert tensor_named(data, "unused")["kind"] == "output"


def test_the_same_operand_twice(tmp_path: Path) -> None:
    x = Variable(np.array(3.0), name="x")
    data = data_of(explore(x * x, tmp_path / "square.html"))
    (key,) = [key for key, tensor in data["tensors"].items() if tensor["name"] == "x"]
    assert by_name(data, "multiply")["in"] == [int(key)] * 2


def test_gradients_are_a_group(tmp_path: Path) -> None:
    x = Variable(np.array(0.5), name="x")
    y = F.tanh(x)
    y.backward(create_graph=True)
    gradient = x.grad
    assert gradient is not None
    x.cleargrad()
    data = data_of(explore([y, gradient], tmp_path / "tanh.html"))
    groups = [node for node in data["nodes"].values() if node["type"] == "group"]
    assert [(group["name"], group["kind"]) for group in groups] == [("gradient", "gradient")]
    assert by_name(data, "tanh")["derivative"] == 0


def test_a_thousand_steps(tmp_path: Path, long_rnn: Variable) -> None:
    data = data_of(explore(long_rnn, tmp_path / "rnn.html"))
    assert sum(node["type"] == "operation" for node in data["nodes"].values()) == 8000
    assert len(data["root"]) < 10
    repeats = [node for node in data["nodes"].values() if node.get("kind") == "repeat"]
    assert [node["times"] for node in repeats] == [1000]
    assert not repeats[0]["open"]
    assert max(len(n["kids"]) for n in data["nodes"].values() if n["type"] == "group") <= 20


def test_what_is_not_finite(tmp_path: Path) -> None:
    x = Variable(np.array([1.0, np.nan, np.inf]), name="x")
    with record_details():
        y = F.exp(x)
    data = data_of(explore(y, tmp_path / "nan.html"))
    assert tensor_named(data, "x")["data"]["nonfinite"] == 2


@pytest.mark.parametrize("dtype", ["int64", "uint8", "bool"])
def test_operands_that_are_no_floats(tmp_path: Path, dtype: str) -> None:
    n = Variable(np.array([[1, 0, 1]]).astype(dtype), name="n")
    data = data_of(explore(n * Variable(np.ones(3)), tmp_path / "n.html"))
    facts = tensor_named(data, "n")
    assert (facts["dtype"], facts["data"]["zeros"]) == (dtype, 1)


def test_empty_arrays(tmp_path: Path) -> None:
    x = Variable(np.zeros((0, 4)), name="x")
    with record_details():
        y = F.sum(F.exp(x))
    facts = tensor_named(data_of(explore(y, tmp_path / "none.html")), "x")["data"]
    assert (facts["size"], facts["mean"], facts["histogram"]) == (0, None, None)


def test_a_graph_on_a_device(tmp_path: Path) -> None:
    from dezero_core.backend import get_backend
    from dezero_core.testing import fake_device

    with fake_device():
        x = Variable(get_backend("fake").asarray(np.arange(6.0)), name="x")
        y = F.sum(x * x)
        y.backward()
        facts = tensor_named(data_of(explore(y, tmp_path / "fake.html")), "x")
    assert (facts["data"]["mean"], facts["grad"]["max"]) == (2.5, 10.0)


def test_settings_are_told_shortly() -> None:
    x = Variable(np.arange(500.0), name="x")
    graph = build_graph(x[np.arange(400)])
    (node,) = [n for n in document(graph, "g")["nodes"].values() if n["type"] == "operation"]
    (index,) = node["settings"].values()
    assert len(index) <= 200


# --- the file -------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=60)
@given(st.text(st.characters(codec=None), max_size=30))
@pytest.mark.parametrize(
    "wrap", ["{}", "</script>{}", "<!--<script>{}", "'\"&quot;{}", "{{{{data}}}}{}"]
)
def test_any_name_comes_through(wrap: str, text: str) -> None:
    name = wrap.format(text)
    inside = embedded({"name": name})
    assert inside.isascii() and not set("<>&") & set(inside)
    assert json.loads(inside) == {"name": name}


@pytest.mark.parametrize(
    "name",
    ["</title><script>alert(1)</script>", "{{data}}", "a\x00b\x1b", "日本\u2028", "\ud800", "\\1"],
)
def test_a_title_is_text(tmp_path: Path, name: str) -> None:
    x = Variable(np.array(1.0), name="x")
    y = F.exp(x)
    y.name = name
    page = explore(y, tmp_path / "title.html")
    text = page.path.read_text(encoding="utf-8")
    assert text.count("<script") == 2 and text.count("</title>") == 1
    assert data_of(page)["title"] == name


def test_the_page_is_one_file(tmp_path: Path, loss: Variable) -> None:
    page = explore(loss, tmp_path / "page.htm")
    text = page.path.read_text(encoding="utf-8")
    assert [path.name for path in tmp_path.iterdir()] == ["page.htm"]
    assert text == page.content and "{{" not in DATA.sub("", text).replace("${{", "")
    assert not re.findall(r"""(?:src|href)\s*=\s*["'](?!data:)""", text)
    assert "default-src 'none'" in text
    assert not re.findall(r"https?://(?!www\.w3\.org/2000/svg)", text)


def test_a_notebook_shows_the_page_in_a_frame(tmp_path: Path, loss: Variable) -> None:
    page = explore(loss, tmp_path / "page.html")
    (source,) = re.findall(r'srcdoc="([^"]*)"', page._repr_html_())
    assert html.unescape(source) == page.content
    assert 'title="Computation graph"' in page._repr_html_()
    assert Path(page) == page.path
    assert page.content not in repr(page)


def test_the_example() -> None:
    failed, tried = doctest.testmod(importlib.import_module("dezero_viz.explorer"))
    assert (failed, tried > 0) == (0, True)


def test_the_default_name(tmp_path: Path, loss: Variable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert explore(loss).path == Path("graph.html")
    assert (tmp_path / "graph.html").is_file()


def test_an_output_without_a_graph(tmp_path: Path) -> None:
    x = Variable(np.array(1.0))
    with no_grad():
        constant = x * x
    for output in (x, constant, (x * x).detach()):
        with pytest.raises(GraphError, match="explore: there is no graph behind the output"):
            explore(output, tmp_path / "none.html")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("output", "got"), [(3.0, "got float"), ([], "an empty sequence"), ([1], "at position 0")]
)
def test_an_output_that_is_no_variable(tmp_path: Path, output: Any, got: str) -> None:
    with pytest.raises(TypeError, match=f"explore: output must .*{got}"):
        explore(output, tmp_path / "none.html")


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("graph", ValueError, r"'.*graph' has no ending.*\.htm, \.html"),
        ("graph.png", ValueError, r"ends in '\.png'.*use one of"),
        ("nowhere/graph.html", FileNotFoundError, "the folder '.*nowhere' does not exist"),
        ("taken.html", IsADirectoryError, "is a folder, not a file"),
    ],
)
def test_a_file_that_cannot_be_written(
    tmp_path: Path, loss: Variable, name: str, error: type[Exception], words: str
) -> None:
    (tmp_path / "taken.html").mkdir()
    with pytest.raises(error, match=f"^explore: .*{words}"):
        explore(loss, tmp_path / name)
    with pytest.raises(TypeError, match="explore: to_file must be a file name"):
        explore(loss, 3)  # type: ignore[arg-type]


def test_a_model_that_names_nothing(tmp_path: Path, loss: Variable) -> None:
    with pytest.raises(TypeError, match=r"explore: model must have namedparams\(\).* got dict"):
        explore(loss, tmp_path / "graph.html", model={})  # type: ignore[arg-type]


# --- the words ------------------------------------------------------------------------------------


def test_each_operation_of_core_has_words() -> None:
    found = set()
    for module in pkgutil.walk_packages(dezero_core.__path__, "dezero_core."):
        if module.name.startswith("dezero_core.loops"):
            continue  # these need Numba
        values = vars(importlib.import_module(module.name)).values()
        found |= {value.name for value in values if isinstance(value, Primitive)}
    assert len(found) > 80
    assert found - set(RULES) == set()
    assert all(rule.endswith(".") for rule in RULES.values())


def test_other_operations_say_what_their_docstring_says() -> None:
    class Mine(Function):
        """Do what I want.

        And more.
        """

    assert Mine is not None
    assert rule_of("Mine") == "Do what I want."
    assert rule_of("no such operation") == ""
    assert rule_of("_own_primitive_for_the_test".strip("_")) == "Multiply by seven."


@primitive
def _own_primitive_for_the_test(xp: Any, x: Any) -> Any:
    """Multiply by seven."""
    return 7 * x
