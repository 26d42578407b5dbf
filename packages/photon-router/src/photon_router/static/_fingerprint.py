"""Fingerprints: names with a digest of the content in them, which can be kept forever.

``css/site.css`` is also found as ``css/site.3f2a9c0d51e8b764.css``. Who has that never needs to ask
again: another content has another name. A digest is worked out when it is first needed, on a
thread, and again when the file has changed, which its inode, size and times tell. So a page always
names what is there, in development as in production, and nothing has to be built beforehand.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from photon_runtime import NotRunning, current_task, offload

from ._folder import OpenFile

_BYTES: Final = 8
_NAME: Final = re.compile(r"(.+)\.([0-9a-f]{16})(\.[^.]+)?")
_PART = 256 * 1024
_MOST_KNOWN = 10_000


class Fingerprinted(NamedTuple):
    """A name with a fingerprint, taken apart.

    Attributes:
        name: The file's own name.
        digest: What its content should have.
    """

    name: str
    digest: str


def with_fingerprint(name: str, digest: str) -> str:
    """Put a digest into a name, before the ending."""
    stem, dot, ending = name.rpartition(".")
    return f"{stem}.{digest}{dot}{ending}" if stem else f"{name}.{digest}"


def without_fingerprint(name: str) -> Fingerprinted | None:
    """Take a name apart, ``None`` where it has no fingerprint."""
    found = _NAME.fullmatch(name)
    return None if found is None else Fingerprinted(found[1] + (found[3] or ""), found[2])


class Digests:
    """The digests of files of one folder, as far as they were asked for; a bounded number."""

    def __init__(self) -> None:
        """Begin with none."""
        self._known: dict[tuple[str, ...], tuple[tuple[int, ...], str]] = {}

    def of(self, names: Sequence[str], opened: OpenFile) -> str:
        """Return the digest of a file.

        Args:
            names: Where it is.
            opened: The file itself.

        Blocks: the calling task, while a thread reads the file, if its digest is not known;
        outside of the hub, the thread.
        """
        status = opened.status
        version = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        key = tuple(names)
        known = self._known.get(key)
        if known is None or known[0] != version:
            known = self._known[key] = (version, _off_the_hub(opened.file.fileno()))
            if len(self._known) > _MOST_KNOWN:
                del self._known[next(iter(self._known))]  # the oldest
        return known[1]


def _off_the_hub(descriptor: int) -> str:
    try:
        current_task()
    except NotRunning:
        return _digest(descriptor)
    return offload(_Reading(descriptor).digest)


class _Reading:
    """A descriptor of its own for the thread.

    A call that is cancelled goes on after the file was closed, or never begins; so the descriptor
    is closed when nobody has this any more.
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
