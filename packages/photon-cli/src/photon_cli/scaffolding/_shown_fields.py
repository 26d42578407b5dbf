"""Fields as templates show them."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

import attrs

from ._fields import Field
from ._resource import Resource

_NONE: Final = "-"
_LONG: Final = ("textarea", "json", "list", "file")
_SHOWN: Final = MappingProxyType(
    {
        "checkbox": '{{ "Yes" if VALUE else "No" }}',
        "date": '<time datetime="{{ VALUE }}">{{ VALUE }}</time>',
        "datetime-local": (
            '<time datetime="{{ VALUE.isoformat() }}">{{ VALUE.strftime("%Y-%m-%d %H:%M") }}</time>'
        ),
        "file": "{{ VALUE | length }} bytes",
        "json": "<code>{{ VALUE | tojson }}</code>",
        "list": '{{ VALUE | join(", ") }}',
        "select": '{{ VALUE.name.replace("_", " ").capitalize() }}',
        "time": '{{ VALUE.strftime("%H:%M") }}',
    }
)
"""How a template shows a value, by the kind of its input; others are shown as they are."""


@attrs.frozen
class ShownField:
    """A field on a page.

    Attributes:
        label: Its label.
        shown: The code of a template that shows its value.
        is_number: It is a number, whose digits are aligned.
        is_short: It fits into a cell of a table.
    """

    label: str
    shown: str
    is_number: bool
    is_short: bool


def shown_fields(resource: Resource) -> list[ShownField]:
    """Return the fields of a model as templates show them."""
    return [
        ShownField(
            field.label,
            _shown(resource, field),
            is_number=field.input == "number" and field.reference is None,
            is_short=field.input not in _LONG,
        )
        for field in resource.fields
    ]


def _shown(resource: Resource, field: Field) -> str:
    model = resource.name.singular
    if field.reference is not None:
        value = f"{model}.{field.name}"
        label = resource.label_attribute(field)
        text = f"{{{{ {value}.{label} }}}}" if label else f"{{{{ {value}.id }}}}"
    else:
        value = f"{model}.{field.column}"
        text = _text(field, value)
    if not field.is_nullable:
        return text
    return f"{{% if {value} is none %}}{_NONE}{{% else %}}{text}{{% endif %}}"


def _text(field: Field, value: str) -> str:
    return _SHOWN.get(field.input, "{{ VALUE }}").replace("VALUE", value)
