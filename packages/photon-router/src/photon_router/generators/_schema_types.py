"""Schemas of a document as types in Python.

`SchemaTypes` returns the annotation of a schema, and collects the classes and the aliases that
annotations refer to. An object with named members is an attrs class, whether it is a component or
is written where it is used; then it is named after its place. ``allOf`` is merged. ``oneOf`` and
``anyOf`` are unions; members beside them belong to each branch.

The schema of the document validates each value before it is converted to the type. So a type need
not express everything: it must accept each valid value, and where no class can do that, it is
``dict[str, Any]`` or ``Any``. That is so for objects whose further members have a schema of their
own beside named ones, and for schemas that recur without an object in between.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from photon_openapi.document import Definitions, OpenApi, tokens_of
from photon_openapi.schema import types_of

from ._merged_schemas import is_described, is_substantive, merged
from ._names import NameScope, camel_name, class_scope, member_scope, snake_name
from ._type_code import (
    ANY,
    MAPPING,
    TypeCode,
    choices_of,
    default_code,
    lengths_of,
    scalar_of,
    union_of,
)

_DEEPEST: Final = 3
"""Nested unions with members beside them."""
_DEEPEST_CLASS: Final = 8
"""Classes that are written one inside the other; deeper ones are mappings."""
_OTHER_MEMBERS: Final = ("additionalProperties", "unevaluatedProperties")


@attrs.frozen
class ClassMember:
    """A member of a class.

    Attributes:
        name: The name of the attribute.
        type: Its type.
        default: Its default, as code; ``None`` for none.
        description: Its description, or an empty string.
    """

    name: str
    type: TypeCode
    default: str | None
    description: str


@attrs.frozen
class ClassCode:
    """A class of a document.

    Attributes:
        name: Its name.
        description: Its description.
        members: Its members.
    """

    name: str
    description: str
    members: Sequence[ClassMember]


@attrs.frozen
class AliasCode:
    """A name for a type that is not a class.

    Attributes:
        name: The name.
        type: The type.
    """

    name: str
    type: TypeCode


@attrs.define
class SchemaTypes:
    """The types of a document's schemas.

    Attributes:
        definitions: The targets of references.
        classes: The classes so far, in the order of their first use.
        aliases: The aliases so far; one may use those before it.
    """

    definitions: Definitions
    tags: Mapping[str, Mapping[str, Sequence[str]]]
    classes: dict[str, ClassCode] = attrs.field(factory=dict)
    aliases: dict[str, AliasCode] = attrs.field(factory=dict)
    _names: NameScope = attrs.field(factory=class_scope)
    _targets: dict[str, TypeCode] = attrs.field(factory=dict)
    _inline: dict[str, TypeCode] = attrs.field(factory=dict)
    _nesting: int = 0
    _depth: int = 0

    def of(self, schema: Any, hint: str) -> TypeCode:
        """Return the type of a schema.

        Args:
            schema: The schema.
            hint: The name of a class that is made for it.
        """
        if not isinstance(schema, dict):
            return ANY
        if isinstance(schema.get("$ref"), str) and not is_described(schema, beside=("$ref",)):
            return self._target(schema["$ref"])
        only = self._only_part(schema)
        if only is not None:
            return self.of(only, hint)
        if "$ref" in schema or "allOf" in schema:
            schema = merged(schema, self.definitions)
        return self._plain(schema, hint)

    def is_empty(self) -> bool:
        """Return true if no class and no alias exists."""
        return not (self.classes or self.aliases)

    @staticmethod
    def _only_part(schema: OpenApi) -> Any:
        """Return the only schema in ``allOf`` if it is everything that a schema has."""
        parts = schema.get("allOf")
        if isinstance(parts, list) and len(parts) == 1 and not is_described(schema, ("allOf",)):
            return parts[0]
        return None

    def _plain(self, schema: OpenApi, hint: str) -> TypeCode:
        """Return the type of a schema without references and ``allOf``."""
        for keyword in ("oneOf", "anyOf"):
            branches = [each for each in schema.get(keyword, ()) if is_substantive(each)]
            if branches:
                own = {key: value for key, value in schema.items() if key != keyword}
                return self._union(branches, own, hint)
        if "const" in schema:
            return choices_of([schema["const"]])
        if isinstance(schema.get("enum"), list):
            return choices_of(schema["enum"])
        kinds = types_of(schema) or _implied_types(schema)
        types = [self._of_kind(kind, schema, hint) for kind in kinds]
        return union_of(types) if types else ANY

    def _of_kind(self, kind: str, schema: OpenApi, hint: str) -> TypeCode:
        if kind == "object":
            return self._object(schema, hint)
        if kind == "array":
            return self._array(schema, hint)
        return scalar_of(kind, schema)

    # -- unions -------------------------------------------------------------------------------

    def _union(self, branches: Sequence[Any], own: OpenApi, hint: str) -> TypeCode:
        """Return the union of branches, each with the keywords beside them."""
        has_members = bool(own.get("properties"))
        types = []
        for number, branch in enumerate(branches, start=1):
            name = _branch_name(branch, hint, number)
            if has_members and branch != {"type": "null"}:
                types.append(self._with_members(own, branch, hint + name))
            else:
                types.append(self.of(branch, name if "$ref" in branch else hint + name))
        if "null" in types_of(own):
            types.append(TypeCode("None", "none"))
        return union_of(types)

    def _with_members(self, own: OpenApi, branch: Any, name: str) -> TypeCode:
        """Return the type of a branch with the members beside the union."""
        if self._nesting >= _DEEPEST:  # a branch may contain the union again
            return ANY
        self._nesting += 1
        try:
            whole = {"allOf": [{**own, "title": None}, branch]}
            return self._plain(merged(whole, self.definitions), name)
        finally:
            self._nesting -= 1

    # -- objects ------------------------------------------------------------------------------

    def _object(self, schema: OpenApi, hint: str) -> TypeCode:
        properties = schema.get("properties") or {}
        others = next((schema[name] for name in _OTHER_MEMBERS if name in schema), True)
        has_patterns = bool(schema.get("patternProperties"))
        if has_patterns or (isinstance(others, dict) and is_substantive(others)):
            if properties or has_patterns:
                return MAPPING
            value = self.of(others, f"{hint}Value").annotation
            return TypeCode(f"dict[str, {value}]", "dict", lengths_of("dict", schema))
        if not any(value is not False for value in properties.values()):
            return attrs.evolve(MAPPING, param=lengths_of("dict", schema))
        if self._depth >= _DEEPEST_CLASS:  # a schema that grows where it contains itself
            return MAPPING
        key = json.dumps(schema, sort_keys=True, default=str)
        if key not in self._inline:
            title = camel_name(str(schema.get("title") or ""), default="")
            proposed = title if 0 < len(title) <= 40 else hint
            name = self._names.claim(proposed, hint)
            self._inline[key] = TypeCode(name, "class")
            self._depth += 1
            self._add_class(name, schema)
            self._depth -= 1
        return self._inline[key]

    def _add_class(self, name: str, schema: OpenApi, tags: Mapping[str, Any] | None = None) -> None:
        self.classes[name] = ClassCode(name, "", ())  # its place among the others
        scope = member_scope()
        members = []
        for wire, inner in schema["properties"].items():
            if inner is not False:
                attribute = snake_name(wire, default="member")
                attribute = scope.claim(
                    attribute, attribute if attribute[-1:] == "_" else f"{attribute}_"
                )
                type_ = self._tag(wire, inner, tags) or self.of(inner, name + camel_name(wire))
                is_required = wire in schema.get("required", ())
                members.append(self._member(attribute, wire, inner, type_, is_required))
        description = str(schema.get("description") or schema.get("title") or "")
        self.classes[name] = ClassCode(name, description, members)

    def _tag(self, wire: str, schema: Any, tags: Mapping[str, Any] | None) -> TypeCode | None:
        """Return the type of a member by which a discriminator selects its class."""
        values = (tags or {}).get(wire)
        plain = merged(schema, self.definitions) if isinstance(schema, dict) else {}
        if not values or types_of(plain) != ["string"] or {"enum", "const"} & plain.keys():
            return None
        return choices_of(values)

    def _member(
        self, name: str, wire: str, schema: Any, type_: TypeCode, is_required: bool
    ) -> ClassMember:
        plain = merged(schema, self.definitions) if isinstance(schema, dict) else {}
        default = None
        if not is_required:
            default = default_code(plain.get("default"), type_, is_member=True)
            if default == "None":
                type_ = type_.nullable()
        if name != wire:
            type_ = type_.named(wire)
        notes = [str(plain.get("description") or "").strip()]
        notes += ["Read-only: clients do not set it."] if plain.get("readOnly") else []
        notes += ["Write-only: it is never sent."] if plain.get("writeOnly") else []
        notes += ["Deprecated."] if plain.get("deprecated") else []
        return ClassMember(name, type_, default, " ".join(filter(None, notes)))

    # -- arrays -------------------------------------------------------------------------------

    def _array(self, schema: OpenApi, hint: str) -> TypeCode:
        first = schema.get("prefixItems")
        if isinstance(first, list) and first:
            is_exact = schema.get("items") is False and schema.get("minItems") == len(first)
            if not is_exact:
                return TypeCode("list[Any]", "list")
            items = [self.of(each, f"{hint}Item{n}").annotation for n, each in enumerate(first, 1)]
            return TypeCode(f"tuple[{', '.join(items)}]", "other")
        item = self.of(schema.get("items", True), f"{hint}Item").annotation
        return TypeCode(f"list[{item}]", "list", lengths_of("list", schema))

    # -- references ---------------------------------------------------------------------------

    def _target(self, reference: str) -> TypeCode:
        """Return the type of the target of a reference: a class, an alias, or its type itself."""
        known = self._targets.get(reference)
        if known is not None:
            return known
        target = self.definitions.find(reference)
        if not isinstance(target, dict):
            return ANY
        hint = name_of_target(reference)
        self._targets[reference] = ANY  # while it is made: an alias cannot refer to itself
        whole = merged(target, self.definitions)
        if self._is_class(whole):
            result = self._target_class(reference, whole, hint)
        else:
            result = self._aliased(self.of(target, hint), hint)
        self._targets[reference] = result
        return result

    def _is_class(self, schema: OpenApi) -> bool:
        """Return true if a merged schema is a class, and no union."""
        kinds = set(types_of(schema) or _implied_types(schema)) - {"null"}
        branches = [*schema.get("oneOf", ()), *schema.get("anyOf", ())]
        others = next((schema[name] for name in _OTHER_MEMBERS if name in schema), True)
        return (
            kinds == {"object"}
            and any(value is not False for value in (schema.get("properties") or {}).values())
            and not any(map(is_substantive, branches))
            and not schema.get("patternProperties")
            and not (isinstance(others, dict) and is_substantive(others))
        )

    def _target_class(self, reference: str, schema: OpenApi, hint: str) -> TypeCode:
        name = self._names.claim(hint, f"{hint}Schema")
        type_ = TypeCode(name, "class", is_nullable="null" in types_of(schema))
        self._targets[reference] = type_
        self._add_class(name, schema, self.tags.get(reference))
        return type_

    def _aliased(self, type_: TypeCode, hint: str) -> TypeCode:
        """Return the type by a name, unless it is short."""
        annotation = attrs.evolve(type_, is_nullable=False).annotation
        if annotation.isidentifier() or annotation == MAPPING.text or "." in annotation[:9]:
            return type_
        name = self._names.claim(hint, f"{hint}Schema")
        self.aliases[name] = AliasCode(name, attrs.evolve(type_, is_nullable=False))
        return TypeCode(name, type_.kind, is_nullable=type_.is_nullable)


def _implied_types(schema: OpenApi) -> list[str]:
    """Return the types that the keywords of a schema without ``type`` are about."""
    if "properties" in schema or "patternProperties" in schema:
        return ["object"]
    return ["array"] if "items" in schema or "prefixItems" in schema else []


def _branch_name(branch: Any, hint: str, number: int) -> str:
    if isinstance(branch, dict) and isinstance(branch.get("$ref"), str):
        return name_of_target(branch["$ref"])
    title = (
        camel_name(str(branch.get("title") or ""), default="") if isinstance(branch, dict) else ""
    )
    return title if 0 < len(title) <= 40 else f"Option{number}"


def name_of_target(reference: str) -> str:
    """Return the name of the class for the target of a reference."""
    tokens = tokens_of(reference.partition("#")[2])
    named = [token for token in tokens if token not in ("schema", "items", "properties", "allOf")]
    names = [camel_name(token) for token in named if not token.isdigit()]
    return names[-1] if names else "Value"
