"""Updates of many parameters in one launch, beside the formulas."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dezero_cuda.kernels import KERNELS, optimizers

# Names, the numbers of an update, and how many states there are.
RULES = {
    "sgd": ((0.1,), 0),
    "momentum_sgd": ((0.1, 0.9), 1),
    "nesterov": ((0.1, 0.9), 1),
    "adam": ((0.9, 0.99, 0.02, 1e-3), 2),
    "adamw": ((0.95, 0.9, 0.99, 0.02, 1e-3), 2),
}
SHAPES = [(3, 5), (), (0, 4), (8192,), (8193,), (2, 10_000), (16,)]


def step(name: str, numbers: Any, p: Any, g: Any, *state: Any) -> Any:
    """Return the parameter and its states after an update."""
    if name == "sgd":
        return [p - numbers[0] * g]
    if name in ("momentum_sgd", "nesterov"):
        lr, momentum = numbers
        v = momentum * state[0] - lr * g
        return [p + v if name == "momentum_sgd" else p - lr * g + momentum * v, v]
    *keep, beta1, beta2, rate, eps = numbers
    p = p * keep[0] if keep else p
    sum_g, sum_g2 = state[0] * beta1 + g, state[1] * beta2 + g * g
    return [p - rate * sum_g / (np.sqrt(sum_g2) + eps), sum_g, sum_g2]


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_all_parameters_are_updated(name: str, dtype: Any, place: Any) -> None:
    numbers, n_states = RULES[name]
    wide = np.result_type(dtype, np.float32)
    rng = np.random.default_rng(0)
    exact = [[rng.normal(size=shape).astype(dtype).astype(np.float64)] for shape in SHAPES]
    params = [place.put(np.asarray(values[0]).astype(dtype)) for values in exact]
    n_kinds = n_states + (wide != dtype)
    states = [[place.put(np.zeros(shape, wide)) for shape in SHAPES] for _ in range(n_kinds)]
    if wide != dtype:
        states[-1] = [p.astype(wide) for p in params]
    for values in exact:
        values += [np.zeros_like(values[0]) for _ in range(n_states)]
    for i in range(3):
        grads = [np.asarray(rng.normal(size=shape)).astype(dtype) for shape in SHAPES]
        exact = [
            step(name, numbers, values[0], g.astype(np.float64), *values[1:])
            for values, g in zip(exact, grads, strict=True)
        ]
        there = [place.put(np.array(g, order="F") if i == 1 else g) for g in grads]
        found = KERNELS[f"optimizer.{name}"](place.xp, numbers, params, there, states)
        assert found is None
        for g, before in zip(there, grads, strict=True):
            np.testing.assert_array_equal(place.get(g), before)
    tolerance = {np.float16: 2e-3, np.float32: 1e-5, np.float64: 1e-12}[dtype]
    masters = states[-1] if wide != dtype else params
    for p, master, *kinds in zip(params, masters, *states[:n_states], strict=True):
        values = exact.pop(0)
        np.testing.assert_allclose(place.get(p), values[0], rtol=tolerance, atol=tolerance)
        exactly = min(tolerance, 1e-5)
        np.testing.assert_allclose(place.get(master), values[0], rtol=exactly, atol=exactly)
        for kind, value in zip(kinds, values[1:], strict=True):
            np.testing.assert_allclose(place.get(kind), value, rtol=exactly, atol=exactly)


def test_small_steps_add_up_in_half_precision(place: Any) -> None:
    p = place.put(np.ones(9, np.float16))
    g, master = place.put(np.full(9, 1e-4, np.float16)), place.put(np.ones(9, np.float32))
    for _ in range(100):
        KERNELS["optimizer.sgd"](place.xp, (1.0,), [p], [g], [[master]])
    np.testing.assert_allclose(place.get(p), 0.99, atol=5e-4)
    np.testing.assert_allclose(place.get(master), 0.99, atol=1e-5)


def test_what_others_write_into_a_half_precision_parameter_counts(place: Any) -> None:
    p, master = place.put(np.ones(2, np.float16)), place.put(np.ones(2, np.float32))
    p[1] = 8
    g = place.put(np.full(2, 0.5, np.float16))
    KERNELS["optimizer.sgd"](place.xp, (1.0,), [p], [g], [[master]])
    assert place.get(p).tolist() == place.get(master).tolist() == [0.5, 7.5]


def test_parts_of_arrays_are_updated_too(place: Any) -> None:
    # Not aligned.
    whole = place.put(np.ones(100, np.float32))
    KERNELS["optimizer.sgd"](
        place.xp, (0.5,), [whole[1:]], [place.put(np.ones(99, np.float32))], []
    )
    assert place.get(whole).tolist() == [1.0] + [0.5] * 99


def test_a_table_is_copied_once_for_the_same_places(place: Any) -> None:
    copies: list[int] = []

    class Counting:
        def __getattr__(self, name: str) -> Any:
            return getattr(place.xp, name)

        def array(self, x: Any) -> Any:
            copies.append(x.size)
            return place.xp.array(x)

    xp, sgd = Counting(), KERNELS["optimizer.sgd"]
    p = place.put(np.ones(4, np.float32))
    grads = place.put(tuple(np.full(4, 2**i, np.float32) for i in range(6)))
    for g in (grads[0], grads[0], grads[1], grads[0], *grads, *grads):
        sgd(xp, (0.5,), [p], [g], [])
    # Two, then four that are new, and all but the last four once more, in turn.
    assert len(copies) == 2 + 4 + 6
    assert place.get(p).tolist() == [1 - 0.5 * (1 + 1 + 2 + 1 + 63 + 63)] * 4


def test_plans_go_with_their_arrays(place: Any) -> None:
    before = len(optimizers._plans)
    p, g = place.put(np.ones(4, np.float32)), place.put(np.ones(4, np.float32))
    KERNELS["optimizer.sgd"](place.xp, (0.5,), [p], [g], [])
    assert len(optimizers._plans) == before + 1
    del p
    assert len(optimizers._plans) == before


def test_nothing_to_do(place: Any) -> None:
    x = place.put(np.ones((0, 2), np.float32))
    assert KERNELS["optimizer.sgd"](place.xp, (0.5,), [x], [x], []) is None


# --- losses that are scaled ----------------------------------------------------------------------


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_an_update_that_is_skipped_on_the_device_changes_nothing(
    name: str, dtype: Any, place: Any
) -> None:
    numbers, n_states = RULES[name]
    n_kinds = n_states + (dtype == np.float16)
    p, g = (place.put(np.full(20, value, dtype)) for value in (1.0, 0.5))
    states = [[place.put(np.full(20, 1.0, np.float32))] for _ in range(n_kinds)]
    kernel = KERNELS[f"optimizer.{name}"]
    assert kernel(place.xp, numbers, [p], [g], states, place.put(np.array(True)), None) is None
    for array in (p, *[kind[0] for kind in states]):
        assert place.get(array).tolist() == [1.0] * 20
    kernel(place.xp, numbers, [p], [g], states, place.put(np.array(False)), None)
    assert (place.get(p) < 1).all() or name in ("momentum_sgd", "nesterov")
    assert (place.get(p) != 1).all()


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_a_factor_on_the_device_belongs_to_the_rate(name: str, place: Any) -> None:
    numbers, _ = RULES[name]
    *before, rate, eps = numbers
    found = []
    for given, factor in (((*before, rate, eps), 0.25), ((*before, rate / 4, eps), None)):
        p, g, m, v = (place.put(np.linspace(1, 2, 9, dtype=np.float32)) for _ in range(4))
        guard = place.put(np.array(False)), None if factor is None else place.put(np.array(factor))
        KERNELS[f"optimizer.{name}"](place.xp, given, [p], [g], [[m], [v]], *guard)
        found.append(place.get(p).tolist())
    assert found[0] == found[1] != np.linspace(1, 2, 9, dtype=np.float32).tolist()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_gradients_are_scaled_at_once(dtype: Any, place: Any) -> None:
    rng = np.random.default_rng(0)
    wanted = [np.asarray(rng.normal(size=shape)).astype(dtype) for shape in SHAPES]
    there = [place.put(x.copy()) for x in wanted]
    there.append(place.put(np.arange(5.0).astype(dtype))[1:])  # not aligned
    wanted.append(np.arange(1.0, 5.0).astype(dtype))
    factor = place.put(np.array(0.25, np.float32))
    found = KERNELS["gradients.scale"](place.xp, there, factor)
    assert found.shape == () and not bool(place.get(found))
    for x, expected in zip(there, wanted, strict=True):
        np.testing.assert_array_equal(place.get(x), expected * dtype(0.25))


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("where", [0, 8191, 8192, 9000])
def test_what_is_not_finite_is_found(value: float, where: int, place: Any) -> None:
    x = np.ones(9001, np.float32)
    x[where] = value
    there = [place.put(np.ones(3, np.float32)), place.put(x)]
    factor = place.put(np.array(2.0, np.float32))
    assert bool(place.get(KERNELS["gradients.scale"](place.xp, there, factor)))
    assert place.get(there[0]).tolist() == [2.0] * 3


def test_gradients_of_other_kinds_are_declined(place: Any) -> None:
    factor = place.put(np.array(2.0, np.float32))
    mixed = [place.put(np.ones(3, dtype)) for dtype in (np.float32, np.float64)]
    assert KERNELS["gradients.scale"](place.xp, mixed, factor) is NotImplemented
    strided = [place.put(np.ones((3, 4), np.float32)).T]
    assert KERNELS["gradients.scale"](place.xp, strided, factor) is NotImplemented


@pytest.mark.parametrize(
    ("scale", "good", "found", "wanted"),
    [
        (8.0, 0, False, (8.0, 1)),
        (8.0, 2, False, (16.0, 0)),
        (8.0, 2, True, (4.0, 0)),
        (32.0, 2, False, (32.0, 0)),
        (1.0, 1, True, (1.0, 0)),
    ],
)
def test_the_scale_is_adapted(
    scale: float, good: int, found: bool, wanted: tuple[float, int], place: Any
) -> None:
    arrays = [np.array(scale, np.float32), np.array(good, np.int32), np.array(found)]
    there = list(map(place.put, arrays))
    following = KERNELS["gradients.adapt_scale"](place.xp, *there, 3, 2.0, 0.5, 1.0, 32.0)
    assert tuple(place.get(x).item() for x in following) == wanted
    assert [x.dtype for x in following] == [np.float32, np.int32]
    assert place.get(there[0]).item() == scale  # a loss may hold it


def test_the_factor_of_adam_counts_the_updates_that_were_done(place: Any) -> None:
    def bias(t: int) -> float:
        return float(np.sqrt(1 - 0.999**t) / (1 - 0.9**t))

    skipped = place.put(np.array(3.0))
    factor = KERNELS["gradients.adam_factor"](place.xp, skipped, 5, 0.9, 0.999, bias(5))
    assert factor.dtype == np.float64
    np.testing.assert_allclose(place.get(factor), bias(2) / bias(5), rtol=1e-12)


def test_what_lies_on_another_device_is_declined(
    place: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dezero_cuda.kernels.gradients.lies_here", lambda xp, x: False)
    x, scale, skipped = (place.put(np.array(2.0, dtype)) for dtype in ("f4", "f4", "f8"))
    good, found = place.put(np.array(0, np.int32)), place.put(np.array(False))
    assert KERNELS["gradients.scale"](place.xp, [x], scale) is NotImplemented
    adapt_scale, limits = KERNELS["gradients.adapt_scale"], (3, 2.0, 0.5, 1.0, 32.0)
    assert adapt_scale(place.xp, scale, good, found, *limits) is NotImplemented
    adam_factor = KERNELS["gradients.adam_factor"]
    assert adam_factor(place.xp, skipped, 5, 0.9, 0.999, 1.0) is NotImplemented
    assert place.get(x).item() == 2.0
