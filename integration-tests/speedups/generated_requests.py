"""Bytes that a server may receive as one request: well-formed ones, odd ones and broken ones.

Everything comes from a seed, so a failure can be repeated. `samples` mixes requests that are put
together from lists of usual and unusual parts, some of them cut, repeated or joined, and mutations
of their bytes. About a third are ordinary, because a comparison of what is refused proves little.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any, Final

import attrs

from photon_runtime.http import ServerSettings

_METHODS: Final = (
    *(b"GET", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS"),
    *(b"HEAD", b"TRACE", b"QUERY", b"CONNECT", b"PROPFIND", b"M-SEARCH", b"PRI", b"SETUP"),
    *(b"get", b"GETX", b"GE", b"POSTPOST", b"G ET", b"", b"GET ", b" GET", b"\tGET", b"GET\x00"),
)
_TARGETS: Final = (
    *(b"/", b"/items/1", b"/items?x=1&y=2", b"/a/b/c.html"),
    *(b"/%C3%A9?q=%20", b"/?", b"/??", b"/?/"),
    *(b"//", b"//host/path", b"/../..", b"/a;b=c", b"/a:b@c", b"/!$'()*+,;=", b"/a?b=c#d", b"/a#"),
    *(b"/~user", b"/a b", b"/a\tb", b'/"', b"/<>", b"/\\"),
    *(b"/^`{|}", b"/[::1]", b"/\x7f", b"/\x80"),
    *(b"/\xc3\xa9", b"/\x00", b"/\r", b"/\n", b"/%", b"/%zz", b"*", b"", b"a", b"?a", b"#"),
    *(b"http://a.example/x?y", b"http://a.example"),
    *(b"https://b.example:8/", b"HTTP://A/", b"ftp://a/"),
    *(b"http://u@a.example/", b"a.example:443", b"/http://a/"),
    *(b"/" + b"a" * 300, b"/?" + b"q" * 300),
)
_VERSIONS: Final = (
    *(b"HTTP/1.1", b"HTTP/1.0", b"HTTP/0.9", b"HTTP/2.0", b"HTTP/1.2", b"HTTP/1.11", b"HTTP/11"),
    *(b"http/1.1", b"HTTP/1.1 ", b" HTTP/1.1", b"HTTP/1,1", b"HTTPS/1.1", b"ICE/1.0", b"RTSP/1.0"),
    *(b"", b"HTTP", b"HTTP/", b"HTTP/1.", b"HTTP/1.1\x00", b"\tHTTP/1.1"),
)
_HOSTS: Final = (
    *(b"a.example", b"127.0.0.1:8000", b"[::1]:80", b"a", b"A.EXAMPLE", b"a.example:", b"a_b.c"),
    *(b"a.example:65535", b"a.example:655360", b"user@a.example", b"a/b", b"a b", b"a,b", b"a%20b"),
    *(
        b"",
        b"[::1",
        b"::1",
        b"a:b",
        b"\xc3\xa9.example",
        b"a\x00",
        b"a\t",
        b"a.example:80:80",
        b"*",
    ),
)
_NAMES: Final = (
    *(b"Accept", b"User-Agent", b"Accept-Encoding", b"Cookie", b"X-Trace", b"x_trace", b"X", b"Te"),
    *(b"Content-Type", b"Authorization", b"Origin", b"Referer", b"Cache-Control", b"If-None-Match"),
    *(b"Trailer", b"Keep-Alive", b"Date", b"Range", b"From", b"Sec-Fetch-Mode", b"X-Forwarded-For"),
    *(b"Content_Length", b"Content-Lengths", b"Hosts"),
    *(b"Transfer-Encodin", b"Upgrade-Insecure-Requests"),
    *(b"9", b"-", b"_", b"X.Y", b"X!Y", b"X#$%&'*+-.^_`|~", b"X Y"),
    *(b"X ", b" X", b"\tX", b"", b"X\x00"),
    *(b"X\xc3\xa9", b"X(", b"X/", b"X@", b'X"', b"X\r", b"X\n"),
    *(b"X" * 64, b"X" * 65, b"HTTP2-Settings"),
)
_VALUES: Final = (
    *(b"1", b"*/*", b"text/html,application/json;q=0.9", b"a=b; c=d", b"Mozilla/5.0 (X11; Linux)"),
    *(b"gzip, deflate, br", b"Bearer abc.def", b'"etag"', b"a  b", b"a\tb", b" a", b"a ", b"\ta\t"),
    *(b"  a  ", b"", b" ", b"\t", b"a\x00b", b"a\x01b", b"a\x7fb"),
    *(b"\xc3\xa9", b"a\x80", b"\xff", b"a\rb"),
    *(b"a\nb", b"a\r\n b", b"a\r\n\tb", b"a\r\n \r\n", b"x" * 200),
    *(b"x" * 3000, b"a:b", b":", b",", b"\x0b"),
)
_LENGTHS: Final = (
    *(b"0", b"1", b"5", b"05", b"0000000000000000005", b"+5", b"-5"),
    *(b" 5 ", b"\t5", b"5\t", b"5,5", b"5, 5"),
    *(b"5 5", b"0x5", b"5.0", b"five", b"", b"99", b"1000000", b"2097153", b"999999999999999"),
    *(b"1000000000000000", b"18446744073709551615"),
    *(b"18446744073709551616", b"9" * 30, b"5;", b"5\x00"),
    *(b"\xef\xbc\x95", b"1_0", b"00", b"000000000000005"),
)
_CONNECTIONS: Final = (
    *(b"keep-alive", b"Keep-Alive", b"KEEP-ALIVE", b"close", b"Close", b"upgrade", b"Upgrade"),
    *(
        b"keep-alive, close",
        b"keep-alive, Upgrade",
        b"keep-alive,",
        b" keep-alive ",
        b"keep-alive\t",
    ),
    *(b"keepalive", b"x", b"", b"te", b"TE, keep-alive", b"keep-alive keep-alive", b"host"),
)
_CODINGS: Final = (
    *(b"chunked", b"Chunked", b"identity", b"gzip, chunked", b"chunked, chunked", b"chunked, gzip"),
    *(b"", b"x", b" chunked", b"chunked\x0b", b"xchunked"),
)
_EXPECTATIONS: Final = (b"100-continue", b"100-Continue", b"x", b"", b"200-ok")
_UPGRADES: Final = (b"websocket", b"h2c", b"h2c, websocket", b"", b"TLS/1.0")
_BODIES: Final = (
    *(b"", b"hello", b"hell", b"hello!", b"x", b"\r\n", b"\x00" * 5, b"5\r\nhello\r\n0\r\n\r\n"),
    *(
        b"0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"a=1&b=2",
        b'{"a": [1, 2]}',
        b"\xff" * 99,
    ),
    b"z" * 70_000,
)
_PREFIXES: Final = (b"\r\n", b"\n", b"\r\n\r\n", b"\r", b" ", b"\x00", b"\xef\xbb\xbf", b"\n\r\n")
_SEPARATORS: Final = (b":", b" : ", b"", b" ", b":\t", b":\t ", b"::", b" :", b":   ", b"\t:")
_ENDS: Final = (b"\n", b"\r", b"\n\r", b"\r\r\n", b"", b" \r\n", b"\r\n\r\n")
_FRAGMENTS: Final = (
    *(
        b"\r\n",
        b"\n",
        b"\r",
        b"\x00",
        b":",
        b" ",
        b"\t",
        b"\x80",
        b"\xff",
        b"\x7f",
        b",",
        b";",
        b"#",
    ),
    *(b"Host: b\r\n", b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"\r\n\r\n"),
    *(
        b"Connection: close\r\n",
        b"Upgrade: h2c\r\n",
        b"Expect: 100-continue\r\n",
        b"Cookie: a=b\r\n",
    ),
    *(b"Proxy-Connection: close\r\n", b"GET / HTTP/1.1\r\n", b"%0d%0a", b" HTTP/1.1"),
)


@attrs.frozen
class Sample:
    """What arrives in one piece at a server.

    Attributes:
        data: The bytes.
        settings: The limits of the server.
    """

    data: bytes
    settings: ServerSettings


def samples(seed: int, count: int) -> Iterator[Sample]:
    """Return ``count`` samples; another ``seed`` gives other ones."""
    writer = RequestWriter(seed)
    for _ in range(count):
        yield writer.sample()


class RequestWriter:
    """Writes requests, each with some probability of something odd at every place."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._last = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
        self._oddity = 0.0

    def sample(self) -> Sample:
        """Return the next sample: a request, cut, repeated, mutated, or none of it."""
        chance = self._random.random
        # Most requests have nothing odd, or one thing: two hide each other.
        self._oddity = self._random.choice((0.0, 0.0, 0.02, 0.05, 0.1))
        data = self.request()
        kind = chance()
        if kind < 0.05:
            data = data[: self._random.randrange(len(data) + 1)]
        elif kind < 0.08:
            data += self.request()
        elif kind < 0.10:
            data = self._random.choice(_PREFIXES) + data
        elif kind < 0.40:
            data = self._mutate(data)
        self._last = data
        return Sample(data, self._settings(data))

    def request(self) -> bytes:
        """Return one request."""
        line = self._line()
        body = self._pick(_BODIES[:1]) if chance_of(self._random, 0.6) else self._body()
        fields = self._fields(body)
        self._random.shuffle(fields)
        return b"".join([line, *fields, self._end(), body])

    def _pick(self, choices: tuple[bytes, ...], usual: int = 1) -> bytes:
        """Return one of the ``usual`` first choices, or sometimes any."""
        is_odd = self._random.random() < self._oddity
        return self._random.choice(choices if is_odd else choices[:usual])

    def _end(self) -> bytes:
        return self._pick((b"\r\n", *_ENDS))

    def _line(self) -> bytes:
        space = self._pick((b" ", b"  ", b"\t", b"", b" \t"))
        method, target = self._pick(_METHODS, 6), self._pick(_TARGETS, 8)
        return b"".join([method, space, target, b" ", self._pick(_VERSIONS), self._end()])

    def _body(self) -> bytes:
        return self._random.choice(_BODIES[1:8]) if self._oddity else b"hello"

    def _field(self, name: bytes, value: bytes) -> bytes:
        if self._random.random() < self._oddity:
            name = name.swapcase()
        return b"".join([name, self._pick((b": ", *_SEPARATORS), 2), value, self._end()])

    def _fields(self, body: bytes) -> list[bytes]:
        fields = [
            self._field(self._pick(_NAMES, 16), self._pick(_VALUES, 9))
            for _ in range(self._random.choice((0, 1, 2, 3, 8)))
        ]
        for _ in range(self._random.choices((1, 0, 2), (1, self._oddity / 4, self._oddity / 4))[0]):
            fields.append(self._field(b"Host", self._pick(_HOSTS, 7)))
        if body:
            length = b"%d" % len(body)
            fields.append(self._field(b"Content-Length", self._pick((length, *_LENGTHS))))
        for name, values, usual in (
            (b"Content-Length", _LENGTHS, 0.0),
            (b"Connection", _CONNECTIONS, 0.2),
            (b"Proxy-Connection", _CONNECTIONS, 0.0),
            (b"Transfer-Encoding", _CODINGS, 0.0),
            (b"Expect", _EXPECTATIONS, 0.0),
            (b"Upgrade", _UPGRADES, 0.0),
        ):
            if chance_of(self._random, usual + self._oddity / 4):
                value = self._random.choice(values) if not usual else self._pick(values)
                fields.append(self._field(name, value))
        if fields and chance_of(self._random, self._oddity / 4):
            fields.append(self._random.choice(fields))
        return fields

    def _mutate(self, data: bytes) -> bytes:
        changed = bytearray(data)
        for _ in range(self._random.choice((1, 1, 1, 2, 4))):
            at = self._random.randrange(len(changed) + 1)
            end = at + self._random.choice((1, 1, 2, 8))
            match self._random.randrange(7):
                case 0:
                    changed[at:end] = bytes(
                        byte ^ 1 << self._random.randrange(8) for byte in changed[at:end]
                    )
                case 1:
                    changed[at:at] = self._random.randbytes(1)
                case 2:
                    changed[at:at] = self._random.choice(_FRAGMENTS)
                case 3:
                    del changed[at:end]
                case 4:
                    changed[at:at] = changed[at:end]
                case 5:
                    changed[at:end] = self._random.choice(_FRAGMENTS)
                case _:
                    changed[at:] = self._last[self._random.randrange(len(self._last) + 1) :]
        return bytes(changed)

    def _settings(self, data: bytes) -> ServerSettings:
        """Return the usual limits, or one that is met exactly, or exceeded by one."""
        if not chance_of(self._random, 0.1):
            return DEFAULTS
        head, _, body = data.partition(b"\r\n\r\n")
        target = len([*head.split(b" ", 2), b"", b""][1])
        lines = head.split(b"\r\n")[1:]
        fields = sum(len(line) - 2 for line in lines)
        name, size = self._random.choice(
            (
                ("max_target_size", target),
                ("max_headers", len(lines)),
                ("max_header_size", len(head) + 4),
                ("max_header_size", fields),
                ("max_body_size", len(body)),
            )
        )
        return limited(name, max(1, size + self._random.choice((-1, 0, 0, 1))))


DEFAULTS: Final = ServerSettings()


def limited(name: str, size: object) -> ServerSettings:
    """Return the usual settings with another limit."""
    limits: dict[str, Any] = {name: size}
    return attrs.evolve(DEFAULTS, **limits)


def chance_of(source: random.Random, probability: float) -> bool:
    """Return true with some probability."""
    return source.random() < probability
