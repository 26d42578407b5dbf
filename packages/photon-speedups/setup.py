"""The extension module; everything else is in pyproject.toml."""

import os
import sys
from pathlib import Path

import greenlet
from setuptools import Extension, setup

_NATIVE = Path("src/photon_speedups/native")
_WARNINGS = ["-Wall", "-Wextra", "-Wno-unused-parameter", "-Wno-missing-field-initializers"]
_STRICT = ["-Werror"] if os.environ.get("CI") else []


def _headers_of_greenlet() -> str:
    return str(Path(greenlet.__file__).parent)


native = Extension(
    "photon_speedups._native",
    sources=sorted(str(path) for path in _NATIVE.glob("*.c")),
    depends=[str(_NATIVE / "native.h")],
    include_dirs=[_headers_of_greenlet()],
    extra_compile_args=["-std=c11", "-O2", "-fvisibility=hidden", *_WARNINGS, *_STRICT],
)
setup(ext_modules=[native] if sys.platform == "linux" else [])
