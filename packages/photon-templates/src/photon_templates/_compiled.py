"""Compiled templates in a file, so that a start does not compile what has not changed.

Theory of operation. One file holds the code and the facts of all templates, each with a digest of
its source and path; an entry with another digest is not used. The name of the file is a digest of
everything else that the code depends on: versions, options, extensions. The file is read once, at
start, and replaced as a whole, so that processes that start together do not disturb each other.

The file contains code that is run. It is used only if neither it nor its folder can be written by
another user, and if both belong to this user or to root; otherwise templates are compiled as if
it did not exist. A folder that cannot be written is used as it is: an image can bring the cache.
"""

from __future__ import annotations

import hashlib
import logging
import marshal
import os
import secrets
import stat
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import CodeType
from typing import Any, Final, NamedTuple, TypeAlias

import attrs

from ._facts import Facts

_log = logging.getLogger("photon.templates")
_MAGIC: Final = b"photon-templates 1\n"
_IGNORE: Final = "# Made by Photon: compiled templates, which can be removed.\n*\n"
_NAME: Final = "templates-{}.cache"
_TEMPORARY: Final = ".templates-{}.new"
_DIGEST_SIZE: Final = 16
_MAX_AGE: Final = 30 * 86_400.0
_UNSAFE: Final = "other users can write into the folder, or it belongs to another user"
_Entry: TypeAlias = tuple[bytes, bytes, tuple[Any, ...]]


class Compiled(NamedTuple):
    """A compiled template.

    Attributes:
        code: The code.
        facts: What is known of the template.
    """

    code: CodeType
    facts: Facts


@attrs.define
class CompiledCache:
    """The compiled templates of one environment.

    Args:
        folder: The folder of the file; ``None`` to have none.
        variant: What the code depends on besides the source.
    """

    folder: Path | None
    variant: Iterable[object]
    _stored: dict[str, _Entry] | None = attrs.field(default=None, init=False)
    _loaded: dict[str, tuple[bytes, Compiled]] = attrs.field(factory=dict, init=False)
    _is_changed: bool = attrs.field(default=False, init=False)
    _is_closed: bool = attrs.field(default=False, init=False)

    def get(self, name: str, digest: bytes) -> Compiled | None:
        """Return a template; ``None`` if this version of it is not stored."""
        if self._is_closed:
            return None
        loaded = self._loaded.get(name)
        if loaded is not None and loaded[0] == digest:
            return loaded[1]
        if self._stored is None:
            self._stored = self._read()
        entry = self._stored.get(name)
        if entry is None or entry[0] != digest:
            return None
        compiled = Compiled(marshal.loads(entry[1]), Facts.unpacked(entry[2]))
        self._loaded[name] = digest, compiled
        return compiled

    def put(self, name: str, digest: bytes, compiled: Compiled) -> None:
        """Add a template, until the file is written."""
        if not self._is_closed:
            self._is_changed = True
            self._loaded[name] = digest, compiled

    def save(self) -> None:
        """Write the templates that were used into the file, if it has changed, and close the cache.

        A folder that cannot be written is not an error.
        """
        stored, self._stored = self._stored or {}, None
        loaded, self._loaded = self._loaded, {}
        self._is_closed = True
        if self.folder is None or not (self._is_changed or stored.keys() - loaded.keys()):
            return
        try:
            self._write(self.folder, {name: _entry(*each) for name, each in loaded.items()})
        except OSError as error:
            _log.debug("compiled templates are not stored in %s: %s", self.folder, error)

    def _write(self, folder: Path, entries: dict[str, _Entry]) -> None:
        _make_folder(folder)
        if not _is_trusted(os.stat(folder)):
            _log.warning("compiled templates are not stored in %s: %s", folder, _UNSAFE)
            return
        payload = marshal.dumps(entries)
        _replace(folder / self._file_name(), _MAGIC + _digest([payload]) + payload)
        _remove_old(folder)

    def _file_name(self) -> str:
        return _NAME.format(_digest(map(repr, (Facts._fields, *self.variant))).hex())

    def _read(self) -> dict[str, _Entry]:
        if self.folder is None:
            return {}
        content = _read_trusted(self.folder, self._file_name())
        head = len(_MAGIC) + _DIGEST_SIZE
        payload = content[head:]
        if not content.startswith(_MAGIC) or content[len(_MAGIC) : head] != _digest([payload]):
            return {}
        with suppress(ValueError, EOFError, TypeError):
            entries: dict[str, _Entry] = marshal.loads(payload)
            return entries
        return {}


def _entry(digest: bytes, compiled: Compiled) -> _Entry:
    return digest, marshal.dumps(compiled.code), compiled.facts.packed()


def code_version(module: str) -> object:
    """Return what changes when the code of an imported module does.

    Size and seconds of the file: what else the system knows of it is lost when an image is copied.
    """
    path = getattr(sys.modules.get(module), "__file__", None)
    if path is None:
        return None
    status = os.stat(path)
    return status.st_size, int(status.st_mtime)


def source_digest(path: str, text: str) -> bytes:
    """Return the digest of the source of a template."""
    return _digest([path, text])


def _digest(parts: Iterable[str | bytes]) -> bytes:
    hasher = hashlib.blake2b(digest_size=_DIGEST_SIZE)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        hasher.update(b"%d:" % len(data))
        hasher.update(data)
    return hasher.digest()


def _make_folder(folder: Path) -> None:
    if folder.is_dir():
        return
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    (folder / ".gitignore").write_text(_IGNORE)


def _is_trusted(status: os.stat_result) -> bool:
    """Return whether only this user or root can have written a file or a folder."""
    return status.st_uid in (0, os.geteuid()) and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _read_trusted(folder: Path, name: str) -> bytes:
    """Return the content of a file that no other user can have written; else nothing."""
    try:
        at = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        if not _is_trusted(os.fstat(at)):
            _log.warning("compiled templates in %s are not used: %s", folder, _UNSAFE)
            return b""
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with open(os.open(name, flags, dir_fd=at), "rb") as file:
            status = os.fstat(file.fileno())
            is_usable = stat.S_ISREG(status.st_mode) and _is_trusted(status)
            return file.read() if is_usable else b""
    except OSError:
        return b""
    finally:
        os.close(at)


def _remove_old(folder: Path) -> None:
    """Remove files of variants that have not been written for long."""
    for path in (*folder.glob(_NAME.format("*")), *folder.glob(_TEMPORARY.format("*"))):
        with suppress(OSError):
            if path.stat().st_mtime < time.time() - _MAX_AGE:
                path.unlink()


def _replace(path: Path, content: bytes) -> None:
    """Write a file as a whole."""
    temporary = path.with_name(_TEMPORARY.format(secrets.token_hex(8)))
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with open(os.open(temporary, flags, 0o644), "wb") as file:
            file.write(content)
        temporary.replace(path)
    finally:
        with suppress(OSError):
            temporary.unlink()
