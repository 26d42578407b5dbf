"""Names of a document as names in Python.

A name in the document is any text, such as ``first-name``, ``+1`` or ``class``. The name in Python
is an identifier in the usual style, distinct from all others of its scope and from the names that
the generated code uses itself. Where an argument or a member cannot have the name that parameters
are matched by, its `Param` has the name on the wire.
"""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Collection
from typing import Final

import attrs

_SIGNS: Final = {"+": " plus ", "-": " minus ", "*": " star ", "%": " percent ", "&": " and "}
_WORDS = re.compile(r"[^0-9A-Za-z]+")
_ASCII: Final = str.maketrans("äöüßéèàçñ", "aouseeacn")

TYPE_NAMES: Final = frozenset(
    (
        *("str", "int", "float", "bool", "list", "dict", "bytes", "tuple", "object"),
        *("datetime", "attrs", "None", "True", "False"),
    )
)
"""Names that annotations use: in a class or a module, nothing else may have them."""
IMPORTED: Final = frozenset(
    (
        *("Annotated", "Any", "Literal", "TypeAlias", "Iterator", "UUID", "Decimal", "Path"),
        *("Body", "Client", "Cookie", "Created", "CurrentUser", "Form", "Header", "Html"),
        *("HttpError", "Identity", "Json", "Param", "Photon", "Query", "Redirect", "Response"),
        *("Router", "ServerSentEvent", "Status", "UploadFile", "Request", "NoContent", "Text"),
        *("ApiKey", "BasicAuth", "BearerToken", "MutualTls"),
    )
)
"""Names that generated modules import."""
_BUILTINS: Final = frozenset(dir(builtins))


def snake_name(text: str, *, default: str = "value") -> str:
    """Return a text as the name of a variable, such as ``pet_id``; never a private one."""
    separated = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", _plain(text))
    name = _WORDS.sub("_", separated).strip("_").lower()
    if not name:
        return default
    if name[0].isdigit():
        name = f"{default}_{name}"
    return f"{name}_" if keyword.iskeyword(name) else name


def camel_name(text: str, *, default: str = "Value") -> str:
    """Return a text as the name of a class, such as ``PetOwner``."""
    words = [word for word in _WORDS.split(_plain(text)) if word]
    name = "".join(word[0].upper() + word[1:] for word in words)
    if not name:
        return default
    return f"{default}{name}" if name[0].isdigit() else name


def _plain(text: str) -> str:
    """Return a text in which signs that carry the meaning of a name are words."""
    text = text.strip().translate(_ASCII)
    if text[:1] in _SIGNS or not _WORDS.sub("", text):
        text = "".join(_SIGNS.get(sign, sign) for sign in text)
    return text


@attrs.define
class NameScope:
    """The names of a module, a class or a function; each is claimed once.

    Attributes:
        reserved: Names that the code uses itself.
    """

    reserved: Collection[str] = frozenset()
    _claimed: set[str] = attrs.field(factory=set)

    def claim(self, name: str, *alternatives: str) -> str:
        """Claim the first of several names that is free, or the last one with a number."""
        for each in (name, *alternatives):
            if self._is_free(each):
                self._claimed.add(each)
                return each
        last = (name, *alternatives)[-1]
        number = 2
        while not self._is_free(f"{last}{_joint(last)}{number}"):
            number += 1
        free = f"{last}{_joint(last)}{number}"
        self._claimed.add(free)
        return free

    def _is_free(self, name: str) -> bool:
        return name not in self._claimed and name not in self.reserved


def _joint(name: str) -> str:
    return "" if name[:1].isupper() else "_"


def class_scope() -> NameScope:
    """Return the scope of the classes of a document."""
    return NameScope(IMPORTED | TYPE_NAMES | _BUILTINS)


def member_scope() -> NameScope:
    """Return the scope of the members of a class."""
    return NameScope(TYPE_NAMES | {"self"})


def argument_scope() -> NameScope:
    """Return the scope of the arguments of a handler."""
    return NameScope(TYPE_NAMES)


def handler_scope() -> NameScope:
    """Return the scope of the handlers of a module."""
    return NameScope(TYPE_NAMES | _BUILTINS | {"router", "security", "schemas"})
