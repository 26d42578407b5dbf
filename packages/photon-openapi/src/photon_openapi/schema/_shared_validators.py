"""One validator for all schemas of a document whose schemas refer to most of it.

A compiled schema contains everything that it refers to. That is the fastest and, for most
documents, small. But where schemas refer to each other, each of them contains the whole document:
400 operations over 400 such schemas took more than a minute and some gigabytes.

So the size of what is compiled is counted. As long as it is within a few times the size of the
document, each schema has a validator of its own. Beyond that, all schemas are compiled together, as
the properties of one object, where each component is compiled once; the validator of a schema
then wraps its value in an object with one member.
"""

from __future__ import annotations

from typing import Any, Final

from ..document import Definitions, schemas_in
from ._compiled import Predicate, Schema, compiled
from ._formats import STRINGS, with_limits

_KEY: Final = "validators"
_FREE: Final = 20_000
_TIMES: Final = 2


class SharedValidators:
    """Decides whether a schema of a document has its own validator.

    Args:
        definitions: The document.
    """

    def __init__(self, definitions: Definitions) -> None:
        """Begin with nothing compiled."""
        self._definitions = definitions
        self._left = _FREE + _TIMES * len(definitions.parts)
        self._shared: dict[bool, tuple[Predicate, dict[int, str]] | None] = {}

    @classmethod
    def of(cls, definitions: Definitions) -> SharedValidators:
        """Return the validators of a document."""
        known: SharedValidators | None = definitions.memo.get(_KEY)
        if known is None:
            known = definitions.memo[_KEY] = cls(definitions)
        return known

    def shared(self, schema: Schema, *, assert_formats: bool) -> Predicate | None:
        """Return the predicate of a schema of the document; ``None`` to compile it by itself."""
        if self._left > 0:
            self._left -= self._definitions.weight(schema)
            return None
        if assert_formats not in self._shared:
            self._shared[assert_formats] = self._together(assert_formats=assert_formats)
        together = self._shared[assert_formats]
        if together is None or id(schema) not in together[1]:
            return None
        is_valid, name = together[0], together[1][id(schema)]
        return lambda value: is_valid({name: value})

    def _together(self, *, assert_formats: bool) -> tuple[Predicate, dict[int, str]] | None:
        """Compile all schemas that are well-formed; ``None`` if that fails."""
        definitions = self._definitions
        locations = [
            each
            for each in schemas_in(dict(definitions.document), outermost=True)
            if definitions.is_well_formed(each.schema, each.pointer)
        ]
        names = {id(each.schema): each.pointer for each in locations}
        schemas: dict[str, Any] = {each.pointer: each.schema for each in locations}
        rooted = definitions.rooted({"properties": schemas})
        try:
            if assert_formats:
                is_valid = compiled(with_limits(rooted), assert_formats=True, formats=STRINGS)
            else:
                is_valid = compiled(rooted)
        except ValueError:
            return None
        return is_valid, names
