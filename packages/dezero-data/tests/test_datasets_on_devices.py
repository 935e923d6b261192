"""Every data set, loader and sampler on a device: one copy for each array, the host's values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dezero_data
from dezero_core import as_numpy
from dezero_core.backend import Backend, backends
from dezero_core.testing import FakeDevice, fake_device
from dezero_data import (
    CIFAR10,
    CIFAR100,
    MNIST,
    ArrayDataset,
    Characters,
    ConcatDataset,
    DataLoader,
    Digits,
    ImageFolder,
    NpyFolder,
    SeqDataLoader,
    SinCurve,
    Sonnets,
    Spiral,
    Subset,
    TokenLoader,
    item_rng,
    random_split,
)
from dezero_data import transforms as T
from dezero_data.samplers import (
    BatchSampler,
    DistributedSampler,
    RandomSampler,
    SequentialSampler,
    WeightedSampler,
)

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(11, 3)).astype(np.float32)
LABELS = np.arange(11) % 4
IMAGES = RANDOM.integers(256, size=(6, 3, 9, 8)).astype(np.uint8)
AUGMENTED = T.Compose(
    [
        *(T.RandomCrop(8, pad=2), T.RandomHorizontalFlip(), T.Cutout(3)),
        *(T.ToFloat(), T.Normalize(0.5, 2.0)),
    ]
)


class PinnedDevice(FakeDevice):
    """The fake device with copies beside the computation; others are mistakes."""

    def pinned_empty(self, shape: Any, dtype: Any) -> Any:
        memory = np.empty(shape, dtype)
        self.pinned = [*getattr(self, "pinned", []), memory]
        return memory

    def asarray_async(self, x: Any) -> Any:
        assert any(x is memory for memory in self.pinned)
        return super().asarray(x)

    def asarray(self, x: Any, dtype: Any = None) -> Any:
        raise AssertionError("a copy that the host waits for")


@contextmanager
def device_of_kind(kind: str) -> Iterator[Backend]:
    if kind == "cuda":
        backend = backends().get("cuda")
        if backend is None or not backend.is_available():
            pytest.skip("there is no CUDA device here, or no CuPy")
        yield backend
        return
    with fake_device() as device:
        if kind == "pinned":
            device.__class__ = PinnedDevice
        yield device


KINDS = ["fake", "pinned", pytest.param("cuda", marks=pytest.mark.gpu)]


def check(make: Callable[..., DataLoader], kind: str, epochs: int = 1) -> None:
    """Compare a loader's batches with the host's, and count what moved."""
    np.random.seed(0)
    host = make(device="cpu")
    wanted = [batch for _ in range(epochs) for batch in host]
    with device_of_kind(kind) as device:
        np.random.seed(0)
        loader = make(device=device.name)
        found = [batch for _ in range(epochs) for batch in loader]
        if isinstance(device, FakeDevice):
            # The prefetching thread, and workers, are done: all batches were asked for.
            events = [event.name for event in device.traffic]
            assert events == ["asarray"] * sum(map(len, map(arrays_in, wanted)))
        assert len(found) == len(wanted) > 0
        for batch, expected in zip(found, wanted, strict=True):
            pairs = list(zip(arrays_in(batch), arrays_in(expected), strict=True))
            assert pairs
            for ours, theirs in pairs:
                assert isinstance(ours, device.array_types)
                np.testing.assert_array_equal(as_numpy(ours), theirs, strict=True)
        loader.to_cpu()


def arrays_in(batch: Any) -> list[Any]:
    if isinstance(batch, dict):
        batch = list(batch.values())
    if isinstance(batch, (tuple, list)):
        return [array for part in batch for array in arrays_in(part)]
    return [batch] if hasattr(batch, "dtype") and batch.dtype.kind in "biufc" else []


# --- data sets -----------------------------------------------------------------------------------


class SmallMNIST(MNIST):
    _MD5 = (None,) * 4


class SmallTen(CIFAR10):
    _COUNT = (2, 3)


class SmallHundred(CIFAR100):
    _COUNT = (4, 3)


def mnist(folder: Path) -> Any:
    images = RANDOM.integers(256, size=(5, 28, 28)).astype(np.uint8)
    for name, values in (("images-idx3", images), ("labels-idx1", LABELS[:5].astype(np.uint8))):
        header = bytes([0, 0, 8, values.ndim])
        lengths = b"".join(length.to_bytes(4, "big") for length in values.shape)
        content = header + lengths + values.tobytes()
        (folder / f"train-{name}-ubyte").write_bytes(content)
    return SmallMNIST(root=folder)


def cifar(folder: Path, kind: Any, sub: str, names: list[str], labels: int, each: int) -> Any:
    (folder / sub).mkdir()
    for name in names:
        rows = RANDOM.integers(256, size=(each, labels + 3072)).astype(np.uint8)
        rows[:, :labels] %= 10
        (folder / sub / name).write_bytes(rows.tobytes())
    return kind(root=folder)


def image_folder(folder: Path) -> Any:
    image = pytest.importorskip("PIL.Image", reason="needs the extra images")
    for number, pixels in enumerate(IMAGES):
        place = folder / ("cat" if number % 2 else "dog")
        place.mkdir(exist_ok=True)
        image.fromarray(pixels.transpose(1, 2, 0)).save(place / f"{number}.png")
    steps = [T.Resize(7), T.RandomRotation(20), T.ToArray(), T.Normalize(0.0, 255.0)]
    return ImageFolder(folder, T.Compose(steps))


def npy_folder(folder: Path) -> Any:
    for name, values in (("data", X), ("label", LABELS)):
        (folder / name).mkdir()
        for number, value in enumerate(values):
            np.save(folder / name / f"{number}.npy", value)
    return NpyFolder(folder / "data", folder / "label")


class Records:
    """Items with names, texts among them, and a number of chance."""

    def __len__(self) -> int:
        return 5

    def __getitem__(self, index: int) -> dict[str, Any]:
        noise = item_rng().normal(size=2)
        return {"x": X[index], "name": f"item {index}", "pair": (noise, index), "none": None}


TEN = [f"data_batch_{n}.bin" for n in range(1, 6)]
SETS: dict[str, Callable[[Path], Any]] = {
    "ArrayDataset": lambda folder: ArrayDataset(X, LABELS),
    "ArrayDataset without labels": lambda folder: ArrayDataset(X),
    "ArrayDataset of images": lambda folder: ArrayDataset(IMAGES, LABELS[:6], AUGMENTED),
    "CIFAR10": lambda folder: cifar(folder, SmallTen, "cifar-10-batches-bin", TEN, 1, 2),
    "CIFAR100": lambda folder: cifar(folder, SmallHundred, "cifar-100-binary", ["train.bin"], 2, 4),
    "Characters": lambda folder: Characters("to be or not to be", test_share=0.2),
    "ConcatDataset": lambda folder: ConcatDataset(
        [ArrayDataset(X, LABELS), ArrayDataset(X[:3], LABELS[:3])]
    ),
    "Digits": lambda folder: Subset(Digits(), range(50)),
    "ImageFolder": image_folder,
    "MNIST": mnist,
    "NpyFolder": npy_folder,
    "SinCurve": lambda folder: Subset(SinCurve(), range(12)),
    "Sonnets": lambda folder: Subset(Sonnets(), range(12)),
    "Spiral": lambda folder: Subset(Spiral(), range(0, 300, 30)),
    "Subset": lambda folder: random_split(ArrayDataset(X, LABELS), [0.5, 0.5])[1],
    "pairs in a list": lambda folder: [(x, int(t)) for x, t in zip(X, LABELS, strict=True)],
    "records": lambda folder: Records(),
}
# Those of MNIST's format; one that is downloaded; names alone.
ELSEWHERE = {"KMNIST", "FashionMNIST", "Shakespeare", "ImageNet", "Dataset"}


def test_all_sets_are_here() -> None:
    public = {
        name
        for name in dezero_data.__all__
        if isinstance(kind := getattr(dezero_data, name), type)
        and hasattr(kind, "__getitem__")
        and not name.endswith("Loader")
    }
    assert public - ELSEWHERE == {name.split()[0] for name in SETS} - {"pairs", "records"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", SETS)
def test_a_data_set(name: str, kind: str, tmp_path: Path) -> None:
    np.random.seed(0)
    data = SETS[name](tmp_path)
    check(lambda **options: DataLoader(data, 2, seed=3, **options), kind, epochs=2)


# --- loaders -------------------------------------------------------------------------------------

DATA = ArrayDataset(X, LABELS)
TOKENS = np.arange(60) % 7
LOADERS: dict[str, Callable[..., DataLoader]] = {
    "in order": lambda **options: DataLoader(DATA, 4, shuffle=False, **options),
    "NumPy's order": lambda **options: DataLoader(DATA, 4, **options),
    "the last one left out": lambda **options: DataLoader(DATA, 4, drop_last=True, **options),
    "collated": lambda **options: DataLoader(
        DATA, 4, collate=lambda items: np.stack([x for x, _ in items]), **options
    ),
    "SequentialSampler": lambda **options: DataLoader(
        DATA, 4, sampler=SequentialSampler(DATA), **options
    ),
    "RandomSampler": lambda **options: DataLoader(
        DATA, 4, sampler=RandomSampler(DATA, num_samples=9, replacement=True), **options
    ),
    "WeightedSampler": lambda **options: DataLoader(
        DATA, 4, sampler=WeightedSampler(1.0 + LABELS), **options
    ),
    "DistributedSampler": lambda **options: DataLoader(
        DATA, 4, sampler=DistributedSampler(RandomSampler(DATA), 1, 2), **options
    ),
    "BatchSampler": lambda **options: DataLoader(
        DATA, batch_sampler=BatchSampler(RandomSampler(DATA), 3), **options
    ),
    "SeqDataLoader": lambda **options: SeqDataLoader(DATA, 3, **options),
    "TokenLoader": lambda **options: TokenLoader(TOKENS, 2, 5, **options),
    "TokenLoader of windows": lambda **options: TokenLoader(TOKENS, 2, 5, shuffle=True, **options),
}


def test_all_loaders_and_samplers_are_here() -> None:
    named = {name.split()[0] for name in LOADERS}
    loaders = {name for name in dezero_data.__all__ if name.endswith("Loader")}
    assert loaders | set(dezero_data.samplers.__all__) - {"Sampler"} <= named | {"DataLoader"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", LOADERS)
def test_a_loader(name: str, kind: str) -> None:
    check(LOADERS[name], kind, epochs=2)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["NumPy's order", "SeqDataLoader", "TokenLoader of windows"])
def test_a_thread_that_loads_ahead(name: str, kind: str) -> None:
    check(lambda **options: LOADERS[name](prefetch=2, **options), kind)


@pytest.mark.parametrize("kind", KINDS)
def test_a_process_and_a_thread_that_load_ahead(kind: str) -> None:
    check(lambda **options: DataLoader(DATA, 4, num_workers=1, prefetch=1, **options), kind)
