"""Flask under servers that take a thread for each request."""

from __future__ import annotations

import http.client
import json
import socketserver
import threading
import time
import warnings
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import flask
import werkzeug.serving
from program import SLOW, at_once, perform

warnings.simplefilter("error")

app = flask.Flask(__name__)
app.secret_key = "for a test"


@app.get("/slow/<int:number>")
def slow(number: int) -> dict[str, object]:
    """Answer with what belongs to this request alone, after others came between."""
    flask.g.number = number
    flask.session["number"] = number
    time.sleep(SLOW)
    return {
        "path": flask.request.path,
        "header": flask.request.headers["X-Number"],
        "g": flask.g.number,
        "session": flask.session["number"],
    }


class Server(socketserver.ThreadingMixIn, WSGIServer):
    """The standard library's server, with threads."""

    request_queue_size = 100
    daemon_threads = True


class Silent(WSGIRequestHandler):
    """Keeps no log of requests."""

    def log_message(self, *args: object) -> None:
        """Say nothing."""


def ask_all(server: socketserver.BaseServer, port: int) -> object:
    """Ask the server many times at once and stop it."""
    thread = threading.Thread(target=server.serve_forever)
    thread.start()

    def call(number: int) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("GET", f"/slow/{number}", headers={"X-Number": str(number)})
        answer = json.loads(connection.getresponse().read())
        connection.close()
        right = {"path": f"/slow/{number}", "header": str(number), "g": number, "session": number}
        return bool(answer == right)

    try:
        right, seconds = at_once(call)
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()
    return {"right": sum(right), "seconds": seconds, "alive": thread.is_alive()}


def wsgiref_with_threads(_: str) -> object:
    """The server of the standard library."""
    server = Server(("127.0.0.1", 0), Silent)
    server.set_app(app)
    return ask_all(server, server.server_port)


def werkzeug_with_threads(_: str) -> object:
    """The server behind ``flask run``."""

    class Handler(werkzeug.serving.WSGIRequestHandler):
        def log_request(self, *args: object) -> None:
            pass

    server = werkzeug.serving.make_server(
        "127.0.0.1", 0, app, threaded=True, request_handler=Handler
    )
    return ask_all(server, server.port)


if __name__ == "__main__":
    perform(wsgiref_with_threads, werkzeug_with_threads)
