"""Judging a document: what keeps it from being served, and what could be better.

Rules have ids that stay the same. A *profile* chooses among them:

============  =================================================================================
minimal       what is wrong, or means nothing
recommended   and what clients and readers need
strict        and names written in one way, and values with bounds
camel, snake  recommended, and names in camelCase or snake_case, as warnings
============  =================================================================================
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

import attrs

from ..document import Document, OpenApi, Problem, is_old, schemas_in, upgraded
from . import _lint_operations, _lint_schemas, _lint_style
from ._findings import RANKS, Finding, Profile, Rule, Subject


def _structure(subject: Subject) -> Iterator[Problem]:
    for problem in subject.document.problems():
        pointer, _, message = problem.partition(": ")
        yield Problem(pointer, message)


_MINIMAL: Final = (
    Rule("structure", "error", _structure),
    *_lint_operations.MINIMAL,
    *_lint_schemas.MINIMAL,
)
_RECOMMENDED: Final = (*_MINIMAL, *_lint_operations.RECOMMENDED, *_lint_schemas.RECOMMENDED)
_CASED: Final = tuple(attrs.evolve(rule, level="warning") for rule in _lint_style.CASING)
RULES: Final[Mapping[Profile, tuple[Rule, ...]]] = {
    "minimal": _MINIMAL,
    "recommended": _RECOMMENDED,
    "strict": (*_RECOMMENDED, *_lint_style.STRICT),
    "camel": (*_RECOMMENDED, *_CASED),
    "snake": (*_RECOMMENDED, *_CASED),
}
"""The rules of each profile."""
_OLD: Final = "version-3.0"
IDS: Final = frozenset({rule.id for rules in RULES.values() for rule in rules} | {_OLD})
"""The ids of all rules."""


def lint(
    data: Mapping[str, Any], *, profile: Profile = "recommended", ignore: Collection[str] = ()
) -> list[Finding]:
    """Judge a document.

    Args:
        data: The document, all in one piece; one of OpenAPI 3.0 is read as one of 3.1.
        profile: Which rules count.
        ignore: Ids of rules that do not count.

    Returns:
        What was found, the gravest first, each once.

    Raises:
        ValueError: There is no rule with an id that is to be ignored.

    Example:
        >>> from photon_openapi import lint
        >>> document = {"openapi": "3.1.0", "info": {"title": "A", "version": "1"}, "paths": {
        ...     "/a/": {"get": {"responses": {"200": {"description": "Good."}}}}}}
        >>> [finding.rule for finding in lint(document, profile="minimal")]
        ['path-trailing-slash']
    """
    unknown = sorted(set(ignore) - IDS)
    if unknown:
        raise ValueError(
            f"there is no rule {', '.join(unknown)}; there is {', '.join(sorted(IDS))}"
        )
    data, renewed = upgraded(dict(data))
    found = [Finding(_OLD, "info", each.pointer, each.message) for each in renewed]
    document = Document(data)
    # Of what is no OpenAPI document at all nothing more can be said.
    is_document = isinstance(data.get("openapi"), str) and not _is_lost(document, data)
    schemas = list(schemas_in(data)) if is_document else []
    subject = Subject(document, schemas, profile)
    for rule in RULES[profile]:
        if is_document or rule.id == "structure":
            found += [Finding(rule.id, rule.level, *_parts(each)) for each in rule.check(subject)]
    kept = dict.fromkeys(each for each in found if each.rule not in ignore)
    return sorted(kept, key=lambda each: RANKS[each.level])


def _is_lost(document: Document, data: OpenApi) -> bool:
    return is_old(data) or any(each.pointer == "/openapi" for each in document.problems_of_shape)


def _parts(problem: Problem) -> tuple[str, str]:
    return problem.pointer, problem.message
