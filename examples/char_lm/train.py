"""Learn to write, character by character: with an LSTM, and with a small GPT, side by side.

    python examples/char_lm/train.py
    python examples/char_lm/train.py --text FILE --updates 3000

Without --text it learns six sonnets of Shakespeare's, which are too few to learn English from, but
not to learn by heart. All that counts is measured on the end of the text, which is kept apart.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from models import AttentionModel, RecurrentModel
from tqdm import tqdm

from dezero_core import Device, Variable, as_numpy
from dezero_core import functions as F
from dezero_core.devices import device_of
from dezero_core.files import atomic_write
from dezero_core.typing import Array
from dezero_data import Characters, Sonnets, TokenLoader
from dezero_nn import softmax_cross_entropy
from dezero_optim import Adam, ClipGrad, CosineDecay, LinearWarmup
from dezero_viz import plot_curves

CharModel: TypeAlias = RecurrentModel | AttentionModel

TEST_SHARE = 1 / 6  # of the text, at its end: the last of the six sonnets
MEASURED = 10_000  # characters of a text, at its beginning, that is
LOOKS = 20  # so often is it tested


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    Attributes:
        rate: Adam's learning rate, at its height.
        batch_size: How many pieces of the text are read at a time.
        length: How many characters each has. So far go the LSTM's gradients back, and so far back
            does the GPT look.
    """

    rate: float
    batch_size: int
    length: int


RECIPES = {"LSTM": Recipe(0.005, 16, 64), "GPT": Recipe(0.003, 32, 32)}
PARTS = ("train", "test")


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
    parser = argparse.ArgumentParser(description="Learn to write, character by character.")
    parser.add_argument("--text", type=Path, help="a text of your own, in UTF-8")
    parser.add_argument("--model", choices=["lstm", "gpt", "both"], default="both")
    parser.add_argument("--updates", type=int, help="default: 600")
    parser.add_argument(
        "--by-heart",
        action="store_true",
        help="write with the last weights, not with those that expect the test text best",
    )
    parser.add_argument("--prompt", default="\n", help="what the samples begin with")
    parser.add_argument("--temperature", type=float, nargs="+", default=[0.5, 1.0])
    parser.add_argument("--length", type=int, default=200, help="of the samples (default: 200)")
    parser.add_argument("--seed", type=int, default=0, help="another run of chance (default: 0)")
    parser.add_argument("--device", type=at_hand, default="cpu", help="cpu (default), cuda, cuda:1")
    parser.add_argument("--out", type=Path, default=Path("runs", "char_lm"))
    parser.add_argument("--quick", action="store_true", help="60 updates, just to see it work")
    options = parser.parse_args(arguments)
    if options.updates is None:
        options.updates = 60 if options.quick else 600
    for name, least in (("updates", 1), ("length", 0), ("seed", 0)):
        if getattr(options, name) < least:
            parser.error(f"argument --{name}: {getattr(options, name)} is less than {least}")
    if not all(math.isfinite(value) and value > 0 for value in options.temperature):
        parser.error("argument --temperature: it must be greater than 0")
    if not options.prompt:
        parser.error("argument --prompt: it must have a character at least")
    return options


def at_hand(name: str) -> Device:
    """Return a device that the command line names, and that must be there."""
    try:
        return Device(name)
    except (LookupError, RuntimeError, ValueError) as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def run(options: argparse.Namespace) -> None:
    """Train one network after the other, draw how it went, and let them write."""
    train_set, test_set = load(options.text)
    prompt = train_set.encode(options.prompt)
    options.out.mkdir(parents=True, exist_ok=True)
    n_chars = len(train_set.char_to_id)
    print(
        f"{len(train_set)} characters to learn from, {len(test_set)} to test with, "
        f"{n_chars} different ones"
    )
    print(f"by how frequent they are: {unigram_bits(train_set, test_set):.3f} bits per character")

    history, samples = {}, []
    for name in ("LSTM", "GPT"):
        if options.model not in (name.lower(), "both"):
            continue
        # The weights and the dropout are drawn from NumPy's global generator.
        np.random.seed(options.seed)
        model: CharModel = (
            RecurrentModel(n_chars, size=128)
            if name == "LSTM"
            else AttentionModel(n_chars, size=64, heads=4, blocks=2, window=RECIPES[name].length)
        )
        history[name] = train(name, model, train_set, test_set, options)
        model.to_cpu()  # it writes by itself, and each character would have to come down
        model.save_weights(options.out / f"{name.lower()}.npz")
        for temperature in options.temperature:
            random = np.random.default_rng(options.seed)
            text = write(model, train_set, prompt, options.length, temperature, random)
            samples.append(f"--- {name}, temperature {temperature:g}\n{text}\n")
            print(samples[-1])
    with atomic_write(options.out / "samples.txt") as file:
        file.write("\n".join(samples).encode())
    plot_curves(
        history,
        xlabel=f"{interval(options)} updates",
        to_file=options.out / "curves.png",
    )
    print(f"wrote curves.png, samples.txt and the weights into {options.out.resolve()}")


def load(file: Path | None) -> tuple[Characters, Characters]:
    """Return the text to learn from, and the text to test with."""
    if file is None:
        return Sonnets(test_share=TEST_SHARE), Sonnets(train=False, test_share=TEST_SHARE)
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{file} is no text in UTF-8: {error}") from error
    most = max(recipe.batch_size * recipe.length for recipe in RECIPES.values())
    least = math.ceil((most + 2) / (1 - TEST_SHARE))
    if len(text) < least:
        raise ValueError(f"{file} has {len(text)} characters; at least {least} are needed")
    return Characters(text, test_share=TEST_SHARE), Characters(
        text, train=False, test_share=TEST_SHARE
    )


def unigram_bits(train_set: Characters, test_set: Characters) -> float:
    """Return the bits per character of one who knows how frequent each is, and nothing else."""
    # Each is counted once more than it is there: what was never seen is not impossible.
    counts = np.bincount(train_set.label, minlength=len(train_set.char_to_id)) + 1
    return float(-np.log2(counts / counts.sum())[test_set.label].mean())


def train(
    name: str,
    model: CharModel,
    train_set: Characters,
    test_set: Characters,
    options: argparse.Namespace,
) -> dict[str, list[float]]:
    """Train a model; return the bits per character, of the text learned and of the other."""
    tokens = np.append(train_set.data, train_set.label[-1])
    recurrent = isinstance(model, RecurrentModel)
    # The LSTM reads strips of the text side by side, and remembers from batch to batch. The GPT
    # remembers nothing, so that it may see windows in any order.
    recipe = RECIPES[name]
    model.to(options.device)
    loader = TokenLoader(
        *(tokens, recipe.batch_size, recipe.length),
        shuffle=not recurrent,
        seed=options.seed,
        device=options.device,
    )
    optimizer = Adam(recipe.rate).setup(model)
    optimizer.add_hook(ClipGrad(1.0))
    every = interval(options)
    warmup = max(1, options.updates // 20)
    schedule = LinearWarmup(warmup).then(CosineDecay(max(1, options.updates - warmup)))
    schedule.setup(optimizer)

    history: dict[str, list[float]] = {
        "train bits per character": [],
        "test bits per character": [],
    }
    best, best_weights, losses = math.inf, model.state_dict(), []
    started = time.perf_counter()
    # The bar draws itself on a terminal only.
    with tqdm(total=options.updates, desc=name, unit=" updates", leave=False, disable=None) as bar:
        for update, (x, t) in enumerate(endless(loader, model), 1):
            loss = cross_entropy(model, x, t)
            model.cleargrads()
            loss.backward()
            loss.unchain_backward()  # truncated: gradients go back to where this batch began
            optimizer.update()
            schedule.update()
            losses.append(loss.data)  # unread: who reads it waits until the device has it
            bar.update()
            if update % every == 0:
                test = measure(model, test_set)
                mean = float(as_numpy(F.stack(losses)).mean(dtype=np.float64)) / math.log(2)
                history["train bits per character"].append(mean)
                history["test bits per character"].append(test)
                bar.write(
                    f"{name:4}  update {update:5}   bits per character: {mean:.3f} "
                    f"learned, {test:.3f} tested"
                )
                losses.clear()
                if test < best:
                    best, best_weights = test, model.state_dict()
            if update == options.updates:
                break
    learned = measure(model, train_set)
    if not options.by_heart:
        model.load_state_dict(best_weights)
    print(
        f"{name}: {sum(p.size for p in model.params())} parameters, "
        f"{time.perf_counter() - started:.1f} s; bits per character {best:.3f} on the test text, "
        f"at best; in the end {learned:.3f} on the text that it learned"
    )
    return history


def interval(options: argparse.Namespace) -> int:
    """Return after how many updates the networks are tested."""
    return max(1, options.updates // LOOKS)


def endless(loader: TokenLoader, model: CharModel) -> Iterator[tuple[Array, Array]]:
    """Yield batches, epoch after epoch. Each begins with no memory."""
    while True:
        model.forget()
        yield from loader


def cross_entropy(model: CharModel, x: Array, t: Array) -> Variable:
    """Return the mean cross entropy of what a model expects, and what comes, in nats."""
    return softmax_cross_entropy(model(x).reshape(t.size, -1), t.ravel())


def measure(model: CharModel, text: Characters) -> float:
    """Return a model's bits per character on a text that it reads from its beginning."""
    device = device_of(model.chars.W)
    x, t = (device.asarray(ids[:MEASURED]) for ids in (text.data, text.label))
    # A copy: the LSTM that is trained remembers where it is in the text that it learns.
    return float(softmax_cross_entropy(model.copy().expect(x), t)) / math.log(2)


def write(
    model: CharModel,
    text: Characters,
    prompt: np.ndarray,
    length: int,
    temperature: float,
    random: np.random.Generator,
) -> str:
    """Let a model go on from a prompt, drawing one character after the other.

    Scores are divided by the temperature: below 1 what is likely gets likelier still.
    """
    model.forget()
    scores, written = model.read(prompt), prompt.tolist()
    for _ in range(length):
        p = np.exp((scores - scores.max()).astype(np.float64) / temperature)
        written.append(int(random.choice(len(p), p=p / p.sum())))
        scores = model.read(np.array(written[-1:]))
    return text.decode(written)


if __name__ == "__main__":
    sys.exit(main())
