"""Models (book steps 45 and 58): those of `dezero_nn`."""

from __future__ import annotations

from dezero_nn.models import (
    MLP,
    VGG16,
    Model,
    ResNet,
    ResNet18,
    ResNet50,
    ResNet101,
    ResNet152,
    Sequential,
    SqueezeNet,
    load_torchvision,
    preprocess_torchvision,
)

__all__ = [
    "MLP",
    "VGG16",
    "Model",
    "ResNet",
    "ResNet18",
    "ResNet50",
    "ResNet101",
    "ResNet152",
    "Sequential",
    "SqueezeNet",
    "load_torchvision",
    "preprocess_torchvision",
]
