"""PyTorch's files of tensors, read without running the pickle program that they contain.

Such a file is a pickle that says which tensors there are, and the numbers of each storage: in a zip
archive since PyTorch 1.6, one after the other before. Python's unpickler calls whatever a pickle
names. Here the opcodes are only parsed, by the standard library, and `_follow` carries out the few
that describe tensors. Whatever else a file contains is refused by its name.
"""

from __future__ import annotations

import io
import os
import pickletools
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import prod
from typing import IO, Any, Final, NamedTuple, TypeAlias

import numpy as np

from dezero_core.typing import Array

__all__ = ["read_torch_file"]

_DTYPES: Final = {
    "torch.DoubleStorage": "f8",
    "torch.FloatStorage": "f4",
    "torch.HalfStorage": "f2",
    "torch.BFloat16Storage": "u2",  # NumPy has no such type: the bits, widened by `_widen`
    "torch.LongStorage": "i8",
    "torch.IntStorage": "i4",
    "torch.ShortStorage": "i2",
    "torch.CharStorage": "i1",
    "torch.ByteStorage": "u1",
    "torch.BoolStorage": "?",
}
_BFLOAT16: Final = "torch.BFloat16Storage"
_LEGACY_MAGIC: Final = 0x1950A86A20F9469CFC6C
_LEGACY_PROTOCOL: Final = 1001
# The descriptions of the largest models take a megabyte or two.
_LARGEST_PICKLE: Final = 32 << 20


class _Global(NamedTuple):
    """What the pickle refers to by name. It is never looked up."""

    name: str


class _Storage(NamedTuple):
    key: str
    kind: str
    size: int

    @property
    def n_bytes(self) -> int:
        return self.size * np.dtype(_DTYPES[self.kind]).itemsize


class _Tensor(NamedTuple):
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


# Gives the bytes of a storage, and whether they are in little-endian order.
_Reader: TypeAlias = Callable[[_Storage], tuple[bytes, bool]]


def read_torch_file(path: str | os.PathLike[str]) -> dict[str, Array]:
    """Read the tensors of a state dictionary that `torch.save` wrote.

    Args:
        path: The file, ``.pth``, in PyTorch's present format or the one before version 1.6.

    Returns:
        Arrays by the names that the tensors have, bfloat16 as float32. They may be views.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no such file, is damaged, or contains anything but a dictionary of
            tensors. Nothing of it was run.
    """
    with open(path, "rb") as file, _explaining(path):
        if zipfile.is_zipfile(file):
            with zipfile.ZipFile(file) as archive:
                state, read = _open_archive(archive, os.fstat(file.fileno()).st_size)
                return _arrays(state, read)
        file.seek(0)
        return _arrays(*_open_legacy(file))


@contextmanager
def _explaining(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn all that damaged files make the standard library raise into one kind of error."""
    try:
        yield
    except (
        zipfile.BadZipFile,
        zlib.error,
        AttributeError,
        EOFError,
        IndexError,
        KeyError,
        NotImplementedError,
        OverflowError,
        RuntimeError,
        TypeError,
        ValueError,
    ) as error:
        raise ValueError(
            f"{os.fspath(path)} is no file of tensors from torch.save, or is damaged: {error}"
        ) from error


# --- the two formats -----------------------------------------------------------------------------


def _open_archive(archive: zipfile.ZipFile, file_size: int) -> tuple[dict[str, _Tensor], _Reader]:
    names = [name for name in archive.namelist() if name.endswith("/data.pkl")]
    if len(names) != 1:
        raise ValueError(f"it is an archive with {len(names)} members */data.pkl instead of one")
    folder = names[0].removesuffix("data.pkl")

    def member(name: str, largest: int) -> bytes:
        entry = archive.getinfo(folder + name)
        # PyTorch does not compress: a few bytes can not unfold into what no memory holds.
        if entry.compress_type != zipfile.ZIP_STORED or entry.file_size > min(largest, file_size):
            raise ValueError(f"{entry.filename} is compressed, or larger than it can be")
        return archive.read(entry)

    def read(storage: _Storage) -> tuple[bytes, bool]:
        return member(f"data/{storage.key}", storage.n_bytes), is_little

    has_order = f"{folder}byteorder" in archive.namelist()
    is_little = not has_order or member("byteorder", 6) == b"little"
    return _tensors(_follow(io.BytesIO(member("data.pkl", _LARGEST_PICKLE)))), read


def _open_legacy(file: IO[bytes]) -> tuple[dict[str, _Tensor], _Reader]:
    # In memory, since a stream there never allocates more than it has, whatever length it is told.
    pickles = io.BytesIO(file.read(_LARGEST_PICKLE))
    if _follow(pickles) != _LEGACY_MAGIC or _follow(pickles) != _LEGACY_PROTOCOL:
        raise ValueError("it does not begin as torch.save begins a file")
    is_little = _follow(pickles)["little_endian"] is True
    state, keys = _tensors(_follow(pickles)), _follow(pickles)

    # Behind the pickles: for each storage the number of its elements, and the elements.
    storages = {tensor.storage.key: tensor.storage for tensor in state.values()}
    places, place = {}, pickles.tell()
    for key in keys:
        places[_expect(key, str)] = place
        place += 8 + storages[key].n_bytes

    def read(storage: _Storage) -> tuple[bytes, bool]:
        file.seek(places[storage.key])
        size = int.from_bytes(file.read(8), "little" if is_little else "big")
        if size != storage.size:
            raise ValueError(f"storage {storage.key} has {size} elements, not {storage.size}")
        file_size = os.fstat(file.fileno()).st_size
        return file.read(min(storage.n_bytes, file_size)), is_little

    return state, read


# --- from descriptions to arrays -----------------------------------------------------------------


def _tensors(state: Any) -> dict[str, _Tensor]:
    if not isinstance(state, dict):
        raise ValueError(f"it holds a {type(state).__name__}, not a dictionary of tensors")
    foreign = [key for key, value in state.items() if not isinstance(value, _Tensor)]
    if foreign:
        raise ValueError(
            f"it holds more than tensors: {', '.join(foreign[:8])}. "
            "Save the state dictionary alone: torch.save(model.state_dict(), path)"
        )
    return state


def _arrays(state: dict[str, _Tensor], read: _Reader) -> dict[str, Array]:
    storages: dict[str, Array] = {}
    arrays = {}
    for name, tensor in state.items():
        if tensor.storage.key not in storages:
            storages[tensor.storage.key] = _load(tensor.storage, *read(tensor.storage))
        arrays[name] = _view(name, tensor, storages[tensor.storage.key])
    return arrays


def _load(storage: _Storage, data: bytes, is_little: bool) -> Array:
    if len(data) != storage.n_bytes:
        raise ValueError(
            f"storage {storage.key} has {len(data)} bytes instead of {storage.n_bytes}"
        )
    array = np.frombuffer(
        data, np.dtype(_DTYPES[storage.kind]).newbyteorder("<" if is_little else ">")
    )
    if storage.kind == _BFLOAT16:
        # The upper half of a float32.
        array = (array.astype(np.uint32) << np.uint32(16)).view(np.float32)
    return array


def _view(name: str, tensor: _Tensor, storage: Array) -> Array:
    offset, shape, strides = tensor[1:]
    if len(shape) != len(strides) or min((offset, *shape, *strides)) < 0:
        raise ValueError(f"{name} has the shape {shape} with the strides {strides}")
    # More elements than the storage has would be repeated ones: a few bytes for a huge array.
    end = offset + sum((n - 1) * stride for n, stride in zip(shape, strides, strict=True)) + 1
    if prod(shape) > storage.size or (prod(shape) and end > storage.size):
        raise ValueError(f"{name}, {shape}, reaches beyond its storage of {storage.size}")
    steps = [stride * storage.itemsize for stride in strides]
    array = np.lib.stride_tricks.as_strided(storage[offset:], shape, steps, writeable=False)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


# --- the pickle ----------------------------------------------------------------------------------


def _follow(stream: IO[bytes]) -> Any:
    """Carry out a pickle's opcodes as far as they describe tensors, up to its end."""
    stack: list[Any] = []
    marks: list[int] = []
    memo: dict[int, Any] = {}

    def items() -> list[Any]:
        """Take off the stack what was put there since the last mark."""
        start = marks.pop()
        found = stack[start:]
        del stack[start:]
        return found

    argument: Any
    for opcode, argument, _ in pickletools.genops(stream):
        name = opcode.name
        if name in ("PROTO", "FRAME"):
            pass
        elif name in _VALUES:
            stack.append(argument)
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name]())
        elif name == "MARK":
            marks.append(len(stack))
        elif name in ("BINPUT", "LONG_BINPUT"):
            memo[argument] = stack[-1]
        elif name == "MEMOIZE":
            memo[len(memo)] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            stack.append(memo[argument])
        elif name == "TUPLE":
            stack.append(tuple(items()))
        elif name in _TUPLES:
            start = len(stack) - _TUPLES[name]
            stack[start:] = [tuple(stack[start:])]
        elif name in ("APPEND", "APPENDS"):
            new = items() if name == "APPENDS" else [stack.pop()]
            _expect(stack[-1], list).extend(new)
        elif name in ("SETITEM", "SETITEMS"):
            new = items() if name == "SETITEMS" else [stack.pop(-2), stack.pop()]
            pairs = zip(new[::2], new[1::2], strict=True)
            _expect(stack[-1], dict).update(_dictionary(pairs))
        elif name == "GLOBAL":
            stack.append(_named(*argument.split(" ", 1)))
        elif name == "STACK_GLOBAL":
            stack.append(_named(_expect(stack.pop(-2), str), _expect(stack.pop(), str)))
        elif name == "BINPERSID":
            stack.append(_storage(*_expect(stack.pop(), tuple)))
        elif name == "REDUCE":
            function, arguments = _expect(stack.pop(-2), _Global), _expect(stack.pop(), tuple)
            if function.name not in _CALLS:
                raise ValueError(f"it would call {function.name}")
            stack.append(_CALLS[function.name](*arguments))
        elif name == "BUILD":
            # Attributes of a dictionary: PyTorch notes versions of modules there.
            stack.pop()
            _expect(stack[-1], dict)
        elif name == "STOP":
            return stack.pop()
        else:
            raise ValueError(f"it uses the pickle opcode {name}, which no file of tensors needs")
    raise EOFError("it ends too early")


def _named(module: str, attribute: str) -> _Global:
    name = f"{module}.{attribute}"
    if name not in _CALLS and name not in _DTYPES:
        raise ValueError(
            f"it refers to {name}, which describes no tensor and could run code; it was not touched"
        )
    return _Global(name)


def _expect(value: Any, kind: type) -> Any:
    if not isinstance(value, kind):
        said = f"the name {value.name}" if isinstance(value, _Global) else type(value).__name__
        raise ValueError(f"it has {said} where a {kind.__name__.strip('_')} belongs")
    return value


def _storage(tag: Any, kind: Any, key: Any, location: Any, size: Any, view: Any = None) -> _Storage:
    name = _expect(kind, _Global).name
    if tag != "storage" or name not in _DTYPES or view is not None:
        raise ValueError(f"it refers to a {tag} of {name}, which is not supported")
    if _expect(size, int) < 0:
        raise ValueError(f"it has a storage of {size} elements")
    return _Storage(_expect(key, str), name, size)


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> _Tensor:
    for number in (offset, *_expect(shape, tuple), *_expect(strides, tuple)):
        _expect(number, int)
    return _Tensor(_expect(storage, _Storage), offset, shape, strides)


def _parameter(tensor: Any, *_: Any) -> _Tensor:
    found: _Tensor = _expect(tensor, _Tensor)
    return found


def _dictionary(pairs: Any = ()) -> dict[Any, Any]:
    # Keys of strings alone: to hash a tuple nested a million times would end the process.
    return {_expect(key, str): value for key, value in pairs}


_VALUES: Final = frozenset(
    (
        *("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"),
        *("BINUNICODE", "SHORT_BINUNICODE", "BINSTRING", "SHORT_BINSTRING"),
    )
)
_CONSTANTS: Final[dict[str, Callable[[], Any]]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_TUPLE": tuple,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
}
_TUPLES: Final = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_CALLS: Final[dict[str, Callable[..., Any]]] = {
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_parameter": _parameter,
    "collections.OrderedDict": _dictionary,
}
