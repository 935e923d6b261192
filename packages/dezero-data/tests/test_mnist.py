from __future__ import annotations

import functools
import gzip
import hashlib
import http.server
import sys
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dezero_core.files import DownloadError
from dezero_data import KMNIST, MNIST, DataFileError, DataLoader, FashionMNIST
from dezero_data.datasets.idx import read_idx
from dezero_data.datasets.sources import RemoteFile

REAL = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "mnist"
needs_mnist = pytest.mark.skipif(
    not REAL.is_dir(), reason="the MNIST files are not beside the repository (shared/data/mnist)"
)


def idx(values: Any) -> bytes:
    values = np.asarray(values, dtype=np.uint8)
    lengths = b"".join(length.to_bytes(4, "big") for length in values.shape)
    return b"".join([bytes([0, 0, 8, values.ndim]), lengths, values.tobytes()])


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


IMAGES = np.random.RandomState(0).randint(0, 256, (5, 4, 3)).astype(np.uint8)
LABELS = np.array([3, 1, 4, 1, 5], dtype=np.uint8)
ZIPPED = {
    "images": gzip.compress(idx(IMAGES), mtime=0),
    "labels": gzip.compress(idx(LABELS), mtime=0),
    "fewer": gzip.compress(idx(LABELS[:4]), mtime=0),
}


def files(*mirrors: str) -> tuple[RemoteFile, ...]:
    """The four files of a small data set, which has fewer labels than images for testing."""
    return tuple(
        RemoteFile(
            f"{name}.gz",
            tuple(f"{mirror}{name}.gz" for mirror in mirrors),
            len(ZIPPED[name]),
            None,
            md5(ZIPPED[name]),
        )
        for name in ("images", "labels", "images", "fewer")
    )


NOBODY = "http://localhost:1/"  # nobody listens there
CONTENTS = {"images": idx(IMAGES), "labels": idx(LABELS), "fewer": idx(LABELS[:4])}


class Small(MNIST):
    """The same machinery for five small images."""

    _FILES = files(NOBODY)
    _MD5 = tuple(md5(CONTENTS[name]) for name in ("images", "labels", "images", "fewer"))
    _IMAGE = (4, 3)


class Unknown(Small):
    """The same where nobody knows the checksum of the contents."""

    _MD5 = (None,) * 4


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    for name, content in ZIPPED.items():
        (folder / f"{name}.gz").write_bytes(content)
    return folder


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("DEZERO_HOME", str(folder))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")
    return folder


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def mirror(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server on this machine that has the files of `root`, beside one that is down."""
    handler = functools.partial(_Quiet, directory=str(root))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        address = f"http://127.0.0.1:{server.server_address[1]}/"
        monkeypatch.setattr(Small, "_FILES", files(NOBODY, address))
        yield address
        server.shutdown()
        thread.join()


class TestReadIdx:
    @pytest.mark.parametrize("name", ["a", "a.gz"])
    def test_reads(self, name: str, tmp_path: Path) -> None:
        content = idx(IMAGES)
        (tmp_path / name).write_bytes(gzip.compress(content) if name == "a.gz" else content)
        got = read_idx(tmp_path / name, 3, md5=md5(content).upper())
        assert got.dtype == np.uint8
        np.testing.assert_array_equal(got, IMAGES)
        got[:] = 0  # the caller's to write to

    def test_reads_nothing(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_bytes(idx(np.zeros((0, 28, 28))))
        assert read_idx(str(tmp_path / "a"), 3).shape == (0, 28, 28)

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"", "is truncated: it ends within its header, at byte 0"),
            (idx(LABELS)[:6], "is truncated: it ends within its header, at byte 6"),
            (idx(LABELS)[:-2], r"is truncated: it holds 3 of the 5 bytes of shape \(5,\)"),
            (idx(LABELS) + b"x", r"holds more than the 5 bytes of shape \(5,\)"),
            (idx(IMAGES), "magic number 0x00000803, not with 0x00000801 for bytes in 1 axis"),
            (b"<html></html>", "starts with the magic number 0x3c68746d"),
            (b"\0\0\x08\x01" + b"\xff" * 4, r"announces shape \(4294967295,\), more than"),
        ],
    )
    @pytest.mark.parametrize("name", ["a", "a.gz"])
    def test_refuses(self, content: bytes, message: str, name: str, tmp_path: Path) -> None:
        (tmp_path / name).write_bytes(gzip.compress(content) if name == "a.gz" else content)
        with pytest.raises(DataFileError, match=message) as caught:
            read_idx(tmp_path / name, 1)
        assert str(tmp_path / name) in str(caught.value)

    def test_refuses_another_file(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_bytes(idx(LABELS))
        wanted = md5(idx(LABELS[::-1]))
        with pytest.raises(
            DataFileError, match=f"MD5 of its contents is {md5(idx(LABELS))}, not {wanted}"
        ):
            read_idx(tmp_path / "a", 1, md5=wanted)

    def test_refuses_damaged_gzip(self, tmp_path: Path) -> None:
        path = tmp_path / "a.gz"
        whole = gzip.compress(idx(LABELS))
        path.write_bytes(idx(LABELS))
        with pytest.raises(DataFileError, match="is damaged: Not a gzipped file"):
            read_idx(path, 1)
        path.write_bytes(whole[:-8] + bytes(4) + whole[-4:])
        with pytest.raises(DataFileError, match="is damaged: CRC check failed"):
            read_idx(path, 1)

    def test_refuses_gzip_truncated_anywhere(self, tmp_path: Path) -> None:
        path = tmp_path / "a.gz"
        whole = gzip.compress(idx(LABELS))
        for end in range(len(whole)):
            path.write_bytes(whole[:end])
            with pytest.raises(DataFileError, match=r"is truncated|Not a gzipped file"):
                read_idx(path, 1)

    def test_unzips_no_more_than_the_header_announces(self, tmp_path: Path) -> None:
        path = tmp_path / "a.gz"
        packer = zlib.compressobj(wbits=31)
        bomb = packer.compress(idx(LABELS)) + packer.compress(bytes(1 << 26)) + packer.flush()
        path.write_bytes(bomb)
        with pytest.raises(DataFileError, match="holds more than the 5 bytes"):
            read_idx(path, 1)

    @given(
        content=st.binary(max_size=40)
        | st.binary(max_size=20).map(lambda tail: idx(LABELS)[:8] + tail)
        | st.binary(max_size=40).map(lambda tail: b"\x1f\x8b\x08" + tail),
        name=st.sampled_from(["a", "a.gz"]),
        ndim=st.integers(1, 3),
    )
    def test_any_bytes_give_an_array_or_the_documented_error(
        self, content: bytes, name: str, ndim: int, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        path = tmp_path_factory.getbasetemp() / name
        path.write_bytes(content)
        try:
            assert read_idx(path, ndim).ndim == ndim
        except DataFileError as error:
            assert str(path) in str(error)

    def test_a_missing_file_stays_a_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            read_idx(tmp_path / "a", 1)


class TestFromAFolder:
    @pytest.mark.parametrize("zipped", [True, False])
    def test_reads(self, zipped: bool, root: Path) -> None:
        if not zipped:
            for path in list(root.iterdir()):
                path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
                path.unlink()
        small = Small(root=str(root), transform=None)
        assert small.data.shape == (5, 1, 4, 3)
        np.testing.assert_array_equal(small.data[:, 0], IMAGES)
        np.testing.assert_array_equal(small.label, LABELS)
        assert small.label.dtype == np.int64

    def test_default_transform(self, root: Path) -> None:
        small = Small(root=root)
        x, t = small[1]
        assert (x.shape, x.dtype, t) == ((12,), np.float32, 1)
        np.testing.assert_array_equal(x, IMAGES[1].ravel().astype(np.float32) / np.float32(255))
        xs, _ = small.__getitems__(np.array([1, 4]))
        np.testing.assert_array_equal(xs[0], x)

    def test_more_images_than_labels(self, root: Path) -> None:
        with pytest.raises(DataFileError, match="5 images in images, but 4 labels in fewer"):
            Small(train=False, root=root)

    def test_a_damaged_file(self, root: Path) -> None:
        (root / "images.gz").write_bytes(ZIPPED["images"][:30])
        with pytest.raises(DataFileError, match=r"images\.gz is truncated"):
            Small(root=root)

    def test_the_files_of_another_data_set(self, root: Path) -> None:
        (root / "images.gz").write_bytes(gzip.compress(idx(IMAGES[::-1])))
        with pytest.raises(DataFileError, match=r"images\.gz is another file than its name says"):
            Small(root=root)

    def test_wrong_folders(self, root: Path, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError, match=r"Small: there is no folder .*nowhere"):
            Small(root=tmp_path / "nowhere")
        with pytest.raises(NotADirectoryError, match=r"images\.gz is a file; root is the folder"):
            Small(root=root / "images.gz")
        (root / "labels.gz").unlink()
        with pytest.raises(FileNotFoundError, match=r"neither labels\.gz nor labels in"):
            Small(root=root)


class TestFromTheCache:
    def test_downloads_once(
        self, cache: Path, mirror: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        np.testing.assert_array_equal(Small().label, LABELS)
        assert sorted(path.name for path in cache.iterdir()) == ["images.gz", "labels.gz"]
        monkeypatch.setattr(Small, "_FILES", files(NOBODY))
        np.testing.assert_array_equal(Small().label, LABELS)

    def test_replaces_what_is_damaged(self, cache: Path, mirror: str) -> None:
        cache.mkdir()
        (cache / "images.gz").write_bytes(ZIPPED["images"][:30])
        np.testing.assert_array_equal(Small().data[:, 0], IMAGES)
        assert (cache / "images.gz").read_bytes() == ZIPPED["images"]

    def test_takes_what_was_put_there(self, cache: Path) -> None:
        cache.mkdir()
        (cache / "images").write_bytes(idx(IMAGES))
        (cache / "labels.gz").write_bytes(gzip.compress(idx(LABELS), compresslevel=1))
        np.testing.assert_array_equal(Small().data[:, 0], IMAGES)

    def test_offline(self, cache: Path) -> None:
        with pytest.raises(DownloadError) as caught:
            Small()
        assert f"put the file at {cache / 'images.gz'}, with md5" in str(caught.value)
        assert "Small(root=folder)" in caught.value.__notes__[0]
        assert list(cache.iterdir()) == []


class TestWithoutAKnownChecksumOfTheContents:
    def test_reads(self, root: Path) -> None:
        np.testing.assert_array_equal(Unknown(root=root).label, LABELS)
        (root / "labels.gz").unlink()
        (root / "labels").write_bytes(idx(LABELS))
        np.testing.assert_array_equal(Unknown(root=root).label, LABELS)

    def test_a_zipped_file_is_the_published_one(self, root: Path) -> None:
        (root / "labels.gz").write_bytes(gzip.compress(idx(LABELS[::-1]), mtime=0))
        with pytest.raises(DataFileError, match=r"labels\.gz is another file than its name says"):
            Unknown(root=root)

    @pytest.mark.parametrize(
        ("name", "values", "message"),
        [
            ("images", np.zeros((5, 3, 4)), r"images have the shape \(3, 4\), not \(4, 3\)"),
            ("labels", [0, 1, 2, 3, 10], r"labels from 0 on are there \[1, 1, 1, 1, 0"),
            ("labels", [0, 1, 2, 3], "5 images in images, but 4 labels in labels"),
        ],
    )
    def test_the_contents_are_of_the_right_make(
        self, name: str, values: Any, message: str, root: Path
    ) -> None:
        (root / f"{name}.gz").unlink()
        (root / name).write_bytes(idx(values))
        with pytest.raises(DataFileError, match=message):
            Unknown(root=root)

    def test_every_label_equally_often_where_that_is_known(
        self, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Unknown, "_BALANCED", True)
        with pytest.raises(DataFileError, match=r"there \[0, 2, 0, 1, 1, 1, 0, 0, 0, 0\] times"):
            Unknown(root=root)

    def test_downloads(self, cache: Path, mirror: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Unknown, "_FILES", Small._FILES)
        np.testing.assert_array_equal(Unknown().data[:, 0], IMAGES)
        assert sorted(path.name for path in cache.glob("*.gz")) == ["images.gz", "labels.gz"]


class TestShow:
    def test_a_grid_of_items(self, root: Path) -> None:
        pytest.importorskip("PIL", reason="needs the extra images")
        small = Small(root=root)
        picture = small.show(2, 3, rng=np.random.default_rng(0))
        assert (picture.size, picture.mode) == ((9, 8), "L")
        chosen = np.random.default_rng(0).choice(5, 6, replace=True)
        got = np.asarray(picture)
        for place, item in enumerate(chosen):
            top, left = 4 * (place // 3), 3 * (place % 3)
            np.testing.assert_array_equal(got[top : top + 4, left : left + 3], IMAGES[item])

    def test_each_item_once_if_there_are_enough(self, root: Path) -> None:
        pytest.importorskip("PIL", reason="needs the extra images")
        picture = np.asarray(Small(root=root).show(1, 5))
        got = {picture[:, left : left + 3].tobytes() for left in range(0, 15, 3)}
        assert got == {image.tobytes() for image in IMAGES}

    def test_draws_nothing_from_the_global_state(self, root: Path) -> None:
        pytest.importorskip("PIL", reason="needs the extra images")
        np.random.seed(3)
        wanted = np.random.rand()
        np.random.seed(3)
        Small(root=root).show(2, 2)
        assert np.random.rand() == wanted

    def test_refuses(self, root: Path) -> None:
        pytest.importorskip("PIL", reason="needs the extra images")
        with pytest.raises(ValueError, match=r"Small\.show: col is at least 1, not 0"):
            Small(root=root).show(1, 0)
        with pytest.raises(TypeError, match=r"Small\.show: row is an integer, not 'a'"):
            Small(root=root).show("a")  # type: ignore[arg-type]

    def test_without_pillow(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "PIL", None)
        with pytest.raises(
            ImportError, match=r'Small\.show needs Pillow: pip install "dezero-data'
        ):
            Small(root=root).show()


def test_labels() -> None:
    assert MNIST.labels() == {digit: str(digit) for digit in range(10)}
    assert FashionMNIST.labels()[0] == "T-shirt/top"
    assert " ".join(KMNIST.labels().values()) == "o ki su tsu na ha ma ya re wo"


def test_one_cache_for_three_data_sets_with_files_of_the_same_names() -> None:
    names = [file.file_name for each in (MNIST, FashionMNIST, KMNIST) for file in each._FILES]
    assert len(set(names)) == 12
    assert names[0] == "train-images-idx3-ubyte.gz"


def test_repr(root: Path) -> None:
    assert repr(Small(root=root)) == "<Small: 5 items, data uint8 (1, 4, 3), labels int64>"


@needs_mnist
class TestReal:
    @pytest.mark.parametrize(
        ("train", "size", "first"),
        [(True, 60000, [5, 0, 4, 1, 9]), (False, 10000, [7, 2, 1, 0, 4])],
    )
    def test_contents(self, train: bool, size: int, first: list[int]) -> None:
        mnist = MNIST(train=train, root=REAL)
        assert len(mnist) == size
        assert mnist.data.shape == (size, 1, 28, 28)
        assert mnist.data.dtype == np.uint8
        assert mnist.label[:5].tolist() == first
        assert set(mnist.label.tolist()) == set(range(10))

    def test_batches(self) -> None:
        mnist = MNIST(train=False, root=REAL)
        batches = list(DataLoader(mnist, 3000, shuffle=False))
        assert [x.shape for x, _ in batches] == [(3000, 784)] * 3 + [(1000, 784)]
        x = np.concatenate([x for x, _ in batches])
        assert x.dtype == np.float32
        np.testing.assert_array_equal(
            x, mnist.data.reshape(-1, 784).astype(np.float32) / np.float32(255)
        )
        np.testing.assert_array_equal(x[123], mnist[123][0])
