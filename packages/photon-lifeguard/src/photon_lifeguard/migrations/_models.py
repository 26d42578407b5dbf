"""The models that migrations are compared with."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase, configure_mappers

from photon_runtime.tracebacks import readable

from ..database import Database
from ..errors import MigrationError


def load_models(database: Database) -> MetaData:
    """Import the models of a database.

    Raises:
        MigrationError: The setting ``models`` is missing, or cannot be imported.

    Blocks: while the modules are imported.
    """
    target = database.settings.models
    if not target:
        raise MigrationError(
            "the models are not known: name them in photon.toml, as module:attribute of the "
            f'declarative base class:\n\n    [database]\n    models = "{_guess()}"\n'
        )
    make_importable(database)
    module_name, _, attribute = target.partition(":")
    try:
        value: object = importlib.import_module(module_name)
    except Exception as error:
        raise MigrationError(
            f'[database] models = "{target}": importing {module_name} failed:\n{readable(error)}'
        ) from error
    for name in attribute.split(".") if attribute else ():
        value = getattr(value, name, None)
    metadata = value if isinstance(value, MetaData) else getattr(value, "metadata", None)
    if not isinstance(metadata, MetaData):
        raise MigrationError(
            f'[database] models = "{target}" is not a declarative base class and not a MetaData; '
            'name it as module:attribute, as in "board.models:Base"'
        )
    configure_mappers()  # some tables are made only then
    return metadata


def make_importable(database: Database) -> None:
    """Let the modules of the project be imported, as the command line does for applications."""
    folder = str(database.folder or Path.cwd())
    if folder not in sys.path:
        sys.path.insert(0, folder)


def _guess() -> str:
    """Return the name of the one base class that is imported already, else an example."""
    bases = [base for base in DeclarativeBase.__subclasses__() if base.metadata.tables]
    if len(bases) == 1:
        return f"{bases[0].__module__}:{bases[0].__qualname__}"
    return "board.models:Base"
