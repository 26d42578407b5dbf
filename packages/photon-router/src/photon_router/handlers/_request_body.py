"""Code first: the body of an operation, written from the arguments that take it.

One argument takes a body as a whole, or several take fields of a form. A form may have both
encodings of HTML, but only multipart if one of its fields is a file.
"""

from __future__ import annotations

from typing import Any, Final

import attrs

from photon_openapi.annotations import strip_alias, without_none
from photon_openapi.document import OpenApi
from photon_openapi.schema import SchemaBuilder
from photon_runtime.media_types import BYTES, FORM, JSON, MULTIPART, TEXT

from .._upload import takes_several_files
from ..annotations import In, is_stream
from ..errors import SignatureError
from ..signatures import Argument

_BODILESS: Final = ("GET", "HEAD", "TRACE")
_FILE: Final[OpenApi] = {"type": "string", "format": "binary", "contentMediaType": BYTES}


@attrs.define
class RequestBody:
    """Collects the arguments that take the body of one operation.

    Attributes:
        method: The operation's method, in capitals.
        builder: The builder of schemas.
        is_published: True to leave out hidden parameters.
    """

    method: str
    builder: SchemaBuilder
    is_published: bool
    _body: OpenApi | None = None
    _owner: str | None = None
    _fields: dict[str, OpenApi] = attrs.field(factory=dict)
    _required: list[str] = attrs.field(factory=list)
    _has_files: bool = False
    _has_empty_form: bool = False
    _json_parts: list[str] = attrs.field(factory=list)
    _others: OpenApi | None = None

    def add_whole(self, argument: Argument, marker: In) -> None:
        """Add an argument that takes the body as a whole.

        Raises:
            TypeError: Another argument takes the body, or the method does not allow one.
        """
        self._check(argument, is_field=False)
        media = body_media(marker, argument.annotation.type)
        schema: OpenApi = {}
        if media == JSON:
            schema = self.builder.schema(argument.annotation.annotated)
        self._body = {
            "content": {media: {"schema": schema} if schema else {}},
            "required": argument.is_required,
        }

    def add_field(self, argument: Argument, name: str, schema: OpenApi) -> None:
        """Add an argument that takes a field of the form.

        Raises:
            TypeError: Another argument takes the body as a whole, or the method does not allow one.
        """
        self._check(argument, is_field=True)
        if argument.is_file:
            self._has_files = True
        param = argument.annotation.param
        if self.is_published and param is not None and not param.include_in_schema:
            return
        self._fields.setdefault(name, schema)
        if argument.is_required and name not in self._required:
            self._required.append(name)

    def add_json_part(self, argument: Argument, name: str, schema: OpenApi) -> None:
        """Add an argument that takes a field of the form whose content is JSON.

        Raises:
            TypeError: Another argument takes the body as a whole, or the method does not allow one.
        """
        self.add_field(argument, name, schema)
        self._json_parts.append(name)

    def add_rest(self, argument: Argument, schema: OpenApi) -> None:
        """Add an argument that takes all fields without an argument of their own.

        Raises:
            TypeError: Another argument takes them, or the body as a whole, or the method does not
                allow one.
        """
        self._check(argument, is_field=True)
        if self._others is not None:
            raise SignatureError("two arguments take the other fields of the form: keep one")
        self._others = schema
        self._has_empty_form = True

    def add_empty_form(self, argument: Argument) -> None:
        """Add an argument whose form has no fields of its own, as one with a button alone.

        Raises:
            TypeError: Another argument takes the body as a whole, or the method does not allow one.
        """
        self._check(argument, is_field=True)
        self._has_empty_form = True

    def _check(self, argument: Argument, *, is_field: bool) -> None:
        if self.method in _BODILESS:
            raise SignatureError(
                f"{self.method} has no body: read the argument from the query (Query), or use POST "
                "or PUT"
            )
        if self._owner is not None and not (is_field and self._is_form):
            raise SignatureError(
                "a request has one body: combine its arguments in one attrs class, or mark a "
                f"parameter with Query, Header or Cookie ({self._owner!r} takes the body)"
            )
        self._owner = argument.key

    @property
    def _is_form(self) -> bool:
        return bool(self._fields) or self._has_files or self._has_empty_form

    def as_openapi(self) -> OpenApi | None:
        """Return the request body object, ``None`` if no argument takes the body."""
        if not self._is_form:
            return self._body
        schema: OpenApi = {"type": "object", "properties": self._fields}
        if self._required:
            schema["required"] = self._required
        if self._others is not None:
            schema["additionalProperties"] = self._others
        media: OpenApi = {"schema": schema}
        parts = [name for name in self._json_parts if name in self._fields]
        if parts:
            media["encoding"] = {name: {"contentType": JSON} for name in parts}
        kinds = [MULTIPART] if self._has_files else [FORM, MULTIPART]
        return {
            "content": {kind: dict(media) for kind in kinds},
            "required": bool(self._required),
        }


def file_schema(argument: Argument) -> OpenApi:
    """Return the schema of a field that is a file, or several."""
    schema = dict(_FILE)
    param = argument.annotation.param
    if param is not None:
        lengths = {"minLength": param.min_length, "maxLength": param.max_length}
        schema |= {key: value for key, value in lengths.items() if value is not None}
    if takes_several_files(argument.annotation.type):
        schema = {"type": "array", "items": schema}
    if param is not None and param.description is not None:
        schema["description"] = param.description
    return schema


def body_media(marker: In, type_: Any) -> str:
    """Return the media type of a body that is marked ``marker`` and read as ``type_``.

    Raises:
        TypeError: A raw body cannot have that type.
    """
    if marker.media != "raw":
        return JSON
    plain = strip_alias(without_none(type_))
    if plain is str:
        return TEXT
    if plain in (bytes, Any, object) or is_stream(plain):
        return BYTES
    raise TypeError(
        f"a raw body is bytes, str or Iterator[bytes], not {plain!r}: mark it Json or Form to "
        "decode it"
    )
