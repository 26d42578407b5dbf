"""Values that an annotation does not describe: objects in them keep their names on the wire.

A handler without an annotation, or with ``Any`` or ``dict[str, object]``, may return objects of
classes. The encoder writes most of them by itself; those with other names on the wire, or another
order, are projected to their own classes. To look at each value costs a few times what its encoding
does, 0.3 µs for a small mapping; an annotation spares it. It is done in every program: a switch for
the process would make the response of one application depend on the classes of another one, and on
which of them is read first.
"""

from __future__ import annotations

import datetime
import decimal
import enum
import uuid
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from ..annotations import class_rules, using_class_rules
from ..schema import mapper_of, members_of

_SCALARS = frozenset(
    (
        *(str, int, float, bool, type(None), bytes, uuid.UUID, decimal.Decimal),
        *(datetime.datetime, datetime.date, datetime.time, datetime.timedelta),
    )
)
_LISTS = frozenset((list, tuple, set, frozenset))
_MOST_CLASSES = 1_000


class ClassProjection(Protocol):
    """What is needed of the projection of a class."""

    is_exact: Callable[[Any], bool]
    project: Callable[[Any], object]


class Undescribed:
    """The projection of values of any class, by the rules for classes that are being used now.

    Args:
        of_class: Makes the projection to a class; ``None`` for values that are sent unchanged.
    """

    def __init__(self, of_class: Callable[[type], ClassProjection | None]) -> None:
        """Begin without classes."""
        self._of_class = of_class
        self._rules = class_rules()
        self._classes: dict[type, ClassProjection | None] = {}

    def is_exact(self, value: Any) -> bool:
        """Return true if a value can be sent unchanged."""
        cls = type(value)
        if cls in _SCALARS:
            return True
        if cls is dict:
            return self._are_exact(value.values())
        if cls in _LISTS:
            return self._are_exact(value)
        projection = self._projection(cls)
        return projection is None or projection.is_exact(value)

    def _are_exact(self, values: Iterable[Any]) -> bool:
        for each in values:  # noqa: SIM110 - twice as fast as all()
            if type(each) not in _SCALARS and not self.is_exact(each):
                return False
        return True

    def project(self, value: Any) -> object:
        """Return a value with the objects in it projected to their classes."""
        cls = type(value)
        if cls is dict:
            return {name: self.project(item) for name, item in value.items()}
        if cls in _LISTS:
            return [self.project(item) for item in value]
        projection = None if cls in _SCALARS else self._projection(cls)
        if projection is None or projection.is_exact(value):
            return value
        return projection.project(value)

    def _projection(self, cls: type) -> ClassProjection | None:
        if cls in self._classes:
            return self._classes[cls]
        if len(self._classes) >= _MOST_CLASSES:  # classes that are made anew
            self._classes.clear()
        self._classes[cls] = None
        with using_class_rules(self._rules):
            try:
                # A mapped object is refused by the encoder, which names the remedy.
                is_class = mapper_of(cls) is None and members_of(cls) is not None
                if is_class and not issubclass(cls, enum.Enum):
                    self._classes[cls] = self._of_class(cls)
            except (TypeError, NameError):  # it cannot be read, and is sent as it is
                return None
        return self._classes[cls]
