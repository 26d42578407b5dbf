"""Serve an application on a free port, and record everything that it logs as lines of JSON.

Arguments: the module of the application, the file of the record, and settings as JSON.
"""

from __future__ import annotations

import importlib
import json
import logging
import re
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

from photon_runtime import speedups
from photon_runtime.http import ServerSettings, listen, serve

_FOLDER = f"{Path(__file__).parent}/"
_ADDRESS = re.compile(r"127\.0\.0\.1:\d+|\('127\.0\.0\.1', \d+\)|0x[0-9a-f]+")


class Recorder(logging.Handler):
    """Writes what can be compared between two servers: no addresses, and no frames of Photon."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._file = Path(path).open("w", encoding="utf-8")  # noqa: SIM115  # for the whole process

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        error = record.exc_info[1] if record.exc_info else None
        entry = {
            "name": record.name,
            "level": record.levelname,
            "message": _ADDRESS.sub("(address)", record.getMessage()),
            "error": describe(error),
            "handled": describe(sys.exc_info()[1]),
        }
        self._file.write(json.dumps(entry) + "\n")
        self._file.flush()


def describe(error: BaseException | None, depth: int = 0) -> object:
    """Return an error with its frames in the application, and the errors that led to it."""
    if error is None or depth == 5:
        return None
    frames = [
        (code.co_filename.removeprefix(_FOLDER), line, code.co_name)
        for frame, line in traceback.walk_tb(error.__traceback__)
        for code in (frame.f_code,)
        if code.co_filename.startswith(_FOLDER)
    ]
    return {
        "error": _ADDRESS.sub("(address)", repr(error)),
        "frames": [*frames[:5], min(len(frames), 50)],
        "cause": describe(error.__cause__, depth + 1),
        "context": describe(error.__context__, depth + 1),
    }


def main() -> None:
    """Serve until SIGTERM."""
    name, record, settings = sys.argv[1:]
    logging.basicConfig(level=logging.INFO, handlers=[Recorder(record)])
    values: dict[str, Any] = json.loads(settings)
    module = importlib.import_module(name)
    application = module.app if hasattr(module, "app") else module.handle
    listener = listen("127.0.0.1", 0)
    announcement = {"port": listener.getsockname()[1], "is_native": speedups.status().is_used}

    def announce() -> None:
        print(json.dumps(announcement), flush=True)

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    serve(application, sockets=[listener], settings=ServerSettings(**values), ready=announce)


if __name__ == "__main__":
    main()
