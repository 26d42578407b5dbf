"""Photon's runtime, for the workloads on greenlets."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import photon_runtime as rt

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bench.workloads.greenlet_workloads import Runtime, main


def _channel() -> tuple[Callable[[int], None], Callable[[], int]]:
    channel: rt.Channel[int] = rt.Channel(1)
    return channel.send, channel.receive


if __name__ == "__main__":
    main(
        Runtime(
            run=rt.run,
            spawn=rt.spawn,
            give_way=rt.yield_now,
            lock=rt.Lock,
            channel=_channel,
            socket=rt.Socket,
            connect=rt.create_connection,
        )
    )
