"""What a model is made of, in figures: shapes, parameters, multiply-adds."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from dezero_core import Variable, no_grad, test_mode
from dezero_core.backend import register_backend
from dezero_core.errors import describe
from dezero_core.typing import ArrayLike, DTypeLike, Shape
from dezero_nn._shapes import SHAPES, ShapeArray, multiply_adds, shape_array
from dezero_nn.layers import Layer, reset_states

__all__ = ["LayerSummary", "Summary", "summary"]


@dataclass(frozen=True, slots=True)
class LayerSummary:
    """The figures of a layer, all that is inside included.

    Attributes:
        path: Its path in the model, ``""`` for the model itself.
        kind: The name of its class.
        output_shapes: The shapes of its results, at the first call; empty if it was never called.
        parameters: How many numbers its parameters have. What is shared counts where it is first.
        multiply_adds: How many multiplications, each with an addition, its products and
            convolutions take, all calls together.
        calls: How often it was called.
    """

    path: str
    kind: str
    output_shapes: tuple[Shape, ...]
    parameters: int
    multiply_adds: int
    calls: int


@dataclass(frozen=True, slots=True)
class Summary:
    """What `summary` found. Print it to see a table.

    Attributes:
        layers: The figures of each layer: first the model's, then those of its layers, in order.
        parameters: How many numbers there are in all parameters.
        trainable: How many of them are not frozen.
        parameter_bytes: The memory that the parameters take.
        multiply_adds: How many multiplications with an addition one forward pass takes.
    """

    layers: tuple[LayerSummary, ...]
    parameters: int
    trainable: int
    parameter_bytes: int
    multiply_adds: int

    def __str__(self) -> str:
        rows = [("layer", "output shape", "parameters", "multiply-adds")]
        for layer in self.layers:
            depth = layer.path.count("/") + 1 if layer.path else 0
            name = f"{layer.path.rpartition('/')[2]}: {layer.kind}" if depth else layer.kind
            times = f" x{layer.calls}" if layer.calls > 1 else ""
            shapes = (
                " ".join(map(str, layer.output_shapes)) + times if layer.calls else "not called"
            )
            figures = (f"{layer.parameters:,}", f"{layer.multiply_adds:,}")
            rows.append(("  " * depth + name, shapes, *figures))
        widths = [max(len(row[i]) for row in rows) for i in range(4)]
        lines = [
            f"{a:{widths[0]}}  {b:{widths[1]}}  {c:>{widths[2]}}  {d:>{widths[3]}}"
            for a, b, c, d in rows
        ]
        lines.insert(1, "-" * len(lines[0]))
        frozen = self.parameters - self.trainable
        lines += [
            lines[1],
            f"{self.parameters:,} parameters, {frozen:,} of them frozen, "
            f"{self.parameter_bytes / 1e6:,.1f} MB; {self.multiply_adds:,} multiply-adds",
        ]
        return "\n".join(line.rstrip() for line in lines)

    __repr__ = __str__


def summary(model: Layer, *inputs: Shape | ArrayLike, dtype: DTypeLike = np.float32) -> Summary:
    """Find out the shapes of a model's results, and how much it costs, without running the numbers.

    The model runs once, in test mode, on arrays that have a shape and a dtype and no values. The
    model itself is not touched: one that was never called still does not know its input's size.

    Multiply-adds are those of matrix products, to which convolutions and recurrent steps come down
    as well. Elementwise functions are not counted: next to these they are nothing.

    Args:
        model: A layer or model whose forward pass runs on every backend.
        *inputs: For each input its shape, batch included; or an array, or a Variable, of which only
            the shape and the dtype matter.
        dtype: The dtype of inputs that are given as shapes.

    Returns:
        The figures; print them.

    Raises:
        TypeError: An input is neither; or the forward pass asks for values, or mixes in arrays that
            it makes with NumPy itself, so that it would run on no other backend either.
        ValueError: The shapes do not fit the model.

    Example:
        >>> from dezero_nn import MLP
        >>> print(summary(MLP((100, 10)), (32, 784)))
        layer         output shape  parameters  multiply-adds
        -----------------------------------------------------
        MLP           (32, 10)          79,510      2,540,800
          l0: Linear  (32, 100)         78,500      2,508,800
          l1: Linear  (32, 10)           1,010         32,000
        -----------------------------------------------------
        79,510 parameters, 0 of them frozen, 0.3 MB; 2,540,800 multiply-adds
    """
    if not isinstance(model, Layer):
        raise TypeError(f"summary: wanted is a Layer, not {type(model)}")
    register_backend(SHAPES)
    arrays = [_input(i, x, dtype) for i, x in enumerate(inputs)]
    twin = _without_values(model)
    reset_states(twin)
    work = [0]
    meter = _Meter(twin, work)
    counting = multiply_adds.set(work)
    # A layer that draws its weights by itself shall leave the global generator as it was.
    random_state = np.random.get_state()
    try:
        with no_grad(), test_mode():
            twin(*[Variable(x) for x in arrays])
    except TypeError as error:
        raise TypeError(
            f"summary: {_place(meter)} does not run on arrays without values: {error}. Make arrays "
            "with get_array_module(x), so that it runs on every backend"
        ) from error
    except ValueError as error:
        raise ValueError(f"summary: {_place(meter)}: {error}") from error
    finally:
        np.random.set_state(random_state)
        multiply_adds.reset(counting)
    return meter.summary()


def _input(position: int, x: Any, dtype: DTypeLike) -> ShapeArray:
    if isinstance(x, (tuple, list)):
        try:
            return shape_array(tuple([int(n) for n in x]), dtype)
        except (TypeError, ValueError):
            pass
    elif getattr(x, "shape", None) is not None and getattr(x, "dtype", None) is not None:
        return shape_array(x.shape, x.dtype)
    raise TypeError(
        f"summary: input {position} must be a shape or an array, got {describe(x)}; a shape is a "
        "tuple of integers, at least 0, such as (1, 3, 224, 224)"
    )


def _without_values(model: Layer) -> Layer:
    """Copy a model: its arrays, large as they may be, become arrays without values."""
    memo: dict[int, Any] = {}
    for _, layer in model.namedlayers():
        for value in layer.__dict__.values():
            for array in _arrays_in(value):
                memo[id(array)] = shape_array(array.shape, array.dtype)
    for parameter in model.params():
        if parameter.data is not None:
            memo[id(parameter.data)] = shape_array(parameter.shape, parameter.dtype)
    return copy.deepcopy(model, memo)


def _arrays_in(value: Any) -> Iterator[Any]:
    if isinstance(value, Variable):
        value = value.data
    if isinstance(value, dict):
        for item in value.values():
            yield from _arrays_in(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _arrays_in(item)
    elif hasattr(value, "shape") and hasattr(value, "dtype") and not isinstance(value, np.generic):
        yield value


class _Meter:
    """Counts while the model runs, around each layer's forward.

    The layers are a copy made for this: their `forward` is replaced in the objects themselves, so
    that ordinary calls, elsewhere and later, pay nothing.
    """

    def __init__(self, model: Layer, work: list[int]) -> None:
        self.model = model
        self.paths = dict(model.namedlayers())
        self.work = work
        self.counts = dict.fromkeys(self.paths, 0)
        self.calls = dict.fromkeys(self.paths, 0)
        self.shapes: dict[str, tuple[Shape, ...]] = {}
        self.running: list[str] = []
        for path, layer in self.paths.items():
            layer.__dict__["forward"] = self._measured(path, layer.forward)

    def _measured(self, path: str, forward: Callable[..., Any]) -> Callable[..., Any]:
        def measured(*inputs: Any, **settings: Any) -> Any:
            before = self.work[0]
            # Left there by an error, which so finds out where it happened.
            self.running.append(path)
            outputs = forward(*inputs, **settings)
            self.running.pop()
            self.calls[path] += 1
            self.counts[path] += self.work[0] - before
            self.shapes.setdefault(path, tuple(_shapes_in(outputs)))
            return outputs

        return measured

    def summary(self) -> Summary:
        """Return the figures."""
        parameters = list(self.model.params())
        sizes = dict.fromkeys(self.paths, 0)
        for path, parameter in self.model.namedparams():
            # It counts in its layer, and in all around that.
            outer = path
            while parameter.data is not None and outer:
                outer = outer.rpartition("/")[0]
                if outer in sizes:
                    sizes[outer] += parameter.size
        rows = [
            LayerSummary(
                path,
                type(layer).__name__,
                self.shapes.get(path, ()),
                sizes[path],
                self.counts[path],
                self.calls[path],
            )
            for path, layer in self.paths.items()
        ]
        known = [p for p in parameters if p.data is not None]
        return Summary(
            tuple(rows),
            sum(p.size for p in known),
            sum(p.size for p in known if p.requires_grad),
            sum(p.size * p.dtype.itemsize for p in known),
            self.work[0],
        )


def _place(meter: _Meter) -> str:
    path = meter.running[-1] if meter.running else ""
    kind = type(meter.paths[path]).__name__
    return f"{path} ({kind})" if path else kind


def _shapes_in(outputs: Any) -> Iterator[Shape]:
    if isinstance(outputs, (tuple, list)):
        for output in outputs:
            yield from _shapes_in(output)
    elif getattr(outputs, "shape", None) is not None:
        yield outputs.shape
