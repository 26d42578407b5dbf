"""What a linter finds, and what its rules are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final, Literal, TypeAlias

import attrs

from ..document import Document, OpenApi, Problem, SchemaLocation

Level: TypeAlias = Literal["error", "warning", "info"]
Profile: TypeAlias = Literal["minimal", "recommended", "strict", "camel", "snake"]

RANKS: Final[Mapping[str, int]] = {"error": 0, "warning": 1, "info": 2}
"""Levels, the gravest first."""


@attrs.frozen
class Finding:
    """Something in a document that is wrong, or could be better.

    Attributes:
        rule: The id of the rule, which stays the same.
        level: How grave it is. An ``error`` keeps the document from being served.
        pointer: Where it stands: a JSON pointer.
        message: What it is, and what to do.
    """

    rule: str
    level: Level
    pointer: str
    message: str


@attrs.frozen
class Subject:
    """What rules look at.

    Attributes:
        document: The document, in the words of OpenAPI 3.1.
        schemas: Its schemas, each once.
        profile: What is asked for.
    """

    document: Document
    schemas: list[SchemaLocation]
    profile: Profile

    @property
    def data(self) -> OpenApi:
        """The document itself."""
        return self.document.data


@attrs.frozen
class Rule:
    """A rule.

    Attributes:
        id: What it is called, for good.
        level: How grave it is to break it.
        check: Yields the places where it is broken.
    """

    id: str
    level: Level
    check: Callable[[Subject], Iterator[Problem]]
