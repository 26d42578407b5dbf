"""Files that clients send in forms.

A small file stays in memory. A file larger than `MEMORY` is moved to a temporary file without a
name in any folder: other processes cannot open it (mode 0600), and it is deleted when it is closed,
even if the process dies. All access to the disk runs on a thread (`photon_runtime.offload`), so
that a slow disk does not block the other requests.
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
from typing import IO, ClassVar, Final, ParamSpec, TypeVar, final

from photon_openapi.annotations import origin_of, plain_type, value_type
from photon_runtime import NotRunning, current_task, offload

MEMORY: Final = 256 * 1024
"""Maximum size in bytes of a file in memory."""

_PART = 64 * 1024
_MAX_NAME = 200  # bytes; file systems allow 255, and applications add a prefix
_FORBIDDEN = frozenset('<>:"|?*')
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)", re.IGNORECASE)

P = ParamSpec("P")
T = TypeVar("T")


@final
class UploadFile:
    """A file that a client sent in a form.

    It lives as long as its request: afterwards it is closed, and its content is deleted. Copy it
    with `save` to keep it.

    Attributes:
        filename: The name as it was sent, ``""`` without one. It is untrusted and may be
            ``../../etc/passwd``: use `safe_name` for paths.
        content_type: Media type that the client sent, without parameters and unchecked.
        size: Size in bytes.
        file: The content as a binary file, for libraries that need one; initially at its beginning.

    Example:
        >>> from photon_router import UploadFile
        >>> upload = UploadFile("../notes.txt", content=b"tea", content_type="text/plain")
        >>> upload.safe_name, upload.size, upload.read()
        ('notes.txt', 3, b'tea')
    """

    __slots__ = ("_pending", "content_type", "file", "filename", "size")

    form_widget: ClassVar = "file"
    """Names the input of forms that are made of classes; see `photon_templates.html_form`."""

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
        """The name, made safe for a folder: see `safe_file_name`."""
        return safe_file_name(self.filename)

    @property
    def is_in_memory(self) -> bool:
        """True if the content is in memory, and not in a temporary file."""
        return isinstance(self.file, io.BytesIO)

    def read(self, size: int = -1) -> bytes:
        """Return the next ``size`` bytes, fewer at the end; all remaining ones for -1.

        Raises:
            ValueError: The request has ended, and the file is closed.

        Blocks: the calling task, if the file is on disk.
        """
        return self._call(self.file.read, size)

    def seek(self, offset: int) -> None:
        """Continue to read at ``offset`` bytes from the beginning."""
        self.file.seek(offset)

    def __iter__(self) -> Iterator[bytes]:
        """Yield the remaining content in parts of at most 64 KiB.

        Blocks: as `read`.
        """
        while part := self.read(_PART):
            yield part

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Copy the whole content into a new file.

        Args:
            path: Path of the new file, in an existing folder. Build it from `safe_name` or a name
                of your own, never from `filename`.
            overwrite: True to replace an existing file.

        Raises:
            FileExistsError: The file exists already.
            OSError: The file cannot be written; a partial file is removed.

        Blocks: the calling task, until everything is written.
        """
        self.file.seek(0)
        _on_thread(_save, self.file, os.fspath(path), "wb" if overwrite else "xb")

    def close(self) -> None:
        """Delete the content. It is called at the end of the request, and may be called before."""
        self._pending.clear()
        self.file.close()

    # -- while it is received -----------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Append to the content; called while the form is received.

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
        """Seek to the beginning, after everything was received."""
        if self._pending:
            self._flush()
        self.file.seek(0)

    def _flush(self) -> None:
        pending, self._pending = self._pending, bytearray()
        if isinstance(self.file, io.BytesIO):
            self.file = _on_thread(_spill, self.file.getvalue())
        _on_thread(self.file.write, pending)

    def _call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        if self.is_in_memory:
            return function(*args, **kwargs)
        return _on_thread(function, *args, **kwargs)


def takes_files(type_: object) -> bool:
    """Return true if an argument of this type takes a file, a list of files, or ``None``."""
    plain = value_type(type_)
    if origin_of(plain) in (list, tuple, Sequence):
        items = [item for item in typing.get_args(plain) if item is not Ellipsis]
        return bool(items) and all(plain_type(item) is UploadFile for item in items)
    return plain is UploadFile


def takes_several_files(type_: object) -> bool:
    """Return true if an argument that takes files takes more than one."""
    return value_type(type_) is not UploadFile


def safe_file_name(name: str, *, default: str = "file") -> str:
    r"""Return a name that is safe in a folder on every system, as similar to ``name`` as possible.

    It has no folders, neither with ``/`` nor with ``\``, no control or invisible characters, none
    of ``<>:"|?*``, no dots at the beginning, neither dots nor blanks at the end, and at most 200
    bytes, including the extension. Names of devices (``CON``, ``nul.txt``) get an underscore.

    Args:
        name: Any string.
        default: Replacement of a name without any allowed character.

    Example:
        >>> from photon_router._upload import safe_file_name
        >>> [safe_file_name(name) for name in (r"C:\a\b?.txt", "../..", "NUL.txt")]
        ['b_.txt', 'file', '_NUL.txt']
    """
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    allowed = "".join(map(_shown, last))
    stripped = allowed.strip(". ")
    if _RESERVED.fullmatch(stripped.partition(".")[0].rstrip()):
        stripped = f"_{stripped}"
    return _shortened(stripped) or default


def _shown(character: str) -> str:
    """Return the replacement of a character: none for controls, marks of direction and the like."""
    kind = unicodedata.category(character)
    if kind == "Zs":
        return " "
    if kind[0] == "C" or kind in ("Zl", "Zp"):
        return ""
    return "_" if character in _FORBIDDEN else character


def _shortened(name: str) -> str:
    stem, ending = os.path.splitext(name)
    extension = ending if len(ending.encode()) <= _MAX_NAME // 4 else ""
    stem = stem if extension else name
    room = _MAX_NAME - len(extension.encode())
    return stem.encode()[:room].decode("utf-8", "ignore").rstrip(". ") + extension


def _on_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function that uses the disk on a thread; directly if there is no hub."""
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
