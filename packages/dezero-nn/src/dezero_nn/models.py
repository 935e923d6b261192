"""Models: layers that can be drawn, and ready-made ones."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

from dezero_core import Variable, using_config
from dezero_core.plugins import get_plotter
from dezero_core.typing import ArrayLike
from dezero_nn.functions import sigmoid
from dezero_nn.layers import Layer, Linear

__all__ = ["MLP", "Model", "Sequential"]


class Model(Layer):
    """Base class of models: a `Layer` that can draw its graph (book step 45).

    Example:
        >>> from dezero_nn import Linear, relu
        >>> class TwoLayers(Model):
        ...     def __init__(self, hidden_size, out_size):
        ...         self.l1 = Linear(hidden_size)
        ...         self.l2 = Linear(out_size)
        ...
        ...     def forward(self, x):
        ...         return self.l2(relu(self.l1(x)))
        >>> [path for path, _ in TwoLayers(100, 10).namedparams()]
        ['l1/W', 'l1/b', 'l2/W', 'l2/b']
    """

    def plot(self, *inputs: ArrayLike, to_file: str | os.PathLike[str] = "model.png") -> Any:
        """Draw the graph of one computation into a file.

        Parameters are labelled with their paths. Needs a package that draws, such as dezero-viz.

        Args:
            *inputs: What the model is called with, arrays or Variables.
            to_file: The file. The plotter tells by the ending what to draw: png, svg, pdf, ...

        Returns:
            What the plotter returns; dezero-viz's picture is shown inline in a notebook.

        Raises:
            LookupError: No installed package draws; the message says what to install.
        """
        plotter = get_plotter("graph")
        # An array is no part of the graph; for the drawing it is wanted.
        single = len(inputs) == 1
        variables = [
            x if isinstance(x, Variable) else Variable(x, name="x" if single else f"x{i}")
            for i, x in enumerate(inputs)
        ]
        with using_config("enable_backprop", True):
            outputs = self(*variables)
        names = [(parameter, parameter.name) for parameter in self.params()]
        try:
            for path, parameter in self.namedparams():
                parameter.name = path
            return plotter(outputs, verbose=True, to_file=to_file)
        finally:
            for parameter, name in names:
                parameter.name = name


class Sequential(Model):
    """Layers, and functions, one after the other.

    The step at position i becomes the attribute ``l{i}``, as in the paths of weights: ``l0/W``.

    Args:
        *steps: Layers, or functions of one Variable.

    Raises:
        TypeError: A step can not be called.

    Example:
        >>> import numpy as np
        >>> from dezero_nn import Linear, relu
        >>> model = Sequential(Linear(100), relu, Linear(10))
        >>> model(np.zeros((5, 3), dtype=np.float32)).shape
        (5, 10)
        >>> [path for path, _ in model.namedparams()]
        ['l0/W', 'l0/b', 'l2/W', 'l2/b']
    """

    def __init__(self, *steps: Callable[[Any], Any]) -> None:
        for i, step in enumerate(steps):
            if not callable(step):
                raise TypeError(f"Sequential: step {i} can not be called, it is {step!r}")
            setattr(self, f"l{i}", step)
        self._size = len(steps)

    def forward(self, x: ArrayLike) -> Any:
        """Apply the steps in order."""
        for i in range(self._size):
            x = getattr(self, f"l{i}")(x)
        return x


class MLP(Model):
    """Multi-layer perceptron: fully connected layers with an activation between them.

    The layers are the attributes ``l0``, ``l1``, ... The last one's outputs are scores: they go
    through no activation.

    Args:
        fc_output_sizes: The number of outputs of each layer. Inputs are counted at the first call.
        activation: The function between the layers.

    Raises:
        TypeError: `fc_output_sizes` is no sequence of integers.
        ValueError: It is empty, or a size is less than 1.

    Example:
        >>> import numpy as np
        >>> from dezero_nn import relu
        >>> model = MLP((200, 10), activation=relu)
        >>> model(np.zeros((32, 64), dtype=np.float32)).shape
        (32, 10)

    Deep Learning from Scratch 3, step 45.
    """

    def __init__(
        self,
        fc_output_sizes: Iterable[int],
        activation: Callable[[Any], Any] = sigmoid,
    ) -> None:
        if not isinstance(fc_output_sizes, Iterable):
            raise TypeError(f"MLP: fc_output_sizes must be a tuple, got {fc_output_sizes!r}")
        if not callable(activation):
            raise TypeError(f"MLP: activation can not be called, it is {activation!r}")
        self.activation = activation
        self._size = 0
        for i, out_size in enumerate(fc_output_sizes):
            setattr(self, f"l{i}", Linear(out_size))
            self._size += 1
        if not self._size:
            raise ValueError("MLP: fc_output_sizes must name at least one layer")

    def forward(self, x: ArrayLike) -> Variable:
        """Compute the scores.

        Args:
            x: Of shape (N, in_size).

        Returns:
            A Variable of shape (N, out_size of the last layer).
        """
        last = self._size - 1
        for i in range(last):
            x = self.activation(getattr(self, f"l{i}")(x))
        y: Variable = getattr(self, f"l{last}")(x)
        return y
