"""The targets of references in the schemas of a document.

A schema is compiled separately, with the targets of its references and no more: compiling it within
its whole document would make start-up quadratic. `Definitions.rooted` therefore adds to a schema
those parts of the document that it reaches, each at the location of its pointer.

JSON Schema has other references than pointers. ``$id`` gives a schema a URI and makes it a
*resource*, within which relative references are resolved; ``$anchor`` names a schema. The
validators look for both only under keywords of JSON Schema, and ``components`` is not one of them.
So in a document that uses ``$id``, resources are registered by their URI, and a pointer or anchor
to a resource or into one is written as a reference to that URI. A document without its own URI has
``BASE``.

``$schema`` is removed from schemas: there is one dialect, other dialects were refused before, and
the validator that lists errors would replace its safe keywords by those of the dialect.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any, Final, NamedTuple
from urllib.parse import quote, unquote, urldefrag, urljoin

import jsonschema_rs

BASE = "https://photon.invalid/openapi"
"""The URI of documents without their own URI; nothing is ever fetched from it."""
ITEM_SCHEMA = "x-item-schema"
"""The schema of the items of a stream, for which OpenAPI has no member before 3.2."""
WEBSOCKET = "x-websocket"
"""The messages of an operation that changes the connection to a WebSocket."""
_STRUCTURED_EXTENSIONS = frozenset((ITEM_SCHEMA, WEBSOCKET))
_PREFIX = "#/components/schemas/"
_IDENTIFYING = frozenset(("$id", "$anchor", "$dynamicAnchor", "$dynamicRef", "$schema"))
# Members whose value is arbitrary data: a "$ref" inside is not a reference.
_DATA = frozenset(("example", "default", "enum", "const", "value"))
# Keywords of schemas whose value is a schema, or a list of schemas. All others are data.
_APPLICATORS = frozenset(
    (
        "items",
        "prefixItems",
        "contains",
        "additionalProperties",
        "propertyNames",
        "unevaluatedItems",
        "unevaluatedProperties",
        "contentSchema",
        "allOf",
        "anyOf",
        "oneOf",
        "not",
        "if",
        "then",
        "else",
    )
)
# Members that map names to schemas: the names are not keywords.
_NAMED_SCHEMAS = frozenset(
    (
        "properties",
        "patternProperties",
        "$defs",
        "definitions",
        "dependentSchemas",
        "dependencies",
        "schemas",
    )
)
# Members that map names to other objects.
_NAMED = frozenset(
    (
        "responses",
        "content",
        "headers",
        "examples",
        "links",
        "callbacks",
        "encoding",
        "requestBodies",
        "securitySchemes",
        "pathItems",
        "parameters",
        "paths",
        "webhooks",
        "variables",
        "mediaTypes",
        "additionalOperations",
    )
)
# Members outside of schemas whose value is a schema.
_SCHEMAS = frozenset(("schema", "itemSchema", ITEM_SCHEMA))

_CONTAINERS: Final = (dict, list)  # an expression `dict | list` would be made for each value


class DocumentPart(NamedTuple):
    """An object of a document whose members are keywords.

    Attributes:
        pointer: The location of the object.
        value: The object.
        base: The URI of the resource that contains the object; ``""`` is the document itself.
        is_schema: True for a schema; its identifiers and references are those of JSON Schema.
    """

    pointer: str
    value: dict[str, Any]
    base: str
    is_schema: bool


def parts_of(
    value: object, pointer: str = "", *, is_schema: bool | None = None
) -> Iterator[DocumentPart]:
    """Yield the objects within a part of a document in order; data is omitted.

    Within schemas all members but the keywords that contain schemas are data: examples, defaults,
    constants, extensions, and keywords that JSON Schema does not have.

    Args:
        value: The part.
        pointer: Its location.
        is_schema: True if it is a schema; ``None`` if its location decides.
    """
    if is_schema is None:
        is_schema = pointer.startswith("/components/schemas/")
    pending: list[tuple[object, str, str, bool, bool]] = [(value, pointer, "", is_schema, False)]
    while pending:
        value, pointer, base, is_schema, is_named = pending.pop()
        if isinstance(value, list):
            inner = [
                (item, f"{pointer}/{at}", base, is_schema, False)
                for at, item in enumerate(value)
                if isinstance(item, _CONTAINERS)
            ]
        elif not isinstance(value, dict):
            continue
        elif is_named:
            inner = [
                (item, f"{pointer}/{_escaped(name)}", base, is_schema, False)
                for name, item in value.items()
                if isinstance(item, _CONTAINERS)
            ]
        else:
            if is_schema and "$id" in value:
                base = _base_within(value, base)
            yield DocumentPart(pointer, value, base, is_schema)
            inner = [
                (
                    item,
                    f"{pointer}/{_escaped(name)}",
                    base,
                    is_schema or name in _SCHEMAS or name in _NAMED_SCHEMAS,
                    name in _NAMED_SCHEMAS or (name in _NAMED and not is_schema),
                )
                for name, item in value.items()
                if isinstance(item, _CONTAINERS) and _is_structure(name, item, is_schema=is_schema)
            ]
        inner.reverse()
        pending += inner


def _is_structure(name: str, item: object, *, is_schema: bool) -> bool:
    if is_schema:
        return name in _APPLICATORS or name in _NAMED_SCHEMAS
    if name in _DATA or (name.startswith("x-") and name not in _STRUCTURED_EXTENSIONS):
        return False
    return not (name == "examples" and isinstance(item, list))  # of a schema: plain data


def _base_within(value: Mapping[str, Any], base: str) -> str:
    identifier = value.get("$id")
    if not isinstance(identifier, str):
        return base
    return urldefrag(urljoin(base or BASE, identifier)).url


def _escaped(name: object) -> str:
    text = str(name)
    return text.replace("~", "~0").replace("/", "~1") if "~" in text or "/" in text else text


def tokens_of(pointer: str) -> list[str]:
    """Return the reference tokens of a JSON pointer in a URI fragment (RFC 6901)."""
    tokens = unquote(pointer).split("/")[1:]
    return [token.replace("~1", "/").replace("~0", "~") for token in tokens]


def look_up(value: object, tokens: list[str]) -> object:
    """Return the value at the end of ``tokens``, ``None`` if there is no such value."""
    for token in tokens:
        if isinstance(value, dict):
            value = value.get(token)
        elif isinstance(value, list) and token.isdecimal() and int(token) < len(value):
            value = value[int(token)]
        else:
            return None
    return value


class Definitions(Mapping[str, Any]):
    """The schemas under ``components``, by name, and all other targets of references.

    Attributes:
        document: The document.
        assert_formats: Asserts ``format``, which otherwise only describes.
        memo: What other modules have computed for the whole document, by their names.
        is_well_formed: Returns whether a part with all its references is; see `Document`.
    """

    def __init__(self, document: Mapping[str, Any], *, assert_formats: bool = False) -> None:
        """Store the document."""
        self.document = document
        self.assert_formats = assert_formats
        self.memo: dict[str, Any] = {}
        self.is_well_formed: Callable[[object, str], bool] = lambda value, pointer: True
        schemas = look_up(document, ["components", "schemas"])
        self._schemas: Mapping[str, Any] = schemas if isinstance(schemas, dict) else {}
        self._direct: dict[str, tuple[str, ...]] = {}
        self._sizes: dict[str, int] = {}
        self._registries: dict[object, jsonschema_rs.Registry] = {}

    def __getitem__(self, name: str) -> Any:
        """Return the schema of that name."""
        return self._schemas[name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names of schemas."""
        return iter(self._schemas)

    def __len__(self) -> int:
        """Return the number of schemas."""
        return len(self._schemas)

    def find(self, reference: object) -> object:
        """Return the target of a reference of the document itself, ``None`` if it has none."""
        if not isinstance(reference, str):
            return None
        if reference.startswith(_PREFIX):
            name = reference[len(_PREFIX) :]
            if name in self._schemas:
                return self._schemas[name]
        uri, _, fragment = reference.partition("#")
        whole: object = self.document
        if uri:
            whole = self._by_uri.get(urljoin(BASE, uri))
        if not fragment:
            return whole if uri else None
        if fragment.startswith("/"):
            return look_up(whole, tokens_of(fragment))
        pointer = self._anchors.get((urljoin(BASE, uri) if uri else "", fragment))
        return None if pointer is None else look_up(self.document, tokens_of(pointer))

    def chain(self, value: object) -> Iterator[tuple[str, object]]:
        """Yield the chain of references from an object, each with its target.

        The last target is ``None`` if a reference has no target, or is circular.
        """
        seen: set[str] = set()
        while isinstance(value, dict) and isinstance(value.get("$ref"), str):
            reference = value["$ref"]
            value = None if reference in seen else self.find(reference)
            seen.add(reference)
            yield reference, value

    def followed(self, schema: Any) -> Any:
        """Return the target of a schema that is only a reference, otherwise the schema."""
        for _, target in self.chain(schema):
            if target is None or len(schema) > 1:
                break
            schema = target
        return schema

    # -- URIs -------------------------------------------------------------------------------

    @cached_property
    def resources(self) -> dict[str, Any]:
        """The schemas that have a URI (``$id``), by URI, with references written as URIs.

        Nested ones are omitted: the validators find them, and refuse to register a schema twice.
        """
        result: dict[str, Any] = {}
        outermost = "\0"
        for pointer, uri in self.identities.items():  # in the document's order
            if not pointer.startswith(f"{outermost}/"):
                outermost = pointer
                schema = look_up(self.document, tokens_of(pointer))
                result[uri] = {**self._absolute(schema), "$id": uri}
        return result

    def registry(self, write: Callable[[Any], Any] | None = None) -> jsonschema_rs.Registry | None:
        """Return the resources as a registry of jsonschema-rs; ``None`` if there are none.

        Args:
            write: A function that rewrites each schema for the registry.
        """
        if not self.resources:
            return None
        if write not in self._registries:
            written = [
                (uri, schema if write is None else write(schema))
                for uri, schema in self.resources.items()
            ]
            self._registries[write] = jsonschema_rs.Registry(written)
        return self._registries[write]

    @cached_property
    def is_dynamic(self) -> bool:
        """Whether the target of a reference depends on the path to it (``$dynamicRef``)."""
        return any("$dynamicRef" in part.value for part in self._identified)

    @cached_property
    def parts(self) -> list[DocumentPart]:
        """All objects of the document, computed once.

        A reference may lead to a place that is otherwise data: then it is a schema, too.
        """
        result = list(parts_of(self.document))
        seen = {id(part.value) for part in result}
        for part in result:  # it grows
            reference = part.value.get("$ref")
            if part.is_schema and not part.base and isinstance(reference, str):
                target = self._outlying(reference, seen)
                if target is not None:
                    pointer = unquote(reference[1:])
                    result += parts_of(target, pointer, is_schema=True)
                    seen.add(id(target))
        return result

    def _outlying(self, reference: str, seen: set[int]) -> object:
        """Return the target of a pointer that is not in ``seen``, ``None`` otherwise."""
        if not reference.startswith("#/") or reference.startswith(_PREFIX):
            name = reference[len(_PREFIX) :]
            if not reference.startswith("#/") or name in self._schemas:
                return None
        target = look_up(self.document, tokens_of(reference[1:]))
        return target if isinstance(target, dict) and id(target) not in seen else None

    @cached_property
    def _identified(self) -> list[DocumentPart]:
        """The parts with identifiers or dynamic references; most documents have none."""
        return [
            part
            for part in self.parts
            if part.is_schema
            and not _IDENTIFYING.isdisjoint(part.value)
            and any(isinstance(part.value.get(keyword), str) for keyword in _IDENTIFYING)
        ]

    @cached_property
    def _anchors(self) -> dict[tuple[str, str], str]:
        """The pointers of anchors, by the URI of their resource and their name."""
        return {
            (part.base, part.value[keyword]): part.pointer
            for part in self._identified
            for keyword in ("$dynamicAnchor", "$anchor")
            if isinstance(part.value.get(keyword), str)
        }

    @cached_property
    def _by_uri(self) -> dict[str, Any]:
        return {
            part.base: part.value
            for part in self._identified
            if isinstance(part.value.get("$id"), str)
        }

    @cached_property
    def identities(self) -> dict[str, str]:
        """The URIs of resources by their pointers."""
        return {
            part.pointer: part.base
            for part in self._identified
            if isinstance(part.value.get("$id"), str)
        }

    def _absolute(self, value: Any, *, base: str = "") -> Any:
        """Copy a schema; references of the document itself into a resource become its URI."""
        if isinstance(value, list):
            return [self._absolute(item, base=base) for item in value]
        if not isinstance(value, dict):
            return value
        base = _base_within(value, base)
        copy = {name: self._absolute(item, base=base) for name, item in value.items()}
        if isinstance(copy.get("$schema"), str):
            del copy["$schema"]
        reference = value.get("$ref")
        if not base and isinstance(reference, str):
            copy["$ref"] = self._without_detour(reference)
        return copy

    def _without_detour(self, reference: str) -> str:
        if not reference.startswith("#"):
            return urljoin(BASE, reference)
        pointer = unquote(reference[1:])
        if not pointer.startswith("/"):
            pointer = self._anchors.get(("", pointer), pointer)
        for end in sorted(self.identities, key=len, reverse=True):
            if pointer == end or pointer.startswith(f"{end}/"):
                return f"{self.identities[end]}#{quote(pointer[len(end) :])}"
        return f"#{quote(pointer)}"

    # -- roots ------------------------------------------------------------------------------

    def rooted(self, schema: Any) -> Any:
        """Return a schema together with the targets of its references."""
        if not isinstance(schema, dict):
            return schema
        if not self._identified:
            if _has_dialect(schema):
                schema = self._absolute(schema)
            return {**schema, **self._excerpt(self._reached(schema))}
        # The schema may be a resource, or have its own definitions: so it is nested in a root.
        whole = self._absolute(schema)
        pointers = self._reached([whole, *self.resources.values()])
        dynamic = {
            f"anchor{number}": self._absolute(part.value)
            for number, part in enumerate(self._identified)
            if not part.base and "$dynamicAnchor" in part.value and part.value != schema
        }
        own = _base_within(schema, "")
        root = {"$ref": own} if own in self.resources else {"$ref": "#/$defs/schema"}
        definitions = dynamic if own in self.resources else {"schema": whole, **dynamic}
        excerpt = self._absolute(self._excerpt(pointers))
        return {"$id": BASE, **root, "$defs": definitions, **excerpt}

    def weight(self, schema: Any) -> int:
        """Return the number of objects within a schema and the targets of its references."""
        reached = self._reached(schema)
        for pointer in reached:
            if pointer not in self._sizes:
                self._sizes[pointer] = _size_of(look_up(self.document, tokens_of(pointer)))
        return _size_of(schema) + sum(self._sizes[pointer] for pointer in reached)

    @property
    def has_identifiers(self) -> bool:
        """Whether schemas have URIs or anchors, so that they depend on where they are."""
        return bool(self._identified)

    def _reached(self, value: object) -> set[str]:
        """Return the pointers of everything within the document that a schema refers to."""
        reached: set[str] = set()
        pending = list(_pointers_in(value))
        while pending:
            pointer = pending.pop()
            if pointer in reached:
                continue
            result = look_up(self.document, tokens_of(pointer))
            if result is not None:
                reached.add(pointer)
                if pointer not in self._direct:
                    self._direct[pointer] = tuple(_pointers_in(result))
                pending += self._direct[pointer]
        return reached

    def _excerpt(self, pointers: set[str]) -> dict[str, Any]:
        """Return the parts of the document at ``pointers``, without all others."""
        excerpt: dict[str, Any] = {}
        for pointer in sorted(pointers, key=len):
            tokens = tokens_of(pointer)
            if look_up(excerpt, tokens) is not None:
                continue  # within a part that is already included
            parent = excerpt
            for token in tokens[:-1]:
                parent = parent.setdefault(token, {})
            parent[tokens[-1]] = look_up(self.document, tokens)
        return excerpt


def definitions_of(schemas: Mapping[str, Any] | None) -> Definitions:
    """Return definitions unchanged, and schemas by name as the components of a document."""
    if isinstance(schemas, Definitions):
        return schemas
    return Definitions({"components": {"schemas": dict(schemas or {})}})


def _has_dialect(schema: object) -> bool:
    return any(
        isinstance(part.value.get("$schema"), str) for part in parts_of(schema, is_schema=True)
    )


def _size_of(value: object) -> int:
    size, pending = 0, [value]
    while pending:
        value = pending.pop()
        if isinstance(value, _CONTAINERS):
            size += 1
            pending += value.values() if isinstance(value, dict) else value
    return size


def _pointers_in(value: object) -> Iterator[str]:
    """Yield the pointers into the document that a schema contains, at any depth."""
    pending = [value]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            reference = value.get("$ref")
            if isinstance(reference, str) and reference.startswith("#/"):
                yield reference[1:]
            pending += value.values()
        elif isinstance(value, list):
            pending += value
