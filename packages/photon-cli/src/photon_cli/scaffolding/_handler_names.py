"""`HandlerName`: the names of a handler, of middleware or of a task, from one word."""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Collection
from typing import Final, Self

import attrs
import inflection

from photon_runtime.generators import GeneratorError

_WORDS: Final = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_USED: Final = frozenset({"app", "client", "photon", "request", "response", "router"})


@attrs.frozen
class HandlerName:
    """The names of a handler.

    Attributes:
        module: Its module, and its function: ``publish_post``.
    """

    module: str

    @classmethod
    def parse(cls, word: str, *, used: Collection[str] = (), suffix: str = "page") -> Self:
        """Return the names for a word in any of the usual spellings.

        Args:
            word: Name as the user wrote it.
            used: Further names that the generated code uses itself.
            suffix: What makes another name of one that cannot be used.

        Raises:
            GeneratorError: It cannot be a name of Python, or generated code uses it.
        """
        name = inflection.underscore(re.sub(r"[\s-]+", "_", word.strip()))
        if not _WORDS.fullmatch(name):
            raise GeneratorError(
                f"{word!r} cannot be the name of a function: it consists of the letters a to z,"
                " digits and underscores, and begins with a letter, as in publish_post"
            )
        if keyword.iskeyword(name) or name in {*_USED, *used} or hasattr(builtins, name):
            raise GeneratorError(
                f"a function cannot be called {name!r} here, because Python or generated code uses"
                f" the name; use another one, such as {name}_{suffix}"
            )
        return cls(name)

    @property
    def class_name(self) -> str:
        """The name as the beginning of classes: ``PublishPost``."""
        return inflection.camelize(self.module)

    @property
    def path(self) -> str:
        """The path without a slash: ``publish-post``."""
        return self.module.replace("_", "-")

    @property
    def label(self) -> str:
        """The name for people: ``Publish post``."""
        return self.module.replace("_", " ").capitalize()
