"""What a database offers to ``photon console``: a session, and the models by their names."""

from __future__ import annotations

import importlib
import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.orm import DeclarativeBase

from .transactions import awaits_commit

if TYPE_CHECKING:
    from .part import Databases

_log = logging.getLogger("photon.database")


@contextmanager
def console_values(databases: Databases) -> Iterator[Mapping[str, object]]:
    """Yield ``db``, ``databases`` and the models of ``[database] models`` by their names.

    The databases are those of the console alone. Changes that were not committed are rolled back
    at the end, and a warning says so.
    """
    with ExitStack() as stack:
        for database in (databases.default, *databases.named.values()):
            stack.enter_context(database.life())
        session = stack.enter_context(databases.default.session())
        models: dict[str, object] = {}
        for database in (databases.default, *databases.named.values()):
            models |= _models(database.settings.models, database.folder)
        yield {**models, "db": session, "databases": databases}
        if awaits_commit(session) or session.new or session.dirty or session.deleted:
            _log.warning("changes of the console are rolled back; db.commit() commits them")


def _models(target: str, folder: Path | None) -> dict[str, object]:
    """Import the models of a database, and return all mapped classes by name."""
    if not target:
        return {}
    path = str(folder or Path.cwd())
    if path not in sys.path:
        sys.path.insert(0, path)
    importlib.import_module(target.partition(":")[0])
    found: dict[str, object] = {}
    for base in _bases(DeclarativeBase):
        found.setdefault(base.__name__, base)
        for mapper in base.registry.mappers:
            cls = mapper.class_
            found.setdefault(cls.__name__, cls)
    return dict(sorted(found.items()))


def _bases(cls: type[DeclarativeBase]) -> Iterator[type[DeclarativeBase]]:
    """Yield the declarative bases: the classes that have a registry of their own."""
    for below in cls.__subclasses__():
        if "registry" in below.__dict__:
            yield below
