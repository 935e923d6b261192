"""What all layers have in common: parameters, found by attribute, and their state."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

import numpy as np

from dezero_core import Device, Parameter, Variable, as_numpy
from dezero_core.config import current
from dezero_core.details import layer_call
from dezero_core.devices import device_of
from dezero_core.plugins import notebook_view
from dezero_core.typing import Array, DTypeLike
from dezero_nn.layers._loading import Loading
from dezero_nn.layers._state import LoadReport, Wanted, saved_of
from dezero_nn.layers._tree import children, tree_text, walk
from dezero_nn.layers._weight_files import open_weights, write_weights
from dezero_nn.layers.persistent import Persistent

__all__ = ["Layer", "note_change", "structure"]

_Self = TypeVar("_Self", bound="Layer")

# A parameter, or a persistent value, that was found: its path, the layer that has it as an
# attribute, the attribute.
_Found: TypeAlias = "tuple[str, Layer, str, Variable]"
_VALUES = (Parameter, Persistent)
_CONTAINERS = (list, tuple, dict)
_ABSENT = object()

# Stands for what all layers have as attributes: another object after each change.
_structure = object()


def structure() -> object:
    """Return what is the same object for as long as no layer gets or loses anything."""
    return _structure


def note_change() -> None:
    """Note that a layer got or lost a parameter, a layer or a container of such."""
    global _structure
    _structure = object()


class Layer:
    """Base class of layers and models (book step 44).

    A subclass makes parameters and inner layers in its constructor, as attributes, and computes in
    `forward`. Attributes that are `Parameter`, `Persistent` or `Layer`, and those inside lists,
    tuples and dictionaries, belong to the layer, in the order in which they were first set (what
    stands in containers comes after what stands alone). Each has a path, such as ``"l1/W"``, or
    ``"blocks/0/W"`` in a list.

    Example:
        >>> import numpy as np
        >>> from dezero_nn import Linear
        >>> class Scale(Layer):
        ...     def __init__(self):
        ...         self.factor = Parameter(np.array(2.0))
        ...         self.inner = Linear(3, in_size=2)
        ...
        ...     def forward(self, x):
        ...         return self.inner(x) * self.factor
        >>> layer = Scale()
        >>> [path for path, _ in layer.namedparams()]
        ['factor', 'inner/W', 'inner/b']
    """

    # The names of attributes that may hold parameters, in order; a dictionary serves as the set.
    _params: dict[str, None]
    # The structure when `params` was last asked, and the answer: None where that may change unseen,
    # since lists and dictionaries do not tell.
    _known: tuple[object, Sequence[Parameter] | None]

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """Begin with no parameters. Not in the constructor, which subclasses need not call."""
        layer = super().__new__(cls)
        layer.__dict__.update(_params={}, _known=(None, None))
        return layer

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, _KEPT):
            self._params[name] = None
            note_change()
        elif self._params.pop(name, _ABSENT) is not _ABSENT:
            note_change()
        super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        if self._params.pop(name, _ABSENT) is not _ABSENT:
            note_change()
        super().__delattr__(name)

    def __call__(self, *inputs: Any, **settings: Any) -> Any:
        """Compute `forward`."""
        if current().watcher is None:
            return self.forward(*inputs, **settings)
        with layer_call(self):
            return self.forward(*inputs, **settings)

    def forward(self, *inputs: Any, **settings: Any) -> Any:
        """Compute the outputs, Variables, from the inputs. Subclasses define it."""
        raise NotImplementedError(f"{type(self).__name__} has no method forward(self, *inputs)")

    def __repr__(self) -> str:
        return tree_text(self)

    def _repr_html_(self) -> str | None:
        """Return what a notebook shows; None, for the text, where nothing installed draws."""
        return notebook_view(self)

    # --- parameters --------------------------------------------------------------------------

    def params(self) -> Iterator[Parameter]:
        """Yield all parameters, inner layers' too, each once, always in the same order."""
        # Twice in each training step, so it is remembered.
        now = _structure
        then, known = self._known
        if then is not now or known is None:
            found = [value for _, _, _, value in self._find() if isinstance(value, Parameter)]
            if then is not now:
                self.__dict__["_known"] = now, found if self._is_fixed(set()) else None
            return iter(found)
        return iter(known)

    def namedparams(self) -> Iterator[tuple[str, Parameter]]:
        """Yield the path and the parameter for each; one that is shared has its first path."""
        found = self._find()
        return iter([(path, value) for path, _, _, value in found if isinstance(value, Parameter)])

    def namedlayers(self) -> Iterator[tuple[str, Layer]]:
        """Yield the path and the layer for each layer inside, after this one, whose path is ``""``.

        One that is shared has its first path.

        Example:
            >>> from dezero_nn import Linear, Sequential
            >>> [path for path, _ in Sequential(Linear(3), Linear(2)).namedlayers()]
            ['', 'l0', 'l1']
        """
        return walk(self, "", set())

    def apply(self: _Self, function: Callable[[Layer], Any]) -> _Self:
        """Call a function on each layer inside, inner ones first, and on this one last.

        Args:
            function: What it returns is of no interest.

        Returns:
            The layer itself.

        Example:
            >>> from dezero_nn import Linear, Sequential
            >>> def halve(layer):
            ...     if isinstance(layer, Linear):
            ...         layer.W.data *= 0.5
            >>> model = Sequential(Linear(3, in_size=2)).apply(halve)
        """
        for _, layer in reversed(list(self.namedlayers())):
            function(layer)
        return self

    def copy(self: _Self) -> _Self:
        """Return a layer with parameters of its own, of the same values.

        What is shared inside is shared inside the copy. It has no gradients, and no graph.
        """
        return copy.deepcopy(self)

    def freeze(self: _Self) -> _Self:
        """Make constants of all parameters: no gradient is computed for them, none is kept.

        Running statistics are no parameters: they follow the data still, unless in test mode.

        Returns:
            The layer itself.

        Example:
            >>> from dezero_nn import Linear, Sequential
            >>> model = Sequential(Linear(3), Linear(2))
            >>> _ = model.l0.freeze()
            >>> [path for path, p in model.namedparams() if p.requires_grad]
            ['l1/W', 'l1/b']
        """
        for parameter in self.params():
            parameter.requires_grad = False
        return self

    def unfreeze(self: _Self) -> _Self:
        """Let gradients flow to all parameters again. Returns the layer itself."""
        for parameter in self.params():
            parameter.requires_grad = True
        return self

    def cleargrads(self) -> None:
        """Forget the gradients of all parameters."""
        for parameter in self.params():
            parameter.cleargrad()

    def to(self: _Self, device: str | Device) -> _Self:
        """Move all parameters, their gradients, and persistent values to a device.

        Args:
            device: ``"cpu"``, ``"cuda"``, ``"cuda:1"``, or a `dezero_core.Device`.

        Returns:
            The layer itself.

        Raises:
            LookupError: There is no such device; the message says what to install.
            RuntimeError: It cannot be used here; the message says what is missing. Nothing moved.

        Example:
            >>> from dezero_nn import Linear
            >>> layer = Linear(3, in_size=2).to("cpu")
        """
        self._move(Device(device, f"{type(self).__name__}.to"))
        return self

    def to_cpu(self) -> None:
        """Move all parameters, and persistent values, to the host (book step 52)."""
        self._move(Device("cpu"))

    def to_gpu(self) -> None:
        """Move all parameters, and persistent values, to the GPU (book step 52).

        Raises:
            LookupError: There is no backend ``"cuda"``; the message says what to install.
            RuntimeError: There is no GPU that can be used; the message says what is missing.
        """
        self._move(Device("cuda", f"{type(self).__name__}.to_gpu"))

    def _move(self, device: Device) -> None:
        for _, _, _, value in self._find():
            value.to(device)

    def _is_fixed(self, seen: set[int]) -> bool:
        """Tell whether no parameter can come or go unseen."""
        seen.add(id(self))
        values = [self.__dict__.get(name) for name in self._params]
        return not any(isinstance(value, _CONTAINERS) for value in values) and all(
            layer._is_fixed(seen) for _, layer in children(self) if id(layer) not in seen
        )

    def _find(self) -> list[_Found]:
        found: list[_Found] = []
        self._add_own("", found, {id(self)})
        return found

    def _add_own(self, prefix: str, found: list[_Found], seen: set[int]) -> None:
        attributes = self.__dict__
        containers = []
        for name in self._params:
            value = attributes.get(name)
            if isinstance(value, _VALUES):
                if id(value) not in seen:
                    seen.add(id(value))
                    found.append((prefix + name, self, name, value))
            elif isinstance(value, Layer):
                if id(value) not in seen:
                    seen.add(id(value))
                    value._add_own(f"{prefix}{name}/", found, seen)
            elif value is not None:  # a property keeps its value elsewhere
                containers.append((name, value))
        for name, value in containers:
            self._add_items(f"{prefix}{name}/", name, value, found, seen)

    def _add_items(
        self, prefix: str, name: str, container: Any, found: list[_Found], seen: set[int]
    ) -> None:
        items = container.items() if isinstance(container, dict) else enumerate(container)
        for key, item in items:
            if isinstance(item, _CONTAINERS):
                self._add_items(f"{prefix}{key}/", name, item, found, seen)
            elif isinstance(item, (*_VALUES, Layer)) and id(item) not in seen:
                seen.add(id(item))
                if isinstance(item, Layer):
                    item._add_own(f"{prefix}{key}/", found, seen)
                else:
                    found.append((f"{prefix}{key}", self, name, item))

    def _flatten_params(self, params_dict: dict[str, Parameter], parent_key: str = "") -> None:
        """Put the parameters into a dictionary by path, below `parent_key` (book step 53)."""
        prefix = f"{parent_key}/" if parent_key else ""
        params_dict.update((prefix + path, parameter) for path, parameter in self.namedparams())

    # --- state -------------------------------------------------------------------------------

    def lazy_spec(self, attribute: str) -> tuple[tuple[int | None, ...], DTypeLike] | None:
        """Say what an own parameter that has no array yet will be, as far as that is known.

        Subclasses with lazy parameters define it, so that loading can tell a weight that fits. It
        is asked for persistent values too.

        Args:
            attribute: The parameter's attribute.

        Returns:
            The shape, None for a length that the input will decide, and the dtype; None if nothing
            is known.
        """
        return None

    def state_dict(self) -> dict[str, Array]:
        """Return a copy of each array on the host, parameters' and persistent values', by path.

        Returns:
            NumPy arrays, which later training does not change. For a parameter that has none yet,
            since the layer was never called, an array without elements.
        """
        wanted = self._wanted()
        return {
            path: wanted[path].placeholder if value.data is None else as_numpy(value).copy()
            for path, _, _, value in self._find()
        }

    def load_state_dict(self, state: Mapping[str, Array], strict: bool = True) -> LoadReport:
        """Take over the arrays that `state_dict` returned.

        Each parameter keeps its dtype and its device. A layer that was never called takes the
        arrays' shapes, as far as they fit. What the layer shares may stand under any of its paths.

        Args:
            state: Arrays by path.
            strict: Whether all must fit. Otherwise what fits is taken, and the rest stays.

        Returns:
            What did not fit: nothing, if `strict`.

        Raises:
            ValueError: Parameters are missing, unexpected, or of another shape or kind. The message
                lists all of them, and nothing was changed.
        """
        found = {path: saved_of(value) for path, value in state.items()}
        loading = Loading(self, self._wanted(), "load_state_dict", "the state", found, strict)
        self._take(loading.arrays(state))
        return loading.report

    def save_weights(self, path: str | os.PathLike[str]) -> None:
        """Save all parameters, and persistent values, into a file, by path (book step 53).

        The file appears whole, or not at all: an interrupted save leaves what was there before.

        Args:
            path: The file. Its ending tells the format: ``.npz``, which `numpy.load` reads, and the
                book's package; or ``.safetensors``, which many other frameworks read.

        Raises:
            ValueError: Another ending.
            ModuleNotFoundError: The package safetensors is not installed.
            FileNotFoundError: The folder does not exist.
            OSError: The file cannot be written.

        Example:
            >>> import tempfile
            >>> from dezero_nn import Linear
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     Linear(3, in_size=2).save_weights(f"{folder}/linear.npz")
            ...     report = Linear(3).load_weights(f"{folder}/linear.npz")
        """
        write_weights(path, self.state_dict())

    def load_weights(self, path: str | os.PathLike[str], strict: bool = True) -> LoadReport:
        """Load what `save_weights` saved, also into a layer that was never called (book step 53).

        Nothing in the file can run code. Shapes are compared before anything is read into memory.

        Args:
            path: The file, ``.npz`` or ``.safetensors``.
            strict: Whether all must fit. Otherwise what fits is loaded, and the rest stays.

        Returns:
            What did not fit: nothing, if `strict`.

        Raises:
            FileNotFoundError: There is no such file.
            ModuleNotFoundError: The package safetensors is not installed.
            ValueError: It is no weight file, it is damaged, or its parameters do not fit; then the
                message lists all that is missing, unexpected, or of another shape. In each case
                the layer is as it was.

        Example:
            >>> import tempfile
            >>> from dezero_nn import MLP
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     MLP((3, 2)).save_weights(f"{folder}/mlp.npz")
            ...     print(MLP((3, 5)).load_weights(f"{folder}/mlp.npz", strict=False))
            different: l1/W, float32[0, 2] in mlp.npz, float32[?, 5] in the MLP
            different: l1/b, float32[2] in mlp.npz, float32[5] in the MLP
        """
        source = os.path.basename(os.fspath(path))
        with open_weights(path) as file:
            wanted = self._wanted()
            loading = Loading(self, wanted, "load_weights", source, file.found, strict)
            self._take(loading.arrays(file))
        return loading.report

    def _wanted(self) -> dict[str, Wanted]:
        wanted: dict[str, Wanted] = {}
        for path, owner, attribute, value in self._find():
            if path in wanted:
                raise ValueError(
                    f"{type(self).__name__}: two parameters have the path {path}; rename one"
                )
            if value.data is not None:
                wanted[path] = Wanted(value.shape, value.dtype)
            else:
                shape, dtype = owner.lazy_spec(attribute) or (None, None)
                dtype = None if dtype is None else np.dtype(dtype)
                wanted[path] = Wanted(shape, dtype)
        return wanted

    def _take(self, state: Mapping[str, Array]) -> None:
        """Set the arrays that the state has, none before all are made."""
        wanted = self._wanted()
        pairs = []
        for path, _, _, value in self._find():
            if path not in state:
                continue
            # A copy: a change of the state shall not change the layer.
            array = np.array(as_numpy(state[path]), wanted[path].dtype)
            if value.data is not None:
                pairs.append((value, device_of(value.data).asarray(array)))
            elif array.size:
                pairs.append((value, array))
        for value, array in pairs:
            value.data = array


# What a layer looks into for parameters.
_KEPT = (*_VALUES, Layer, *_CONTAINERS)
