"""The environment of the templates of one application.

Theory of operation. It is a Jinja2 environment with these differences:

- Values are escaped in every template but those of plain text, by the end of the name alone
  (`_names`); also in strings, and in names without a suffix. A template that escapes cannot
  include, import or extend one that does not.
- The module of an imported file is shared by renders only if it has no state: a ``cycler`` or a
  ``namespace`` at its top would otherwise carry values from one request to the next.
- Filters and tests of the application are called at each render. Jinja2 would call them once, while
  it compiles, for constant arguments: then all users would get the text of one.
- A long page is rendered in batches, between which other tasks run: it does not stop a server, and
  ends at the deadline of its request.
- All loaded templates stay loaded: their number is bounded by the number of files.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import attrs
import jinja2
from jinja2 import TemplateNotFound, TemplateRuntimeError, nodes, pass_context
from jinja2.ext import Extension
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import import_string

import photon_runtime as rt

from ._compiled import code_version
from ._jinja_internals import StatefulTemplate, mark_lines
from ._loader import TemplateLoader
from ._names import is_inherited_name, plain_suffixed
from ._undefined import undefined_class

_BATCH: Final = 2000
"""Pieces of a page between two switches to other tasks; some tenths of a millisecond."""


@attrs.frozen(kw_only=True)
class EnvironmentOptions:
    """The options of an environment.

    Attributes:
        filters: Filters of the application, by name.
        globals: Globals.
        tests: Tests.
        extensions: Extensions of Jinja2, or their import names.
        sandbox: True to let templates reach only what is safe.
        strict: True to make the use of a missing value an error.
        reload: True to read changed files again.
        text_suffixes: Suffixes of templates of plain text.
        trim_blocks: True to remove the line end after a block tag.
        lstrip_blocks: True to remove spaces before a block tag.
    """

    filters: Mapping[str, Callable[..., Any]] = attrs.field(factory=dict)
    globals: Mapping[str, Any] = attrs.field(factory=dict)
    tests: Mapping[str, Callable[..., Any]] = attrs.field(factory=dict)
    extensions: Sequence[str | type[Extension]] = ()
    sandbox: bool = False
    strict: bool = True
    reload: bool = False
    text_suffixes: Sequence[str] = (".txt", ".text", ".csv")
    trim_blocks: bool = False
    lstrip_blocks: bool = False

    def variant(self) -> list[object]:
        """Return what the code of compiled templates depends on."""
        extensions = [
            cls if isinstance(cls, type) else import_string(cls) for cls in self.extensions
        ]
        return [
            *(jinja2.__version__, self.sandbox, self.trim_blocks, self.lstrip_blocks),
            *(sorted(self.text_suffixes), sorted(self.filters), sorted(self.tests)),
            [(cls.identifier, code_version(cls.__module__)) for cls in extensions],
        ]


class TemplateEnvironment(jinja2.Environment):
    """An environment; see the module."""

    template_class = StatefulTemplate
    text_suffixes: tuple[str, ...] = ()

    @staticmethod
    def concat(pieces: Iterable[str]) -> str:
        """Return the text of a page; a long one lets other tasks run, and has a deadline.

        Blocks: for pages of many pieces, while other tasks run.
        """
        rest = iter(pieces)
        text = "".join(batch := list(itertools.islice(rest, _BATCH)))
        if len(batch) < _BATCH:
            return text
        texts = [text]
        while len(batch) == _BATCH:
            with contextlib.suppress(rt.NotRunning):  # in a script, there are no other tasks
                rt.yield_now()
            batch = list(itertools.islice(rest, _BATCH))
            texts.append("".join(batch))
        return "".join(texts)

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        return mark_lines(super()._parse(source, name, filename))

    def make_globals(self, d: Mapping[str, Any] | None) -> dict[str, Any]:
        """Return the globals of a template.

        A plain dictionary instead of Jinja2's `ChainMap`: each render and each include copies it.
        """
        return {**self.globals, **(d or {})}

    def is_escaped(self, name: str | None) -> bool:
        """Return whether values are escaped in a template."""
        return name is None or not plain_suffixed(name).endswith(self.text_suffixes)

    def join_path(self, template: str, parent: str) -> str:
        """Return the name of a template that another one names.

        Raises:
            TemplateNotFound: The name is one that only fragments may use, and the other template
                is not a fragment.
            TemplateRuntimeError: The other one escapes values, and this one does not.
        """
        if is_inherited_name(template) and "#" not in parent:
            raise TemplateNotFound(template)
        if not self.is_escaped(template):
            problem = self.mixing_problem(template, parent)
            if problem is not None:
                raise TemplateRuntimeError(problem)
        return template

    def mixing_problem(self, template: str, parent: str) -> str | None:
        """Return why a template cannot be used in another one; ``None`` if it can."""
        if self.is_escaped(template) or not self.is_escaped(parent):
            return None
        return (
            f"{parent} cannot use {template}: values in it are not escaped, because its name is "
            f"that of a plain text"
        )


class SandboxedTemplateEnvironment(TemplateEnvironment, ImmutableSandboxedEnvironment):
    """An environment for templates that are not trusted."""


def new_environment(options: EnvironmentOptions, loader: TemplateLoader) -> TemplateEnvironment:
    """Return an environment.

    Raises:
        ImportError: An extension cannot be imported.
    """
    cls = SandboxedTemplateEnvironment if options.sandbox else TemplateEnvironment
    suffixes = tuple(options.text_suffixes)
    environment = cls(
        loader=loader,
        extensions=list(options.extensions),
        undefined=undefined_class(strict=options.strict),
        auto_reload=options.reload,
        cache_size=-1,
        trim_blocks=options.trim_blocks,
        lstrip_blocks=options.lstrip_blocks,
    )
    environment.text_suffixes = suffixes
    environment.autoescape = environment.is_escaped
    environment.filters |= _uncached(options.filters)
    environment.tests |= _uncached(options.tests)
    environment.globals |= options.globals
    return environment


def _uncached(functions: Mapping[str, Callable[..., Any]]) -> dict[str, Callable[..., Any]]:
    return {name: _at_render(function) for name, function in functions.items()}


def _at_render(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a filter or a test that is called at each render.

    Jinja2 calls one that takes the context only then.
    """
    first = first_argument(function)

    if first is None:

        @pass_context
        @functools.wraps(function, updated=())
        def call(context: Context, /, *args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs)

        return call

    @pass_context
    @functools.wraps(function, updated=())
    def call_with(context: Context, /, *args: Any, **kwargs: Any) -> Any:
        return function(first(context), *args, **kwargs)

    return call_with


def first_argument(function: Callable[..., Any]) -> Callable[[Context], Any] | None:
    """Return what a filter takes before its value, according to Jinja2's decorators."""
    marker = getattr(getattr(function, "jinja_pass_arg", None), "name", None)
    choices: dict[str | None, Callable[[Context], Any]] = {
        "context": lambda context: context,
        "eval_context": lambda context: context.eval_ctx,
        "environment": lambda context: context.environment,
    }
    return choices.get(marker)
