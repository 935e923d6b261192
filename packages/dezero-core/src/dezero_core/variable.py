"""Variables: arrays that remember how they were computed."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from math import prod
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from dezero_core.backend import as_numpy, backend_of
from dezero_core.devices import Device
from dezero_core.errors import GraphError
from dezero_core.node import Node, cut_history, leaf
from dezero_core.plugins import notebook_view
from dezero_core.typing import Array, ArrayLike, Axis, DTypeLike, Shape
from dezero_core.versions import note_change, note_replacement

__all__ = ["Parameter", "Variable", "as_array", "as_variable", "variable_of"]

_new = object.__new__
_Scalar = np.generic  # a name of this module's own is found sooner
_Self = TypeVar("_Self", bound="Variable")


class Variable:
    """An array, its gradient, and the graph that it came from (book steps 1 to 24).

    Args:
        data: An array of a backend; a NumPy scalar, which becomes a 0-d array; or None, for a
            variable whose array is set later.
        name: A name for drawings and messages.

    Raises:
        TypeError: `data` is something else, or an array of complex numbers or objects.

    Attributes:
        data: The array. Assigning another one does not touch the graph, which keeps what it needs.
        grad: The gradient, a Variable of the same shape, or None. It is kept for variables that
            the user made, and for results when ``backward(retain_grad=True)`` says so.
        name: The name, or None.

    Example:
        >>> x = Variable(np.array([1.0, 2.0]))
        >>> y = (x**2).sum()
        >>> y.backward()
        >>> x.grad
        variable([2. 4.])
    """

    # _data may be a NumPy scalar, with which arithmetic is several times faster than with a 0-d
    # array; `data` makes it an array as soon as somebody looks. _node is None for a constant.
    __slots__ = ("__weakref__", "_data", "_name", "_node")
    __array_priority__ = 200
    __hash__ = object.__hash__

    _data: Any
    _name: str | None
    _node: Node | None

    def __init__(self, data: Array | None, name: str | None = None) -> None:
        self._data = data = _check_data(data, type(self).__name__)
        self._node = leaf(data, is_parameter=isinstance(self, Parameter))
        self._name = None
        if name is not None:
            self.name = name

    # --- what it holds ---------------------------------------------------------------------

    @property
    def data(self) -> Array:
        """The array, or None."""
        data = self._data
        if isinstance(data, _Scalar):
            data = self._data = np.asarray(data)
        return data

    @data.setter
    def data(self, data: Array | None) -> None:
        if data is self._data:
            # `x.data -= step` assigns the array that is there already.
            if data is not None:
                note_change(data)
            return
        data = _check_data(data, f"{type(self).__name__}.data")
        node = self._node
        # Of the first array nothing can have been made before.
        if self._data is not None and isinstance(self, Parameter):
            note_replacement()
        self._data = data
        if node is not None and node.plan is None:
            shape, dtype = ((), None) if data is None else (data.shape, data.dtype)
            if (node.shape, node.dtype) != (shape, dtype):
                # A graph that was made with the old array still needs the old shape.
                grad = getattr(node, "grad", None)
                self._node = leaf(data, is_parameter=node.is_parameter)
                self.name = self._name
                if grad is not None and grad.shape == shape:
                    self._node.grad = grad

    @property
    def grad(self) -> Variable | None:
        """The gradient, or None."""
        return getattr(self._node, "grad", None)

    @grad.setter
    def grad(self, grad: Variable | Array | None) -> None:
        if grad is not None:
            grad = as_variable(grad)
            if grad.shape != self.shape:
                raise ValueError(
                    f"grad: a variable of shape {self.shape} has no gradient of shape {grad.shape}"
                )
            if type(grad._data) is not type(self._data):
                backend_of(self._data, grad._data, operation="grad")
        if self._node is not None:
            self._node.grad = grad
        elif grad is not None:
            raise GraphError("grad: this variable is a constant; set requires_grad = True first")

    @property
    def name(self) -> str | None:
        """The name, or None."""
        return self._name

    @name.setter
    def name(self, name: str | None) -> None:
        if name is not None and not isinstance(name, str):
            raise TypeError(f"name: expected a string, got {type(name)}")
        self._name = name
        if self._node is not None:
            self._node.name = name

    @property
    def shape(self) -> Shape:
        """The lengths of the axes."""
        try:
            return self._data.shape  # type: ignore[no-any-return]
        except AttributeError:
            raise self._empty() from None

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return prod(self.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the elements."""
        try:
            return self._data.dtype  # type: ignore[no-any-return]
        except AttributeError:
            raise self._empty() from None

    def _empty(self) -> ValueError:
        return ValueError("this variable holds no array yet: assign one to its .data")

    # --- gradients and the graph --------------------------------------------------------------

    @property
    def requires_grad(self) -> bool:
        """Whether gradients flow to it: set it False to freeze a variable that you made.

        Results of operations have it False if they were computed under `no_grad`, or from
        constants alone.
        """
        return self._node is not None

    @requires_grad.setter
    def requires_grad(self, required: bool) -> None:
        if required == self.requires_grad:
            return
        if self._node is not None and self._node.plan is not None:
            raise GraphError("requires_grad: this is a result; use detach() for a constant copy")
        self._node = None
        if isinstance(self, Parameter):
            note_replacement()
        if required:
            self._node = leaf(self._data, is_parameter=isinstance(self, Parameter))
            self.name = self._name

    @property
    def creator(self) -> Any:
        """The operation that it is a result of: a Function, or a node. None for a leaf."""
        node = self._node
        if node is None or node.plan is None:
            return None
        return getattr(node.plan, "function", node)

    def backward(self, retain_grad: bool = False, create_graph: bool = False) -> None:
        """Compute the gradients of all leaves that this variable was computed from.

        They are added to the gradients that are there: clear those first (`cleargrad`). This
        variable's own gradient is the seed if it is set, otherwise the seed is ones.

        Args:
            retain_grad: Keep the gradients of intermediate results too (book step 18).
            create_graph: Record the computation of the gradients, so that they can be
                differentiated again (book step 32).

        Raises:
            GraphError: There is no graph behind this variable.
            RuntimeError: An array that a rule needs was changed in place after the forward pass.

        Example:
            >>> x = Variable(np.array(2.0))
            >>> y = x**4 - 2 * x**2
            >>> y.backward(create_graph=True)
            >>> gx = x.grad
            >>> x.cleargrad()
            >>> gx.backward()
            >>> gx, x.grad
            (variable(24.0), variable(44.0))
        """
        _run_backward(self, retain_grad, create_graph)

    def cleargrad(self) -> None:
        """Forget the gradient."""
        if self._node is not None:
            self._node.grad = None

    def unchain(self) -> None:
        """Forget how it was computed: it becomes a leaf (book step 59)."""
        node = self._node
        if node is not None and node.plan is not None:
            self._node = leaf(self._data)
            self._node.grad = getattr(node, "grad", None)
            self.name = self._name

    def unchain_backward(self) -> None:
        """Cut the graph behind it, so that all it was computed from become leaves (book step 59).

        This is how back-propagation through time is truncated: the memory of older steps is freed.
        """
        if self._node is not None:
            cut_history(self._node)

    def detach(self) -> Variable:
        """Return a constant with the same array: no gradient flows through it."""
        return variable_of(self._data, None)

    def to(self: _Self, device: str | Device) -> _Self:
        """Move the array, and the gradient, to a device.

        A graph behind the variable keeps the arrays that it has: move before you compute.

        Args:
            device: ``"cpu"``, ``"cuda"``, ``"cuda:1"``, or a `Device`.

        Returns:
            The variable itself.

        Raises:
            LookupError: There is no such device; the message says what to install.
            RuntimeError: It cannot be used here; the message says what is missing.

        Example:
            >>> Variable(np.array([1.0, 2.0])).to("cpu")
            variable([1. 2.])
        """
        self._move(Device(device, f"{type(self).__name__}.to"))
        return self

    def to_cpu(self) -> None:
        """Move the array, and the gradient, to the host (book step 52)."""
        self._move(Device("cpu"))

    def to_gpu(self) -> None:
        """Move the array, and the gradient, to the GPU (book step 52).

        Raises:
            LookupError: There is no backend ``"cuda"``; the message says what to install.
            RuntimeError: There is no GPU that can be used; the message says what is missing.
        """
        self._move(Device("cuda", f"{type(self).__name__}.to_gpu"))

    def _move(self, device: Device) -> None:
        for variable in (self, self.grad):
            if variable is not None and variable._data is not None:
                moved = device.asarray(variable.data)
                if moved is not variable._data:
                    variable.data = moved

    # --- Python's protocols -------------------------------------------------------------------

    def __len__(self) -> int:
        if self.ndim == 0:
            raise TypeError("len() of a 0-d variable")
        return self.shape[0]

    def __iter__(self) -> Iterator[Variable]:
        if self.ndim == 0:
            raise TypeError("iteration over a 0-d variable")
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        if self._data is None:
            return "variable(None)"
        text = str(as_numpy(self)).replace("\n", "\n" + " " * len("variable("))
        return f"variable({text})"

    def _repr_html_(self) -> str | None:
        """Return what a notebook shows; None, for the text, where nothing installed draws."""
        return notebook_view(self)

    def __format__(self, spec: str) -> str:
        # f"{loss:.3f}" formats the number; f"{loss}" is what print shows.
        return format(self._only_element("format"), spec) if spec else str(self)

    def __bool__(self) -> bool:
        return bool(self._only_element("bool"))

    def __float__(self) -> float:
        return float(self._only_element("float"))

    def __int__(self) -> int:
        return int(self._only_element("int"))

    def _only_element(self, wanted: str) -> Any:
        if self.size != 1:
            advice = "; reduce it first, with .any() on .data" if wanted == "bool" else ""
            raise ValueError(
                f"{wanted}() of a variable with {self.size} elements, of shape {self.shape}: "
                f"only one element has a truth value or is a number{advice}"
            )
        return self._data.reshape(()).item()

    def __array__(self, dtype: DTypeLike = None, copy: bool | None = None) -> Array:
        # An explicit request for the values; backends decide whether they may leave the device.
        if self._data is None:
            raise self._empty()
        return np.array(self._data, dtype=dtype, copy=copy)

    def __copy__(self) -> Variable:
        return self._duplicate(self._data)

    def __deepcopy__(self, memo: dict[int, Any]) -> Variable:
        return self._duplicate(copy.deepcopy(self._data, memo))

    def _duplicate(self, data: Any) -> Variable:
        duplicate = type(self)(data, self._name)
        duplicate.requires_grad = self.requires_grad
        return duplicate

    def __reduce__(self) -> Any:
        # What is stored is the value: a graph belongs to the process that computed it.
        data = None if self._data is None else as_numpy(self)
        return _restore, (type(self), data, self._name, self.requires_grad)

    # --- operations: dezero_core.operators sets them, once the functions exist --------------------

    if TYPE_CHECKING:

        def __add__(self, other: ArrayLike) -> Variable: ...
        def __radd__(self, other: ArrayLike) -> Variable: ...
        def __sub__(self, other: ArrayLike) -> Variable: ...
        def __rsub__(self, other: ArrayLike) -> Variable: ...
        def __mul__(self, other: ArrayLike) -> Variable: ...
        def __rmul__(self, other: ArrayLike) -> Variable: ...
        def __truediv__(self, other: ArrayLike) -> Variable: ...
        def __rtruediv__(self, other: ArrayLike) -> Variable: ...
        def __floordiv__(self, other: ArrayLike) -> Variable: ...
        def __rfloordiv__(self, other: ArrayLike) -> Variable: ...
        def __mod__(self, other: ArrayLike) -> Variable: ...
        def __rmod__(self, other: ArrayLike) -> Variable: ...
        def __pow__(self, other: ArrayLike) -> Variable: ...
        def __rpow__(self, other: ArrayLike) -> Variable: ...
        def __matmul__(self, other: ArrayLike) -> Variable: ...
        def __rmatmul__(self, other: ArrayLike) -> Variable: ...
        def __neg__(self) -> Variable: ...
        def __pos__(self) -> Variable: ...
        def __abs__(self) -> Variable: ...
        def __lt__(self, other: ArrayLike) -> Variable: ...
        def __le__(self, other: ArrayLike) -> Variable: ...
        def __gt__(self, other: ArrayLike) -> Variable: ...
        def __ge__(self, other: ArrayLike) -> Variable: ...
        def __eq__(self, other: object) -> Variable: ...  # type: ignore[override]
        def __ne__(self, other: object) -> Variable: ...  # type: ignore[override]
        def __getitem__(self, index: Any) -> Variable: ...
        @property
        def T(self) -> Variable: ...  # noqa: N802
        def reshape(self, *shape: Any) -> Variable: ...
        def transpose(self, *axes: Any) -> Variable: ...
        def flatten(self) -> Variable: ...
        def astype(self, dtype: DTypeLike) -> Variable: ...
        def sum(self, axis: Axis = None, keepdims: bool = False) -> Variable: ...
        def mean(self, axis: Axis = None, keepdims: bool = False) -> Variable: ...
        def max(self, axis: Axis = None, keepdims: bool = False) -> Variable: ...
        def min(self, axis: Axis = None, keepdims: bool = False) -> Variable: ...
        def dot(self, other: ArrayLike) -> Variable: ...
        def matmul(self, other: ArrayLike) -> Variable: ...


class Parameter(Variable):
    """A Variable that a layer learns (book step 44)."""

    __slots__ = ()


def variable_of(data: Any, node: Node | None) -> Variable:
    """Return a Variable for an array, or a NumPy scalar, in a place of the graph."""
    variable = _new(Variable)
    variable._data = data
    variable._node = node
    variable._name = None
    return variable


def as_array(x: Any, array_module: Any = np) -> Array:
    """Return a number as a 0-d array, and an array as it is (book step 9).

    Args:
        x: An array or a number.
        array_module: The namespace whose array a number becomes.

    Returns:
        The array.

    Example:
        >>> as_array(2.0)
        array(2.)
    """
    return array_module.array(x) if np.isscalar(x) else x


def as_variable(x: ArrayLike) -> Variable:
    """Return a Variable as it is, and an array or a number as a new one (book step 20).

    Args:
        x: A Variable, an array, or a number.

    Returns:
        The Variable.

    Raises:
        TypeError: `x` is something else.

    Example:
        >>> as_variable(2.0)
        variable(2.0)
    """
    return x if isinstance(x, Variable) else Variable(as_array(x))


def _check_data(data: Any, name: str) -> Any:
    if type(data) is not np.ndarray and data is not None:
        if isinstance(data, _Scalar):
            data = np.asarray(data)
        elif isinstance(data, (bool, int, float, complex, list, tuple, str, Variable)):
            hint = "take its .data" if isinstance(data, Variable) else "convert with numpy.array"
            raise TypeError(f"{type(data)} is not supported: {name} takes an array or None; {hint}")
        else:
            try:
                backend_of(data, operation=name)
            except TypeError as error:
                raise TypeError(f"{type(data)} is not supported: {error}") from None
    # bfloat16 and its like are of kind V, as structured arrays are, which have names.
    if data is not None and (data.dtype.kind not in "fiubV" or data.dtype.names):
        raise TypeError(
            f"{name}: an array of {data.dtype} is not supported; use floating-point numbers, "
            "integers or booleans"
        )
    return data


def _restore(kind: type[Variable], data: Any, name: str | None, requires_grad: bool) -> Variable:
    variable = kind(data, name)
    variable.requires_grad = requires_grad
    return variable


def _run_backward(root: Variable, retain_grad: bool, create_graph: bool) -> None:
    """`dezero_core.gradients`, which builds on this module, sets it."""
    raise AssertionError
