"""`sqlite3` cooperates as soon as the program imports it; see `photon_runtime.drivers.sqlite`."""

from __future__ import annotations

from types import ModuleType

from ._late import rebind_names
from ._replacements import Replacement


def cooperate(module: ModuleType) -> None:
    """Let all connections of `sqlite3` wait in the hub. A second call does nothing."""
    # Imported only here, because most programs do not use it. And from the module, not from its
    # package: if the package is what imports sqlite3, it is not complete yet.
    from ..drivers.sqlite.installation import install

    rebind_names(
        [
            Replacement(module, name, value, original)
            for name, (original, value) in install().items()
        ]
    )
