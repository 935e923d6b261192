"""SqueezeNet."""

from __future__ import annotations

from typing import Any, Literal

from dezero_core import Variable
from dezero_core import functions as F
from dezero_core.typing import ArrayLike
from dezero_nn.functions import dropout, relu
from dezero_nn.initializers import HeNormal
from dezero_nn.layers import Conv2d, Layer
from dezero_nn.models._pooling import pooling_to_the_end
from dezero_nn.models._pretrained import load_published
from dezero_nn.models.model import Model

__all__ = ["SqueezeNet"]

# Behind which modules, besides the first convolution, images are halved, by version.
_POOLED = {"1.0": ("fire4", "fire8"), "1.1": ("fire3", "fire5")}
_INITIALIZER = HeNormal()
# The channels of fire2 to fire9: squeezed, and each half of the expanded.
_FIRES = ((16, 64), (16, 64), (32, 128), (32, 128), (48, 192), (48, 192), (64, 256), (64, 256))


class SqueezeNet(Model):
    """Convolutions with few parameters that tell ImageNet's classes about as well as AlexNet.

    A fire module squeezes the channels by a 1x1 convolution and expands them again, half by 1x1
    and half by 3x3 ones. In training, half of what the last of them gives is dropped; wrap
    predictions in `dezero_core.test_mode`. Weights wait for the first call.

    Args:
        pretrained: Whether to load torchvision's weights, trained on ImageNet, which are downloaded
            into the cache folder if they are not there. They want `preprocess_torchvision`.
        version: ``"1.1"``, the authors' improvement with 1 235 496 parameters, which is as good for
            less than half of the computation; or ``"1.0"``, the paper's with 1 248 424.
        num_classes: How many scores to compute.

    Attributes:
        conv1: The first convolution.
        fire2: The first fire module, with the convolutions ``squeeze``, ``expand1x1`` and
            ``expand3x3``. Then ``fire3``, ... ``fire9``.
        conv10: The convolution whose outputs' means are the scores. To begin with the published
            weights and go on to other classes, load them and then replace it by a `Conv2d` with
            their number of channels and a kernel of 1.
        version: As given.

    Raises:
        ValueError: There is no such version, or the file is not the one that was published; or
            published weights are wanted for other than 1000 classes.
        DownloadError: There are no weights to be had; the message says where to put the file.

    Example:
        >>> model = SqueezeNet()
        >>> model.fire2.squeeze.out_channels, model.conv10.out_channels
        (16, 1000)

    Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model
    size", 2016.
    """

    def __init__(
        self,
        pretrained: bool = False,
        version: Literal["1.0", "1.1"] = "1.1",
        *,
        num_classes: int = 1000,
    ) -> None:
        if version not in _POOLED:
            raise ValueError(f"SqueezeNet: version must be '1.0' or '1.1', got {version!r}")
        if pretrained and num_classes != 1000:
            raise ValueError(
                "SqueezeNet: the published weights tell 1000 classes; load them without "
                f"num_classes, then set model.conv10 = Conv2d({num_classes}, 1)"
            )
        self.version = version
        channels, kernel = (64, 3) if version == "1.1" else (96, 7)
        self.conv1 = Conv2d(channels, kernel, stride=2, initializer=_INITIALIZER)
        for i, (squeezed, expanded) in enumerate(_FIRES, start=2):
            setattr(self, f"fire{i}", _Fire(squeezed, expanded))
        self.conv10 = Conv2d(num_classes, 1)
        if pretrained and version == "1.1":
            load_published(
                self,
                "https://download.pytorch.org/models/squeezenet1_1-b8a52dc0.pth",
                parameters=1_235_496,
                sha256="b8a52dc049b60e4b6ab68ad0df457362afab8b6304b2febdc1650a5dab4d7e7b",
            )
        elif pretrained:
            load_published(
                self,
                "https://download.pytorch.org/models/squeezenet1_0-b66bff10.pth",
                parameters=1_248_424,
            )

    def forward(self, x: ArrayLike) -> Variable:
        """Compute the scores of the classes.

        Args:
            x: Images, of shape (N, 3, H, W), from 32 x 32 on; made for 224 x 224.

        Returns:
            A Variable of shape (N, num_classes).
        """
        h: Any = pooling_to_the_end(relu(self.conv1(x)))
        for i in range(2, 10):
            name = f"fire{i}"
            h = getattr(self, name)(h)
            if name in _POOLED[self.version]:
                h = pooling_to_the_end(h)
        h = relu(self.conv10(dropout(h)))
        return F.mean(h, axis=(2, 3))

    def _torchvision_names(self) -> dict[str, str]:
        """Return, for each layer, what torchvision calls it."""
        names = {"conv1": "features.0", "conv10": "classifier.1"}
        place = 3
        for i in range(2, 10):
            for part in ("squeeze", "expand1x1", "expand3x3"):
                names[f"fire{i}/{part}"] = f"features.{place}.{part}"
            place += 2 if f"fire{i}" in _POOLED[self.version] else 1
        return names


class _Fire(Layer):
    """A 1x1 convolution to few channels, then 1x1 and 3x3 ones to many, side by side."""

    def __init__(self, squeezed: int, expanded: int) -> None:
        self.squeeze = Conv2d(squeezed, 1, initializer=_INITIALIZER)
        self.expand1x1 = Conv2d(expanded, 1, initializer=_INITIALIZER)
        self.expand3x3 = Conv2d(expanded, 3, pad=1, initializer=_INITIALIZER)

    def forward(self, x: Variable) -> Variable:
        h = relu(self.squeeze(x))
        return relu(F.concatenate([self.expand1x1(h), self.expand3x3(h)], axis=1))
