"""Weights of torchvision's models, for ours of the same shape."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import numpy as np

from dezero_core.typing import Array
from dezero_nn.layers import Layer, Linear
from dezero_nn.layers._weight_files import open_weights
from dezero_nn.models._torch_files import read_torch_file
from dezero_nn.models.model import Model

__all__ = ["load_torchvision"]


# What our layers call their arrays, and what PyTorch's call them.
_NAMES: Final = {
    "W": "weight",
    "b": "bias",
    "gamma": "weight",
    "beta": "bias",
    "avg_mean": "running_mean",
    "avg_var": "running_var",
}


def load_torchvision(model: Model, path: str | os.PathLike[str]) -> None:
    """Load the weights of the same model of torchvision.

    They are the state dictionary, ``torch.save(model.state_dict(), path)``, such as torchvision
    downloads, or the same as safetensors. A file of PyTorch's contains a program that rebuilds the
    tensors; it is not run, only read, and whatever describes no tensor is refused.

    Such models want their photographs from `preprocess_torchvision`. To predict what PyTorch
    predicts, wrap the call in `dezero_core.test_mode`.

    Args:
        model: A `VGG16`, `ResNet18`, `ResNet50`, `ResNet101`, `ResNet152` (of v1.5), or a
            `SqueezeNet` of the same version.
        path: The file, ``.safetensors``, ``.pth`` or ``.pt``.

    Raises:
        TypeError: torchvision has no such model.
        FileNotFoundError: There is no such file.
        ModuleNotFoundError: The package safetensors is not installed.
        ValueError: The file is damaged, contains anything but tensors, or the weights of another
            model. The model is as it was.

    Example:
        >>> from dezero_nn import ResNet50
        >>> load_torchvision(ResNet50(), "resnet50.pth")
        Traceback (most recent call last):
        ...
        FileNotFoundError: [Errno 2] No such file or directory: 'resnet50.pth'
    """
    wanted = _wanted(model)
    if Path(path).suffix == ".safetensors":
        with open_weights(path) as file:
            found = dict(file)
    else:
        found = read_torch_file(path)
    # How many batches were seen: nothing that ours need.
    found = {k: v for k, v in found.items() if not k.endswith(".num_batches_tracked")}
    missing = sorted(wanted.keys() - found.keys())
    unexpected = sorted(found.keys() - wanted.keys())
    if missing or unexpected:
        name = type(model).__name__
        lines = [f"missing: {key}" for key in missing] + [f"unexpected: {k}" for k in unexpected]
        listed = "\n  ".join(lines)
        raise ValueError(
            f"load_torchvision: {os.fspath(path)} has not the weights of torchvision's {name}; "
            f"nothing was changed\n  {listed}"
        )
    state: dict[str, Array] = {}
    for key, (our_path, is_transposed) in wanted.items():
        array = found[key]
        state[our_path] = np.ascontiguousarray(array.T) if is_transposed else array
    model.load_state_dict(state)


def _wanted(model: Model) -> dict[str, tuple[str, bool]]:
    """Return, by torchvision's names, our paths, and whether the arrays are transposed."""
    names = getattr(model, "_torchvision_names", None)
    if names is None:
        raise TypeError(f"load_torchvision: torchvision has no model {type(model).__name__}")
    wanted = {}
    for ours, theirs in names().items():
        layer: Layer = model
        for name in ours.split("/"):
            layer = getattr(layer, name)
        for name in _NAMES:
            if getattr(layer, name, None) is not None:
                is_transposed = name == "W" and isinstance(layer, Linear)
                wanted[f"{theirs}.{_NAMES[name]}"] = (f"{ours}/{name}", is_transposed)
    return wanted
