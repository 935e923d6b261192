"""The strict fake device of dezero_core behaves as the installed CuPy does.

What CuPy offers needs no device to be compared. Run as a program, this file prints the table:
``python test_fake_device.py``; what follows the table by hand stays as it is.
"""

from __future__ import annotations

import importlib.util
import inspect
import re
import textwrap
from collections.abc import Callable, Iterable
from importlib.resources import files
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import dezero_cuda
from dezero_core.testing import FakeDevice

# Files, printing and polynomials: nothing that a network computes.
LEFT_OUT = """
apply_along_axis apply_over_axes array2string array_repr array_str asarray_chkfinite base_repr
binary_repr format_float_positional format_float_scientific frombuffer fromfile fromfunction
fromiter fromstring genfromtxt get_printoptions get_state index_exp iterable load loadtxt
mask_indices memmap mintypecode piecewise poly polyadd polyfit polymul polysub polyval
printoptions require roots save savetxt savez savez_compressed set_printoptions show_config
typename vectorize
byteswap dump dumps mdspan reduced_view toDlpack tofile
"""
HEAD = "# What CuPy {} offers, as far as the fake device models it: names, and what a call takes."
BY_HAND = "# What follows was read in CuPy's source, by hand."

needs_cupy = pytest.mark.skipif(
    importlib.util.find_spec("cupy") is None, reason="CuPy is not installed"
)
needs_device = pytest.mark.skipif(
    not dezero_cuda.is_available(), reason=str(dezero_cuda.diagnose())
)


def describe_cupy() -> str:
    """Return the table of what the installed CuPy offers."""
    import cupy

    ufuncs = [
        name
        for name in public(cupy)
        if isinstance(getattr(cupy, name), cupy.ufunc) and hasattr(np, name)
    ]
    functions = describe_functions(cupy, np)
    # These are written in Cython, which keeps no signature.
    functions |= {"matmul": "x1 x2 out", "size": "a axis", "min_scalar_type": "a"}
    functions["asnumpy"] = parameters(cupy.asnumpy)
    shared = [name for name in public(cupy) if getattr(np, name, ...) is getattr(cupy, name)]
    sections: dict[str, Iterable[str]] = {"ufunc": wrapped(ufuncs)}
    for method in ("at", "reduce", "accumulate", "reduceat"):
        supported = [name for name in ufuncs if supports(getattr(cupy, name), method)]
        sections[f"ufunc.{method}"] = wrapped(supported)
    sections["same"] = wrapped(shared)
    sections["function"] = lines(functions)
    for name in ("linalg", "fft", "random"):
        sections[name] = lines(describe_functions(getattr(cupy, name), getattr(np, name)))
    sections["generator"] = lines(describe_methods(cupy.random.Generator))
    sections["ndarray"] = lines(describe_methods(cupy.ndarray))
    parts = [f"[{name}]\n" + "\n".join(body) + "\n" for name, body in sections.items()]
    return "\n".join([HEAD.format(cupy.__version__) + "\n", *parts])


def public(namespace: Any) -> list[str]:
    names = sorted(name for name in dir(namespace) if not name.startswith("_"))
    return [name for name in names if name not in LEFT_OUT.split()]


def describe_functions(module: ModuleType, host: ModuleType) -> dict[str, str]:
    return {
        name: parameters(getattr(module, name))
        for name in public(module)
        if inspect.isfunction(getattr(module, name))
        and getattr(host, name, getattr(module, name)) is not getattr(module, name)
    }


def describe_methods(kind: type) -> dict[str, str]:
    return {name: documented(getattr(kind, name)) for name in public(kind) if is_method(kind, name)}


def is_method(kind: type, name: str) -> bool:
    return callable(getattr(kind, name))


def parameters(function: Callable[..., Any]) -> str:
    names: list[str] = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is parameter.VAR_POSITIONAL:
            names.append(f"*{parameter.name}")
        elif parameter.kind is parameter.VAR_KEYWORD:
            names.append(f"**{parameter.name}")
        else:
            if parameter.kind is parameter.KEYWORD_ONLY and not any(n[0] == "*" for n in names):
                names.append("*")
            names.append(parameter.name)
    return " ".join(names)


def documented(method: Any) -> str:
    """Return the parameters that Cython wrote into the first line of a docstring."""
    first = (method.__doc__ or "").partition("\n")[0]
    match = re.match(r"[\w.]+\((.*)\)( ->.*)?$", first)
    assert match is not None, first
    pieces = re.sub(r"\([^)]*\)", "", match[1]).split(",")
    names = [piece.partition("=")[0].split()[-1] for piece in pieces]
    return " ".join(name for name in names if name != "self")


def supports(ufunc: Any, method: str) -> bool:
    # A number is no array, so what is supported fails later than what is not.
    operands = {"at": (1, 2, 3), "reduceat": (1, 2)}.get(method, (1,))
    try:
        getattr(ufunc, method)(*operands)
    except NotImplementedError:
        return False
    except AttributeError:
        return True
    raise AssertionError(f"{ufunc}.{method} takes numbers")


def wrapped(names: list[str]) -> list[str]:
    return textwrap.wrap(" ".join(names), 96)


def lines(signatures: dict[str, str]) -> list[str]:
    return [f"{name}: {text}".rstrip() for name, text in sorted(signatures.items())]


@needs_cupy
def test_the_table_is_that_of_the_installed_cupy() -> None:
    table = (files("dezero_core.testing") / "cupy_api.txt").read_text(encoding="utf-8")
    recorded = table.partition(BY_HAND)[0]
    assert recorded.strip().splitlines()[1:] == describe_cupy().strip().splitlines()[1:]


def cupy_array(host: Any) -> Any:
    """Return a CuPy array over memory on the host: nobody may compute on it, but there it is.

    It needs no driver, so what CuPy decides before it launches a kernel can be compared anywhere.
    """
    from cupy import ndarray
    from cupy.cuda import MemoryPointer, UnownedMemory

    memory = UnownedMemory(host.ctypes.data, host.nbytes, host, 0)
    return ndarray(host.shape, host.dtype, MemoryPointer(memory, 0))


def outcome(xp: Any, x: Any, call: Callable[[Any, Any], Any]) -> Any:
    """Return what came of a call: an error's class, or an array's looks, or what it gave."""
    try:
        result = call(xp, x)
    except Exception as error:
        return type(error)
    if isinstance(result, xp.ndarray):
        return ("array", result.dtype, result.shape, result.strides, result.base is x)
    return result


DATA = np.arange(6, dtype=np.float32).reshape(2, 3)


@needs_cupy
@pytest.mark.parametrize(
    "call",
    [
        # Views, layout and identity.
        lambda xp, x: x[0],
        lambda xp, x: x[0, 1],
        lambda xp, x: x[..., ::-1],
        lambda xp, x: x[0][1:],
        lambda xp, x: x[:, None, 1:],
        lambda xp, x: x.T,
        lambda xp, x: x.mT,
        lambda xp, x: x.reshape(-1)[1:],
        lambda xp, x: x.ravel(),
        lambda xp, x: xp.squeeze(x[None]),
        lambda xp, x: xp.expand_dims(x, 0),
        lambda xp, x: xp.moveaxis(x, 0, 1),
        lambda xp, x: xp.flip(x, 0),
        lambda xp, x: xp.diagonal(x),
        lambda xp, x: xp.split(x, 3, axis=1)[1],
        lambda xp, x: xp.broadcast_to(x, (2, 2, 3)),
        lambda xp, x: x.view(np.int32),
        lambda xp, x: x.astype(np.float32, copy=False) is x,
        lambda xp, x: xp.ascontiguousarray(x) is x,
        lambda xp, x: (x.base, x.T.base is x, x.flags.owndata, x.T.flags.owndata),
        lambda xp, x: (x.flags.c_contiguous, x.T.flags["C_CONTIGUOUS"], x.T.flags.f_contiguous),
        lambda xp, x: x.flags["C"],
        lambda xp, x: x.flags.writeable,
        lambda xp, x: (xp.ndim(x), xp.shape(x), xp.size(x), np.ndim(x), np.shape(x), len(x)),
        lambda xp, x: (xp.result_type(x, 1.0), xp.result_type(x, np.float64), np.size(x)),
        lambda xp, x: (xp.isscalar(x), xp.iscomplexobj(x), xp.may_share_memory(x, x)),
        # No turning into something of the host.
        lambda xp, x: np.asarray(x),
        lambda xp, x: np.float32(x),
        lambda xp, x: hash(x),
        lambda xp, x: range(x),
        lambda xp, x: [1, 2][x],
        lambda xp, x: bool(x),
        lambda xp, x: x.item(),
        # Operands and parameters.
        lambda xp, x: x @ np.ones((3, 2)),
        lambda xp, x: x @ 2,
        lambda xp, x: xp.dot(x, 2.0),
        lambda xp, x: xp.matmul(x, [1.0]),
        lambda xp, x: xp.tensordot(x, np.ones((3, 2)), 1),
        lambda xp, x: xp.stack([[1.0], [2.0]]),
        lambda xp, x: xp.zeros(x),
        lambda xp, x: xp.sum(x, axis=x),
        lambda xp, x: xp.expand_dims(x, x),
        lambda xp, x: xp.pad(x, x),
        lambda xp, x: xp.sum(x, where=True),
        lambda xp, x: x.max(initial=0),
        lambda xp, x: xp.clip(x, min=0),
        lambda xp, x: xp.reshape(x, shape=(3, 2)),
        lambda xp, x: np.exp(x, where=True),
        lambda xp, x: np.sum(x, where=True),
        lambda xp, x: np.modf(x, out=(x, x)),
        lambda xp, x: np.insert(x, 0, 1),
        lambda xp, x: np.geomspace(x, x),
        lambda xp, x: xp.maximum.reduce(x),
        lambda xp, x: xp.multiply.at(x, 0, 1),
        lambda xp, x: xp.errstate(),
        lambda xp, x: x.fill(np.ones(2)),
        lambda xp, x: x.__setitem__(slice(1), np.ones((1, 3), np.float32)),
        lambda xp, x: x.__setitem__(slice(1), [1.0, 2.0, 3.0]),
        # Bad input.
        lambda xp, x: x[5],
        lambda xp, x: x[0, 0, 0],
        lambda xp, x: x.reshape(7),
        lambda xp, x: x.sum(axis=5),
        lambda xp, x: xp.squeeze(x, 0),
    ],
)
def test_same_manners(call: Callable[[Any, Any], Any]) -> None:
    import cupy

    fake = FakeDevice().xp
    expected = outcome(cupy, cupy_array(DATA.copy()), call)
    assert outcome(fake, fake.asarray(DATA), call) == expected


@pytest.mark.gpu
@needs_device
@pytest.mark.parametrize(
    "call",
    [
        lambda xp, x: x.sum(),
        lambda xp, x: x * np.float64(2),
        lambda xp, x: np.float32(2) * x,
        lambda xp, x: xp.exp(x.T),
        lambda xp, x: x + np.ones(3, np.float32),
        lambda xp, x: np.ones(3, np.float32) + x,
        lambda xp, x: xp.maximum(x, np.ones(3)),
        lambda xp, x: xp.exp([1.0]),
        lambda xp, x: np.sum(x),
        lambda xp, x: np.spacing(x),
        lambda xp, x: x[np.array([1, 0])],
        lambda xp, x: x[[1]],
        lambda xp, x: x[x > 2],
        lambda xp, x: xp.add.at(x, xp.asarray([0, 0]), 1),
        lambda xp, x: xp.add.at(x.astype("int64"), xp.asarray([0, 0]), 1),
        lambda xp, x: xp.allclose(x, x),
        lambda xp, x: xp.concatenate([x, np.ones((2, 3))]),
        lambda xp, x: type(xp.linalg.slogdet(xp.eye(2))),
        lambda xp, x: xp.linalg.inv(xp.ones((2, 3))),
        lambda xp, x: xp.where(x > 2, x, 0.0),
        lambda xp, x: xp.asarray(x) is x,
        lambda xp, x: float(x.sum()),
        lambda xp, x: x.tolist(),
    ],
)
def test_same_manners_on_a_device(call: Callable[[Any, Any], Any]) -> None:
    import cupy

    fake = FakeDevice().xp
    expected = outcome(cupy, cupy.asarray(DATA), call)
    assert outcome(fake, fake.asarray(DATA), call) == expected


if __name__ == "__main__":
    print(describe_cupy(), end="")
