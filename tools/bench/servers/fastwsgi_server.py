# mypy: disable-error-code="import-not-found, import-untyped"
"""fastwsgi serving the bare WSGI application. Argument: the port."""

import sys

import fastwsgi
from bare_wsgi import app

if __name__ == "__main__":
    fastwsgi.run(app, host="127.0.0.1", port=int(sys.argv[1]))
