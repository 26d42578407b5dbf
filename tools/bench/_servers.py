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
PHOTON = "photon"
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
        speedups: Whether it is Photon with photon-speedups, where that is installed, or in Python
            alone; None for peers.
    """

    name: str
    about: str
    command: Callable[[int], list[str]]
    scenarios: tuple[str, ...] = ("json",)
    prepare: Callable[[], None] = field(default=_nothing)
    peers: tuple[str, ...] = ()
    environ: Mapping[str, str] = field(default_factory=dict)
    speedups: bool | None = None


def _photon(port: int) -> list[str]:
    run = [sys.executable, "-m", "photon_cli", "run", "photon_app:app"]
    return [*run, "--host", "127.0.0.1", "--port", str(port)]


def uvicorn(application: str) -> Callable[[int], list[str]]:
    """Make the command of an ASGI application on uvicorn, with its fastest loop and parser."""
    run = [*PEERS_PYTHON, "-m", "uvicorn", application, "--loop", "uvloop"]
    run += ["--http", "httptools", "--workers", "1", "--no-access-log", "--log-level", "warning"]
    return lambda port: [*run, "--host", "127.0.0.1", "--port", str(port)]


def granian(application: str, *, interface: str = "rsgi") -> Callable[[int], list[str]]:
    """Make the command of an application on granian, one worker with one thread."""
    run = [*PEERS_PYTHON, "-m", "granian", "--interface", interface, "--loop", "uvloop"]
    run += ["--workers", "1", "--runtime-threads", "1", "--no-access-log", application]
    return lambda port: [*run, "--host", "127.0.0.1", "--port", str(port)]


def wsgi(server: str, module: str) -> Callable[[int], list[str]]:
    """Make the command of a WSGI application on a server in C, see ``wsgi_server.py``."""
    return lambda port: [*PEERS_PYTHON, "wsgi_server.py", server, module, str(port)]


def _script(python: Sequence[str], name: str, *options: str) -> Callable[[int], list[str]]:
    return lambda port: [*python, name, str(port), *options]


def photon(
    name: str,
    about: str,
    *,
    environ: Mapping[str, str] | None = None,
    scenarios: tuple[str, ...] = ALL,
    is_python: bool = False,
) -> Server:
    """Make a server of Photon, with photon-speedups where that is installed or without it."""
    way = {"PHOTON_SPEEDUPS": "0"} if is_python else {}
    return Server(
        name=f"{name}-python" if is_python else name,
        about=f"{about}, in Python alone" if is_python else about,
        command=_photon,
        scenarios=scenarios,
        environ={**(environ or {}), **way},
        speedups=not is_python,
    )


METRICS = {"PHOTON__OBSERVABILITY__METRICS": "/metrics"}
_LOGGED = {"PHOTON__OBSERVABILITY__ACCESS_LOG": "true", "PHOTON__LOG__FORMAT": "json"}
_IDENTIFIED = {"PHOTON__MIDDLEWARE__REQUEST_ID__HEADER": "X-Request-ID"}
ROBYN = ("--processes", "1", "--workers", "1", "--log-level", "WARNING")
_OBSERVED = {**METRICS, **_LOGGED, **_IDENTIFIED}

_SERVERS = (
    Server(
        name=FLOOR,
        about="C epoll loop, constant response",
        command=lambda port: [str(_floor.PROGRAM), str(port)],
        prepare=_floor.compile_floor,
    ),
    photon(PHOTON, "the whole framework"),
    photon(PHOTON, "the whole framework", is_python=True),
    photon("photon-metrics", "the whole framework, metrics on", environ=METRICS),
    photon("photon-metrics", "the whole framework, metrics on", environ=METRICS, is_python=True),
    photon(
        "photon-logged",
        "the whole framework, a JSON access log on",
        environ=_LOGGED,
        scenarios=("json",),
    ),
    photon(
        "photon-identified",
        "the whole framework, request ids on",
        environ=_IDENTIFIED,
        scenarios=("json",),
    ),
    photon(
        "photon-observed",
        "the whole framework, metrics, request ids and a JSON access log on",
        environ=_OBSERVED,
        scenarios=("json",),
    ),
    Server(
        name="photon-runtime",
        about="photon_runtime.http, bare handler",
        command=_script([sys.executable], "photon_runtime_app.py"),
        speedups=True,
    ),
    Server(
        name=FASTAPI,
        about="FastAPI on uvicorn, uvloop, httptools; async def",
        command=uvicorn("fastapi_app:app"),
        scenarios=ALL,
        prepare=_peers.ensure,
        peers=("fastapi", "starlette", "pydantic", "uvicorn", "uvloop", "httptools"),
    ),
    Server(
        name="falcon-bjoern",
        about="Falcon and msgspec on bjoern (C)",
        command=wsgi("bjoern", "falcon_app"),
        scenarios=ALL,
        prepare=_peers.ensure,
        peers=("falcon", "bjoern", "msgspec"),
    ),
    Server(
        name="oxapy",
        about="oxapy (Rust) with its serializers",
        command=_script(PEERS_PYTHON, "oxapy_server.py"),
        scenarios=ALL,
        prepare=_peers.ensure,
        peers=("oxapy", "orjson"),
    ),
    Server(
        name="blacksheep",
        about="BlackSheep, pydantic and orjson on granian, uvloop; async def",
        command=granian("blacksheep_app:app", interface="asgi"),
        scenarios=ALL,
        prepare=_peers.ensure,
        peers=("blacksheep", "granian", "pydantic", "orjson", "uvloop"),
    ),
    Server(
        name="blacksheep-uvicorn",
        about="BlackSheep, pydantic and orjson on uvicorn, uvloop, httptools; async def",
        command=uvicorn("blacksheep_app:app"),
        scenarios=ALL,
        prepare=_peers.ensure,
        peers=("blacksheep", "uvicorn", "pydantic", "orjson", "uvloop", "httptools"),
    ),
    Server(
        name="robyn",
        about="Robyn (Rust) with pydantic",
        command=_script(PEERS_PYTHON, "robyn_server.py", *ROBYN),
        scenarios=ALL,
        prepare=_peers.ensure,
        peers=("robyn", "pydantic", "orjson", "uvloop"),
    ),
    Server(
        name="litestar",
        about="Litestar and msgspec on uvicorn, uvloop, httptools; async def",
        command=uvicorn("litestar_app:app"),
        scenarios=ALL,
        prepare=_peers.ensure,
        peers=("litestar", "msgspec", "uvicorn", "uvloop", "httptools"),
    ),
    Server(
        name="freastal",
        about="freastal (C), bare WSGI application",
        command=wsgi("freastal", "bare_wsgi"),
        prepare=_peers.ensure,
        peers=("freastal",),
    ),
    Server(
        name="bjoern",
        about="bjoern (C), bare WSGI application",
        command=wsgi("bjoern", "bare_wsgi"),
        prepare=_peers.ensure,
        peers=("bjoern",),
    ),
    Server(
        name="fastpysgi",
        about="fastpysgi (C), bare WSGI application",
        command=wsgi("fastpysgi", "bare_wsgi"),
        prepare=_peers.ensure,
        peers=("fastpysgi",),
    ),
    Server(
        name="fastwsgi",
        about="fastwsgi (C), bare WSGI application",
        command=wsgi("fastwsgi", "bare_wsgi"),
        prepare=_peers.ensure,
        peers=("fastwsgi",),
    ),
    Server(
        name="granian",
        about="granian (Rust), bare RSGI handler",
        command=granian("granian_app:app"),
        prepare=_peers.ensure,
        peers=("granian", "uvloop"),
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
