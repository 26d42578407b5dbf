"""No input of any size or shape makes a server fail, hang or grow: over raw sockets, one table.

The server is a process of its own, so that its memory can be read. It has the limits of a generous
administrator (a body of 128 MiB, a head of 32 MiB), for the usual ones would turn most of this away
at the door; that they do is in the second table.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import attrs
import pytest

HERE = Path(__file__).parent
SECONDS = 5.0
"""The most processor time that an input may take: other processes have no part in it."""
PATIENCE = 30.0
"""How many seconds without a byte are a server that hangs."""
FAULTS = 100
"""The longest list of faults."""
BASE = b"/port/v1"
MILLION = 1_000_000
JSON = b"application/json"
FORM = b"application/x-www-form-urlencoded"
PARTS = b"multipart/form-data; boundary=B"


MEGABYTES, FACTOR = 192, 24
"""How much memory an input may take: so many MiB, and so many times its size."""
Row: TypeAlias = tuple[str, bytes, Sequence[int]]
"""What it is, what is sent, and the answers that are right."""


@attrs.frozen
class Hostile:
    """A server that is sent hostile input."""

    port: int
    pid: int
    log: Path

    def ask(self, data: bytes) -> tuple[int, dict[bytes, bytes], bytes]:
        """Send bytes and return status, header fields and body of the first answer."""
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as client:
            try:
                client.sendall(data)
            except OSError:
                pass  # it answered before it had read all
            received = bytearray()
            try:
                while part := client.recv(2**16):
                    received += part
            except ConnectionResetError:
                pass  # what was not read is thrown away, behind the answer
        head, _, body = bytes(received).partition(b"\r\n\r\n")
        status, *lines = head.split(b"\r\n")
        fields = dict(line.lower().split(b": ", 1) for line in lines)
        return int(status.split()[1]), fields, body

    def forget_peak(self) -> int:
        """Let the peak of its memory begin anew; return how many bytes it has now."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")
        return self._memory("VmRSS")

    def peak(self) -> int:
        """Return the most bytes it had since."""
        return self._memory("VmHWM")

    def processor_time(self) -> float:
        """Return the seconds that its threads have run."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _memory(self, name: str) -> int:
        status = Path(f"/proc/{self.pid}/status").read_text()
        found = re.search(rf"^{name}:\s+(\d+) kB$", status, re.MULTILINE)
        assert found is not None
        return int(found[1]) * 1024


@contextmanager
def served(log: Path, *options: str) -> Iterator[Hostile]:
    """Serve the application in a process of its own."""
    path = os.pathsep.join([str(HERE), str(HERE.parents[1] / "demo")])
    with (
        log.open("wb") as stderr,
        subprocess.Popen(
            [sys.executable, str(HERE / "serve.py"), "hostile:create_app", *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=os.environ | {"PYTHONPATH": path, "TMPDIR": str(log.parent)},
        ) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        yield Hostile(int(process.stdout.readline()), process.pid, log)
        process.stdin.close()
    assert process.returncode == 0


def get(target: bytes, *fields: bytes, method: bytes = b"GET", host: bytes = b"x") -> bytes:
    """Return a request without a body."""
    lines = [method + b" " + target + b" HTTP/1.1", b"Host: " + host, b"Connection: close"]
    return b"\r\n".join([*lines, *fields, b"", b""])


def post(target: bytes, kind: bytes, body: bytes, *fields: bytes, method: bytes = b"POST") -> bytes:
    """Return a request with a body."""
    length = b"Content-Length: %d" % len(body)
    return get(BASE + target, b"Content-Type: " + kind, length, *fields, method=method) + body


def part(name: bytes, content: bytes, more: bytes = b"") -> bytes:
    """Return one part of a form."""
    disposition = b'Content-Disposition: form-data; name="' + name + b'"'
    return b"--B\r\n" + disposition + more + b"\r\n\r\n" + content + b"\r\n"


END = b"--B--\r\n"
FILE = part(b"file", b"x", b'; filename="a"')
DIGITS = b"9" * (10 * MILLION)


def nested(prefix: bytes, times: int, suffix: bytes, inside: bytes = b"1") -> bytes:
    """Return something in something."""
    return prefix * times + inside + suffix * times


def json_bodies() -> Iterator[Row]:
    for target in (b"/typed", b"/crates/measure", b"/echo", b"/leaves", b"/reports"):
        name = target.decode()
        yield f"lists in lists {name}", post(target, JSON, nested(b"[", MILLION, b"]")), [400]
        yield f"open lists {name}", post(target, JSON, b"[" * MILLION), [400]
        yield f"objects {name}", post(target, JSON, nested(b'{"a":', MILLION, b"}")), [400]
        yield f"digits {name}", post(target, JSON, DIGITS), [422]
        yield f"negative digits {name}", post(target, JSON, b"-" + DIGITS), [422]
        yield f"an exponent {name}", post(target, JSON, b"1e999999999"), [422]
        yield f"NaN {name}", post(target, JSON, b"NaN"), [400]
        yield f"-Infinity {name}", post(target, JSON, b"[-Infinity]"), [400]
        yield f"lone surrogate {name}", post(target, JSON, b'{"a":"\\ud800"}'), [400]
        yield f"overlong UTF-8 {name}", post(target, JSON, b'{"a":"\xc0\xaf\xe0\x80\x80"}'), [400]
        yield f"surrogate in UTF-8 {name}", post(target, JSON, b'{"a":"\xed\xa0\x80"}'), [400]
        yield f"byte order mark {name}", post(target, JSON, b"\xef\xbb\xbf{}"), [400]
        yield f"UTF-16 {name}", post(target, JSON, "{}".encode("utf-16")), [400]
        yield f"zero bytes {name}", post(target, JSON, bytes(MILLION)), [400]
    crates = nested(b'{"weight":1,"inside":[', 5000, b"]}", b'{"weight":1}')
    yield "crates in crates", post(b"/crates/measure", JSON, crates), [400]
    fit = nested(b'{"weight":1,"inside":[', 90, b"]}", b'{"weight":1}')
    yield "crates as deep as may be", post(b"/crates/measure", JSON, fit), [200]
    twice = b'{"name":"a","code":"AA1","name":"b"}'
    yield "a member twice", post(b"/typed", JSON, twice), [200]
    yield (
        "a million members",
        post(b"/typed", JSON, b"{" + b",".join(b'"%d":1' % n for n in range(MILLION)) + b"}"),
        [422],
    )
    yield "a million wrong items", post(b"/leaves", JSON, b"[" + b"1," * MILLION + b"1]"), [422]
    yield (
        "a million wrong crates",
        post(b"/crates/measure", JSON, b'{"weight":1,"inside":[' + b"{}," * MILLION + b"{}]}"),
        [422],
    )
    numbers = b'{"form":"boxes","numbers":[' + b'"x",' * MILLION + b'"x"]}'
    yield "a million wrong texts in one of three forms", post(b"/cargo", JSON, numbers), [422]
    long = b'"' + b"a" * MILLION + b'!"'
    yield "what backtracks", post(b"/slow", JSON, long), [422]
    route = b"[" + b",".join(b"[%d,1]" % (n % 90) for n in range(100_000)) + b"]"
    yield "items that are not unique", post(b"/routes", JSON, route), [422]
    yield "a null byte in a text", post(b"/typed", JSON, b'{"name":"\\u0000","code":"A"}'), [422]


def forms() -> Iterator[Row]:
    for target in (b"/form", b"/permits"):
        name = target.decode()
        yield f"a million fields {name}", post(target, FORM, b"a=1&" * MILLION), [413]
        yield f"a million empty fields {name}", post(target, FORM, b"&" * MILLION), [413, 422]
        yield f"one long field {name}", post(target, FORM, b"applicant=" + DIGITS), [413]
        yield f"percent garbage {name}", post(target, FORM, b"applicant=%zz%1&%%%=%"), [400, 422]
        yield f"no UTF-8 {name}", post(target, FORM, b"applicant=%c0%af&days=1"), [400, 422]
        yield f"digits {name}", post(target, FORM, b"applicant=a&days=" + b"9" * 100_000), [422]
        yield f"zero bytes {name}", post(target, FORM, bytes(100_000)), [400, 413, 422]
    for target, file in ((b"/upload", FILE), (b"/papers", FILE.replace(b'"file"', b'"paper"'))):
        name = target.decode()
        yield (
            f"a million parts {name}",
            post(target, PARTS, part(b"a", b"1") * MILLION + END),
            [413],
        )
        yield (
            f"a million files {name}",
            post(target, PARTS, part(b"file", b"", b'; filename=""') * MILLION + END),
            [400, 413],
        )
        huge = b"--B\r\n" + b"x: " + b"y" * 10 * MILLION + b"\r\n\r\n\r\n" + END
        yield f"a huge part header {name}", post(target, PARTS, huge), [400, 413]
        many = b"--B\r\n" + b"x: y\r\n" * MILLION + b"\r\n\r\n" + END
        yield f"a million part headers {name}", post(target, PARTS, many), [400, 413]
        wide = part(b"n" * 5 * MILLION, b"1") + END
        yield f"a part with a huge name {name}", post(target, PARTS, wide), [400, 413]
        before = b"p" * 10 * MILLION + b"\r\n" + file + END
        yield f"a huge preamble {name}", post(target, PARTS, before), [200, 400, 413, 422]
        after = file + END + b"e" * 10 * MILLION
        yield f"a huge epilogue {name}", post(target, PARTS, after), [200, 400, 413, 422]
        yield f"no end {name}", post(target, PARTS, file), [400]
        yield (
            f"nothing but boundaries {name}",
            post(target, PARTS, b"--B\r\n" * MILLION),
            [400, 413],
        )
        yield f"almost boundaries {name}", post(target, PARTS, b"\r\n--" * MILLION), [400, 413]
        nowhere = part(b"..", b"x", b'; filename="../../etc/passwd\x00"') + END
        yield f"a name that leads out {name}", post(target, PARTS, nowhere), [400, 422]
        quotes = b"--B\r\nContent-Disposition: form-data; name=" + b'"\\' * MILLION + b"\r\n\r\n"
        yield f"quotes without end {name}", post(target, PARTS, quotes + END), [400, 413]
    for boundary in (b"", b"=", b'="', b"=" + b"b" * MILLION, b'=""', b"=\xff", b"=B; boundary=C"):
        yield (
            f"the boundary {boundary[:9]!r}",
            post(b"/upload", b"multipart/form-data; boundary" + boundary, FILE + END),
            [400, 413, 415, 422],
        )
    yield (
        "a part of JSON too deep",
        post(b"/papers", PARTS, part(b"about", b"[" * 100_000) + END),
        [400, 422],
    )
    yield (
        "a part of ten million digits",
        post(b"/papers", PARTS, part(b"about", DIGITS) + END),
        [400, 413, 422],
    )


def targets() -> Iterator[Row]:
    yield "digits in the path", get(BASE + b"/numbers/" + DIGITS), [422]
    yield "digits in the query", get(BASE + b"/numbers/1?more=" + DIGITS), [422]
    yield "a million parameters", get(BASE + b"/numbers/1?" + b"more=x&" * MILLION), [400, 422]
    yield "a million others", get(BASE + b"/numbers/1?" + b"a=1&" * MILLION), [200, 400, 422]
    yield "a million items", get(BASE + b"/buoys/" + b"1," * MILLION + b"1"), [422]
    yield "a million wrong items", get(BASE + b"/buoys/" + b"x," * MILLION + b"1"), [422]
    yield "a million segments", get(BASE + b"/a" * MILLION), [404]
    yield "a million slashes", get(b"/" * MILLION), [404]
    yield "a million dots", get(b"/static" + b"/.." * MILLION), [400, 404]
    deep = b"filter" + b"[a]" * MILLION + b"=1"
    yield "a deep object", get(BASE + b"/ships/search?" + deep), [400, 422]
    yield (
        "many members",
        get(BASE + b"/ships/search?" + b"&".join(b"filter[a%d]=1" % n for n in range(200_000))),
        [400, 422],
    )
    yield "brackets", get(BASE + b"/ships/search?filter[=1&filter]=2&filter[]=3&[=4"), [422]
    yield "JSON in the query, too deep", get(BASE + b"/weather?area=" + b"[" * MILLION), [422]
    yield "JSON in the query, digits", get(BASE + b"/weather?area=" + DIGITS), [422]
    yield "JSON in the query, NaN", get(BASE + b"/weather?area=NaN"), [422]
    yield "what backtracks", get(BASE + b"/slow?text=" + b"a" * MILLION + b"!"), [422]
    yield "matrix without end", get(BASE + b"/buoys/matrix/" + b";ids=1" * MILLION), [422]
    for name, garbage in {
        "percent garbage": b"%",
        "percent, not hex": b"%zz",
        "overlong UTF-8": b"%c0%af",
        "a null byte": b"%00",
        "a lone surrogate": b"%ed%a0%80",
        "not UTF-8": b"%ff%fe",
        "an encoded slash": b"%2f..%2f..%2fetc%2fpasswd",
        "digits of another script": b"%d9%a1",
    }.items():
        yield f"{name} in the path", get(BASE + b"/numbers/" + garbage), [400, 404, 422]
        yield f"{name} in the query", get(BASE + b"/numbers/1?more=" + garbage), [400, 422]
        yield f"{name} in a name", get(BASE + b"/numbers/1?" + garbage + b"=1"), [200, 400, 422]
        yield f"{name} in a file", get(b"/static/" + garbage), [400, 404]
    yield "a bare null byte", get(BASE + b"/numbers/\x00"), [400]
    yield "bare bytes", get(BASE + b"/numbers/\xff\xfe"), [400, 422]
    yield "a fragment", get(BASE + b"/numbers/1#there"), [200, 400]
    yield "absolute form", get(b"http://x" + BASE + b"/numbers/1"), [200]
    yield "absolute form of another scheme", get(b"gopher://x" + BASE + b"/numbers/1"), [200, 400]
    yield "absolute form without a host", get(b"http://" + BASE + b"/numbers/1"), [400, 404]
    yield "absolute form with a port", get(b"http://x:99999999" + BASE + b"/numbers/1"), [200, 400]
    yield "authority form", get(b"x:80"), [400]
    yield "authority form to connect", get(b"x:80", method=b"CONNECT"), [400, 405, 501]
    yield "an asterisk", get(b"*", method=b"OPTIONS"), [200, 204, 400, 404]
    yield "an asterisk to get", get(b"*"), [400, 404]
    yield "no target", b"GET  HTTP/1.1\r\nHost: x\r\n\r\n", [400]


def heads() -> Iterator[Row]:
    ask = BASE + b"/numbers/1"
    for host in (b"x/path", b"x@y", b"", b"x y", b"x:", b"x:y", b"[::1", b"\x00", b"x" * MILLION):
        yield f"the host {host[:9]!r}", get(ask, host=host), [200, 400]
    yield "no host", b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", [400]
    yield "two hosts", get(ask, b"Host: y"), [400]
    yield "a huge method", get(ask, method=b"G" * MILLION), [400, 405, 501]
    yield "an unknown method", get(ask, method=b"BREW"), [400, 405, 501]
    yield "a method in small letters", get(ask, method=b"get"), [400, 405, 501]
    yield "many fields", get(ask, *[b"x-%d: y" % n for n in range(90_000)]), [200]
    yield "too many fields", get(ask, *[b"x: y"] * 110_000), [431]
    yield "a huge field", get(ask, b"x: " + b"y" * 30 * MILLION), [200]
    yield "a field that is too large", get(ask, b"x: " + b"y" * 40 * MILLION), [431]
    yield "digits in a header", get(ask, b"x-number: " + DIGITS), [422]
    yield "digits in a cookie", get(ask, b"Cookie: visits=" + DIGITS), [422]
    yield "a million cookies", get(ask, b"Cookie: " + b"a=1; " * MILLION), [200]
    yield "a million equal signs", get(ask, b"Cookie: " + b"=" * MILLION), [200]
    yield "a million semicolons", get(ask, b"Cookie: " + b";" * MILLION), [200]
    yield (
        "a list in a header",
        get(BASE + b"/tides/north/2024-01-01", b"X-Depths: " + b"x," * MILLION),
        [422],
    )
    yield (
        "an object in a header",
        get(BASE + b"/currents", b"X-Window: " + b"a=1," * MILLION, b"Cookie: session=1"),
        [422],
    )
    for kind in (b"", b"/", b"x", b"application/json;" * 10_000, b"\xff/\xfe", b"a/b" * MILLION):
        yield f"the type {kind[:9]!r}", post(b"/typed", kind, b"{}"), [400, 415, 422]
    yield (
        "an unknown charset",
        post(b"/manifests", b"text/csv; charset=" + b"x" * MILLION, b"a"),
        [400, 415],
    )
    for accept in (
        b"q",
        b"*/*;q=" + b"9" * 1000,
        b"," * MILLION,
        b"a/b;q=-1",
        b"*/*;q=nan, " * 9999,
    ):
        fields = b"Accept: " + accept, b"Accept-Encoding: " + accept
        yield f"accept {accept[:9]!r}", get(ask, *fields), [200, 400, 406]
        yield f"accept a file {accept[:9]!r}", get(b"/static/page.txt", *fields), [200, 400, 406]
    ranges = b"bytes=" + b",".join(b"%d-%d" % (n % 999, n % 999) for n in range(MILLION))
    yield "a million ranges", get(b"/static/page.txt", b"Range: " + ranges), [200, 416]
    yield (
        "overlapping ranges",
        get(b"/static/page.txt", b"Range: bytes=" + b"0-," * 1000 + b"0-"),
        [200, 206, 416],
    )
    yield (
        "a range of digits",
        get(b"/static/page.txt", b"Range: bytes=" + DIGITS + b"-"),
        [200, 416],
    )
    yield "a million tags", get(b"/static/page.txt", b"If-None-Match: " + b'"a",' * MILLION), [200]
    yield "a date of garbage", get(b"/static/page.txt", b"If-Modified-Since: " + DIGITS), [200]
    for word in (b"Basic " + b"A" * MILLION, b"Basic =", b"Bearer", b"\xff", b"Bearer " + DIGITS):
        for target in (b"/me", b"/accounts/me"):
            field = b"Authorization: " + word
            yield f"credentials {word[:9]!r} {target!r}", get(BASE + target, field), [400, 401]
    yield "a length of digits", get(ask, b"Content-Length: " + DIGITS), [400, 413]
    yield "a negative length", get(ask, b"Content-Length: -1"), [400]
    yield "two lengths", get(ask, b"Content-Length: 1", b"Content-Length: 2"), [400]
    yield (
        "a length and chunks",
        get(ask, b"Content-Length: 1", b"Transfer-Encoding: chunked"),
        [400],
    )
    chunks = get(BASE + b"/typed", b"Content-Type: application/json", b"Transfer-Encoding: chunked")
    chunks = chunks.replace(b"GET ", b"POST ", 1)
    yield "a huge chunk", chunks + b"f" * 100 + b"\r\n", [400, 413]
    yield (
        "a huge extension of a chunk",
        chunks + b"1;" + b"x" * 40 * MILLION + b"\r\n",
        [400, 413, 431],
    )
    yield "many small chunks", chunks + b"1\r\n1\r\n" * 300_000 + b"0\r\n\r\n", [422]
    yield "many trailers", chunks + b"1\r\n1\r\n0\r\n" + b"x: y\r\n" * 150_000 + b"\r\n", [400, 431]
    yield (
        "a body of another coding",
        post(b"/typed", JSON, b"\x1f\x8b\x08", b"Content-Encoding: gzip"),
        [415],
    )


@pytest.fixture(scope="module")
def generous(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hostile]:
    with served(tmp_path_factory.mktemp("generous") / "log", "--generous") as hostile:
        yield hostile


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hostile]:
    with served(tmp_path_factory.mktemp("usual") / "log", "--development") as hostile:
        yield hostile


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("rows", [json_bodies, forms, targets, heads])
def test_hostile_input_is_answered(generous: Hostile, rows: Callable[[], Iterator[Row]]) -> None:
    wrong = [
        f"{name}: {text}" for name, data, right in rows() for text in judged(generous, data, right)
    ]
    assert wrong == [], "\n".join(wrong)
    assert generous.log.read_text() == ""


@pytest.mark.slow
def test_the_usual_limits_turn_away_what_is_large(usual: Hostile) -> None:
    """In development: what is answered fits the document there, or it would be logged."""
    wrong = [
        f"{name}: {text}" for name, data, right in large() for text in judged(usual, data, right)
    ]
    assert wrong == [], "\n".join(wrong)
    assert usual.log.read_text() == ""


def large() -> Iterator[Row]:
    yield "ten million digits", post(b"/echo", JSON, DIGITS), [413]
    yield "a million fields", post(b"/permits", FORM, b"a=1&" * MILLION), [413]
    yield "fields that fit", post(b"/permits", FORM, b"a=1&" * 400_000), [413]
    yield "a million parts", post(b"/papers", PARTS, part(b"a", b"1") * MILLION + END), [413]
    yield "lists in lists", post(b"/echo", JSON, nested(b"[", 900_000, b"]")), [400]
    yield "a million parameters", get(BASE + b"/lights?" + b"on=1&" * MILLION), [414]
    yield "a million segments", get(BASE + b"/a" * MILLION), [414]
    yield "a million cookies", get(BASE + b"/status", b"Cookie: " + b"a=1; " * MILLION), [431]
    yield "many fields", get(BASE + b"/status", *[b"x: y"] * 1000), [431]
    yield "a huge method", get(BASE + b"/status", method=b"G" * MILLION), [400, 405, 501]
    yield "a huge host", get(BASE + b"/status", host=b"x" * MILLION), [431]
    yield "many ranges", get(b"/static/page.txt", b"Range: bytes=" + b"0-0," * 5000), [200, 416]


def judged(server: Hostile, data: bytes, right: Sequence[int]) -> Iterator[str]:
    """Yield what is wrong with the answer to one row."""
    before, began = server.forget_peak(), server.processor_time()
    try:
        status, fields, body = server.ask(data)
    except (TimeoutError, ValueError, IndexError) as error:
        yield f"no answer: {error!r}"
        return
    seconds, growth = server.processor_time() - began, server.peak() - before
    if status not in right:
        yield f"{status} {body[:300]!r}"
    if seconds > SECONDS:
        yield f"it took {seconds:.1f} s"
    if growth > MEGABYTES * 2**20 + FACTOR * len(data):
        yield f"{growth >> 20} MiB for {len(data) / 2**20:.1f} MiB"
    if status >= 400:
        yield from badly_told(status, fields, body)


def badly_told(status: int, fields: Mapping[bytes, bytes], body: bytes) -> Iterator[str]:
    """Yield what is wrong with a problem document."""
    if fields.get(b"content-type") != b"application/problem+json":
        yield f"told as {fields.get(b'content-type')!r}"
        return
    problem = json.loads(body)
    if problem["status"] != status:
        yield f"told as {problem['status']}"
    if len(problem.get("errors", [])) > FAULTS or len(body) > 100_000:
        yield f"{len(problem.get('errors', []))} faults in {len(body)} bytes"
