"""What the schemas of a document refer to.

A schema is compiled by itself, so it must be given what its references lead to, and no more:
compiling it within its whole document would make the start quadratic. `Definitions.rooted`
therefore puts beside a schema those parts of the document that it reaches, each at the place where
its pointer looks for it.

JSON Schema has other references than pointers. ``$id`` gives a schema a URI and makes it a
*resource*, within which relative references are its own; ``$anchor`` names a schema. The validators
look for both only where JSON Schema has its keywords, and ``components`` is none. So in a document
that uses ``$id``, resources are registered by their URI, and a pointer or anchor that leads to or
into one is written as a reference to that URI. A document without a URI of its own has ``BASE``.

``$schema`` is taken out of schemas: there is one dialect, others were refused before, and the
validator that lists errors would leave its own safe keywords for those of the dialect.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any, NamedTuple
from urllib.parse import quote, unquote, urldefrag, urljoin

import jsonschema_rs

BASE = "https://photon.invalid/openapi"
"""Stands for the place of the document; nothing is ever fetched from there."""
ITEM_SCHEMA = "x-item-schema"
"""The schema of the items of a stream, for which OpenAPI has no member before 3.2."""
_PREFIX = "#/components/schemas/"
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
        "mediaTypes",
        "additionalOperations",
    )
)


class Part(NamedTuple):
    """An object of a document whose members are keywords.

    Attributes:
        pointer: Where it stands.
        value: The object.
        base: The URI of the resource that it belongs to; ``""`` is the document itself.
    """

    pointer: str
    value: dict[str, Any]
    base: str


def parts_of(value: object, pointer: str = "") -> Iterator[Part]:
    """Walk the objects within a part of a document in their order; data is left out."""
    waiting: list[tuple[object, str, str, bool]] = [(value, pointer, "", False)]
    while waiting:
        value, pointer, base, is_named = waiting.pop()
        inner: list[tuple[object, str, str, bool]] = []
        if isinstance(value, list):
            inner = [(item, f"{pointer}/{at}", base, False) for at, item in enumerate(value)]
        elif isinstance(value, dict):
            if not is_named:
                base = _base_within(value, base)
                yield Part(pointer, value, base)
            inner = [
                (item, f"{pointer}/{_escaped(name)}", base, not is_named and name in _NAMED)
                for name, item in value.items()
                if isinstance(item, dict | list) and (is_named or _is_structure(name, item))
            ]
        waiting += reversed(inner)


def _is_structure(name: str, item: object) -> bool:
    if name in _DATA or (name.startswith("x-") and name != ITEM_SCHEMA):
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


def steps_of(pointer: str) -> list[str]:
    """Return the steps of a JSON pointer as it stands in a reference, after ``#``."""
    steps = unquote(pointer).split("/")[1:]
    return [step.replace("~1", "/").replace("~0", "~") for step in steps]


def look_up(value: object, steps: list[str]) -> object:
    """Return what lies at the end of ``steps``, ``None`` where there is nothing."""
    for step in steps:
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


class Definitions(Mapping[str, Any]):
    """The schemas under ``components``, by name, and all else that references may lead to.

    Attributes:
        document: The document.
        assert_formats: Whether ``format`` is asserted, or only describes.
    """

    def __init__(self, document: Mapping[str, Any], *, assert_formats: bool = False) -> None:
        """Keep the document."""
        self.document = document
        self.assert_formats = assert_formats
        schemas = look_up(document, ["components", "schemas"])
        self._schemas: Mapping[str, Any] = schemas if isinstance(schemas, dict) else {}
        self._direct: dict[str, tuple[str, ...]] = {}
        self._registries: dict[object, jsonschema_rs.Registry] = {}

    def __getitem__(self, name: str) -> Any:
        """Return the schema of that name."""
        return self._schemas[name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names of schemas."""
        return iter(self._schemas)

    def __len__(self) -> int:
        """Return how many schemas there are."""
        return len(self._schemas)

    def find(self, reference: object) -> object:
        """Return what a reference of the document itself leads to, ``None`` for nothing."""
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
            return look_up(whole, steps_of(fragment))
        pointer = self._anchors.get((urljoin(BASE, uri) if uri else "", fragment))
        return None if pointer is None else look_up(self.document, steps_of(pointer))

    def chain(self, value: object) -> Iterator[tuple[str, object]]:
        """Yield the references that an object leads through, each with its target.

        It ends with ``None`` as the target where a reference leads nowhere, or back to one before.
        """
        seen: set[str] = set()
        while isinstance(value, dict) and isinstance(value.get("$ref"), str):
            reference = value["$ref"]
            value = None if reference in seen else self.find(reference)
            seen.add(reference)
            yield reference, value

    def followed(self, schema: Any) -> Any:
        """Return what a schema stands for that is a reference and nothing else."""
        for _, target in self.chain(schema):
            if target is None or len(schema) > 1:
                break
            schema = target
        return schema

    # -- URIs -------------------------------------------------------------------------------

    @cached_property
    def resources(self) -> dict[str, Any]:
        """The schemas that have a URI (``$id``), by it, with references written as URIs.

        Those within others are left out: the validators find them, and take no schema twice.
        """
        found: dict[str, Any] = {}
        outermost = "\0"
        for pointer, uri in self.identities.items():  # in the document's order
            if not pointer.startswith(f"{outermost}/"):
                outermost = pointer
                schema = look_up(self.document, steps_of(pointer))
                found[uri] = {**self._absolute(schema), "$id": uri}
        return found

    def registry(self, write: Callable[[Any], Any] | None = None) -> jsonschema_rs.Registry | None:
        """Return the same for the validator that gives verdicts; ``None`` where there are none.

        Args:
            write: What writes each schema anew for it.
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
        """Whether what a reference means depends on the way to it (``$dynamicRef``)."""
        return any("$dynamicRef" in part.value for part in self._identified)

    @cached_property
    def parts(self) -> list[Part]:
        """All objects of the document, looked for once."""
        return list(parts_of(self.document))

    @cached_property
    def _identified(self) -> list[Part]:
        """The parts that say who they are; most documents have none."""
        wanted = ("$id", "$anchor", "$dynamicAnchor", "$dynamicRef", "$schema")
        return [
            part
            for part in self.parts
            if any(isinstance(part.value.get(keyword), str) for keyword in wanted)
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
        """Copy a schema; references of the document itself that meet a resource become its URI."""
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
        """Return a schema with all that its references lead to."""
        if not isinstance(schema, dict):
            return schema
        if not self._identified:
            if _has_dialect(schema):
                schema = self._absolute(schema)
            return {**schema, **self._excerpt(self._reached(schema))}
        # The schema may be a resource, or have definitions of its own: so it is put into a root.
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

    def _reached(self, value: object) -> set[str]:
        """Return the pointers of everything within the document that a schema refers to."""
        reached: set[str] = set()
        waiting = list(_pointers_in(value))
        while waiting:
            pointer = waiting.pop()
            if pointer in reached:
                continue
            found = look_up(self.document, steps_of(pointer))
            if found is not None:
                reached.add(pointer)
                if pointer not in self._direct:
                    self._direct[pointer] = tuple(_pointers_in(found))
                waiting += self._direct[pointer]
        return reached

    def _excerpt(self, pointers: set[str]) -> dict[str, Any]:
        """Return the document with nothing but what lies at ``pointers``."""
        excerpt: dict[str, Any] = {}
        for pointer in sorted(pointers, key=len):
            steps = steps_of(pointer)
            if look_up(excerpt, steps) is not None:
                continue  # within a part that is there already
            place = excerpt
            for step in steps[:-1]:
                place = place.setdefault(step, {})
            place[steps[-1]] = look_up(self.document, steps)
        return excerpt


def definitions_of(schemas: Mapping[str, Any] | None) -> Definitions:
    """Return definitions as they are, and schemas by name as the components of a document."""
    if isinstance(schemas, Definitions):
        return schemas
    return Definitions({"components": {"schemas": dict(schemas or {})}})


def _has_dialect(schema: object) -> bool:
    return any(isinstance(part.value.get("$schema"), str) for part in parts_of(schema))


def _pointers_in(value: object) -> Iterator[str]:
    """Yield the pointers into the document that stand in a schema, wherever that may be."""
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            reference = value.get("$ref")
            if isinstance(reference, str) and reference.startswith("#/"):
                yield reference[1:]
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
