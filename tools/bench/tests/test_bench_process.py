"""Starting, reading and ending a real server process."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from bench._process import ServerProcess, free_port
from bench.errors import BenchError

# A server with a child; the child ignores SIGTERM and tells its pid through a file.
SERVER = """
import os, signal, socket, sys
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
if os.fork() == 0:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with open("child.new", "w") as file:
        file.write(str(os.getpid()))
    os.rename("child.new", "child")
    signal.pause()
while True:
    listener.accept()
"""

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, ("taskset", "setpriv"))), reason="needs taskset and setpriv"
)


def start(code: str, folder: Path) -> ServerProcess:
    port = free_port()
    core = min(os.sched_getaffinity(0))
    return ServerProcess(
        [sys.executable, "-c", code, str(port)], port=port, folder=folder, core=core
    )


def is_running(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and ") Z " not in stat.read_text()


def fail_while_running(server: ServerProcess, folder: Path, found: list[int]) -> None:
    with server:
        server.wait_listening(timeout=10)
        while not (folder / "child").exists():
            server.check_alive()
        found.append(int((folder / "child").read_text()))
        assert is_running(found[0])
        assert server.usage().memory > 0
        raise RuntimeError("out")


def test_a_server_is_ended_with_its_children_also_when_the_block_fails(tmp_path: Path) -> None:
    server = start(SERVER, tmp_path)
    children: list[int] = []

    with pytest.raises(RuntimeError, match="out"):
        fail_while_running(server, tmp_path, children)

    assert not is_running(children[0])
    assert server.usage().memory == 0


def test_a_server_that_does_not_start_is_told_with_the_end_of_its_log(tmp_path: Path) -> None:
    with (
        start("raise SystemExit('no such setting')", tmp_path) as server,
        pytest.raises(BenchError, match="ended with status 1: no such setting"),
    ):
        server.wait_listening(timeout=10)
