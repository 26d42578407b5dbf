"""`serving_errors`: the errors of a document, and the operations that each of them concerns.

One list decides for everything that reads documents: `lint` shows it as its errors, the start of an
application refuses it, and a mock serves all operations but those that an error concerns.

An error is one of a single operation (a parameter that no style can represent), or one of a part
that operations refer to (a schema): then it concerns all operations that reach the part. Other
errors concern no operation, such as a missing title or a wrong schema that is not used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import attrs

from ..document import Document, Operation, Problem
from ._limits import wrong_limits
from ._operations import (
    duplicate_parameters,
    invalid_defaults,
    undeclared_security,
    unmatchable_paths,
    unreadable_parameters,
    unusable_schemes,
)
from ._schemas import invalid_schemas


@attrs.frozen
class ServingRule:
    """A rule whose violations prevent a document, or operations of it, from being served.

    Attributes:
        id: The stable id, which is that of the linter, too.
        check: A function that yields the violations.
        is_of_handlers: True if only handlers need what is wrong: a mock serves the operation.
    """

    id: str
    check: Callable[[Document], Iterator[Problem]]
    is_of_handlers: bool = False


def _structure(document: Document) -> Iterator[Problem]:
    yield from document.errors()


RULES: Final = (
    ServingRule("structure", _structure),
    ServingRule("schema-invalid", invalid_schemas),
    ServingRule("path-query", unmatchable_paths),
    ServingRule("parameter-duplicate", duplicate_parameters),
    ServingRule("parameter-unreadable", unreadable_parameters),
    ServingRule("parameter-default", invalid_defaults, is_of_handlers=True),
    ServingRule("security-undeclared", undeclared_security),
    ServingRule("security-scheme", unusable_schemes),
    ServingRule("extension-invalid", wrong_limits),
)
"""The rules, in the order of their errors."""


@attrs.frozen
class ServingError:
    """An error of a document.

    Attributes:
        rule: Its rule.
        problem: The location and the description.
    """

    rule: ServingRule
    problem: Problem


@attrs.frozen
class ServingErrors:
    """The errors of a document.

    Attributes:
        document: The document.
        listed: All errors.
    """

    document: Document
    listed: tuple[ServingError, ...]

    @property
    def texts(self) -> list[str]:
        """The errors as texts, each with its location."""
        return list(dict.fromkeys(str(each.problem) for each in self.listed))

    def by_operation(self, *, with_handlers: bool = False) -> dict[str, list[Problem]]:
        """Return the errors for which operations cannot be served, by the operations' pointers.

        Args:
            with_handlers: Includes the errors of what only handlers need.
        """
        result: dict[str, list[Problem]] = {}
        for each in self.listed:
            if each.rule.is_of_handlers and not with_handlers:
                continue
            if each.problem.operation is not None:
                result.setdefault(each.problem.operation, []).append(each.problem)
        for operation in self.document.operations():
            problem = self._formal_problem(operation)
            if problem is not None:
                result.setdefault(operation.pointer, []).insert(0, problem)
        return result

    def _formal_problem(self, operation: Operation) -> Problem | None:
        if operation.problem is not None:
            return operation.problem
        if operation.data.get("security") is not None:
            return None  # it is a part of the operation
        return self.document.formal_problem(None, "/security")


def serving_errors(document: Document) -> ServingErrors:
    """Return the errors of a document: none, if all of its operations can be served."""
    rules = RULES[:1] if document.is_unreadable else RULES
    listed = (ServingError(rule, each) for rule in rules for each in rule.check(document))
    return ServingErrors(document, tuple(listed))
