# What a node is where the module is compiled (docs/design/native.md): a struct in C, all of whose
# fields are set from the start, to None.


cdef class Node:
    cdef public object plan, parents, saved, shape, dtype, settings, order
    cdef public object grad, is_parameter, name, trace
