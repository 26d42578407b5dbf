"""Linting: the errors that prevent a document from being served, and possible improvements.

Rules have stable ids. A *profile* selects them:

============  =================================================================================
minimal       errors, and parts without effect
recommended   minimal, and information that clients and readers need
strict        recommended, and consistent names and bounded values
camel, snake  recommended, and names in camelCase or snake_case, as warnings
============  =================================================================================
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

import attrs

from ..document import Document, Problem, is_old, schemas_in, upgraded
from ..serving import RULES as SERVING_RULES
from ..serving import ServingRule
from . import _lint_operations, _lint_schemas, _lint_style
from ._findings import RANKS, Finding, Profile, Rule, Subject


def _error(rule: ServingRule) -> Rule:
    return Rule(rule.id, "error", lambda subject: rule.check(subject.document))


_MINIMAL: Final = (
    *map(_error, SERVING_RULES),
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
    """Lint a document.

    Args:
        data: The document, bundled; one of OpenAPI 3.0 is read as one of 3.1.
        profile: The profile, which selects the rules.
        ignore: Ids of rules to ignore.

    Returns:
        The findings, the most severe first, without duplicates.

    Raises:
        ValueError: An ignored id is not that of a rule.

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
            f"the rule {', '.join(unknown)} does not exist; the rules are {', '.join(sorted(IDS))}"
        )
    data, rewrites = upgraded(dict(data))
    findings = [Finding(_OLD, "info", each.pointer, each.message) for each in rewrites]
    document = Document(data)
    # Other rules do not apply to data that is not an OpenAPI document.
    is_document = not (is_old(data) or document.is_unreadable)
    schemas = list(schemas_in(data)) if is_document else []
    subject = Subject(document, schemas, profile)
    for rule in RULES[profile]:
        if is_document or rule.id == "structure":
            findings += [
                Finding(rule.id, rule.level, *_parts(each)) for each in rule.check(subject)
            ]
    unique = dict.fromkeys(each for each in findings if each.rule not in ignore)
    return sorted(unique, key=lambda each: RANKS[each.level])


def _parts(problem: Problem) -> tuple[str, str]:
    return problem.pointer, problem.message
