"""Conventions for the base class of an application's models."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from ._json_document import JsonDocument
from ._utc_datetime import UtcDateTime

NAMING_CONVENTION: Final[Mapping[str, str]] = MappingProxyType(
    {
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)
"""Names of indexes and constraints, for ``MetaData(naming_convention=NAMING_CONVENTION)``.

Databases choose names of their own for constraints without one, and a migration cannot drop what it
cannot name.
"""

COLUMN_TYPES: Final[Mapping[Any, Any]] = MappingProxyType(
    {
        datetime.datetime: UtcDateTime(),
        dict[str, Any]: JsonDocument(),
        list[Any]: JsonDocument(),
    }
)
"""Types of columns by their annotations, for ``type_annotation_map = COLUMN_TYPES``."""
