"""Photon's HTTP server alone, with a bare handler: no router, no middleware. Argument: the port."""

import sys

from photon_runtime.http import Request, Response, ServerSettings, listen, serve

_BODY = b'{"message":"Hello, World!"}'


def answer(request: Request) -> Response:
    """Answer the constant object, whatever was asked."""
    return Response(200, body=_BODY, content_type="application/json")


if __name__ == "__main__":
    listener = listen("127.0.0.1", int(sys.argv[1]))
    serve(answer, sockets=[listener], settings=ServerSettings())
