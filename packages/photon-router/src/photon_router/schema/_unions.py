"""``anyOf`` and ``oneOf``, and the discriminator that says which of their branches is meant.

Of each branch a few faults are kept instead of all, since a value may be large and branches many. A
discriminator (OpenAPI 3.1, "Discriminator Object") does not change what is valid. It says which
branch a refused value was meant for: then the faults of that one are told, or that its tag is
wrong, and nothing of the others.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from jsonschema.exceptions import ValidationError

from ._faults import shorten

_BRANCH_FAULTS = 20


def any_of(
    validator: Any, branches: Sequence[Any], instance: object, schema: Mapping[str, Any]
) -> Iterator[ValidationError]:
    """The keyword ``anyOf`` of the listing validator."""
    found = []
    for index, branch in enumerate(branches):
        found.append(_first_errors(validator, branch, instance, index))
        if not found[-1]:
            return
    yield from _none_fits("anyOf", found, instance, schema)


def one_of(
    validator: Any, branches: Sequence[Any], instance: object, schema: Mapping[str, Any]
) -> Iterator[ValidationError]:
    """The keyword ``oneOf`` of the listing validator."""
    found = [
        _first_errors(validator, branch, instance, index) for index, branch in enumerate(branches)
    ]
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
    """Tell the faults of the branch that the discriminator names; without one, all of them."""
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
    yield ValidationError(keyword, context=[error for errors in found for error in errors])


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


def _first_errors(
    validator: Any, branch: Any, instance: object, index: int
) -> list[ValidationError]:
    found = validator.descend(instance, branch, schema_path=index)
    errors = list(itertools.islice(found, _BRANCH_FAULTS))
    for error in errors:
        if not error.relative_schema_path:  # jsonschema forgets it where the branch is `false`
            error.relative_schema_path.appendleft(index)
    return errors
