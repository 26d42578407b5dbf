"""Findings and rules of the linter."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final, Literal, TypeAlias

import attrs

from ..document import Document, OpenApi, Problem, SchemaLocation

Level: TypeAlias = Literal["error", "warning", "info"]
Profile: TypeAlias = Literal["minimal", "recommended", "strict", "camel", "snake"]

RANKS: Final[Mapping[str, int]] = {"error": 0, "warning": 1, "info": 2}
"""Levels, the most severe first."""


@attrs.frozen
class Finding:
    """An error in a document, or a possible improvement.

    Attributes:
        rule: The id of the rule, which is stable.
        level: The severity. An ``error`` prevents the document from being served.
        pointer: The location as a JSON pointer.
        message: The description of the finding, and of its correction.
    """

    rule: str
    level: Level
    pointer: str
    message: str


@attrs.frozen
class Subject:
    """The document that rules check.

    Attributes:
        document: The document, as one of OpenAPI 3.1.
        schemas: Its schemas, each once.
        profile: The profile.
    """

    document: Document
    schemas: list[SchemaLocation]
    profile: Profile

    @property
    def data(self) -> OpenApi:
        """The document as plain data."""
        return self.document.data


@attrs.frozen
class Rule:
    """A rule.

    Attributes:
        id: The stable id.
        level: The severity of its findings.
        check: A function that yields the violations.
    """

    id: str
    level: Level
    check: Callable[[Subject], Iterator[Problem]]
