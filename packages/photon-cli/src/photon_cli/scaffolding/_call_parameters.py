"""`CallParameter`: the parameters of a task or a mailer, and how the command line names them.

They are named as the fields of a model are: ``order_id:int``, ``note:string?``,
``state:enum:open,paid``. What a model has beyond a value, references and unique columns, is
refused. Parameters that may be ``None`` come last, because they have a default.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Collection, Iterable, Sequence
from typing import Final, Self

import attrs

from photon_runtime.generators import GeneratorError

from ._fields import Field, parse_fields
from ._names import ModelName

# What the fields belong to, for messages.
_CALL: Final = ModelName("call", "calls", "calls")


@attrs.frozen
class CallParameter:
    """A parameter of a task or a mailer.

    Attributes:
        field: The field that the command line names.
    """

    field: Field

    @classmethod
    def parse_all(
        cls, words: Sequence[str], *, function: str, used: Collection[str] = ()
    ) -> tuple[Self, ...]:
        """Return the parameters that words of the command line name.

        Args:
            words: The words.
            function: The function.
            used: Names that cannot be parameters.

        Raises:
            GeneratorError: A word is invalid; the message says what to write.
        """
        for word in words:
            name = re.split(r"[:?!^]", word, maxsplit=1)[0]
            if name == "id" or name in used:
                other = word.replace(name, f"{function}_{name}", 1)
                raise GeneratorError(
                    f"{word}: generated code uses the name {name}; use another one, such as {other}"
                )
        fields = parse_fields(_CALL, words, has_timestamps=False)
        for field in fields:
            if field.reference:
                raise GeneratorError(
                    f"{field.word}: what is passed is stored as JSON until it is used; pass the"
                    f" number of the row: {field.column}:int"
                )
            if field.is_unique:
                raise GeneratorError(f"{field.word}: a parameter is not a column; leave out the ^")
        return tuple(cls(field) for field in sorted(fields, key=lambda field: field.is_nullable))

    @property
    def name(self) -> str:
        """The name."""
        return self.field.name

    @property
    def code(self) -> str:
        """The parameter in the signature: ``note: str | None = None``."""
        annotation = self.field.type.python
        if self.field.type.values:
            annotation = f"Literal[{', '.join(map(json.dumps, self.field.type.values))}]"
        default = " | None = None" if self.field.is_nullable else ""
        return f"{self.name}: {annotation}{default}"

    @property
    def imports(self) -> frozenset[str]:
        """The imports of `code`."""
        found = {self.field.type.python_import}
        if self.field.type.values:
            found.add("from typing import Literal")
        return frozenset(found - {""})

    @property
    def example(self) -> str:
        """Python code of a value."""
        return self.field.wire_example() if self.field.type.values else self.field.example()

    @property
    def example_imports(self) -> frozenset[str]:
        """The imports of `example`."""
        return self.field.example_imports

    @property
    def shown_example(self) -> str:
        """Python code of the value as a text, as templates show it."""
        example = self.example
        return example if example.startswith('"') else f"str({example})"

    @property
    def typed_words(self) -> tuple[str, ...]:
        """The value as it is typed after ``photon task``: ``limit:1``."""
        value = ast.literal_eval(self.field.wire_example())
        if isinstance(value, dict):
            return (f"{self.name}:={json.dumps(value)}",)
        values = value if isinstance(value, list) else [value]
        return tuple(f"{self.name}:{_typed(each)}" for each in values)


def signature(parameters: Iterable[CallParameter]) -> str:
    """Return the parameters in the signature of a function."""
    return ", ".join(each.code for each in parameters)


def call_arguments(parameters: Iterable[CallParameter]) -> str:
    """Return example values, each with its name, as they are passed to a function."""
    return ", ".join(f"{each.name}={each.example}" for each in parameters)


def imports_of(parameters: Iterable[CallParameter]) -> frozenset[str]:
    """Return the imports of a signature."""
    return frozenset[str]().union(*(each.imports for each in parameters))


def example_imports_of(parameters: Iterable[CallParameter]) -> frozenset[str]:
    """Return the imports of example values."""
    return frozenset[str]().union(*(each.example_imports for each in parameters))


def _typed(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
