# mypy: disable-error-code="import-not-found, import-untyped, unused-ignore"
"""A WSGI server that is written in C serving one of the applications of this folder.

Arguments: the server, the module that holds ``app``, and the port. All of them are one process with
one thread, without an access log, as they are by default.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

_LARGEST_BODY = 64 * 1024 * 1024


def _bjoern(app: WSGIApplication, port: int) -> None:
    import bjoern

    bjoern.run(app, "127.0.0.1", port)


def _fastpysgi(app: WSGIApplication, port: int) -> None:
    import fastpysgi

    fastpysgi.server.max_content_length = _LARGEST_BODY
    fastpysgi.run(app, host="127.0.0.1", port=port)


def _fastwsgi(app: WSGIApplication, port: int) -> None:
    import fastwsgi

    fastwsgi.server.max_content_length = _LARGEST_BODY
    fastwsgi.run(app, host="127.0.0.1", port=port)


def _freastal(app: WSGIApplication, port: int) -> None:
    import freastal

    freastal.serve(app, host="127.0.0.1", port=port)


if __name__ == "__main__":
    server, module, port = sys.argv[1:]
    start = {
        "bjoern": _bjoern,
        "fastpysgi": _fastpysgi,
        "fastwsgi": _fastwsgi,
        "freastal": _freastal,
    }[server]
    start(importlib.import_module(module).app, int(port))
