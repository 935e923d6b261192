# What a plan is where the module is compiled (docs/design/native.md): a struct in C.
from dezero_core.node cimport Node


cdef class Plan:
    cdef public object name, keep
    cdef object _functions, _links, _needs, _saved, _xp
    cdef tuple _steps
