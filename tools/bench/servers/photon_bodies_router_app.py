"""The whole of Photon with large bodies: a body argument, and a response of as many bytes."""

from photon import Body, Photon
from photon_runtime.http import Response

app = Photon(title="bodies", version="1.0.0")
_SENT: dict[int, bytes] = {}


@app.post("/")
def receive(body: Body[bytes]) -> int:
    """Answer with the number of received bytes."""
    return len(body)


@app.get("/{size}")
def send(size: int) -> Response:
    """Answer with so many bytes."""
    return Response(body=_SENT.setdefault(size, bytes(size)), content_type="text/plain")
