"""The OpenAPI document: the only source of routes.

Code first, decorators write operations into the document; spec first, it is loaded. Either way the
router compiles from the document alone, so the API is always served as documented. This module
reads and checks documents; `_load` reads them from files.

A check lists every problem at once, each with its location as a JSON pointer, so that all of them
can be corrected at once. It has two steps: first the form of the document (its schema errors, and
references without a target), then the relations of its parts (duplicate names, parameters of
paths). Parts with problems in the first step are omitted from the second, and the operations that
contain or refer to them are not *well-formed*: no further problems of these are reported.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any
from urllib.parse import unquote

import attrs

from ..messages import pointer_of
from ._definitions import Definitions, DocumentPart, parts_of, tokens_of
from ._schema_errors import Problem, schema_errors
from ._servers import base_paths, undeclared_variables
from ._template import parameters_of, shape_of

OpenApi = dict[str, Any]
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace", "query")
CATCH_ALL = "x-photon-catch-all"
# The QUERY method in documents older than 3.2, which have no member for it.
_QUERY = "x-photon-query"
# The supported dialects of schemas: that of JSON Schema, and those of OpenAPI based on it.
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_DIALECTS = re.compile(
    rf"{re.escape(_DIALECT)}#?|https://spec\.openapis\.org/oas/3\.[12]/dialect/[-0-9a-z]+"
)


@attrs.frozen
class Operation:
    """An operation of the document, with the parameters and servers of its path.

    Attributes:
        path: The path template as written in the document.
        method: The method in lower case, as in the document.
        parameters: Parameter objects, references resolved, including those of the path.
        body: The request body object, reference resolved; ``None`` if there is no body.
        data: The operation object itself.
        pointer: The location of the operation in the document.
        base_paths: The paths of its servers, below which it is served; the first is its own.
        is_well_formed: Whether the operation and all its references are without schema errors.
            Otherwise ``parameters`` is empty and ``body`` is ``None``.
    """

    path: str
    method: str
    parameters: list[OpenApi]
    body: OpenApi | None
    data: OpenApi
    pointer: str
    base_paths: tuple[str, ...] = ("",)
    is_well_formed: bool = True

    @property
    def name(self) -> str:
        """The operationId, or method and path if there is none."""
        return str(self.data.get("operationId") or f"{self.method.upper()} {self.path}")


def parameter_key(parameter: OpenApi) -> tuple[str, str]:
    """Return location and name of a parameter, which identify it.

    Names of header fields are compared without regard to case (RFC 9110, section 5.1).
    """
    location, name = parameter["in"], parameter["name"]
    return location, name.lower() if location == "header" else name


class Document:
    """An OpenAPI document and the resolution of its references.

    Attributes:
        data: The document as plain mappings and lists; it must not be changed from now on.
        definitions: The targets of references.
    """

    def __init__(
        self, data: OpenApi, *, is_checked: bool = False, assert_formats: bool = False
    ) -> None:
        """Store the document without checking it.

        Args:
            data: The document.
            is_checked: Skips the check for schema errors, for a document that is known to be
                well-formed.
            assert_formats: Asserts ``format`` in its schemas, which otherwise only describes.
        """
        self.data = data
        self.definitions = Definitions(data, assert_formats=assert_formats)
        self._is_checked = is_checked

    def resolve(self, value: OpenApi) -> OpenApi | None:
        """Return the target of the ``$ref`` of an object, or the object if it has no reference.

        Returns:
            The object; ``None`` if the reference has no target in the document or is circular,
            which `problems` reports.
        """
        for _, target in self.definitions.chain(value):
            if not isinstance(target, dict):
                return None
            value = target
        return value

    def operations(self) -> Iterator[Operation]:
        """Iterate over the operations in the document's order."""
        return iter(self._operations)

    @cached_property
    def _operations(self) -> list[Operation]:
        return list(self._read_operations())

    def _read_operations(self) -> Iterator[Operation]:
        for path, pointer, item in self._items():
            yield from self.operations_of(path, item, pointer)

    def operations_of(self, path: str, item: OpenApi, pointer: str) -> Iterator[Operation]:
        """Iterate over the operations of a path item, which may be that of a webhook or callback.

        Args:
            path: The path of the operations.
            item: The item, or a reference to it.
            pointer: The location of the item.
        """
        resolved = self._item(item, pointer)
        if resolved is None:
            return
        location, item = resolved
        shared = item.get("parameters", [])
        is_well_formed = self.is_well_formed(shared, f"{location}/parameters")
        for method, tokens, data in _methods(item):
            bare = Operation(path, method, [], None, data, location + pointer_of(tokens))
            if is_well_formed and self.is_well_formed(data, bare.pointer):
                yield self._completed(bare, item)
            else:
                yield attrs.evolve(bare, is_well_formed=False)

    def response(self, operation: Operation, status: int) -> OpenApi | None:
        """Return the declared response for ``status``, its reference resolved.

        The status itself takes precedence over its range (``4XX``), and that over ``default``.
        """
        responses = operation.data.get("responses")
        for key in (str(status), f"{status // 100}XX", "default"):
            if isinstance(responses, dict) and isinstance(responses.get(key), dict):
                return self.resolve(responses[key])
        return None

    @property
    def base_path(self) -> str:
        """The path of the first server's URL, without a slash at its end."""
        return self._base_paths[0]

    @cached_property
    def _base_paths(self) -> tuple[str, ...]:
        """The paths of the document's own servers, which most operations have."""
        return base_paths(self.data.get("servers"))

    @cached_property
    def _has_servers(self) -> bool:
        return self.is_well_formed(None, "/servers")

    def problems(self) -> list[str]:
        """Return every problem that prevents the document from being served."""
        if any(problem.pointer == "/openapi" for problem in self._formal_problems):
            return [str(self._formal_problems[0])]
        return [
            *map(str, self._formal_problems),
            *self._wrong_paths(),
            *self._wrong_operations(),
            *self._wrong_servers(),
            *self._wrong_dialects(),
            *self._wrong_identifiers(),
        ]

    @cached_property
    def schema_errors(self) -> list[Problem]:
        """The errors of the document by the schema of OpenAPI."""
        return [] if self._is_checked else schema_errors(self.data)

    def is_well_formed(self, value: object, pointer: str) -> bool:
        """Return whether a part of the document, with all its references, is well-formed."""
        if not self._formal_problems:
            return True
        return self._ill_formed.isdisjoint((pointer, *self._reached(value)))

    def required_security(self, operation: Operation) -> list[OpenApi]:
        """Return the security requirements of an operation, of which one must be met."""
        own = operation.data.get("security")
        pointer = "/security" if own is None else f"{operation.pointer}/security"
        required = self.data.get("security") if own is None else own
        return required if required and self.is_well_formed(None, pointer) else []

    def is_open(self, operation: Operation) -> bool:
        """Return whether an operation accepts anonymous requests."""
        required = self.required_security(operation)
        return not required or {} in required

    @cached_property
    def _formal_problems(self) -> list[Problem]:
        return [*self.schema_errors, *self._wrong_references()]

    @cached_property
    def _ill_formed(self) -> set[str]:
        """The pointers of everything that has a formal problem, or contains something that has."""
        pointers: set[str] = set()
        for problem in self._formal_problems:
            tokens = problem.pointer.split("/")
            pointers.update("/".join(tokens[:end]) for end in range(1, len(tokens) + 1))
        return pointers

    def _items(self) -> Iterator[tuple[str, str, OpenApi]]:
        """Iterate over paths, the pointers of their items, and the items, references resolved.

        Members beside a reference take precedence over those of its target.
        """
        paths = self.data.get("paths")
        for path, item in paths.items() if isinstance(paths, dict) else ():
            resolved = (
                self._item(item, pointer_of(["paths", path])) if isinstance(item, dict) else None
            )
            if resolved is not None and path.startswith("/"):
                yield path, *resolved

    def _item(self, item: OpenApi, pointer: str) -> tuple[str, OpenApi] | None:
        """Return the pointer of a path item and the item; ``None`` if it cannot be resolved."""
        resolved = self.resolve(item)
        if resolved is None or resolved is item:
            return None if resolved is None else (pointer, resolved)
        beside = {name: value for name, value in item.items() if name != "$ref"}
        if not beside:
            pointer = pointer_of(self._last_tokens(item))
        return pointer, {**resolved, **beside}

    def _last_tokens(self, value: OpenApi) -> list[str]:
        """Return the reference tokens of the last target of a chain of references."""
        *_, (reference, _) = self.definitions.chain(value)
        return tokens_of(reference.partition("#")[2])

    def _completed(self, bare: Operation, item: OpenApi) -> Operation:
        """Return an operation with the parameters and servers of its path item."""
        data = bare.data
        listed = [*item.get("parameters", []), *data.get("parameters", [])]
        resolved = [parameter for parameter in map(self.resolve, listed) if parameter is not None]
        # An operation's parameter overrides that of its path with the same name and location.
        merged = {parameter_key(parameter): parameter for parameter in resolved}
        body = data.get("requestBody")
        servers = data.get("servers") or item.get("servers")
        if not self._has_servers:
            bases: tuple[str, ...] = ("",)
        else:
            bases = base_paths(servers) if servers else self._base_paths
        return Operation(
            bare.path,
            bare.method,
            [self._with_media(parameter) for parameter in merged.values()],
            None if body is None else self._with_media(self.resolve(body) or {}),
            data,
            bare.pointer,
            bases,
        )

    def _with_media(self, value: OpenApi) -> OpenApi:
        """Resolve the references of media types, which OpenAPI 3.2 allows."""
        content = value.get("content") or {}
        if not any("$ref" in media for media in content.values()):
            return value
        media = {name: self.resolve(media) or {} for name, media in content.items()}
        return {**value, "content": media}

    # -- references -------------------------------------------------------------------------

    def _reached(self, value: object) -> set[str]:
        """Return the pointers of all targets that ``value`` refers to, at any depth."""
        reached: set[str] = set()
        pending = [value]
        while pending:
            for _, reference in _references(parts_of(pending.pop())):
                pointer = unquote(reference[1:])
                if reference.startswith("#") and pointer not in reached:
                    reached.add(pointer)
                    pending.append(self.definitions.find(reference))
        return reached

    def _wrong_references(self) -> Iterator[Problem]:
        wrongs: dict[str, str | None] = {}  # most references have one of a few targets
        for location, reference in _references(self.definitions.parts):
            if reference not in wrongs:
                wrongs[reference] = self._wrong_reference(reference)
            wrong = wrongs[reference]
            if wrong is not None:
                yield Problem(f"{location}/$ref", f"{reference!r} {wrong}")

    def _wrong_reference(self, reference: str) -> str | None:
        chain = list(self.definitions.chain({"$ref": reference}))
        if not isinstance(chain[0][1], dict | bool):
            return _unresolved(reference)  # a boolean is a schema, too
        references = [each for each, _ in chain]
        return "is circular" if len(set(references)) < len(references) else None

    # -- relations of parts -----------------------------------------------------------------

    def _wrong_paths(self) -> Iterator[str]:
        shapes: dict[str, str] = {}
        for path, _, _ in self._items():
            other = shapes.setdefault(shape_of(path), path)
            if other != path:
                yield f"{pointer_of(['paths', path])}: the path is ambiguous with {other}"

    def _wrong_operations(self) -> Iterator[str]:
        owners: dict[str, str] = {}
        for operation in self.operations():
            pointer = operation.pointer
            name = operation.data.get("operationId")
            if isinstance(name, str) and owners.setdefault(name, pointer) != pointer:
                yield f"{pointer}/operationId: {name!r} is already used by {owners[name]}"
            if operation.is_well_formed:
                yield from _wrong_parameters(operation, pointer)

    def _wrong_servers(self) -> Iterator[str]:
        for part in self.definitions.parts:
            servers = part.value.get("servers")
            if servers is None:
                continue
            for index, server in enumerate(servers if isinstance(servers, list) else ()):
                for name in undeclared_variables(server) if isinstance(server, Mapping) else ():
                    yield f"{part.pointer}/servers/{index}: the variable {name!r} is not declared"

    def _wrong_dialects(self) -> Iterator[str]:
        """Yield the schemas in another dialect, which would be misinterpreted."""
        resolved = [("/jsonSchemaDialect", self.data.get("jsonSchemaDialect"))]
        resolved += [
            (f"{part.pointer}/$schema", part.value.get("$schema"))
            for part in self.definitions.parts
        ]
        for pointer, dialect in resolved:
            if isinstance(dialect, str) and not _DIALECTS.fullmatch(dialect):
                yield (f"{pointer}: schemas are read in the dialect {_DIALECT}, not in {dialect!r}")

    def _wrong_identifiers(self) -> Iterator[str]:
        owners: dict[str, str] = {}
        for pointer, uri in self.definitions.identities.items():
            other = owners.setdefault(uri, pointer)
            if other != pointer:
                yield f"{pointer}/$id: {uri!r} is already used by {other}"


def _methods(item: OpenApi) -> Iterator[tuple[str, list[str], OpenApi]]:
    """Yield the operations of a path item: method, tokens from the item, operation."""
    for method in METHODS:
        if isinstance(item.get(method), dict):
            yield method, [method], item[method]
        elif method == "query" and isinstance(item.get(_QUERY), dict):
            yield method, [_QUERY], item[_QUERY]
    others = item.get("additionalOperations")
    for method, operation in others.items() if isinstance(others, dict) else ():
        if isinstance(operation, dict):
            yield method, ["additionalOperations", method], operation


def _unresolved(reference: str) -> str:
    if reference.startswith("#"):
        return "does not exist"
    return (
        "is outside of the document and is not fetched; move the target to components or to a file "
        "in the folder of the document"
    )


def _wrong_parameters(operation: Operation, pointer: str) -> Iterator[str]:
    in_path = parameters_of(operation.path)
    declared = {each["name"]: each for each in operation.parameters if each["in"] == "path"}
    for name in sorted(set(in_path) - set(declared)):
        yield f"{pointer}/parameters: the path parameter {name!r} is not declared"
    for name in sorted(set(declared) - set(in_path)):
        yield f"{pointer}/parameters: {name!r} is declared in path, but the path has no {{{name}}}"
    for name in sorted({name for name in in_path if in_path.count(name) > 1}):
        yield f"{pointer}: the path has the parameter {name!r} twice"
    for name, parameter in declared.items():
        if parameter.get(CATCH_ALL) and not operation.path.endswith(f"/{{{name}}}"):
            yield f"{pointer}/parameters: {name!r} is a catch-all: the path must end with it"


def _references(parts: Iterable[DocumentPart]) -> Iterator[tuple[str, str]]:
    """Yield the references of parts of the document: the pointer of the object, and ``$ref``.

    References in schemas with their own URI are omitted: JSON Schema resolves them.
    """
    for part in parts:
        if not part.base and isinstance(part.value.get("$ref"), str):
            yield part.pointer, part.value["$ref"]
