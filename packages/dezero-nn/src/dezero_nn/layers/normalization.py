"""Layers that bring what goes through them to mean 0 and variance 1."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from typing import Any

import numpy as np

from dezero_core import Parameter, Variable
from dezero_core.errors import describe
from dezero_core.typing import ArrayLike, DTypeLike, Shape
from dezero_nn.functions import batch_norm, group_norm, layer_norm, rms_norm
from dezero_nn.initializers import Constant, initialize
from dezero_nn.layers.layer import Layer
from dezero_nn.layers.persistent import Persistent

__all__ = ["BatchNorm", "GroupNorm", "LayerNorm", "RMSNorm"]

_ONES, _ZEROS = Constant(1.0), Constant(0.0)
# What each value is at first, by attribute.
_INITIAL = {"avg_mean": _ZEROS, "avg_var": _ONES, "gamma": _ONES, "beta": _ZEROS}


class _Normalization(Layer):
    """What these layers share: values of one shape, which may wait for the first input."""

    def __init__(
        self, names: Sequence[str], shape: tuple[int | None, ...], eps: float, dtype: DTypeLike
    ) -> None:
        self.eps = eps
        self.dtype = np.dtype(dtype)
        if self.dtype.kind != "f":
            raise self._error(TypeError, f"dtype must be a floating-point type, got {self.dtype}")
        self._shape = shape
        self._names = tuple(names)
        for name in self._names:
            kind = Persistent if name.startswith("avg_") else Parameter
            setattr(self, name, kind(None, name=name))
        if None not in shape:
            self._start(shape, None)

    def lazy_spec(self, attribute: str) -> tuple[tuple[int | None, ...], DTypeLike] | None:
        """Say what the values will be (see `Layer.lazy_spec`)."""
        return (self._shape, self.dtype) if attribute in self._names else None

    def _prepare(self, x: ArrayLike, axis: int) -> None:
        """Make the values for a first input, which tells their size at an axis."""
        if all([getattr(self, name).data is not None for name in self._names]):
            return
        shape: Shape = getattr(x, "shape", ())
        if len(shape) <= max(axis, 0):
            axes = "(..., D)" if axis < 0 else "(N, C) or (N, C, ...)"
            raise self._error(
                ValueError, f"the input is an array of shape {axes}, not {describe(x)}"
            )
        if None in self._shape:
            self._shape = (self._number("size", shape[axis]),)
        self._start(self._shape, x)

    def _start(self, shape: tuple[Any, ...], like: ArrayLike | None) -> None:
        for name in self._names:
            value = getattr(self, name)
            if value.data is None:
                value.data = initialize(
                    _INITIAL[name], shape, self.dtype, fan_in=1, fan_out=1, like=like
                )

    def _number(self, name: str, number: Any) -> int:
        try:
            number = index(number)
        except TypeError:
            raise self._error(TypeError, f"{name} must be an integer, got {number!r}") from None
        if number < 1:
            raise self._error(ValueError, f"{name} must be at least 1, got {number}")
        return int(number)

    def _channels(self, size: int | None) -> tuple[int | None, ...]:
        return (None if size is None else self._number("size", size),)

    def _features(self, size: int | Sequence[int] | None) -> tuple[int | None, ...]:
        if size is None or not isinstance(size, Sequence):
            return self._channels(size)
        if not size:
            raise self._error(ValueError, "size must name at least one axis")
        return tuple([self._number("size", n) for n in size])

    def _error(self, kind: type[Exception], message: str) -> Exception:
        return kind(f"{type(self).__name__}: {message}")


class BatchNorm(_Normalization):
    r"""Batch normalization, `batch_norm`, with learned scale and shift and running statistics.

    In training each batch moves the running statistics, which test mode uses. They are no
    parameters, but are saved with them, by the names that the book's package gives them, so that
    files of both fit each other.

    Args:
        eps: What is added to the variance.
        decay: How much of the running statistics each batch leaves.
        dtype: The dtype of parameters and statistics.
        size: The number of channels C, or None: the first input tells it.

    Attributes:
        gamma: The scale of each channel, of shape (C,); ones at first.
        beta: The shift of each channel, of shape (C,); zeros at first.
        avg_mean: The running mean, of shape (C,), a `Persistent`; zeros at first.
        avg_var: The running variance, of shape (C,), a `Persistent`; ones at first.

    Raises:
        TypeError: `size` is no integer, or `dtype` is no floating-point type.
        ValueError: `size` is less than 1. When called: the input has not `size` channels.

    Example:
        >>> import numpy as np
        >>> layer = BatchNorm()
        >>> y = layer(np.array([[1.0], [5.0]], dtype=np.float32))
        >>> y.data.round(4).tolist(), layer.avg_mean
        ([[-1.0], [1.0]], variable([0.3]))

    S. Ioffe, C. Szegedy, "Batch Normalization", 2015.
    """

    avg_mean: Persistent
    avg_var: Persistent
    gamma: Parameter
    beta: Parameter

    def __init__(
        self,
        eps: float = 2e-5,
        decay: float = 0.9,
        dtype: DTypeLike = np.float32,
        size: int | None = None,
    ) -> None:
        names = ("avg_mean", "avg_var", "gamma", "beta")
        super().__init__(names, self._channels(size), eps, dtype)
        self.decay = decay
        self.size = size

    def forward(self, x: ArrayLike) -> Variable:
        """Normalize each channel.

        Args:
            x: Of shape (N, C), or (N, C, ...).

        Returns:
            A Variable of the same shape.
        """
        self._prepare(x, 1)
        return batch_norm(
            x, self.gamma, self.beta, self.avg_mean.data, self.avg_var.data, self.decay, self.eps
        )


class LayerNorm(_Normalization):
    r"""Layer normalization, `layer_norm`, with learned scale and shift.

    Args:
        eps: What is added to the variance.
        dtype: The dtype of the parameters.
        size: The number of features D; a tuple, to normalize several axes at the end; or None:
            the first input's last axis tells it.

    Attributes:
        gamma: The scale, of shape (D,); ones at first.
        beta: The shift, of shape (D,); zeros at first.

    Raises:
        TypeError: `size` is no integer, or `dtype` is no floating-point type.
        ValueError: `size` is less than 1. When called: the input has not `size` features.

    Example:
        >>> import numpy as np
        >>> LayerNorm()(np.array([[1.0, 1.0, 4.0, 4.0]], dtype=np.float32))
        variable([[-0.9999978 -0.9999978  0.9999978  0.9999978]])

    J. L. Ba, J. R. Kiros, G. E. Hinton, "Layer Normalization", 2016.
    """

    gamma: Parameter
    beta: Parameter

    def __init__(
        self,
        eps: float = 1e-5,
        dtype: DTypeLike = np.float32,
        size: int | Sequence[int] | None = None,
    ) -> None:
        super().__init__(("gamma", "beta"), self._features(size), eps, dtype)
        self.size = size

    def forward(self, x: ArrayLike) -> Variable:
        """Normalize the features of each example.

        Args:
            x: Of shape (..., D).

        Returns:
            A Variable of the same shape.
        """
        self._prepare(x, -1)
        return layer_norm(x, self.gamma, self.beta, self.eps)


class RMSNorm(_Normalization):
    r"""Root mean square normalization, `rms_norm`, with a learned scale.

    Args:
        eps: What is added to the mean square.
        dtype: The dtype of the scale.
        size: The number of features D; a tuple, to normalize several axes at the end; or None:
            the first input's last axis tells it.

    Attributes:
        gamma: The scale, of shape (D,); ones at first.

    Raises:
        TypeError: `size` is no integer, or `dtype` is no floating-point type.
        ValueError: `size` is less than 1. When called: the input has not `size` features.

    Example:
        >>> import numpy as np
        >>> RMSNorm()(np.array([[1.0, -7.0]]))
        variable([[ 0.19999996 -1.39999972]])

    B. Zhang, R. Sennrich, "Root Mean Square Layer Normalization", 2019.
    """

    gamma: Parameter

    def __init__(
        self,
        eps: float = 1e-5,
        dtype: DTypeLike = np.float32,
        size: int | Sequence[int] | None = None,
    ) -> None:
        super().__init__(("gamma",), self._features(size), eps, dtype)
        self.size = size

    def forward(self, x: ArrayLike) -> Variable:
        """Normalize the features of each example.

        Args:
            x: Of shape (..., D).

        Returns:
            A Variable of the same shape.
        """
        self._prepare(x, -1)
        return rms_norm(x, self.gamma, self.eps)


class GroupNorm(_Normalization):
    r"""Group normalization, `group_norm`, with learned scale and shift of each channel.

    Args:
        groups: The number of groups, which divides the number of channels. As many as there are
            channels make it instance normalization.
        eps: What is added to the variance.
        dtype: The dtype of the parameters.
        size: The number of channels C, or None: the first input tells it.

    Attributes:
        gamma: The scale of each channel, of shape (C,); ones at first.
        beta: The shift of each channel, of shape (C,); zeros at first.

    Raises:
        TypeError: A number is no integer, or `dtype` is no floating-point type.
        ValueError: A number is less than 1, or `groups` does not divide C. When called: the input
            has not C channels.

    Example:
        >>> import numpy as np
        >>> GroupNorm(2)(np.array([[1.0, 3.0, 10.0, 10.0]])).data.round(3)
        array([[-1.,  1.,  0.,  0.]])

    Y. Wu, K. He, "Group Normalization", 2018.
    """

    gamma: Parameter
    beta: Parameter

    def __init__(
        self,
        groups: int,
        eps: float = 1e-5,
        dtype: DTypeLike = np.float32,
        size: int | None = None,
    ) -> None:
        self.groups = self._number("groups", groups)
        if size is not None and self._number("size", size) % self.groups:
            raise self._error(ValueError, f"{groups} groups do not divide {size} channels")
        super().__init__(("gamma", "beta"), self._channels(size), eps, dtype)
        self.size = size

    def forward(self, x: ArrayLike) -> Variable:
        """Normalize each group of channels of each example.

        Args:
            x: Of shape (N, C), or (N, C, ...).

        Returns:
            A Variable of the same shape.
        """
        shape: Shape = getattr(x, "shape", ())
        # Before anything is made: a layer that refuses its first input is as it was.
        if len(shape) > 1 and shape[1] % self.groups:
            raise self._error(
                ValueError, f"{self.groups} groups do not divide the channels of {describe(x)}"
            )
        self._prepare(x, 1)
        return group_norm(x, self.groups, self.gamma, self.beta, self.eps)
