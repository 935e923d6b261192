"""VGG16."""

from __future__ import annotations

from typing import Any

import numpy as np

from dezero_core import Variable
from dezero_core.typing import Array, ArrayLike, DTypeLike
from dezero_nn.functions import dropout, pooling, relu
from dezero_nn.initializers import HeNormal
from dezero_nn.layers import Conv2d, Linear
from dezero_nn.models._pretrained import load_published
from dezero_nn.models.images import preprocess_caffe
from dezero_nn.models.model import Model

__all__ = ["VGG16"]

# What is subtracted from blue, green and red: the means of the images it was trained on.
_MEAN = (103.939, 116.779, 123.68)
# Without it nothing is left of an image's variance after so many layers.
_INITIALIZER = HeNormal()
# The groups of convolutions: their channels, and their names.
_GROUPS = (
    (64, ("conv1_1", "conv1_2")),
    (128, ("conv2_1", "conv2_2")),
    (256, ("conv3_1", "conv3_2", "conv3_3")),
    (512, ("conv4_1", "conv4_2", "conv4_3")),
    (512, ("conv5_1", "conv5_2", "conv5_3")),
)


class VGG16(Model):
    """Thirteen 3x3 convolutions and three fully connected layers that tell ImageNet's classes.

    Images halve after each of the five groups of convolutions. In training, half of the outputs of
    the first two fully connected layers are dropped; wrap predictions in `dezero_core.test_mode`.
    Weights wait for the first call: until then a model costs next to nothing. Thereafter it has
    138 357 544 of them, 0.55 GB.

    Args:
        pretrained: Whether to load weights that were trained on ImageNet, the book's ``vgg16.npz``,
            which is downloaded into the cache folder if it is not there.

    Attributes:
        conv1_1: The first convolution. Then ``conv1_2``, ``conv2_1``, ... ``conv5_3``.
        fc6: The first fully connected layer. Then ``fc7``, and ``fc8``, which gives the scores; for
            other classes replace it by a `Linear` of their number.

    Raises:
        DownloadError: There are no weights to be had; the message says where to put the file.
        ValueError: The file is not the one that was published.

    Example:
        >>> model = VGG16()
        >>> model.conv1_1.out_channels, model.fc8.out_size
        (64, 1000)

    Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition",
    2014; Deep Learning from Scratch 3, step 58.
    """

    #: Where the book's weights are published.
    WEIGHTS_PATH = "https://github.com/koki0702/dezero-models/releases/download/v0.1/vgg16.npz"

    def __init__(self, pretrained: bool = False) -> None:
        for channels, names in _GROUPS:
            for name in names:
                setattr(self, name, Conv2d(channels, 3, pad=1, initializer=_INITIALIZER))
        self.fc6 = Linear(4096, initializer=_INITIALIZER)
        self.fc7 = Linear(4096, initializer=_INITIALIZER)
        self.fc8 = Linear(1000)
        if pretrained:
            load_published(self, self.WEIGHTS_PATH, parameters=138_357_544)

    def forward(self, x: ArrayLike) -> Variable:
        """Compute the scores of the classes.

        Args:
            x: Images from `preprocess`, of shape (N, 3, H, W). Published weights want 224 x 224;
                without, the first images may have any size from 32 on, and the later ones theirs.

        Returns:
            A Variable of shape (N, 1000).
        """
        h: Any = x
        for _, names in _GROUPS:
            for name in names:
                h = relu(getattr(self, name)(h))
            h = pooling(h, kernel_size=2, stride=2)
        h = h.reshape(h.shape[0], -1)
        h = dropout(relu(self.fc6(h)))
        h = dropout(relu(self.fc7(h)))
        y: Variable = self.fc8(h)
        return y

    def _torchvision_names(self) -> dict[str, str]:
        """Return, for each layer, what torchvision calls it."""
        places = iter((0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28))
        names = {name: f"features.{next(places)}" for _, group in _GROUPS for name in group}
        return names | {"fc6": "classifier.0", "fc7": "classifier.3", "fc8": "classifier.6"}

    @staticmethod
    def preprocess(
        image: Any, size: tuple[int, int] | None = (224, 224), dtype: DTypeLike = np.float32
    ) -> Array:
        """Turn a photograph into what the book's weights want: blue, green, red, less their means.

        A single image wants an axis in front: ``x[np.newaxis]``. (torchvision's weights want
        `preprocess_torchvision` instead.)

        Args:
            image: An image of Pillow's, or an array of red, green, blue, uint8, of shape (H, W, 3).
            size: The width and height to which it is stretched (as Pillow has them), or None.
            dtype: The dtype of the result.

        Returns:
            An array of shape (3, height, width).

        Raises:
            TypeError: `image` is neither, or `dtype` no floating-point type.
            ImportError: An array has another size than `size`, and Pillow is not installed.

        Example:
            >>> red = np.zeros((224, 224, 3), dtype=np.uint8)
            >>> red[:, :, 0] = 255
            >>> x = VGG16.preprocess(red)
            >>> x.shape, [f"{value:.2f}" for value in x[:, 0, 0]]
            ((3, 224, 224), ['-103.94', '-116.78', '131.32'])
        """
        return preprocess_caffe(image, size, _MEAN, dtype)
