"""Networks through the fused kernels, beside the host: on the emulated device and on a card.

The fake device has CuPy's manners, and here the kernels' own sources, compiled for the host.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kernel_cases import CASES, LABELS, WEIGHTS, X, compute, cross_entropy, normal

from dezero_core import Parameter, Variable, as_numpy, functions
from dezero_core.graph import build_graph
from dezero_core.primitive import Primitive
from dezero_cuda.kernels import KERNELS, Philox
from dezero_nn import MLP, Linear, Sequential, TransformerBlock
from dezero_nn import functions as F
from dezero_optim import SGD, Adam, AdamW, MomentumSGD

sys.path.insert(0, str(Path(__file__).parents[2] / "packages/dezero-cuda/tests/tools"))

from cuda_emulator import compiler, emulate


@pytest.fixture
def used(place: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Attach the kernels to the place; return the list of those that run from now on."""
    names: list[str] = []
    if place.name == "fake":
        if compiler() is None:
            pytest.skip("there is no C++ compiler (g++) to emulate a device with")
        emulate(monkeypatch)
        place.backend.kernels.update(
            {name: noting(names, name, kernel) for name, kernel in KERNELS.items()}
        )
    return names


def noting(names: list[str], name: str, kernel: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(kernel)
    def call(*args: Any, **settings: Any) -> Any:
        result = kernel(*args, **settings)
        names.append(name if result is not NotImplemented else f"{name} declines")
        return result

    return call


@pytest.mark.parametrize("name", CASES)
def test_functions_give_the_same(name: str, place: Any, used: list[str]) -> None:
    f, operands, kernels = CASES[name]
    y, gradients = compute(f, operands)
    there = [place.put(x) for x in operands]
    with place.quiet():
        found, found_gradients = compute(f, there)
    place.assert_same(found, y, name)
    for one, other in zip(found_gradients, gradients, strict=True):
        place.assert_same(one, other, f"a gradient of {name}")
    if place.name == "fake":
        assert kernels <= set(used), used
        assert not {f"{kernel} declines" for kernel in kernels} & set(used)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_all_options_of_cross_entropy(
    weights: Any, smoothing: float, reduction: Any, place: Any, used: list[str]
) -> None:
    results = []
    for put in (lambda x: x, place.put):
        f = cross_entropy(
            class_weights=None if weights is None else put(weights),
            label_smoothing=smoothing,
            reduction=reduction,
        )
        results.append(compute(f, [put(X), put(LABELS)]))
    (y, (gx,)), (found, (found_gx,)) = results
    place.assert_same(found, y, "the loss")
    place.assert_same(found_gx, gx, "the gradient")


SECOND = ["tanh", "cross_entropy", "layer_norm", "batch_norm", "conv2d", "pooling", "lstm", "gru"]
SECOND += ["linear_relu", "linear_tanh", "linear_silu", "linear_gelu"]
SECOND += ["matmul_of_stacks", "matmul_with_vectors", "tensordot", "einsum", "attention"]


@pytest.mark.parametrize("name", SECOND)
def test_gradients_of_gradients_go_the_general_way(name: str, place: Any, used: list[str]) -> None:
    f, operands, _ = CASES[name]
    results = []
    for put in (lambda x: x, place.put):
        leaf = Variable(put(operands[0]))
        y = f(leaf, *map(put, operands[1:]))
        leaf.cleargrad()
        (y * y).sum().backward(create_graph=True)
        first = leaf.grad
        assert first is not None
        leaf.cleargrad()
        (first * first).sum().backward()
        results.append(leaf.grad)
    place.assert_same(results[1], results[0], name)


def test_masks_are_those_of_the_host(place: Any, used: list[str]) -> None:
    y, (gx,) = compute(lambda x: F.dropout(x, 0.4, Philox(3)), [X])
    x = place.put(X)
    with place.quiet():
        found, (found_gx,) = compute(lambda x: F.dropout(x, 0.4, Philox(3)), [x])
    place.assert_same(found, y, "dropout")
    place.assert_same(found_gx, gx, "its gradient")


def test_running_statistics_follow(place: Any, used: list[str]) -> None:
    statistics = [np.zeros(3, np.float32), np.ones(3, np.float32)]
    arrays = [normal(2, 3, 6, 5), normal(3), normal(3, seed=1), *statistics]
    there = [place.put(array) for array in arrays]
    F.batch_norm(*arrays)
    with place.quiet():
        F.batch_norm(*there)
    place.assert_same(there[3], arrays[3], "the running mean")
    place.assert_same(there[4], arrays[4], "the running variance")
    if place.name == "fake":
        assert used == ["batch_norm", "batch_norm.running"]


class Model:
    """Parameters of several sizes, and one in half precision."""

    def __init__(self, put: Callable[[Any], Any]) -> None:
        arrays = [normal(20, 30), normal(7, seed=1), normal(9, seed=2).astype(np.float16)]
        self.parameters = [Parameter(put(array)) for array in arrays]

    def params(self) -> Any:
        yield from self.parameters


@pytest.mark.parametrize(
    "make", [SGD, MomentumSGD, lambda: MomentumSGD(nesterov=True), Adam, AdamW]
)
def test_optimizers_give_the_same(make: Any, place: Any, used: list[str]) -> None:
    models = [Model(lambda x: x.copy()), Model(place.put)]
    optimizers = [make().setup(model) for model in models]
    for step in range(3):
        for i, (here, there) in enumerate(
            zip(*[model.parameters for model in models], strict=True)
        ):
            g = normal(*here.shape, seed=10 * step + i).astype(here.dtype)
            here.grad, there.grad = Variable(g), Variable(place.put(g))
        for optimizer in optimizers:
            optimizer.update()
    for here, there in zip(*[model.parameters for model in models], strict=True):
        rtol = 2e-3 if here.dtype == np.float16 else 2e-5
        np.testing.assert_allclose(as_numpy(there), here.data, rtol=rtol, atol=1e-6)
    if place.name == "fake":
        # One call for single and one for half precision, in each of three steps.
        assert len(used) == 6 and not any("declines" in name for name in used)


def test_what_kernels_replace_is_there() -> None:
    """Each kernel's name is that of a primitive, or of a rule with the same parameters."""
    ours = [
        value
        for name, module in list(sys.modules.items())
        if name.startswith(("dezero_core.", "dezero_nn."))
        for value in vars(module).values()
    ]
    primitives = {value.name: value for value in ours if isinstance(value, Primitive)}
    for name, kernel in KERNELS.items():
        operation, _, rule = name.partition(".")
        if operation in ("optimizer", "gradients"):
            continue
        replaced = primitives[operation]
        given = list(signature(kernel).parameters)
        if not rule:
            operands = replaced.signature.operands
            assert len(given) == 1 + len(operands) + len(replaced.signature.settings), name
            assert given[1:] == [*operands, *replaced.signature.settings], name
        else:
            operand = rule.partition(".")[2]
            needs = [not operand or operand == o for o in replaced.signature.operands]
            assert replaced.make_plan(np, tuple(needs)) is not None, name


MADE: dict[str, tuple[Callable[[], Any], Any, int]] = {
    "mlp": (lambda: MLP((7, 6, 2), activation=F.relu), X, 2),
    "sequential": (
        lambda: Sequential(Linear(7), F.silu, Linear(6), functions.tanh, Linear(2), F.sigmoid),
        X,
        3,
    ),
    "transformer": (lambda: TransformerBlock(8, heads=2), normal(2, 3, 8), 1),
}


@pytest.mark.parametrize("name", MADE)
def test_models_join_layers_and_activations(name: str, place: Any, used: list[str]) -> None:
    make, x, n_joined = MADE[name]
    model = make()
    y = model(x)
    (y * y).sum().backward()
    wanted = {path: p.grad.data for path, p in model.namedparams()}
    moved = place.put(x)
    model.to(place.name)
    model.cleargrads()
    with place.quiet():
        found = model(moved)
        (found * found).sum().backward()
    place.assert_same(found, y, name)
    for path, p in model.namedparams():
        place.assert_same(p.grad, wanted[path], path)
    names = [operation.name for operation in build_graph(found).operations]
    assert names.count("linear_activation") == n_joined
    if place.name == "fake":
        assert used.count("linear_activation") == used.count("linear_activation.vjp") == n_joined
