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

from collections.abc import Iterator
from functools import cached_property
from typing import Any
from urllib.parse import unquote

import attrs
import referencing.exceptions
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from ._faults import pointer_of
from ._load import load_document as load_document
from ._match import parameters_of, shape_of
from ._shape import Problem, problems_of_shape

OpenApi = dict[str, Any]
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
CATCH_ALL = "x-photon-catch-all"
# Members whose value is data of any shape: a "$ref" in there refers to nothing.
_DATA = frozenset(("example", "default", "enum", "const", "value"))
# Members whose value maps names to objects: its members are no keywords.
_NAMED = frozenset(
    (
        "properties",
        "patternProperties",
        "$defs",
        "definitions",
        "dependentSchemas",
        "responses",
        "content",
        "headers",
        "examples",
        "links",
        "callbacks",
        "encoding",
        "schemas",
        "requestBodies",
        "securitySchemes",
        "pathItems",
        "parameters",
        "paths",
        "webhooks",
        "variables",
    )
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
        is_sound: Whether it, and all that it refers to, has the right shape. Otherwise it has
            neither parameters nor a body here.
    """

    path: str
    method: str
    parameters: list[OpenApi]
    body: OpenApi | None
    data: OpenApi
    is_sound: bool = True

    @property
    def name(self) -> str:
        """The operationId, or method and path where it has none."""
        return str(self.data.get("operationId") or f"{self.method.upper()} {self.path}")

    @property
    def pointer(self) -> str:
        """Where it stands in the document."""
        return pointer_of(["paths", self.path, self.method])


class Document:
    """An OpenAPI document and the resolution of its references.

    Attributes:
        data: The document as plain mappings and lists; not to be changed from now on.
    """

    def __init__(self, data: OpenApi, *, is_shaped: bool = False) -> None:
        """Keep the document; nothing is checked yet.

        Args:
            data: The document.
            is_shaped: Whether its shape is known to be right and need not be checked.
        """
        self.data = data
        self._is_shaped = is_shaped
        resource = DRAFT202012.create_resource(data)
        self._resolver = Registry().with_resource("", resource).resolver()

    def resolve(self, value: OpenApi) -> OpenApi | None:
        """Follow the ``$ref`` of an object to what it stands for; itself where it has none.

        Returns:
            The object; ``None`` where the reference leads nowhere, out of the document, or in a
            circle, which `problems` tells.
        """
        seen: set[str] = set()
        while "$ref" in value:
            reference = value["$ref"]
            found = None if reference in seen else self._look_up(reference)
            if not isinstance(found, dict):
                return None
            seen.add(reference)
            value = found
        return value

    def operations(self) -> Iterator[Operation]:
        """Iterate over the operations in the document's order."""
        for path, item in self._items():
            for method in METHODS:
                if isinstance(item.get(method), dict):
                    yield self._operation(path, method, item)

    @property
    def base_path(self) -> str:
        """The path of the first server's URL, without a slash at its end."""
        servers = self.data.get("servers") or [{"url": "/"}]
        url = str(servers[0].get("url", "/"))
        for name, variable in (servers[0].get("variables") or {}).items():
            url = url.replace(f"{{{name}}}", str(variable.get("default", "")))
        _, separator, rest = url.partition("://")
        path = url if not separator else "/" + rest.partition("/")[2]
        return path.rstrip("/")

    def problems(self) -> list[str]:
        """Return everything that keeps the document from being served."""
        if any(problem.pointer == "/openapi" for problem in self._formal_problems):
            return [str(self._formal_problems[0])]
        return [
            *map(str, self._formal_problems),
            *self._wrong_paths(),
            *self._wrong_operations(),
        ]

    @cached_property
    def problems_of_shape(self) -> list[Problem]:
        """What has not the shape of an OpenAPI document."""
        return [] if self._is_shaped else problems_of_shape(self.data)

    def is_sound(self, value: object, pointer: str) -> bool:
        """Say whether a part of the document, with all it refers to, is right by itself."""
        if not self._formal_problems:
            return True
        reached = {pointer, *self._reached(value, set())}
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

    @cached_property
    def _formal_problems(self) -> list[Problem]:
        return [*self.problems_of_shape, *self._wrong_references()]

    def _items(self) -> Iterator[tuple[str, OpenApi]]:
        """Iterate over paths and path items, references resolved."""
        paths = self.data.get("paths")
        for path, item in paths.items() if isinstance(paths, dict) else ():
            resolved = self.resolve(item) if isinstance(item, dict) else None
            if resolved is not None and path.startswith("/"):
                yield path, resolved

    def _operation(self, path: str, method: str, item: OpenApi) -> Operation:
        bare = Operation(path, method, [], None, item[method])
        shared = item.get("parameters", [])
        place = pointer_of(["paths", path, "parameters"])
        if not (self.is_sound(bare.data, bare.pointer) and self.is_sound(shared, place)):
            return attrs.evolve(bare, is_sound=False)
        listed = [*shared, *bare.data.get("parameters", [])]
        found = [parameter for parameter in map(self.resolve, listed) if parameter is not None]
        # An operation's parameter replaces its path's of the same name and place.
        merged = {(parameter["name"], parameter["in"]): parameter for parameter in found}
        body = bare.data.get("requestBody")
        return attrs.evolve(
            bare,
            parameters=list(merged.values()),
            body=None if body is None else self.resolve(body),
        )

    # -- references -------------------------------------------------------------------------

    def _look_up(self, reference: object) -> object:
        """Return what a reference leads to, ``None`` where that is nothing in the document."""
        if not isinstance(reference, str) or not reference.startswith("#"):
            return None
        try:
            return self._resolver.lookup(reference).contents
        except (referencing.exceptions.Unresolvable, LookupError, TypeError, ValueError):
            return None  # the latter three where it leads through a list or into a scalar

    def _reached(self, value: object, seen: set[str]) -> set[str]:
        """Return the pointers of everything that ``value`` refers to, at any depth."""
        for _, reference in _references(value, "", is_named=False):
            pointer = unquote(reference[1:])
            if reference.startswith("#") and pointer not in seen:
                seen.add(pointer)
                self._reached(self._look_up(reference), seen)
        return seen

    def _wrong_references(self) -> Iterator[Problem]:
        for place, reference in _references(self.data, "", is_named=False):
            wrong = self._wrong_reference(reference)
            if wrong is not None:
                yield Problem(f"{place}/$ref", f"{reference!r} {wrong}")

    def _wrong_reference(self, reference: str) -> str | None:
        if not reference.startswith("#"):
            return (
                "leads out of the document; nothing is fetched, put what it refers to under "
                "components"
            )
        seen = set()
        following: object = reference
        while isinstance(following, str):
            if following in seen:
                return "leads in a circle"
            seen.add(following)
            found = self._look_up(following)
            if following == reference and not isinstance(found, dict | bool):
                return "leads nowhere"  # a boolean is a schema: it takes all, or nothing
            following = found.get("$ref") if isinstance(found, dict) else None
        return None

    # -- what the parts mean together -------------------------------------------------------

    def _wrong_paths(self) -> Iterator[str]:
        shapes: dict[str, str] = {}
        for path, _ in self._items():
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


def _references(value: object, pointer: str, *, is_named: bool) -> Iterator[tuple[str, str]]:
    """Yield the references within ``value``: the pointer of each holder, and the ``$ref``.

    Args:
        value: A part of the document.
        pointer: Where it stands.
        is_named: Whether it maps names to objects, so that its members are no keywords.
    """
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _references(item, f"{pointer}/{index}", is_named=False)
    elif isinstance(value, dict):
        if not is_named and isinstance(value.get("$ref"), str):
            yield pointer, value["$ref"]
        for name, item in value.items():
            if is_named or not (name in _DATA or str(name).startswith("x-")):
                if name == "examples" and not is_named and isinstance(item, list):
                    continue  # of a schema: plain data
                inner = not is_named and name in _NAMED
                yield from _references(item, pointer + pointer_of([name]), is_named=inner)
