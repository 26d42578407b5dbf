"""The OpenAPI document: the only source of routes.

Code first, decorators write operations into it; spec first, it is loaded. Either way the router
compiles from the document alone, so what is served is what is documented. This module reads and
checks documents; `_load` takes them from files, `_operation` writes operations into them.

A check lists every problem at once, each with its place as a JSON pointer, because a person who
corrects a document wants to see all of them. It goes in two steps: what the document must be by
itself (its shape, and references that lead somewhere), then what its parts mean together (names
that are taken, parameters of paths). What the first step finds wrong is left out of the second, and
the operations that it touches are not *sound*: nothing further is said of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any
from urllib.parse import unquote

import attrs

from ..messages import pointer_of
from ._definitions import Definitions, Part, parts_of, steps_of
from ._servers import base_paths, undeclared_variables
from ._shape import Problem, problems_of_shape
from ._template import parameters_of, shape_of

OpenApi = dict[str, Any]
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace", "query")
CATCH_ALL = "x-photon-catch-all"
# The QUERY method in documents older than 3.2, which have no place for it.
_QUERY = "x-photon-query"
# The dialects of schemas that are understood: that of JSON Schema, and those of OpenAPI upon it.
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_DIALECTS = re.compile(
    rf"{re.escape(_DIALECT)}#?|https://spec\.openapis\.org/oas/3\.[12]/dialect/[-0-9a-z]+"
)


@attrs.frozen
class Operation:
    """An operation of the document, with what its path gives it.

    Attributes:
        path: The path template as it stands in the document.
        method: In lower case, as in the document.
        parameters: Parameter objects, references resolved, those of the path included.
        body: The request body object, reference resolved; ``None`` where there is none.
        data: The operation object itself.
        pointer: Where it stands in the document.
        base_paths: The paths of its servers, below which it is served; the first is its own.
        is_sound: Whether it, and all that it refers to, has the right shape. Otherwise it has
            neither parameters nor a body here.
    """

    path: str
    method: str
    parameters: list[OpenApi]
    body: OpenApi | None
    data: OpenApi
    pointer: str
    base_paths: tuple[str, ...] = ("",)
    is_sound: bool = True

    @property
    def name(self) -> str:
        """The operationId, or method and path where it has none."""
        return str(self.data.get("operationId") or f"{self.method.upper()} {self.path}")


def place_of(parameter: OpenApi) -> tuple[str, str]:
    """Return place and name of a parameter, by which it is told from all others.

    Names of header fields are compared without regard to case (RFC 9110, section 5.1).
    """
    place, name = parameter["in"], parameter["name"]
    return place, name.lower() if place == "header" else name


class Document:
    """An OpenAPI document and the resolution of its references.

    Attributes:
        data: The document as plain mappings and lists; not to be changed from now on.
        definitions: What references lead to.
    """

    def __init__(
        self, data: OpenApi, *, is_shaped: bool = False, assert_formats: bool = False
    ) -> None:
        """Keep the document; nothing is checked yet.

        Args:
            data: The document.
            is_shaped: Whether its shape is known to be right and need not be checked.
            assert_formats: Whether ``format`` in its schemas is asserted, or only describes.
        """
        self.data = data
        self.definitions = Definitions(data, assert_formats=assert_formats)
        self._is_shaped = is_shaped

    def resolve(self, value: OpenApi) -> OpenApi | None:
        """Follow the ``$ref`` of an object to what it stands for; itself where it has none.

        Returns:
            The object; ``None`` where the reference leads nowhere, out of the document, or in a
            circle, which `problems` tells.
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
        return list(self._found_operations())

    def _found_operations(self) -> Iterator[Operation]:
        for path, pointer, item in self._items():
            yield from self.operations_of(path, item, pointer)

    def operations_of(self, path: str, item: OpenApi, pointer: str) -> Iterator[Operation]:
        """Iterate over the operations of a path item, which may be one of a webhook or callback.

        Args:
            path: What the operations have as their path.
            item: The item, or a reference to it.
            pointer: Where it stands.
        """
        found = self._item(item, pointer)
        if found is None:
            return
        place, item = found
        shared = item.get("parameters", [])
        is_sound = self.is_sound(shared, f"{place}/parameters")
        for method, steps, data in _methods(item):
            bare = Operation(path, method, [], None, data, place + pointer_of(steps))
            if is_sound and self.is_sound(data, bare.pointer):
                yield self._completed(bare, item)
            else:
                yield attrs.evolve(bare, is_sound=False)

    def response(self, operation: Operation, status: int) -> OpenApi | None:
        """Return what the document says of an answer with ``status``, its reference resolved.

        The status itself counts before its range (``4XX``), that before ``default``.
        """
        responses = operation.data.get("responses")
        for key in (str(status), f"{status // 100}XX", "default"):
            if isinstance(responses, dict) and isinstance(responses.get(key), dict):
                return self.resolve(responses[key])
        return None

    @property
    def base_path(self) -> str:
        """The path of the first server's URL, without a slash at its end."""
        return base_paths(self.data.get("servers"))[0]

    def problems(self) -> list[str]:
        """Return everything that keeps the document from being served."""
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
    def problems_of_shape(self) -> list[Problem]:
        """What has not the shape of an OpenAPI document."""
        return [] if self._is_shaped else problems_of_shape(self.data)

    def is_sound(self, value: object, pointer: str) -> bool:
        """Say whether a part of the document, with all it refers to, is right by itself."""
        if not self._formal_problems:
            return True
        reached = {pointer, *self._reached(value)}
        return not any(
            problem.pointer == place or problem.pointer.startswith(f"{place}/")
            for problem in self._formal_problems
            for place in reached
        )

    def required_security(self, operation: Operation) -> list[OpenApi]:
        """Return the security requirements of an operation, of which one must be met."""
        own = operation.data.get("security")
        pointer = "/security" if own is None else f"{operation.pointer}/security"
        required = self.data.get("security") if own is None else own
        return required if required and self.is_sound(None, pointer) else []

    def is_open(self, operation: Operation) -> bool:
        """Say whether anonymous requests to an operation are let in."""
        required = self.required_security(operation)
        return not required or {} in required

    @cached_property
    def _formal_problems(self) -> list[Problem]:
        return [*self.problems_of_shape, *self._wrong_references()]

    def _items(self) -> Iterator[tuple[str, str, OpenApi]]:
        """Iterate over paths, where their items stand, and these, references resolved.

        What stands beside a reference goes before what it leads to.
        """
        paths = self.data.get("paths")
        for path, item in paths.items() if isinstance(paths, dict) else ():
            found = (
                self._item(item, pointer_of(["paths", path])) if isinstance(item, dict) else None
            )
            if found is not None and path.startswith("/"):
                yield path, *found

    def _item(self, item: OpenApi, pointer: str) -> tuple[str, OpenApi] | None:
        """Return where a path item stands and what it is; ``None`` where that is nowhere."""
        resolved = self.resolve(item)
        if resolved is None or resolved is item:
            return None if resolved is None else (pointer, resolved)
        beside = {name: value for name, value in item.items() if name != "$ref"}
        if not beside:
            pointer = pointer_of(self._last_steps(item))
        return pointer, {**resolved, **beside}

    def _last_steps(self, value: OpenApi) -> list[str]:
        """Return the steps to what a chain of references leads to in the end."""
        *_, (reference, _) = self.definitions.chain(value)
        return steps_of(reference.partition("#")[2])

    def _completed(self, bare: Operation, item: OpenApi) -> Operation:
        """Return an operation with what its item gives it."""
        data = bare.data
        listed = [*item.get("parameters", []), *data.get("parameters", [])]
        found = [parameter for parameter in map(self.resolve, listed) if parameter is not None]
        # An operation's parameter replaces its path's of the same name and place.
        merged = {place_of(parameter): parameter for parameter in found}
        body = data.get("requestBody")
        servers = data.get("servers") or item.get("servers") or self.data.get("servers")
        bases = base_paths(servers) if self.is_sound(None, "/servers") else ("",)
        return attrs.evolve(
            bare,
            parameters=[self._with_media(parameter) for parameter in merged.values()],
            body=None if body is None else self._with_media(self.resolve(body) or {}),
            base_paths=bases,
        )

    def _with_media(self, value: OpenApi) -> OpenApi:
        """Resolve the references of media types, which 3.2 allows."""
        content = value.get("content") or {}
        if not any("$ref" in media for media in content.values()):
            return value
        media = {name: self.resolve(media) or {} for name, media in content.items()}
        return {**value, "content": media}

    # -- references -------------------------------------------------------------------------

    def _reached(self, value: object) -> set[str]:
        """Return the pointers of everything that ``value`` refers to, at any depth."""
        reached: set[str] = set()
        waiting = [value]
        while waiting:
            for _, reference in _references(parts_of(waiting.pop())):
                pointer = unquote(reference[1:])
                if reference.startswith("#") and pointer not in reached:
                    reached.add(pointer)
                    waiting.append(self.definitions.find(reference))
        return reached

    def _wrong_references(self) -> Iterator[Problem]:
        for place, reference in _references(self.definitions.parts):
            wrong = self._wrong_reference(reference)
            if wrong is not None:
                yield Problem(f"{place}/$ref", f"{reference!r} {wrong}")

    def _wrong_reference(self, reference: str) -> str | None:
        chain = list(self.definitions.chain({"$ref": reference}))
        if not isinstance(chain[0][1], dict | bool):
            return _lost(reference)  # a boolean is a schema: it takes all, or nothing
        references = [each for each, _ in chain]
        return "leads in a circle" if len(set(references)) < len(references) else None

    # -- what the parts mean together -------------------------------------------------------

    def _wrong_paths(self) -> Iterator[str]:
        shapes: dict[str, str] = {}
        for path, _, _ in self._items():
            other = shapes.setdefault(shape_of(path), path)
            if other != path:
                yield f"{pointer_of(['paths', path])}: it cannot be told from {other}"

    def _wrong_operations(self) -> Iterator[str]:
        owners: dict[str, str] = {}
        for operation in self.operations():
            pointer = operation.pointer
            name = operation.data.get("operationId")
            if isinstance(name, str) and owners.setdefault(name, pointer) != pointer:
                yield f"{pointer}/operationId: {name!r} is taken by {owners[name]}"
            if operation.is_sound:
                yield from _wrong_parameters(operation, pointer)

    def _wrong_servers(self) -> Iterator[str]:
        for part in self.definitions.parts:
            servers = part.value.get("servers")
            for index, server in enumerate(servers if isinstance(servers, list) else ()):
                for name in undeclared_variables(server) if isinstance(server, Mapping) else ():
                    yield f"{part.pointer}/servers/{index}: the variable {name!r} is not declared"

    def _wrong_dialects(self) -> Iterator[str]:
        """Tell the schemas that are written in another dialect: they would be misread."""
        found = [("/jsonSchemaDialect", self.data.get("jsonSchemaDialect"))]
        found += [
            (f"{part.pointer}/$schema", part.value.get("$schema"))
            for part in self.definitions.parts
        ]
        for pointer, dialect in found:
            if isinstance(dialect, str) and not _DIALECTS.fullmatch(dialect):
                yield (f"{pointer}: schemas are read in the dialect {_DIALECT}, not in {dialect!r}")

    def _wrong_identifiers(self) -> Iterator[str]:
        owners: dict[str, str] = {}
        for pointer, uri in self.definitions.identities.items():
            other = owners.setdefault(uri, pointer)
            if other != pointer:
                yield f"{pointer}/$id: {uri!r} is taken by {other}"


def _methods(item: OpenApi) -> Iterator[tuple[str, list[str], OpenApi]]:
    """Yield the operations of a path item: method, steps from the item, operation."""
    for method in METHODS:
        keys = (method, _QUERY) if method == "query" else (method,)
        key = next((key for key in keys if isinstance(item.get(key), dict)), None)
        if key is not None:
            yield method, [key], item[key]
    others = item.get("additionalOperations")
    for method, operation in others.items() if isinstance(others, dict) else ():
        if isinstance(operation, dict):
            yield method, ["additionalOperations", method], operation


def _lost(reference: str) -> str:
    if reference.startswith("#"):
        return "leads nowhere"
    return (
        "leads out of the document; nothing is fetched, put what it refers to under components "
        "or into a file beside the document"
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
            yield f"{pointer}/parameters: {name!r} takes the rest of the path: it must end with it"


def _references(parts: Iterable[Part]) -> Iterator[tuple[str, str]]:
    """Yield the references of parts of the document: where the holder stands, and ``$ref``.

    Those of schemas with a URI of their own are left out: what they mean, JSON Schema says.
    """
    for part in parts:
        if not part.base and isinstance(part.value.get("$ref"), str):
            yield part.pointer, part.value["$ref"]
