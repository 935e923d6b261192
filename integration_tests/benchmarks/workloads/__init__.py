"""The rows of the table, in its order. A new row is a class in one of these modules, and a line."""

from __future__ import annotations

from typing import Final

from harness.workload import Workload
from workloads.convolution import CNN, CONVOLUTIONS
from workloads.images import RESNET50, VGG16
from workloads.loading import Epoch, ImportTime
from workloads.memory import Growth, LongChain, PeakArrays, SumOfTerms, VGG16Memory
from workloads.recurrent import LSTM_SEQUENCE, LSTM_STEPS
from workloads.scalars import HigherDerivatives, Rosenbrock
from workloads.training import DIGITS_ADAM, DIGITS_SGD, SPIRAL
from workloads.workers import Scaling, TwoWorkers

__all__ = ["WORKLOADS"]

_ROWS: Final[tuple[Workload, ...]] = (
    Rosenbrock(),
    HigherDerivatives(),
    SPIRAL,
    DIGITS_SGD,
    DIGITS_ADAM,
    LSTM_STEPS,
    LSTM_SEQUENCE,
    CNN,
    VGG16,
    RESNET50,
    *CONVOLUTIONS,
    Epoch(),
    TwoWorkers(),
    Scaling(),
    ImportTime(),
    SumOfTerms(),
    PeakArrays(),
    VGG16Memory(),
    LongChain(),
    Growth(),
)

#: All rows, by name.
WORKLOADS: Final[dict[str, Workload]] = {row.name: row for row in _ROWS}
