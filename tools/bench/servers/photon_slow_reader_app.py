"""A room, and what has become of its members."""

from photon import Photon, PhotonWebSocket, Room
from photon_runtime.stats import stats

app = Photon(title="bench", version="1.0.0")
room = Room("bench")
_codes: list[int | None] = []


@app.websocket("/broadcast")
def broadcast(ws: PhotonWebSocket) -> None:
    """Send each message to all members of the room."""
    try:
        with room.join(ws):
            ws.write_message("joined")
            for message in ws:
                room.broadcast(message)
    finally:
        _codes.append(ws.close_code)


@app.get("/figures")
def read_figures() -> dict[str, list[int | None] | int]:
    """Return the number of tasks, and the close codes of the handlers that have ended."""
    return {"tasks": stats().tasks, "codes": _codes}
