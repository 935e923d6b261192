"""Where in an image a convolutional network finds what it says: Grad-CAM."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from dezero_core import Variable, grad, no_grad, test_mode
from dezero_core import functions as F
from dezero_core.backend import as_numpy, backend_of
from dezero_core.typing import ArrayLike
from dezero_viz.plots._arrays import class_numbers, real_array
from dezero_viz.plots._sheet import Sheet
from dezero_viz.plots._style import FAULT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["grad_cam", "plot_grad_cam"]


def grad_cam(model: Any, x: ArrayLike, layer: str, target: ArrayLike | None = None) -> Any:
    r"""Compute where a layer's feature maps speak for a class.

    .. math:: \mathrm{cam}_{ij} = \max\Big(0, \sum_c w_c\, a_{cij}\Big), \qquad
        w_c = \tfrac{1}{HW} \sum_{ij} \partial\, \mathrm{score} / \partial a_{cij}

    The model runs twice, in test mode: once to find the feature maps :math:`a`, and once from
    these on, to differentiate the class's score. No variable's ``grad`` changes.

    Args:
        model: A layer of dezero-nn, or anything with ``namedlayers()``, that computes scores of
            shape (N, classes), before `softmax`.
        x: What the model is called with; the images, of shape (N, ...).
        layer: The path of the layer to look at, as `namedlayers` has it: as a rule the last
            convolution, such as ``"conv5_3"`` of VGG16.
        target: The class to look for, an integer, or one for each image, of shape (N,). By default
            the class of the highest score.

    Returns:
        A NumPy array of shape (N, H, W), of the feature maps' height and width: at least 0, in the
        score's units. `plot_grad_cam` stretches it over the image.

    Raises:
        TypeError: `model` has no `namedlayers`, or returns no Variable.
        ValueError: There is no such layer, or it was not called exactly once, or computes no
            feature maps of shape (N, C, H, W); or the scores have another shape, or `target` is no
            class of them.

    Example:
        >>> class Double:
        ...     def forward(self, x):
        ...         return 2 * x
        >>> class Model:
        ...     double = Double()
        ...
        ...     def namedlayers(self):
        ...         return iter([("", self), ("double", self.double)])
        ...
        ...     def __call__(self, x):
        ...         return F.sum(self.double.forward(x), axis=(2, 3))
        >>> grad_cam(Model(), Variable(np.eye(2).reshape(1, 1, 2, 2)), "double")
        array([[[2., 0.],
                [0., 2.]]])

    Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based
    Localization", 2017.
    """
    inner = _find(model, layer)
    maps: list[Any] = []

    def listen(*inputs: Any, **settings: Any) -> Any:
        maps.append(forward(*inputs, **settings))
        return maps[-1]

    forward = inner.forward
    with test_mode(), no_grad(), _replaced(inner, listen):
        scores = _checked_scores(model(x))
    if len(maps) != 1:
        raise ValueError(
            f"grad_cam: the layer {layer!r} must be called once, it was called {len(maps)} times"
        )
    shape = getattr(maps[0], "shape", None)
    if shape is None or len(shape) != 4 or shape[0] != len(scores):
        what = type(maps[0]).__name__ if shape is None else f"the shape {shape}"
        raise ValueError(
            f"grad_cam: the layer {layer!r} must compute feature maps of shape (N, C, H, W), "
            f"with N = {len(scores)}, got {what}"
        )
    chosen = np.eye(scores.shape[1], dtype=scores.dtype)[_targets(scores, target)]

    def score(maps_given: Variable) -> Variable:
        with _replaced(inner, lambda *_, **__: maps_given):
            y = model(x)
        return F.sum(y * backend_of(y.data).asarray(chosen))

    with test_mode():
        slopes = as_numpy(grad(score)(maps[0]))
    weights = slopes.mean(axis=(2, 3), keepdims=True)
    return np.maximum((weights * as_numpy(maps[0])).sum(axis=1), 0.0)


def _find(model: Any, path: str) -> Any:
    if not callable(getattr(model, "namedlayers", None)):
        raise TypeError(
            f"grad_cam: model must be a layer, with namedlayers(), got {type(model).__name__}"
        )
    layers = dict(model.namedlayers())
    if path not in layers or path == "":
        known = ", ".join(filter(None, layers))
        raise ValueError(f"grad_cam: the model has no layer {path!r} inside; it has {known}")
    return layers[path]


@contextmanager
def _replaced(layer: Any, forward: Callable[..., Any]) -> Iterator[None]:
    """Let a layer compute something else for a while."""
    own = vars(layer).get("forward")
    layer.forward = forward
    try:
        yield
    finally:
        if own is None:
            del layer.forward
        else:
            layer.forward = own


def _checked_scores(y: Any) -> Any:
    if not isinstance(y, Variable):
        raise TypeError(f"grad_cam: the model must return a Variable, got {type(y).__name__}")
    if y.ndim != 2:
        raise ValueError(
            f"grad_cam: the model must return scores of shape (N, classes), got {y.shape}"
        )
    return as_numpy(y)


def _targets(scores: Any, target: Any) -> Any:
    count, classes = scores.shape
    if target is None:
        return scores.argmax(axis=1)
    given = np.full(count, target) if np.ndim(target) == 0 else target
    numbers = class_numbers("grad_cam", "target", given, count)
    if numbers.max() >= classes:
        raise ValueError(f"grad_cam: target {numbers.max()} is none of the {classes} classes")
    return numbers


def plot_grad_cam(
    image: ArrayLike,
    cam: ArrayLike,
    *,
    title: str | None = None,
    ax: Axes | None = None,
    to_file: str | os.PathLike[str] | None = None,
) -> Figure:
    """Draw a heat map of `grad_cam` over its image.

    The map is stretched over the image, smoothly, and is the more opaque the higher it is. Its
    scale goes from 0 to its largest value.

    Args:
        image: Of shape (H, W), (1, H, W), or (3, H, W) in red, green and blue. Its least value is
            drawn black, its largest white; what is not finite is vermilion.
        cam: The heat map, of shape (h, w) or (1, h, w).
        title: What stands above, such as the class.
        ax: Where to draw; a new figure when None.
        to_file: Also write the figure to this file: png, svg, pdf or jpg, by its ending.

    Returns:
        The figure that was drawn on.

    Raises:
        TypeError: `image` or `cam` holds no numbers, or `ax` is no Axes.
        ValueError: They are empty or of other shapes.
        OSError: The file cannot be written.
        ImportError: matplotlib cannot be imported.

    Example:
        >>> figure = plot_grad_cam(np.zeros((3, 8, 8)), np.eye(2), title="cat")
        >>> figure.axes[0].get_title()
        'cat'
    """
    operation = "plot_grad_cam"
    wanted = "of shape (H, W), (1, H, W) or (3, H, W)"
    pixels = real_array(operation, "image", image, wanted, (2, 3))
    pixels = pixels[None] if pixels.ndim == 2 else pixels
    if len(pixels) not in (1, 3):
        raise ValueError(f"{operation}: image must be {wanted}, got the shape {pixels.shape}")
    heat = real_array(operation, "cam", cam, "of shape (h, w)", (2, 3))
    if heat.ndim == 3:
        if len(heat) != 1:
            raise ValueError(
                f"{operation}: cam must be of one image, of shape (h, w), got {len(heat)}: cam[0]"
            )
        heat = heat[0]
    heat = np.where(np.isfinite(heat), heat, 0.0)
    sheet = Sheet(operation, to_file)
    height, width = pixels.shape[1:]
    across = min(max(3.4 * width / height, 2.4), 6.4)
    axes = sheet.axes(ax, (across, min(across * height / width, 8.0) + 1.0), "compressed")
    axes.imshow(_as_colors(pixels), interpolation="nearest")
    top = float(heat.max()) if heat.max() > 0.0 else 1.0
    drawn = axes.imshow(
        heat,
        cmap=_transparent_viridis(),
        vmin=0.0,
        vmax=top,
        interpolation="bicubic",
        interpolation_stage="data",
        extent=(-0.5, width - 0.5, height - 0.5, -0.5),
    )
    axes.set_xticks([])
    axes.set_yticks([])
    if title is not None:
        axes.set_title(title, fontsize=10)
    figure: Any = axes.figure
    bar = figure.colorbar(
        drawn, ax=axes, label="speaks for the class", orientation="horizontal", shrink=0.8, pad=0.04
    )
    # A picture, through which the colors are seen, is neither black nor white.
    bar.ax.set_facecolor("0.35")
    return sheet.finish(axes)


def _as_colors(pixels: Any) -> Any:
    """Return an image of shape (C, H, W) as colors from 0 to 1, of shape (H, W, 3)."""
    from matplotlib.colors import to_rgb

    lost = ~np.isfinite(pixels).all(axis=0)
    finite = pixels[np.isfinite(pixels)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    scaled = (np.where(np.isfinite(pixels), pixels, low) - low) / ((high - low) or 1.0)
    colors = np.moveaxis(np.broadcast_to(scaled, (3, *pixels.shape[1:])), 0, -1).copy()
    colors[lost] = to_rgb(FAULT)
    return colors


def _transparent_viridis() -> Any:
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap

    colors = colormaps["viridis"](np.linspace(0.0, 1.0, 256))
    colors[:, 3] = 0.85 * np.linspace(0.0, 1.0, 256) ** 0.7
    return ListedColormap(list(map(tuple, colors)))
