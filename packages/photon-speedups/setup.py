"""The extension module; everything else is in pyproject.toml.

The package is installed without the module where that is of no use: Photon runs on its Python code
there. ``PHOTON_SPEEDUPS_COMPILE=0`` leaves it out anywhere, for machines without a compiler.
"""

import os
import select
import sys
import sysconfig
from pathlib import Path

import greenlet
from setuptools import Extension, setup

_NATIVE = Path("src/photon_speedups/native")
_WARNINGS = ["-Wall", "-Wextra", "-Wno-unused-parameter", "-Wno-missing-field-initializers"]


def _is_of_use() -> bool:
    """Return whether this interpreter and system can use the module."""
    is_usual = sys.implementation.name == "cpython" and not sysconfig.get_config_var(
        "Py_GIL_DISABLED"
    )
    return is_usual and hasattr(select, "epoll")


native = Extension(
    "photon_speedups._native",
    sources=sorted(str(path) for path in _NATIVE.glob("*.c")),
    depends=sorted(str(path) for path in _NATIVE.glob("*.h")),
    include_dirs=[str(Path(greenlet.__file__).parent)],
    extra_compile_args=["-std=c11", "-O3", "-fvisibility=hidden", *_WARNINGS],
)
compiles = _is_of_use() and os.environ.get("PHOTON_SPEEDUPS_COMPILE") != "0"
setup(ext_modules=[native] if compiles else [])
