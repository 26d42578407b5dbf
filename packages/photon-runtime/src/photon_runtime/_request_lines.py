"""The lines of the access log as JSON: many at once, from what the requests have left.

Theory of operation. A request leaves a tuple, which is all that it does for its line. The loop here
has what the lines have in common in local variables: the second of the time is formatted once, and
so are routes, addresses and numbers of up to three digits. What could need escaping in JSON (a
quote, a backslash, anything but printable ASCII) is rare, and such a line is encoded by `msgspec`.
"""

from __future__ import annotations

import time
from typing import Any, Final
from urllib.parse import unquote_to_bytes

import msgspec

RequestEvent = tuple[float, float, "str | None", str, str, int, "str | None", "str | None"]
"""When it began and ended (of `time.perf_counter`), its id, method, raw path, status, the template
of its route, and the address of its client."""
_encode = msgspec.json.Encoder(enc_hook=str).encode
_THOUSANDTHS: Final = tuple(f".{number:03d}" for number in range(1000))
_NUMBERS: Final = tuple(str(number) for number in range(1000))


def request_lines(events: list[RequestEvent]) -> bytes:
    """Return the lines of requests that were answered as usual, with their ends."""
    wall = time.time() - time.perf_counter()
    second, moment = 0, ""
    literals: dict[str | None, str] = {None: "null"}
    lines = []
    for started, ended, request_id, method, path, status, route, client in events:
        created = ended + wall
        if not 0.0 <= created - second < 1.0:
            second = int(created // 1.0)
            moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        duration = max(0, int((ended - started) * 1e6))  # in microseconds
        code = _NUMBERS[status]
        message = f"{method} {path} {code}"
        if request_id is None:
            identity = ""
        elif request_id.isalnum() and request_id.isascii():
            identity = f'"request_id":"{request_id}",'
        else:
            identity = f'"request_id":{_literal(request_id)},'
        if (
            message.isprintable()
            and message.isascii()
            and '"' not in message
            and "\\" not in message
        ):
            said = f'"{message}"'
            named = f'"{method}","path":"{path}"'
            if "%" in path:
                named = f'"{method}","path":{_literal(_decoded(path))}'
        else:
            said = _literal(message)
            named = f'{_literal(method)},"path":{_literal(_decoded(path))}'
        try:
            template, address = literals[route], literals[client]
        except KeyError:
            literals[route], literals[client] = _literal(route), _literal(client)
            template, address = literals[route], literals[client]
        lines.append(
            f'{{"time":"{moment}{_THOUSANDTHS[int((created - second) * 1000.0)]}Z"'
            f',"level":"info","logger":"photon.access","message":{said},{identity}"method":{named}'
            f',"status":{code},"duration_ms":{duration // 1000}{_THOUSANDTHS[duration % 1000]}'
            f',"route":{template},"client":{address}}}\n'
        )
    return "".join(lines).encode()


def _literal(value: Any) -> str:
    """Return a value as JSON; a lone surrogate, which UTF-8 does not have, as an escape."""
    try:
        return _encode(value).decode()
    except UnicodeEncodeError:
        return _encode(value.encode("utf-8", "backslashreplace").decode()).decode()


def _decoded(path: str) -> str:
    return unquote_to_bytes(path).decode("utf-8", "replace") if "%" in path else path
