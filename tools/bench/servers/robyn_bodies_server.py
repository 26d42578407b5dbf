# mypy: disable-error-code="import-not-found, misc, untyped-decorator, unused-ignore"
"""Robyn with large bodies: POST reads one, GET /N sends N bytes. Argument: the port."""

import sys

from robyn import Request, Robyn

app = Robyn(__file__)
_SENT: dict[int, bytes] = {}


@app.post("/")
def receive(request: Request) -> str:
    """Answer with the number of received bytes."""
    return str(len(request.body))


@app.get("/:size")
def send(size: int) -> bytes:
    """Answer with so many bytes."""
    return _SENT.setdefault(size, bytes(size))


if __name__ == "__main__":
    app.start(host="127.0.0.1", port=int(sys.argv[1]))
