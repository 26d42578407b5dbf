"""`Submitted`: a form with its errors, for handlers that show it again.

An argument ``Form[NewPost]`` is valid, or the client gets a problem document. People need their
form again, with the messages beside the fields and with their text: a handler with an argument
``Submitted[NewPost]`` is called in both cases.
"""

from __future__ import annotations

import difflib
import typing
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Generic, TypeVar, final

from photon_openapi.annotations import origin_of, strip_alias
from photon_runtime.forms import FormError

T = TypeVar("T")


@final
class Submitted(Generic[T]):
    """A form that a client submitted: its value, or its errors and what was typed.

    Fields are named by the members of the class, whatever their names on the wire are.

    Args:
        value: An instance of the class; ``None`` if the form is invalid.
        errors: The errors.
        texts: The texts of each field.
        fields: The names of all fields; by default those of ``texts``.

    Example:
        >>> from photon_router import Submitted
        >>> submitted = Submitted({"slug": "tea"}, texts={"slug": ["tea"]})
        >>> submitted.is_valid
        True
        >>> submitted.add_error("slug", "is taken")
        >>> submitted.value, [(error.name, error.message) for error in submitted.errors]
        (None, [('slug', 'is taken')])
    """

    __slots__ = ("_errors", "_fields", "_texts", "_value")

    def __init__(
        self,
        value: T | None,
        errors: Iterable[FormError] = (),
        *,
        texts: Mapping[str, Sequence[str]] | None = None,
        fields: Iterable[str] | None = None,
    ) -> None:
        """Store the outcome of a form."""
        self._value = value
        self._errors = list(errors)
        self._texts = {} if texts is None else dict(texts)
        self._fields = frozenset(self._texts if fields is None else fields)

    def __repr__(self) -> str:
        """Show the number of errors; values and texts may be secret."""
        count = len(self._errors)
        state = "valid" if self.is_valid else f"{count} error{'' if count == 1 else 's'}"
        return f"<Submitted {state}>"

    @property
    def value(self) -> T | None:
        """The value; ``None`` if the form has an error."""
        return None if self._errors else self._value

    @property
    def is_valid(self) -> bool:
        """True if the form has no error."""
        return not self._errors

    @property
    def errors(self) -> tuple[FormError, ...]:
        """All errors, in the order of the fields; later ones follow."""
        return tuple(self._errors)

    @property
    def texts(self) -> Mapping[str, Sequence[str]]:
        """The texts of each field as they were typed, without those of passwords and files."""
        return self._texts

    def add_error(self, field: str, message: str) -> None:
        """Add an error that only the application can find; the form is invalid from then on.

        Args:
            field: The name of the field; ``""`` for an error of the form as a whole.
            message: The message for people, such as ``is taken``.

        Raises:
            ValueError: The form does not have the field.
        """
        if field and field not in self._fields:
            nearest = difflib.get_close_matches(field, self._fields, n=1)
            hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
            raise ValueError(
                f"the form has no field {field!r} (it has: "
                f"{', '.join(sorted(self._fields)) or '-'}){hint}"
            )
        self._errors.append(FormError(field, message))


def takes_submitted(type_: object) -> bool:
    """Return true if an argument of this type takes a submitted form."""
    plain = strip_alias(type_)
    return plain is Submitted or origin_of(plain) is Submitted


def submitted_class(type_: object) -> Any:
    """Return the class of the form: ``NewPost`` of ``Submitted[NewPost]``; ``None`` if missing."""
    return next(iter(typing.get_args(strip_alias(type_))), None)
