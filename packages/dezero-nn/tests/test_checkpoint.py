"""Checkpoints: training goes on bit for bit, and what does not fit changes nothing."""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dezero_core.testing import fake_device
from dezero_core.typing import Array
from dezero_nn import (
    MLP,
    BatchNorm,
    Checkpoint,
    Dropout,
    Linear,
    Model,
    Sequential,
    relu,
    softmax_cross_entropy,
)

X = np.random.default_rng(0).normal(size=(20, 6)).astype(np.float32)
T = np.random.default_rng(1).integers(0, 3, 20)


class Momentum:
    """A small optimizer, since this package knows none: what a checkpoint asks of one."""

    def __init__(self, model: Model, lr: float = 0.1) -> None:
        self.model, self.lr, self.t = model, lr, 0
        self.velocities: dict[str, Array] = {}

    def update(self) -> None:
        self.t += 1
        for path, parameter in self.model.namedparams():
            assert parameter.grad is not None
            v = self.velocities.setdefault(path, np.zeros_like(parameter.data))
            v *= 0.9
            v -= self.lr * parameter.grad.data
            parameter.data += v

    def state_dict(self) -> dict[str, Any]:
        velocities = {path: v.copy() for path, v in self.velocities.items()}
        return {"lr": self.lr, "t": self.t, "velocities": velocities}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        if self.lr != state["lr"]:
            raise ValueError(f"another learning rate, {state['lr']}")
        self.t, self.velocities = state["t"], dict(state["velocities"])


class Shuffler:
    """A small loader that may be saved in the middle of an epoch."""

    def __init__(self) -> None:
        self.start()

    def start(self) -> None:
        self.order, self.position = np.random.permutation(len(X)), 0

    def batches(self) -> Iterator[Array]:
        while self.position < len(X):
            self.position += 5
            yield self.order[self.position - 5 : self.position]
        self.start()

    def state_dict(self) -> dict[str, Any]:
        return {"order": self.order.copy(), "position": self.position}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.order, self.position = state["order"], state["position"]


class Run:
    def __init__(self, seed: int) -> None:
        np.random.seed(seed)
        self.generator = np.random.default_rng(seed)
        dropout = Dropout(0.3, generator=self.generator)
        self.model = Sequential(Linear(8), BatchNorm(), relu, Dropout(0.2), dropout, Linear(3))
        self.optimizer = Momentum(self.model)
        self.loader = Shuffler()
        self.losses: list[float] = []

    @property
    def checkpoint(self) -> Checkpoint:
        return Checkpoint(
            model=self.model,
            optimizer=self.optimizer,
            loader=self.loader,
            generator=self.generator,
        )

    def train(self, epochs: int, stop: int | None = None) -> None:
        for _ in range(epochs):
            for i, batch in enumerate(self.loader.batches()):
                loss = softmax_cross_entropy(self.model(X[batch]), T[batch])
                self.model.cleargrads()
                loss.backward()
                self.optimizer.update()
                self.losses.append(float(loss))
                if i == stop:
                    return


def everything(run: Run) -> list[Any]:
    state: list[Any] = [a.tobytes() for a in run.model.state_dict().values()]
    state += [v.tobytes() for v in run.optimizer.velocities.values()]
    state += [run.optimizer.t, run.loader.order.tolist(), run.loader.position]
    state += [run.generator.bit_generator.state, repr(np.random.get_state())]
    return state


@pytest.mark.parametrize("stop", [None, 1])
def test_two_epochs_and_two_epochs_are_four(tmp_path: Path, stop: int | None) -> None:
    whole = Run(0)
    whole.train(4)
    wanted = everything(whole)

    first = Run(0)
    first.train(2)
    first.train(1, stop)
    first.checkpoint.save(tmp_path / "run.npz", epoch=2, best=0.25)
    first.train(1)  # what comes after the save is lost in the interruption

    second = Run(99)  # never called: its weights come from the file
    assert second.checkpoint.load(tmp_path / "run.npz") == {"epoch": 2, "best": 0.25}
    second.train(4 - 3 if stop is None else 2)
    assert everything(second) == wanted
    assert second.losses == whole.losses[-len(second.losses) :]
    assert whole.losses[-1] < whole.losses[0]


# --- what can be saved --------------------------------------------------------------------------


class Box:
    """Whatever is put into it."""

    def __init__(self, state: Any = None) -> None:
        self.state = state

    def state_dict(self) -> dict[str, Any]:
        return {"state": self.state}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.state = state["state"]


def through_a_file(state: Any) -> Any:
    box = Box("empty")
    with tempfile.TemporaryDirectory() as folder:
        Checkpoint(box=Box(state)).save(f"{folder}/box.npz")
        Checkpoint(box=box).load(f"{folder}/box.npz")
    return box.state


TEXTS = st.text("a/'\0é", max_size=3)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS
TREES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(TEXTS | st.integers(), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(TREES)
def test_any_tree_of_plain_values_comes_back(state: Any) -> None:
    back = through_a_file(state)
    assert back == state
    assert repr(back) == repr(state)  # 1 is not True, nor 1.0


@pytest.mark.parametrize("dtype", ["f8", "f4", "f2", "i8", "u1", "?", "c16", "U3"])
def test_arrays_and_scalars_come_back_bit_for_bit(dtype: str) -> None:
    array = np.array([[0, 1, 1]]).astype(dtype)
    states = {"a/b": array, "a": {"b": array + array}, "scalar": array[0, 1], "0-d": array[0, 0]}
    states["empty"] = array[:0]
    states["turned"] = np.asfortranarray(np.repeat(array, 2, axis=0))
    back = through_a_file(states)
    assert list(back) == list(states)
    for key in ("a/b", "scalar", "0-d", "empty", "turned"):
        assert type(back[key]) is type(states[key])
        assert back[key].dtype == states[key].dtype
        np.testing.assert_array_equal(back[key], states[key])
    np.testing.assert_array_equal(back["a"]["b"], array + array)


def test_numbers_that_are_not_finite_come_back() -> None:
    back = through_a_file([float("inf"), -float("inf"), float("nan"), 2**200])
    assert back[:2] == [float("inf"), -float("inf")] and back[2] != back[2]
    assert back[3] == 2**200


def test_arrays_of_a_device_are_saved() -> None:
    with fake_device() as device:
        back = through_a_file(device.asarray(np.arange(3.0)))
    assert back.tolist() == [0.0, 1.0, 2.0]


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"hook": [len]}, "box/state/hook/0 is <class 'builtin_function_or_method'>"),
        ({"names": np.array([{}], object)}, r"box/state/names is object\[1\]"),
        ({1, 2}, "box/state is <class 'set'>"),
    ],
)
def test_what_can_not_be_saved_is_named(tmp_path: Path, state: Any, message: str) -> None:
    with pytest.raises(TypeError, match=f"Checkpoint.save: {message}; a state consists of arrays"):
        Checkpoint(box=Box(state)).save(tmp_path / "box.npz")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "make",
    [
        lambda: np.random.default_rng(3),
        lambda: np.random.RandomState(3),
        lambda: np.random.Generator(np.random.MT19937(3)),
        lambda: np.random.Generator(np.random.Philox(3)),
        lambda: np.random.Generator(np.random.SFC64(3)),
    ],
)
def test_generators_go_on_where_they_were(tmp_path: Path, make: Callable[[], Any]) -> None:
    generator = make()
    generator.standard_normal(3)
    checkpoint = Checkpoint(generator=generator)
    np.random.randn()  # an odd number: the other half of the pair is kept for later
    checkpoint.save(tmp_path / "run.npz")
    wanted = generator.standard_normal(5), np.random.randn(5)
    checkpoint.load(tmp_path / "run.npz")
    np.testing.assert_array_equal((generator.standard_normal(5), np.random.randn(5)), wanted)
    other = Checkpoint(generator=np.random.Generator(np.random.PCG64DXSM(0)))
    with pytest.raises(ValueError, match="the generator is a PCG64DXSM, its saved state that of"):
        other.load(tmp_path / "run.npz")


def test_the_file_is_one_of_numpy(tmp_path: Path) -> None:
    model = MLP((2,))
    model(X)
    Checkpoint(model=model, box=Box({"m": np.ones(2)})).save(tmp_path / "run.npz", best=X)
    with np.load(tmp_path / "run.npz", allow_pickle=False) as arrays:
        assert {"model/l0/W", "model/l0/b", "box/state/m", "notes/best"} <= set(arrays)
        np.testing.assert_array_equal(arrays["model/l0/W"], model.state_dict()["l0/W"])


# --- what goes wrong ----------------------------------------------------------------------------


def test_a_state_that_does_not_fit_changes_nothing(tmp_path: Path) -> None:
    run = Run(0)
    run.train(1)
    run.checkpoint.save(tmp_path / "run.npz")
    other = Run(5)
    other.optimizer.lr = 0.7
    before = everything(other)
    with pytest.raises(ValueError, match=r"another learning rate, 0\.1") as caught:
        other.checkpoint.load(tmp_path / "run.npz")
    assert "optimizer does not take its state" in caught.value.__notes__[0]
    assert everything(other) == before  # the model's weights too, of which there were none
    assert other.model.l0.W.data is None
    with pytest.raises(ValueError, match="missing: extra\n  unexpected: model\n  unexpected: opt"):
        Checkpoint(loader=run.loader, generator=run.generator, extra=Box()).load(
            tmp_path / "run.npz"
        )


def test_an_interrupted_save_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "run.npz"
    Checkpoint(box=Box([np.ones(3)])).save(file)
    before = file.read_bytes()

    def interrupt(*args: Any, **kwargs: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(np.lib.format, "write_array", interrupt)
    with pytest.raises(KeyboardInterrupt):
        Checkpoint(box=Box([np.zeros(3)])).save(file)
    assert file.read_bytes() == before
    assert list(tmp_path.iterdir()) == [file]


def spoiled(kind: str, good: bytes) -> bytes:
    if kind == "truncated":
        return good[: len(good) // 2]
    if kind == "text":
        return b"epoch,loss\n1,0.5\n"
    buffer = io.BytesIO()
    if kind == "weights":
        np.savez(buffer, **{"l0/W": np.ones(3)})
        return buffer.getvalue()
    with zipfile.ZipFile(io.BytesIO(good)) as archive:
        arrays = {name[:-4]: np.load(io.BytesIO(archive.read(name))) for name in archive.namelist()}
    tree = json.loads(arrays["checkpoint.json"].tobytes())
    if kind == "version":
        tree["format"][1] = 99
    elif kind == "kind":
        tree["objects"] = {"pickle": "cos\nsystem\n"}
    elif kind == "name":
        tree["objects"] = {"array": "elsewhere"}
    elif kind == "parts":
        del tree["numpy"]
    elif kind == "generator":
        tree["numpy"] = {"dict": [["bit_generator", "MT19937"]]}
    text = json.dumps(tree)
    if kind == "deep":
        text = '{"format": ' + "[" * 100_000
    arrays["checkpoint.json"] = np.frombuffer(text.encode(), np.uint8)
    np.savez(buffer, **arrays)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("truncated", "is no checkpoint, or is damaged"),
        ("text", "is no checkpoint, or is damaged"),
        ("weights", "it holds no checkpoint.json"),
        ("version", "it is of version 99, known is 1"),
        ("kind", "it holds a pickle"),
        ("name", "elsewhere"),
        ("parts", "numpy"),
        ("deep", "is no checkpoint, or is damaged"),
        ("generator", "no state of NumPy's generator"),
    ],
)
def test_damaged_and_foreign_files_are_refused(tmp_path: Path, kind: str, message: str) -> None:
    run = Run(0)
    run.train(1)
    file = tmp_path / "run.npz"
    run.checkpoint.save(file)
    file.write_bytes(spoiled(kind, file.read_bytes()))
    before = everything(run)
    with pytest.raises(ValueError, match=rf"Checkpoint\.load: .*run\.npz .*{message}"):
        run.checkpoint.load(file)
    assert everything(run) == before


def test_checkpoints_say_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Checkpoint: there is nothing to save"):
        Checkpoint()
    with pytest.raises(TypeError, match="Checkpoint: epoch is a int, which has no state_dict and"):
        Checkpoint(epoch=3)  # type: ignore[arg-type]
    with pytest.raises(FileNotFoundError, match=r"nothing\.npz"):
        Checkpoint(box=Box()).load(tmp_path / "nothing.npz")
    with pytest.raises(FileNotFoundError, match="no folder"):
        Checkpoint(box=Box()).save(tmp_path / "nowhere" / "run.npz")
