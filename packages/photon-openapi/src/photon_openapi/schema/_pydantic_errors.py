"""The errors of pydantic, as paths and messages of Photon: the only module that reads them.

pydantic repeats parts of values in some of its messages; these are replaced. Its locations name
branches of unions and validators, too, which a JSON pointer does not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def pydantic_errors(error: Any, value: object) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield path and message of each error of pydantic; the messages do not repeat the value.

    Args:
        error: The exception of pydantic.
        value: What was validated.
    """
    for each in error.errors(include_url=False, include_input=False):
        yield _path_in(value, each["loc"], each["type"]), message_of_pydantic(each)


def _path_in(value: object, steps: tuple[str | int, ...], kind: str) -> tuple[str | int, ...]:
    """Return a location of pydantic as a path: without the names of branches and validators."""
    path: list[str | int] = []
    for index, step in enumerate(steps):
        is_absent = kind == "missing" and index == len(steps) - 1
        if isinstance(value, dict) and (step in value or is_absent):
            path.append(step)
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            path.append(step)
            value = value[step]
    return tuple(path)


def message_of_pydantic(error: Mapping[str, Any]) -> str:
    """Return the message of one error, as it is written for errors of schemas."""
    context = error.get("ctx", {})
    if error["type"] in ("value_error", "assertion_error"):
        return str(context.get("error", "")) or "is not allowed"
    if error["type"] == "union_tag_invalid":  # pydantic repeats the value
        return f"must have one of these as {context['discriminator']}: {context['expected_tags']}"
    known = _MESSAGES.get(error["type"])
    return known or str(error["msg"]).replace("Input should be ", "must be ", 1)


_MESSAGES = {
    "missing": "is required",
    "extra_forbidden": "unknown member",
    "uuid_parsing": "expected a UUID",  # pydantic repeats a part of the value
}
