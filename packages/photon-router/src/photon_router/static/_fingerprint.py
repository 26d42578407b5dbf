"""Fingerprints: names that contain a digest of the content, and can be cached forever.

``css/site.css`` is also available as ``css/site.3f2a9c0d51e8b764.css``. A client that has this file
never needs to request it again: different content has a different name. A digest is computed on
first use, on a thread, and again when the file has changed, which its inode, size and times show.
So a page always has the current names, in development as in production, without a build step.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from photon_runtime import NotRunning, current_task, offload

from ..files import OpenFile

_BYTES: Final = 8
_NAME: Final = re.compile(r"(.+)\.([0-9a-f]{16})(\.[^.]+)?")
_PART = 256 * 1024
_MAX_ENTRIES = 10_000


class Fingerprinted(NamedTuple):
    """A name with a fingerprint, split.

    Attributes:
        name: The file's own name.
        digest: The expected digest of its content.
    """

    name: str
    digest: str


def with_fingerprint(name: str, digest: str) -> str:
    """Insert a digest into a name, before the suffix."""
    stem, dot, suffix = name.rpartition(".")
    return f"{stem}.{digest}{dot}{suffix}" if stem else f"{name}.{digest}"


def without_fingerprint(name: str) -> Fingerprinted | None:
    """Split a name, ``None`` if it has no fingerprint."""
    match = _NAME.fullmatch(name)
    return None if match is None else Fingerprinted(match[1] + (match[3] or ""), match[2])


class Digests:
    """A bounded cache of the digests of files in one folder."""

    def __init__(self) -> None:
        """Create an empty cache."""
        self._cache: dict[tuple[str, ...], tuple[tuple[int, ...], str]] = {}

    def of(self, names: Sequence[str], opened: OpenFile) -> str:
        """Return the digest of a file.

        Args:
            names: The names along the path of the file.
            opened: The file itself.

        Blocks: the calling task, while a thread reads the file, if its digest is not cached;
        outside of the hub, the calling thread.
        """
        status = opened.status
        version = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        key = tuple(names)
        entry = self._cache.get(key)
        if entry is None or entry[0] != version:
            entry = self._cache[key] = (version, _digest_off_hub(opened.file.fileno()))
            if len(self._cache) > _MAX_ENTRIES:
                del self._cache[next(iter(self._cache))]  # the oldest
        return entry[1]


def _digest_off_hub(descriptor: int) -> str:
    try:
        current_task()
    except NotRunning:
        return _digest(descriptor)
    return offload(_OwnDescriptor(descriptor).digest)


class _OwnDescriptor:
    """A duplicate of a descriptor for the thread.

    A cancelled call continues after the file was closed, or never starts; so the duplicate is
    closed when this object is no longer referenced.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = os.dup(descriptor)

    def __del__(self) -> None:
        os.close(self._descriptor)

    def digest(self) -> str:
        return _digest(self._descriptor)


def _digest(descriptor: int) -> str:
    hasher, offset = hashlib.blake2b(digest_size=_BYTES), 0
    while part := os.pread(descriptor, _PART, offset):
        hasher.update(part)
        offset += len(part)
    return hasher.hexdigest()
