"""Convolutions by cuDNN beside the host: with a module in its place, and on a card the real one."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dezero_core import Variable
from dezero_cuda import diagnose_cudnn, using_cudnn
from dezero_cuda.kernels import KERNELS
from dezero_nn import functions as F

sys.path.insert(0, str(Path(__file__).parents[2] / "packages/dezero-cuda/tests/tools"))

from stub_cudnn import StubCudnn, put_cudnn

# The shapes of x and W, and the settings of conv2d.
CASES: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "3x3": ((2, 3, 7, 6), (4, 3, 3, 3), {"pad": 1}),
    "1x1": ((2, 6, 5, 4), (3, 6, 1, 1), {}),
    "1x1 stride": ((2, 6, 5, 4), (3, 6, 1, 1), {"stride": (2, 3)}),
    "whole image": ((2, 3, 4, 5), (6, 3, 4, 5), {}),
    "uneven": ((3, 2, 9, 8), (5, 2, 2, 3), {"stride": (2, 3), "pad": (1, 2)}),
    "what stride leaves": ((1, 2, 8, 7), (3, 2, 3, 2), {"stride": 2}),
    "dilation": ((2, 3, 9, 9), (2, 3, 3, 2), {"dilation": (2, 3), "pad": 2}),
    "groups": ((2, 6, 5, 5), (9, 2, 3, 3), {"groups": 3, "pad": 1}),
    "depthwise": ((2, 4, 6, 5), (4, 1, 3, 3), {"groups": 4, "pad": 1}),
    "depthwise, several": ((1, 3, 6, 5), (6, 1, 3, 2), {"groups": 3, "stride": 2}),
    "pad larger than kernel": ((1, 2, 3, 3), (2, 2, 2, 2), {"pad": (3, 4)}),
    "one image of one pixel": ((1, 1, 1, 1), (1, 1, 1, 1), {}),
}


@pytest.fixture
def cudnn(place: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[StubCudnn | None]:
    """Put a module in the place of cuDNN's; on a card there has to be the real one."""
    if place.name == "fake":
        stub = put_cudnn(monkeypatch)
        names = ("conv2d", "deconv2d", "conv2d_weight")
        place.backend.kernels.update({name: KERNELS[name] for name in names})
        yield stub
    else:
        if diagnose_cudnn() is not None:
            pytest.skip(str(diagnose_cudnn()))
        yield None


def draw(*shape: int, dtype: Any = np.float32, seed: int = 0) -> Any:
    return np.random.default_rng([seed, *shape]).normal(size=shape).astype(dtype)


def both_orders(f: Callable[..., Any], operands: list[Any]) -> list[Any]:
    """Return a result, the gradients of a function of it, and those of a function of these."""
    leaves = [Variable(x) for x in operands]
    y = f(*leaves)
    (y * y).sum().backward(create_graph=True)
    first = [leaf.grad for leaf in leaves]
    for leaf in leaves:
        leaf.cleargrad()
    total: Any = 0
    for g in first:
        assert g is not None
        total = total + (g * g).sum()
    total.backward()
    return [y, *first, *[leaf.grad for leaf in leaves]]


def assert_same_everywhere(
    f: Callable[..., Any], operands: list[Any], place: Any, cudnn: StubCudnn | None
) -> None:
    """Compare cuDNN's results with the host's, and with the general implementation's there."""
    wanted = both_orders(f, operands)
    there = [place.put(x) for x in operands]
    with place.quiet():
        found = both_orders(f, there)
        with using_cudnn(False):
            general = both_orders(f, there)
    for i, (by_cudnn, by_products, host) in enumerate(zip(found, general, wanted, strict=True)):
        place.assert_same(by_cudnn, host, f"result {i} by cuDNN")
        place.assert_same(by_products, host, f"result {i} by products")
    if cudnn is not None:
        assert {graph.kind for graph, _ in cudnn.executed} == {"fprop", "dgrad", "wgrad"}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("has_bias", [True, False])
def test_conv2d(case: str, has_bias: bool, place: Any, cudnn: StubCudnn | None) -> None:
    x, w, settings = CASES[case]
    operands = [draw(*x), draw(*w, seed=1)] + ([draw(w[0])] if has_bias else [])
    assert_same_everywhere(
        lambda *operands: F.conv2d(*operands, **settings), operands, place, cudnn
    )


@pytest.mark.parametrize("case", CASES)
def test_deconv2d(case: str, place: Any, cudnn: StubCudnn | None) -> None:
    x, w, settings = CASES[case]
    y = F.conv2d(draw(*x), draw(*w), **settings).shape
    operands = [draw(*y), draw(*w, seed=1), draw(x[1])]
    assert_same_everywhere(
        lambda *operands: F.deconv2d(*operands, outsize=x[2:], **settings), operands, place, cudnn
    )


def test_sequences(place: Any, cudnn: StubCudnn | None) -> None:
    operands = [draw(2, 3, 11), draw(4, 3, 4), draw(4)]
    assert_same_everywhere(lambda *a: F.conv1d(*a, 2, 1), operands, place, cudnn)


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float64"])
def test_other_precisions(name: str, place: Any, cudnn: StubCudnn | None) -> None:
    if name == "bfloat16":
        pytest.importorskip("ml_dtypes")
    dtype = np.dtype(name)
    x, w, settings = CASES["uneven"]
    operands = [draw(*x), draw(*w, seed=1), draw(w[0])]
    wanted = F.conv2d(*[a.astype(float) for a in operands], **settings).data
    there = [place.put(a.astype(dtype)) for a in operands]
    with place.quiet():
        found = F.conv2d(*there, **settings)
    assert found.dtype == dtype
    if cudnn is not None:
        assert len(cudnn.executed) == 1
    tolerance = {"float16": 1e-2, "bfloat16": 8e-2, "float64": 1e-6}[name]
    np.testing.assert_allclose(
        place.backend.to_numpy(found.data).astype(float), wanted, rtol=tolerance, atol=tolerance
    )


def test_an_empty_batch_goes_the_general_way(place: Any, cudnn: StubCudnn | None) -> None:
    x, W = place.put(draw(0, 3, 6, 6)), place.put(draw(4, 3, 3, 3))
    leaf = Variable(W)
    y = F.conv2d(x, leaf)
    assert y.shape == (0, 4, 4, 4)
    y.sum().backward()
    assert leaf.grad is not None
    place.assert_same(leaf.grad, np.zeros((4, 3, 3, 3), np.float32), "the gradient")
    if cudnn is not None:
        assert not cudnn.built


def test_errors_are_the_general_functions_own(place: Any, cudnn: StubCudnn | None) -> None:
    x, W = place.put(draw(2, 3, 6, 6)), place.put(draw(4, 2, 3, 3))
    with pytest.raises(ValueError, match="conv2d: x has 3 channels, W takes 2 channels"):
        F.conv2d(x, W)
    with pytest.raises(ValueError, match=r"conv2d: the kernel, .* is larger than the padded"):
        F.conv2d(x[:, :2, :2], W)


def test_what_no_engine_can_do(place: Any, cudnn: StubCudnn | None) -> None:
    if cudnn is None:
        pytest.skip("the real one has engines for all")
    x, w, settings = CASES["groups"]
    operands = [draw(*x), draw(*w, seed=1)]
    wanted = both_orders(lambda *a: F.conv2d(*a, **settings), operands)
    there = [place.put(a) for a in operands]
    cudnn.refuses = lambda graph: True
    with place.quiet():
        found = both_orders(lambda *a: F.conv2d(*a, **settings), there)
    for one, other in zip(found, wanted, strict=True):
        place.assert_same(one, other, "without an engine")
    assert not cudnn.executed
