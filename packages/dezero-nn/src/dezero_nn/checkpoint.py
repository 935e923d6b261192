"""The state of a training run in one file, from which it goes on as if nothing had happened."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any, TypeAlias

import numpy as np

from dezero_core import as_numpy
from dezero_core.backend import backend_of
from dezero_core.errors import describe
from dezero_core.files import atomic_write
from dezero_core.protocols import StatefulObject
from dezero_core.typing import Array
from dezero_nn.layers import Layer
from dezero_nn.layers._npz import open_arrays, write_arrays

__all__ = ["Checkpoint"]

_Generator: TypeAlias = np.random.Generator | np.random.RandomState
_GENERATORS = (np.random.Generator, np.random.RandomState)
# The member that holds all that is no array, as JSON in UTF-8.
_TREE = "checkpoint.json"
_FORMAT = ["dezero checkpoint", 1]


class Checkpoint:
    """Saves what a training run consists of, and restores it bit for bit.

    Besides the objects that it is given it saves the state of NumPy's global generator, from which
    weights, dropout and loaders draw unless they have a generator of their own; such a generator
    belongs among the objects. (The generator of a GPU library is out of its reach: give dropout one
    of NumPy's where a run on a GPU shall be repeated.)

    The file is an npz file without pickle: ``numpy.load`` shows the arrays in it.

    Args:
        **objects: By name, what the run consists of: whatever has ``state_dict()`` and
            ``load_state_dict()``, such as models, optimizers, schedules and loaders; and random
            generators, `numpy.random.Generator` or `RandomState`.

    Raises:
        TypeError: An object is none of these.
        ValueError: There are no objects.

    Example:
        >>> import tempfile
        >>> from dezero_nn import MLP
        >>> model, generator = MLP((3, 2)), np.random.default_rng(0)
        >>> checkpoint = Checkpoint(model=model, generator=generator)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     checkpoint.save(f"{folder}/run.npz", epoch=3)
        ...     first = generator.random()
        ...     checkpoint.load(f"{folder}/run.npz")
        {'epoch': 3}
        >>> generator.random() == first
        True
    """

    def __init__(self, **objects: StatefulObject | _Generator) -> None:
        if not objects:
            raise ValueError("Checkpoint: there is nothing to save; give objects by name")
        for name, thing in objects.items():
            if not isinstance(thing, (StatefulObject, *_GENERATORS)):
                raise TypeError(
                    f"Checkpoint: {name} is a {type(thing).__name__}, which has no state_dict and "
                    "load_state_dict, and is no generator of numpy.random"
                )
        self._objects = objects

    def save(self, path: str | os.PathLike[str], **notes: Any) -> None:
        """Save the states of all objects.

        The file appears whole, or not at all: an interrupted save leaves what was there before.

        Args:
            path: The file.
            **notes: What else `load` shall return, such as the epoch: numbers, strings, arrays,
                and lists, tuples and dictionaries of them.

        Raises:
            TypeError: A state, or a note, has something else in it. The message says where.
            FileNotFoundError: The folder does not exist.
            OSError: The file cannot be written.
        """
        writer = _Writer()
        states = {name: _state_of(thing) for name, thing in self._objects.items()}
        tree = {
            "format": _FORMAT,
            "objects": writer.encode("", states),
            "numpy": writer.encode("numpy.random", np.random.get_state(legacy=False)),
            "notes": writer.encode("notes", notes),
        }
        text = json.dumps(tree).encode()
        arrays = {_TREE: np.frombuffer(text, np.uint8), **writer.arrays}
        with atomic_write(path) as file:
            write_arrays(file, arrays)

    def load(self, path: str | os.PathLike[str]) -> dict[str, Any]:
        """Restore the states of all objects.

        Models are restored first, for optimizers may need to know their parameters.

        Args:
            path: The file.

        Returns:
            The notes that were saved.

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: It is no checkpoint, is damaged, or is one of other objects. Whatever is
                raised, by an object whose state does not fit too, nothing was changed.
        """
        operation = f"Checkpoint.load: {os.fspath(path)}"
        states, numpy_state, notes = self._read(path, operation)
        lines = [f"missing: {name}" for name in self._objects if name not in states]
        lines += [f"unexpected: {name}" for name in states if name not in self._objects]
        if lines:
            listed = "\n  ".join(lines)
            raise ValueError(f"{operation} is one of other objects\n  {listed}")
        # Stable: apart from models, in the order of the names.
        order = sorted(self._objects, key=lambda name: not isinstance(self._objects[name], Layer))
        with ExitStack() as undo:
            undo.callback(np.random.set_state, np.random.get_state())
            for name in order:
                thing = self._objects[name]
                undo.callback(_restorer(thing))
                try:
                    _restore(thing, states[name])
                except Exception as error:
                    error.add_note(f"{operation}: {name} does not take its state")
                    raise
            try:
                np.random.set_state(numpy_state)
            except (KeyError, TypeError, ValueError) as error:
                raise ValueError(f"{operation} has no state of NumPy's generator") from error
            undo.pop_all()
        return notes

    def _read(
        self, path: str | os.PathLike[str], operation: str
    ) -> tuple[dict[str, Any], Any, dict[str, Any]]:
        with (
            open(path, "rb") as file,
            open_arrays(file, operation, kind="checkpoint") as arrays,
        ):
            try:
                if _TREE not in arrays:
                    raise ValueError(f"it holds no {_TREE}")
                tree = json.loads(arrays[_TREE].tobytes())
                if tree["format"][0] != _FORMAT[0]:
                    raise ValueError("it is of another kind")
                if tree["format"] != _FORMAT:
                    raise ValueError(f"it is of version {tree['format'][1]}, known is {_FORMAT[1]}")
                parts = [_decode(tree[key], arrays) for key in ("objects", "numpy", "notes")]
                if not all(isinstance(part, dict) for part in parts):
                    raise ValueError("its parts are not what they should be")
            except (IndexError, KeyError, RecursionError, TypeError, ValueError) as error:
                text = str(error).removeprefix(f"{operation} is no checkpoint, or is damaged: ")
                raise ValueError(f"{operation} is no checkpoint, or is damaged: {text}") from error
        return parts[0], parts[1], parts[2]


# --- the states of objects -----------------------------------------------------------------------


def _state_of(thing: Any) -> Any:
    if isinstance(thing, np.random.Generator):
        return thing.bit_generator.state
    if isinstance(thing, np.random.RandomState):
        return thing.get_state(legacy=False)
    return thing.state_dict()


def _restore(thing: Any, state: Any) -> None:
    if isinstance(thing, _GENERATORS):
        mine = _state_of(thing)["bit_generator"]
        theirs = state.get("bit_generator") if isinstance(state, Mapping) else None
        if theirs != mine:
            raise ValueError(f"the generator is a {mine}, its saved state that of a {theirs}")
        if isinstance(thing, np.random.Generator):
            thing.bit_generator.state = state
        else:
            thing.set_state(state)
    else:
        thing.load_state_dict(state)


def _restorer(thing: Any) -> Callable[[], None]:
    """Return what takes an object back to where it is now."""
    if not isinstance(thing, Layer):
        state = _state_of(thing)
        return lambda: _restore(thing, state)
    # The arrays themselves: a model that was never called has no state that could be loaded.
    values = [(value, value.data) for _, _, _, value in thing._find()]

    def restore() -> None:
        for value, data in values:
            value.data = data

    return restore


# --- trees of states, as JSON and arrays ---------------------------------------------------------


class _Writer:
    """Turns states into what JSON knows, with names in the place of arrays.

    Attributes:
        arrays: The arrays by these names.
    """

    def __init__(self) -> None:
        self.arrays: dict[str, Array] = {}

    def encode(self, path: str, value: Any) -> Any:
        if isinstance(value, np.generic):
            return {"scalar": self._keep(path, np.asarray(value))}
        if value is None or isinstance(value, (bool, int, float, str)):
            return value
        if isinstance(value, Mapping):
            items = [
                (self.encode(path, k), self.encode(f"{path}/{k}", v)) for k, v in value.items()
            ]
            return {"dict": items}
        if isinstance(value, (list, tuple)):
            encoded = [self.encode(f"{path}/{i}", item) for i, item in enumerate(value)]
            return {"tuple": encoded} if isinstance(value, tuple) else encoded
        try:
            backend_of(value)
        except TypeError:
            raise self._error(path, value) from None
        return {"array": self._keep(path, as_numpy(value))}

    def _keep(self, path: str, array: Array) -> str:
        if array.dtype.hasobject:
            raise self._error(path, array)
        name = path.lstrip("/")
        while name in self.arrays or name == _TREE:
            name += "'"
        self.arrays[name] = array
        return name

    def _error(self, path: str, value: Any) -> TypeError:
        return TypeError(
            f"Checkpoint.save: {path.lstrip('/')} is {describe(value)}; a state consists of "
            "arrays, numbers and strings, and lists, tuples and dictionaries of them"
        )


def _decode(value: Any, arrays: Mapping[str, Array]) -> Any:
    if isinstance(value, list):
        return [_decode(item, arrays) for item in value]
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "dict":
        return {_decode(k, arrays): _decode(v, arrays) for k, v in content}
    if kind == "tuple":
        return tuple([_decode(item, arrays) for item in content])
    if kind == "array":
        return arrays[content]
    if kind == "scalar":
        return arrays[content][()]
    raise ValueError(f"it holds a {kind}")
