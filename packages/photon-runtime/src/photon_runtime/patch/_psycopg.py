"""psycopg cooperates as soon as the program imports it; see `photon_runtime.drivers.psycopg`."""

from __future__ import annotations


def cooperate(_: object) -> None:
    """Let all connections of psycopg wait in the hub. Doing it again is harmless."""
    # Imported only now, because psycopg is optional. And from the module, not from its package:
    # that may be what imports psycopg, and then it is not complete yet.
    from ..drivers.psycopg.installation import install

    install()
