"""`Param`: constraints and description of a value, beside its type.

A `Param` is written inside ``Annotated``, in any order and at any depth; a ``msgspec.Meta`` is
equivalent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias

import attrs
import msgspec

from photon_runtime.errors import SignatureError
from photon_runtime.signatures import require_call

Style: TypeAlias = Literal[
    "matrix", "label", "simple", "form", "spaceDelimited", "pipeDelimited", "deepObject"
]

_NUMBER_LIMITS = ("ge", "gt", "le", "lt", "multiple_of")
_LENGTH_LIMITS = ("min_length", "max_length")
_CONSTRAINTS = (*_NUMBER_LIMITS, *_LENGTH_LIMITS, "pattern", "tz")


def _number(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return
    raise SignatureError(f"Param({attribute.name}=...) takes a number, got {value!r}")


def _length(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 0):
        return
    raise SignatureError(
        f"Param({attribute.name}=...) takes an integer of zero or more, got {value!r}"
    )


@attrs.frozen(kw_only=True)
class Param:
    r"""Name, description and constraints of a parameter or of a member of a body.

    Attributes:
        name: The name on the wire; ``None`` means the name of the argument or the attribute. The
            members of a class have these names where the annotation of the handler describes it.
        title: A short name for people, in the document.
        description: Text for the document.
        example: An example value for the document; ``None`` means no example.
        examples: Several example values.
        deprecated: Marks the parameter as deprecated in the document.
        include_in_schema: Includes a parameter, or a field of a form, in the published document;
            an excluded one must not be required.
        style: The serialization of a list or an object in a parameter, as OpenAPI defines it:
            ``form``, ``deepObject``, ``pipeDelimited``, ``matrix`` and so on. A class with a style
            is one parameter; without a style, each of its members is a parameter.
        explode: Writes the elements of a list or an object separately; ``None`` means the default
            of the style.
        default_factory: A function that returns the value of an argument that was not sent, for
            values that must be new each time, such as lists.
        ge: Inclusive lower limit of the value.
        gt: Exclusive lower limit of the value.
        le: Inclusive upper limit of the value.
        lt: Exclusive upper limit of the value.
        multiple_of: A number above zero of which the value must be a multiple.
        min_length: Minimum number of characters, items or members.
        max_length: Maximum number of characters, items or members; for an ``UploadFile`` and for
            ``bytes``, of bytes, for the latter rounded up to the next multiple of three.
        tz: True for times that must have a time zone, false for those that must not, whose format
            is ``time-local`` or ``date-time-local``; a submitted HTML form, whose inputs have none,
            is in UTC.
        pattern: A regular expression that must match somewhere in the string. It is an ECMA 262
            expression, as in JSON Schema: ``\d`` is ``[0-9]``, and ``$`` is the very end.
    """

    name: str | None = None
    title: str | None = None
    description: str | None = None
    example: object = None
    examples: Sequence[object] = attrs.field(default=(), converter=tuple)
    deprecated: bool = False
    include_in_schema: bool = True
    style: Style | None = None
    explode: bool | None = None
    default_factory: Callable[[], object] | None = None
    ge: float | None = attrs.field(default=None, validator=_number)
    gt: float | None = attrs.field(default=None, validator=_number)
    le: float | None = attrs.field(default=None, validator=_number)
    lt: float | None = attrs.field(default=None, validator=_number)
    multiple_of: float | None = attrs.field(default=None, validator=_number)
    min_length: int | None = attrs.field(default=None, validator=_length)
    max_length: int | None = attrs.field(default=None, validator=_length)
    pattern: str | None = None
    tz: bool | None = None

    def __attrs_post_init__(self) -> None:
        """Refuse invalid combinations."""
        if self.default_factory is not None:
            require_call(self.default_factory, "a default_factory")
        if self.multiple_of is not None and self.multiple_of <= 0:
            raise SignatureError(
                f"Param(multiple_of=...) must be above 0, got {self.multiple_of!r}"
            )
        shortest, longest = self.min_length or 0, self.max_length
        if longest is not None and shortest > longest:
            raise SignatureError(
                f"Param(min_length={shortest}, max_length={longest}) allows no value:"
                " make min_length the smaller one"
            )

    @property
    def is_constrained(self) -> bool:
        """Whether the parameter restricts the value, and does not merely describe it."""
        return any(getattr(self, name) is not None for name in _CONSTRAINTS)


def as_param(item: Param | msgspec.Meta) -> Param:
    if isinstance(item, Param):
        return item
    examples = item.examples or [None]
    return Param(
        title=item.title,
        description=item.description,
        example=examples[0],
        examples=examples[1:],
        pattern=item.pattern,
        tz=item.tz,
        **{name: getattr(item, name) for name in (*_NUMBER_LIMITS, *_LENGTH_LIMITS)},
    )


def merge_params(params: list[Param]) -> Param:
    """Merge parameters, attribute by attribute; later ones take precedence."""
    merged: dict[str, Any] = {}
    for param in params:
        for field in attrs.fields(Param):
            value = getattr(param, field.name)
            if value != field.default:
                merged[field.name] = value
    return Param(**merged)
