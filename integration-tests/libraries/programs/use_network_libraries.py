"""boto3, the client of celery, websockets' synchronous client and server, and grpc by offload."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from lateness import many
from probe import Probe
from program import MANY, SLOW, at_once, perform

from photon_runtime import offload, spawn
from photon_runtime.patch import send_to_threads


class ObjectStore(BaseHTTPRequestHandler):
    """Stores objects, each after a while, as S3 does."""

    protocol_version = "HTTP/1.1"
    objects: dict[str, bytes] = {}  # noqa: RUF012 - the handler's class is the store

    def do_PUT(self) -> None:
        """Store an object."""
        time.sleep(SLOW)
        self.objects[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
        self._send(b"")

    def do_GET(self) -> None:
        """Send an object."""
        self._send(self.objects[self.path])

    def _send(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", '"x"')
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


def boto3_client(_: str) -> object:
    """One client of S3 for all coroutines; the store is served by threads of this process."""
    import boto3
    from botocore.config import Config

    ObjectStore.timeout = 5
    server = ThreadingHTTPServer(("127.0.0.1", 0), ObjectStore)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    client = boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{server.server_port}",
        region_name="us-east-1",
        aws_access_key_id="key",
        aws_secret_access_key="secret",
        config=Config(
            max_pool_connections=MANY,
            s3={"addressing_style": "path"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )

    def call(number: int) -> int:
        client.put_object(Bucket="bucket", Key=str(number), Body=str(number).encode())
        return int(client.get_object(Bucket="bucket", Key=str(number))["Body"].read())

    call(0)  # loads what the first call loads
    probe = Probe()
    with probe.running():
        answers, seconds = at_once(call, expected=2 * SLOW)
    client.close()
    server.shutdown()
    serving.join()
    server.server_close()
    return {"answers": answers, "seconds": seconds, "late": probe.late}


def celery_client(url: str) -> object:
    """Coroutines send tasks to the broker and wait for results, which a worker would store."""
    from celery import Celery

    os.environ.pop("CELERY_CONFIG_MODULE", None)
    app = Celery("client", broker=url, backend=url)
    app.conf.broker_connection_retry_on_startup = False
    app.send_task("add", args=[0, 0])

    def call(number: int) -> int:
        sent = app.send_task("add", args=[number, number])
        app.backend.store_result(sent.id, number + number, "SUCCESS")
        return int(sent.get(timeout=10))

    probe = Probe()
    with probe.running():
        answers, _ = at_once(call)
    with app.connection_or_acquire() as connection:
        queued = connection.default_channel.client.llen("celery")
    return {"answers": answers, "queued": queued, "late": probe.late}


def websockets_sync(_: str) -> object:
    """Synchronous clients of a synchronous server, in one process."""
    from websockets.sync.client import connect
    from websockets.sync.server import serve

    def echo(connection: Any) -> None:
        for message in connection:
            time.sleep(SLOW)
            connection.send(message)

    with serve(echo, "127.0.0.1", 0) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        port = server.socket.getsockname()[1]

        def call(number: int) -> int:
            with connect(f"ws://127.0.0.1:{port}") as client:
                client.send(str(number))
                return int(client.recv(timeout=10))

        probe = Probe()
        with probe.running():
            answers, seconds = at_once(call)
        server.shutdown()
        serving.join()
    return {"answers": answers, "seconds": seconds, "late": probe.late}


def grpc_by_offload(_: str) -> object:
    """A server and clients of grpc, which wait in C, on real threads; the import is logged."""
    heard: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: heard.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger("photon.runtime.patch").addHandler(handler)
    import grpc

    def double(request: bytes, _: object) -> bytes:
        return request + request

    def start() -> tuple[Any, int]:
        server = grpc.server(ThreadPoolExecutor(8))
        methods: Any = {"Double": grpc.unary_unary_rpc_method_handler(double)}
        generic = grpc.method_handlers_generic_handler("test.Test", methods)
        server.add_generic_rpc_handlers((generic,))
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        return server, port

    server, port = offload(start)
    channel = offload(grpc.insecure_channel, f"127.0.0.1:{port}")
    method: Any = channel.unary_unary("/test.Test/Double")
    offload(method, b"first")
    found = many(lambda number: str(offload(method, b"%d " % number, timeout=5), "ascii"))
    offload(channel.close)
    offload(lambda: server.stop(None).wait())
    return {"answers": found["answers"], "late": found["latest"], "heard": heard}


def grpc_in_threads(_: str) -> object:
    """A server and clients of grpc whose calls a setting sends to threads."""
    send_to_threads(["grpc"])
    import grpc

    def double(request: bytes, _: object) -> bytes:
        return request + request

    server = grpc.server(ThreadPoolExecutor(8))
    methods: Any = {"Double": grpc.unary_unary_rpc_method_handler(double)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Test", methods),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    channel = grpc.insecure_channel(f"127.0.0.1:{port}")
    method: Any = channel.unary_unary("/test.Test/Double")
    method(b"first")
    probe = Probe()
    with probe.running():
        answers, _seconds = at_once(lambda number: str(method(b"%d " % number, timeout=5), "ascii"))
    try:
        missing: Any = channel.unary_unary("/test.Test/Missing")
        missing(b"", timeout=5)
    except grpc.RpcError as error:
        code = error.code().name
    channel.close()
    server.stop(None).wait()
    return {"answers": answers, "late": probe.late, "code": code}


def imports(_: str) -> object:
    """Imports that wait for each other's modules do not stop the others."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        sys.path.insert(0, folder)
        for name, other in (("first_of_two", "second_of_two"), ("second_of_two", "first_of_two")):
            with open(f"{folder}/{name}.py", "w") as file:
                file.write(f"import time\ntime.sleep(0.1)\nimport {other}\nNAME = {name!r}\n")

        def call(number: int) -> str:
            name = "first_of_two" if number % 2 else "second_of_two"
            module: Any = __import__(name)
            return str(module.NAME)

        probe = Probe()
        with probe.running():
            tasks = [spawn(call, number) for number in range(MANY)]
            names = [task.result() for task in tasks]
    return {"names": sorted(set(names)), "late": probe.late}


if __name__ == "__main__":
    perform(boto3_client, celery_client, websockets_sync, grpc_by_offload, grpc_in_threads, imports)
