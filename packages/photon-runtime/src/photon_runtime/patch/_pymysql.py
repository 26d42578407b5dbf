"""PyMySQL cooperates as soon as the program imports it; see `photon_runtime.drivers.pymysql`."""

from __future__ import annotations


def cooperate(_: object) -> None:
    """Let all connections of PyMySQL wait in the hub. A second call does nothing."""
    # Imported only here, because PyMySQL is optional. And from the module, not from its package:
    # if the package is what imports PyMySQL, it is not complete yet.
    from ..drivers.pymysql.installation import install

    install()
