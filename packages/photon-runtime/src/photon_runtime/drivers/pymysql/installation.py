"""`install`: all connections of the process cooperate, with any library that makes them."""

from __future__ import annotations

from typing import Any

from pymysql import connections

from ._cooperation import Cooperation


def install() -> None:
    """Let every `pymysql.connections.Connection` cooperate. A second call does nothing.

    `photon_runtime.patch` calls it when PyMySQL is imported. It replaces methods of that class, so
    that it and its subclasses behave as `photon_runtime.drivers.pymysql.Connection` does.
    """
    cls: Any = connections.Connection
    for name, method in vars(Cooperation).items():
        if name == "__del__" or not name.startswith("__"):
            setattr(cls, name, method)
