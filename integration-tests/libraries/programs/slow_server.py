"""A slow HTTP server in plain Python, with real threads; prints its URL, ends with its input."""

from __future__ import annotations

import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SLOW = float(sys.argv[1])


class Slow(BaseHTTPRequestHandler):
    """Answers ``/slow/...`` after `SLOW` seconds and the rest at once, with the path."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer."""
        if self.path.startswith("/slow/"):
            time.sleep(SLOW)
        if self.path.startswith("/stuck/"):
            time.sleep(30)
        body = self.path.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


class Server(ThreadingHTTPServer):
    """Has room for many connections at once."""

    request_queue_size = 100
    daemon_threads = True

    def handle_error(self, *args: object) -> None:
        """Say nothing of clients that went away."""


if __name__ == "__main__":
    server = Server(("127.0.0.1", 0), Slow)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    sys.stdin.read()
