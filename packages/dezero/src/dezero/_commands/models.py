"""``dezero summary`` and ``dezero plot``: models by name."""

from __future__ import annotations

import numpy as np

from dezero_nn import MLP, VGG16, Model, ResNet, SqueezeNet
from dezero_nn import summary as summarize

__all__ = ["plot", "summary"]

_Numbers = tuple[int, ...]
_IMAGE: _Numbers = (1, 3, 224, 224)


def summary(name: str, sizes: _Numbers | None, shape: _Numbers | None) -> int:
    """Print the table of a model."""
    model = _model(name, sizes)
    print(summarize(model, _input_shape(name, shape)))
    return 0


def plot(name: str, sizes: _Numbers | None, shape: _Numbers | None, to_file: str | None) -> int:
    """Draw the graph of a model's forward pass on zeros."""
    model = _model(name, sizes)
    shape = _input_shape(name, shape)
    summarize(model, shape)  # so that a shape that does not fit is told first, in its words
    picture = model.plot(np.zeros(shape, np.float32), to_file=to_file or f"{name}.png")
    print(picture.path)
    return 0


def _model(name: str, sizes: _Numbers | None) -> Model:
    if name == "mlp":
        if sizes is None:
            raise ValueError("mlp: give the number of outputs of each layer, --sizes 1000,10")
        return MLP(sizes)
    if sizes is not None:
        raise ValueError(f"{name}: its sizes are given; --sizes is for mlp")
    if name.startswith("resnet"):
        return ResNet(int(name.removeprefix("resnet")))
    return VGG16() if name == "vgg16" else SqueezeNet()


def _input_shape(name: str, shape: _Numbers | None) -> _Numbers:
    if shape is not None:
        return shape
    if name == "mlp":
        raise ValueError("mlp: give the shape of its input, --input-shape 1,784")
    return _IMAGE
