"""The program of a child: it runs calls until its parent ends."""

from __future__ import annotations

import importlib
import os
import signal
import socket
from typing import Any

from photon_runtime.callables import require_value
from photon_runtime.tracebacks import readable
from photon_runtime.workers import end_with_parent

from ..task import Task
from ._messages import Call, Reply, receive, send


def main(descriptor: int, parent: int) -> None:
    """Run calls until the parent closes the connection, or ends.

    Blocks: the process.
    """
    end_with_parent()
    if os.getppid() != parent:  # it has ended before the call took effect
        os._exit(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with socket.socket(fileno=descriptor) as channel:
        channel.setblocking(True)  # under the patch of the parent, its socket was made without
        while (members := receive(channel)) is not None:
            send(channel, _answer(Call(**members)))  # type: ignore[arg-type]  # as it was sent


def _answer(call: Call) -> Reply:
    task: Task[..., Any] | None = None
    try:
        task = _found(call.module, call.name)
        arguments = task.signature.decode(call.arguments)
        result = require_value(task.signature.call(arguments), task.function)
        return Reply(task.signature.encode_result(result, limit=call.max_result))
    except BaseException as error:
        delay = getattr(error, "retry_in", None)
        return Reply(
            error=readable(error),
            is_fatal=task is not None and isinstance(error, task.options.fatal),
            retry_in=float(delay) if isinstance(delay, int | float) else None,
        )


def _found(module: str, name: str) -> Task[..., Any]:
    found: object = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    if not isinstance(found, Task):
        raise TypeError(f"{module}.{name} is not a task in this process")
    return found
