"""A module in the place of nvidia-cudnn-frontend's: its names, and its computations by NumPy.

It takes what the real one takes, and no more: tests/test_cudnn_library.py compares their
signatures and builds the same graphs with the real one, where it is installed. A graph is executed
on the memory that pointers lead to, read with the strides that it was told.
"""

from __future__ import annotations

import enum
import importlib
import sys
import types
from contextlib import suppress
from itertools import product
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from dezero_cuda.cudnn_library import LIBRARY, Library
from dezero_cuda.kernels import _cudnn

__all__ = ["StubCudnn", "forget_cudnn", "put_cudnn"]

data_type = enum.Enum("data_type", ["NOT_SET", "HALF", "BFLOAT16", "FLOAT", "DOUBLE"])
heur_mode = enum.Enum("heur_mode", ["A", "B", "FALLBACK"])
numerical_note = enum.Enum(
    "numerical_note",
    [
        "TENSOR_CORE",
        "DOWN_CONVERT_INPUTS",
        "REDUCED_PRECISION_REDUCTION",
        "FFT",
        "NONDETERMINISTIC",
        "WINOGRAD",
        "STRICT_NAN_PROP",
    ],
)
_NUMPY = {
    data_type.HALF: np.dtype(np.float16),
    data_type.FLOAT: np.dtype(np.float32),
    data_type.DOUBLE: np.dtype(np.float64),
}
with suppress(ModuleNotFoundError):
    _NUMPY[data_type.BFLOAT16] = np.dtype(importlib.import_module("ml_dtypes").bfloat16)


class cudnnGraphNotSupportedError(RuntimeError):  # noqa: N801  (the real one's name)
    """No engine computes a graph."""


class Tensor:
    """An operand or a result of a graph."""

    def __init__(self, dim: Any, stride: Any, data_type: Any, name: str, uid: int) -> None:
        self.dim, self.stride, self.data_type = list(dim), list(stride), data_type
        self.name, self.uid, self.is_output = name, uid, False

    def set_output(self, value: bool) -> Tensor:
        self.is_output = value
        return self

    def set_data_type(self, value: Any) -> Tensor:
        assert isinstance(value, data_type)
        self.data_type = value
        return self

    def set_uid(self, value: int) -> Tensor:
        self.uid = value
        return self

    def set_dim(self, value: list[int]) -> Tensor:
        assert type(value) is list
        self.dim = value
        return self

    def set_stride(self, value: list[int]) -> Tensor:
        assert type(value) is list
        self.stride = value
        return self

    def at(self, pointer: int) -> Any:
        """Return the array that lies there."""
        assert type(pointer) is int, "anything but a number would look for PyTorch"
        assert pointer % 16 == 0, "a vector is read where none begins: a misaligned address"
        dtype = _NUMPY[self.data_type]
        size = 1 + sum((n - 1) * s for n, s in zip(self.dim, self.stride, strict=True))
        place = {"data": (pointer, False), "shape": (size * dtype.itemsize,), "typestr": "|u1"}
        flat = np.asarray(types.SimpleNamespace(__array_interface__=place | {"version": 3}))
        flat = flat.view(dtype)
        return as_strided(flat, self.dim, [s * dtype.itemsize for s in self.stride])


class pygraph:  # noqa: N801  (the real one's name)
    """A graph of one convolution."""

    cudnn: StubCudnn

    def __init__(
        self,
        name: str = "test_graph",
        io_data_type: Any = data_type.NOT_SET,
        intermediate_data_type: Any = data_type.NOT_SET,
        compute_data_type: Any = data_type.NOT_SET,
        handle: Any = None,
    ) -> None:
        assert handle in self.cudnn.handles
        self.steps: list[str] = []
        self.notes: set[Any] = set()
        self.limit: int | None = None
        self.operands: list[Tensor] = []

    def tensor(
        self,
        dim: Any,
        stride: Any,
        data_type: Any = data_type.NOT_SET,
        is_virtual: bool = False,
        is_pass_by_value: bool = False,
        ragged_offset: Any = None,
        reordering_type: Any = None,
        name: str = "",
        uid: int = -1,
    ) -> Tensor:
        return Tensor(dim, stride, data_type, name, uid)

    def conv_fprop(
        self,
        image: Tensor,
        weight: Tensor,
        padding: list[int] = [],  # noqa: B006
        stride: list[int] = [],  # noqa: B006
        dilation: list[int] = [],  # noqa: B006
        convolution_mode: Any = None,
        compute_data_type: Any = data_type.NOT_SET,
        name: str = "",
    ) -> Tensor:
        return self._node("fprop", image, weight, padding, stride, dilation, compute_data_type)

    def conv_dgrad(
        self,
        loss: Tensor,
        filter: Tensor,
        padding: list[int] = [],  # noqa: B006
        stride: list[int] = [],  # noqa: B006
        dilation: list[int] = [],  # noqa: B006
        convolution_mode: Any = None,
        compute_data_type: Any = data_type.NOT_SET,
        name: str = "",
    ) -> Tensor:
        return self._node("dgrad", loss, filter, padding, stride, dilation, compute_data_type)

    def conv_wgrad(
        self,
        image: Tensor,
        loss: Tensor,
        padding: list[int] = [],  # noqa: B006
        stride: list[int] = [],  # noqa: B006
        dilation: list[int] = [],  # noqa: B006
        convolution_mode: Any = None,
        compute_data_type: Any = data_type.NOT_SET,
        name: str = "",
    ) -> Tensor:
        return self._node("wgrad", image, loss, padding, stride, dilation, compute_data_type)

    def _node(self, kind: str, x0: Tensor, x1: Tensor, *settings: Any) -> Tensor:
        *pairs, computed = settings
        assert all(type(pair) is list and len(pair) == 2 for pair in pairs)
        is_double = x0.data_type is data_type.DOUBLE
        assert computed is (data_type.DOUBLE if is_double else data_type.FLOAT)
        self.kind, self.settings, self.operands = kind, pairs, [x0, x1]
        # A gradient's shape is not to be told from its operands: it has to be set.
        self.result = Tensor([], [], data_type.NOT_SET, "result", -1)
        return self.result

    # --- from a graph to a plan, each step after the other

    def validate(self) -> None:
        self._step("validate", after=None)
        assert self.result.is_output
        for tensor in (*self.operands, self.result):
            assert len(tensor.dim) == len(tensor.stride) == 4 and min(tensor.dim) > 0
            assert tensor.data_type in _NUMPY
        assert len({tensor.uid for tensor in (*self.operands, self.result)} - {-1}) == 3

    def build_operation_graph(self) -> None:
        self._step("build_operation_graph", after="validate")
        x, w, y = self._roles([tensor.dim for tensor in (*self.operands, self.result)])
        assert x[0] == y[0] and w[0] == y[1] and x[1] % w[1] == 0
        for n, k, out, pad, stride, dilation in zip(
            x[2:], w[2:], y[2:], *self.settings, strict=True
        ):
            if (n + 2 * pad - dilation * (k - 1) - 1) // stride + 1 != out:
                raise RuntimeError("is_valid_spatial_dim")

    def create_execution_plans(self, heuristics: list[Any]) -> None:
        self._step("create_execution_plans", after="build_operation_graph")
        assert all(isinstance(mode, heur_mode) for mode in heuristics)

    def deselect_numeric_notes(self, notes: list[Any]) -> None:
        self._step("deselect_numeric_notes", after="create_execution_plans")
        assert all(isinstance(note, numerical_note) for note in notes)
        self.notes = set(notes)

    def deselect_workspace_greater_than(self, workspace: int) -> None:
        assert "create_execution_plans" in self.steps
        self.limit = workspace

    def check_support(self) -> None:
        self._step("check_support", after="deselect_numeric_notes")
        if self.cudnn.refuses(self):
            raise cudnnGraphNotSupportedError("No valid engine configs")

    def build_plans(self) -> None:
        self._step("build_plans", after="check_support")
        self.cudnn.built.append(self)

    def _step(self, name: str, after: str | None) -> None:
        assert (self.steps[-1] if self.steps else None) == after
        self.steps.append(name)

    def get_workspace_size(self) -> int:
        assert self.steps[-1] == "build_plans"
        return min(self.cudnn.workspace, self.cudnn.workspace if self.limit is None else self.limit)

    # --- computing

    def execute(
        self, tensor_to_device_buffer: dict[int, int], workspace: int, handle: Any = None
    ) -> None:
        assert self.steps[-1] == "build_plans"
        assert handle in self.cudnn.handles
        assert type(workspace) is int and (workspace != 0) == (self.get_workspace_size() > 0)
        places = dict(tensor_to_device_buffer)
        tensors = [*self.operands, self.result]
        arrays = [tensor.at(places.pop(tensor.uid)) for tensor in tensors]
        assert not places
        self.cudnn.executed.append((self, self.cudnn.handles[handle]))
        *_, result = arrays
        wide = np.float64 if result.dtype == np.float64 else np.float32
        total = np.zeros(result.shape, wide)
        x, w, y = self._roles([*[a.astype(wide) for a in arrays[:2]], total])
        self._convolve(x, w, y)
        result[...] = total

    def _roles(self, three: list[Any]) -> Any:
        """Return what belongs to the images, the weights and the result of a convolution."""
        order = {"fprop": (0, 1, 2), "dgrad": (2, 1, 0), "wgrad": (0, 2, 1)}[self.kind]
        return [three[i] for i in order]

    def _convolve(self, x: Any, w: Any, y: Any) -> None:
        """Add to the one of the three that is all zeros what the other two give."""
        (ph, pw), (sh, sw), (dh, dw) = self.settings
        (_, C, H, W), (OC, IC, KH, KW), (OH, OW) = x.shape, w.shape, y.shape[2:]
        groups = C // IC
        padded = np.zeros((len(x), C, H + 2 * ph, W + 2 * pw), x.dtype)
        padded[:, :, ph : ph + H, pw : pw + W] = x
        for g, i, j in product(range(groups), range(KH), range(KW)):
            own = slice(g * IC, (g + 1) * IC)
            rows = slice(i * dh, i * dh + sh * (OH - 1) + 1, sh)
            columns = slice(j * dw, j * dw + sw * (OW - 1) + 1, sw)
            seen = padded[:, own, rows, columns]
            outs = slice(g * OC // groups, (g + 1) * OC // groups)
            if self.kind == "fprop":
                y[:, outs] += np.einsum("ncpq,oc->nopq", seen, w[outs, :, i, j])
            elif self.kind == "dgrad":
                seen += np.einsum("nopq,oc->ncpq", y[:, outs], w[outs, :, i, j])
            else:
                w[outs, :, i, j] += np.einsum("ncpq,nopq->oc", seen, y[:, outs])
        if self.kind == "dgrad":
            x[...] = padded[:, :, ph : ph + H, pw : pw + W]


class StubCudnn(types.ModuleType):
    """The module, and what a test wants to know or to decide.

    Attributes:
        version: What it says its library's version is, or what it raises.
        workspace: How many bytes each plan takes.
        refuses: Tells of a graph whether no engine computes it.
        handles: The handles that were made, and the stream of each.
        built: The graphs that became plans.
        executed: The graphs that ran, and on which stream.
    """

    data_type = data_type
    heur_mode = heur_mode
    numerical_note = numerical_note
    cudnnGraphNotSupportedError = cudnnGraphNotSupportedError  # noqa: N815

    def __init__(self) -> None:
        super().__init__("cudnn")
        self.version: Any = 92000
        self.workspace = 64
        self.refuses: Any = lambda graph: False
        self.handles: dict[Any, int] = {}
        self.built: list[pygraph] = []
        self.executed: list[Any] = []
        self.pygraph = type("pygraph", (pygraph,), {"cudnn": self})

    def backend_version(self) -> int:
        if isinstance(self.version, Exception):
            raise self.version
        return int(self.version)

    def create_handle(self) -> Any:
        handle = f"handle {len(self.handles)}"
        self.handles[handle] = 0
        return handle

    def set_stream(self, handle: Any, stream: int) -> None:
        self.handles[handle] = stream


def put_cudnn(monkeypatch: Any) -> StubCudnn:
    """Put the module in its place, and let arrays of NumPy and of the fake device be its memory."""
    cudnn = StubCudnn()
    monkeypatch.setitem(sys.modules, "cudnn", cudnn)
    forget_cudnn(monkeypatch)
    for name, function in (
        ("address", lambda x: getattr(x, "_host", x).ctypes.data),
        ("current_device", lambda xp: 0),
        ("current_stream", lambda xp: 7),
    ):
        monkeypatch.setattr(f"dezero_cuda.kernels._cudnn.{name}", function)
    return cudnn


def forget_cudnn(monkeypatch: Any) -> None:
    """Let the package look for cuDNN anew, now and after the test."""
    for name, value in vars(Library()).items():
        monkeypatch.setattr(LIBRARY, name, value)
    monkeypatch.setattr(_cudnn, "_mine", _cudnn._OfThread())
