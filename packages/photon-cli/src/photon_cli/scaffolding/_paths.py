"""The path of a handler: a word of the command line that begins with a slash."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable
from typing import Final, Self

import attrs

from photon_runtime.generators import GeneratorError

_PARAMETER: Final = re.compile(r"\{([^{}]*)\}")


@attrs.frozen
class HandlerPath:
    """A path with its parameters.

    Attributes:
        path: The path: ``/posts/{id}/publish``.
        parameters: The names of its parameters.
    """

    path: str
    parameters: tuple[str, ...]

    @classmethod
    def parse(cls, path: str, *, used: Iterable[str] = ()) -> Self:
        """Return a path.

        Args:
            path: The word of the command line.
            used: Names that the generated handler uses itself.

        Raises:
            GeneratorError: It is not a path, or a parameter cannot be the name of an argument.
        """
        names = tuple(_PARAMETER.findall(path))
        rest = _PARAMETER.sub("", path)
        if "{" in rest or "}" in rest or path.endswith("/") or re.search(r"[\s?#\"\\]", path):
            raise GeneratorError(
                f"{path!r} is not a path: write segments with parameters in braces, such as"
                " /posts/{id}/publish"
            )
        for name in names:
            if not name.isidentifier() or names.count(name) > 1:
                raise GeneratorError(
                    f"{path}: the parameter {{{name}}} is not a name of Python, or is there twice"
                )
            if keyword.iskeyword(name):
                raise GeneratorError(
                    f"{path}: {name} is a keyword of Python; use another name, such as"
                    f" {{{name}_id}}"
                )
            if name in used:
                raise GeneratorError(
                    f"{path}: generated code uses the name {name}; use another one, such as"
                    f" {{{name}_id}}"
                )
        return cls(path, names)

    @property
    def signature(self) -> str:
        """The arguments of a handler: ``id: str, page: str``."""
        return ", ".join(f"{each}: str" for each in self.parameters)

    @property
    def example(self) -> str:
        """The path with a value for each parameter: ``/posts/1/publish``."""
        return _PARAMETER.sub("1", self.path)
