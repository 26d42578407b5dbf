# mypy: disable-error-code="import-not-found, import-untyped"
"""gevent, for the workloads on greenlets."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gevent
from gevent import socket
from gevent.lock import BoundedSemaphore
from gevent.queue import Queue

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bench.workloads.greenlet_workloads import Runtime, main


def _run(function: Callable[..., float], *arguments: object) -> float:
    result: float = gevent.spawn(function, *arguments).get()
    return result


def _lock() -> Any:
    return BoundedSemaphore(1)


def _channel() -> tuple[Callable[[int], None], Callable[[], int]]:
    queue = Queue(1)
    return queue.put, queue.get


if __name__ == "__main__":
    main(
        Runtime(
            run=_run,
            spawn=gevent.spawn,
            give_way=gevent.sleep,
            lock=_lock,
            channel=_channel,
            socket=socket.socket,
            connect=socket.create_connection,
        )
    )
