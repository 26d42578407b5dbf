"""The errors of a document by the schema of OpenAPI.

Documents are validated by the JSON Schemas that the OpenAPI Initiative publishes, one for each
version; they are in the folder ``openapi_schemas``. From 3.1 on, schemas within the document are
themselves JSON Schemas and are checked as such. A validator is compiled when the first document of
its version is checked, which takes some milliseconds that an application without a loaded document
does not spend.
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
    """A problem of a document.

    Attributes:
        pointer: The location as a JSON pointer.
        message: The description of the problem, and of the correction where that is not obvious.
        operation: The pointer of the only operation that it concerns; ``None`` if the references of
            operations decide.
    """

    pointer: str
    message: str
    operation: str | None = attrs.field(default=None, kw_only=True, eq=False)

    def __str__(self) -> str:
        """Return pointer and message."""
        return f"{self.pointer}: {self.message}"


def schema_errors(data: Any, *, limit: int = MAX_PROBLEMS) -> list[Problem]:
    """Return the errors of a document by the schema of OpenAPI, at most ``limit``."""
    version = data.get("openapi")
    known = str(version)[:3]
    if not isinstance(version, str) or known not in VERSIONS or version[3:4] not in ("", "."):
        actual = repr(version) if version else "nothing"
        return [Problem("/openapi", f"{actual} is not a version 3 of OpenAPI; write 3.1.0")]
    problems = (
        problem for error in _validator(known).iter_errors(data) for problem in _problems(error)
    )
    return list(dict.fromkeys(islice(problems, limit)))


@cache
def _validator(version: str) -> Any:
    schema = json.loads((_FOLDER / f"{version}.json").read_text(encoding="utf-8"))
    if version == "3.0":
        return jsonschema_rs.Draft4Validator(schema, mask="it", offline=True)
    # The dynamic anchor of the outermost schema determines the dialect of schemas in a document.
    dialect = {"$dynamicAnchor": "meta", "$ref": schema["$schema"]}
    return jsonschema_rs.Draft202012Validator(
        {"$id": "urn:photon:openapi", "$ref": schema["$id"], "$defs": {"schema": dialect}},
        registry=jsonschema_rs.Registry([(schema["$id"], schema)]),
        mask="it",
        offline=True,
    )


def _problems(error: Any) -> Iterator[Problem]:
    kind, path = error.kind, list(error.instance_path)
    branches = getattr(kind, "context", None)
    if branches and (inner := _intended_branch(branches)):
        for each in inner:
            yield from _problems(each)
        return
    unexpected = getattr(kind, "unexpected", None)
    for name in unexpected or ():
        message = "a path begins with a slash" if path == ["paths"] else "is not allowed here"
        yield Problem(pointer_of([*path, name]), message)
    if unexpected is None:
        yield Problem(pointer_of(path), shorten(_message(error), limit=_LONGEST_MESSAGE))


def _intended_branch(branches: Iterable[Sequence[Any]]) -> Sequence[Any]:
    """Return the errors of the intended branch: not a reference, and with the fewest errors."""
    plain = [branch for branch in branches if not any(_requires_reference(each) for each in branch)]
    return min(plain, key=len, default=())


def _requires_reference(error: Any) -> bool:
    return getattr(error.kind, "property", None) == "$ref"


def _message(error: Any) -> str:
    kind = error.kind
    if isinstance(kind, jsonschema_rs.ValidationErrorKind.Required):
        return f"lacks {kind.property!r}"
    if isinstance(kind, jsonschema_rs.ValidationErrorKind.Enum):
        return f"must be one of {choices(kind.options)}"
    if isinstance(kind, jsonschema_rs.ValidationErrorKind.Type):
        return f"must be of type {' or '.join(kind.types)}"
    return str(error.message)
