"""An interpreter that was built for debugging, with what the request path needs.

It counts all references, and checks much that others take for granted. The libraries with C in them
are compiled for it, because usual builds of them do not count.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from environments import HOME, LOCKS, Failure, say

_NAMES = ("python3.14-dbg", "python3.13-dbg", "python3.12-dbg", "python3.11-dbg", "python3-dbg")
_COMPILED = ("greenlet", "httptools", "msgspec")
_OTHERS = ("attrs", "pytest", "pytest-timeout")
_COUNTS = "import sys; sys.exit(sys.version_info < (3, 11) or not hasattr(sys, 'gettotalrefcount'))"
ADVICE = "on Debian, install python3-dbg and python3-venv"


def debug_python() -> Path | None:
    """Return an interpreter for debugging with the libraries, made at first; ``None`` without one.

    Raises:
        Failure: The libraries cannot be installed.
    """
    found = next((path for name in _NAMES if (path := shutil.which(name)) and _counts(path)), None)
    if found is None:
        return None
    home = HOME / "debug"
    python = home / "bin" / "python"
    lock = (LOCKS / "default.txt").read_text()
    pins = [pin for name in (*_COMPILED, *_OTHERS) for pin in _pins(lock, name)]
    stamp, made_from = home / "stamp", "\n".join([found, *pins])
    if stamp.exists() and stamp.read_text() == made_from:
        return python
    say(f"making .venv/debug with {found}")
    shutil.rmtree(home, ignore_errors=True)
    subprocess.check_call([found, "-m", "venv", str(home)])
    install = [str(python), "-W", "ignore", "-m", "pip", "install", "--quiet"]
    if subprocess.call([*install, "--no-binary", ",".join(_COMPILED), *pins]) != 0:
        raise Failure("the libraries could not be compiled for debugging", advice=ADVICE)
    stamp.write_text(made_from)
    return python


def _counts(python: str) -> bool:
    return subprocess.call([python, "-c", _COUNTS]) == 0


def _pins(lock: str, name: str) -> list[str]:
    """Return the lines ``name==version`` of a lock."""
    return re.findall(rf"^{name}==[^\s;\\]+", lock, re.MULTILINE)
