"""What layers computed, and where they find a class: on layers as dezero-nn has them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from dezero_core import Config, Parameter, Variable, no_grad
from dezero_core import functions as F
from dezero_core.details import layer_call
from dezero_viz import grad_cam, layer_outputs, plot_grad_cam


class Layer:
    """What dezero-nn's layers look like from outside: calls announce themselves."""

    def __init__(self, **inner: Layer) -> None:
        self.inner = inner

    def namedlayers(self, prefix: str = "") -> Iterator[tuple[str, Layer]]:
        yield prefix, self
        for name, layer in self.inner.items():
            yield from layer.namedlayers(f"{prefix}/{name}" if prefix else name)

    def __call__(self, *inputs: Any) -> Any:
        with layer_call(self):
            return self.forward(*inputs)

    def forward(self, x: Any) -> Any:
        for layer in self.inner.values():
            x = layer(x)
        return x


class Do(Layer):
    """A layer that computes a function."""

    def __init__(self, function: Callable[..., Any], **inner: Layer) -> None:
        super().__init__(**inner)
        self.function = function

    def forward(self, *inputs: Any) -> Any:
        return self.function(*inputs)


X = np.array([[1.0, -2.0], [3.0, -4.0]])


def test_the_outputs_of_layers_and_of_functions_after_them() -> None:
    first, second = Do(lambda x: 2 * x + 1), Do(lambda x: x * x - 1)
    model = Do(lambda x: second(F.maximum(F.tanh(first(x)), 0.0)), first=first, second=second)
    outputs = layer_outputs(model, X)
    assert list(outputs) == ["first", "tanh(first)", "maximum(tanh(first))", "second"]
    np.testing.assert_allclose(outputs["first"], 2 * X + 1)
    np.testing.assert_allclose(outputs["tanh(first)"], np.tanh(2 * X + 1))
    np.testing.assert_allclose(outputs["second"], np.maximum(np.tanh(2 * X + 1), 0) ** 2 - 1)
    assert all(type(array) is np.ndarray for array in outputs.values())


def test_layers_inside_layers() -> None:
    leaf, other = Do(lambda x: 3 * x), Do(lambda x: x + 1)
    block = Do(lambda x: x + leaf(x), leaf=leaf)
    model = Layer(block=block, wrapper=Layer(other=other))
    outputs = layer_outputs(model, X)
    # The wrapper hands on what is the inner layer's.
    assert list(outputs) == ["block/leaf", "block", "wrapper/other"]
    np.testing.assert_allclose(outputs["block"], 4 * X)


def test_what_is_called_again_is_joined_and_other_shapes_are_apart() -> None:
    step = Do(lambda x: 2 * x)
    model = Do(lambda x: F.sum(step(x)) + F.sum(step(x + 1)) + F.sum(step(x[:, :1])), step=step)
    outputs = layer_outputs(model, X)
    assert {name: array.shape for name, array in outputs.items()} == {
        "step": (4, 2),
        "step (2)": (2, 1),
    }
    np.testing.assert_allclose(outputs["step"], np.concatenate([2 * X, 2 * X + 2]))


def test_steps_over_time_are_all_found() -> None:
    cell, head = Do(lambda h, x: F.tanh(h + x)), Do(lambda h: 2 * h)

    def run(x: Any) -> Any:
        h, total = np.zeros(2), 0
        for _ in range(3):
            h = cell(h, x)
            total = total + F.sum(head(h))
        return total

    outputs = layer_outputs(Do(run, cell=cell, head=head), np.ones(2))
    assert {name: array.shape for name, array in outputs.items()} == {"cell": (6,), "head": (6,)}


def test_nothing_of_the_model_changes() -> None:
    seen = []
    weight = Parameter(np.array(2.0))
    weight.grad = Variable(np.array(7.0))

    def forward(x: Any) -> Any:
        seen.append((Config.train, Config.enable_backprop, type(x)))
        return weight * x

    with no_grad():
        outputs = layer_outputs(Do(forward), X)
    np.testing.assert_array_equal(outputs["Do"], 2 * X)
    assert seen == [(False, True, Variable)]
    assert weight.grad.data == 7.0


def test_several_outputs_and_whole_numbers() -> None:
    weight = Parameter(np.arange(6.0).reshape(3, 2))
    rows, double = Do(lambda i: weight[i]), Do(lambda x: 2 * x)
    model = Do(lambda i: {"a": double(rows(i)), "b": 3}, rows=rows, double=double)
    outputs = layer_outputs(model, np.array([2, 0]))
    np.testing.assert_array_equal(outputs["rows"], [[4.0, 5.0], [0.0, 1.0]])


def test_models_without_layers_or_variables() -> None:
    with pytest.raises(ValueError, match="layer_outputs: no layer was called"):
        layer_outputs(lambda x: 2 * x, X)
    with pytest.raises(TypeError, match="layer_outputs: the model cannot be called, got 5"):
        layer_outputs(5, np.ones(2))
    with pytest.raises(TypeError, match="layer_outputs: the model must return a Variable, got int"):
        layer_outputs(Do(lambda x: 3), X)


# --- Grad-CAM -------------------------------------------------------------------------------------

WEIGHTS = np.array([[1.0, -1.0], [0.0, 3.0]])  # channels to classes
IMAGES = np.random.default_rng(0).normal(size=(2, 2, 4, 5))


def network(weight: Parameter | None = None) -> Layer:
    """Return a network whose Grad-CAM can be computed by hand: means of two maps, then scores."""
    weight = Parameter(WEIGHTS) if weight is None else weight
    maps = Do(lambda x: F.tanh(x))
    head = Do(lambda a: F.mean(a, axis=(2, 3)) @ weight)
    return Layer(maps=maps, head=head)


@pytest.mark.parametrize("target", [None, 1, [0, 1]])
def test_grad_cam_follows_its_equation(target: Any) -> None:
    maps = np.tanh(IMAGES)
    scores = maps.mean(axis=(2, 3)) @ WEIGHTS
    classes = scores.argmax(axis=1) if target is None else np.broadcast_to(target, 2)
    slopes = WEIGHTS[:, classes].T / 20  # of each image's score, by each element of a channel
    wanted = np.maximum(np.einsum("nc,nchw->nhw", slopes, maps), 0.0)
    np.testing.assert_allclose(grad_cam(network(), IMAGES, "maps", target), wanted)


def test_grad_cam_leaves_everything_as_it_was() -> None:
    weight = Parameter(WEIGHTS)
    model = network(weight)
    with no_grad():
        grad_cam(model, IMAGES, "maps")
    assert weight.grad is None
    assert "forward" not in vars(model.inner["maps"])
    own = model.inner["maps"].forward = lambda x: F.tanh(2 * x)
    grad_cam(model, IMAGES, "maps")
    assert model.inner["maps"].forward is own


def test_a_layer_is_as_it_was_after_an_error() -> None:
    def fail(a: Any) -> Any:
        raise ZeroDivisionError

    maps = Do(F.tanh)
    with pytest.raises(ZeroDivisionError):
        grad_cam(Layer(maps=maps, head=Do(fail)), IMAGES, "maps")
    assert "forward" not in vars(maps)


def test_frozen_parameters_do_not_matter() -> None:
    weight = Parameter(WEIGHTS)
    weight.requires_grad = False
    wanted = grad_cam(network(), IMAGES, "maps", 1)
    np.testing.assert_array_equal(grad_cam(network(weight), IMAGES, "maps", 1), wanted)
    assert wanted.any()


@pytest.mark.parametrize(
    ("model", "layer", "target", "error", "words"),
    [
        (lambda x: x, "maps", None, TypeError, "model must be a layer, .* got function"),
        (network(), "conv", None, ValueError, "no layer 'conv' inside; it has maps, head"),
        (network(), "", None, ValueError, "no layer '' inside"),
        (
            network(),
            "head",
            None,
            ValueError,
            r"must compute feature maps .* got the shape \(2, 2\)",
        ),
        (network(), "maps", 2, ValueError, "target 2 is none of the 2 classes"),
        (network(), "maps", [0], ValueError, "target has 1 classes for 2 examples"),
        (Layer(maps=Do(F.tanh)), "maps", None, ValueError, r"scores of shape \(N, classes\)"),
        (Layer(maps=Do(lambda x: 3)), "maps", None, TypeError, "must return a Variable, got int"),
        (
            Do(lambda x: F.mean(x, axis=(2, 3)), unused=Do(F.tanh)),
            "unused",
            None,
            ValueError,
            "'unused' must be called once, it was called 0 times",
        ),
    ],
)
def test_networks_that_cannot_be_looked_at(
    model: Any, layer: str, target: Any, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=f"^grad_cam: .*{words}"):
        grad_cam(model, Variable(IMAGES), layer, target)


def test_a_heat_map_over_its_image() -> None:
    image, cam = np.zeros((3, 20, 30)), np.array([[0.0, 2.0], [np.nan, 4.0]])
    image[1] = 8.0
    figure = plot_grad_cam(image, cam, title="zebra")
    axes, bar = figure.axes
    below, above = axes.get_images()
    np.testing.assert_array_equal(below.get_array()[3, 3], [0.0, 1.0, 0.0])
    np.testing.assert_array_equal(above.get_array(), [[0.0, 2.0], [0.0, 4.0]])
    # The map is stretched over the whole image.
    assert tuple(above.get_extent()) == tuple(below.get_extent()) == (-0.5, 29.5, 19.5, -0.5)
    assert above.get_clim() == (0.0, 4.0)
    # What says nothing hides nothing.
    assert above.cmap(0.0)[3] == 0.0 < above.cmap(1.0)[3] < 1.0
    assert (axes.get_title(), bar.get_xlabel()) == ("zebra", "speaks for the class")


def test_images_without_color_and_maps_of_zeros() -> None:
    axes, _ = plot_grad_cam(np.array([[0.0, np.nan, 5.0]]), np.zeros((1, 1, 1))).axes
    below, above = axes.get_images()
    np.testing.assert_allclose(below.get_array()[0, 2], [1.0, 1.0, 1.0])
    np.testing.assert_allclose(below.get_array()[0, 1], [0xD5 / 255, 0x5E / 255, 0.0])
    assert above.get_clim() == (0.0, 1.0)


@pytest.mark.parametrize(
    ("image", "cam", "words"),
    [
        (np.ones((2, 4, 4)), np.ones((2, 2)), r"image must be .* got the shape \(2, 4, 4\)"),
        (np.ones((4, 4)), np.ones((2, 2, 2)), r"cam must be of one image.* got 2: cam\[0\]"),
        (np.ones((4, 4)), np.ones((0, 2)), "cam is empty"),
    ],
)
def test_heat_maps_that_cannot_be_drawn(image: Any, cam: Any, words: str) -> None:
    with pytest.raises(ValueError, match=f"^plot_grad_cam: {words}"):
        plot_grad_cam(image, cam)
