"""Send one request to a server, and check the response, before the load."""

import http.client
import json

from bench.errors import BenchError
from bench.scenarios import Exchange, Scenario

_TIMEOUT = 20.0  # seconds for one response; a supervisor listens before its workers answer
_QUOTE = 200  # characters of a wrong response quoted in an error


def probe(scenario: Scenario, *, port: int) -> None:
    """Send the scenario's request and those to be refused.

    Raises:
        BenchError: No response, or a wrong status or JSON body; the message has both sides.
    """
    for exchange in (scenario.load, *scenario.refused):
        try:
            status, body = ask(exchange, port=port)
        except (OSError, http.client.HTTPException) as error:
            raise BenchError(
                f"{exchange.method} {exchange.target}: no answer ({error!r})"
            ) from error
        check(exchange, status=status, body=body)


def check(exchange: Exchange, *, status: int, body: bytes) -> None:
    """Compare a response with the expected one.

    Raises:
        BenchError: Status or JSON body differ.
    """
    what = f"{exchange.method} {exchange.target}"
    got = body[:_QUOTE].decode(errors="replace")
    if status not in exchange.statuses:
        wanted = " or ".join(map(str, exchange.statuses))
        raise BenchError(f"{what}: wanted status {wanted}, got {status}: {got}")
    if exchange.answer is None:
        return
    try:
        right = json.loads(body) == exchange.answer
    except ValueError:
        right = False
    if not right:
        raise BenchError(f"{what}: wanted {json.dumps(exchange.answer)}, got {got}")


def ask(exchange: Exchange, *, port: int) -> tuple[int, bytes]:
    """Send one request on a connection of its own; return status and body.

    Raises:
        OSError: There was no response in time.
        http.client.HTTPException: The response is not HTTP.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT)
    try:
        connection.request(exchange.method, exchange.target, exchange.body, {**exchange.headers})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()
