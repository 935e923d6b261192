"""What DeZero 0.0.13 could not do without an error, and what it did that nobody should."""

from __future__ import annotations

import ast
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dezero_core import Function, GraphError, Parameter, Variable, no_grad, test_mode
from dezero_core import functions as F
from dezero_core.gradient_check import check_grads
from dezero_core.testing import fake_device
from dezero_core.typing import Array
from dezero_nn import LSTM, MLP, RNN, BatchNorm, Linear, Sequential, SqueezeNet, relu
from dezero_nn import functions as nn
from dezero_nn.layers import Conv2d, Layer

PACKAGES = Path(__file__).parents[2] / "packages"


def gradient(x: Variable) -> Any:
    assert x.grad is not None
    return x.grad.data


# --- backward ------------------------------------------------------------------------------------


@pytest.mark.parametrize("conv2d", [nn.conv2d, nn.conv2d_simple])
def test_double_backprop_of_a_convolution(conv2d: Any) -> None:
    rng = np.random.default_rng(0)
    x, W, b = rng.normal(size=(2, 2, 4, 5)), rng.normal(size=(3, 2, 3, 2)), rng.normal(size=3)
    check_grads(lambda x, W, b: conv2d(x, W, b, 2, (1, 0)) ** 2, (x, W, b), order=2)


def test_double_backprop_of_a_transposed_convolution() -> None:
    rng = np.random.default_rng(0)
    x, W = rng.normal(size=(2, 2, 3, 2)), rng.normal(size=(2, 3, 2, 3))
    check_grads(lambda x, W: nn.deconv2d(x, W, None, 2, (1, 0)) ** 2, (x, W), order=2)


def test_backward_through_batch_normalization_in_test_mode() -> None:
    norm = BatchNorm()
    norm(np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32))
    mean, var = norm.avg_mean.data.copy(), norm.avg_var.data.copy()
    x = Variable(np.ones((4, 3), np.float32))
    with test_mode():
        F.sum(norm(x)).backward()
    # In test mode it is an affine function, whose slope the running variance gives.
    np.testing.assert_allclose(gradient(x), np.tile(1 / np.sqrt(var + norm.eps), (4, 1)), rtol=1e-5)
    np.testing.assert_array_equal(norm.avg_mean.data, mean)


@pytest.mark.parametrize("create_graph", [False, True])
def test_a_function_of_several_outputs_one_of_which_is_not_used(create_graph: bool) -> None:
    class SumAndDifference(Function):
        def forward(self, x: Array, y: Array) -> tuple[Array, Array]:
            return x + y, x - y

        def backward(self, gs: Variable, gd: Variable) -> tuple[Variable, Variable]:
            return gs + gd, gs - gd

    x, y = Variable(np.array(3.0)), Variable(np.array(2.0))
    _, difference = SumAndDifference()(x, y)
    (difference * difference).backward(create_graph=create_graph)
    assert (gradient(x), gradient(y)) == (2.0, -2.0)

    z = Variable(np.arange(6.0))
    (F.split(z, 3)[1] ** 2).sum().backward(create_graph=create_graph)
    assert gradient(z).tolist() == [0.0, 0.0, 4.0, 6.0, 0.0, 0.0]


def test_backward_of_average_pooling_that_is_not_square() -> None:
    x = np.random.default_rng(0).normal(size=(1, 2, 4, 6))
    check_grads(lambda x: nn.average_pooling(x, (2, 3), (2, 1), (0, 1)) ** 2, (x,), order=2)
    x = Variable(x)
    F.sum(nn.average_pooling(x, (2, 3), (2, 3))).backward()
    np.testing.assert_allclose(gradient(x), np.full((1, 2, 4, 6), 1 / 6))


def test_backward_from_a_leaf_and_from_something_without_a_graph() -> None:
    x = Variable(np.array([1.0, 2.0]))
    x.backward()
    assert gradient(x).tolist() == [1.0, 1.0]
    with pytest.raises(GraphError, match="backward"):
        x.detach().backward()


def test_backward_of_an_index_on_a_device_uses_what_cupy_still_has() -> None:
    with fake_device() as device:
        x = Variable(device.asarray(np.arange(12.0).reshape(4, 3)))
        rows = device.asarray(np.array([0, 2, 2]))
        with device.forbid():
            F.sum(x[rows]).backward()
            F.sum(x[1:3, ::2]).backward()
        expected = [[1.0] * 3, [1.0, 0.0, 1.0], [3.0, 2.0, 3.0], [0.0] * 3]
        assert device.to_numpy(gradient(x)).tolist() == expected


# --- layers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("layer", [RNN, LSTM])
@pytest.mark.parametrize("in_size", [3, None])
def test_recurrence_with_as_many_inputs_as_one_likes(layer: Any, in_size: int | None) -> None:
    layer = layer(5, in_size)
    for _ in range(3):
        y = layer(np.ones((2, 3), np.float32))
    F.sum(y).backward()
    assert y.shape == (2, 5)
    assert all(p.grad is not None for p in layer.params())


def test_a_layer_is_called_with_none() -> None:
    class Masked(Layer):
        def __init__(self) -> None:
            self.inner = Linear(2)

        def forward(self, x: Any, mask: Any = None) -> Any:
            y = self.inner(x)
            return y if mask is None else y * mask

    layer = Masked()
    x = np.ones((3, 4), np.float32)
    y = layer(x, None)
    np.testing.assert_array_equal(layer(x, np.float32(2.0)).data, 2 * y.data)


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda: MLP((4, 2)), (3, 5)),
        (lambda: Sequential(Conv2d(3, 3, pad=1), BatchNorm(), relu), (2, 3, 4, 4)),
        (lambda: LSTM(4), (3, 5)),
    ],
)
def test_layers_are_pickled_after_forward(make: Any, shape: Any) -> None:
    layer = make()
    x = np.ones(shape, np.float32)
    F.sum(layer(x)).backward()
    twin = pickle.loads(pickle.dumps(layer))
    for model in (layer, twin):
        if hasattr(model, "reset_state"):
            model.reset_state()
    np.testing.assert_array_equal(twin(x).data, layer(x).data)
    pairs = zip(twin.namedparams(), layer.namedparams(), strict=True)
    assert all(a == b and p is not q for (a, p), (b, q) in pairs)


def test_weights_that_were_saved_before_the_first_forward_load(tmp_path: Path) -> None:
    MLP((4, 2)).save_weights(tmp_path / "w.npz")
    never, trained = MLP((4, 2)), MLP((4, 2))
    never.load_weights(tmp_path / "w.npz")
    assert never(np.ones((1, 3), np.float32)).shape == (1, 2)
    trained(np.ones((1, 3), np.float32))
    before = trained.state_dict()
    report = trained.load_weights(tmp_path / "w.npz", strict=False)
    # A file that knows no weights takes none away from a model that has some.
    assert trained.state_dict().keys() == before.keys()
    np.testing.assert_array_equal(trained.state_dict()["l0/W"], before["l0/W"])
    assert "l0/W" in str(report)


# --- Python's and NumPy's operators --------------------------------------------------------------


def test_a_number_to_the_power_of_a_variable() -> None:
    x = Variable(np.array([1.0, 3.0]))
    y = 2**x
    y.backward()
    assert y.data.tolist() == [2.0, 8.0]
    np.testing.assert_allclose(gradient(x), np.log(2) * y.data)


def test_variables_are_compared() -> None:
    x, y = Variable(np.array([1.0, 2.0])), Variable(np.array([2.0, 2.0]))
    assert (x > 1.5).data.tolist() == [False, True]
    assert (np.array([1.5, 2.5]) > x).data.tolist() == [True, True]
    assert (x < y).data.tolist() == [True, False]
    assert (x >= y).data.tolist() == [False, True]
    assert (x == y).data.tolist() == [False, True]
    assert len({x, y}) == 2


def test_functions_of_numpy_take_variables_and_are_recorded() -> None:
    x = Variable(np.array([0.0, 1.0]))
    y = np.sum(np.sin(x) * np.ones(2))
    assert isinstance(y, Variable)
    y.backward()
    np.testing.assert_array_equal(gradient(x), np.cos(x.data))


def test_a_variable_of_one_element_is_a_number() -> None:
    assert float(Variable(np.array([[2.5]]))) == 2.5
    assert int(Variable(np.array(2))) == 2
    assert f"{Variable(np.array(2.5)):.2f}" == "2.50"
    with pytest.raises(ValueError, match="2 elements"):
        float(Variable(np.zeros(2)))


# --- imports, stubs, holes -----------------------------------------------------------------------


def test_importing_needs_neither_matplotlib_nor_pillow() -> None:
    program = """
import importlib, pkgutil, sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"matplotlib", "PIL", "cupy", "safetensors"}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Missing())
import dezero
for module in pkgutil.walk_packages(dezero.__path__, "dezero."):
    importlib.import_module(module.name)
for name in ("nn", "optim", "data", "viz", "cuda"):
    importlib.import_module(f"dezero_{name}")
model = dezero.models.MLP((3, 2))
import numpy as np
print(model(np.ones((1, 2), np.float32)).shape)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("(1, 2)\n", "")


def test_squeezenet_is_a_network_and_no_stub() -> None:
    model = SqueezeNet()
    with test_mode(), no_grad():
        y = model(np.zeros((1, 3, 64, 64), np.float32))
    assert y.shape == (1, 1000)
    assert len(list(model.params())) == 52
    assert all(isinstance(p, Parameter) and p.data is not None for p in model.params())


def calls_of(tree: ast.AST) -> list[ast.Call]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call)]


def test_no_package_evaluates_text_starts_a_shell_or_unpickles() -> None:
    forbidden = {
        *["eval", "exec", "os.system", "os.popen", "subprocess.getoutput"],
        *["pickle.load", "pickle.loads", "pickle.Unpickler", "marshal.loads"],
    }
    # What a loader and the workers that it spawned tell each other is from nowhere outside.
    between_processes = {"_shared.py", "_worker.py", "_workers.py"}
    workers = PACKAGES / "dezero-data/src/dezero_data/dataloaders"
    assert all((workers / name).is_file() for name in between_processes)
    found = []
    files = sorted(PACKAGES.glob("*/src/**/*.py"))
    assert len(files) > 100
    for path in files:
        for call in calls_of(ast.parse(path.read_text("utf-8"))):
            truths = [
                keyword.arg
                for keyword in call.keywords
                if not (isinstance(keyword.value, ast.Constant) and keyword.value.value is False)
            ]
            name = ast.unparse(call.func)
            is_between = path.parent == workers and path.name in between_processes
            if name == "pickle.loads" and is_between:
                continue
            if name in forbidden or {"shell", "allow_pickle"} & {*truths}:
                found.append(f"{path.name}:{call.lineno}: {ast.unparse(call)}")
    assert found == []
