from __future__ import annotations

import hashlib
import io
import json
import pickle
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dezero_data import DataFileError, DataLoader, ImageFolder, ImageNet

Image = pytest.importorskip("PIL.Image", reason="needs the extra images")


def draw(path: Path, color: tuple[int, int, int], size: tuple[int, int] = (4, 3)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, color).save(path)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    draw(tmp_path / "dog" / "b.png", (30, 0, 0))
    draw(tmp_path / "cat" / "2.PNG", (20, 0, 0))
    draw(tmp_path / "cat" / "1.bmp", (10, 0, 0))
    draw(tmp_path / "cat" / "outdoors" / "deep" / "3.png", (25, 0, 0))
    draw(tmp_path / "dog" / "a.jpeg", (0, 0, 0))
    return tmp_path


class TestImageFolder:
    def test_items(self, root: Path) -> None:
        pets = ImageFolder(root)
        names = [str(path.relative_to(root)).replace("\\", "/") for path in pets.paths]
        assert names == [
            "cat/1.bmp",
            "cat/2.PNG",
            "cat/outdoors/deep/3.png",
            "dog/a.jpeg",
            "dog/b.png",
        ]
        assert pets.label.tolist() == [0, 0, 0, 1, 1]
        assert pets.label.dtype == np.int64
        assert pets.labels() == {0: "cat", 1: "dog"}
        image, t = pets[2]
        assert (image.mode, image.size, image.getpixel((0, 0)), t) == ("RGB", (4, 3), (25, 0, 0), 0)

    def test_batches(self, root: Path) -> None:
        pets = ImageFolder(str(root), transform=np.asarray, target_transform=lambda t: t + 10)
        x, t = next(DataLoader(pets, 5, shuffle=False))
        assert (x.shape, x.dtype) == ((5, 3, 4, 3), np.uint8)
        assert x[:, 0, 0, 0].tolist() == [10, 20, 25, 0, 30]
        assert t.tolist() == [10, 10, 10, 11, 11]

    def test_what_is_not_looked_at(self, root: Path) -> None:
        draw(root / "cat" / ".hidden.png", (0, 0, 0))
        draw(root / "cat" / ".thumbnails" / "1.png", (0, 0, 0))
        draw(root / ".git" / "1.png", (0, 0, 0))
        draw(root / "no_class.png", (0, 0, 0))
        (root / "cat" / "notes.txt").write_text("png")
        assert len(ImageFolder(root)) == 5
        assert ImageFolder(root).labels() == {0: "cat", 1: "dog"}

    def test_extensions(self, root: Path) -> None:
        draw(root / "dog" / "c.bmp", (0, 0, 0))
        assert [path.suffix for path in ImageFolder(root, extensions=[".BMP"]).paths] == [
            ".bmp",
            ".bmp",
        ]

    def test_mode(self, root: Path) -> None:
        assert ImageFolder(root, mode="L")[0][0].mode == "L"

    def test_an_extension_that_lies_about_the_format(self, root: Path) -> None:
        (root / "dog" / "a.jpeg").write_bytes((root / "dog" / "b.png").read_bytes())
        assert ImageFolder(root)[3][0].getpixel((0, 0)) == (30, 0, 0)

    def test_leaves_no_file_open(self, root: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error", ResourceWarning)
            image, _ = ImageFolder(root)[3]
            (root / "dog" / "a.jpeg").unlink()
            assert image.getpixel((3, 2)) == (0, 0, 0)

    def test_pickle_and_repr(self, root: Path) -> None:
        pets = pickle.loads(pickle.dumps(ImageFolder(root)))
        assert pets[1][0].getpixel((0, 0)) == (20, 0, 0)
        assert repr(pets) == f"<ImageFolder: 5 items, data from {root}, labels int64>"

    def test_transform_that_fails(self, root: Path) -> None:
        def crop(image: Any) -> Any:
            raise ArithmeticError("too small")

        with pytest.raises(ArithmeticError, match="too small") as caught:
            next(DataLoader(ImageFolder(root, crop), 2, shuffle=False))
        assert any(
            note.startswith("ImageFolder: transform ") and note.endswith("crop failed on item 0")
            for note in caught.value.__notes__
        )


class TestDamagedImages:
    @pytest.mark.parametrize("content", [b"", b"GIF89a", b"no image at all"])
    def test_no_image(self, content: bytes, root: Path) -> None:
        (root / "cat" / "2.PNG").write_bytes(content)
        with pytest.raises(DataFileError, match=r"2\.PNG is no image, or damaged"):
            ImageFolder(root)[1]

    def test_truncated(self, root: Path) -> None:
        path = root / "dog" / "a.jpeg"
        draw(path, (9, 9, 9), size=(64, 64))
        path.write_bytes(path.read_bytes()[:-100])
        with pytest.raises(DataFileError, match=r"ImageFolder: .*a\.jpeg is no image, or damaged"):
            ImageFolder(root)[3]

    def test_formats_that_start_programs_are_not_read(self, root: Path) -> None:
        (root / "cat" / "2.PNG").write_bytes(
            b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n"
        )
        with pytest.raises(DataFileError, match=r"2\.PNG is no image"):
            ImageFolder(root)[1]

    def test_a_decompression_bomb(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 5)
        with pytest.raises(DataFileError, match=r"1\.bmp .*decompression bomb"):
            ImageFolder(root)[0]
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 11)
        with pytest.warns(Image.DecompressionBombWarning):
            ImageFolder(root)[0]
        with pytest.raises(Image.DecompressionBombWarning):
            ImageFolder(root)[0]

    def test_a_missing_file(self, root: Path) -> None:
        pets = ImageFolder(root)
        (root / "cat" / "1.bmp").unlink()
        with pytest.raises(FileNotFoundError, match=r"1\.bmp"):
            pets[0]

    @given(place=st.integers(0, 200), value=st.integers(0, 255), end=st.integers(0, 200))
    @pytest.mark.filterwarnings("ignore")
    def test_any_change_gives_an_image_or_the_documented_error(
        self, place: int, value: int, end: int, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        folder = tmp_path_factory.getbasetemp() / "fuzz_images"
        buffer = io.BytesIO()
        Image.linear_gradient("L").resize((7, 5)).save(buffer, "PNG")
        content = bytearray(buffer.getvalue())
        content[place % len(content)] = value
        (folder / "class").mkdir(parents=True, exist_ok=True)
        (folder / "class" / "1.png").write_bytes(content[: len(content) - end % 40])
        try:
            assert ImageFolder(folder)[0][0].mode == "RGB"
        except DataFileError as error:
            assert "1.png" in str(error)


class TestBadInput:
    def test_wrong_folders(self, root: Path, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError, match=r"ImageFolder: there is no folder .*nowhere"):
            ImageFolder(root / "nowhere")
        with pytest.raises(
            FileNotFoundError, match=r"there are no folders in .*deep, one for each"
        ):
            ImageFolder(root / "cat" / "outdoors" / "deep")
        (tmp_path / "emu").mkdir()
        with pytest.raises(
            FileNotFoundError, match=r"there is no image in .*emu, that is, no file"
        ):
            ImageFolder(root)

    def test_arguments(self, root: Path) -> None:
        with pytest.raises(TypeError, match=r"a sequence of strings, not one string '\.png'"):
            ImageFolder(root, extensions=".png")
        with pytest.raises(ValueError, match=r"Pillow reads no images that end in '\.txt'"):
            ImageFolder(root, extensions=[".png", ".txt"])
        with pytest.raises(ValueError, match="Pillow has no mode 3, such as 'RGB'"):
            ImageFolder(root, mode=3)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="Pillow has no mode 'HTML'"):
            ImageFolder(root, mode="HTML")

    def test_without_pillow(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "PIL", None)
        with pytest.raises(
            ImportError, match=r'ImageFolder needs Pillow: pip install "dezero-data\[images\]"'
        ):
            ImageFolder(root)


class TestImageNet:
    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        for part, count in (("train", 2), ("val", 1)):
            for name in ("n02391049", "n01440764", "n15075141"):
                for number in range(count):
                    draw(tmp_path / part / name / f"{name}_{number}.png", (int(name[-2:]), 0, 0))
        return tmp_path

    def test_items(self, root: Path) -> None:
        train = ImageNet(root=root)
        assert train.label.tolist() == [0, 0, 340, 340, 999, 999]
        assert [image.getpixel((0, 0))[0] for image, _ in train][::2] == [64, 49, 41]  # type: ignore[attr-defined]
        val = ImageNet(train=False, transform=np.asarray, root=root)
        x, t = next(DataLoader(val, 3, shuffle=False))
        assert (x.shape, t.tolist()) == ((3, 3, 4, 3), [0, 340, 999])

    def test_a_folder_of_no_class(self, root: Path) -> None:
        draw(root / "val" / "n00000001" / "1.png", (0, 0, 0))
        with pytest.raises(DataFileError, match=r"n00000001 is called by none of the 1000 WordNet"):
            ImageNet(train=False, root=root)
        assert len(ImageNet(root=root)) == 6

    def test_without_images(self, tmp_path: Path) -> None:
        with pytest.raises(TypeError, match=r"ImageNet\(root=folder\); they cannot be downloaded"):
            ImageNet()
        with pytest.raises(FileNotFoundError, match=r"ImageNet: there is no folder .*train"):
            ImageNet(root=tmp_path)


def test_the_names_of_imagenet_s_classes() -> None:
    labels, ids = ImageNet.labels(), ImageNet.wordnet_ids()
    assert list(labels) == list(ids) == list(range(1000))
    assert (labels[0], labels[340], labels[999]) == (
        "tench, Tinca tinca",
        "zebra",
        "toilet tissue, toilet paper, bathroom tissue",
    )
    assert list(ids.values()) == sorted(set(ids.values()))
    # The index that Keras publishes for its networks has the ids and the first names, in one line
    # of JSON of this MD5.
    index = {str(n): [ids[n], labels[n].split(", ")[0].replace(" ", "_")] for n in labels}
    digest = hashlib.md5(json.dumps(index).encode(), usedforsecurity=False).hexdigest()
    assert digest == "c2c37ea517e94d9795004a39431a14cb"
    labels[0] = "changed"
    assert ImageNet.labels()[0] == "tench, Tinca tinca"
