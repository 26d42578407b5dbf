# mypy: disable-error-code="import-not-found, import-untyped"
"""gevent's pywsgi serving the bare WSGI application, access log off. Argument: the port.

pywsgi sends head and body apart and leaves Nagle's algorithm on, so that every second answer would
wait 40 ms for an acknowledgement; accepted sockets inherit TCP_NODELAY from this listener.
"""

import sys

from bare_wsgi import app
from gevent import socket
from gevent.pywsgi import WSGIServer

if __name__ == "__main__":
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.bind(("127.0.0.1", int(sys.argv[1])))
    listener.listen(1024)
    WSGIServer(listener, app, log=None).serve_forever()
