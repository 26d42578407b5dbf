"""``anyOf`` and ``oneOf``: the errors of the branch that was meant.

A value that fits no branch has errors in each of them, of which those of one are told. A
discriminator (OpenAPI 3.1, "Discriminator Object") says which one was meant; it does not change
what is valid. Without one it is the branch that the value is nearest to: a wrong tag counts more
than any number of errors, and a branch for another type of value altogether is out of question.

Of each branch a few errors are looked for instead of all, since a value may be large and branches
many.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from jsonschema.exceptions import ValidationError

from ..messages import shorten

_BRANCH_FAULTS = 20


def any_of(
    validator: Any, branches: Sequence[Any], instance: object, schema: Mapping[str, Any]
) -> Iterator[ValidationError]:
    """The keyword ``anyOf`` of the listing validator."""
    found = []
    for branch in branches:
        found.append(_first_errors(validator, branch, instance))
        if not found[-1]:
            return
    yield from _none_fits("anyOf", found, instance, schema)


def one_of(
    validator: Any, branches: Sequence[Any], instance: object, schema: Mapping[str, Any]
) -> Iterator[ValidationError]:
    """The keyword ``oneOf`` of the listing validator."""
    found = [_first_errors(validator, branch, instance) for branch in branches]
    fitting = sum(not errors for errors in found)
    if fitting == 0:
        yield from _none_fits("oneOf", found, instance, schema)
    elif fitting > 1:
        yield ValidationError("oneOf")


def lacks(name: str) -> ValidationError:
    """Return the error of a member that is missing."""
    text = json.dumps(shorten(name), ensure_ascii=False)
    message = f"missing required member {text}"
    return ValidationError(message, validator="required", path=[name])


def _none_fits(
    keyword: str,
    found: Sequence[list[ValidationError]],
    instance: object,
    schema: Mapping[str, Any],
) -> Iterator[ValidationError]:
    """Tell the errors of the branch that was meant."""
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
            yield from found[branch]
            return
    fitting = [branch for branch in found if not _is_other_type(branch)]
    yield from min(fitting, key=_distance) if fitting else [_other_type(found)]


def _is_other_type(branch: list[ValidationError]) -> bool:
    """Whether the branch speaks of another kind of value altogether."""
    return any(error.validator in ("type", None) and not error.path for error in branch)


def _other_type(found: Sequence[list[ValidationError]]) -> ValidationError:
    """Return the error of a value whose type none of the branches is for."""
    values: list[Any] = [
        error.validator_value
        for branch in found
        for error in branch
        if error.validator == "type" and not error.path
    ]
    wanted = [name for value in values for name in ([value] if isinstance(value, str) else value)]
    if not wanted:
        return ValidationError("is not allowed", validator=None)  # type: ignore[arg-type]  # as of `false`
    return ValidationError("type", validator="type", validator_value=list(dict.fromkeys(wanted)))


def _distance(branch: list[ValidationError]) -> tuple[int, int]:
    """How far the value is from a branch: a wrong tag counts more than any number of errors."""
    tags = sum(error.validator in ("const", "enum") and len(error.path) <= 1 for error in branch)
    return tags, len(branch)


def _tags(discriminator: Mapping[str, Any], branches: Sequence[Any]) -> dict[str, int | None]:
    """Return the tags that may be given, each with the number of its branch if it is one."""
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
    # A branch is also known by its name, unless the mapping gives it others.
    mapped = set(tags.values())
    return tags | {name: number for name, number in names.items() if number not in mapped}


def _first_errors(validator: Any, branch: Any, instance: object) -> list[ValidationError]:
    return list(itertools.islice(validator.descend(instance, branch), _BRANCH_FAULTS))
