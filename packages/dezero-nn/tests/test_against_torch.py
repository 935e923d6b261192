"""The same numbers fed to PyTorch, where it is installed: values and gradients of every option."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dezero_core import Variable, as_numpy, using_config
from dezero_nn import functions as F

torch = pytest.importorskip("torch")
T = torch.nn.functional
RNG = np.random.default_rng(0)

X = RNG.normal(size=(6, 4)) * 2
Y = RNG.normal(size=(6, 4))
P = RNG.uniform(0.05, 0.95, size=(6, 4))
IMAGES = RNG.normal(1, 2, size=(3, 4, 5, 2))
LABELS = np.array([0, 3, 1, 1, 2, 0])
SOFT = RNG.dirichlet(np.ones(4), size=6)
WEIGHTS = np.array([0.5, 2.0, 1.0, 0.1])
C = RNG.normal(size=(2, 4))
REDUCTIONS = ["mean", "sum", "none"]


def compare(ours: Any, theirs: Any, *operands: Any, rtol: float = 1e-10) -> None:
    """Compare results, and gradients of their weighted sum, in both precisions."""
    for dtype, tolerance in ((np.float64, rtol), (np.float32, 2e-4)):
        arrays = [np.asarray(x, dtype) for x in operands]
        variables = [Variable(x) for x in arrays]
        tensors = [torch.tensor(x, requires_grad=True) for x in arrays]
        y, expected = ours(*variables), theirs(*tensors)
        assert y.dtype == dtype
        settings: Any = {"rtol": tolerance, "atol": tolerance}
        np.testing.assert_allclose(y.data, expected.detach().numpy(), **settings)
        seed = np.random.default_rng(1).normal(size=y.shape).astype(dtype)
        y.grad = Variable(seed)
        y.backward()
        expected.backward(torch.tensor(seed))
        for variable, tensor in zip(variables, tensors, strict=True):
            np.testing.assert_allclose(as_numpy(variable.grad), tensor.grad.numpy(), **settings)


# --- activations -------------------------------------------------------------------------------

ACTIVATIONS = {
    "relu": (F.relu, T.relu),
    "sigmoid": (F.sigmoid, torch.sigmoid),
    "leaky_relu": (F.leaky_relu, lambda x: T.leaky_relu(x, 0.2)),
    "leaky_relu[0.01]": (lambda x: F.leaky_relu(x, 0.01), T.leaky_relu),
    "elu": (F.elu, T.elu),
    "elu[0.3]": (lambda x: F.elu(x, 0.3), lambda x: T.elu(x, 0.3)),
    "softplus": (F.softplus, T.softplus),
    "softplus[2]": (lambda x: F.softplus(x, 2.0), lambda x: T.softplus(x, 2.0)),
    "silu": (F.silu, T.silu),
    "gelu": (F.gelu, T.gelu),
    "gelu[tanh]": (lambda x: F.gelu(x, "tanh"), lambda x: T.gelu(x, approximate="tanh")),
    "softmax": (F.softmax, lambda x: T.softmax(x, 1)),
    "log_softmax": (F.log_softmax, lambda x: T.log_softmax(x, 1)),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name: str) -> None:
    compare(*ACTIVATIONS[name], X)


# --- losses ------------------------------------------------------------------------------------


def per_example(loss: Any, reduction: str) -> Any:
    """Turn a loss of PyTorch's, whose mean is over all elements, into one over the examples."""
    factor = X.shape[1] if reduction == "mean" else 1
    return lambda x, t: loss(x, t, reduction=reduction) * factor


LOSSES = {
    "mean_squared_error": (F.mean_squared_error, T.mse_loss, X, Y),
    "mean_absolute_error": (F.mean_absolute_error, T.l1_loss, X, Y),
    "huber": (F.huber, T.huber_loss, X, Y),
    "sigmoid_cross_entropy": (F.sigmoid_cross_entropy, T.binary_cross_entropy_with_logits, X, P),
    "binary_cross_entropy": (F.binary_cross_entropy, T.binary_cross_entropy, P, SOFT),
    "kl_divergence": (F.kl_divergence, T.kl_div, Y, SOFT),
}


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides:UserWarning")
def test_losses(name: str, reduction: Any) -> None:
    ours, theirs, x, t = LOSSES[name]
    compare(lambda x, t: ours(x, t, reduction=reduction), per_example(theirs, reduction), x, t)


def test_huber_with_another_delta() -> None:
    compare(
        lambda x, t: F.huber(x, t, 0.5, "sum"),
        lambda x, t: T.huber_loss(x, t, reduction="sum", delta=0.5),
        *(X, Y),
    )


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("ignored", [None, 1])
@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_cross_entropy_of_labels(
    weights: Any, ignored: int | None, smoothing: float, reduction: Any
) -> None:
    compare(
        lambda x: F.softmax_cross_entropy(
            x,
            LABELS,
            class_weights=weights,
            ignore_label=ignored,
            label_smoothing=smoothing,
            reduction=reduction,
        ),
        lambda x: T.cross_entropy(
            x,
            torch.tensor(LABELS),
            weight=None if weights is None else torch.tensor(weights, dtype=x.dtype),
            ignore_index=-100 if ignored is None else ignored,
            label_smoothing=smoothing,
            reduction=reduction,
        ),
        X,
    )


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_cross_entropy_of_probabilities(weights: Any, smoothing: float, reduction: Any) -> None:
    compare(
        lambda x, t: F.softmax_cross_entropy(
            x, t, class_weights=weights, label_smoothing=smoothing, reduction=reduction
        ),
        lambda x, t: T.cross_entropy(
            x,
            t,
            weight=None if weights is None else torch.tensor(weights, dtype=x.dtype),
            label_smoothing=smoothing,
            reduction=reduction,
        ),
        *(X, SOFT),
    )


# --- normalization -----------------------------------------------------------------------------


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("x", [X, IMAGES[:, :, 0], IMAGES])
def test_batch_norm(x: Any, train: bool) -> None:
    statistics: list[tuple[Any, Any]] = []

    def ours(x: Any, gamma: Any, beta: Any) -> Any:
        mean, var = (np.array(v, x.dtype) for v in (C[0], WEIGHTS))
        with using_config("train", train):
            y = F.batch_norm(x, gamma, beta, mean, var, decay=0.75, eps=1e-3)
        statistics.append((mean, var))
        return y

    def theirs(x: Any, gamma: Any, beta: Any) -> Any:
        mean, var = (torch.tensor(v, dtype=x.dtype) for v in (C[0], WEIGHTS))
        y = T.batch_norm(x, mean, var, gamma, beta, train, momentum=0.25, eps=1e-3)
        for found, wanted in zip(statistics[-1], (mean, var), strict=True):
            np.testing.assert_allclose(found, wanted.numpy(), rtol=1e-5)
        return y

    compare(ours, theirs, x, *C)


@pytest.mark.parametrize("shape", [(4,), (3, 4)])
def test_layer_norm_and_rms_norm(shape: tuple[int, ...]) -> None:
    x = RNG.normal(2, 3, size=(5, 3, 4))
    gamma, beta = RNG.normal(size=(2, *shape))
    compare(F.layer_norm, lambda x, g, b: T.layer_norm(x, shape, g, b), x, gamma, beta)
    compare(F.layer_norm, lambda x, g: T.layer_norm(x, shape, g), x, gamma)
    compare(F.rms_norm, lambda x, g: T.rms_norm(x, shape, g, eps=1e-5), x, gamma)


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("x", [X, IMAGES])
def test_group_norm(x: Any, groups: int) -> None:
    compare(
        lambda x, g, b: F.group_norm(x, groups, g, b),
        lambda x, g, b: T.group_norm(x, groups, g, b),
        *(x, *C),
    )


@pytest.mark.parametrize("norm", ["batch", "layer"])
def test_second_derivatives_of_normalization(norm: str) -> None:
    """The gradient of the squared gradients."""
    names = {"batch": (F.batch_norm, batch), "layer": (F.layer_norm, layer)}
    ours, theirs = names[norm]
    operands = [Variable(v) for v in (X, *C)]
    y = ours(*operands)
    (y**3).sum().backward(create_graph=True)
    firsts = [operand.grad for operand in operands]
    for operand in operands:
        operand.cleargrad()
    sum((g**2).sum() for g in firsts).backward()  # type: ignore[union-attr, operator]
    tensors = [torch.tensor(v, requires_grad=True) for v in (X, *C)]
    first = torch.autograd.grad((theirs(*tensors) ** 3).sum(), tensors, create_graph=True)
    second = torch.autograd.grad(sum((g**2).sum() for g in first), tensors)
    for operand, wanted in zip(operands, second, strict=True):
        np.testing.assert_allclose(as_numpy(operand.grad), wanted.numpy(), rtol=1e-8, atol=1e-8)


def batch(x: Any, gamma: Any, beta: Any) -> Any:
    return T.batch_norm(x, None, None, gamma, beta, True, eps=2e-5)


def layer(x: Any, gamma: Any, beta: Any) -> Any:
    return T.layer_norm(x, (4,), gamma, beta)


# --- embedding ---------------------------------------------------------------------------------


def test_embedding() -> None:
    ids = np.array([[5, 0, 0], [3, 5, 5]])
    compare(lambda W: F.embedding(ids, W), lambda W: T.embedding(torch.tensor(ids), W), X)
