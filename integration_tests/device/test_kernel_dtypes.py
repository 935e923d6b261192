"""What kernels do with any dtype: what the general implementation does, or its error.

Each function runs on two fake devices, with and without the kernels of dezero-cuda.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kernel_cases import CASES, X, normal

from dezero_core import Parameter, Variable, as_numpy
from dezero_core.testing import fake_device
from dezero_cuda.kernels import KERNELS, Philox
from dezero_nn import functions as F
from dezero_optim import SGD, Adam, AdamW, MomentumSGD

sys.path.insert(0, str(Path(__file__).parents[2] / "packages/dezero-cuda/tests/tools"))

from cuda_emulator import compiler, emulate

IMAGES, FILTERS = normal(2, 2, 6, 6), normal(2, 2, 3, 3, seed=1)
CHANNELS = [normal(2, seed=i) for i in range(4)]


def nesterov() -> MomentumSGD:
    return MomentumSGD(nesterov=True)


def batch_norm(x: Any, gamma: Any, beta: Any) -> Any:
    return F.batch_norm(x, gamma, beta, None, None)


# Beside the functions of `CASES`: those that cuDNN computes where it is, and those of images.
MORE: dict[str, tuple[Callable[..., Any], tuple[Any, ...], set[str]]] = {
    "dropout": (
        lambda x: F.dropout(x, 0.4, Philox(3)),
        (X,),
        {"dropout", "dropout.vjp.x"},
    ),
    "conv2d": (F.conv2d, (IMAGES, FILTERS, CHANNELS[0]), {"conv2d", "conv2d_weight"}),
    "deconv2d": (F.deconv2d, (IMAGES, FILTERS, CHANNELS[0]), {"deconv2d"}),
    "pooling": (lambda x: F.pooling(x, 2, 2), (IMAGES,), {"pooling", "to_winners"}),
    "average_pooling": (
        lambda x: F.average_pooling(x, 2, 2),
        (IMAGES,),
        {"average_pooling", "spread"},
    ),
    "im2col": (lambda x: F.im2col(x, 3), (IMAGES,), {"im2col", "col2im"}),
    "batch_norm": (batch_norm, (IMAGES, *CHANNELS[:2]), {"batch_norm", "batch_norm.vjp"}),
}
ALL = CASES | MORE

# The dtype of a function's first floating-point operand, and that of the others.
DTYPES = [
    *[(name, name) for name in ("bool", "uint8", "int8", "int32", "int64", "complex64")],
    *[(name, name) for name in ("float16", "bfloat16", "float32", "float64")],
    *[("float32", "float64"), ("float64", "float16"), ("float16", "float32"), ("float32", "int64")],
]
# Of integers of 8 bits, NumPy computes functions in half precision.
HALVES = dict.fromkeys(("float16", "bool", "uint8", "int8"), 0.02)
TOLERANCE = {"bfloat16": 0.1, **HALVES, "float32": 1e-4}


def dtype_of(name: str) -> Any:
    if name == "bfloat16":
        return np.dtype(pytest.importorskip("ml_dtypes").bfloat16)
    return np.dtype(name)


def outcome(f: Callable[..., Any], operands: list[Any], kinds: list[int], device: Any) -> Any:
    """Return the result and the gradients of some operands, on the host; or the error."""
    there = [device.asarray(x) for x in operands]
    try:
        for i in kinds:
            there[i] = Variable(there[i])
        y = f(*there)
        (y * y).sum().backward()
    except Exception as error:
        return error
    grads = [there[i].grad for i in kinds]
    return [as_numpy(y), *[None if grad is None else as_numpy(grad) for grad in grads]]


@pytest.mark.parametrize("dtypes", DTYPES, ids="-".join)
@pytest.mark.parametrize("name", ALL)
def test_any_dtype(name: str, dtypes: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    f, operands, _ = ALL[name]
    first, other = map(dtype_of, dtypes)
    kinds = [i for i, x in enumerate(operands) if x.dtype.kind == "f"]
    cast = [
        x.astype(first if i == kinds[0] else other) if i in kinds else x
        for i, x in enumerate(operands)
    ]
    # NumPy, which the fake device computes with, turns many a bfloat16 into single precision.
    known = [x.astype(np.float32) if x.dtype.name == "bfloat16" else x for x in cast]
    with fake_device() as device:
        wanted = outcome(f, known, kinds, device)
    if compiler() is None:
        pytest.skip("there is no C++ compiler (g++) to emulate a device with")
    emulate(monkeypatch)
    with fake_device() as device:
        device.kernels.update(KERNELS)
        found = outcome(f, cast, kinds, device)
    if isinstance(wanted, Exception):
        assert type(found) is type(wanted), found
        assert isinstance(found, TypeError), found
        # Where NumPy's errors take no message, what was going on is a note.
        texts = [
            "\n".join([str(error), *getattr(error, "__notes__", [])]) for error in (found, wanted)
        ]
        assert texts[0] == texts[1]
        assert re.search(r"^\w+: .*(got |complex64)", texts[0], re.MULTILINE), texts[0]
        return
    assert not isinstance(found, Exception), found
    tolerance = max(TOLERANCE.get(dtype, 1e-10) for dtype in dtypes)
    for one, expected in zip(found, wanted, strict=True):
        if expected is None:
            assert one is None
            continue
        assert one.dtype == expected.dtype or one.dtype.name == first.name == "bfloat16"
        assert one.shape == expected.shape
        expected = expected.astype(np.complex128)
        scale = float(np.abs(expected[np.isfinite(expected)]).max(initial=1.0))
        np.testing.assert_allclose(
            one.astype(np.complex128), expected, rtol=tolerance, atol=tolerance * scale
        )


class Model:
    """One parameter."""

    def __init__(self, parameter: Parameter) -> None:
        self.parameter = parameter

    def params(self) -> Any:
        yield self.parameter


# Of a parameter and its gradient.
PAIRS = [(name, name) for name in ("float16", "bfloat16", "float32", "float64")]
PAIRS += [("float32", "float64"), ("float64", "float32"), ("float16", "float32")]


@pytest.mark.parametrize("dtypes", PAIRS, ids="-".join)
@pytest.mark.parametrize("make", [SGD, MomentumSGD, nesterov, Adam, AdamW])
def test_optimizers_of_any_dtype(
    make: Any, dtypes: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def update(device: Any) -> Any:
        own, other = map(dtype_of, dtypes)
        parameter = Parameter(device.asarray(normal(7, 5).astype(own)))
        optimizer = make().setup(Model(parameter))
        for step in range(3):
            parameter.grad = Variable(device.asarray(normal(7, 5, seed=step).astype(other)))
            optimizer.update()
        return parameter.data.dtype, as_numpy(parameter)

    with fake_device() as device:
        dtype, wanted = update(device)
    if compiler() is None:
        pytest.skip("there is no C++ compiler (g++) to emulate a device with")
    emulate(monkeypatch)
    with fake_device() as device:
        device.kernels.update(KERNELS)
        found_dtype, found = update(device)
    assert found_dtype == dtype
    rtol = {"float16": 2e-3, "bfloat16": 2e-2, "float32": 2e-5}.get(dtypes[0], 1e-6)
    np.testing.assert_allclose(
        found.astype(np.float64), wanted.astype(np.float64), rtol=rtol, atol=rtol / 10
    )


# What follows the name of a primitive in that of a kernel: nothing, or that it is for a rule.
OURS = ("", "vjp")


def test_the_table_has_all_kernels() -> None:
    tried = {kernel for _, _, kernels in ALL.values() for kernel in kernels}
    # Others stand for no primitive: what uses them tries their dtypes.
    of_primitives = {name for name in KERNELS if name.partition(".")[2].partition(".")[0] in OURS}
    assert tried == of_primitives
