"""Paint an image in the style of another: what is learned are the pixels.

    python examples/style_transfer/transfer.py
    python examples/style_transfer/transfer.py --content photo.jpg --style painting.jpg

The first needs no files: both images are computed, and so are the textures that a small network
learns from. Where VGG16's weights lie in the cache folder, they are used instead of it.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from images import landscape, painting
from networks import Eye, TextureNet, VGGEye, train, vgg16_is_at_hand
from picture import draw, read, write
from tqdm import tqdm

from dezero_core import Device, Parameter, Variable, as_numpy, no_grad
from dezero_core import functions as F
from dezero_core.typing import Array
from dezero_nn import Layer, sigmoid
from dezero_optim import LBFGS, Adam

SMOOTHNESS = 0.1  # how much the difference of neighboring pixels weighs


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
        # No such image, or one that is damaged, no connection: the message says what to do.
        text = "\n".join([f"transfer.py: {error}", *getattr(error, "__notes__", [])])
        print(text, file=sys.stderr)
        return 1
    return 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Paint an image in the style of another.")
    parser.add_argument("--content", type=Path, help="an image; default: a computed landscape")
    parser.add_argument("--style", type=Path, help="an image; default: computed strokes")
    parser.add_argument("--size", type=int, help="height and width in pixels; default: 128")
    parser.add_argument("--network", choices=("auto", "textures", "vgg16"), default="auto")
    parser.add_argument(
        "--updates", type=int, help="of the network that learns textures; default: 600"
    )
    parser.add_argument("--optimizer", choices=("lbfgs", "adam"), default="lbfgs")
    parser.add_argument("--steps", type=int, help="default: 120 of L-BFGS, 300 of Adam")
    parser.add_argument(
        "--keep", type=float, default=0.03, help="how much the content weighs; default: 0.03"
    )
    parser.add_argument("--seed", type=int, default=0, help="another run of chance (default: 0)")
    parser.add_argument("--device", type=at_hand, default="cpu", help="cpu (default), cuda, cuda:1")
    parser.add_argument("--out", type=Path, default=Path("runs", "style_transfer"))
    parser.add_argument("--quick", action="store_true", help="64 pixels, less of everything")
    options = parser.parse_args(arguments)
    if options.size is None:
        options.size = 64 if options.quick else 128
    if options.steps is None:
        full = 120 if options.optimizer == "lbfgs" else 300
        options.steps = full // 5 if options.quick else full
    if options.updates is None:
        options.updates = 200 if options.quick else 600
    if options.size < 16:
        parser.error(f"argument --size: {options.size} is less than 16")
    for name in ("steps", "updates"):
        if getattr(options, name) < 1:
            parser.error(f"argument --{name}: {getattr(options, name)} is not at least 1")
    if not 0.0 <= options.keep < np.inf:
        parser.error(f"argument --keep: {options.keep:g} is negative or not finite")
    if options.seed < 0:
        parser.error(f"argument --seed: {options.seed} is negative")
    return options


class Painting(Layer):
    """An image whose pixels are parameters.

    They may become any number: `sigmoid` makes colors from 0 to 1 of it.

    Args:
        image: What it looks like at first, of shape (3, H, W).
    """

    def __init__(self, image: np.ndarray) -> None:
        inside = np.clip(image, 0.02, 0.98)
        self.pixels = Parameter(np.log(inside / (1 - inside))[None])

    def forward(self) -> Variable:
        """Return the image, of shape (1, 3, H, W)."""
        return sigmoid(self.pixels)


class Wish:
    """How far an image is from the one in content, and from the other in style.

    Style is which features come together, and how often, wherever it is: the Gram matrices of the
    feature maps, and of the colors themselves. Content is where the deepest features are. In style,
    1 is as far as an image without any features is; in content, 1 is as far as the other
    image is.

    Args:
        eye: The network that looks.
        content: An image, of shape (3, H, W), on the device of the network.
        style: An image of the same shape, there, too.
        keep: How much the content weighs.
    """

    def __init__(self, eye: Eye, content: Array, style: Array, keep: float) -> None:
        self.eye, self.keep = eye, keep
        with no_grad():
            self.maps = eye.look(Variable(content[None]))[-1].data
            seen = [Variable(style[None]), *eye.look(Variable(style[None]))]
            self.grams = [gram(maps).data for maps in seen]
            # Read here, once: who reads a number waits until the device has computed it.
            self.sizes = [float((wanted**2).sum()) for wanted in self.grams]
            self.far = float(((seen[-1].data - self.maps) ** 2).sum())

    def parts(self, image: Variable) -> tuple[Variable, Variable]:
        """Return the distance in style and in content, both of shape ()."""
        seen = [image, *self.eye.look(image)]
        distances = [
            F.sum((gram(maps) - wanted) ** 2) / size
            for maps, wanted, size in zip(seen, self.grams, self.sizes, strict=True)
        ]
        content = F.sum((seen[-1] - self.maps) ** 2) / self.far
        return F.mean(F.stack(distances)), content

    def __call__(self, image: Variable) -> Variable:
        """Return the loss, of shape ()."""
        style, content = self.parts(image)
        across, down = image[..., 1:] - image[..., :-1], image[..., 1:, :] - image[..., :-1, :]
        rough = F.mean(across**2) + F.mean(down**2)
        return style + self.keep * content + SMOOTHNESS * rough


def gram(maps: Variable) -> Variable:
    """Return the mean products of all pairs of C feature maps of shape (1, C, H, W)."""
    flat = maps.reshape(maps.shape[1], -1)
    return F.matmul(flat, flat.T) / flat.shape[1]


def at_hand(name: str) -> Device:
    """Return a device that the command line names, and that must be there."""
    try:
        return Device(name)
    except (LookupError, RuntimeError, ValueError) as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def run(options: argparse.Namespace) -> None:
    """Train or load the network, paint, and write the images."""
    size = (options.size, options.size)
    content = landscape(options.size) if options.content is None else read(options.content, size)
    style = painting(options.size) if options.style is None else read(options.style, size)
    options.out.mkdir(parents=True, exist_ok=True)
    eye = open_eye(options)
    goals = options.device.asarray(content), options.device.asarray(style)
    wish, canvas = Wish(eye, *goals, options.keep), Painting(content).to(options.device)

    started = time.perf_counter()
    history = paint(canvas, wish, options.optimizer, options.steps)
    seconds = time.perf_counter() - started
    (before, _), (after, content_after) = history[0], history[-1]
    print(f"distance in style {before:.3f} -> {after:.4f}, in {seconds:.1f} s")
    print(f"distance in content 0 -> {content_after:.3f}")
    with no_grad():
        result = as_numpy(canvas())[0]
    draw((content, style, result), history, options.out / "transfer.png")
    write(result, options.out / "result.png")
    print(f"wrote result.png and transfer.png into {options.out.resolve()}")


def open_eye(options: argparse.Namespace) -> Eye:
    """Return a network that has seen something of the world."""
    if options.network == "vgg16" or (options.network == "auto" and vgg16_is_at_hand()):
        print("looking with VGG16")
        return VGGEye(options.device)
    np.random.seed(options.seed)  # of the weights
    model = TextureNet()
    rng = np.random.default_rng(options.seed)
    share = train(model, options.updates, rng, options.device)
    print(f"looking with a network that tells {share:.1%} of new textures, of 8 kinds")
    return model


def paint(canvas: Painting, wish: Wish, name: str, steps: int) -> list[tuple[float, float]]:
    """Change the pixels; return the distances in style and content before, and after each step."""

    def look() -> Array:
        with no_grad():
            return F.stack(wish.parts(canvas())).data

    # Unread until the end: who reads a number waits until the device has computed it.
    history = [look()]
    optimizer = (LBFGS() if name == "lbfgs" else Adam(0.05)).setup(canvas)
    # The bar draws itself on a terminal only; the lines are printed in any case.
    with tqdm(total=steps, leave=False, disable=None) as bar:
        for step in range(1, steps + 1):
            if isinstance(optimizer, LBFGS):
                # It asks for the loss itself, as often as its line search needs.
                optimizer.update(lambda: wish(canvas()))
            else:
                loss = wish(canvas())
                canvas.cleargrads()
                loss.backward()
                optimizer.update()
            history.append(look())
            bar.update()
            if step % max(1, steps // 6) == 0:
                style, content = as_numpy(history[-1])
                bar.write(
                    f"step {step:{len(str(steps))}}/{steps}   distance in style {style:.4f}, "
                    f"in content {content:.4f}"
                )
    return [(style, content) for style, content in as_numpy(F.stack(history)).tolist()]


if __name__ == "__main__":
    sys.exit(main())
