"""Classes and aliases as definitions of a module."""

from __future__ import annotations

from collections.abc import Iterator

from ._code_layout import assignment
from ._docstrings import docstring
from ._module_code import Definition
from ._schema_types import AliasCode, ClassCode, ClassMember, SchemaTypes


def class_definitions(types: SchemaTypes) -> Iterator[Definition]:
    """Yield the definitions of all types; aliases last, since they use classes at once."""
    for each in types.classes.values():
        yield _class(each)
    for alias in types.aliases.values():
        yield _alias(alias)


def _class(code: ClassCode) -> Definition:
    members = {each.name: _member(each) for each in code.members}
    described = [(each.name, each.description) for each in code.members if each.description]
    text = docstring(
        code.description or f"The schema {code.name} of the document.",
        [("Attributes", described)],
    )
    lines = "\n".join(members.values())
    source = f"@attrs.frozen(kw_only=True)\nclass {code.name}:\n{text}\n\n{lines}"
    return Definition(code.name, source, members)


def _member(member: ClassMember) -> str:
    return assignment(member.name, member.type.annotation, member.default, indent=4)


def _alias(alias: AliasCode) -> Definition:
    source = assignment(alias.name, "TypeAlias", None)
    return Definition(alias.name, _assigned(source, alias.type.annotation))


def _assigned(target: str, value: str) -> str:
    from ._code_layout import expression

    return expression(value, before=f"{target} = ")
