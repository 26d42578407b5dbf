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
from ._schema_errors import MAX_PROBLEMS, Problem, schema_errors
from ._servers import base_paths, undeclared_variables
from ._soundness import unsound_schemas
from ._template import parameters_of, shape_of

OpenApi = dict[str, Any]
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace", "query")
CATCH_ALL = "x-photon-catch-all"
# The QUERY method in documents older than 3.2, which have no member for it.
_QUERY = "x-photon-query"
# More formal problems are not looked for; a document with so many is not read any further.
_MAX_FORMAL = 10_000
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
        problem: A formal problem of the operation or of what it refers to; ``None`` if it is
            well-formed. Otherwise ``parameters`` is empty and ``body`` is ``None``.
    """

    path: str
    method: str
    parameters: list[OpenApi]
    body: OpenApi | None
    data: OpenApi
    pointer: str
    base_paths: tuple[str, ...] = ("",)
    problem: Problem | None = None

    @property
    def is_well_formed(self) -> bool:
        """Whether the operation and all its references are without formal problems."""
        return self.problem is None

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
        self.definitions.is_well_formed = self.is_well_formed
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
        shared_problem = self.formal_problem(shared, f"{location}/parameters")
        for method, tokens, data in _methods(item):
            bare = Operation(path, method, [], None, data, location + pointer_of(tokens))
            problem = shared_problem or self.formal_problem(data, bare.pointer)
            if problem is None:
                yield self._completed(bare, item)
            else:
                bases = self._base_paths if self._has_servers else ("",)
                yield attrs.evolve(bare, problem=problem, base_paths=bases)

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
        return self._base_paths_of(self.data.get("servers"))

    @staticmethod
    def _base_paths_of(servers: list[OpenApi] | None) -> tuple[str, ...]:
        """Return the paths of servers; those with undeclared variables are errors, and omitted."""
        return base_paths([each for each in servers or () if not undeclared_variables(each)])

    @cached_property
    def _has_servers(self) -> bool:
        return self.is_well_formed(None, "/servers")

    def problems(self) -> list[str]:
        """Return the problems of the document as texts; see `errors`."""
        return list(map(str, self.errors()))

    def errors(self) -> list[Problem]:
        """Return the problems in the form of the document, and in the relations of its parts.

        `photon_openapi.serving` adds those of schemas and single operations.
        """
        if self.is_unreadable:
            return self._formal_problems[:1]
        return [
            *self.schema_errors,
            *self._reference_problems,
            *self._wrong_paths(),
            *self._wrong_operations(),
            *self._wrong_servers(),
            *self._wrong_dialects(),
            *self._wrong_identifiers(),
        ]

    @property
    def is_unreadable(self) -> bool:
        """Whether it is not a document of a known version, or has too many errors to be read."""
        if len(self._schema_errors) >= _MAX_FORMAL:
            return True
        return any(problem.pointer == "/openapi" for problem in self._schema_errors)

    @cached_property
    def _schema_errors(self) -> list[Problem]:
        return [] if self._is_checked else schema_errors(self.data, limit=_MAX_FORMAL)

    @property
    def schema_errors(self) -> list[Problem]:
        """The errors of the document by the schema of OpenAPI, at most ``MAX_PROBLEMS``."""
        return self._schema_errors[:MAX_PROBLEMS]

    def is_well_formed(self, value: object, pointer: str) -> bool:
        """Return whether a part of the document, with all its references, is well-formed."""
        return self.formal_problem(value, pointer) is None

    def formal_problem(self, value: object, pointer: str) -> Problem | None:
        """Return a formal problem of a part of the document, or of what it refers to.

        Returns:
            The first problem; ``None`` if the part is well-formed.
        """
        if not self._formal_problems:
            return None
        own = self._ill_formed.get(pointer)
        if own is not None:
            return own
        references = (reference for _, reference in _references(parts_of(value, pointer)))
        broken = self._broken_references
        return next((broken[each] for each in references if each in broken), None)

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
        return [
            *self._schema_errors,
            *self._reference_problems,
            *self.unsound_schemas,
            *self._wrong_dialects(),
            *self._wrong_identifiers(),
        ]

    @cached_property
    def _reference_problems(self) -> list[Problem]:
        return list(self._wrong_references())

    @cached_property
    def unsound_schemas(self) -> list[Problem]:
        """The schemas that are well-formed and cannot be compiled all the same."""
        return list(unsound_schemas(self.definitions))

    @cached_property
    def _ill_formed(self) -> dict[str, Problem]:
        """The first problem of everything that has or contains a formal problem, by pointer."""
        problems: dict[str, Problem] = {}
        for problem in self._formal_problems:
            tokens = problem.pointer.split("/")
            for end in range(1, len(tokens) + 1):
                problems.setdefault("/".join(tokens[:end]), problem)
        return problems

    @cached_property
    def _broken_references(self) -> dict[str, Problem]:
        """The references to ill-formed targets, direct and indirect ones, with a problem of each.

        Found from the problems backwards, so that each reference is looked at once.
        """
        users: dict[str, list[str]] = {}
        broken: dict[str, Problem] = {}
        pending = list(dict.fromkeys(each for _, each in _references(self.definitions.parts)))
        seen = set(pending)
        while pending:
            reference = pending.pop()
            problem = self._ill_formed.get(unquote(reference[1:]))
            if problem is not None and reference.startswith("#"):
                broken[reference] = problem
            for _, inner in _references(parts_of(self.definitions.find(reference))):
                users.setdefault(inner, []).append(reference)
                if inner not in seen:
                    seen.add(inner)
                    pending.append(inner)
        pending = list(broken)
        while pending:
            reference = pending.pop()
            for user in users.get(reference, ()):
                if user not in broken:
                    broken[user] = broken[reference]
                    pending.append(user)
        return broken

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
            bases = self._base_paths_of(servers) if servers else self._base_paths
        return Operation(
            bare.path,
            bare.method,
            [self._with_media(parameter) for parameter in merged.values()],
            None if body is None else self._body(body),
            data,
            bare.pointer,
            bases,
        )

    def _body(self, body: OpenApi) -> OpenApi | None:
        """Return the object of a request body; one without a media type describes no body."""
        resolved = self._with_media(self.resolve(body) or {})
        return resolved if resolved.get("content") else None

    def _with_media(self, value: OpenApi) -> OpenApi:
        """Resolve the references of media types, which OpenAPI 3.2 allows."""
        content = value.get("content") or {}
        if not any("$ref" in media for media in content.values()):
            return value
        media = {name: self.resolve(media) or {} for name, media in content.items()}
        return {**value, "content": media}

    # -- references -------------------------------------------------------------------------

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

    def _wrong_paths(self) -> Iterator[Problem]:
        """Yield the operations that match the same requests as an earlier one."""
        owners: dict[tuple[str, str, bool], Operation] = {}
        for operation in self.operations():
            is_catch_all = any(each.get(CATCH_ALL) for each in operation.parameters)
            for base in operation.base_paths:
                method, path = operation.method.upper(), base + operation.path
                other = owners.setdefault((method, shape_of(path), is_catch_all), operation)
                if other is not operation:
                    yield Problem(
                        operation.pointer,
                        f"{method} {path} is ambiguous with {other.path}: both match the same "
                        "requests",
                        operation=operation.pointer,
                    )
                    break

    def _wrong_operations(self) -> Iterator[Problem]:
        owners: dict[str, str] = {}
        for operation in self.operations():
            pointer = operation.pointer
            name = operation.data.get("operationId")
            if isinstance(name, str) and owners.setdefault(name, pointer) != pointer:
                yield Problem(
                    f"{pointer}/operationId",
                    f"{name!r} is already used by {owners[name]}",
                    operation=pointer,
                )
            if operation.is_well_formed:
                yield from _wrong_parameters(operation, pointer)

    def _wrong_servers(self) -> Iterator[Problem]:
        for part in self.definitions.parts:
            servers = None if part.is_schema else part.value.get("servers")
            for index, server in enumerate(servers if isinstance(servers, list) else ()):
                for name in undeclared_variables(server) if isinstance(server, Mapping) else ():
                    yield Problem(
                        f"{part.pointer}/servers/{index}", f"the variable {name!r} is not declared"
                    )

    def _wrong_dialects(self) -> Iterator[Problem]:
        """Yield the schemas in another dialect, which would be misinterpreted."""
        resolved = [("/jsonSchemaDialect", self.data.get("jsonSchemaDialect"))]
        resolved += [
            (f"{part.pointer}/$schema", part.value.get("$schema"))
            for part in self.definitions.parts
            if part.is_schema
        ]
        for pointer, dialect in resolved:
            if isinstance(dialect, str) and not _DIALECTS.fullmatch(dialect):
                yield Problem(
                    pointer, f"schemas are read in the dialect {_DIALECT}, not in {dialect!r}"
                )

    def _wrong_identifiers(self) -> Iterator[Problem]:
        owners: dict[str, str] = {}
        for pointer, uri in self.definitions.identities.items():
            other = owners.setdefault(uri, pointer)
            if other != pointer:
                yield Problem(f"{pointer}/$id", f"{uri!r} is already used by {other}")


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


def _wrong_parameters(operation: Operation, pointer: str) -> Iterator[Problem]:
    in_path = parameters_of(operation.path)
    declared = {each["name"]: each for each in operation.parameters if each["in"] == "path"}
    messages = [
        f"the path parameter {name!r} is not declared"
        for name in sorted(set(in_path) - set(declared))
    ]
    messages += [
        f"{name!r} is declared in path, but the path has no {{{name}}}"
        for name in sorted(set(declared) - set(in_path))
    ]
    messages += [
        f"{name!r} is a catch-all: the path must end with it"
        for name, parameter in declared.items()
        if parameter.get(CATCH_ALL) and not operation.path.endswith(f"/{{{name}}}")
    ]
    for message in messages:
        yield Problem(f"{pointer}/parameters", message, operation=pointer)
    for name in sorted({name for name in in_path if in_path.count(name) > 1}):
        yield Problem(pointer, f"the path has the parameter {name!r} twice", operation=pointer)


def _references(parts: Iterable[DocumentPart]) -> Iterator[tuple[str, str]]:
    """Yield the references of parts of the document: the pointer of the object, and ``$ref``.

    References in schemas with their own URI are omitted: JSON Schema resolves them.
    """
    for part in parts:
        if not part.base and isinstance(part.value.get("$ref"), str):
            yield part.pointer, part.value["$ref"]
