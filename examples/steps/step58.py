"""Step 58: VGG16, a network of sixteen layers for pictures.

Thirteen convolutions, all 3x3, and three fully connected layers; the image halves five times and
gets more channels instead. The graph that is drawn shows all of it. Such a network is of use with
weights that somebody has trained for weeks:

    python examples/steps/step58.py --pretrained --image FILE

downloads them once (0.55 GB) and tells what is in a photograph; without --image, in the book's one
of a zebra. Without --pretrained the weights are random, and nothing is classified.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import dezero
from dezero.datasets import ImageNet
from dezero.models import VGG16
from dezero.utils import get_file

ZEBRA = "https://github.com/oreilly-japan/deep-learning-from-scratch-3/raw/images/zebra.jpg"


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw the network's graph, and classify a picture if there are weights."""
    parser = argparse.ArgumentParser(description="Draw VGG16, and classify a photograph with it.")
    parser.add_argument("--pretrained", action="store_true", help="fetch weights (0.55 GB)")
    parser.add_argument("--image", type=Path, metavar="FILE", help="a photograph of one's own")
    parser.add_argument("--quick", action="store_true", help="32x32 pixels, a smaller network")
    parser.add_argument(
        "--out", type=folder, default="runs/steps", metavar="FOLDER", help="default: %(default)s"
    )
    options = parser.parse_args(arguments)
    if options.quick and options.pretrained:
        parser.error("--quick: the published weights want 224x224 pixels")
    if options.image is not None and not options.pretrained:
        parser.error("--image wants --pretrained: with random weights nothing is classified")

    try:
        image = photograph(options.image) if options.pretrained else stripes()
        x = VGG16.preprocess(image)[np.newaxis]
        model = VGG16(pretrained=options.pretrained)
    except (OSError, ValueError) as error:  # no connection, no such picture, a damaged file
        raise SystemExit("\n".join([str(error), *getattr(error, "__notes__", [])])) from error

    if options.quick:
        x = x[:, :, :32, :32]
    with dezero.test_mode():
        y = model(x)
    print(f"from {x.shape} {x.dtype} to {y.shape} {y.dtype}", end=", ")
    print(f"with {sum(parameter.size for parameter in model.params()):,} parameters")

    with dezero.test_mode():
        model.plot(x, to_file=options.out / "step58.svg")
    print("drawn:", options.out / "step58.svg")

    labels = ImageNet.labels()
    if options.pretrained:
        print("it shows:", labels[int(np.argmax(y.data))])
    else:
        print(
            f"not classified: with random weights each of the {len(labels)} classes, such as "
            f"{labels[340]}, is as likely as any other. --pretrained fetches the weights"
        )


def photograph(path: Path | None) -> object:
    """Return a photograph as an image of Pillow's; the book's zebra without a path."""
    from PIL import Image

    return Image.open(get_file(ZEBRA) if path is None else path)


def stripes() -> np.ndarray:
    """Return a picture of black and white stripes."""
    wave = np.sin(np.linspace(0, 40, 224)) > 0
    return np.repeat(np.tile(wave, (224, 1))[:, :, np.newaxis], 3, axis=2).astype(np.uint8) * 255


def folder(name: str) -> Path:
    """Return a folder of this name, made if it is not there."""
    path = Path(name)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return path


if __name__ == "__main__":
    main()
