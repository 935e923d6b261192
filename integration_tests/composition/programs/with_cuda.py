"""The core and the GPU's backend: it is found, and says what it lacks, if anything."""

from __future__ import annotations

import numpy as np

import dezero_cuda
from dezero_core import Variable
from dezero_core.backend import backends

assert backends()["cuda"] is dezero_cuda.backend
gap = dezero_cuda.diagnose()
x = Variable(np.array([1.0, 2.0]))
try:
    x.to_gpu()
except RuntimeError as error:
    assert gap is not None and gap in str(error)
else:
    assert gap is None
    x.to_cpu()
y = (x**2).sum()
y.backward()
assert x.grad is not None and x.grad.data.tolist() == [2.0, 4.0]
