"""Servers on which tests make no databases.

Tests never use a database that exists: they make their own, under names that only they use. What
remains to refuse is a server that other people work with.
"""

from __future__ import annotations

import ipaddress
import re

from sqlalchemy.engine import URL

from .._database_settings import DatabaseSettings
from ..errors import DatabaseConfigurationError

_TEST = re.compile(r"(?:^|[^a-z])tests?(?:[^a-z]|$)", re.IGNORECASE)


def is_test_name(name: str) -> bool:
    """Return whether the name of a database has ``test`` as one of its words."""
    return _TEST.search(name) is not None


def refuse_shared_server(url: URL, settings: DatabaseSettings) -> None:
    """Refuse to make databases on a server that may be used by other people, or by a pooler.

    Raises:
        DatabaseConfigurationError: The server is on another machine and the name of the database
            does not have ``test`` as one of its words, or a pooler is in front of the server.
    """
    if settings.transaction_pooling:
        raise DatabaseConfigurationError(
            "tests make databases and hold locks of the session, which a pooler in transaction "
            "mode does not pass on: in config/test.toml set [database] url to the address of the "
            "server itself, and transaction_pooling to false"
        )
    if _is_near(url) or is_test_name(url.database or ""):
        return
    raise DatabaseConfigurationError(
        f"[database] url of the environment test names the database {url.database!r} of the server "
        f"{url.host}. Tests make databases on that server, so the name must show that it is for "
        "tests: set it in config/test.toml, as in postgresql://host/shop_test (the database "
        "itself is not used and need not exist)"
    )


def _is_near(url: URL) -> bool:
    """Return whether a server is on this machine, or in its network of containers."""
    hosts = [url.host or "", *_as_tuple(url.query.get("host", ()))]
    return all(_is_near_host(host) for host in hosts)


def _is_near_host(host: str) -> bool:
    if not host or host.startswith(("/", "@")) or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _as_tuple(value: str | tuple[str, ...]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else value
