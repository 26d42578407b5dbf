"""A server whose handlers exit, fork and limit their time as libraries for programs do.

It is run under the patch or without it by ``test_escapes.py``, with a scenario for its clients, and
prints what they have received.
"""

from __future__ import annotations

import argparse
import http.client
import json
import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from photon_runtime import run, scope, sleep, spawn
from photon_runtime.http import Request, Response, Server, listen

MANY = 20
PROBES_EVERY = 0.02


class Limit(Exception):
    """The time limit of a call."""


class HardLimit(BaseException):
    """As of the libraries whose time limits ``except Exception`` must not catch."""


def limited(seconds: float, function: Callable[..., str], *args: float) -> str:
    """Limit the time of a call in the way of the libraries for it."""

    def strike(number: int, frame: object) -> None:
        raise Limit("too late")

    before = signal.signal(signal.SIGALRM, strike)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        return function(*args)
    except Limit as error:
        return str(error)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def wait(seconds: float) -> str:
    """Wait in the hub."""
    time.sleep(seconds)
    return "waited"


def compute(seconds: float) -> str:
    """Compute, and let no other task run."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        sum(range(100))
    return "computed"


def child(number: int) -> None:
    """Log and end with a code of its own."""
    logging.getLogger("child").warning("child %d", number)
    sys.exit(number)


def parse(number: int) -> str:
    """Refuse an argument as command lines do."""
    parser = argparse.ArgumentParser()
    parser.add_argument("number", type=int)
    parser.parse_args([f"no number {number}"])
    return "parsed"


def fork(number: int) -> str:
    """Have a child process log, and return its code."""
    logging.getLogger("parent").warning("parent %d", number)
    process = multiprocessing.get_context("fork").Process(target=child, args=(number,))
    process.start()
    process.join()
    return str(process.exitcode)


def limit(number: int) -> str:
    """Wait beyond a limit or within it, or compute beyond it."""
    if number % 5 == 0:
        return limited(0.05, compute, 0.09)
    return limited(0.2, wait, 5.0) if number % 2 else limited(5.0, wait, 0.3)


def leave(number: int) -> str:
    """End what it can, in one of many ways."""
    ways: list[Callable[[], object]] = [
        sys.exit,
        lambda: sys.exit(number),
        lambda: sys.exit("a text"),
        lambda: spawn(sys.exit, 2).result(),
        lambda: (_ for _ in ()).throw(KeyboardInterrupt()),
        lambda: (_ for _ in ()).throw(HardLimit("hard")),
    ]
    ways[number % len(ways)]()
    return "stayed"


def handle(request: Request) -> Response:
    """Do what the path says."""
    name, _, number = request.path[1:].partition("/")
    if name == "probe":
        return Response(body=b"probed")
    ways = {"parse": parse, "fork": fork, "limit": limit, "leave": leave}
    return Response(body=ways[name](int(number)).encode())


def get(port: int, path: str) -> tuple[int, str]:
    """Send one request."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path)
    response = connection.getresponse()
    body = response.read().decode()
    connection.close()
    return response.status, body if response.status == 200 else ""


def use(port: int, name: str) -> None:
    """Send many requests at once, and one probe after another; print what was received."""
    latest = [0.0]
    ended = threading.Event()

    def probe() -> None:
        while not ended.wait(PROBES_EVERY):
            begun = time.monotonic()
            assert get(port, "/probe") == (200, "probed")
            latest[0] = max(latest[0], time.monotonic() - begun)

    with ThreadPoolExecutor(MANY + 1) as pool:
        probing = pool.submit(probe)
        answers = list(pool.map(lambda number: get(port, f"/{name}/{number}"), range(MANY)))
        ended.set()
        probing.result()
    print(json.dumps({"answers": answers, "latest": latest[0]}))


def main() -> None:
    """Serve until the clients, a process of their own, have ended."""
    [name] = sys.argv[1:]
    listener = listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    server = Server(sockets=[listener])
    clients = os.posix_spawn(
        sys.executable,
        [sys.executable, __file__, name, str(port)],
        os.environ,
    )

    def stop_after_clients() -> None:
        while os.waitid(os.P_PID, clients, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            sleep(0.02)
        server.stop()

    with scope() as tasks:
        tasks.spawn(stop_after_clients)
        server.serve(handle)


if __name__ == "__main__":
    if len(sys.argv) > 2:
        use(int(sys.argv[2]), sys.argv[1])
    else:
        logging.basicConfig(format="%(levelname)s %(message)s", level=logging.WARNING)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if "photon_runtime.patch" in sys.modules:
            main()
        else:
            run(main)
