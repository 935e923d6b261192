"""Functions that kernels of dezero-cuda compute, and operands: a table for several tests."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from dezero_core import Variable, functions
from dezero_nn import functions as F

__all__ = ["CASES", "LABELS", "WEIGHTS", "X", "compute", "cross_entropy", "normal"]


def normal(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


X, ROW = normal(6, 5), normal(5, seed=1)
IMAGES = normal(2, 3, 6, 5)
LABELS = np.array([0, 4, 2, -1, 1, 3])
WEIGHTS = np.float32([1, 2, 0.5, 1, 3])
LSTM = (normal(4, 3, 5), normal(4, 3, 4, seed=1), normal(4, 4, 4, seed=2))
GRU = (normal(4, 3, 5), normal(3, 5, 4, seed=1), normal(3, 4, 4, seed=2), normal(3, 4, seed=3))


def lstm(x: Any, Wx: Any, Wh: Any) -> Any:
    hs, h, c = F.lstm(x, Wx, Wh)
    return hs.sum() + (h * c).sum()


def lstm_steps(x: Any, Wx: Any, Wh: Any) -> Any:
    h, c = F.lstm_cell(x, Wx, Wh)
    h, c = F.lstm_cell(x, Wx, Wh, None, h, c)
    return h * c


def gru(x: Any, Wx: Any, Wh: Any, b: Any) -> Any:
    return F.gru(x, Wx, Wh, b)[0]


def cross_entropy(**options: Any) -> Callable[..., Any]:
    def loss(x: Any, t: Any) -> Any:
        return F.softmax_cross_entropy(x, t, ignore_label=-1, **options)

    return loss


def tanh(x: Any) -> Any:
    return functions.tanh(x)


def heads(q: Any, k: Any, v: Any) -> Any:
    q, k, v = (x.reshape(2, 6, 4, 5).transpose(0, 2, 1, 3) for x in (q, k, v))
    return F.scaled_dot_product_attention(q, k, v, causal=True)


# A function of the operands, and the kernels that must have run in both directions.
CASES: dict[str, tuple[Callable[..., Any], tuple[Any, ...], set[str]]] = {
    "relu": (F.relu, (X,), {"relu", "relu.vjp.x"}),
    "sigmoid": (F.sigmoid, (X,), {"sigmoid", "sigmoid.vjp.x"}),
    "tanh": (tanh, (X,), {"tanh", "tanh.vjp.x"}),
    "silu": (F.silu, (X,), {"silu", "silu.vjp.x"}),
    "gelu": (F.gelu, (X,), {"gelu", "gelu.vjp.x"}),
    "gelu_by_tanh": (
        lambda x: F.gelu(x, "tanh"),
        (X,),
        {"gelu_by_tanh", "gelu_by_tanh.vjp.x"},
    ),
    "softmax": (F.softmax, (X,), {"softmax", "softmax.vjp.x"}),
    "log_softmax": (F.log_softmax, (X,), {"log_softmax", "log_softmax.vjp.x"}),
    "cross_entropy": (
        F.softmax_cross_entropy,
        (X, abs(LABELS)),
        {"softmax_cross_entropy", "softmax_cross_entropy.vjp.x"},
    ),
    "some_cross_entropy": (
        cross_entropy(),
        (X, LABELS),
        {"softmax_cross_entropy", "softmax_cross_entropy.vjp.x"},
    ),
    "smooth_cross_entropy": (
        cross_entropy(label_smoothing=0.1),
        (X, LABELS),
        {"log_softmax", "log_softmax.vjp.x"},
    ),
    "layer_norm": (
        F.layer_norm,
        (X, ROW, normal(5, seed=2)),
        {"normalize_rows", "normalize_rows.vjp"},
    ),
    "rms_norm": (F.rms_norm, (X, ROW), {"normalize_rows", "normalize_rows.vjp"}),
    "group_norm": (
        lambda x: F.group_norm(x, 5),
        (normal(2, 5, 3),),
        {"normalize_rows", "normalize_rows.vjp"},
    ),
    "batch_norm": (
        F.batch_norm,
        (IMAGES, normal(3), normal(3, seed=1)),
        {"batch_norm", "batch_norm.vjp"},
    ),
    "conv2d": (
        lambda x, W, b: F.conv2d(x, W, b, stride=2, pad=1),
        (IMAGES, normal(4, 3, 3, 2), normal(4)),
        {"im2col", "col2im", "matmul"},
    ),
    "pooling": (lambda x: F.pooling(x, 3, 2, 1), (IMAGES,), {"pooling", "to_winners"}),
    "average_pooling": (
        lambda x: F.average_pooling(x, (2, 3), 1, 1),
        (IMAGES,),
        {"average_pooling", "spread"},
    ),
    "embedding": (F.embedding, (np.array([[1, 1], [0, 5]]), X), {"add_at"}),
    "matmul": (functions.matmul, (X, normal(5, 3)), {"matmul"}),
    "matmul_of_stacks": (
        lambda x0, x1: functions.matmul(x0, functions.swapaxes(x1, 1, 2)),
        (normal(3, 6, 5), normal(3, 4, 5)),
        {"matmul"},
    ),
    "matmul_of_a_stack": (functions.matmul, (normal(3, 6, 5), normal(5, 4)), {"matmul"}),
    "matmul_with_vectors": (
        lambda x0, x1, x2: functions.matmul(functions.matmul(x0, x1), x2),
        (normal(5), normal(5, 5), normal(5, 2)),
        {"matmul"},
    ),
    "tensordot": (
        lambda x0, x1: functions.tensordot(x0, x1, axes=((2, 0), (0, 1))),
        (normal(3, 6, 5), normal(5, 3, 2)),
        {"tensordot"},
    ),
    "einsum": (
        lambda x0, x1: functions.einsum("bqhd,bkhd->bhqk", x0, x1),
        (normal(2, 3, 4, 5), normal(2, 6, 4, 5)),
        {"einsum"},
    ),
    "linear": (F.linear, (X, normal(5, 4), normal(4)), {"linear", "matmul"}),
    "linear_of_sequences": (
        F.linear,
        (normal(3, 6, 5), normal(5, 4), normal(4)),
        {"linear", "matmul"},
    ),
    **{
        f"linear_{f.__name__}": (
            partial(F.linear, activation=f),
            (X, normal(5, 4), normal(4)),
            {"linear_activation", "linear_activation.vjp", "matmul"},
        )
        for f in (F.relu, F.sigmoid, functions.tanh, F.silu, F.gelu)
    },
    "attention": (heads, tuple([normal(2, 6, 20, seed=i) for i in range(3)]), {"matmul"}),
    "lstm": (lstm, (LSTM[0], normal(4, 5, 4), LSTM[2]), {"lstm", "lstm.vjp"}),
    "lstm_cell": (
        lstm_steps,
        (X, normal(4, 5, 4), LSTM[2]),
        {"lstm_step", "lstm_step.vjp"},
    ),
    "gru": (gru, GRU, {"gru", "gru.vjp"}),
}


def compute(f: Callable[..., Any], operands: Any) -> tuple[Any, list[Any]]:
    """Return the result of a function and the gradients of its operands."""
    leaves = [Variable(x) if x.dtype.kind == "f" else x for x in operands]
    y = f(*leaves)
    (y * y).sum().backward()
    return y, [leaf.grad for leaf in leaves if isinstance(leaf, Variable)]
