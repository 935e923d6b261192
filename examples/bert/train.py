"""Learn to fill in what is missing in a text: masked characters, as in BERT.

    python examples/bert/train.py
    python examples/bert/train.py --fill "My m_______' eyes are nothing like the s__;"

Without --text it learns six sonnets of Shakespeare's, but for the last one, which is for testing.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from evaluation import accuracy, between_neighbors, most_frequent, windows
from matplotlib.figure import Figure
from model import WINDOW, MaskedModel, hide
from tqdm import tqdm

from dezero_core import Device, as_numpy
from dezero_core import functions as F
from dezero_core.files import atomic_write
from dezero_data import Characters, Sonnets, TokenLoader
from dezero_nn import softmax_cross_entropy
from dezero_optim import Adam, ClipGrad, CosineDecay, LinearWarmup
from dezero_viz import plot_curves

TEST_SHARE = 1 / 6  # of the text, at its end: the last of the six sonnets
BATCH_SIZE = 24
RATE = 0.003  # Adam's learning rate, at its height
LOOKS = 20  # so often is it tested
NEAR = 8  # places to both sides, in the picture
HOLE = "_"
FILL = (
    "Shall I compare thee to a s_____'s day?",
    "Rough winds do shake the d______ buds of May,",
    "I have s___ roses damask'd, red a__ white,",
    "And in some perfumes is there m___ delight",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and run; return the exit code."""
    options = parse(arguments)
    try:
        with options.device.active():
            run(options)
    except KeyboardInterrupt:
        print("\ninterrupted: no file was left half-written", file=sys.stderr)
        return 130
    except (OSError, ValueError) as error:
        print(f"train.py: {error}", file=sys.stderr)
        return 1
    return 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Learn to fill in what is missing in a text.")
    parser.add_argument("--text", type=Path, help="a text of your own, in UTF-8")
    parser.add_argument("--fill", nargs="+", metavar="LINE", help=f"with holes, {HOLE}, to fill in")
    parser.add_argument("--updates", type=int, help="default: 600")
    parser.add_argument("--seed", type=int, default=0, help="another run of chance (default: 0)")
    parser.add_argument("--device", type=at_hand, default="cpu", help="cpu (default), cuda, cuda:1")
    parser.add_argument("--out", type=Path, default=Path("runs", "bert"))
    parser.add_argument("--quick", action="store_true", help="60 updates, just to see it work")
    options = parser.parse_args(arguments)
    if options.updates is None:
        options.updates = 60 if options.quick else 600
    for name, least in (("updates", 1), ("seed", 0)):
        if getattr(options, name) < least:
            parser.error(f"argument --{name}: {getattr(options, name)} is less than {least}")
    if options.fill is None:
        options.fill = [] if options.text else list(FILL)
    for line in options.fill:
        if HOLE not in line:
            parser.error(f"argument --fill: {line!r} has no hole, {HOLE}")
        if len(line) > WINDOW:
            parser.error(f"argument --fill: {line!r} is longer than {WINDOW} characters")
    return options


def at_hand(name: str) -> Device:
    """Return a device that the command line names, and that must be there."""
    try:
        return Device(name)
    except (LookupError, RuntimeError, ValueError) as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def run(options: argparse.Namespace) -> None:
    """Learn, compare with who counts, fill in, and draw."""
    train_set, test_set = load(options.text)
    n_chars = len(train_set.char_to_id)
    holes = [encode(train_set, line) for line in options.fill]
    options.out.mkdir(parents=True, exist_ok=True)
    print(
        f"{len(train_set)} characters to learn from, {len(test_set)} to test with, {n_chars} "
        f"different ones"
    )
    # The weights and the dropout are drawn from NumPy's global generator.
    np.random.seed(options.seed)
    model = MaskedModel(n_chars)
    started = time.perf_counter()
    history = train(model, train_set, test_set, options)
    model.to_cpu()  # where it is looked at
    print(
        f"{sum(p.size for p in model.params())} parameters, {time.perf_counter() - started:.1f} s; "
        "right of what was hidden:"
    )
    rivals = {
        "who always says the most frequent character": most_frequent(train_set),
        "who counts what stood between two characters": between_neighbors(train_set),
        "this network": model.guess,
    }
    for name, guess in rivals.items():
        learned, tested = (accuracy(guess, text) for text in (train_set, test_set))
        print(f"  {name:44} {learned:6.1%} of what it learned, {tested:6.1%} of the test text")
    lines = [
        f"{line}\n{fill(model, train_set, x)}\n"
        for line, x in zip(options.fill, holes, strict=True)
    ]
    print("\n" + "\n".join(lines))
    with atomic_write(options.out / "filled.txt") as file:
        file.write("\n".join(lines).encode())
    model.save_weights(options.out / "weights.npz")
    draw(model, history, test_set, options)
    print(f"wrote bert.png, filled.txt and weights.npz into {options.out.resolve()}")


def load(file: Path | None) -> tuple[Characters, Characters]:
    """Return the text to learn from, and the text to test with."""
    if file is None:
        return Sonnets(test_share=TEST_SHARE), Sonnets(train=False, test_share=TEST_SHARE)
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{file} is no text in UTF-8: {error}") from error
    least = math.ceil((2 * WINDOW + 2) / TEST_SHARE)
    if len(text) < least:
        raise ValueError(f"{file} has {len(text)} characters; at least {least} are needed")
    train_set = Characters(text, test_share=TEST_SHARE)
    return train_set, Characters(text, train=False, test_share=TEST_SHARE)


def train(
    model: MaskedModel, train_set: Characters, test_set: Characters, options: argparse.Namespace
) -> dict[str, list[float]]:
    """Train a model; return how often it was right, of the text learned and of the other."""
    n_chars, device = len(train_set.char_to_id), options.device
    model.to(device)
    tokens = np.append(train_set.data, train_set.label[-1])
    loader = TokenLoader(tokens, BATCH_SIZE, WINDOW, shuffle=True, seed=options.seed)
    random = np.random.default_rng(options.seed)
    optimizer = Adam(RATE).setup(model)
    optimizer.add_hook(ClipGrad(1.0))
    warmup = max(1, options.updates // 20)
    schedule = LinearWarmup(warmup).then(CosineDecay(max(1, options.updates - warmup)))
    schedule.setup(optimizer)

    every = interval(options)
    history: dict[str, list[float]] = {"train accuracy": [], "test accuracy": []}
    losses = []
    # The bar draws itself on a terminal only.
    with tqdm(total=options.updates, unit=" updates", leave=False, disable=None) as bar:
        for update, x in enumerate(endless(loader), 1):
            seen, hidden = hide(x, n_chars, random)
            seen, *hidden, t = map(device.asarray, (seen, *hidden, x[hidden]))
            loss = softmax_cross_entropy(model(seen, tuple(hidden)), t)
            model.cleargrads()
            loss.backward()
            optimizer.update()
            schedule.update()
            losses.append(loss.data)  # unread: who reads it waits until the device has it
            bar.update()
            if update % every == 0:
                for name, text in (("train accuracy", train_set), ("test accuracy", test_set)):
                    history[name].append(accuracy(model.guess, text))
                mean = as_numpy(F.stack(losses)).mean(dtype=np.float64)
                bar.write(
                    f"update {update:5}   loss {mean:.3f}   right "
                    f"{history['train accuracy'][-1]:6.1%} learned, "
                    f"{history['test accuracy'][-1]:6.1%} tested"
                )
                losses.clear()
            if update == options.updates:
                break
    return history


def interval(options: argparse.Namespace) -> int:
    """Return after how many updates the network is tested."""
    return max(1, options.updates // LOOKS)


def endless(loader: TokenLoader) -> Iterator[np.ndarray]:
    """Yield windows of the text, epoch after epoch: all that follows them is not asked."""
    while True:
        for x, _ in loader:
            yield x


def encode(text: Characters, line: str) -> np.ndarray:
    """Return a line's characters as numbers, of shape (1, T), with those of holes."""
    parts = [text.encode(part) for part in line.split(HOLE)]
    hole = np.array([len(text.char_to_id)])
    return np.concatenate([parts[0], *(x for part in parts[1:] for x in (hole, part))])[np.newaxis]


def fill(model: MaskedModel, text: Characters, x: np.ndarray) -> str:
    """Fill in the holes of a line, one after the other: first where the model is surest."""
    x = x.copy()
    while (x == len(text.char_to_id)).any():
        hidden = np.nonzero(x == len(text.char_to_id))
        scores = model.expect(x, hidden)
        surest = (scores.max(axis=1) - np.log(np.exp(scores).sum(axis=1))).argmax()
        x[0, hidden[1][surest]] = scores[surest].argmax()
    return text.decode(x)


def draw(
    model: MaskedModel,
    history: dict[str, list[float]],
    text: Characters,
    options: argparse.Namespace,
) -> None:
    """Draw how often it was right, and how far each head looks, on average."""
    figure = Figure(figsize=(10.5, 3.8), layout="constrained")
    curves, map_ = figure.subplots(1, 2, width_ratios=(1, 1.25))
    x = windows(text)
    weights = model.attention(x).mean(axis=1).reshape(-1, WINDOW, WINDOW)
    offsets = range(-NEAR, NEAR + 1)
    looks = np.array([[np.diagonal(w, offset).mean() for offset in offsets] for w in weights])
    edges = (-NEAR - 0.5, NEAR + 0.5, len(looks) - 0.5, -0.5)
    image = map_.imshow(looks, cmap="cividis", aspect="auto", vmin=0, extent=edges)
    map_.set(xlabel="places to the right", ylabel="block and head", title="where each head looks")
    heads = [f"{i // model.heads + 1}.{i % model.heads + 1}" for i in range(len(looks))]
    map_.set_yticks(range(len(looks)), heads)
    figure.colorbar(image, label="mean weight")
    plot_curves(
        history,
        xlabel=f"{interval(options)} updates",
        ax=curves,
        to_file=options.out / "bert.png",
    )


if __name__ == "__main__":
    sys.exit(main())
