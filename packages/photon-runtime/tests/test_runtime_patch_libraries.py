"""Ordinary libraries under the patch: many slow calls at once take about the time of one.

Each test is a program of its own, run by ``python -m photon_runtime.patch``, because a process is
patched once and for all. It prints how long its calls took together.
"""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from patched_programs import run_patched

pytestmark = pytest.mark.slow

SERVER = """
import socketserver, threading, time
from http.server import BaseHTTPRequestHandler, HTTPServer

class Slow(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        time.sleep(0.2)
        self.send_response(200)
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"done")
    def log_message(self, *args):
        pass

class Server(socketserver.ThreadingMixIn, HTTPServer):
    request_queue_size = 100
    daemon_threads = True

server = Server(("127.0.0.1", 0), Slow)
threading.Thread(target=server.serve_forever, daemon=True).start()
port = server.server_address[1]
"""

MEASURE = """
import threading, time
def at_once(call, count):
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(call())) for _ in range(count)]
    start = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(time.monotonic() - start)
    assert len(answers) == count, answers
    return answers
"""


def seconds(program: str, tmp_path: Path) -> float:
    done = run_patched(MEASURE + textwrap.dedent(program), tmp_path, timeout=50)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return float(done.stdout)


def test_urllib(tmp_path: Path) -> None:
    program = """
    from urllib.request import urlopen
    answers = at_once(lambda: urlopen(f"http://127.0.0.1:{port}/").read(), 20)
    assert set(answers) == {b"done"}
    """
    assert seconds(SERVER + textwrap.dedent(program), tmp_path) < 1.5


def test_http_client_by_name(tmp_path: Path) -> None:
    program = """
    import http.client
    def call():
        connection = http.client.HTTPConnection("localhost", port)
        connection.request("GET", "/")
        return connection.getresponse().read()
    assert set(at_once(call, 20)) == {b"done"}
    """
    assert seconds(SERVER + textwrap.dedent(program), tmp_path) < 1.5


def test_futures(tmp_path: Path) -> None:
    program = """
    from concurrent.futures import ThreadPoolExecutor, as_completed
    start = time.monotonic()
    with ThreadPoolExecutor(50) as pool:
        futures = [pool.submit(time.sleep, 0.2) for _ in range(50)]
        assert len(list(as_completed(futures, timeout=5))) == 50
    print(time.monotonic() - start)
    """
    assert seconds(program, tmp_path) < 1.5


def test_subprocess(tmp_path: Path) -> None:
    program = """
    import subprocess
    def call():
        done = subprocess.run(["sh", "-c", "sleep 0.5; echo out; echo err >&2"],
                              capture_output=True, text=True, check=True)
        return done.stdout + done.stderr
    assert set(at_once(call, 8)) == {"out\\nerr\\n"}
    """
    assert seconds(program, tmp_path) < 2.5


def test_reading_lines_of_a_child_and_os_popen(tmp_path: Path) -> None:
    program = """
    import os, subprocess
    def lines():
        with subprocess.Popen(["sh", "-c", "echo a; sleep 0.4; echo b"],
                              stdout=subprocess.PIPE, text=True) as child:
            return "".join(child.stdout)
    def popen():
        with os.popen("sleep 0.4; echo a; echo b") as child:
            return child.read()
    def both():
        return lines() if threading.get_ident() % 3 else popen()
    assert set(at_once(lines, 4)) == {"a\\nb\\n"}
    start = time.monotonic()
    assert popen() == "a\\nb\\n"
    """
    assert seconds(program, tmp_path) < 1.4


def test_big_data_through_pipes_of_a_child(tmp_path: Path) -> None:
    program = """
    import subprocess
    data = bytes(range(256)) * 4000
    def call():
        with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
            def feed():
                with child.stdin:
                    child.stdin.write(data)
            feeder = threading.Thread(target=feed)
            feeder.start()
            got = child.stdout.read()
            feeder.join()
            return got == data
    assert set(at_once(call, 2)) == {True}
    """
    assert seconds(program, tmp_path) < 10


def test_logging_through_a_queue(tmp_path: Path) -> None:
    program = """
    import logging, logging.handlers, queue
    records = queue.SimpleQueue()
    seen = []
    class Slow(logging.Handler):
        def emit(self, record):
            time.sleep(0.01)
            seen.append(record.getMessage())
    listener = logging.handlers.QueueListener(records, Slow())
    listener.start()
    log = logging.getLogger("x")
    log.addHandler(logging.handlers.QueueHandler(records))
    log.setLevel(logging.INFO)
    at_once(lambda: log.info("hello"), 10)
    listener.stop()
    assert seen == ["hello"] * 10
    """
    assert seconds(program, tmp_path) < 0.5


def test_queues_and_conditions_between_threads(tmp_path: Path) -> None:
    program = """
    import queue
    work, done = queue.Queue(3), queue.PriorityQueue()
    def worker():
        while (item := work.get()) is not None:
            time.sleep(0.05)
            done.put(item)
            work.task_done()
        return True
    def feed():
        for item in range(20):
            work.put(item)
        work.join()
        for _ in range(10):
            work.put(None)
        return True
    feeder = threading.Thread(target=feed)
    feeder.start()
    at_once(worker, 10)
    assert [done.get() for _ in range(20)] == list(range(20))
    """
    assert seconds(program, tmp_path) < 1.0


def test_asyncio_in_a_thread_leaves_the_others_running(tmp_path: Path) -> None:
    program = """
    import asyncio
    async def nap():
        await asyncio.sleep(0.3)
        return "slept"
    beats = []
    def beat():
        for _ in range(5):
            time.sleep(0.03)
            beats.append(1)
        return True
    beating = threading.Thread(target=beat)
    beating.start()
    assert at_once(lambda: asyncio.run(nap()), 1) == ["slept"]
    assert len(beats) == 5
    """
    assert seconds(program, tmp_path) < 1.0


def test_multiprocessing_pools_work(tmp_path: Path) -> None:
    program = """
    from concurrent.futures import ProcessPoolExecutor
    def square(x):
        return x * x
    start = time.monotonic()
    with ProcessPoolExecutor(2) as pool:
        assert list(pool.map(square, range(10))) == [x * x for x in range(10)]
    print(time.monotonic() - start)
    """
    assert seconds(program, tmp_path) < 10
