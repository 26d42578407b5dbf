"""Pieces of models: types, a mixin and names, beside SQLAlchemy's own.

====================  =========================================================================
``_utc_datetime``     `UtcDateTime`, `utc_now`: times with a time zone on every database
``_timestamps``       `Timestamps`: when a row was made and changed
``_enum_type``        `enum_type`: members of an enumeration, stored by their values
``_json_document``    `JsonDocument`: JSON whose changes in place are not lost in silence
``_conventions``      `NAMING_CONVENTION`, `COLUMN_TYPES`: for the base class of an application
====================  =========================================================================

There is no base class: the classes of two applications would share its registry. An application
writes its own::

    class Base(DeclarativeBase):
        metadata = MetaData(naming_convention=NAMING_CONVENTION)
        type_annotation_map = COLUMN_TYPES
"""

from ._conventions import COLUMN_TYPES as COLUMN_TYPES
from ._conventions import NAMING_CONVENTION as NAMING_CONVENTION
from ._enum_type import enum_type as enum_type
from ._json_document import JsonDocument as JsonDocument
from ._timestamps import Timestamps as Timestamps
from ._utc_datetime import UtcDateTime as UtcDateTime
from ._utc_datetime import utc_now as utc_now
