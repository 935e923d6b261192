"""The core and drawings: the graph of what was computed, whoever computed it (book step 26)."""

from __future__ import annotations

import numpy as np

from dezero_core import Variable
from dezero_core import functions as F
from dezero_viz import get_dot_graph, plot_dot_graph

x = Variable(np.array(1.0), name="x")
y = F.tanh(x)
y.name = "y"
y.backward(create_graph=True)

text = get_dot_graph(y, verbose=False)
assert text.startswith("digraph")
assert text.count("->") == 2
assert all(word in text for word in ("label=x ", "label=y ", "label=tanh ", "lightblue", "orange"))
picture = plot_dot_graph(x.grad, to_file="gradient.svg")
assert picture.path.read_text().count("<svg") == 1
