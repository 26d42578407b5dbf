"""Fixtures for the tests of applications; pytest finds them when photon is installed.

=================  ============================================================================
``app``            the application that photon.toml names, unless the project has its own fixture
``client``         a `photon.testing.Client` of it, in process
``jobs``           its jobs, as `photon_tasks.testing.ApplicationJobs`: the ``jobs`` of ``client``
``live_client``    a `photon.testing.LiveClient` of it, over a real socket
``live_url``       the URL of a real server that serves it
``deliveries``     a function that returns the mails which it has sent
``db``             a session of its database, empty but for what the test has written
``database``       the `photon_lifeguard.Database` of that session
``databases``      all databases of the application, as `photon_lifeguard.Databases`
``database_schema``  what makes the tables; override it where that is not found
=================  ============================================================================

The application is started anew for each test, in the environment ``test``. For the project's
application, ``[server] max_body_size`` limits bodies. The plugin imports nothing of Photon until a
test uses a fixture, and nothing of the database layer for applications without one.

In a project, ``PHOTON_ENV`` is ``test`` before any file of tests is imported: an application that
such a file imports, and that reads settings at its import, has those of the tests. Another name is
kept, as ``photon -e NAME test`` sets it, but not ``development`` or ``production``.

An application with a `photon_lifeguard.DatabasePart` gets temporary databases in place of its own.
They are cleaned up after each test: ``@pytest.mark.database("rollback")`` or ``"fresh"`` chooses
how, and the ini option ``photon_database`` for all tests.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ._database_fixtures import add_marker, add_option
from ._database_fixtures import database as database
from ._database_fixtures import database_schema as database_schema
from ._database_fixtures import databases as databases
from ._database_fixtures import db as db
from ._database_fixtures import photon_databases as photon_databases
from ._database_fixtures import photon_no_real_database as photon_no_real_database
from ._database_fixtures import photon_temporary_databases as photon_temporary_databases

if TYPE_CHECKING:
    from photon.testing import Client, LiveClient
    from photon_runtime.http import ServerSettings
    from photon_runtime.project import Project
    from photon_tasks.mail import OutgoingMail
    from photon_tasks.testing import ApplicationJobs


def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Set the environment of the tests; called by pytest before it imports any of them."""
    folder = Path.cwd()
    if not any((each / "photon.toml").is_file() for each in (folder, *folder.parents)):
        return
    before = os.environ.get("PHOTON_ENV")
    if before not in (None, "", "development", "production"):
        return
    os.environ["PHOTON_ENV"] = "test"
    early_config.add_cleanup(lambda: _restore(before))


def _restore(environment: str | None) -> None:
    if environment is None:
        os.environ.pop("PHOTON_ENV", None)
    else:
        os.environ["PHOTON_ENV"] = environment


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the ini option ``photon_database``; called by pytest."""
    add_option(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker ``database``; called by pytest."""
    add_marker(config)


@pytest.fixture
def _photon_project() -> Project:
    """The project around the current folder."""
    from photon_runtime.project import Project

    return Project.here(environment="test")


@pytest.fixture(autouse=True)
def photon_cheap_passwords(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let hashes of passwords cost little in every test that uses ``app``."""
    if "app" not in request.fixturenames or "photon_router" not in sys.modules:
        yield
        return
    from photon_router.security import cheap_passwords

    with cheap_passwords():
        yield


@pytest.fixture
def app(_photon_project: Project) -> Any:
    """The application that photon.toml names under [project]; override it to test another."""
    return _photon_project.load_app()


@pytest.fixture
def _photon_limits(app: Any, request: pytest.FixtureRequest) -> ServerSettings:
    """The limits of bodies: those of the project, if ``app`` is its application."""
    from photon_runtime.http import ServerSettings

    if "_photon_project" not in request.fixturenames:  # ``app`` was overridden
        return ServerSettings()
    project: Project = request.getfixturevalue("_photon_project")
    settings = project.settings.read(ServerSettings)
    return ServerSettings(max_body_size=settings.max_body_size)


@pytest.fixture
def client(app: Any, _photon_limits: ServerSettings, photon_databases: Any) -> Iterator[Client]:
    """A client of ``app``, in process; errors of the application are raised in the test."""
    from photon.testing import Client

    with Client(app, body_limit=_photon_limits.max_body_size) as client:
        yield client


@pytest.fixture
def jobs(client: Client) -> ApplicationJobs:
    """The jobs of ``app``, which ``client`` has started."""
    return client.jobs


@pytest.fixture
def live_client(
    app: Any, _photon_limits: ServerSettings, photon_databases: Any
) -> Iterator[LiveClient]:
    """A client of ``app`` over a real socket."""
    from photon import testing

    with testing.live_client(app, settings=_photon_limits) as live_client:
        yield live_client


@pytest.fixture
def live_url(app: Any, _photon_limits: ServerSettings, photon_databases: Any) -> Iterator[str]:
    """The URL of a real server that serves ``app``, without a slash at the end."""
    from photon_runtime.testing import live_server

    with live_server(app, settings=_photon_limits, development=True) as server:
        yield server.url


@pytest.fixture
def deliveries(app: Any) -> Callable[[], Sequence[OutgoingMail]]:
    """A function that returns the mails which ``app`` has sent, the oldest first."""
    from photon import testing

    return lambda: testing.deliveries(app)
