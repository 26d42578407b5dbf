"""Open regular files, and the variant of one that is sent."""

from __future__ import annotations

import errno
import logging
import os
import stat
from typing import BinaryIO, Final, NamedTuple

import attrs

_log = logging.getLogger("photon.static")

# O_NONBLOCK: otherwise opening a pipe would wait for its other end.
OPEN_FLAGS: Final = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
"""The flags that a file is opened with."""

_ABSENT: Final = frozenset(
    (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.EACCES, errno.ENXIO)
)


@attrs.frozen
class OpenFile:
    """An open regular file.

    Attributes:
        file: The file, open for reading.
        status: The status from the operating system.
    """

    file: BinaryIO
    status: os.stat_result

    def close(self) -> None:
        """Close the file."""
        self.file.close()


class Variant(NamedTuple):
    """The variant of a file that is sent.

    Attributes:
        opened: The file, or a precompressed file.
        coding: The content coding; ``None`` for the file itself.
        varies: True if other clients may get another variant.
    """

    opened: OpenFile
    coding: str | None = None
    varies: bool = False


def open_regular(path: str | os.PathLike[str]) -> OpenFile | None:
    """Open a file at any path; ``None`` if it is not a regular file, or does not exist.

    Links in the path are followed.

    Raises:
        OSError: The system fails.
    """
    try:
        descriptor = os.open(path, OPEN_FLAGS)
    except ValueError:  # the path contains a NUL
        return None
    except OSError as error:
        if is_absence(error):
            return None
        raise
    return wrap_regular(descriptor, os.fspath(path))


def wrap_regular(descriptor: int, path: str) -> OpenFile | None:
    """Return the file of a descriptor; closes it and returns ``None`` if it is not regular.

    Args:
        descriptor: The open descriptor.
        path: Its path, for messages.
    """
    try:
        status = os.fstat(descriptor)
        if stat.S_ISREG(status.st_mode):
            file = open(path, "rb", buffering=0, opener=lambda *_: descriptor)  # noqa: SIM115
            return OpenFile(file, status)
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


def is_absence(error: OSError) -> bool:
    """Return whether an error means that the file does not exist, not that the system fails."""
    if error.errno == errno.EACCES:
        _log.warning("a file is hidden by its permissions: %s", error)
    return error.errno in _ABSENT
