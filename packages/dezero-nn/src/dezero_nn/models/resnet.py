"""Residual networks."""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import Any, Literal

import numpy as np

from dezero_core import Config, Variable
from dezero_core import functions as F
from dezero_core.typing import Array, ArrayLike, DTypeLike
from dezero_nn.functions import conv2d, pooling, relu
from dezero_nn.initializers import HeNormal
from dezero_nn.layers import BatchNorm, Conv2d, Layer, Linear
from dezero_nn.models._pooling import pooling_to_the_end
from dezero_nn.models._pretrained import load_published
from dezero_nn.models.images import preprocess_caffe
from dezero_nn.models.model import Model

__all__ = ["ResNet", "ResNet18", "ResNet50", "ResNet101", "ResNet152"]

# By the number of layers: how many blocks the four stages have, and how many numbers are learned.
_SIZES = {
    18: ((2, 2, 2, 2), 11_689_512),
    50: ((3, 4, 6, 3), 25_557_032),
    101: ((3, 4, 23, 3), 44_549_160),
    152: ((3, 8, 36, 3), 60_192_808),
}
# What is subtracted from blue, green and red: the means of the images v1 was trained on.
_MEAN = (103.063, 115.903, 123.152)
# As in Caffe and in torchvision, whose weights are loaded.
_EPS = 1e-5
_INITIALIZER = HeNormal()


class ResNet(Model):
    r"""Blocks of convolutions whose results are added to their inputs, for ImageNet's classes.

    .. math:: y = \mathrm{relu}(f(x) + x)

    With 18 layers a block is two 3x3 convolutions; from 50 on it is 1x1 to fewer channels, 3x3, and
    1x1 to more. The first block of a stage halves the image: in the paper (v1) by the stride of the
    first 1x1 convolution, in later practice (v1.5) by that of the 3x3 one, which loses less. Wrap
    predictions in `dezero_core.test_mode`, for the normalization's sake. Weights wait for the first
    call: until then a model costs next to nothing.

    Args:
        n_layers: 18, 50, 101 or 152.
        pretrained: Whether to load weights that were trained on ImageNet, which are downloaded into
            the cache folder if they are not there: the book's ``resnet50.npz`` and so on, of v1;
            for 18 layers torchvision's.
        variant: ``"v1"`` or ``"v1.5"``. By default what the published weights want, and v1.5
            without any. `load_torchvision` wants v1.5.

    Attributes:
        conv1: The first convolution, and ``bn1`` its normalization.
        res2: The first stage. Then ``res3``, ``res4``, ``res5``. Each has the blocks ``a``, ``b1``,
            ``b2``, ...; a block has ``conv1``, ``bn1``, ``conv2``, ..., the last of which are the
            short cut's, where it needs any.
        fc6: The fully connected layer that gives the scores; for other classes replace it by a
            `Linear` of their number.
        n_layers: As given.
        variant: As used.

    Raises:
        ValueError: `n_layers` or `variant` is none of those; the published weights are of the other
            variant; or the file is not the one that was published.
        DownloadError: There are no weights to be had; the message says where to put the file.

    Example:
        >>> model = ResNet(50)
        >>> model.variant, model.res2.a.conv1.out_channels, model.fc6.out_size
        ('v1.5', 64, 1000)

    He et al., "Deep Residual Learning for Image Recognition", 2015.
    """

    #: Where the book's weights are published, with the number of layers left open.
    WEIGHTS_PATH = "https://github.com/koki0702/dezero-models/releases/download/v0.1/resnet{}.npz"

    def __init__(
        self,
        n_layers: int = 152,
        pretrained: bool = False,
        variant: Literal["v1", "v1.5"] | None = None,
    ) -> None:
        if n_layers not in _SIZES:
            raise ValueError(f"ResNet: n_layers must be one of {list(_SIZES)}, got {n_layers!r}")
        published: Literal["v1", "v1.5"] = "v1" if n_layers >= 50 else "v1.5"
        if variant is None:
            variant = published if pretrained else "v1.5"
        if variant not in ("v1", "v1.5"):
            raise ValueError(f"ResNet: variant must be 'v1' or 'v1.5', got {variant!r}")
        if pretrained and variant != published:
            raise ValueError(
                f"ResNet: the published weights of {n_layers} layers are of {published}, "
                f"not {variant}. load_torchvision loads torchvision's, of v1.5, from a file"
            )
        self.n_layers, self.variant = n_layers, variant
        counts, parameters = _SIZES[n_layers]
        self.conv1 = Conv2d(64, 7, stride=2, pad=3, nobias=True, initializer=_INITIALIZER)
        self.bn1 = BatchNorm(eps=_EPS)
        for i, count in enumerate(counts):
            setattr(self, f"res{i + 2}", _Stage(self, 64 << i, count, stride=1 if i == 0 else 2))
        self.fc6 = Linear(1000)
        if pretrained and n_layers >= 50:
            url = self.WEIGHTS_PATH.format(n_layers)
            self._take_bias(load_published(self, url, parameters=parameters))
        elif pretrained:
            load_published(
                self,
                "https://download.pytorch.org/models/resnet18-f37072fd.pth",
                parameters=parameters,
                sha256="f37072fd47e89c5e827621c5baffa7500819f7896bbacec160b1a16c560e07ec",
            )

    def forward(self, x: ArrayLike) -> Variable:
        """Compute the scores of the classes.

        Args:
            x: Images, of shape (N, 3, H, W), from 32 x 32 on; made for 224 x 224.

        Returns:
            A Variable of shape (N, 1000).
        """
        h: Any = relu(_normalized(self.conv1, self.bn1, x))
        h = pooling(h, 3, stride=2, pad=1) if self.variant == "v1.5" else pooling_to_the_end(h)
        for name in ("res2", "res3", "res4", "res5"):
            h = getattr(self, name)(h)
        y: Variable = self.fc6(F.mean(h, axis=(2, 3)))
        return y

    def _take_bias(self, path: Path) -> None:
        """Take over the bias that the book's model has before the first normalization.

        Ours has none, since the normalization takes it away again. It does so in test mode too, if
        it is taken from the running mean.
        """
        with np.load(path, allow_pickle=False) as file:
            if "conv1/b" in file:
                self.bn1.avg_mean.data -= file["conv1/b"]

    def _torchvision_names(self) -> dict[str, str]:
        """Return, for each layer, what torchvision calls it."""
        if self.variant == "v1" and self.n_layers >= 50:
            raise ValueError(
                f"load_torchvision: torchvision's weights are of v1.5, this {type(self).__name__} "
                f"is of v1; make it with variant='v1.5'"
            )
        names = {"conv1": "conv1", "bn1": "bn1", "fc6": "fc"}
        last = 3 if self.n_layers >= 50 else 2
        for stage in range(4):
            blocks = getattr(self, f"res{stage + 2}").blocks
            for i, (block_name, block) in enumerate(blocks.items()):
                ours, theirs = f"res{stage + 2}/{block_name}", f"layer{stage + 1}.{i}"
                for j in range(1, last + 1):
                    names[f"{ours}/conv{j}"] = f"{theirs}.conv{j}"
                    names[f"{ours}/bn{j}"] = f"{theirs}.bn{j}"
                if block.has_projection:
                    names[f"{ours}/conv{last + 1}"] = f"{theirs}.downsample.0"
                    names[f"{ours}/bn{last + 1}"] = f"{theirs}.downsample.1"
        return names

    @staticmethod
    def preprocess(
        image: Any, size: tuple[int, int] | None = (224, 224), dtype: DTypeLike = np.float32
    ) -> Array:
        """Turn a photograph into what the book's weights want: blue, green, red, less their means.

        See `VGG16.preprocess`; the means are others. torchvision's weights, and so those of
        ``ResNet18(pretrained=True)``, want `preprocess_torchvision` instead.
        """
        return preprocess_caffe(image, size, _MEAN, dtype)


class ResNet18(ResNet):
    """`ResNet` of 18 layers, 11 689 512 parameters.

    Args:
        pretrained: Whether to load torchvision's weights (see `ResNet`).

    Example:
        >>> ResNet18().n_layers
        18

    He et al., "Deep Residual Learning for Image Recognition", 2015.
    """

    def __init__(self, pretrained: bool = False) -> None:
        super().__init__(18, pretrained)


class ResNet50(ResNet):
    """`ResNet` of 50 layers, 25 557 032 parameters.

    Args:
        pretrained: Whether to load the book's weights (see `ResNet`).
        variant: ``"v1"`` or ``"v1.5"`` (see `ResNet`).

    Example:
        >>> ResNet50(variant="v1").res3.a.conv1.stride
        (2, 2)

    He et al., "Deep Residual Learning for Image Recognition", 2015; Deep Learning from Scratch 3,
    step 58.
    """

    def __init__(
        self, pretrained: bool = False, variant: Literal["v1", "v1.5"] | None = None
    ) -> None:
        super().__init__(50, pretrained, variant)


class ResNet101(ResNet):
    """`ResNet` of 101 layers, 44 549 160 parameters.

    Args:
        pretrained: Whether to load the book's weights (see `ResNet`).
        variant: ``"v1"`` or ``"v1.5"`` (see `ResNet`).

    He et al., "Deep Residual Learning for Image Recognition", 2015; Deep Learning from Scratch 3,
    step 58.
    """

    def __init__(
        self, pretrained: bool = False, variant: Literal["v1", "v1.5"] | None = None
    ) -> None:
        super().__init__(101, pretrained, variant)


class ResNet152(ResNet):
    """`ResNet` of 152 layers, 60 192 808 parameters.

    Args:
        pretrained: Whether to load the book's weights (see `ResNet`).
        variant: ``"v1"`` or ``"v1.5"`` (see `ResNet`).

    He et al., "Deep Residual Learning for Image Recognition", 2015; Deep Learning from Scratch 3,
    step 58.
    """

    def __init__(
        self, pretrained: bool = False, variant: Literal["v1", "v1.5"] | None = None
    ) -> None:
        super().__init__(152, pretrained, variant)


# --- the parts -----------------------------------------------------------------------------------


class _Stage(Layer):
    """Blocks one after the other, the first of which changes height, width and channels."""

    def __init__(self, model: ResNet, channels: int, count: int, stride: int) -> None:
        self._names = ("a", *[f"b{i}" for i in range(1, count)])
        for name in self._names:
            is_first = name == "a"
            if model.n_layers < 50:
                block: Layer = _Block(channels, stride if is_first else 1, is_first and stride > 1)
            else:
                block = _Bottleneck(model, channels, stride if is_first else 1, is_first)
            setattr(self, name, block)

    @property
    def blocks(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self._names}

    def forward(self, x: Variable) -> Variable:
        for block in self.blocks.values():
            x = block(x)
        return x


class _Block(Layer):
    """Two 3x3 convolutions, and a short cut."""

    def __init__(self, channels: int, stride: int, has_projection: bool) -> None:
        self.conv1 = Conv2d(channels, 3, stride, pad=1, nobias=True, initializer=_INITIALIZER)
        self.bn1 = BatchNorm(eps=_EPS)
        self.conv2 = Conv2d(channels, 3, pad=1, nobias=True, initializer=_INITIALIZER)
        self.bn2 = BatchNorm(eps=_EPS)
        self.has_projection = has_projection
        if has_projection:
            self.conv3 = Conv2d(channels, 1, stride, nobias=True, initializer=_INITIALIZER)
            self.bn3 = BatchNorm(eps=_EPS)

    def forward(self, x: Variable) -> Variable:
        h = relu(_normalized(self.conv1, self.bn1, x))
        h = _normalized(self.conv2, self.bn2, h)
        return relu(h + (_normalized(self.conv3, self.bn3, x) if self.has_projection else x))


class _Bottleneck(Layer):
    """A 1x1 convolution to a quarter of the channels, 3x3, 1x1 to all of them, and a short cut."""

    def __init__(self, model: ResNet, channels: int, stride: int, has_projection: bool) -> None:
        strides = (stride, 1) if model.variant == "v1" else (1, stride)
        self.conv1 = Conv2d(channels, 1, strides[0], nobias=True, initializer=_INITIALIZER)
        self.bn1 = BatchNorm(eps=_EPS)
        self.conv2 = Conv2d(channels, 3, strides[1], pad=1, nobias=True, initializer=_INITIALIZER)
        self.bn2 = BatchNorm(eps=_EPS)
        self.conv3 = Conv2d(4 * channels, 1, nobias=True, initializer=_INITIALIZER)
        self.bn3 = BatchNorm(eps=_EPS)
        self.has_projection = has_projection
        if has_projection:
            self.conv4 = Conv2d(4 * channels, 1, stride, nobias=True, initializer=_INITIALIZER)
            self.bn4 = BatchNorm(eps=_EPS)

    def forward(self, x: Variable) -> Variable:
        h = relu(_normalized(self.conv1, self.bn1, x))
        h = relu(_normalized(self.conv2, self.bn2, h))
        h = _normalized(self.conv3, self.bn3, h)
        return relu(h + (_normalized(self.conv4, self.bn4, x) if self.has_projection else x))


def _normalized(conv: Conv2d, bn: BatchNorm, x: ArrayLike) -> Variable:
    """Convolve, then normalize.

    In test mode normalization is a scale and a shift of each channel, which kernels and bias can
    take over. To scale the kernels costs less than to scale the images where a channel has more
    pixels than a kernel has weights; for one image that is so in ResNet50's first half.
    """
    shape: Any = getattr(x, "shape", ())
    is_ready = conv.W.data is not None and bn.gamma.data is not None and len(shape) == 4
    if is_ready and not Config.train:
        pixels = shape[0] * shape[2] * shape[3] // prod(conv.stride)
        if prod(conv.W.shape[1:]) < pixels:
            scale = bn.gamma / F.sqrt(bn.avg_var + bn.eps)
            kernels = conv.W * scale.reshape(-1, 1, 1, 1)
            return conv2d(x, kernels, bn.beta - bn.avg_mean * scale, conv.stride, conv.pad)
    y: Variable = bn(conv(x))
    return y
