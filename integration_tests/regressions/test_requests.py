"""What users of frameworks such as this one have asked for, again and again."""

from __future__ import annotations

import threading
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dezero_core import (
    AnomalyError,
    GraphError,
    Parameter,
    Variable,
    as_numpy,
    detect_anomaly,
    hessian,
    hvp,
    jvp,
    no_grad,
)
from dezero_core import functions as F
from dezero_core.files import DownloadError, get_file
from dezero_core.testing import fake_device
from dezero_data import MNIST, DataFileError
from dezero_nn import MLP, Linear, Sequential, relu, sigmoid
from dezero_nn import functions as nn
from dezero_optim import SGD, Adam, MomentumSGD
from dezero_viz import get_dot_graph, plot_dot_graph


def gradient(x: Variable) -> Any:
    assert x.grad is not None
    return x.grad.data


# --- losses --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "loss",
    [
        *[nn.mean_squared_error, nn.mean_squared_error_simple, nn.mean_absolute_error, nn.huber],
        *[nn.sigmoid_cross_entropy, nn.binary_cross_entropy, nn.kl_divergence],
    ],
)
@pytest.mark.parametrize("shapes", [((4, 1), (4,)), ((4,), (4, 1)), ((4, 3), (1, 3)), ((4, 3), ())])
def test_losses_reject_shapes_that_differ(loss: Any, shapes: Any) -> None:
    predicted, wanted = (np.full(shape, 0.5) for shape in shapes)
    with pytest.raises(ValueError, match=loss.__name__.removesuffix("_simple")) as caught:
        loss(predicted, wanted)
    for shape in shapes:
        assert str(list(shape)) in str(caught.value) or str(shape) in str(caught.value)


@pytest.mark.parametrize("shape", [(3,), (4, 1), (5,), ()])
@pytest.mark.parametrize("loss", [nn.softmax_cross_entropy, nn.softmax_cross_entropy_simple])
def test_cross_entropy_rejects_labels_of_another_batch(loss: Any, shape: Any) -> None:
    with pytest.raises(ValueError, match=loss.__name__):
        loss(np.zeros((4, 3)), np.zeros(shape, int))


@pytest.mark.parametrize("shape", [(2, 3), (1, 3), (4, 1), (4, 2)])
def test_cross_entropy_rejects_probabilities_of_another_shape(shape: Any) -> None:
    with pytest.raises(ValueError, match=r"softmax_cross_entropy: .*4, 3"):
        nn.softmax_cross_entropy(np.zeros((4, 3)), np.ones(shape))


# --- where a gradient comes from -----------------------------------------------------------------


def test_backward_from_something_with_no_graph_says_so() -> None:
    w = Parameter(np.ones(2))
    with no_grad():
        loss = F.sum(w * w)
    with pytest.raises(GraphError, match=r"no_grad|constant"):
        loss.backward()
    assert w.grad is None
    lonely = Parameter(np.array(2.0))
    lonely.backward()
    assert gradient(lonely) == 1.0


def test_a_jacobian_vector_product_is_the_slope_in_a_direction() -> None:
    x, v = np.array([0.3, -1.2, 2.0]), np.array([1.0, 0.5, -2.0])
    y, slope = jvp(lambda x: F.sin(x) * F.sum(x), x, v)
    h = 1e-6
    f = lambda x: np.sin(x) * np.sum(x)  # noqa: E731
    np.testing.assert_allclose(y.data, f(x))
    np.testing.assert_allclose(slope.data, (f(x + h * v) - f(x - h * v)) / (2 * h), rtol=1e-8)


def test_a_hessian_vector_product_needs_no_hessian() -> None:
    def f(x: Any) -> Any:
        return F.sum(x**3) * x[0] + F.exp(x[1])

    x, v = np.array([1.0, -0.5, 2.0]), np.array([0.5, 1.0, -1.0])
    found = hvp(f, x, v)
    product = found[-1] if isinstance(found, tuple) else found
    np.testing.assert_allclose(product.data, hessian(f)(x).data @ v)

    # A matrix of a million million numbers would have no place.
    large = np.linspace(0.0, 1.0, 1_000_000)
    found = hvp(lambda x: F.sum(x**2), large, large)
    product = found[-1] if isinstance(found, tuple) else found
    np.testing.assert_array_equal(product.data, 2 * large)


@pytest.mark.parametrize("create_graph", [False, True])
def test_where_gives_no_nan_to_the_branch_that_was_not_taken(create_graph: bool) -> None:
    x = Variable(np.array([-1.0, 0.0, 4.0]))
    taken = x.data > 0
    # The argument is chosen first, so that the branch has a slope wherever it is computed.
    F.sum(F.where(taken, F.sqrt(F.where(taken, x, 1.0)), 0.0)).backward(create_graph=create_graph)
    assert gradient(x).tolist() == [0.0, 0.0, 0.25]
    # What is infinite on the side that was taken stays there.
    a, b = Variable(np.array([0.0, 4.0])), Variable(np.array([0.0, 4.0]))
    with np.errstate(divide="ignore"):
        F.sum(F.sqrt(F.where(np.array([True, False]), a, b))).backward(create_graph=create_graph)
    assert (gradient(a).tolist(), gradient(b).tolist()) == ([np.inf, 0.0], [0.0, 0.25])


def test_a_nan_from_the_branch_that_was_not_taken_is_explained() -> None:
    x = Variable(np.array([0.0, 4.0]), "x")
    with np.errstate(all="ignore"), pytest.raises(AnomalyError) as caught, detect_anomaly():
        F.sum(F.where(x.data > 0, F.sqrt(x), 0.0)).backward()
    assert "backward of sqrt: the gradient of 'x' is not finite: 1 of 2" in str(caught.value)


# --- what goes wrong is explained ----------------------------------------------------------------


def test_a_change_in_place_is_explained() -> None:
    w = Parameter(np.array([1.0, 2.0]), name="w")
    x = Variable(np.array([3.0, 4.0]))
    optimizer = SGD(lr=0.1)

    class Source:
        def params(self) -> Any:
            yield w

    optimizer.setup(Source())
    loss = F.sum(w * w * x)
    loss.backward()
    optimizer.update()
    with pytest.raises(RuntimeError, match=r"operand.*named 'w'.*changed in place.*assign a new"):
        loss.backward()


def test_a_change_of_single_elements_is_found_in_anomaly_mode() -> None:
    array = np.array([3.0, 4.0])
    x = Variable(array, "x")
    with detect_anomaly():
        y = F.sum(x * x)
        array[0] = 5.0  # no variable learns of this
        with pytest.raises(AnomalyError, match=r"multiply: .* was changed in place after"):
            y.backward()


def test_anomalies_name_the_line_of_the_user_in_forward() -> None:
    model = Sequential(Linear(3, in_size=2), relu)
    model.l0.W.data[0, 0] = 3e38
    x = np.full((1, 2), 10.0, np.float32)
    with np.errstate(all="ignore"), pytest.raises(AnomalyError) as caught, detect_anomaly():
        model(x)  # this line
    assert "linear: the result is not finite" in str(caught.value)
    assert "test_requests.py" in str(caught.value)
    assert "model(x)  # this line" in str(caught.value)


def test_anomalies_name_the_line_of_the_user_in_backward() -> None:
    x = Variable(np.array([0.0, 1.0]), "x")
    with np.errstate(all="ignore"), pytest.raises(AnomalyError) as caught, detect_anomaly():
        y = F.sqrt(x)  # no slope at zero
        F.sum(y).backward()
    assert "backward of sqrt: the gradient of 'x' is not finite" in str(caught.value)
    assert "y = F.sqrt(x)  # no slope at zero" in str(caught.value)


def test_gradients_that_were_never_cleared_are_warned_about_once() -> None:
    np.random.seed(0)
    model = MLP((4, 1))
    optimizer = SGD(0.01).setup(model)
    x = np.ones((3, 2), np.float32)

    def step() -> None:
        F.sum(model(x)).backward()
        optimizer.update()

    step()
    with pytest.warns(RuntimeWarning, match=r"never cleared.*cleargrads") as caught:
        step()
        step()
    assert len(caught) == 1
    assert caught[0].filename == __file__


def test_gradients_that_are_added_up_on_purpose_are_not_warned_about() -> None:
    model = MLP((4, 1))
    optimizer = SGD(0.01).setup(model)
    x = np.ones((4, 2), np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(3):
            model.cleargrads()
            for part in (x[:2], x[2:]):
                F.sum(model(part)).backward()
            optimizer.update()


def test_variables_do_not_get_lost_in_functions_of_numpy() -> None:
    x = Variable(np.array([0.5, 1.0]))
    y = np.sin(x) + np.multiply(2.0, x)
    np.concatenate([y, np.stack([x, x]).reshape(4)]).sum().backward()
    np.testing.assert_allclose(gradient(x), np.cos(x.data) + 4.0)
    with pytest.raises(TypeError, match=r"numpy\.frexp|frexp"):
        np.frexp(x)


# --- optimizers ----------------------------------------------------------------------------------


def test_the_state_of_an_optimizer_is_keyed_by_the_path_of_the_parameter() -> None:
    x = np.ones((3, 2), np.float32)

    def trained(seed: int, steps: int) -> tuple[Any, Any]:
        np.random.seed(seed)
        model = MLP((4, 1))
        optimizer = Adam(0.1).setup(model)
        for _ in range(steps):
            model.cleargrads()
            F.sum(model(x) ** 2).backward()
            optimizer.update()
        return model, optimizer

    model, optimizer = trained(0, 3)
    state = optimizer.state_dict()
    assert "l0/W" in str(state) and "l1/b" in str(state)

    twin, other = trained(1, 1)
    twin.load_state_dict(model.state_dict())
    other.load_state_dict(state)
    for m, o in ((model, optimizer), (twin, other)):
        m.cleargrads()
        F.sum(m(x) ** 2).backward()
        o.update()
    for p, q in zip(model.params(), twin.params(), strict=True):
        np.testing.assert_array_equal(p.data, q.data)


def test_the_state_of_an_optimizer_survives_a_change_of_device() -> None:
    class Source:
        def __init__(self) -> None:
            self.w = Parameter(np.array([1.0, 2.0]))

        def params(self) -> Any:
            yield self.w

    moved, stays = Source(), Source()
    with fake_device() as device:
        for source in (moved, stays):
            optimizer = MomentumSGD(0.1).setup(source)
            for step in range(4):
                if source is moved:
                    array = as_numpy(source.w) if step == 3 else device.asarray(source.w.data)
                    if step in (1, 3):
                        source.w.data = array
                source.w.cleargrad()
                F.sum(source.w**2).backward()
                optimizer.update()
    assert type(moved.w.data) is np.ndarray
    np.testing.assert_array_equal(moved.w.data, stays.w.data)


def test_half_precision_has_float32_moments_and_master_weights() -> None:
    np.random.seed(0)
    layer = Linear(1, dtype=np.float16, in_size=2)
    optimizer = Adam(1e-4).setup(layer)
    start = layer.W.data.copy()
    for _ in range(50):
        layer.cleargrads()
        F.sum(layer(np.ones((1, 2), np.float16))).backward()
        optimizer.update()
    state = optimizer.state_of(layer.W)
    arrays = [array for array in state.values() if getattr(array, "shape", ()) == (2, 1)]
    assert len(arrays) == 3 and {array.dtype for array in arrays} == {np.dtype(np.float32)}
    assert layer.W.dtype == np.float16
    # Each step alone is too small for half precision.
    np.testing.assert_allclose(start - layer.W.data, 50e-4, rtol=0.1)


# --- drawings ------------------------------------------------------------------------------------


def test_a_drawing_has_each_node_and_edge_once_and_quotes_labels() -> None:
    x = Variable(np.array(1.0), 'x "0" \\ <b>')
    y = x * x + x
    y.name = "digraph"
    lines = get_dot_graph(y).splitlines()
    edges = [line for line in lines if "->" in line]
    labels = [line for line in lines if "label" in line]
    assert len(edges) == len(set(edges)) == 5
    assert len(labels) == len(set(labels)) == 5
    assert any('x \\"0\\" ' in line for line in labels)


@pytest.mark.parametrize("ending", ["svg", "png"])
def test_drawings_need_no_program_of_the_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    monkeypatch.setenv("PATH", "")
    y = F.tanh(Variable(np.array(1.0), "input"))
    plot_dot_graph(y, to_file=tmp_path / f"graph.{ending}")
    drawn = (tmp_path / f"graph.{ending}").read_bytes()
    assert b"input" in drawn if ending == "svg" else drawn.startswith(b"\x89PNG")


# --- data ----------------------------------------------------------------------------------------


def test_files_of_a_data_set_are_told_by_their_contents(tmp_path: Path) -> None:
    images = b"\0\0\x08\x03" + np.array([1, 28, 28], ">i4").tobytes() + bytes(784)
    for part in ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"):
        (tmp_path / part).write_bytes(images)
    with pytest.raises(DataFileError, match=r"train-images-idx3-ubyte.*MD5|md5"):
        MNIST(root=tmp_path)
    with pytest.raises(FileNotFoundError, match="t10k-images-idx3-ubyte"):
        MNIST(train=False, root=tmp_path)


def test_a_failed_download_leaves_nothing_and_says_where_to_put_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEZERO_HOME", str(tmp_path))
    addresses = [f"https://127.0.0.1:1/{name}/weights.npz" for name in ("first", "second")]
    with pytest.raises(DownloadError) as caught:
        get_file(addresses[0], mirrors=addresses[1:])
    for address in (*addresses, str(tmp_path / "weights.npz")):
        assert address in str(caught.value)
    assert [path.name for path in tmp_path.iterdir() if "weights" in path.name] == []


# --- threads -------------------------------------------------------------------------------------


def test_models_are_used_in_several_threads_at_once() -> None:
    np.random.seed(0)
    model = MLP((8, 1), activation=sigmoid)
    x = np.random.rand(5, 3).astype(np.float32)
    expected = model(x).data
    failures: list[str] = []

    def predict() -> None:
        for _ in range(50):
            with no_grad():
                y = model(x)
            if y.creator is not None or not np.array_equal(y.data, expected):
                failures.append("predict")

    threads = [threading.Thread(target=predict) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(50):
        if model(x).creator is None:
            failures.append("train")
    for thread in threads:
        thread.join()
    assert failures == []
