"""The folder of a server's data: whose it is, and how it is removed, even after a SIGKILL.

Theory of operation. pytest itself may be killed. So a shell, the `Guardian`, waits for the end of a
pipe that only the test process can write to. When the test process ends, for whatever reason, the
pipe ends, and the shell kills the server and removes the folder. It reads the processes to kill
from that pipe, one line whenever they change.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ._programs import ServerUnavailable

_WATCH = """
processes=
while read -r line; do processes=$line; done
if [ -n "$processes" ]; then
    kill -CONT $processes
    kill -QUIT ${processes%% *}
    sleep 0.5
    kill -KILL $processes
fi 2>/dev/null
rm -rf "$1"
"""


class Guardian:
    """Ends a server and removes its folder when the test process has ended without doing so."""

    def __init__(self, folder: Path) -> None:
        """Watch over ``folder``, without a server for now."""
        self._shell = subprocess.Popen(
            ["sh", "-c", _WATCH, "guardian", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )

    def watch(self, *pids: int) -> None:
        """Watch over these processes, the server first, and not over earlier ones."""
        assert self._shell.stdin is not None
        self._shell.stdin.write(" ".join(map(str, pids)).encode() + b"\n")
        self._shell.stdin.flush()

    def end(self) -> None:
        """Remove the folder, as the server has ended."""
        self.watch()
        assert self._shell.stdin is not None
        self._shell.stdin.close()
        self._shell.wait()


@contextmanager
def server_folder(name: str) -> Iterator[tuple[Path, Guardian]]:
    """Make a folder that the user of a server can reach, which pytest's own folders do not allow.

    At the end it is removed; its guardian removes it if the test process ends earlier.
    """
    folder = Path(tempfile.mkdtemp(prefix=f"photon-{name}-"))
    guardian = Guardian(folder)
    try:
        give_to_server(folder)
        yield folder, guardian
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        guardian.end()


def give_to_server(path: Path) -> None:
    """Make the user that servers run as the owner of a file or folder."""
    uid, gid = unprivileged()
    if uid is not None and gid is not None:
        os.chown(path, uid, gid)


def copies(files: tuple[Path, Path], folder: Path) -> tuple[Path, Path]:
    """Copy a key and a certificate into the folder of a server, readable by its user alone."""
    key, certificate = (Path(shutil.copy(file, folder)) for file in files)
    for copy in (key, certificate):
        copy.chmod(0o600)
        give_to_server(copy)
    return key, certificate


def unprivileged() -> tuple[int, int] | tuple[None, None]:
    """Return the user and the group to run servers as, ``None`` for one's own.

    PostgreSQL and PgBouncer refuse to run as root.
    """
    if os.geteuid() != 0:
        return None, None
    nobody = pwd.getpwnam("nobody")
    return nobody.pw_uid, nobody.pw_gid


def prepare(*command: str | Path, folder: Path) -> None:
    """Run a program that prepares the data of a server, as the server's user.

    Raises:
        ServerUnavailable: It failed; the message holds its output.
    """
    uid, gid = unprivileged()
    done = subprocess.run(
        command,
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        cwd=folder,
        user=uid,
        group=gid,
        extra_groups=None if uid is None else [],
    )
    if done.returncode != 0:
        raise ServerUnavailable(f"{command[0]} fails:\n{done.stdout}")
