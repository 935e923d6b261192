"""Networks that look at images: one that is trained here, and VGG16."""

from __future__ import annotations

from typing import Any

import numpy as np
from images import KINDS, textures
from tqdm import tqdm

from dezero_core import Device, Variable, no_grad
from dezero_core import functions as F
from dezero_core.files import cache_dir
from dezero_core.typing import ArrayLike
from dezero_nn import (
    VGG16,
    Conv2d,
    Linear,
    Model,
    accuracy,
    average_pooling,
    relu,
    softmax_cross_entropy,
)
from dezero_nn.initializers import HeNormal
from dezero_optim import Adam, OneCycle

__all__ = ["Eye", "TextureNet", "VGGEye", "train", "vgg16_is_at_hand"]

BATCH_SIZE, SIZE = 32, 24  # of the textures it learns from


class TextureNet(Model):
    """Three convolutions that tell textures, wherever something is in them."""

    def __init__(self) -> None:
        self.conv1 = Conv2d(24, 5, pad=2, initializer=HeNormal())
        self.conv2 = Conv2d(48, 3, pad=1, initializer=HeNormal())
        self.conv3 = Conv2d(64, 3, pad=1, initializer=HeNormal())
        self.scores = Linear(len(KINDS))

    def look(self, x: ArrayLike) -> list[Variable]:
        """Return the feature maps of each convolution, of images of shape (N, 3, H, W)."""
        # The mean of four neighbors tells more of an image than the largest of them: what is
        # drawn by it is smoother (Gatys et al.).
        first = relu(self.conv1(2.0 * x - 1.0))
        second = relu(self.conv2(average_pooling(first, 2, stride=2)))
        third = relu(self.conv3(average_pooling(second, 2, stride=2)))
        return [first, second, third]

    def forward(self, x: ArrayLike) -> Variable:
        """Compute the scores of the kinds of textures, of shape (N, 8)."""
        scores: Variable = self.scores(F.mean(self.look(x)[-1], axis=(2, 3)))
        return scores


class VGGEye:
    """The first eight convolutions of VGG16, with weights that know photographs.

    Args:
        device: Where it computes.

    Raises:
        DownloadError, ValueError: As of `dezero_nn.VGG16`.
    """

    STYLE = ("conv1_1", "conv2_1", "conv3_1", "conv4_1")
    CONVOLUTIONS = ("conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1", "conv3_2", "conv3_3")

    def __init__(self, device: Device) -> None:
        self.network = VGG16(pretrained=True).to(device)
        # Blue, green and red from 0 to 255, less their means, are what it was trained on.
        means = np.array([103.939, 116.779, 123.68], np.float32).reshape(3, 1, 1)
        self.means = device.asarray(means)

    def look(self, x: ArrayLike) -> list[Variable]:
        """Return the feature maps after the first convolution of each size of images."""
        y: Any = F.flip(x, axis=1) * 255.0 - self.means
        maps = []
        for name in (*self.CONVOLUTIONS, "conv4_1"):
            if name in self.STYLE and maps:
                y = average_pooling(y, 2, stride=2)
            y = relu(getattr(self.network, name)(y))
            if name in self.STYLE:
                maps.append(y)
        return maps


Eye = TextureNet | VGGEye


def vgg16_is_at_hand() -> bool:
    """Return whether VGG16's weights lie in the cache folder."""
    return (cache_dir() / VGG16.WEIGHTS_PATH.rsplit("/", 1)[1]).is_file()


def train(model: TextureNet, updates: int, rng: np.random.Generator, device: Device) -> float:
    """Train on textures that are made on the way; return the accuracy on 500 others."""
    model.to(device)
    optimizer = Adam(0.003).setup(model)
    schedule = OneCycle(updates).setup(optimizer)
    # The bar draws itself on a terminal only.
    for _ in tqdm(range(updates), desc="textures", leave=False, disable=None):
        x, t = map(device.asarray, textures(BATCH_SIZE, SIZE, rng))
        loss = softmax_cross_entropy(model(x), t)
        model.cleargrads()
        loss.backward()
        optimizer.update()
        schedule.update()
    x, t = map(device.asarray, textures(500, SIZE, rng))
    with no_grad():
        return float(accuracy(model(x), t))
