"""The examples on a device: what crosses between two updates, and the gradients that the host has.

Each is run by its command line, on little data. From each update of parameters to the next, all
that crosses between host and device is counted: arrays that go up, arrays that come down, numbers
that the host waits for. What is drawn by chance on the fake device comes from the host's generator
here, so that both runs are the same.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dezero_core import Device
from dezero_data import ArrayDataset

from .conftest import Place
from .watching import EXAMPLES, NOTHING, Crossings, HostsChance, Watch, crossings

pytest.importorskip("PIL")


@dataclass(frozen=True)
class Example:
    """An example, and what its training costs.

    Attributes:
        script: The script.
        arguments: Its command line.
        between: How often which crossings lie between an update and the next.
        smaller: From the script's module to the names in it that get other values.
        chance: Whether it draws on the device: then the run on a GPU is another one.
    """

    script: str
    arguments: str
    between: Mapping[Crossings, int]
    smaller: Callable[[Any], Mapping[str, Any]] = lambda script: {}
    chance: bool = False


def small_mnist(train: bool, transform: Any, root: Any) -> ArrayDataset:
    random = np.random.default_rng(0 if train else 1)
    images = random.integers(256, size=(80, 1, 28, 28)).astype(np.uint8)
    return ArrayDataset(images, random.integers(10, size=80), transform=transform)


# Where nothing else is said, a batch is two arrays, of which each goes up once.
ROWS = {
    # After the epoch the test set's batch goes up, and four means come down.
    "digits": Example("digits/train.py", "--epochs 2", {(2, 0, 0): 88, (4, 4, 0): 1}),
    # Of the first batch of an epoch, and of each fiftieth after it, the bar shows the loss. After
    # the epoch the test set's batch goes up, and three means come down.
    "mnist_cnn": Example(
        "mnist_cnn/train.py",
        "--epochs 2",
        {(2, 0, 1): 2, (2, 0, 0): 4, (4, 3, 0): 1},
        lambda script: {"MNIST": small_mnist, "BATCH_SIZE": 20},
    ),
    # After the epoch pictures to test with go up, probabilities and two means come down.
    "own_pictures": Example(
        "own_pictures/train.py",
        "--quick --epochs 2 --size 16 --workers 0",
        {(2, 0, 0): 6, (3, 3, 0): 1},
        lambda script: {"QUICK_EACH": 10, "BATCH_SIZE": 10},
    ),
    # After an epoch two pairs of figures come down. When the plane is drawn, so do the points and
    # their classes, and the scores, in five parts, of a grid that goes up.
    "spiral": Example("spiral/train.py", "--epochs 3", {(2, 0, 0): 27, (2, 2, 0): 1, (3, 9, 0): 1}),
    # An update follows on fifty batches; losses come down in the end. Between the networks the
    # first one comes down, and the parameters of the second go up.
    "sine": Example("sine/train.py", "--epochs 3", {(100, 0, 0): 4, (114, 11, 0): 1}),
    # The hidden text, where it is hidden, and what was there: four arrays. In the middle, the mean
    # of the losses comes down, and twenty times it is guessed what a text hides.
    "bert": Example(
        "bert/train.py",
        "--updates 6",
        {(4, 0, 0): 4, (64, 21, 0): 1},
        lambda script: {"LOOKS": 2},
        chance=True,
    ),
    # In the middle of each, the mean of the losses comes down, a test text goes up, its loss is
    # waited for, and, as it is the least so far, all parameters come down: 15 of the LSTM,
    # 39 of the GPT. Between the two the same once more, and the text that was learned; the first
    # network comes down, the second goes up, and is the best so far.
    "char_lm": Example(
        "char_lm/train.py",
        "--updates 6 --length 3",
        {(2, 0, 0): 8, (4, 16, 1): 1, (4, 40, 1): 1, (60, 82, 2): 1},
        lambda script: {"LOOKS": 2, "MEASURED": 100},
        chance=True,
    ),
    # Of what is remembered five arrays go up. Where it is not chance that acts, the state goes up,
    # and the action is waited for: it is the world, on the host, that needs it.
    "dqn": Example("dqn/train.py", "--quick --steps 520", {(5, 0, 0): 18, (6, 0, 1): 1}),
    # Two updates to a batch: noise is drawn on the device. After the epoch pictures come down, and
    # both losses, since it is one of those to be told of.
    "gan": Example(
        "gan/train.py",
        "--epochs 2",
        {NOTHING: 6, (2, 0, 0): 4, (2, 3, 0): 1},
        lambda script: {"RECIPES": {"digits": replace(script.RECIPES["digits"], updates=3)}},
        chance=True,
    ),
    # After the epoch the test set's batch goes up, and both parts of the loss come down.
    "vae": Example("vae/train.py", "--epochs 2", {(2, 0, 0): 88, (4, 1, 0): 1}, chance=True),
    # Points and noise are drawn on the device: nothing goes up. Six updates are one of the
    # generator's, before which the distance is measured, of points that come down, and two numbers.
    "wgan_gp": Example(
        "wgan_gp/train.py",
        "--updates 3",
        {NOTHING: 15, (0, 2, 2): 2},
        lambda script: {"MEASURED": 50, "BATCH_SIZE": 8},
        chance=True,
    ),
    # Points of waves, which are drawn on the host: two arrays to learn from and two to know. Of
    # each fifth of the updates the mean loss comes down. Between the networks the first one does,
    # six parameters and their gradients, and those of the second go up.
    "maml": Example(
        "maml/train.py",
        "--updates 10",
        {(4, 0, 0): 10, (4, 1, 0): 8, (10, 13, 0): 1},
        lambda script: {"TESTS": 5, "RATES": (0.01,)},
    ),
    # Pictures that are made on the host. Eight times two means come down.
    "grad_cam": Example(
        "grad_cam/train.py",
        "--quick --updates 16",
        {(2, 0, 0): 8, (2, 2, 0): 7},
        lambda script: {"QUICK": 10, "BATCH_SIZE": 4},
    ),
    # Textures that are made on the host; then the pixels are changed, with what was there all the
    # time. Between the two, 500 other textures go up, both goals, and the pixels; the accuracy is
    # waited for, and five sizes of the goals. Of each sixth of the steps both distances come down.
    "style_transfer": Example(
        "style_transfer/transfer.py",
        "--network textures --size 16 --updates 4 --optimizer adam --steps 12",
        {(2, 0, 0): 3, (5, 0, 6): 1, NOTHING: 6, (0, 1, 0): 5},
    ),
}


# A point of two numbers, and a formula: nothing is learned there that a device could do sooner.
UNTRAINED = {"rosenbrock", "tanh_graph"}


def test_all_examples_are_here() -> None:
    folders = {path.name for path in EXAMPLES.iterdir() if path.is_dir()} - {"steps"}
    trained = {row.script.partition("/")[0] for row in ROWS.values()}
    assert folders - UNTRAINED == trained | {"conjugate_gradients"}


@pytest.mark.parametrize("name", ROWS)
def test_training(
    name: str,
    place: Place,
    load: Callable[[str], Any],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    row = ROWS[name]
    runs = []
    for device in (None, place):
        script = load(row.script)
        for attribute, value in row.smaller(script).items():
            monkeypatch.setattr(script, attribute, value)
        with monkeypatch.context() as patch:
            watch = Watch(device, patch)
            if watch.device is not None:
                patch.setattr(watch.device.xp, "random", HostsChance(place))
            where = ["--device", place.name if device else "cpu", "--out", str(tmp_path)]
            assert script.main([*row.arguments.split(), *where]) == 0
        runs.append(watch)
    host, found = runs
    if found.device is not None:
        assert found.between == row.between
    elif row.chance:
        return
    for ours, theirs in zip(found.gradients, host.gradients, strict=True):
        for i, (g, wanted) in enumerate(zip(ours, theirs, strict=True)):
            place.assert_same(g, wanted, f"gradient {i} of the first update")
    if found.device is not None:
        distance = np.linalg.norm(found.weights - host.weights) / np.linalg.norm(host.weights)
        assert distance < 1e-2


# --- what is no training -------------------------------------------------------------------------


def test_conjugate_gradients_wait_twice_for_each_product(
    place: Place, load: Callable[[str], Any]
) -> None:
    load("conjugate_gradients/solve.py")
    cg = sys.modules["cg"]
    root = np.random.default_rng(0).normal(size=(12, 12))
    A, b = root @ root.T + np.eye(12), np.arange(12.0)
    moved, rhs = place.put(A, b)
    _ = place.traffic
    found = cg.solve(lambda v: moved @ v, rhs, iterations=5)
    # The first length, two numbers for each product, and all guesses at the end.
    assert crossings(place.traffic) in ((0, 1, 1 + 2 * 5), NOTHING)
    wanted = cg.solve(lambda v: A @ v, b, iterations=5)
    assert place.holds(found.x)
    np.testing.assert_allclose(found.steps, wanted.steps, rtol=1e-8)
    np.testing.assert_allclose(found.residuals, wanted.residuals, rtol=1e-8)


def test_conjugate_gradients_solve_the_same(
    place: Place, load: Callable[[str], Any], tmp_path: Path
) -> None:
    load("conjugate_gradients/solve.py")
    digits, policy = sys.modules["digits"], sys.modules["policy"]
    host, there = Device("cpu"), Device(place.name)
    with there.active():
        problems = [digits.Problem(60, device) for device in (host, there)]
        theta, steps = digits.newton(problems[1], 3)
        assert place.holds(theta)
        for step, wanted in zip(steps, digits.newton(problems[0], 3)[1], strict=True):
            assert (step.products, step.accuracy) == (wanted.products, wanted.accuracy)
            np.testing.assert_allclose([step.loss, step.slope], [wanted.loss, wanted.slope])
        updates, plain = (
            list(policy.learn(2, 20, np.random.default_rng(0), device, natural=True))
            for device in (there, host)
        )
    for update, wanted in zip(updates, plain, strict=True):
        assert (update.mean_return, update.products) == (wanted.mean_return, wanted.products)
        np.testing.assert_allclose(update.kl, wanted.kl, rtol=1e-6)


def test_lbfgs_paints_with_nothing_moved(
    place: Place, load: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits, since its line search decides by the loss; but no array crosses."""
    script = load("style_transfer/transfer.py")
    results = []
    for where in ("cpu", place.name):
        device = Device(where)
        np.random.seed(0)
        eye = script.TextureNet()
        eye(np.zeros((1, 3, 16, 16), np.float32))
        eye.to(device)
        goals = (device.asarray(image(16)) for image in (script.landscape, script.painting))
        wish = script.Wish(eye, *goals, keep=1.0)
        canvas = script.Painting(script.landscape(16)).to(device)
        _ = place.traffic
        results.append(script.paint(canvas, wish, "lbfgs", 3))
    # Each of three lines tells both distances, and all of them come down in the end.
    assert sum(event.kind == "transfer" for event in place.traffic) in (3 + 1, 0)
    np.testing.assert_allclose(results[1], results[0], rtol=1e-2, atol=1e-4)


def test_an_optimizer_finds_the_minimum_of_the_rosenbrock_function(
    place: Place, load: Callable[[str], Any]
) -> None:
    script = load("rosenbrock/minimize.py")
    there, here = script.Point([0.0, 2.0]), script.Point([0.0, 2.0])
    there.x.to(place.name)
    for point, quiet in ((there, place.quiet), (here, nullcontext)):
        step = script.stepper(script.MomentumSGD(0.001, momentum=0.9).setup(point), point)
        with quiet():
            for _ in range(20):
                step()
    place.assert_same(there.x, here.x.data, "the point")
