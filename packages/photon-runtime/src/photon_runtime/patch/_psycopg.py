"""psycopg cooperates as soon as the program imports it; see `photon_runtime.drivers.psycopg`."""

from __future__ import annotations


def cooperate(_: object) -> None:
    """Let all connections of psycopg wait in the hub. A second call does nothing."""
    # Imported only here, because psycopg is optional. And from the module, not from its package:
    # if the package is what imports psycopg, it is not complete yet.
    from ..drivers.psycopg.installation import install

    install()
