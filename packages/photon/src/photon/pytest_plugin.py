"""Fixtures for the tests of applications; pytest finds them when photon is installed.

=================  ============================================================================
``app``            the application: what photon.toml names, unless the project has its own fixture
``client``         a `photon.testing.Client` of it, in process
``live_client``    an ``httpx2.Client`` of it over a real socket
``live_url``       where a real server serves it
=================  ============================================================================

The application is started anew for each test, in the environment ``test``. The plugin loads
nothing of Photon until a test asks for a fixture.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import httpx2

    from photon.testing import Client


@pytest.fixture
def app() -> Any:
    """The application that photon.toml names under [project]; override it to test another."""
    from photon_cli._project import Project

    return Project.here(environment="test").load_app()


@pytest.fixture
def client(app: Any) -> Iterator[Client]:
    """A client of ``app``, in process; errors of the application are raised in the test."""
    from photon.testing import Client

    with Client(app) as made:
        yield made


@pytest.fixture
def live_client(app: Any) -> Iterator[httpx2.Client]:
    """A client of ``app`` over a real socket."""
    from photon.testing import live_client as serving

    with serving(app) as made:
        yield made


@pytest.fixture
def live_url(app: Any) -> Iterator[str]:
    """Where a real server serves ``app``, without a slash at the end."""
    from photon_runtime.testing import live_server

    with live_server(app, development=True) as server:
        yield server.url
