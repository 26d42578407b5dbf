"""Serves an application in a process of its own, so that its memory and its log can be looked at.

``python serve.py MODULE:FACTORY [--development] [--generous]`` prints the port of 127.0.0.1 and
serves until its standard input ends. What is logged goes to standard error.
"""

from __future__ import annotations

import importlib
import sys

from photon_runtime.http import ServerSettings
from photon_runtime.testing import live_server

_MEGABYTE = 2**20
# Limits that let hostile input in, so that what lies behind them is seen to stand it, too.
_GENEROUS = ServerSettings(
    max_body_size=128 * _MEGABYTE,
    max_target_size=32 * _MEGABYTE,
    max_header_size=32 * _MEGABYTE,
    max_headers=100_000,
    shutdown_timeout=5.0,
)


def main(application: str, *options: str) -> None:
    """Serve until the standard input ends."""
    module, _, factory = application.partition(":")
    app = getattr(importlib.import_module(module), factory)()
    settings = _GENEROUS if "--generous" in options else None
    with live_server(app, settings=settings, development="--development" in options) as server:
        print(server.port, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
