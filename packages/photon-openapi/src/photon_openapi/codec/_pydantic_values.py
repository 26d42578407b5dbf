"""Values of pydantic's classes: validated, encoded and projected by pydantic itself.

Theory of operation. A JSON value has passed its schema when it comes here: that of the document
spec first, and code first what `photon_openapi.schema` says that the class enforces. So ``"1"`` is
not an integer, as for every other class, although pydantic alone would convert it. Then pydantic
reads the value from JSON, in which dates are texts, so that strict models work, too, and adds the
errors that no schema can express.

A result has the members of its annotation, as for every other class. An object of exactly the
annotated class is encoded as it is. One of a subclass is encoded as the annotated class; any
other object, or a mapping, is validated by the annotated class, which reads its attributes. Objects
of SQLAlchemy are read without a statement (`_mapped_objects`).

pydantic is imported where the first of its classes is met, see `schema._pydantic_models`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import msgspec

from ..schema import adapter_of, mapper_of, message_of_pydantic, pydantic_errors
from ._mapped_objects import mapped_reader
from ._null_policy import NullPolicy

_ABSENT = object()


class ClassErrors(ValueError):
    """The errors of a value that a class of pydantic refuses.

    Attributes:
        errors: Path and message of each error.
    """

    def __init__(self, errors: list[tuple[tuple[str | int, ...], str]]) -> None:
        """Store the errors."""
        self.errors = errors
        super().__init__("; ".join(message for _, message in errors))


def reader_of(cls: Any) -> Callable[[Any, bytes | None], Any]:
    """Return a function that makes an object from a JSON value, and its text if there is one.

    The function raises `ClassErrors`, or ``RuntimeError`` where a validator raises what pydantic
    does not expect of it: this is a bug of the validator, and not an error of the value.
    """
    from pydantic import ValidationError

    adapter = adapter_of(cls)
    name = cls.__qualname__

    def read(value: Any, data: bytes | None) -> Any:
        try:
            text = msgspec.json.encode(value) if data is None else data
        except TypeError:  # a file in a form
            text = None
        try:
            return adapter.validate_python(value) if text is None else adapter.validate_json(text)
        except ValidationError as error:
            raise ClassErrors(list(pydantic_errors(error, value))) from None
        except (LookupError, TypeError, ValueError) as error:
            raise RuntimeError(f"a validator of {name} failed: {error!r}") from error

    return read


def encoded(value: Any) -> bytes:
    """Return an object of a class of pydantic as JSON, with its aliases."""
    text: bytes = type(value).__pydantic_serializer__.to_json(value, by_alias=True)
    return text


def projector_of(cls: Any, policy: NullPolicy) -> Callable[[Any], object]:
    """Return a function that projects values to a class of pydantic.

    The function raises ``TypeError`` for a value that does not fit the class.
    """
    adapter = adapter_of(cls)
    without_nulls = WithoutNulls() if policy.schemas else None

    def project(value: Any) -> object:
        if not isinstance(value, cls):
            value = _validated(adapter, cls, value)
        if without_nulls is None:
            return msgspec.Raw(adapter.dump_json(value, by_alias=True))
        plain = adapter.dump_python(value, mode="json", by_alias=True)
        return without_nulls.of(plain, policy)

    return project


def _validated(adapter: Any, cls: Any, value: Any) -> Any:
    from pydantic import ValidationError

    failures: list[Exception] = []
    try:
        return adapter.validate_python(
            _readable(value, failures), from_attributes=True, by_alias=True, by_name=True
        )
    except ValidationError as error:
        if failures:
            raise failures[0] from None
        reasons = "; ".join(
            f"{'.'.join(map(str, each['loc'])) or 'the object'}: {message_of_pydantic(each)}"
            for each in error.errors(include_url=False, include_input=False)
        )
        given = type(value).__qualname__
        raise TypeError(
            f"a result of type {given} does not fit {cls.__qualname__}: {reasons}"
        ) from None


def _readable(value: Any, failures: list[Exception]) -> Any:
    """Return a value whose objects of SQLAlchemy are read without a statement."""
    mapper = mapper_of(type(value))
    if mapper is not None:
        return _MappedView(value, mapped_reader(value, mapper), failures)
    if isinstance(value, list | tuple | set | frozenset):
        return [_readable(each, failures) for each in value]
    if isinstance(value, dict):
        return {key: _readable(each, failures) for key, each in value.items()}
    return value


@attrs.frozen(slots=True)
class _MappedView:
    """An object of SQLAlchemy for pydantic, which reads attributes."""

    _value: Any
    _read: Callable[[str, object], Any]
    _failures: list[Exception]

    def __getattr__(self, name: str) -> Any:
        try:
            part = self._read(name, _ABSENT)
        except Exception as error:
            self._failures.append(error)  # pydantic would replace it
            raise
        if part is _ABSENT:
            raise AttributeError(name)
        return _readable(part, self._failures)


class WithoutNulls:
    """Leaves out members that a document does not allow to be ``null``."""

    def __init__(self) -> None:
        """Begin without knowledge of any schema."""
        # With the policy, whose key has the ids of its schemas: these must not be used anew.
        self._known: dict[object, tuple[NullPolicy, dict[str, tuple[bool, NullPolicy]]]] = {}

    def of(self, value: Any, policy: NullPolicy) -> Any:
        """Return a plain value without these members."""
        if isinstance(value, list):
            inner = policy.item()
            return [self.of(item, inner) for item in value]
        if not isinstance(value, dict):
            return value
        _, members = self._known.setdefault(policy.key, (policy, {}))
        result = {}
        for name, part in value.items():
            known = members.get(name)
            if known is None:
                own = policy.of_class("")  # its class is not known here: references are followed
                known = members[name] = own.leaves_out(name), own.member(name)
            if part is not None or not known[0]:
                result[name] = self.of(part, known[1])
        return result
