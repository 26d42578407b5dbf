"""Files that clients send in forms.

A small file stays in memory. One that grows over `MEMORY` moves into a temporary file, which has
no name in any folder from the start: nobody else can open it (mode 0600), and it is gone when it
is closed, even if the process dies. Everything that touches the disk is done on a thread
(`photon_runtime.offload`), so that a slow disk does not hold the other requests.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import tempfile
import typing
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Final, ParamSpec, TypeVar, final

from photon_openapi.annotations import plain_type, value_type
from photon_runtime import NotRunning, current_task, offload

MEMORY: Final = 256 * 1024
"""Bytes up to which a file is kept in memory."""

_PART = 64 * 1024
_LONGEST_NAME = 200  # bytes; file systems allow 255, and applications put something before it
_FORBIDDEN = frozenset('<>:"|?*')
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)", re.IGNORECASE)

P = ParamSpec("P")
T = TypeVar("T")


@final
class UploadFile:
    """A file that a client sent in a form.

    It lives as long as its request: afterwards it is closed, and its content is gone. Who wants to
    keep it copies it with `save`.

    Attributes:
        filename: The name as it was sent, ``""`` where there was none. It may be anything, such
            as ``../../etc/passwd``: for paths there is `safe_name`.
        content_type: What the client says it is, without parameters; nobody has checked that.
        size: Bytes.
        file: The content as a binary file, for libraries that want one; at its beginning when the
            handler gets it.

    Example:
        >>> from photon_router import UploadFile
        >>> upload = UploadFile("../notes.txt", content=b"tea", content_type="text/plain")
        >>> upload.safe_name, upload.size, upload.read()
        ('notes.txt', 3, b'tea')
    """

    __slots__ = ("_pending", "content_type", "file", "filename", "size")

    def __init__(
        self,
        filename: str = "",
        *,
        content: bytes = b"",
        content_type: str = "application/octet-stream",
    ) -> None:
        """Make a file with ``content``."""
        self.filename = filename
        self.content_type = content_type
        self.size = len(content)
        self.file: IO[bytes] = io.BytesIO(content)
        self._pending = bytearray()

    def __repr__(self) -> str:
        """Show name, type and size."""
        return f"<UploadFile {self.safe_name!r} {self.content_type} {self.size} bytes>"

    @property
    def safe_name(self) -> str:
        """The name, made fit for a folder: see `safe_file_name`."""
        return safe_file_name(self.filename)

    @property
    def is_in_memory(self) -> bool:
        """Whether the content is in memory, and not in a temporary file."""
        return isinstance(self.file, io.BytesIO)

    def read(self, size: int = -1) -> bytes:
        """Return the next ``size`` bytes, fewer at the end; all that are left for -1.

        Raises:
            ValueError: The request is over, and with it the file.

        Blocks: the calling task, if the file is on disk.
        """
        return self._do(self.file.read, size)

    def seek(self, offset: int) -> None:
        """Go on reading at ``offset`` bytes from the beginning."""
        self.file.seek(offset)

    def __iter__(self) -> Iterator[bytes]:
        """Yield what is left to read in parts of at most 64 KiB.

        Blocks: as `read`.
        """
        while part := self.read(_PART):
            yield part

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Copy the whole content into a new file.

        Args:
            path: Where to; the folder must exist. Make it of `safe_name` or of a name of your
                own, never of `filename`.
            overwrite: Whether a file that is there already is replaced.

        Raises:
            FileExistsError: There is such a file.
            OSError: It cannot be written; what was begun is removed.

        Blocks: the calling task, until all is written.
        """
        self.file.seek(0)
        _on_thread(_save, self.file, os.fspath(path), "wb" if overwrite else "xb")

    def close(self) -> None:
        """Drop the content. It is done at the end of the request, and may be done before."""
        self._pending.clear()
        self.file.close()

    # -- while it comes in --------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Add to the content; for who receives it.

        Blocks: the calling task, once the content is too large for memory.
        """
        self.size += len(data)
        if self.is_in_memory and self.size <= MEMORY:
            self.file.write(data)
            return
        self._pending += data
        if len(self._pending) >= MEMORY:
            self._flush()

    def complete(self) -> None:
        """Go to the beginning, after all has come."""
        if self._pending:
            self._flush()
        self.file.seek(0)

    def _flush(self) -> None:
        pending, self._pending = self._pending, bytearray()
        if isinstance(self.file, io.BytesIO):
            self.file = _on_thread(_spill, self.file.getvalue())
        _on_thread(self.file.write, pending)

    def _do(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        if self.is_in_memory:
            return function(*args, **kwargs)
        return _on_thread(function, *args, **kwargs)


def takes_files(type_: object) -> bool:
    """Say whether an argument of this type takes a file or files: one, a list, or ``None``."""
    plain = value_type(type_)
    if typing.get_origin(plain) in (list, tuple, Sequence):
        items = [item for item in typing.get_args(plain) if item is not Ellipsis]
        return bool(items) and all(plain_type(item) is UploadFile for item in items)
    return plain is UploadFile


def takes_several_files(type_: object) -> bool:
    """Say whether an argument that takes files takes more than one."""
    return value_type(type_) is not UploadFile


def safe_file_name(name: str, *, default: str = "file") -> str:
    r"""Return a name that is fit for a folder on every system, as near to ``name`` as can be.

    It has no folders, neither with ``/`` nor with ``\``, no control or invisible characters, none
    of ``<>:"|?*``, no dots at the beginning, neither dots nor blanks at the end, and at most 200
    bytes, of which the ending is kept. Names of devices (``CON``, ``nul.txt``) get an underscore.

    Args:
        name: Any text.
        default: What stands for a name of which nothing is left.

    Example:
        >>> from photon_router._upload import safe_file_name
        >>> [safe_file_name(name) for name in (r"C:\a\b?.txt", "../..", "NUL.txt")]
        ['b_.txt', 'file', '_NUL.txt']
    """
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    shown = "".join(map(_shown, last))
    stripped = shown.strip(". ")
    if _RESERVED.fullmatch(stripped.partition(".")[0].rstrip()):
        stripped = f"_{stripped}"
    return _shortened(stripped) or default


def _shown(character: str) -> str:
    """Return what stands for a character: nothing for controls, marks of direction and the like."""
    kind = unicodedata.category(character)
    if kind == "Zs":
        return " "
    if kind[0] == "C" or kind in ("Zl", "Zp"):
        return ""
    return "_" if character in _FORBIDDEN else character


def _shortened(name: str) -> str:
    stem, ending = os.path.splitext(name)
    kept = ending if len(ending.encode()) <= _LONGEST_NAME // 4 else ""
    stem = stem if kept else name
    room = _LONGEST_NAME - len(kept.encode())
    return stem.encode()[:room].decode("utf-8", "ignore").rstrip(". ") + kept


def _on_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call what touches the disk so that it holds nobody else; at once where there is no hub."""
    try:
        current_task()
    except NotRunning:
        return function(*args, **kwargs)
    return offload(function, *args, **kwargs)


def _spill(content: bytes) -> IO[bytes]:
    file = tempfile.TemporaryFile(prefix="photon-upload-")  # noqa: SIM115 - closed with the upload
    file.write(content)
    return file


def _save(source: IO[bytes], path: str, mode: str) -> None:
    with open(path, mode) as target:
        try:
            shutil.copyfileobj(source, target, 1024 * 1024)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(path)
            raise
