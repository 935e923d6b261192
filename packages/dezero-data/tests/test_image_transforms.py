"""Transforms of images: on one array, on a batch and on Pillow's images, which all agree."""

from __future__ import annotations

import pickle
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dezero_data.randomness import ItemRandom, item_rng, using_item_random
from dezero_data.transforms import (
    CenterCrop,
    Compose,
    Convert,
    Cutout,
    Normalize,
    RandomCrop,
    RandomHorizontalFlip,
    RandomRotation,
    Resize,
    ToArray,
    ToFloat,
    ToPIL,
    apply_to_batch,
)


@pytest.fixture
def pillow() -> Any:
    return pytest.importorskip(
        "PIL.Image", reason='needs Pillow: pip install "dezero-data[images]"'
    )


def photo(height: int, width: int, channels: int = 3, seed: int = 0) -> Any:
    """An image with smooth parts, edges and noise, uint8 of shape (C, H, W)."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] / 7.0
    image = 120 + 80 * np.sin(x + np.arange(channels)[:, None, None]) * np.cos(y)
    image[:, height // 3 : height // 2, width // 4 : width // 2] = 255
    image = image + random.normal(0, 20, image.shape)
    return np.clip(image, 0, 255).astype(np.uint8)


TRANSFORMS = [
    Resize(5),
    Resize((9, 4), "nearest"),
    Resize((3, 8), "bicubic"),
    Resize((7, 7), "lanczos"),
    CenterCrop(2),
    CenterCrop((3, 1)),
    Convert("L"),
    Convert("RGB"),
    Convert("BGR"),
    ToArray(None),
    RandomHorizontalFlip(),
    RandomHorizontalFlip(p=0.25),
    RandomCrop(3),
    RandomCrop((4, 5), pad=(0, 2), fill=7),
    RandomCrop(4, 2, (1, 2, 3)),
    RandomRotation(30),
    RandomRotation((0, 180), mode="nearest", fill=(9, 8, 7)),
    Cutout(2),
    Cutout((3, 2), fill=5, holes=3),
    Compose([RandomCrop(4, pad=1), RandomHorizontalFlip(), RandomRotation(10), Cutout(2)]),
    Compose([RandomHorizontalFlip(), lambda x: x + item_rng().integers(3), RandomCrop(2)]),
    Compose([Compose([Cutout(1), lambda x: x]), RandomCrop(2), Compose([RandomRotation(90)])]),
]
PLAIN = [t for t in TRANSFORMS if "lambda" not in repr(t)]
RANDOM = [
    RandomHorizontalFlip,
    lambda **options: RandomCrop(6, **options),
    lambda **options: RandomRotation(90, **options),
    lambda **options: Cutout(3, **options),
]


@pytest.mark.parametrize("transform", TRANSFORMS, ids=repr)
@settings(max_examples=40)
@given(
    xs=hnp.arrays(
        st.sampled_from([np.uint8, np.int32, np.float32, np.float64]),
        st.tuples(st.integers(1, 5), st.just(3), st.integers(5, 9), st.integers(5, 9)),
        elements=st.integers(0, 200),
    )
)
def test_a_batch_is_its_images(transform: Any, xs: Any) -> None:
    before = xs.copy()
    indices = np.arange(len(xs)) + 10
    with using_item_random(ItemRandom(1, 2, indices)):
        got = apply_to_batch(transform, xs)
    for index, x, wanted in zip(indices, xs, got, strict=True):
        with using_item_random(ItemRandom(1, 2, [index])):
            alone = transform(x)
        assert alone.dtype == wanted.dtype
        np.testing.assert_array_equal(alone, wanted)
    if "lambda" not in repr(transform):
        assert got.dtype == xs.dtype
    np.testing.assert_array_equal(xs, before)


@pytest.mark.parametrize("transform", PLAIN, ids=repr)
def test_the_layout_in_memory_does_not_matter(transform: Any) -> None:
    x = np.random.default_rng(0).normal(size=(3, 9, 8)).astype(np.float32)
    np.random.seed(0)
    wanted = transform(x)
    for other in (np.asfortranarray(x), x.transpose(1, 2, 0).copy().transpose(2, 0, 1)):
        np.random.seed(0)
        got = transform(other)
        np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("size", [(17, 12), (5, 30), (64, 64), (33, 40)])
@pytest.mark.parametrize("mode", ["bilinear", "box", "hamming", "bicubic", "lanczos", "nearest"])
@pytest.mark.parametrize("channels", [1, 3])
def test_resize_agrees_with_pillow(
    pillow: Any, size: tuple[int, int], mode: str, channels: int
) -> None:
    x = photo(33, 40, channels)
    resize = Resize(size, mode)
    got = resize(x)
    wanted = ToArray(None)(resize(ToPIL()(x)))
    assert got.shape == wanted.shape == (channels, size[1], size[0])
    assert got.dtype == np.uint8
    difference = np.abs(got.astype(int) - wanted)
    if mode == "nearest":
        assert (difference == 0).all()
    else:
        assert difference.max() <= 1
        assert (difference > 0).mean() < 0.01  # ties, that Pillow's fixed point does not see


def test_resize_of_floats_agrees_with_pillow(pillow: Any) -> None:
    x = np.random.default_rng(0).normal(size=(1, 20, 31)).astype(np.float32)
    for resize in (Resize((9, 40)), Resize(16, pillow.BICUBIC)):
        np.testing.assert_allclose(
            resize(x)[0], np.asarray(resize(pillow.fromarray(x[0]))), rtol=0, atol=2e-6
        )


def test_resize_by_hand() -> None:
    x = np.array([[[0.0, 4.0]]])
    # Between the centers a line, and beyond them the border's values.
    np.testing.assert_allclose(Resize((4, 1))(x), [[[0.0, 1.0, 3.0, 4.0]]])
    np.testing.assert_array_equal(Resize((4, 1), "nearest")(x), [[[0, 0, 4, 4]]])
    # Shrunk to a half, a triangle over 4 pixels: weights 1/8, 3/8, 3/8, 1/8.
    x = np.array([[[0.0, 0.0, 8.0, 16.0, 0.0, 0.0]]])
    got = Resize((3, 1))(x)[0, 0]
    np.testing.assert_allclose(got, [(8 * 1) / 7, (8 + 16) * 3 / 8, 16 / 7], rtol=1e-12)
    column = np.array([[[10], [20]]], dtype=np.uint8)
    np.testing.assert_array_equal(Resize((1, 1))(column), [[[15]]])
    np.testing.assert_array_equal(Resize((2, 1))(column), [[[15, 15]]])


def test_resize_averages_what_it_shrinks() -> None:
    stripes = np.tile(np.array([0, 255], dtype=np.uint8), (1, 32, 16))
    assert np.ptp(Resize(8)(stripes)[0, :, 1:-1].astype(int)) <= 1
    assert set(np.unique(Resize(8, "nearest")(stripes))) <= {0, 255}


def test_resize_keeps_a_constant() -> None:
    for mode in ("bilinear", "bicubic", "lanczos"):
        x = np.full((2, 11, 13), 255, dtype=np.uint8)
        assert (Resize((29, 5), mode)(x) == 255).all()
        wide = np.full((1, 8, 8), -30000, dtype=np.int16)
        assert (Resize(5, mode)(wide) == -30000).all()


def test_resize_of_yes_and_no_takes_the_nearest() -> None:
    x = np.array([[[True, False, False, True]]])
    got = Resize((2, 1))(x)
    assert got.dtype == np.bool_
    np.testing.assert_array_equal(got, [[[False, True]]])


def test_resize_to_the_same_size_is_a_copy() -> None:
    x = photo(6, 6)
    for mode in ("bilinear", "nearest"):
        got = Resize(6, mode)(x)
        np.testing.assert_array_equal(got, x)
        assert not np.shares_memory(got, x)


def test_center_crop_by_hand(pillow: Any) -> None:
    x = np.arange(20, dtype=np.uint8).reshape(1, 4, 5)
    np.testing.assert_array_equal(CenterCrop((2, 3))(x)[0], [[1, 2], [6, 7], [11, 12]])
    np.testing.assert_array_equal(CenterCrop(4)(x), x[:, :, :4])
    for size in ((2, 3), 4, (5, 1)):
        crop = CenterCrop(size)
        np.testing.assert_array_equal(np.asarray(crop(ToPIL()(x))), crop(x)[0])


@pytest.mark.parametrize("transform", PLAIN, ids=repr)
@pytest.mark.parametrize("index", range(4))
def test_pillows_images_become_what_arrays_become(pillow: Any, transform: Any, index: int) -> None:
    x = photo(12, 10)
    with using_item_random(ItemRandom(0, 0, [index])):
        got = transform(x)
    with using_item_random(ItemRandom(0, 0, [index])):
        from_pillow = ToArray(None)(transform(ToPIL()(x)))
    assert from_pillow.shape == got.shape
    difference = np.abs(from_pillow.astype(int) - got)
    bilinear = "Rotation" in repr(transform) and "nearest" not in repr(transform)
    if bilinear or "Resize" in repr(transform):
        assert difference.max() <= 1
    elif "Rotation" in repr(transform):
        assert (difference > 0).mean() < 0.02
    else:
        np.testing.assert_array_equal(from_pillow, got)


@pytest.mark.parametrize("angle", [0, 17, 45, 90, 133.5, 180, 270, -30])
@pytest.mark.parametrize("shape", [(21, 21), (16, 30)])
def test_rotation_agrees_with_pillow(pillow: Any, angle: float, shape: tuple[int, int]) -> None:
    x = photo(*shape)
    for mode in ("bilinear", "nearest"):
        rotate = RandomRotation((angle, angle), mode, fill=100)
        difference = np.abs(ToArray(None)(rotate(ToPIL()(x))).astype(int) - rotate(x))
        if mode == "bilinear":
            assert (difference <= 1).mean() > 0.995  # the others lie on the border
        else:
            assert (difference == 0).mean() > 0.98


def test_rotation_by_hand() -> None:
    x = np.arange(9, dtype=np.float32).reshape(1, 3, 3)
    for mode in ("bilinear", "nearest"):
        for quarters in range(-1, 4):
            rotate = RandomRotation((90 * quarters, 90 * quarters), mode)
            np.testing.assert_array_equal(rotate(x)[0], np.rot90(x[0], quarters))
    eighth = RandomRotation((45, 45), fill=-1.0)(np.ones((2, 3, 3)))
    # Only the corners come from outside: sqrt(2) pixels from the center, the border is at 1.5.
    np.testing.assert_array_equal(eighth[0], np.ones((3, 3)))
    wide = RandomRotation((45, 45), fill=(-1.0, -2.0))(np.ones((2, 9, 9)))
    assert (wide[:, 0, 0].tolist(), wide[:, 4, 4].tolist()) == ([-1, -2], [1, 1])


def test_a_rotation_back_and_forth_is_close() -> None:
    y, x = np.mgrid[:40, :40]
    smooth = np.sin(x / 6.0) * np.cos(y / 5.0)
    back = RandomRotation((-25, -25))(RandomRotation((25, 25))(smooth[np.newaxis]))[0]
    np.testing.assert_allclose(back[12:28, 12:28], smooth[12:28, 12:28], atol=0.03)


def test_rotations_have_all_angles() -> None:
    xs = np.zeros((400, 1, 41, 41))
    xs[:, :, 19:22, 30:40] = 1.0  # a pointer to the right
    turned = RandomRotation((-60, 120), rng=np.random.default_rng(0)).batch(xs)[:, 0]
    y, x = np.mgrid[20:-21:-1, -20:21]
    total = turned.sum(axis=(1, 2))
    angles = np.degrees(
        np.arctan2((turned * y).sum((1, 2)) / total, (turned * x).sum((1, 2)) / total)
    )
    assert angles.min() > -60.5
    assert angles.max() < 120.5
    counts = np.histogram(angles, 4, (-60, 120))[0]
    assert np.abs(counts - 100).max() < 4 * np.sqrt(400 * 0.25 * 0.75)


@pytest.mark.parametrize("p", [0.0, 0.3, 0.5, 1.0])
def test_flips_come_with_their_probability(p: float) -> None:
    xs = np.tile(np.array([1, 2, 3], dtype=np.uint8), (2000, 2, 4, 1))
    got = RandomHorizontalFlip(p, rng=np.random.default_rng(1)).batch(xs)
    mirrored = (got == [3, 2, 1]).all(axis=(1, 2, 3))
    assert (mirrored | (got == [1, 2, 3]).all(axis=(1, 2, 3))).all()
    assert abs(mirrored.mean() - p) <= 4 * np.sqrt(p * (1 - p) / 2000)


def test_crops_are_pieces_from_everywhere() -> None:
    x = np.arange(30).reshape(1, 5, 6)
    crop = RandomCrop((4, 3), rng=np.random.default_rng(0))
    got = crop.batch(np.repeat(x[np.newaxis], 900, axis=0))
    corners = got[:, 0, 0, 0]
    wanted = x[0, :3, :3].ravel()
    for corner in wanted:
        top, left = divmod(int(corner), 6)
        np.testing.assert_array_equal(
            got[corners == corner][0], x[:, top : top + 3, left : left + 4]
        )
    counts = np.array([(corners == corner).sum() for corner in wanted])
    assert counts.sum() == 900
    assert np.abs(counts - 100).max() < 4 * np.sqrt(900 * (1 / 9) * (8 / 9))


def test_a_padded_crop_by_hand() -> None:
    x = np.array([[[1, 2], [3, 4]], [[5, 6], [7, 8]]], dtype=np.uint8)
    # As large as the image with its padding: there is one place only.
    got = RandomCrop((6, 4), pad=(2, 1), fill=(0, 9))(x)
    np.testing.assert_array_equal(got[0, 1], [0, 0, 1, 2, 0, 0])
    np.testing.assert_array_equal(got[1], np.pad(x[1], ((1, 1), (2, 2)), constant_values=9))


def test_cutouts_by_hand() -> None:
    xs = np.ones((500, 2, 6, 8))
    got = Cutout((3, 2), fill=(0.0, -1.0), rng=np.random.default_rng(0)).batch(xs)
    covered = got[:, 0] == 0
    np.testing.assert_array_equal(got[:, 1] == -1, covered)
    # A center may lie on each pixel, so the rectangle is cut off at the border now and then.
    sizes = covered.sum(axis=(1, 2))
    assert set(sizes.tolist()) == {2, 3, 4, 6}
    # 5 of 6 rows and 6 of 8 columns leave it whole.
    whole = 5 / 6 * 6 / 8
    assert abs((sizes == 6).mean() - whole) < 4 * np.sqrt(whole * (1 - whole) / 500)
    assert covered.any(axis=0).all()
    assert (Cutout(100)(np.ones((1, 6, 8))) == 0).all()


def test_cutouts_may_be_several() -> None:
    got = Cutout(1, holes=40, rng=np.random.default_rng(0))(np.ones((1, 50, 50)))
    assert 30 <= (got == 0).sum() <= 40


@pytest.mark.parametrize("make", RANDOM)
def test_a_generator_of_ones_own(make: Any) -> None:
    xs = photo(9, 8)[np.newaxis].repeat(6, axis=0)
    state = np.random.get_state()[1].copy()
    got = make(rng=np.random.default_rng(3)).batch(xs)
    singly = make(rng=np.random.default_rng(3))
    with using_item_random(ItemRandom(0, 0, [0])):
        np.testing.assert_array_equal(np.stack([singly(x) for x in xs]), got)
    assert (got != got[0]).any()
    np.testing.assert_array_equal(np.random.get_state()[1], state)
    old = make(rng=np.random.RandomState(3))
    np.testing.assert_array_equal(make(rng=np.random.RandomState(3)).batch(xs), old.batch(xs))
    assert "rng=Generator" in repr(singly)
    with pytest.raises(TypeError, match=r"rng is a numpy.random.Generator or RandomState, not 3"):
        make(rng=3)


@pytest.mark.parametrize("make", RANDOM)
def test_outside_of_a_loader_numpys_seed_makes_it_repeatable(make: Any) -> None:
    xs = photo(9, 8)[np.newaxis].repeat(6, axis=0)
    transform = make()
    np.random.seed(5)
    first = transform.batch(xs)
    second = transform.batch(xs)
    np.random.seed(5)
    np.testing.assert_array_equal(np.stack([transform(x) for x in xs]), first)
    assert (first != second).any()


def test_two_transforms_draw_numbers_of_their_own() -> None:
    xs = np.tile(np.arange(4), (300, 1, 1, 1))
    with using_item_random(ItemRandom(0, 0, np.arange(300))):
        once = RandomHorizontalFlip().batch(xs)
        twice = RandomHorizontalFlip().batch(once)
    both = ((once[:, 0, 0, 0] == 3) & (twice[:, 0, 0, 0] == 0)).mean()
    assert abs(both - 0.25) < 0.1


@pytest.mark.parametrize("kind", ["uint8", "float32", "int64"])
def test_convert_by_hand(kind: str) -> None:
    x = np.array([[[255, 10]], [[0, 20]], [[0, 30]]], dtype=kind)
    np.testing.assert_array_equal(Convert("BGR")(x), x[::-1])
    np.testing.assert_array_equal(Convert()(x), x)
    gray = Convert("L")(x)
    assert gray.dtype == kind
    exact = np.array([[[0.299 * 255, 2.99 + 11.74 + 3.42]]])
    np.testing.assert_allclose(gray, exact if kind == "float32" else np.rint(exact), rtol=1e-6)
    np.testing.assert_array_equal(Convert("RGB")(gray), np.repeat(gray, 3, axis=0))
    np.testing.assert_array_equal(Convert("L")(gray), gray)
    opaque = np.concatenate([x, x[:1]])
    np.testing.assert_array_equal(Convert("RGB")(opaque), x)
    np.testing.assert_array_equal(Convert("BGR")(opaque), x[::-1])
    np.testing.assert_array_equal(Convert("L")(opaque), gray)


def test_convert_agrees_with_pillow(pillow: Any) -> None:
    x = np.random.default_rng(0).integers(0, 256, (3, 64, 64)).astype(np.uint8)
    for mode in ("L", "RGB", "BGR"):
        convert = Convert(mode)
        np.testing.assert_array_equal(ToArray(None)(convert(ToPIL()(x))), convert(x))
        np.testing.assert_array_equal(ToArray(None)(convert(ToPIL()(x[:1]))), convert(x[:1]))
    assert Convert("CMYK")(ToPIL()(x)).mode == "CMYK"
    with pytest.raises(ValueError, match="an array can become L, RGB or BGR, not CMYK"):
        Convert("CMYK")(x)
    with pytest.raises(ValueError, match="an image of mode RGB cannot become 'gray'"):
        Convert("gray")(ToPIL()(x))


@pytest.mark.parametrize(
    ("dtype", "channels", "mode"),
    [
        ("uint8", 1, "L"),
        ("uint8", 2, "LA"),
        ("uint8", 3, "RGB"),
        ("uint8", 4, "RGBA"),
        ("bool", 1, "1"),
        ("float32", 1, "F"),
        ("int32", 1, "I"),
    ],
)
def test_to_pillow_and_back(pillow: Any, dtype: str, channels: int, mode: str) -> None:
    x = (photo(4, 6, channels) > 100 if dtype == "bool" else photo(4, 6, channels)).astype(dtype)
    image = ToPIL()(x)
    assert (image.mode, image.size) == (mode, (6, 4))
    assert ToPIL()(image) is image
    back = ToArray(dtype=None)(image)
    assert back.dtype == dtype
    np.testing.assert_array_equal(back, x)
    assert back.flags.writeable
    assert back.flags.c_contiguous


def test_to_array_gives_the_dtype(pillow: Any) -> None:
    x = photo(4, 6)
    for image in (x, ToPIL()(x)):
        got = ToArray()(image)
        assert got.dtype == np.float32
        np.testing.assert_array_equal(got, x)
        assert ToArray(np.int64)(image).dtype == np.int64
    assert ToArray(None)(x) is x
    with pytest.raises(ValueError, match=r'colors in a palette; put Convert\("RGB"\) before'):
        ToArray()(ToPIL()(x).convert("P"))


def test_a_pipeline_from_pillow_to_floats(pillow: Any) -> None:
    pipeline = Compose(
        [Convert(), Resize(8), RandomCrop(6), RandomHorizontalFlip(), ToArray(), Normalize(0, 255)]
    )
    x = photo(20, 16)
    with using_item_random(ItemRandom(0, 0, [5, 6])):
        from_arrays = pipeline.batch(np.stack([x, x]))
    with using_item_random(ItemRandom(0, 0, [6])):
        from_pillow = pipeline(ToPIL()(x))
    assert from_pillow.dtype == from_arrays.dtype == np.float32
    np.testing.assert_allclose(from_pillow, from_arrays[1], atol=1.01 / 255)


def test_values_need_arrays(pillow: Any) -> None:
    image = ToPIL()(photo(4, 6))
    for transform in (Normalize(0, 255), ToFloat(), Compose([ToFloat()])):
        with pytest.raises(TypeError, match=r"Pillow's is no array; put ToArray\(\) before"):
            transform(image)


def test_pillow_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    monkeypatch.delitem(sys.modules, "PIL.Image", raising=False)
    with pytest.raises(
        ImportError, match=r'ToPIL needs Pillow: pip install "dezero-data\[images\]"'
    ):
        ToPIL()(photo(4, 6))
    assert Resize(3)(photo(4, 6)).shape == (3, 3, 3)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Resize("3"), TypeError, r"Resize: size is an int or a pair .*, not '3'"),
        (lambda: Resize((3, 4, 5)), TypeError, "Resize: size is an int or a pair"),
        (lambda: Resize(2.5), TypeError, "Resize: size is an int or a pair"),
        (lambda: Resize(True), TypeError, "Resize: size is an int or a pair"),
        (lambda: Resize(0), ValueError, "Resize: size is at least 1, not 0"),
        (lambda: Resize(3, "cubic"), ValueError, "mode is one of nearest, .*, not 'cubic'"),
        (lambda: Resize(3, 9), ValueError, "mode is one of .*, not 9"),
        (lambda: CenterCrop((3, 0)), ValueError, r"CenterCrop: size is at least 1, not \(3, 0\)"),
        (lambda: RandomCrop(3, -1), ValueError, "RandomCrop: pad is at least 0, not -1"),
        (lambda: RandomCrop(3, 1, "x"), TypeError, "fill is a number, or one per channel"),
        (lambda: RandomHorizontalFlip(1.5), ValueError, "p is a probability, from 0 to 1, not 1.5"),
        (lambda: RandomHorizontalFlip(float("nan")), ValueError, "p is a probability"),
        (lambda: RandomHorizontalFlip("half"), TypeError, "p is a number from 0 to 1, not 'half'"),
        (lambda: RandomRotation(-5), ValueError, r"no angle from 5.0 to -5.0"),
        (lambda: RandomRotation((30, 20)), ValueError, "no angle from 30.0 to 20.0"),
        (lambda: RandomRotation(float("inf")), ValueError, "no angle from -inf to inf"),
        (lambda: RandomRotation((1, 2, 3)), TypeError, "degrees is a number, or a pair"),
        (lambda: RandomRotation(5, "bicubic"), ValueError, "mode is bilinear or nearest"),
        (lambda: Cutout(2, holes=0), ValueError, "holes is at least 1, not 0"),
        (lambda: Cutout(2, holes=1.5), TypeError, "holes is an int, not 1.5"),
        (lambda: Cutout(2, fill=()), TypeError, "fill is a number, or one per channel"),
        (lambda: Convert(3), TypeError, "mode is a text such as 'RGB', not 3"),
        (lambda: ToArray("no such"), TypeError, "no such"),
    ],
)
def test_refuses(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize(
    ("transform", "x", "error", "message"),
    [
        (Resize(3), [[1, 2]], TypeError, r"Resize: an image is an array of shape \(C, H, W\)"),
        (Resize(3), np.ones((4, 4)), ValueError, r"has shape \(C, H, W\), not \(4, 4\)"),
        (Resize(3), np.ones((1, 0, 4)), ValueError, r"shape \(1, 0, 4\) has no pixels"),
        (Resize(3), np.ones((1, 4, 4), complex), TypeError, "numbers, not of dtype complex128"),
        (CenterCrop(5), np.ones((1, 4, 6)), ValueError, "a crop of 5x5 .* the image, 6x4"),
        (RandomCrop(9, 2), np.ones((1, 4, 6)), ValueError, "the image, 10x8, pad included"),
        (Convert(), np.ones((2, 4, 4)), ValueError, r"1, 3 or 4 channels .*, not 2"),
        (Cutout(1, (1, 2)), np.ones((3, 4, 4)), ValueError, "2 values, but the image has 3 chan"),
        (Cutout(1, 0.5), photo(4, 4), ValueError, "fill 0.5 is no value of dtype uint8"),
        (RandomRotation(5, fill=256), photo(4, 4), ValueError, "fill 256 is no value of dtype u"),
        (ToArray(), "x", TypeError, "an image of Pillow's or an array, not a str"),
    ],
)
def test_refuses_images(transform: Any, x: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        transform(x)


def test_refuses_batches_of_another_shape() -> None:
    with pytest.raises(ValueError, match=r"shape \(N, C, H, W\), not \(3, 4, 4\)"):
        RandomHorizontalFlip().batch(photo(4, 4))


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.ones((3, 4, 4)), r"float64 of shape \(3, 4, 4\).* AsType\(numpy.uint8\) makes bytes"),
        (np.ones((4, 4), np.uint8), r"uint8 of shape \(4, 4\)\. It takes \(C, H, W\)"),
        (np.ones((5, 4, 4), np.uint8), r"uint8 of 1 or 2 or 3 or 4 channels"),
    ],
)
def test_refuses_to_make_images_of(pillow: Any, x: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ToPIL()(x)


def test_pillow_refuses_fills_that_do_not_fit(pillow: Any) -> None:
    image = ToPIL()(photo(4, 4))
    with pytest.raises(ValueError, match="2 values, but the image has 3 channels"):
        Cutout(1, (1, 2))(image)
    with pytest.raises(ValueError, match=r"fill 0.5 is no value of an image of mode RGB"):
        RandomRotation(5, fill=0.5)(image)
    with pytest.raises(ValueError, match="a crop of 5x5"):
        CenterCrop(5)(image)


def test_no_images_are_a_batch_too() -> None:
    for transform in PLAIN:
        assert len(apply_to_batch(transform, np.ones((0, 3, 6, 6), np.uint8))) == 0


def test_pillows_images_make_no_batch(pillow: Any) -> None:
    with pytest.raises(TypeError, match=r"ToPIL\(\) gives images .* end .* with ToArray\(\)"):
        apply_to_batch(ToPIL(), photo(4, 6)[np.newaxis])
    with pytest.raises(TypeError, match=r"Compose\(\[ToPIL\(\)\]\) gives images of Pillow's"):
        Compose([ToPIL()]).batch(photo(4, 6)[np.newaxis])
    got = Compose([ToPIL(), ToArray()]).batch(photo(4, 6)[np.newaxis])
    np.testing.assert_array_equal(got[0], photo(4, 6))


@pytest.mark.parametrize("transform", [*PLAIN, ToPIL()], ids=repr)
def test_travel_to_other_processes_and_say_what_they_are(transform: Any) -> None:
    assert repr(pickle.loads(pickle.dumps(transform))) == repr(transform)
    assert repr(eval(repr(transform), globals())) == repr(transform)


def test_reprs() -> None:
    assert repr(Resize((4, 3))) == "Resize((4, 3), mode='bilinear')"
    assert repr(RandomCrop(32, 4)) == "RandomCrop(32, pad=4, fill=0)"
    assert repr(RandomRotation(5)) == "RandomRotation((-5.0, 5.0), mode='bilinear', fill=0)"
    assert repr(Cutout(8, (1, 2))) == "Cutout(8, fill=(1, 2), holes=1)"
    assert repr(ToArray()) == "ToArray(float32)"
