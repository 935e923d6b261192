# Lets the compiled engine read nodes as structs (docs/design/native.md).
from dezero_core.node cimport Node
