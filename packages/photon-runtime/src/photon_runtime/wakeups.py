"""`Wakeups`: processes of one machine that share a file wake each other without polling.

Theory of operation. A process that listens has a Unix datagram socket, whose address the others
find in the file that they share. An empty datagram means: something has changed, look. A
socket whose buffer is full has a wake-up waiting already, so a datagram that finds no space is not
needed.
"""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

from ._socket import Socket

_LONGEST_ADDRESS = 100  # bytes; the limit of Linux is 108, that of macOS 104
_DRAINED = 1000


class Wakeups:
    """The socket of one process.

    Args:
        path: The file that the processes share.

    Attributes:
        address: The address of the socket; a file beside ``path``, or in the folder for temporary
            files where that would be too long.
    """

    def __init__(self, path: Path) -> None:
        """Open the socket.

        Raises:
            OSError: It cannot be opened.
        """
        self._socket = Socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            self.address = _address(path)
            self._socket.bind(self.address)
        except BaseException:
            self._socket.close()
            raise

    def wait(self, timeout: float) -> bool:
        """Wait for a wake-up, and return whether there was one.

        Blocks: the calling task, for ``timeout`` seconds at most.
        """
        self._socket.settimeout(timeout)
        try:
            self._socket.recv(1)
        except (TimeoutError, BlockingIOError):  # the latter without any time
            return False
        self._socket.settimeout(0)
        with suppress(BlockingIOError):
            for _ in range(_DRAINED):
                self._socket.recv(1)
        return True

    def close(self) -> None:
        """Close the socket, and remove its file."""
        self._socket.close()
        with suppress(OSError):
            os.unlink(self.address)


def wake(addresses: Sequence[str]) -> list[str]:
    """Wake processes, and return the addresses that no process has any more. Does not wait."""
    gone: list[str] = []
    if not addresses:
        return gone
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        for address in addresses:
            try:
                sender.sendto(b"", address)
            except (FileNotFoundError, ConnectionRefusedError):
                gone.append(address)
                with suppress(OSError):
                    os.unlink(address)
            except OSError:  # it is full, or belongs to another user; its process looks by itself
                pass
    return gone


def _address(path: Path) -> str:
    name = f"{path.name}-{token_hex(8)}.wake"
    beside = str(path.absolute().parent / name)
    if len(os.fsencode(beside)) <= _LONGEST_ADDRESS:
        return beside
    return str(Path(tempfile.gettempdir()) / f"photon-{token_hex(8)}.wake")
