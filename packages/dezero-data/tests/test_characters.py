from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dezero_core.files import DownloadError
from dezero_data import Characters, DataFileError, DataLoader, Shakespeare, Sonnets
from dezero_data.datasets.sources import SOURCES, RemoteFile


class TestCharacters:
    def test_numbered_as_they_come(self) -> None:
        text = Characters("to be, or not")
        assert text.char_to_id == {char: n for n, char in enumerate("to be,rn")}
        assert text.id_to_char == dict(enumerate("to be,rn"))

    @given(text=st.text(min_size=2, max_size=60))
    def test_the_next_one_is_the_label(self, text: str) -> None:
        characters = Characters(text)
        assert characters.data.dtype == characters.label.dtype == np.int64
        assert characters.decode(characters.data) == text[:-1]
        assert characters.decode(characters.label) == text[1:]
        assert characters.encode(text).tolist() == [*characters.data, characters.label[-1]]
        # As a loop over the text would number them.
        numbers: dict[str, int] = {}
        for char in text:
            numbers.setdefault(char, len(numbers))
        assert characters.char_to_id == numbers
        assert len(characters) == len(text) - 1

    def test_characters_outside_of_the_basic_plane(self) -> None:
        text = Characters("𝄞é𝄞\n")
        assert text.char_to_id == {"𝄞": 0, "é": 1, "\n": 2}

    def test_a_part_for_testing(self) -> None:
        train = Characters("abcdefghij", test_share=0.3)
        test = Characters("abcdefghij", train=False, test_share=0.3)
        assert train.decode(train.data) == "abcdef"
        assert test.decode(test.data) == "hi"
        assert train.char_to_id == test.char_to_id

    def test_transforms(self) -> None:
        text = Characters("abab", transform=lambda x: 10 * x, target_transform=lambda t: -t)
        assert text[1] == (10, 0)

    def test_batches(self) -> None:
        x, t = next(DataLoader(Characters("banana"), 3, shuffle=False))
        assert (x.tolist(), t.tolist()) == ([0, 1, 2], [1, 2, 1])

    def test_unknown(self) -> None:
        text = Characters("banana")
        with pytest.raises(
            ValueError, match=r"encode: the text has a character 'c', which is none"
        ):
            text.encode("cab")
        with pytest.raises(TypeError, match=r"encode: text is a string, not a list"):
            text.encode(["a", "b"])  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="decode: there is no character 3, they are numbered"):
            text.decode([0, 3])

    @pytest.mark.parametrize(
        ("options", "error", "message"),
        [
            ({"text": b"bytes"}, TypeError, "Characters: text is a string, not a bytes"),
            ({"text": "a"}, ValueError, "training part of the text has 1 characters"),
            ({"text": ""}, ValueError, "training part of the text has 0 characters"),
            ({"text": "abc", "train": False}, ValueError, "test part.* with test_share 0.0"),
            ({"text": "abc", "test_share": 1}, ValueError, "training part"),
            ({"text": "abc", "test_share": 1.5}, ValueError, "test_share is from 0 to 1, not 1.5"),
            ({"text": "abc", "test_share": "a"}, TypeError, "test_share is a number, not 'a'"),
            ({"text": "abc", "train": "abc"}, TypeError, "train is True or False"),
        ],
    )
    def test_refuses(self, options: Any, error: type[Exception], message: str) -> None:
        with pytest.raises(error, match=message):
            Characters(**options)


class TestSonnets:
    def test_the_text(self) -> None:
        sonnets = Sonnets()
        text = sonnets.decode(sonnets.data) + sonnets.decode(sonnets.label[-1])
        poems = text.rstrip("\n").split("\n\n")
        assert [len(poem.split("\n")) for poem in poems] == [14] * 6
        assert poems[0].startswith("Shall I compare thee to a summer's day?\n")
        assert text.endswith("As any she belied with false compare.\n")
        assert len(sonnets) == 3692

    def test_a_part_for_testing(self) -> None:
        assert len(Sonnets(test_share=0.1)) + len(Sonnets(train=False, test_share=0.1)) == 3691


class TestShakespeare:
    TEXT = "First Citizen:\nBefore we proceed any further, hear me speak.\n"

    @pytest.fixture
    def small(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
        (published,) = SOURCES["Shakespeare"]
        content = self.TEXT.encode()
        sha256 = hashlib.sha256(content).hexdigest()
        url = ("http://localhost:1/input.txt",)
        file = RemoteFile(published.file_name, url, len(content), sha256, None)
        monkeypatch.setattr("dezero_data.datasets.characters.SOURCES", {"Shakespeare": (file,)})
        monkeypatch.setenv("DEZERO_HOME", str(tmp_path / "cache"))
        return tmp_path

    @pytest.mark.parametrize("name", ["shakespear.txt", "input.txt"])
    def test_from_a_folder(self, name: str, small: Path) -> None:
        (small / name).write_bytes(self.TEXT.encode())
        plays = Shakespeare(root=small)
        assert plays.decode(plays.label) == self.TEXT[1:]
        assert plays.char_to_id["F"] == 0

    def test_from_the_cache_under_the_book_s_name(self, small: Path) -> None:
        (small / "cache").mkdir()
        (small / "cache" / "shakespear.txt").write_bytes(self.TEXT.encode())
        assert len(Shakespeare()) == len(self.TEXT) - 1
        assert len(Shakespeare(train=False, test_share=0.5)) == 30

    def test_another_file(self, small: Path) -> None:
        (small / "input.txt").write_bytes(b"another")
        with pytest.raises(DataFileError, match=r"input\.txt is another file than its name says"):
            Shakespeare(root=small)

    def test_wrong_folders(self, small: Path) -> None:
        with pytest.raises(FileNotFoundError, match=r"there is no folder .*nowhere"):
            Shakespeare(root=small / "nowhere")
        with pytest.raises(FileNotFoundError, match=r"neither shakespear\.txt nor input\.txt in"):
            Shakespeare(root=small)

    def test_offline(self, small: Path) -> None:
        with pytest.raises(DownloadError) as caught:
            Shakespeare()
        assert "Shakespeare(root=folder)" in "".join(caught.value.__notes__)
        assert not list((small / "cache").glob("shakespear.txt*"))
