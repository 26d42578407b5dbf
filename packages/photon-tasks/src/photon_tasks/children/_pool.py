"""The children of a process, and calls in them."""

from __future__ import annotations

import os
import signal
import socket
import sys
from typing import Any, final

import attrs

import photon_runtime as rt
from photon_runtime.hub_threads import current_hub

from ..errors import ProcessFailed
from ..task import Task
from ._messages import Call, receive, send

_DESCRIPTOR = 3
_PROGRAM = f"""
import sys
sys.path[:] = sys.argv[2:]  # whatever has been added to it here
from {__package__}._child import main
main({_DESCRIPTOR}, int(sys.argv[1]))
"""


def call_in_child(task: Task[..., Any], arguments: dict[str, Any], *, max_result: int) -> Any:
    """Call the function of a task in a child process, and return its result.

    Args:
        task: The task.
        arguments: Arguments by name.
        max_result: Maximum size of the result in bytes.

    Raises:
        ProcessFailed: The function has raised, or its process has ended.
        Cancelled: A scope around the task was cancelled; the process was killed.

    Blocks: the calling task, while all cores compute, and until the function returns.
    """
    hub = current_hub()
    pool = hub.resources.get(_Pool)
    if not isinstance(pool, _Pool):
        pool = hub.resources[_Pool] = _Pool(os.cpu_count() or 1)
    function = task.function
    text = task.signature.encode((), arguments, limit=None)
    call = Call(function.__module__, function.__qualname__, text, max_result)
    result = pool.run(call)
    return None if result is None else task.signature.decode_result(result)


@final
class _Pool:
    """The children of one hub."""

    def __init__(self, limit: int) -> None:
        self._slots = rt.Semaphore(limit)
        self._idle: list[_Child] = []

    def run(self, call: Call) -> str | None:
        """Run a call in a child."""
        with self._slots:
            child = self._next()
            try:
                result = child.run(call)
            except ProcessFailed:
                if child.pid:
                    self._idle.append(child)
                raise
            except BaseException:
                child.kill()
                raise
            self._idle.append(child)
            return result

    def _next(self) -> _Child:
        while self._idle:
            child = self._idle.pop()
            if not child.has_ended():
                return child
        return _Child.start()

    def close(self) -> None:
        """End the children. Does not wait."""
        while self._idle:
            self._idle.pop().kill()


@final
@attrs.define(eq=False)
class _Child:
    """A child process.

    Attributes:
        pid: Its process; zero when it has ended.
        channel: The connection to it.
    """

    pid: int
    channel: rt.Socket

    @classmethod
    def start(cls) -> _Child:
        """Start a child, from the thread of the hub: with that thread, the child ends.

        Raises:
            OSError: The system lacks the resources.
        """
        ours, theirs = socket.socketpair()
        try:
            pid = os.posix_spawn(
                sys.executable,
                [sys.executable, "-P", "-c", _PROGRAM, str(os.getpid()), *sys.path],
                os.environ,
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_DUP2, theirs.fileno(), _DESCRIPTOR),
                ],
                setpgroup=0,  # Ctrl-C is for the worker, which ends its children
                setsigmask=[],
                setsigdef=[signal.SIGTERM, signal.SIGPIPE],
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        return cls(pid, rt.Socket(ours.family, ours.type, 0, fileno=ours.detach()))

    def run(self, call: Call) -> str | None:
        """Run a call; its child can be used again, unless it has ended.

        Raises:
            ProcessFailed: The function has raised, or the process has ended.
        """
        try:
            send(self.channel, call)
            reply: Any = receive(self.channel)
        except OSError:
            reply = None
        if reply is None:
            raise ProcessFailed(f"the process of the job {self._end()}")
        if reply["error"] is not None:
            raise ProcessFailed(
                reply["error"], is_fatal=reply["is_fatal"], retry_in=reply["retry_in"]
            )
        result: str | None = reply["result"]
        return result

    def has_ended(self) -> bool:
        """Return whether it has ended, without a call. Does not wait."""
        pid, _ = os.waitpid(self.pid, os.WNOHANG)
        if pid:
            self.pid = 0
            self.channel.close()
        return self.pid == 0

    def kill(self) -> None:
        """End it at once. Blocks: the calling task, for a moment, whatever cancels it."""
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            self._end()

    def _end(self) -> str:
        """Wait for its end, and return how it has ended."""
        pid, self.pid = self.pid, 0
        self.channel.close()
        try:
            with rt.shield():
                _, status = rt.offload(os.waitpid, pid, 0)
        except rt.NotRunning:  # the hub has ended
            _, status = os.waitpid(pid, 0)
        code = os.waitstatus_to_exitcode(status)
        if code < 0:
            return f"was killed by signal {-code} ({signal.strsignal(-code)})"
        return f"has ended with exit code {code}"
