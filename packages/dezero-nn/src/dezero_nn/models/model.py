"""The base class of models: a layer that can be drawn."""

from __future__ import annotations

import os
from typing import Any

from dezero_core import Variable, using_config
from dezero_core.graph import record_details
from dezero_core.plugins import get_plotter
from dezero_core.typing import ArrayLike
from dezero_nn.layers import Layer

__all__ = ["Model"]


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

        Operations are grouped by the layers that they ran in, and parameters are labelled with
        their paths. Needs a package that draws, such as dezero-viz.

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
        with using_config("enable_backprop", True), record_details():
            outputs = self(*variables)
        names = [(parameter, parameter.name) for parameter in self.params()]
        try:
            for path, parameter in self.namedparams():
                parameter.name = path
            return plotter(outputs, verbose=True, to_file=to_file)
        finally:
            for parameter, name in names:
                parameter.name = name
