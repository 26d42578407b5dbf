"""Photon's HTTP server with large bodies: POST reads one, GET /N sends N. Argument: the port."""

import sys

from photon_runtime.http import Request, Response, ServerSettings, listen, serve

_SENT: dict[int, bytes] = {}


def answer(request: Request) -> Response:
    """Answer with the number of received bytes, or with as many bytes as the path states."""
    if request.method == "POST":
        size = len(request.body)
        return Response(200, body=b"%d" % size, content_type="text/plain")
    size = int(request.raw_path[1:])
    return Response(200, body=_SENT.setdefault(size, bytes(size)), content_type="text/plain")


if __name__ == "__main__":
    listener = listen("127.0.0.1", int(sys.argv[1]))
    serve(answer, sockets=[listener], settings=ServerSettings(max_body_size=64 * 1024 * 1024))
