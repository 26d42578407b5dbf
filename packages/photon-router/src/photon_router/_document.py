"""The OpenAPI document: the only source of routes.

Code first, decorators write operations into it; spec first, it is loaded. Either way the router
compiles from the document alone, so what is served is what is documented. This module reads and
checks documents; `_operation` writes operations into them.

A check lists every problem at once, each with its place as a JSON pointer, because a person who
corrects a document wants to see all of them.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import referencing.exceptions
import yaml
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from ._match import parameters_of, shape_of
from .errors import DocumentError

OpenApi = dict[str, Any]
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
HIDDEN = "x-photon-hidden"
CATCH_ALL = "x-photon-catch-all"
ARGUMENT = "x-photon-argument"
_VERSIONS = ("3.0.", "3.1.", "3.2.")
# Members whose value is data of any shape: a "$ref" in there refers to nothing.
_DATA = ("example", "examples", "default", "enum", "const")


@attrs.frozen
class Operation:
    """An operation of the document, with what its path gives it.

    Attributes:
        path: The path template as it stands in the document.
        method: In lower case, as in the document.
        parameters: Parameter objects, references resolved, those of the path included.
        body: The request body object, reference resolved; ``None`` where there is none.
        data: The operation object itself.
        is_complete: Whether every parameter could be resolved.
    """

    path: str
    method: str
    parameters: list[OpenApi]
    body: OpenApi | None
    data: OpenApi
    is_complete: bool = True

    @property
    def name(self) -> str:
        """The operationId, or method and path where it has none."""
        return str(self.data.get("operationId") or f"{self.method.upper()} {self.path}")


class Document:
    """An OpenAPI document and the resolution of its references.

    Attributes:
        data: The document as plain mappings and lists; to be changed before `resolve` is used.
    """

    def __init__(self, data: OpenApi) -> None:
        """Keep the document; nothing is checked yet."""
        self.data = data
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
        """Iterate over the operations in the document's order.

        What a reference that leads nowhere should have given is left out.
        """
        for path, item in self.data.get("paths", {}).items():
            resolved = self.resolve(item) or {}
            for method in METHODS:
                if method in resolved:
                    yield self._operation(path, method, resolved)

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
        version = str(self.data.get("openapi", ""))
        if not version.startswith(_VERSIONS):
            return [
                f"/openapi: {version or 'nothing'!r} is not a version 3 of OpenAPI; write 3.1.0"
            ]
        if not isinstance(self.data.get("paths", {}), dict):
            return ["/paths: must be an object that maps paths to path items"]
        return [
            *self._wrong_references(self.data, ""),
            *self._wrong_paths(),
            *self._wrong_operations(),
        ]

    def public(self) -> OpenApi:
        """Return a copy for publication: without what concerns the code behind it alone."""
        data = copy.deepcopy(self.data)
        for path, item in list(data.get("paths", {}).items()):
            for method in METHODS:
                if item.get(method, {}).get(HIDDEN):
                    del item[method]
                for parameter in item.get(method, {}).get("parameters", []):
                    parameter.pop(ARGUMENT, None)
            if not item:
                del data["paths"][path]
        return data

    def _look_up(self, reference: object) -> object:
        if not isinstance(reference, str) or not reference.startswith("#"):
            return None
        try:
            return self._resolver.lookup(reference).contents
        except referencing.exceptions.Unresolvable:
            return None

    def _operation(self, path: str, method: str, item: OpenApi) -> Operation:
        data = item[method]
        listed = [*item.get("parameters", []), *data.get("parameters", [])]
        found = [parameter for parameter in map(self.resolve, listed) if parameter is not None]
        # An operation's parameter replaces its path's of the same name and place.
        merged = {(parameter.get("name"), parameter.get("in")): parameter for parameter in found}
        body = data.get("requestBody")
        return Operation(
            path,
            method,
            list(merged.values()),
            None if body is None else self.resolve(body),
            data,
            is_complete=len(found) == len(listed),
        )

    def _wrong_references(self, value: object, pointer: str) -> Iterator[str]:
        if isinstance(value, list):
            for index, item in enumerate(value):
                yield from self._wrong_references(item, f"{pointer}/{index}")
        elif isinstance(value, dict):
            reference = value.get("$ref")
            if isinstance(reference, str):
                yield from self._wrong_reference(reference, pointer)
            for name, item in value.items():
                if name not in _DATA:
                    yield from self._wrong_references(item, f"{pointer}/{_escaped(name)}")

    def _wrong_reference(self, reference: str, pointer: str) -> Iterator[str]:
        if not reference.startswith("#"):
            yield (
                f"{pointer}/$ref: {reference!r} leads out of the document; nothing is fetched, "
                "put what it refers to under components"
            )
        elif self._look_up(reference) is None:
            yield f"{pointer}/$ref: {reference!r} leads nowhere"

    def _wrong_paths(self) -> Iterator[str]:
        shapes: dict[str, str] = {}
        for path in self.data.get("paths", {}):
            if not path.startswith("/"):
                yield f"/paths/{_escaped(path)}: a path begins with a slash"
            other = shapes.setdefault(shape_of(path), path)
            if other != path:
                yield f"/paths/{_escaped(path)}: it cannot be told from {other}"

    def _wrong_operations(self) -> Iterator[str]:
        owners: dict[str, str] = {}
        for operation in self.operations():
            pointer = f"/paths/{_escaped(operation.path)}/{operation.method}"
            name = operation.data.get("operationId")
            if name is not None and owners.setdefault(name, pointer) != pointer:
                yield f"{pointer}/operationId: {name!r} is taken by {owners[name]}"
            yield from _wrong_parameters(operation, pointer)


def _wrong_parameters(operation: Operation, pointer: str) -> Iterator[str]:
    declared = set()
    for parameter in operation.parameters:
        name, place = parameter.get("name"), parameter.get("in")
        if not isinstance(name, str) or place not in ("path", "query", "header", "cookie"):
            yield f"{pointer}/parameters: a parameter needs a name and a place (in)"
        elif place == "path":
            declared.add(name)
    in_path = parameters_of(operation.path)
    missing = set(in_path) - declared if operation.is_complete else set()
    for name in sorted(missing):
        yield f"{pointer}/parameters: the path parameter {name!r} is not declared"
    for name in sorted(declared - set(in_path)):
        yield f"{pointer}/parameters: {name!r} is declared in path, but the path has no {{{name}}}"
    for name in sorted({name for name in in_path if in_path.count(name) > 1}):
        yield f"{pointer}: the path has the parameter {name!r} twice"


def _escaped(name: str) -> str:
    """Return ``name`` as a step of a JSON pointer (RFC 6901, section 3)."""
    return str(name).replace("~", "~0").replace("/", "~1")


class _SpecLoader(yaml.CSafeLoader):
    """YAML with the JSON schema of YAML 1.2, as OpenAPI asks for: no dates, no yes and no."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Construct a mapping with text as keys: a status code is written as a number."""
        mapping = super().construct_mapping(node, deep=True)
        return {key if isinstance(key, str) else json.dumps(key): mapping[key] for key in mapping}


_SpecLoader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern)
        for tag, pattern in resolvers
        if tag != "tag:yaml.org,2002:timestamp"
        and not (tag == "tag:yaml.org,2002:bool" and first not in "tfTF")
    ]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def load_document(source: Path | str | Mapping[str, Any]) -> OpenApi:
    """Load a document from a YAML or JSON file, or take a copy of one that is loaded.

    Raises:
        DocumentError: The file cannot be read, or is neither YAML nor JSON.
    """
    if isinstance(source, Mapping):
        return copy.deepcopy(dict(source))
    path = Path(source)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise DocumentError(
            [f"{path}: {error.strerror}; it is looked up from {Path.cwd()}"]
        ) from error
    except UnicodeDecodeError as error:
        raise DocumentError([f"{path}: not a text in UTF-8 ({error.reason})"]) from error
    try:
        # JSON is YAML, but the JSON reader gives better messages and is much faster.
        data = json.loads(text) if path.suffix == ".json" else yaml.load(text, _SpecLoader)
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        raise DocumentError([f"{path}: cannot be read: {error}"]) from error
    if not isinstance(data, dict):
        raise DocumentError(
            [f"{path}: an OpenAPI document is an object, not {type(data).__name__}"]
        )
    return data
