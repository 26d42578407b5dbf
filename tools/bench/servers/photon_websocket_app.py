"""Sockets of Photon: an echo, and a room whose members all get what one of them sends."""

from photon import Photon, PhotonWebSocket, Room

app = Photon(title="bench", version="1.0.0")
room = Room("bench")


@app.websocket("/echo")
def echo(ws: PhotonWebSocket) -> None:
    """Send each message back."""
    for message in ws:
        ws.write_message(message)


@app.websocket("/broadcast")
def broadcast(ws: PhotonWebSocket) -> None:
    """Send each message to all members of the room."""
    with room.join(ws):
        ws.write_message("joined")
        for message in ws:
            room.broadcast(message)
