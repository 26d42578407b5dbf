# mypy: disable-error-code="import-not-found, misc, untyped-decorator, unused-ignore"
"""BlackSheep with large bodies: POST reads one, GET /N sends N bytes."""

from blacksheep import Application, Content, FromBytes, Response

app = Application()
_SENT: dict[int, bytes] = {}


@app.router.post("/")
async def receive(body: FromBytes) -> str:
    """Answer with the number of received bytes."""
    return str(len(body.value))


@app.router.get("/{size}")
async def send(size: int) -> Response:
    """Answer with so many bytes."""
    return Response(200, content=Content(b"text/plain", _SENT.setdefault(size, bytes(size))))
