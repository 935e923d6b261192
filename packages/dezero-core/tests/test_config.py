"""Settings belong to the context: blocks nest, threads and tasks do not see each other."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import dezero_core
from dezero_core import Config, Variable, no_grad, using_config


def records() -> bool:
    return (Variable(np.array(1.0)) * 2).requires_grad


def test_defaults() -> None:
    assert Config.enable_backprop is True
    assert Config.train is True


def test_no_grad_switches_recording_off_inside() -> None:
    with no_grad():
        assert not Config.enable_backprop
        assert not records()
    assert records()


def test_blocks_nest() -> None:
    with no_grad():
        with using_config("enable_backprop", True):
            assert records()
            with no_grad():
                assert not records()
            assert records()
        assert not records()
    assert records()


def test_it_is_restored_after_an_exception() -> None:
    with pytest.raises(ZeroDivisionError), no_grad():
        raise ZeroDivisionError
    assert records()


def test_settings_do_not_disturb_each_other() -> None:
    with dezero_core.test_mode():
        assert not Config.train and Config.enable_backprop
        with no_grad():
            assert not Config.train and not Config.enable_backprop
        assert not Config.train and Config.enable_backprop
    assert Config.train


def test_as_decorators() -> None:
    @no_grad()
    def infer(x: Variable, *, by: float) -> Variable:
        """Multiply."""
        return x * by

    x = Variable(np.array(2.0))
    assert not infer(x, by=3.0).requires_grad
    assert float(infer(x, by=3.0)) == 6.0
    assert infer.__name__ == "infer" and infer.__doc__ == "Multiply."
    assert records()


def test_one_object_may_be_entered_while_it_is_entered() -> None:
    block = no_grad()
    with block:
        with block:
            assert not records()
        assert not records()
    assert records()


def test_a_decorated_function_may_call_itself() -> None:
    @no_grad()
    def depth(n: int) -> int:
        assert not Config.enable_backprop
        return n if n == 3 else depth(n + 1)

    assert depth(0) == 3
    assert Config.enable_backprop


def test_config_can_be_set() -> None:
    try:
        Config.train = False
        assert not Config.train
    finally:
        Config.train = True


def test_repr_and_dir_show_the_settings() -> None:
    assert repr(Config).startswith("Config(enable_backprop=True, train=True")
    assert {"enable_backprop", "train"} <= set(dir(Config))


@pytest.mark.parametrize("name", ["trian", "enable_backprob"])
def test_unknown_settings(name: str) -> None:
    message = f"Config has no setting '{name}'; there is enable_backprop, train"
    with pytest.raises(AttributeError, match=message):
        using_config(name, False)
    with pytest.raises(AttributeError, match=message):
        getattr(Config, name)
    with pytest.raises(AttributeError, match=message):
        setattr(Config, name, False)


def test_no_grad_in_one_thread_leaves_the_others_alone() -> None:
    inside, done = threading.Event(), threading.Event()
    seen: list[bool] = []

    def work() -> None:
        with no_grad():
            inside.set()
            done.wait(10)
            seen.append(records())

    thread = threading.Thread(target=work)
    thread.start()
    assert inside.wait(10)
    try:
        assert records()
    finally:
        done.set()
        thread.join()
    assert seen == [False]


def test_backward_in_several_threads_at_once() -> None:
    def slope(n: int) -> float:
        x = Variable(np.array(1.0))
        y = x
        for _ in range(n):
            y = y * x
        y.backward(create_graph=n % 2 == 0)
        assert x.grad is not None
        return float(x.grad)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(slope, range(1, 65))) == [float(n + 1) for n in range(1, 65)]
    assert Config.enable_backprop


def test_no_grad_in_one_task_leaves_the_others_alone() -> None:
    async def without() -> bool:
        with no_grad():
            await asyncio.sleep(0)
            return records()

    async def with_gradients() -> bool:
        await asyncio.sleep(0)
        return records()

    async def both() -> list[bool]:
        return await asyncio.gather(without(), with_gradients())

    assert asyncio.run(both()) == [False, True]


def test_backward_restores_recording() -> None:
    x = Variable(np.array(2.0))
    (x * x).backward()
    assert records()
    with no_grad():
        with using_config("enable_backprop", True):
            y = x * x
        y.backward(create_graph=True)
        assert not Config.enable_backprop
    assert records()
