"""What the checks look at: one forward and backward pass of a copy of the model."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dezero_core import Parameter, Variable, as_numpy
from dezero_core.callers import user_line
from dezero_core.errors import describe
from dezero_core.graph import Graph, GraphOperation, build_graph, record_details

__all__ = [
    "Evidence",
    "OverfitResult",
    "ParameterFacts",
    "examine",
    "function_name",
    "named_params",
    "restart",
]


@dataclass(frozen=True, slots=True)
class ParameterFacts:
    """A parameter after the backward pass.

    Attributes:
        path: Its path in the model.
        value: Its array on the host; None if it has none, since no layer ever used it.
        grad: Its gradient on the host, or None.
        is_frozen: Whether it needs no gradient.
    """

    path: str
    value: Any
    grad: Any
    is_frozen: bool


@dataclass(frozen=True, slots=True)
class OverfitResult:
    """How the attempt to learn one batch by heart went.

    Attributes:
        first: The loss before.
        best: The lowest loss that was reached.
        goal: The loss to reach.
        steps: How many updates there were.
        seconds: How long it took.
        is_complete: Whether no attempt was cut short by the time limit.
        moved: The paths of parameters that had a gradient other than zero at some step.
    """

    first: float
    best: float
    goal: float
    steps: int
    seconds: float
    is_complete: bool
    moved: frozenset[str]


@dataclass
class Evidence:
    """All that the checks know.

    Attributes:
        inputs: The arrays that the model is called with, on the host.
        targets: What the loss compares with, on the host; None if it is no array.
        output: What the model returned, or the first of it, on the host; None if it failed.
        loss: The value of the loss, or None.
        seconds: How long the pass took.
        failure: Where an error was raised, ``"model"``, ``"loss"`` or ``"backward"``, and the
            error.
        graph: The recorded graph, or None.
        params: The model's parameters.
        update_ratios: For each path how large an update is beside the weights; None if no learning
            rate is known.
        overfit: How learning the batch by heart went; None if it was not tried.
        untried: Why it was not.
    """

    inputs: list[Any] = field(default_factory=list)
    targets: Any = None
    output: Any = None
    loss: float | None = None
    seconds: float = 0.0
    failure: tuple[str, Exception] | None = None
    graph: Graph | None = None
    params: list[ParameterFacts] = field(default_factory=list)
    update_ratios: dict[str, float] | None = None
    overfit: OverfitResult | None = None
    untried: str | None = None

    def __post_init__(self) -> None:
        self._values: dict[int, Any] = {}
        self._makers: dict[int, GraphOperation] = {}
        self._in_model: set[int] = set()
        # The line that asked for the diagnosis, which layers of libraries seem to run in.
        line = user_line()
        self._caller = (line.file, line.line)
        self.output_keys: set[int] = set()

    @property
    def n_examples(self) -> int:
        """How many examples the batch has."""
        for array in (*self.inputs, self.targets):
            if array is not None and array.ndim:
                return int(array.shape[0])
        return 1

    @property
    def operations(self) -> tuple[GraphOperation, ...]:
        """All operations that were recorded, in order."""
        return () if self.graph is None else self.graph.operations

    def of_model(self, operation: GraphOperation) -> bool:
        """Tell whether an operation ran in the model, not in the loss."""
        return operation.key in self._in_model

    def maker(self, key: int) -> GraphOperation | None:
        """Return the operation that computed a variable."""
        return self._makers.get(key)

    def value(self, key: int) -> Any:
        """Return the array of a variable on the host, or None."""
        if key not in self._values:
            array = None if self.graph is None else self.graph.value(key)
            self._values[key] = None if array is None else as_numpy(array)
        return self._values[key]

    def grad(self, key: int) -> Any:
        """Return the gradient of a variable on the host, or None."""
        grad = None if self.graph is None else self.graph.grad(key)
        return None if grad is None else as_numpy(grad)

    def place(self, operation: GraphOperation) -> str:
        """Name an operation by the layer that it ran in, or that came before it."""
        name = function_name(operation)
        if operation.scope:
            return f"{name} in {operation.scope}"
        before: GraphOperation | None = operation
        while before is not None and not before.scope:
            before = next((m for key in before.inputs if (m := self._makers.get(key))), None)
        place = f"{name} after {before.scope}" if before is not None else name
        source = operation.source
        if source is None or not source.text or (source.file, source.line) == self._caller:
            return place
        return f"{place} ({source.text})"

    def take_graph(self, outputs: Sequence[Variable], loss: Variable, model: Any) -> None:
        """Keep the graph, and know which part of it is the model's."""
        roots = [y for y in outputs if y.requires_grad]
        self.graph = graph = build_graph(*roots, loss, names=named_params(model))
        self._makers = {key: op for op in graph.operations for key in op.outputs}
        # Recorded in the order of computation: the model's operations are those that ran before
        # its outputs were all there.
        keys = [v.key for v in graph.variables if v.kind == "output"]
        self.output_keys = set(keys[:-1] if len(keys) > 1 else keys)
        stack = list(self.output_keys)
        while stack:
            maker = self._makers.get(stack.pop())
            if maker is not None and maker.key not in self._in_model:
                self._in_model.add(maker.key)
                stack.extend(maker.inputs)


def examine(
    evidence: Evidence, model: Any, loss_fn: Callable[..., Any], inputs: Sequence[Any], target: Any
) -> None:
    """Run model, loss and backward pass once, and fill in what happened.

    Args:
        evidence: What to fill in.
        model: The copy of the model.
        loss_fn: The loss.
        inputs: What to call the model with.
        target: What to call the loss with, besides the model's output.
    """
    evidence.inputs = [array for x in inputs if (array := _host(x)) is not None]
    evidence.targets = _host(target)
    restart(model)
    began = time.monotonic()
    stage = "model"
    try:
        with record_details(keep_values=True):
            result = model(*inputs)
            outputs = list(_variables_in(result))
            if outputs:
                evidence.output = as_numpy(outputs[0])
            stage = "loss"
            loss = loss_fn(result, target)
        if not isinstance(loss, Variable) or math.prod(loss.shape) != 1:
            raise ValueError(
                f"the loss must be a Variable with one element; this is {describe(loss)}, "
                f"a {type(loss).__name__}"
            )
        evidence.loss = float(loss)
        if loss.requires_grad:
            stage = "backward"
            for parameter in model.params():
                parameter.cleargrad()
            loss.backward(retain_grad=True)
            evidence.seconds = time.monotonic() - began
            evidence.take_graph(outputs, loss, model)
    except Exception as error:
        evidence.failure = stage, error
    evidence.params = [
        ParameterFacts(
            path,
            None if parameter.data is None else as_numpy(parameter),
            None if parameter.grad is None else as_numpy(parameter.grad),
            not parameter.requires_grad,
        )
        for path, parameter in named_params(model)
    ]


def named_params(model: Any) -> list[tuple[str, Parameter]]:
    """Return paths and parameters; numbers in the place of paths where a model has none."""
    if callable(getattr(model, "namedparams", None)):
        return list(model.namedparams())
    return [(f"parameter {i}", parameter) for i, parameter in enumerate(model.params())]


def restart(model: Any) -> None:
    """Let layers that remember earlier batches forget them."""
    layers = model.namedlayers() if callable(getattr(model, "namedlayers", None)) else ()
    for layer in [model, *[layer for _, layer in layers]]:
        if callable(getattr(layer, "reset_state", None)):
            layer.reset_state()


def function_name(operation: GraphOperation) -> str:
    """Return which function an operation ends with: a GPU computes some along with a product."""
    name = operation.name.strip("_")
    joined: str = operation.settings.get("activation", name)
    return joined if name == "linear_activation" else name


def _host(x: Any) -> Any:
    """Return an array, or a Variable's, on the host; None for what is none."""
    if isinstance(x, Variable):
        x = x.data
    if x is None or not hasattr(x, "shape") or not hasattr(x, "dtype"):
        return None
    return np.asarray(as_numpy(x))


def _variables_in(result: Any) -> Iterator[Variable]:
    if isinstance(result, Variable):
        yield result
    elif isinstance(result, tuple | list):
        for item in result:
            yield from _variables_in(item)
    elif isinstance(result, dict):
        for item in result.values():
            yield from _variables_in(item)
