"""`CallSite`: the line of the application that caused something in the database layer.

Theory of operation. The line is that of the innermost frame that belongs to the application: not to
Photon, SQLAlchemy or the standard library, and not to an installed package unless everything is
one, as where the application itself was installed. Frames are looked at from the inside, and the
origin of each file is determined once. The number of the line is computed when it is shown, because
most call sites never are. In a template of Jinja it is that of the template, not of the code that
was generated from it.
"""

from __future__ import annotations

import sys
import sysconfig
from types import CodeType, FrameType
from typing import Any, Final

import attrs

_PACKAGES: Final = frozenset(
    (
        "photon",
        "photon_cli",
        "photon_lifeguard",
        "photon_openapi",
        "photon_router",
        "photon_runtime",
        "photon_tasks",
        "photon_templates",
        "photon_ws",
        "alembic",
        "jinja2",
        "psycopg",
        "pymysql",
        "sqlalchemy",
    )
)
_APPLICATION, _INSTALLED, _LIBRARY = range(3)
_DEPTH: Final = 100
"""Maximum number of frames that are looked at."""


@attrs.define(eq=False)  # one for every use of a connection: a frozen one takes longer to make
class CallSite:
    """A position in the application's code.

    Attributes:
        code: Code of the function.
        instruction: Offset of the instruction in it.
        template: Template of Jinja that the code was generated from, if any.
    """

    code: CodeType
    instruction: int
    template: Any = None

    def __str__(self) -> str:
        """Return file and line, as in ``shop/posts.py:12``."""
        return f"{self.code.co_filename}:{self._line()}"

    def _line(self) -> int:
        line = self.code.co_firstlineno
        for start, end, number in self.code.co_lines():
            if start <= self.instruction < end and number is not None:
                line = number
                break
        if self.template is not None:
            return int(self.template.get_corresponding_lineno(line))
        return line


def call_site(skip: int = 1) -> CallSite | None:
    """Return the line of the application that called; ``None`` where only libraries did.

    Args:
        skip: Number of innermost frames that certainly are not of the application.
    """
    try:
        frame: FrameType | None = sys._getframe(skip)
    except ValueError:
        return None
    installed: FrameType | None = None
    known = _ORIGINS
    for _ in range(_DEPTH):
        if frame is None:
            break
        origin = known.get(frame.f_code.co_filename)
        if origin is None:
            origin = _note_origin(frame)
        if origin == _APPLICATION:
            return _site(frame)
        if origin == _INSTALLED and installed is None:
            installed = frame
        frame = frame.f_back
    return None if installed is None else _site(installed)


def is_called_by(code: CodeType, skip: int = 1) -> bool:
    """Return whether the function with this code is among the callers."""
    frame: FrameType | None = sys._getframe(skip)
    for _ in range(_DEPTH):
        if frame is None:
            break
        if frame.f_code is code:
            return True
        frame = frame.f_back
    return False


def _site(frame: FrameType) -> CallSite:
    return CallSite(frame.f_code, frame.f_lasti, frame.f_globals.get("__jinja_template__"))


# A cache: the origin of each file that was seen on a stack.
_ORIGINS: Final[dict[str, int]] = {}
_MAX_FILES: Final = 10_000


def _note_origin(frame: FrameType) -> int:
    if len(_ORIGINS) >= _MAX_FILES:
        _ORIGINS.clear()
    filename = frame.f_code.co_filename
    origin = _ORIGINS[filename] = _origin(filename, frame.f_globals.get("__name__"))
    return origin


def _origin(filename: str, module: str | None) -> int:
    """Return what the file belongs to."""
    if filename.startswith("<") or (module or "").partition(".")[0] in _PACKAGES:
        return _LIBRARY
    paths = sysconfig.get_paths()
    if filename.startswith((paths["purelib"], paths["platlib"])):
        return _INSTALLED
    if filename.startswith((paths["stdlib"], paths["platstdlib"])):
        return _LIBRARY
    return _APPLICATION
