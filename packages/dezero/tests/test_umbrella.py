"""`import dezero`: the book's names, one object each, and nothing heavy."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys

import numpy as np
import pytest

import dezero
import dezero.functions as F
import dezero_core
import dezero_data
import dezero_nn
import dezero_optim
import dezero_viz

MODULES = [
    *["core", "core_simple", "cuda", "dataloaders", "datasets", "functions", "functions_conv"],
    *["layers", "models", "optimizers", "transforms", "utils"],
]


def test_names_are_those_of_the_packages() -> None:
    assert dezero.Variable is dezero_core.Variable
    assert dezero.functions.sin is dezero_core.functions.sin
    assert dezero.functions.softmax is dezero_nn.functions.softmax
    assert dezero.layers.Linear is dezero_nn.Linear
    assert dezero.models.MLP is dezero_nn.MLP
    assert dezero.optimizers.Adam is dezero_optim.Adam
    assert dezero.datasets.Spiral is dezero_data.Spiral
    assert dezero.dataloaders.DataLoader is dezero.DataLoader is dezero_data.DataLoader
    assert dezero.dataloaders.SeqDataLoader is dezero.SeqDataLoader is dezero_data.SeqDataLoader
    assert dezero.transforms.Compose is dezero_data.transforms.Compose
    assert dezero.utils.plot_dot_graph is dezero_viz.plot_dot_graph


def test_data_sets_of_the_book() -> None:
    datasets = dezero.datasets
    assert set(datasets.__all__) == {*dezero_data.datasets.__all__, "Shakespear"}
    named = ["Dataset", "Spiral", "get_spiral", "MNIST", "CIFAR10", "CIFAR100", "ImageNet"]
    assert {*named, "SinCurve", "Shakespear"} <= set(datasets.__all__)
    assert datasets.Shakespear is dezero_data.Shakespeare
    assert datasets.ImageNet.labels()[340] == "zebra"
    assert len(datasets.SinCurve(train=True)) == 999


def test_functions_hide_none_of_each_other() -> None:
    core, nn = set(dezero_core.functions.__all__), set(dezero_nn.functions.__all__)
    assert core & nn == set()
    operators = {"div", "mul", "neg", "pow", "rdiv", "rsub", "sub"}
    assert set(F.__all__) == core | nn | operators | {"batch_nrom", "embed_id"}


def test_all_that_the_packages_have_is_there() -> None:
    assert set(dezero.optimizers.__all__) == set(dezero_optim.__all__) - {"__version__"}
    assert set(dezero.layers.__all__) == {*dezero_nn.layers.__all__, "EmbedID", "Parameter"}
    assert dezero.models.__all__ == dezero_nn.models.__all__
    assert dezero.transforms.__all__ == dezero_data.transforms.__all__
    assert dezero.dataloaders.__all__ == dezero_data.dataloaders.__all__


def test_tools_of_the_book() -> None:
    utils = dezero.utils
    assert utils.pair(3) == (3, 3)
    assert utils.get_conv_outsize(4, 3, 1, 1) == utils.get_deconv_outsize(4, 3, 1, 1) == 4
    x = dezero.Variable(np.array([1.0, 2.0]))
    assert utils.array_equal(x, np.array([1.0, 2.0])) is True
    assert utils.array_equal(x, np.array([1.0, 2.0 + 1e-9])) is False
    assert utils.array_allclose(x, np.array([1.0, 2.0 + 1e-9])) is True
    assert utils.array_allclose(x, np.array([1.0, 2.1])) is False
    assert utils.array_allclose(x, np.array([1.0, 2.1]), atol=0.2) is True
    assert dezero.functions_conv.conv2d is F.conv2d


def test_the_operators_of_the_book() -> None:
    core, x = dezero.core, dezero.Variable(np.array(3.0))
    values = [core.add(x, 2.0), core.sub(x, 2.0), core.rsub(x, 2.0), core.mul(x, 2.0)]
    values += [core.div(x, 2.0), core.rdiv(x, 2.0), core.pow(x, 2), core.neg(x)]
    assert [float(y) for y in values] == [5.0, 1.0, -1.0, 6.0, 1.5, 2.0 / 3.0, 9.0, -3.0]
    for name in dezero.core_simple.__all__:
        assert getattr(dezero.core_simple, name) is getattr(core, name)


def test_functions_that_a_reader_of_the_book_writes_go_on_working() -> None:
    utils = dezero.utils

    class Sum(dezero.Function):  # step 39
        def __init__(self, axis: object, keepdims: bool) -> None:
            self.axis, self.keepdims = axis, keepdims

        def forward(self, x: np.ndarray) -> np.ndarray:
            self.x_shape = x.shape
            return x.sum(axis=self.axis, keepdims=self.keepdims)

        def backward(self, gy: dezero.Variable) -> dezero.Variable:
            gy = utils.reshape_sum_backward(gy, self.x_shape, self.axis, self.keepdims)
            return F.broadcast_to(gy, self.x_shape)

    class SumTo(dezero.Function):  # step 40
        def __init__(self, shape: tuple[int, ...]) -> None:
            self.shape = shape

        def forward(self, x: np.ndarray) -> np.ndarray:
            self.x_shape = x.shape
            return utils.sum_to(x, self.shape)

        def backward(self, gy: dezero.Variable) -> dezero.Variable:
            return F.broadcast_to(gy, self.x_shape)

    data = np.arange(6.0).reshape(2, 3)
    functions = [Sum(1, False), Sum(-1, True), Sum(None, False), Sum((0, 1), False), SumTo((1, 3))]
    values = [data.sum(1), data.sum(1, keepdims=True), data.sum(), data.sum(), data.sum(0)[None]]
    for function, value in zip(functions, values, strict=True):
        x = dezero.Variable(data)
        y = function(x)
        assert y.data.tolist() == value.tolist()
        y.backward()
        assert x.grad is not None and x.grad.data.tolist() == np.ones((2, 3)).tolist()


def test_tools_work_on_what_they_are_given() -> None:
    x = np.log(np.array([[1.0, 2.0, 5.0], [2.0, 3.0, 3.0]]))
    of_array, of_variable = dezero.utils.logsumexp(x), dezero.utils.logsumexp(dezero.Variable(x))
    assert type(of_array) is np.ndarray and type(of_variable) is dezero.Variable
    assert np.allclose(of_array, np.log(8.0)) and of_array.shape == of_variable.shape == (2, 1)
    assert type(dezero.utils.sum_to(dezero.Variable(x), (1, 3))) is dezero.Variable


def test_names_of_the_book_that_are_spelled_otherwise_here() -> None:
    assert F.batch_nrom is dezero_nn.batch_norm
    assert F.embed_id is dezero_nn.embedding
    assert dezero.layers.EmbedID is dezero_nn.Embedding
    W = dezero.Parameter(np.array([[1.0], [2.0]]))
    F.embed_id(np.array([1, 1]), W).backward()
    assert W.grad is not None and W.grad.data.tolist() == [[0.0], [2.0]]


@pytest.mark.parametrize("name", MODULES)
def test_modules_are_attributes_and_list_their_names(name: str) -> None:
    module = getattr(dezero, name)
    assert module is importlib.import_module(f"dezero.{name}")
    assert [n for n in module.__all__ if not hasattr(module, n)] == []
    assert name in dir(dezero)


def test_what_does_not_exist_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="module 'dezero' has no attribute 'layer'"):
        dezero.layer  # noqa: B018
    with pytest.raises(AttributeError, match="has no attribute 'gpu'"):
        dezero.cuda.gpu  # noqa: B018


def test_importing_loads_nothing_heavy() -> None:
    program = (
        "import sys, json, dezero\n"
        "heavy = {'matplotlib', 'PIL', 'cupy', 'graphviz', 'dezero_cuda', 'dezero_data',"
        " 'dezero_nn', 'dezero_optim', 'dezero_viz'}\n"
        "print(json.dumps(sorted(heavy & {name.partition('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == []


def test_the_gpu_is_looked_for_when_it_is_asked_for() -> None:
    cuda = dezero_core.backend.backends().get("cuda")
    there = cuda is not None and cuda.is_available()
    assert dezero.cuda.gpu_enable is there
    if not there:
        with pytest.raises((LookupError, RuntimeError), match=r"cupy|CuPy|dezero-cuda"):
            dezero.cuda.as_cupy(np.ones(2))
    else:
        moved = dezero.cuda.as_cupy(dezero.Variable(np.ones(2)))
        assert dezero.cuda.as_numpy(moved).tolist() == [1.0, 1.0]


def test_a_program_of_the_book_runs() -> None:
    dezero.core.setup_variable()
    np.random.seed(0)
    train = dezero.datasets.Spiral(train=True)
    loader = dezero.DataLoader(train, 30)
    model = dezero.models.MLP((10, 3))
    optimizer = dezero.optimizers.SGD(1.0).setup(model)
    losses = []
    for _ in range(300):
        total = 0.0
        for x, t in loader:
            loss = F.softmax_cross_entropy(model(x), t)
            model.cleargrads()
            loss.backward()
            optimizer.update()
            total += float(loss.data) * len(t)
        losses.append(total / len(train))
    assert losses[0] > 1.0
    assert losses[-1] < 0.16
