"""psycopg cooperates as soon as the program imports it; see `photon_runtime.drivers.psycopg`."""

from __future__ import annotations


def cooperate(_: object) -> None:
    """Let all connections of psycopg wait in the hub. Doing it again is harmless."""
    from ..drivers.psycopg import install  # only now: psycopg is optional

    install()
