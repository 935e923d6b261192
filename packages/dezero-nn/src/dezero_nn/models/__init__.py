"""Models: layers that can be drawn, and ready-made ones."""

from __future__ import annotations

from dezero_nn.models.images import preprocess_torchvision
from dezero_nn.models.mlp import MLP
from dezero_nn.models.model import Model
from dezero_nn.models.resnet import ResNet, ResNet18, ResNet50, ResNet101, ResNet152
from dezero_nn.models.sequential import Sequential
from dezero_nn.models.squeezenet import SqueezeNet
from dezero_nn.models.torchvision import load_torchvision
from dezero_nn.models.vgg import VGG16

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
