"""The servers under test, and how each is started.

To add one, put its application into ``servers/``, its distributions into ``peers.in``, and a
`Server` into ``SERVERS``.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench import _floor, _peers

FOLDER = Path(__file__).parent / "servers"
ALL = ("json", "typed", "post")
FLOOR = "floor"
FASTAPI = "fastapi"
PEERS_PYTHON = (str(_peers.PYTHON), "-E")  # -E: a PYTHONPATH of ours is not theirs


def _nothing() -> None:
    """Prepare nothing."""


@dataclass(frozen=True, slots=True)
class Server:
    """One server under test.

    Attributes:
        command: Gives the command line for a port; it is run in ``servers/``.
        scenarios: Names of those that it supports.
        prepare: Called once before the first start; raises BenchError when that fails.
        peers: Distributions of the peers' environment whose versions are reported.
        environ: Variables of the environment that it gets in addition.
    """

    name: str
    about: str
    command: Callable[[int], list[str]]
    scenarios: tuple[str, ...] = ("json",)
    prepare: Callable[[], None] = field(default=_nothing)
    peers: tuple[str, ...] = ()
    environ: Mapping[str, str] = field(default_factory=dict)


def _photon(port: int) -> list[str]:
    run = [sys.executable, "-m", "photon_cli", "run", "photon_app:app"]
    return [*run, "--host", "127.0.0.1", "--port", str(port)]


def _fastapi(port: int) -> list[str]:
    run = [*PEERS_PYTHON, "-m", "uvicorn", "fastapi_app:app", "--loop", "uvloop"]
    run += ["--http", "httptools", "--workers", "1", "--no-access-log", "--log-level", "warning"]
    return [*run, "--host", "127.0.0.1", "--port", str(port)]


def _granian(port: int) -> list[str]:
    run = [*PEERS_PYTHON, "-m", "granian", "--interface", "rsgi", "--loop", "uvloop"]
    run += ["--workers", "1", "--runtime-threads", "1", "--no-access-log", "granian_app:app"]
    return [*run, "--host", "127.0.0.1", "--port", str(port)]


def _script(python: Sequence[str], name: str) -> Callable[[int], list[str]]:
    return lambda port: [*python, name, str(port)]


METRICS = {"PHOTON__OBSERVABILITY__METRICS": "/metrics"}
_LOGGED = {"PHOTON__OBSERVABILITY__ACCESS_LOG": "true", "PHOTON__LOG__FORMAT": "json"}
_IDENTIFIED = {"PHOTON__MIDDLEWARE__REQUEST_ID__HEADER": "X-Request-ID"}
_OBSERVED = {**METRICS, **_LOGGED, **_IDENTIFIED}

_SERVERS = (
    Server(
        name=FLOOR,
        about="C epoll loop, constant response",
        command=lambda port: [str(_floor.PROGRAM), str(port)],
        prepare=_floor.compile_floor,
    ),
    Server(name="photon", about="the whole framework", command=_photon, scenarios=ALL),
    Server(
        name="photon-metrics",
        about="the whole framework, metrics on",
        command=_photon,
        environ=METRICS,
    ),
    Server(
        name="photon-logged",
        about="the whole framework, a JSON access log on",
        command=_photon,
        environ=_LOGGED,
    ),
    Server(
        name="photon-identified",
        about="the whole framework, request ids on",
        command=_photon,
        environ=_IDENTIFIED,
    ),
    Server(
        name="photon-observed",
        about="the whole framework, metrics, request ids and a JSON access log on",
        command=_photon,
        environ=_OBSERVED,
    ),
    Server(
        name="photon-runtime",
        about="photon_runtime.http, bare handler",
        command=_script([sys.executable], "photon_runtime_app.py"),
    ),
    Server(
        name=FASTAPI,
        about="FastAPI on uvicorn, uvloop, httptools; async def",
        command=_fastapi,
        scenarios=ALL,
        prepare=_peers.ensure,
        peers=("fastapi", "starlette", "pydantic", "uvicorn", "uvloop", "httptools"),
    ),
    Server(
        name="granian",
        about="granian, bare RSGI handler",
        command=_granian,
        prepare=_peers.ensure,
        peers=("granian", "uvloop"),
    ),
    Server(
        name="fastwsgi",
        about="fastwsgi (C), bare WSGI application",
        command=_script(PEERS_PYTHON, "fastwsgi_server.py"),
        prepare=_peers.ensure,
        peers=("fastwsgi",),
    ),
    Server(
        name="gevent",
        about="gevent.pywsgi, bare WSGI application",
        command=_script(PEERS_PYTHON, "gevent_server.py"),
        prepare=_peers.ensure,
        peers=("gevent", "greenlet"),
    ),
)
SERVERS: Mapping[str, Server] = {server.name: server for server in _SERVERS}
