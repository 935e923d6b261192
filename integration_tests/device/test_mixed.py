"""Operands on different devices: the error names the operation, both operands and their places.

Every row of the tables of core and nn is called with one operand, then another, left on the host.
"""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dezero_core import Function, Variable
from dezero_core import functions as F
from dezero_core.testing import OperationSpec, fake_device
from dezero_nn import functions as NF

from .conftest import Place

PACKAGES = Path(__file__).resolve().parents[2] / "packages"


def collect() -> Iterator[OperationSpec]:
    for package in ("dezero-core", "dezero-nn"):
        for path in sorted((PACKAGES / package / "tests" / "specs").glob("*.py")):
            name = f"mixed_{package[7:]}_{path.stem}"
            location = importlib.util.spec_from_file_location(name, path)
            assert location is not None and location.loader is not None
            module = importlib.util.module_from_spec(location)
            location.loader.exec_module(module)
            yield from module.SPECS


SPECS = [spec for spec in collect() if spec.device and len(spec.operands) > 1]


def public_functions() -> dict[str, Any]:
    named = {name: getattr(F, name) for name in F.__all__ if callable(getattr(F, name))}
    named |= {f"linalg.{name}": getattr(F.linalg, name) for name in F.linalg.__all__}
    return named | {name: getattr(NF, name) for name in NF.__all__}


def test_whatever_takes_several_arrays_is_here() -> None:
    known = {spec.name.partition("[")[0] for spec in SPECS}
    for name, function in public_functions().items():
        parameters = inspect.signature(function).parameters.values()
        arrays = [p.name for p in parameters if "Array" in str(p.annotation)]
        assert name in known or len(arrays) == 1, f"{name} takes {arrays}"


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_every_operation_names_its_operands(spec: OperationSpec) -> None:
    arrays = spec.sample()
    with fake_device() as device:
        for stays in range(len(arrays)):
            # Indices and class weights may come from the host: that is a transfer.
            if stays and (spec.device == "moves" or spec.name.startswith("get_item")):
                continue
            operands = [x if i == stays else device.asarray(x) for i, x in enumerate(arrays)]
            operands = [
                Variable(x) if i in spec.differentiable else x for i, x in enumerate(operands)
            ]
            with pytest.raises(TypeError) as caught:
                spec.function(*operands)
            message = str(caught.value)
            assert "the operands live on different backends" in message, message
            assert "on 'numpy'" in message and "on 'fake'" in message, message
            name, colon, _ = message.partition(": the operands")
            assert colon and name.isidentifier(), message


def test_operators(place: Place) -> None:
    x, y = Variable(place.put(np.ones(3, np.float32))), np.ones((2, 3), np.float32)
    for compute, name in (
        (lambda: x + y, "add"),
        (lambda: x * Variable(y), "multiply"),
        (lambda: F.matmul(y, x), "matmul"),
    ):
        with pytest.raises(TypeError) as caught:
            compute()
        message = str(caught.value)
        assert message.startswith(f"{name}: the operands live on different backends: operand ")
        assert f"(float32[3]) on '{place.name}'" in message
        assert "(float32[2, 3]) on 'numpy'" in message


def test_a_gradient_from_elsewhere(place: Place) -> None:
    x = Variable(place.put(np.ones(3, np.float32)))
    y = x * 2.0
    with pytest.raises(TypeError, match=r"grad: the operands live on different backends: .*numpy"):
        y.grad = Variable(np.ones(3, np.float32))
    y.grad = Variable(place.put(np.full(3, 2.0, np.float32)))
    y.backward()
    place.assert_same(x.grad, np.full(3, 4.0, np.float32), "x")


def test_in_a_function_of_the_users(place: Place) -> None:
    class Sum(Function):
        def forward(self, x: Any, y: Any) -> Any:
            return x + y

    with pytest.raises(TypeError) as caught:
        Sum()(place.put(np.ones(3, np.float32)), np.ones(2, np.float32))
    assert "Sum" in str(caught.value)
