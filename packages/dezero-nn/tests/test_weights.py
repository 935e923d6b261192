"""State and weight files: what fits is taken whole, and what does not changes nothing."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dezero_core import Parameter, as_numpy
from dezero_core.testing import fake_device
from dezero_nn import MLP, Layer, Linear

X = np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32)


def trained() -> MLP:
    model = MLP((3, 2))
    model(X)
    return model


def snapshot(layer: Layer) -> dict[str, bytes]:
    return {path: array.tobytes() for path, array in layer.state_dict().items()}


def test_weights_are_saved_under_the_paths_of_the_book(tmp_path: Path) -> None:
    model = trained()
    model.save_weights(tmp_path / "mlp.npz")
    with np.load(tmp_path / "mlp.npz", allow_pickle=False) as arrays:
        assert sorted(arrays) == ["l0/W", "l0/b", "l1/W", "l1/b"]
        np.testing.assert_array_equal(arrays["l0/W"], model.state_dict()["l0/W"])


@pytest.mark.parametrize("called", [False, True])
def test_loaded_weights_give_the_same_results(tmp_path: Path, called: bool) -> None:
    model = trained()
    model.save_weights(tmp_path / "mlp.npz")
    twin = trained() if called else MLP((3, 2))
    twin.load_weights(str(tmp_path / "mlp.npz"))
    np.testing.assert_array_equal(twin(X).data, model(X).data)
    assert snapshot(twin) == snapshot(model)


def test_files_of_numpy_are_read_compressed_or_not(tmp_path: Path) -> None:
    # As the book's package writes them; under NumPy 2 its weights are float64.
    model = trained()
    wide = {path: array.astype(np.float64) for path, array in model.state_dict().items()}
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "theirs.npz", **wide)  # type: ignore[operator]
        for twin in (MLP((3, 2)), trained()):
            twin.load_weights(tmp_path / "theirs.npz")
            assert {p.dtype for p in twin.params()} == {np.dtype(np.float32)}
            np.testing.assert_array_equal(twin(X).data, model(X).data)


def test_the_same_weights_give_the_same_bytes(tmp_path: Path) -> None:
    model = trained()
    model.save_weights(tmp_path / "a.npz")
    model.save_weights(tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_any_attribute_can_be_saved(tmp_path: Path) -> None:
    layer = Layer()
    layer.file = Parameter(np.array(1.5))
    layer.allow_pickle = Parameter(np.zeros((0, 3)))
    layer.save_weights(tmp_path / "odd.npz")
    layer.file.data = np.array(0.0)
    layer.load_weights(tmp_path / "odd.npz")
    assert float(layer.file) == 1.5
    assert layer.allow_pickle.shape == (0, 3)


def test_a_model_that_was_never_called_is_saved_and_loaded(tmp_path: Path) -> None:
    MLP((3, 2)).save_weights(tmp_path / "mlp.npz")
    fresh = MLP((3, 2))
    fresh.load_weights(tmp_path / "mlp.npz")
    assert [p.data is None for p in fresh.params()] == [True, False, True, False]
    assert {path: array.shape for path, array in fresh.state_dict().items()} == {
        "l0/W": (0, 3),
        "l0/b": (3,),
        "l1/W": (0, 2),
        "l1/b": (2,),
    }
    assert fresh(X).shape == (4, 2)
    model = trained()
    before = snapshot(model)
    with pytest.raises(
        ValueError, match=r"different: l0/W, float32\[0, 3\] in mlp\.npz, float32\[5"
    ):
        model.load_weights(tmp_path / "mlp.npz")
    assert snapshot(model) == before


def test_an_interrupted_save_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = trained()
    file = tmp_path / "mlp.npz"
    model.save_weights(file)
    before = file.read_bytes()
    count = 0
    write = np.lib.format.write_array

    def interrupt(*args: Any, **kwargs: Any) -> None:
        nonlocal count
        count += 1
        if count == 3:
            raise KeyboardInterrupt
        write(*args, **kwargs)

    monkeypatch.setattr(np.lib.format, "write_array", interrupt)
    with pytest.raises(KeyboardInterrupt):
        trained().save_weights(file)
    assert file.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["mlp.npz"]


@pytest.mark.parametrize("called", [False, True])
def test_all_that_does_not_fit_is_told_at_once_and_nothing_is_changed(
    tmp_path: Path, called: bool
) -> None:
    state = trained().state_dict()
    state["l0/W"] = np.zeros((5, 4), np.float32)
    state["l1/b"] = np.array(["a", "b"])  # type: ignore[assignment]
    state["l7/W"] = state.pop("l0/b")
    np.savez(tmp_path / "other.npz", **state)
    model = trained() if called else MLP((3, 2))
    before = snapshot(model)
    rows = "5" if called else "?"
    lines = [
        f"different: l0/W, float32[5, 4] in SOURCE, float32[{rows}, 3] in the MLP",
        "different: l1/b, <U1[2] in SOURCE, float32[2] in the MLP",
        "missing: l0/b, float32[3] in the MLP",
        "unexpected: l7/W, float32[3]",
    ]
    for source, load in (
        ("other.npz", lambda: model.load_weights(tmp_path / "other.npz")),
        ("the state", lambda: model.load_state_dict(state)),
    ):
        with pytest.raises(ValueError, match="does not fit the MLP; nothing was changed") as caught:
            load()
        told = str(caught.value).split("\n  ")[1:]
        assert told == [line.replace("SOURCE", source) for line in lines]
        assert snapshot(model) == before


def test_a_state_is_a_copy_in_both_directions() -> None:
    model = trained()
    state = model.state_dict()
    before = {path: array.copy() for path, array in state.items()}
    for parameter in model.params():
        parameter.data += 1
    assert all(np.array_equal(state[path], before[path]) for path in before)
    model.load_state_dict(state)
    state["l0/b"][:] = 9
    assert snapshot(model)["l0/b"] == before["l0/b"].tobytes()


def test_a_state_with_what_is_no_array_is_refused() -> None:
    model = trained()
    state: dict[str, Any] = {**model.state_dict(), "l0/b": [0.0, 0.0, 0.0], "l9/b": None}
    with pytest.raises(ValueError, match="no array: l0/b\n  unexpected: l9/b"):
        model.load_state_dict(state)


def test_parameters_keep_their_dtype_and_their_device() -> None:
    layer = Linear(2, dtype=np.float64, in_size=3)
    state = {"W": np.ones((3, 2), np.float32), "b": np.zeros(2, int)}
    layer.load_state_dict(state)
    assert [p.dtype for p in layer.params()] == [np.float64, np.float64]
    with fake_device() as device:
        layer.W.data = device.asarray(layer.W.data)
        layer.load_state_dict({"W": np.full((3, 2), 7.0), "b": np.ones(2)})
        assert type(layer.W.data) is device.array_types[0]
        assert as_numpy(layer.W).tolist() == [[7.0, 7.0]] * 3
        assert type(layer.state_dict()["W"]) is np.ndarray
    counts = Layer()
    counts.n = Parameter(np.array([1, 2]))
    with pytest.raises(ValueError, match=r"different: n, float64\[2\]"):
        counts.load_state_dict({"n": np.array([0.5, 0.5])})


def spoiled(kind: str, good: bytes) -> bytes:
    if kind == "truncated":
        return good[: len(good) // 2]
    if kind == "empty":
        return b""
    if kind == "text":
        return b"epoch,loss\n1,0.5\n"
    if kind == "one bit":
        position = good.index(b"NUMPY") + 150
        return good[:position] + bytes([good[position] ^ 1]) + good[position + 1 :]
    buffer = io.BytesIO()
    if kind == "npy":
        np.save(buffer, np.ones(3))
    elif kind == "objects":
        np.savez(buffer, **{"l0/W": np.array([{}, {}], dtype=object)})
    elif kind == "no arrays":
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("readme.txt", "hello")
    elif kind == "claims terabytes":
        header = io.BytesIO()
        claim = {"descr": "<f4", "fortran_order": False, "shape": (1 << 40, 3)}
        np.lib.format.write_array_header_1_0(header, claim)
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("l0/W.npy", header.getvalue())
    return buffer.getvalue()


KINDS = ["truncated", "empty", "text", "one bit", "npy", "objects", "no arrays", "claims terabytes"]


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_and_foreign_files_are_refused(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "weights.npz"
    trained().save_weights(file)
    file.write_bytes(spoiled(kind, file.read_bytes()))
    model = trained()
    before = snapshot(model)
    with pytest.raises(ValueError, match=r"load_weights: .*weights\.npz is no weight file"):
        model.load_weights(file)
    assert snapshot(model) == before


def test_missing_files_and_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nothing\.npz"):
        trained().load_weights(tmp_path / "nothing.npz")
    with pytest.raises(FileNotFoundError, match="no folder"):
        trained().save_weights(tmp_path / "nowhere" / "mlp.npz")
