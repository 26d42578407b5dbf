"""``anyOf`` and ``oneOf``: the errors of the intended branch.

A value that matches no branch has errors in each branch, and those of one branch are reported. A
discriminator (OpenAPI 3.1, "Discriminator Object") selects the intended branch; it does not change
which values are valid. Without a discriminator it is the branch that the value is closest to: a
wrong tag counts more than any number of errors, and a branch for another type of value is excluded.

A few errors of each branch are collected instead of all, since a value may be large and there may
be many branches.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from jsonschema.exceptions import ValidationError

from ..messages import shorten

_BRANCH_ERRORS = 20


def any_of(
    validator: Any, branches: Sequence[Any], instance: object, schema: Mapping[str, Any]
) -> Iterator[ValidationError]:
    """The keyword ``anyOf`` of the listing validator."""
    branch_errors = []
    for branch in branches:
        branch_errors.append(_first_errors(validator, branch, instance))
        if not branch_errors[-1]:
            return
    yield from _no_branch_matches("anyOf", branch_errors, instance, schema)


def one_of(
    validator: Any, branches: Sequence[Any], instance: object, schema: Mapping[str, Any]
) -> Iterator[ValidationError]:
    """The keyword ``oneOf`` of the listing validator."""
    branch_errors = [_first_errors(validator, branch, instance) for branch in branches]
    matching = sum(not errors for errors in branch_errors)
    if matching == 0:
        yield from _no_branch_matches("oneOf", branch_errors, instance, schema)
    elif matching > 1:
        yield ValidationError("oneOf")


def lacks(name: str) -> ValidationError:
    """Return the error of a member that is missing."""
    text = json.dumps(shorten(name), ensure_ascii=False)
    message = f"missing required member {text}"
    return ValidationError(message, validator="required", path=[name])


def _no_branch_matches(
    keyword: str,
    branch_errors: Sequence[list[ValidationError]],
    instance: object,
    schema: Mapping[str, Any],
) -> Iterator[ValidationError]:
    """Yield the errors of the intended branch."""
    discriminator = schema.get("discriminator")
    if isinstance(discriminator, Mapping) and isinstance(instance, dict):
        name = str(discriminator.get("propertyName"))
        if name not in instance:
            yield lacks(name)
            return
        tags = _tags(discriminator, schema[keyword])
        tag = instance[name]
        if not isinstance(tag, str) or tag not in tags:
            yield ValidationError("tag", validator="enum", validator_value=list(tags), path=[name])
            return
        branch = tags[tag]
        if branch is not None:
            yield from branch_errors[branch]
            return
    matching = [branch for branch in branch_errors if not _is_other_type(branch)]
    yield from min(matching, key=_distance) if matching else [_other_type(branch_errors)]


def _is_other_type(branch: list[ValidationError]) -> bool:
    """Whether the branch is for another type of value."""
    return any(error.validator in ("type", None) and not error.path for error in branch)


def _other_type(branch_errors: Sequence[list[ValidationError]]) -> ValidationError:
    """Return the error of a value whose type no branch allows."""
    values: list[Any] = [
        error.validator_value
        for branch in branch_errors
        for error in branch
        if error.validator == "type" and not error.path
    ]
    expected = [name for value in values for name in ([value] if isinstance(value, str) else value)]
    if not expected:
        return ValidationError("is not allowed", validator=None)  # type: ignore[arg-type]  # as of `false`
    return ValidationError("type", validator="type", validator_value=list(dict.fromkeys(expected)))


def _distance(branch: list[ValidationError]) -> tuple[int, int]:
    """Return the distance of a value to a branch: a wrong tag counts more than all errors."""
    tags = sum(error.validator in ("const", "enum") and len(error.path) <= 1 for error in branch)
    return tags, len(branch)


def _tags(discriminator: Mapping[str, Any], branches: Sequence[Any]) -> dict[str, int | None]:
    """Return the allowed tags, each with the number of its branch, or ``None`` if not a branch."""
    numbers: dict[str, int] = {}
    names: dict[str, int] = {}
    for number, branch in enumerate(branches):
        reference = branch.get("$ref") if isinstance(branch, Mapping) else None
        if isinstance(reference, str):
            numbers[reference] = number
            names[reference.rpartition("/")[2]] = number
    mapping = discriminator.get("mapping")
    tags = {
        str(tag): numbers.get(str(target), names.get(str(target)))
        for tag, target in (mapping.items() if isinstance(mapping, Mapping) else ())
    }
    # A branch also has its component's name as a tag, unless the mapping names it.
    mapped = set(tags.values())
    return tags | {name: number for name, number in names.items() if number not in mapped}


def _first_errors(validator: Any, branch: Any, instance: object) -> list[ValidationError]:
    return list(itertools.islice(validator.descend(instance, branch), _BRANCH_ERRORS))
