"""Drawings of what Variables recorded, and the files they go to."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import dezero_viz
from dezero_core import GraphError, Parameter, Variable, no_grad
from dezero_core import functions as F
from dezero_viz import _engines, get_dot_graph, plot_dot_graph, plot_graph

MAGIC = {
    "png": b"\x89PNG\r\n\x1a\n",
    "jpg": b"\xff\xd8\xff",
    "jpeg": b"\xff\xd8\xff",
    "pdf": b"%PDF",
}


def named(value: float, name: str) -> Variable:
    return Variable(np.array(value), name=name)


def square() -> Variable:
    x = named(3.0, "x")
    y = x * x
    y.name = "y"
    return y


def goldstein_price(x: Variable, y: Variable) -> Variable:
    return (1 + (x + y + 1) ** 2 * (19 - 14 * x + 3 * x**2 - 14 * y + 6 * x * y + 3 * y**2)) * (
        30 + (2 * x - 3 * y) ** 2 * (18 - 32 * x + 12 * x**2 + 48 * y - 36 * x * y + 27 * y**2)
    )


def test_a_square(parse: Callable[[str], Any]) -> None:
    drawing = parse(get_dot_graph(square(), verbose=False))
    assert sorted(node["label"] for node in drawing.nodes.values()) == ["multiply", "x", "y"]
    (x,), (mul,), (y,) = map(drawing.labeled, ("x", "multiply", "y"))
    assert drawing.edges == [(x["name"], mul["name"]), (mul["name"], y["name"])]
    assert (x["fillcolor"], x["shape"]) == ("orange", "ellipse")
    assert (mul["fillcolor"], mul["shape"]) == ("lightblue", "box")


def test_verbose(parse: Callable[[str], Any]) -> None:
    W = Parameter(np.ones((3, 4), np.float32), name="W")
    y = F.matmul(Variable(np.ones((2, 3), np.float32), name="x"), W)
    labels = {node["label"] for node in parse(get_dot_graph(y)).nodes.values()}
    assert labels == {"x: (2, 3) float32", "W: (3, 4) float32", "matmul", "(2, 4) float32"}
    (parameter,) = parse(get_dot_graph(y, verbose=False)).labeled("W")
    assert float(parameter["penwidth"]) > 1


def test_goldstein_price(parse: Callable[[str], Any]) -> None:
    z = goldstein_price(named(1.0, "x"), named(1.0, "y"))
    drawing = parse(get_dot_graph(z, verbose=False))
    assert len(drawing.labeled("x")) == len(drawing.labeled("y")) == 1
    assert len(set(drawing.edges)) == len(drawing.edges)
    # Every operation but the last feeds another; every variable but the two is made by one.
    made = {head for _, head in drawing.edges}
    boxes = [name for name, node in drawing.nodes.items() if node["shape"] == "box"]
    inputs = [name for name, node in drawing.nodes.items() if name not in made]
    constants = [name for name in inputs if "dashed" in drawing.nodes[name]["style"]]
    assert made.issuperset(boxes)
    assert len(inputs) == 2 + len(constants)


def test_the_graph_of_a_gradient(parse: Callable[[str], Any]) -> None:
    x = named(1.0, "x")
    sizes = []
    gradient = F.tanh(x)
    for _ in range(3):
        x.cleargrad()
        gradient.backward(create_graph=True)
        gradient = x.grad
        sizes.append(len(parse(get_dot_graph(gradient)).nodes))
    assert sizes[0] < sizes[1] < sizes[2]


def test_several_outputs_share_a_drawing(parse: Callable[[str], Any]) -> None:
    x = named(2.0, "x")
    drawing = parse(get_dot_graph([F.exp(x), F.sin(x)], verbose=False))
    assert sorted(node["label"] for node in drawing.nodes.values()) == ["", "", "exp", "sin", "x"]


@pytest.mark.parametrize("ending", ["png", "svg", "jpg", "jpeg", "PNG"])
def test_pictures(tmp_path: Path, ending: str, engine: str) -> None:
    picture = plot_graph(square(), to_file=tmp_path / f"graph.{ending}")
    content = (tmp_path / f"graph.{ending}").read_bytes()
    assert content == picture.content
    if ending == "svg":
        svg = ElementTree.fromstring(content)
        assert len(svg.findall(".//{*}g[@class='node']")) == 3
        assert len(svg.findall(".//{*}g[@class='node']/{*}ellipse")) == 2
        assert len(svg.findall(".//{*}g[@class='node']/{*}polygon")) == 1
        assert len(svg.findall(".//{*}g[@class='edge']")) == 2
    else:
        assert content.startswith(MAGIC[ending.lower()])
        assert len(content) > 1000


def test_a_pdf_has_one_page_whichever_program_draws(tmp_path: Path, engine: str) -> None:
    content = plot_graph(square(), to_file=tmp_path / "graph.pdf").content
    assert content.startswith(MAGIC["pdf"])
    assert content.count(b"/Type /Page\n") + content.count(b"/Type /Page ") == 1
    # Letters, not pixels.
    assert b"/Subtype /Image" not in content and b"/Font" in content


def test_a_pdf_without_graphviz_has_what_the_svg_has() -> None:
    import re
    import zlib

    dot = get_dot_graph(goldstein_price(named(1.0, "x"), named(1.0, "y"))).encode()
    svg = ElementTree.fromstring(_engines._draw_by_wheel(dot, "svg"))
    pdf = _engines._draw_page(dot, "pdf")
    size = re.search(rb"/MediaBox \[ ?0 0 (\S+) (\S+) ?\]", pdf)
    assert size is not None
    _, _, *wanted = map(float, svg.attrib["viewBox"].split())
    np.testing.assert_allclose([float(size[1]), float(size[2])], wanted, atol=0.01)
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.S)
    texts = [zlib.decompressobj().decompress(data) for data in streams]
    page = next(text for text in texts if b" Tf" in text)
    assert page.count(b"BT\n") == len(svg.findall(".//{*}text"))
    curves = len(svg.findall(".//{*}path"))
    assert curves > 100
    assert len(re.findall(rb" c\n", page)) >= curves


@pytest.mark.parametrize("ending", ["dot", "gv"])
def test_the_text_needs_no_program(
    tmp_path: Path, ending: str, no_system_dot: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_engines, "_wheel_program", lambda: None)
    y = square()
    picture = plot_graph(y, verbose=True, to_file=tmp_path / f"graph.{ending}")
    assert picture.path.read_text() == get_dot_graph(y, verbose=True)


def test_no_program_at_all(
    tmp_path: Path, no_system_dot: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_engines, "_wheel_program", lambda: None)
    (tmp_path / "graph.png").write_text("as it was")
    message = (
        r"nothing here draws {}: the program dot \(Graphviz\) is not on the PATH; the package "
        r"graphviz-pure is not installed\. Install Graphviz .*ends in \.dot"
    )
    for ending in ("png", "svg", "pdf"):
        with pytest.raises(RuntimeError, match=message.format(ending)):
            plot_graph(square(), to_file=tmp_path / f"graph.{ending}")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["as it was"]


@pytest.mark.skipif(os.name == "nt", reason="a script is no program on Windows")
@pytest.mark.parametrize("complaint", ['Format: "svg" not recognized. Use one of:', "", "broken"])
def test_a_system_dot_that_cannot_leaves_it_to_the_wheel(
    tmp_path: Path, no_system_dot: Path, complaint: str
) -> None:
    script = no_system_dot / "dot"
    script.write_text(f"#!{sys.executable}\nimport sys\nsys.exit({complaint!r} or 1)\n")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    picture = plot_graph(square(), to_file=tmp_path / "graph.svg")
    assert b"</svg>" in picture.content
    assert plot_graph(square(), to_file=tmp_path / "graph.pdf").content.startswith(MAGIC["pdf"])


NAMES = [
    "two words",
    "quote's",
    'say "so"',
    "semicolon; touch bad",
    "$(touch bad)",
    "`touch bad`",
    "-Tpdf",
    "a & b | c > d",
    "日本",
    "two\nlines",
    ".hidden",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_file_name_is_just_a_file_name(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    if os.name == "nt" and set(name) & set('"|>\n'):
        pytest.skip("no file name on Windows")
    monkeypatch.chdir(tmp_path)
    picture = plot_graph(square(), to_file=f"{name}.svg")
    assert [path.name for path in tmp_path.iterdir()] == [f"{name}.svg"]
    assert b"</svg>" in picture.path.read_bytes()


def test_a_file_is_replaced(tmp_path: Path) -> None:
    target = tmp_path / "graph.svg"
    target.write_text("old")
    plot_graph(square(), to_file=str(target))
    assert "</svg>" in target.read_text()
    assert list(tmp_path.iterdir()) == [target]


def test_the_default_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert plot_dot_graph(square()).path == Path("graph.png")
    assert (tmp_path / "graph.png").read_bytes().startswith(MAGIC["png"])


@pytest.mark.parametrize(
    ("ending", "mime_type"), [("png", "image/png"), ("jpg", "image/jpeg"), ("svg", "image/svg+xml")]
)
def test_a_notebook_shows_the_picture(tmp_path: Path, ending: str, mime_type: str) -> None:
    import base64

    picture = plot_graph(square(), to_file=tmp_path / f"graph.{ending}")
    bundle = picture._repr_mimebundle_(include=None, exclude=None)
    assert set(bundle) == {"text/plain", mime_type}
    assert "graph" in bundle["text/plain"]
    shown = bundle[mime_type]
    if ending == "svg":
        assert shown.encode() == picture.content
    else:
        assert base64.b64decode(shown) == picture.content
    assert Path(picture) == picture.path


def test_a_notebook_shows_the_name_of_a_text(tmp_path: Path) -> None:
    picture = plot_graph(square(), to_file=tmp_path / "graph.dot")
    assert picture._repr_mimebundle_() == {"text/plain": repr(picture)}


@pytest.mark.parametrize("draw", [get_dot_graph, plot_graph])
def test_an_output_without_a_graph(draw: Callable[[Variable], Any]) -> None:
    x = named(1.0, "x")
    with no_grad():
        constant = x * x
    for output in (x, constant, (x * x).detach()):
        with pytest.raises(GraphError, match=f"{draw.__name__}: there is no graph behind"):
            draw(output)


@pytest.mark.parametrize(
    ("output", "got"),
    [
        (3.0, "got float"),
        (None, "got NoneType"),
        (np.ones(2), "got ndarray"),
        ([], "got an empty sequence"),
        ("y", "got str"),
        ([1.0], "got float at position 0"),
    ],
)
@pytest.mark.parametrize("draw", [get_dot_graph, plot_graph])
def test_an_output_that_is_no_variable(draw: Callable[[Any], Any], output: Any, got: str) -> None:
    with pytest.raises(TypeError, match=f"{draw.__name__}: output must .*{got}"):
        draw(output)


@pytest.mark.parametrize("names", [{"x": named(1.0, "x")}, ["x"], [("x", 1.0)], 3])
def test_names_that_are_no_pairs(names: Any) -> None:
    with pytest.raises(TypeError, match=f"names are pairs .* in {type(names).__name__}"):
        get_dot_graph(square(), names=names)


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("graph", ValueError, r"'.*graph' has no ending.*\.dot, .*\.svg"),
        ("graph.bmp", ValueError, r"ends in '\.bmp'.*use one of .*\.png"),
        ("nowhere/graph.png", FileNotFoundError, "the folder '.*nowhere' does not exist"),
        ("taken.png", IsADirectoryError, "is a folder, not a file"),
    ],
)
def test_a_file_that_cannot_be_written(
    tmp_path: Path, name: str, error: type[Exception], words: str
) -> None:
    (tmp_path / "taken.png").mkdir()
    with pytest.raises(error, match=f"^plot_graph: .*{words}"):
        plot_graph(square(), to_file=tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["taken.png"]


@pytest.mark.parametrize("to_file", [None, 3, b"graph.png"])
def test_a_file_name_of_another_type(to_file: Any) -> None:
    with pytest.raises(TypeError, match="plot_graph: to_file must be a file name"):
        plot_graph(square(), to_file=to_file)


def test_core_finds_the_plotter() -> None:
    from dezero_core.plugins import get_plotter

    assert get_plotter("graph") is plot_graph
    assert dezero_viz.plot_dot_graph is plot_graph
