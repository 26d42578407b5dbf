"""Whether a document has the shape of an OpenAPI document.

The judges are the JSON Schemas that the OpenAPI Initiative publishes, one for each version; they
lie in ``openapi_schemas``. From 3.1 on schemas within the document are JSON Schemas themselves and
are checked as such. A judge is compiled when the first document of its version is checked, which
takes some milliseconds: an application that loads no document does without.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from importlib import resources
from itertools import islice
from typing import Any, Final

import attrs
import jsonschema_rs

from ..messages import choices, pointer_of, shorten

MAX_PROBLEMS: Final = 100
VERSIONS: Final = ("3.0", "3.1", "3.2")
_FOLDER = resources.files(__package__) / "openapi_schemas"
_LONGEST_MESSAGE = 300


@attrs.frozen
class Problem:
    """Something that is wrong with a document.

    Attributes:
        pointer: Where: a JSON pointer.
        message: What it is, and what to do where that is not plain.
    """

    pointer: str
    message: str

    def __str__(self) -> str:
        """Return both."""
        return f"{self.pointer}: {self.message}"


def problems_of_shape(data: Any) -> list[Problem]:
    """Return what in a document has a wrong shape, ``MAX_PROBLEMS`` at most."""
    version = data.get("openapi")
    known = str(version)[:3]
    if not isinstance(version, str) or known not in VERSIONS or version[3:4] not in ("", "."):
        found = repr(version) if version else "nothing"
        return [Problem("/openapi", f"{found} is not a version 3 of OpenAPI; write 3.1.0")]
    found_problems = (
        problem for error in _judge(known).iter_errors(data) for problem in _problems(error)
    )
    return list(dict.fromkeys(islice(found_problems, MAX_PROBLEMS)))


@cache
def _judge(version: str) -> Any:
    schema = json.loads((_FOLDER / f"{version}.json").read_text(encoding="utf-8"))
    if version == "3.0":
        return jsonschema_rs.Draft4Validator(schema, mask="it", offline=True)
    # The anchor of the outermost schema counts: it says what the schemas in a document are.
    dialect = {"$dynamicAnchor": "meta", "$ref": schema["$schema"]}
    return jsonschema_rs.Draft202012Validator(
        {"$id": "urn:photon:openapi", "$ref": schema["$id"], "$defs": {"schema": dialect}},
        registry=jsonschema_rs.Registry([(schema["$id"], schema)]),
        mask="it",
        offline=True,
    )


def _problems(error: Any) -> Iterator[Problem]:
    kind, place = error.kind, list(error.instance_path)
    branches = getattr(kind, "context", None)
    if branches and (inner := _meant(branches)):
        for each in inner:
            yield from _problems(each)
        return
    unexpected = getattr(kind, "unexpected", None)
    for name in unexpected or ():
        message = "a path begins with a slash" if place == ["paths"] else "is not known here"
        yield Problem(pointer_of([*place, name]), message)
    if unexpected is None:
        yield Problem(pointer_of(place), shorten(_in_words(error), limit=_LONGEST_MESSAGE))


def _meant(branches: Iterable[Sequence[Any]]) -> Sequence[Any]:
    """Return the errors of the branch that was meant: no reference, and the fewest errors."""
    plain = [branch for branch in branches if not any(_wants_reference(each) for each in branch)]
    return min(plain, key=len, default=())


def _wants_reference(error: Any) -> bool:
    return getattr(error.kind, "property", None) == "$ref"


def _in_words(error: Any) -> str:
    kind = error.kind
    if isinstance(kind, jsonschema_rs.ValidationErrorKind.Required):
        return f"lacks {kind.property!r}"
    if isinstance(kind, jsonschema_rs.ValidationErrorKind.Enum):
        return f"must be one of {choices(kind.options)}"
    if isinstance(kind, jsonschema_rs.ValidationErrorKind.Type):
        return f"must be of type {' or '.join(kind.types)}"
    return str(error.message)
