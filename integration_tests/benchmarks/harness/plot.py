"""The picture of the table: times relative to PyTorch's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dezero_core.files import atomic_write
from harness.measure import Row
from harness.report import format_ratio
from harness.workload import LIBRARIES

__all__ = ["plot_ratios"]

_COLORS = {"ours": "#d9730d", "released": "#9aa5b1"}


def plot_ratios(path: Path, rows: Sequence[Row]) -> None:
    """Draw our numbers and the released package's relative to PyTorch's, with quartiles, as PNG.

    Args:
        path: The file.
        rows: Those without ratios are left out. There must be one.
    """
    from matplotlib.figure import Figure

    rows = [row for row in rows if row.ratios]
    figure = Figure(figsize=(9.0, 1.4 + 0.7 * len(rows)), layout="constrained")
    axes = figure.add_subplot()
    height = 0.36
    for shift, (library, color) in zip((-0.5, 0.5), _COLORS.items(), strict=True):
        drawn = [(y, row.ratios[library]) for y, row in enumerate(rows) if library in row.ratios]
        medians = [ratio.median for _, ratio in drawn]
        axes.barh(
            [y + shift * height for y, _ in drawn],
            medians,
            height,
            color=color,
            label=LIBRARIES[library],
            xerr=[
                [ratio.median - ratio.lower for _, ratio in drawn],
                [ratio.upper - ratio.median for _, ratio in drawn],
            ],
            error_kw={"elinewidth": 1, "capsize": 2, "ecolor": "#444444"},
        )
        for y, ratio in drawn:
            # Beside the axes, where no bar and no mark is in the way.
            place = (1.01, y + shift * height)
            text = format_ratio(ratio.median)
            axes.annotate(text, place, xycoords=axes.get_yaxis_transform(), va="center", fontsize=9)
    marked = [(y, row.workload.reach) for y, row in enumerate(rows) if row.workload.reach]
    axes.scatter(
        [reach for _, reach in marked],
        [y - height / 2 for y, _ in marked],
        marker="|",
        s=220,
        color="#1a1a1a",
        label="to be reached",
        zorder=3,
    )
    axes.axvline(1.0, color="#ee4c2c", linewidth=1.2, label=LIBRARIES["torch"])
    axes.set_xscale("log")
    axes.set_yticks(range(len(rows)), [row.workload.title for row in rows])
    axes.invert_yaxis()
    axes.set_xlabel("relative to PyTorch on the CPU: less is better")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside upper center", ncols=4, frameon=False)
    with atomic_write(path) as file:
        figure.savefig(file, format="png", dpi=150)
