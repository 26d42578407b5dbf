"""`ChannelMessage`: the messages of a channel, and how the command line names them.

::

    joined                              a message without members
    said:text                           the member `text` of the message `said`, a string
    said:text:text said:author:string?  two members of one message
    moved:to:enum:todo,done             a type with arguments

What follows the name of the message is a field, as models have it.
"""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Sequence
from typing import Final, Self

import attrs
import inflection

from photon_runtime.generators import GeneratorError

from ._fields import Field, parse_fields
from ._names import ModelName
from ._word_lists import words

_NAME: Final = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_DEFAULT: Final = ("message:text:text",)
# Messages that a channel sends by itself.
_OWN_MESSAGES: Final = ("gap", "problem")
# The tag of a message, and the id that the room adds.
_OWN_MEMBERS: Final = ("type", "id")
_CLASSES: Final = words(
    """
    Annotated Any Client Decimal Gap Literal Param PhotonWebSocket Room Router TypeAlias UUID
    WebSocket WebSocketTestSession
    """
)


@attrs.frozen
class ChannelMessage:
    """A message of a channel.

    Attributes:
        name: The value of its tag: ``card_moved``.
        fields: Its members besides the tag.
    """

    name: str
    fields: tuple[Field, ...]

    @classmethod
    def parse_all(cls, named: Sequence[str], *, channel: str) -> tuple[Self, ...]:
        """Return the messages that words of the command line name.

        Args:
            named: The words; none for one message with a text.
            channel: The name of the channel, in snake case.

        Raises:
            GeneratorError: A word is invalid; the message says what to write.
        """
        fields: dict[str, list[str]] = {}
        for word in named or _DEFAULT:
            name, colon, field = word.partition(":")
            name = inflection.underscore(name.strip().replace("-", "_"))
            _check_name(word, name, channel)
            members = fields.setdefault(name, [])
            if colon:
                members.append(field)
            elif named.count(word) > 1:
                raise GeneratorError(f"the message {name} is there twice")
        return tuple(cls(name, _fields(name, members)) for name, members in fields.items())

    @property
    def class_name(self) -> str:
        """The class of the message: ``CardMoved``."""
        return inflection.camelize(self.name)

    @property
    def lines(self) -> tuple[str, ...]:
        """The members, as statements of the class."""
        return tuple(_line(field) for field in self.fields)

    @property
    def imports(self) -> frozenset[str]:
        """The imports of these lines."""
        return frozenset().union(*(field.schema_imports for field in self.fields))

    @property
    def example(self) -> str:
        """Python code of the message, as clients send it."""
        members = [f'"type": "{self.name}"']
        members += [f'"{field.name}": {field.wire_example()}' for field in self.fields]
        return "{" + ", ".join(members) + "}"

    @property
    def invalid(self) -> tuple[str, str]:
        """Python code of an invalid message, and the pointer to its error."""
        for field in self.fields:
            if field.invalid_example is not None:
                member = f'"{field.name}": {field.wire_example()}'
                wrong = f'"{field.name}": {field.invalid_example}'
                return self.example.replace(member, wrong), f"/{field.name}"
        return '{"type": "unknown"}', "/type"


def _line(field: Field) -> str:
    default = " = None" if field.is_nullable else ""
    annotation = field.schema_annotation
    if field.type.values:
        values = ", ".join(f'"{value}"' for value in field.type.values)
        annotation = f"Literal[{values}]" + (" | None" if field.is_nullable else "")
    return f"{field.name}: {annotation}{default}"


def _fields(message: str, members: Sequence[str]) -> tuple[Field, ...]:
    for member in members:
        name = re.split(r"[:?!^]", member, maxsplit=1)[0]
        if name in _OWN_MEMBERS:
            raise GeneratorError(
                f"{message}:{member}: every message has a member {name} by itself; use another"
                f" name, such as {message}:{message}_{member}"
            )
    model = ModelName(message, message, message)
    fields = parse_fields(model, members, has_timestamps=False)
    for field in fields:
        word = f"{message}:{field.word}"
        if field.reference:
            raise GeneratorError(
                f"{word}: a message is not stored and refers to no row; send the number, as in"
                f" {message}:{field.column}:int"
            )
        if field.is_unique:
            raise GeneratorError(f"{word}: a message is not stored; leave out the ^")
    return fields


def _check_name(word: str, name: str, channel: str) -> None:
    if not _NAME.fullmatch(name):
        raise GeneratorError(
            f"{word!r} is not a message with a field: write the name of the message, a colon, and"
            " the field, as in said:text or moved:column:enum:todo,done"
        )
    camel = inflection.camelize(name)
    own = {f"{inflection.camelize(channel)}{each}" for each in ("In", "Out")}
    if (
        keyword.iskeyword(camel)
        or hasattr(builtins, camel)
        or camel in {*_CLASSES, *own}
        or name in _OWN_MESSAGES
    ):
        raise GeneratorError(
            f"a message cannot be called {name!r}, because Python, the channel or generated code"
            f" uses the name {camel}; use another one, such as {name}_message"
        )
