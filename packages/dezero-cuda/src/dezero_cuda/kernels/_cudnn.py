"""Convolutions as graphs of cuDNN: built once for each shape, and kept.

cuDNN is told sizes, strides and precision, and proposes engines; the first that works becomes a
plan. Plans and handles belong to one thread, since not every engine may run in two at once.
"""

from __future__ import annotations

import threading
from typing import Any, NamedTuple

import numpy as np

from dezero_core.callers import warn
from dezero_core.typing import Array, Shape
from dezero_cuda.cudnn_library import LIBRARY
from dezero_cuda.kernels._launch import address, contiguous, current_device
from dezero_cuda.precision import tf32_allowed

__all__ = ["Convolution", "build", "compute"]

_DTYPES = {"float16": "HALF", "bfloat16": "BFLOAT16", "float32": "FLOAT", "float64": "DOUBLE"}
# What engines may not do. Results repeat; and half precision is summed up in single.
_NEVER = ("NONDETERMINISTIC", "REDUCED_PRECISION_REDUCTION")
# With these single precision is rounded to TF32, or less, before it is multiplied.
_ROUNDING = ("TENSOR_CORE", "DOWN_CONVERT_INPUTS")
# cuDNN reads vectors of this many bytes.
_ALIGNMENT = 16
# A training run has a few hundred; images of ever new sizes would have them grow for ever.
_MOST_PLANS = 1024
_UNSEEN: Any = object()


class Convolution(NamedTuple):
    """A convolution or one of its gradients: all that cuDNN is told.

    Attributes:
        operation: ``"conv_fprop"``, ``"conv_dgrad"`` (for x) or ``"conv_wgrad"`` (for w).
        x: The shape of the images.
        w: That of the weights.
        y: That of the result of the convolution.
        stride: The distance from window to window.
        pad: How many zeros are added at each side.
        dilation: The distance between the elements that the kernel sees.
        dtype: What all arrays hold.
    """

    operation: str
    x: Shape
    w: Shape
    y: Shape
    stride: tuple[int, int]
    pad: tuple[int, int]
    dilation: tuple[int, int]
    dtype: Any

    @property
    def result(self) -> Shape:
        """The shape of what is computed: of y, x or w."""
        return {"conv_fprop": self.y, "conv_dgrad": self.x, "conv_wgrad": self.w}[self.operation]


class _Plan(NamedTuple):
    graph: Any
    workspace: int


class _Handle:
    """A handle of cuDNN's, and the stream that it was given."""

    def __init__(self, cudnn: Any) -> None:
        self.handle = cudnn.create_handle()
        self.stream: int | None = None


class _OfThread(threading.local):
    def __init__(self) -> None:
        self.handles: dict[int, _Handle] = {}
        # None for what no engine can do.
        self.plans: dict[Any, _Plan | None] = {}


_mine = _OfThread()


def compute(xp: Any, what: Convolution, first: Array, second: Array) -> Array | None:
    """Queue a convolution, or one of its gradients, on the current stream. Nothing waits for it.

    Args:
        xp: CuPy.
        what: The convolution.
        first: The x of ``"conv_fprop"`` and ``"conv_wgrad"``, the y of ``"conv_dgrad"``.
        second: The w of ``"conv_fprop"`` and ``"conv_dgrad"``, the y of ``"conv_wgrad"``.

    Returns:
        The result, in C order; None if cuDNN is not there, or cannot do this.
    """
    cudnn = LIBRARY.module
    if cudnn is None:
        return None
    device = current_device(xp)
    handle = _mine.handles.get(device) or _make_handle(cudnn, device)
    if handle is None:
        return None
    tf32 = what.dtype == np.float32 and tf32_allowed()
    key = (device, tf32, what)
    plan = _mine.plans.get(key, _UNSEEN)
    if plan is _UNSEEN:
        plan = _remember(key, _make_plan(cudnn, what, tf32, handle))
    if plan is None:
        return None
    result = xp.empty(what.result, what.dtype)
    workspace = None
    if plan.workspace:
        try:
            workspace = xp.empty(plan.workspace, np.uint8)
        except MemoryError:
            plan = _make_plan(cudnn, what, tf32, handle, workspace=0)
            if plan is None:
                raise
            # From now on, too: memory will not be less scarce in the next step.
            _remember(key, plan)
    stream = current_stream(xp)
    if stream != handle.stream:
        cudnn.set_stream(handle=handle.handle, stream=stream)
        handle.stream = stream
    first, second = _readable(xp, first), _readable(xp, second)
    # Numbers, not arrays: for anything else the module would look for PyTorch, and import it.
    places = {1: address(first), 2: address(second), 3: address(result)}
    plan.graph.execute(places, 0 if workspace is None else address(workspace), handle=handle.handle)
    return result


def current_stream(xp: Any) -> int:
    """Return the address of the stream on which kernels are launched."""
    return int(xp.cuda.get_current_stream().ptr)


def _readable(xp: Any, x: Array) -> Array:
    """Return an array in C order that begins where cuDNN can read vectors; a copy if need be."""
    x = contiguous(xp, x)
    return x.copy() if address(x) % _ALIGNMENT else x


def _make_handle(cudnn: Any, device: int) -> _Handle | None:
    try:
        handle = _mine.handles[device] = _Handle(cudnn)
    except Exception as error:
        LIBRARY.give_up(error)
        return None
    return handle


def _make_plan(
    cudnn: Any, what: Convolution, tf32: bool, handle: _Handle, workspace: int | None = None
) -> _Plan | None:
    """Return a plan; None if there is no engine for it."""
    try:
        graph = build(cudnn, what, tf32, workspace, handle=handle.handle)
    except cudnn.cudnnGraphNotSupportedError:
        return None
    except Exception as error:
        warn(
            f"cuDNN refuses {what} ({type(error).__name__}: {error}); it is computed as a product "
            "of matrices"
        )
        return None
    return _Plan(graph, int(graph.get_workspace_size()))


def _remember(key: Any, plan: _Plan | None) -> _Plan | None:
    plans = _mine.plans
    if key not in plans and len(plans) >= _MOST_PLANS:
        del plans[next(iter(plans))]
    plans[key] = plan
    return plan


# --- graphs -------------------------------------------------------------------------------------


def build(
    cudnn: Any, what: Convolution, tf32: bool, workspace: int | None = None, **target: Any
) -> Any:
    """Return a graph that can be executed: its operands have the numbers 1 and 2, its result 3.

    Args:
        cudnn: The module of nvidia-cudnn-frontend.
        what: The convolution.
        tf32: Whether products of single precision may be rounded.
        workspace: How many bytes it may take; None for as many as it likes.
        **target: What it is built for: a handle, or properties of a device that is not there.

    Raises:
        Exception: What the module raises if there is no engine for it.
    """
    dtype = getattr(cudnn.data_type, _DTYPES[what.dtype.name])
    is_double = what.dtype == np.float64
    computed = cudnn.data_type.DOUBLE if is_double else cudnn.data_type.FLOAT
    graph = cudnn.pygraph(
        name=what.operation,
        io_data_type=dtype,
        intermediate_data_type=computed,
        compute_data_type=computed,
        **target,
    )

    def tensor(name: str, number: int, shape: Shape) -> Any:
        strides = _strides(shape)
        return graph.tensor(name=name, dim=shape, stride=strides, data_type=dtype, uid=number)

    settings = {
        "padding": list(what.pad),
        "stride": list(what.stride),
        "dilation": list(what.dilation),
        "compute_data_type": computed,
        "name": what.operation,
    }
    if what.operation == "conv_fprop":
        x, w = tensor("x", 1, what.x), tensor("w", 2, what.w)
        result = graph.conv_fprop(image=x, weight=w, **settings)
    elif what.operation == "conv_dgrad":
        y, w = tensor("y", 1, what.y), tensor("w", 2, what.w)
        result = graph.conv_dgrad(loss=y, filter=w, **settings)
    else:
        x, y = tensor("x", 1, what.x), tensor("y", 2, what.y)
        result = graph.conv_wgrad(image=x, loss=y, **settings)
    result.set_output(True).set_data_type(dtype).set_uid(3)
    result.set_dim(list(what.result)).set_stride(_strides(what.result))
    graph.validate()
    graph.build_operation_graph()
    graph.create_execution_plans([cudnn.heur_mode.A, cudnn.heur_mode.FALLBACK])
    is_exact = what.dtype == np.float32 and not tf32
    notes = _NEVER + _ROUNDING if is_exact else _NEVER
    graph.deselect_numeric_notes([getattr(cudnn.numerical_note, note) for note in notes])
    if workspace is not None:
        graph.deselect_workspace_greater_than(workspace)
    graph.check_support()
    graph.build_plans()
    return graph


def _strides(shape: Shape) -> list[int]:
    """Return the strides of an array in C order, in elements."""
    strides = [1]
    for n in reversed(shape[1:]):
        strides.insert(0, strides[0] * n)
    return strides
