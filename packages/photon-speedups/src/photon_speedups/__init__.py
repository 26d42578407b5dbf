"""The path of a request in C, for CPython: found by photon_runtime where it is installed.

It has no classes for users. `photon_runtime.speedups` hands it the classes of Photon, whose slots
it reads and fills; everything that is not plain stays with the Python code.
"""
