"""Install the servers of the tests that only the operating system has: ``dev.py servers``.

PostgreSQL and Valkey are in the environment, as wheels. There are no wheels of MariaDB, of
PgBouncer, of RabbitMQ, of the load generator wrk, of a browser with its driver, and of libev, with
which one of the benchmark's peers is compiled: on Debian and Ubuntu they come from packages, which
only root can install. Ubuntu has Chromium as a snap only: there, install Chrome and chromedriver if
they are missing. The tests start servers of their own from the programs, so the services of the
packages are not needed.
``mariadb-server-core`` does not have one. Those of ``pgbouncer`` and ``rabbitmq-server`` are not
started: for the time of the installation ``policy-rc.d`` forbids it, where the system does not have
such a policy already, and afterwards the services are disabled.

The file uses the standard library alone, and does not need the environment.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from environments import Failure, say

PROGRAMS = {
    "mariadbd": "mariadb-server-core",
    "mariadb-install-db": "mariadb-server-core",
    "my_print_defaults": "mariadb-client-core",
    "pgbouncer": "pgbouncer",
    "chromium": "chromium",
    "chromedriver": "chromium-driver",
    "rabbitmq-server": "rabbitmq-server",
    "wrk": "wrk",
}
"""The programs that the tests run, and the packages of Debian and Ubuntu that hold them."""

HEADERS = {"ev.h": "libev-dev"}
"""The headers that the benchmark's peers are compiled with, and the packages that hold them."""

_ALTERNATIVES = {"chromium": ("chromium-browser", "google-chrome", "google-chrome-stable")}

_SERVICES = ("pgbouncer", "rabbitmq-server")
_ADVICE = (
    "install MariaDB's server, PgBouncer, RabbitMQ, wrk and Chromium with its driver, and put them "
    "in PATH; install the header of libev in /usr/include or /usr/local/include"
)
_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin")  # often missing in PATH
_INCLUDES = (Path("/usr/include"), Path("/usr/local/include"))
_POLICY = Path("/usr/sbin/policy-rc.d")


def install_servers() -> None:
    """Install what is missing; do nothing if nothing is.

    Raises:
        Failure: This user or this system cannot; the advice names the packages.
    """
    missing = [*missing_programs(), *missing_headers()]
    if not missing:
        say("MariaDB, PgBouncer, RabbitMQ, wrk, libev and a browser are installed")
        return
    packages = sorted({(PROGRAMS | HEADERS)[name] for name in missing})
    command = f"apt-get install --no-install-recommends {' '.join(packages)}"
    problem = f"these are not installed: {', '.join(missing)}"
    if not shutil.which("apt-get"):
        raise Failure(problem, advice=_ADVICE)
    if os.geteuid() != 0:
        raise Failure(problem, advice=f"run `sudo {command}`")
    say(command)
    with _services_stay_off():
        _run("apt-get", "update", "-qq")
        _run("apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages)
    for service in _SERVICES:
        if service in packages:
            _run("update-rc.d", service, "disable")
    still_missing = [*missing_programs(), *missing_headers()]
    if still_missing:
        raise Failure(
            f"the packages {', '.join(packages)} lack {', '.join(still_missing)}",
            advice=_ADVICE,
        )


def missing_programs() -> list[str]:
    """Return the programs that are not installed."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), *_FOLDERS])
    return [
        name
        for name in PROGRAMS
        if not any(shutil.which(each, path=path) for each in (name, *_ALTERNATIVES.get(name, ())))
    ]


def missing_headers() -> list[str]:
    """Return the headers that are not installed."""
    return [name for name in HEADERS if not any((each / name).exists() for each in _INCLUDES)]


@contextmanager
def _services_stay_off() -> Iterator[None]:
    """Let packages start no service for the time of a block; a policy that exists stays."""
    if _POLICY.exists():
        yield
        return
    _POLICY.write_text("#!/bin/sh\nexit 101\n")
    _POLICY.chmod(0o755)
    try:
        yield
    finally:
        _POLICY.unlink()


def _run(*command: str) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(
        command,
        check=False,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    if done.returncode != 0:
        raise Failure(
            f"`{' '.join(command)}` failed:\n{done.stdout}",
            advice="see the message above, then run `dev.py servers` again",
        )
