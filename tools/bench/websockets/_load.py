"""The load client as a process, pinned to its core."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.websockets._scenarios import LoadTask

_TOOLS = Path(__file__).resolve().parents[2]
_GRACE = 10.0  # seconds that a client may take to end


@dataclass(frozen=True, slots=True)
class WebSocketLoad:
    """The figures of the client: messages received, seconds, latencies in microseconds."""

    messages: int
    seconds: float
    p50_us: float
    p99_us: float


class LoadClient:
    """A running client whose sockets are open.

    Attributes:
        deflate: True if the server agreed to compress.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        """Wait until its sockets are open. Blocks.

        Raises:
            BenchError: They cannot be opened.
        """
        self._process = process
        self.deflate = bool(self._read()["deflate"])

    def run(self) -> WebSocketLoad:
        """Put the load on the server. Blocks: for the duration of the task.

        Raises:
            BenchError: The server did not respond as expected.
        """
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        return WebSocketLoad(**self._read())

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise BenchError(f"the load client ended with status {self._process.wait(_GRACE)}")
        figures: dict[str, Any] = json.loads(line)
        if "error" in figures:
            raise BenchError(str(figures["error"]))
        return figures


@contextlib.contextmanager
def load_client(task: LoadTask, *, core: int) -> Iterator[LoadClient]:
    """Run a client for the time of a block.

    Raises:
        BenchError: Its sockets cannot be opened.
    """
    command = [
        *("taskset", "-c", str(core), sys.executable),
        *("-m", "bench.websockets._load_client", json.dumps(asdict(task))),
    ]
    with subprocess.Popen(
        command, cwd=_TOOLS, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield LoadClient(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()  # which ends it
            try:
                process.wait(_GRACE)
            except subprocess.TimeoutExpired:
                process.kill()
