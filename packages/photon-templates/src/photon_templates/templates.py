"""`Templates`: the templates of an application, or of a script.

Handlers use `photon_templates.render_template`; this object is for code that has no application,
and for what needs the Jinja2 environment itself.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2

from ._compiled import CompiledCache
from ._environment import EnvironmentOptions, new_environment
from ._error_lines import add_line
from ._folders import TemplateFolders
from ._loader import TemplateLoader
from ._names import is_inherited_name

_STRING = "<string>"
Values = Mapping[str, Any]


class Templates:
    """Templates in folders.

    Args:
        folders: The folders, in the order in which they are searched.
        options: The options of the environment; by default values are escaped, and missing ones
            are errors.
        cache: The compiled templates; ``None`` to compile each at its first use.

    Attributes:
        environment: The Jinja2 environment; a template has the globals of the time when it was
            loaded, which in an application is the start.
        loader: The loader of its templates.

    Example:
        >>> from photon_templates import Templates
        >>> Templates().render_string("Hello, {{ name }}!", name="<Ada>")
        'Hello, &lt;Ada&gt;!'
    """

    def __init__(
        self,
        *folders: str | os.PathLike[str],
        options: EnvironmentOptions | None = None,
        cache: CompiledCache | None = None,
    ) -> None:
        """Make the environment; no template is read."""
        chosen = EnvironmentOptions() if options is None else options
        paths = tuple(Path(folder).absolute() for folder in folders)
        self.options = chosen
        self.loader = TemplateLoader(
            TemplateFolders(paths),
            CompiledCache(None, ()) if cache is None else cache,
            is_shared=not chosen.reload,
        )
        self.environment = new_environment(chosen, self.loader)
        self._loaded: dict[str, jinja2.Template] = {}

    def template(self, name: str) -> jinja2.Template:
        """Return a template, or with ``"list.html#rows"`` a block of one.

        Raises:
            TemplateNotFound: It does not exist.
            TemplateSyntaxError: It cannot be compiled.
        """
        template = self._loaded.get(name)
        if template is not None:
            return template
        if is_inherited_name(name):
            raise jinja2.TemplateNotFound(name)
        template = self.environment.get_template(name)
        if not self.options.reload:
            self._loaded[name] = template
        return template

    def render(self, name: str, context: Values | None = None, /, **values: Any) -> str:
        """Return the text of a template.

        Args:
            name: Its name, such as ``posts/show.html``, or that of a block, ``list.html#rows``.
            context: The values that it uses, by name.
            values: Further values.

        Raises:
            TemplateNotFound: It does not exist.
            TemplateError: It cannot be compiled, or uses a value that is missing.
        """
        try:
            return self.template(name).render({**context, **values} if context else values)
        except Exception as error:
            add_line(error)
            raise

    def render_string(self, source: str, context: Values | None = None, /, **values: Any) -> str:
        """Return the text of a template that is a string; values are escaped.

        Raises:
            TemplateError: It cannot be compiled, or uses a value that is missing.
        """
        try:
            code = self.environment.compile(source, _STRING)
            template = self.environment.template_class.from_code(
                self.environment, code, self.environment.make_globals(None)
            )
            return template.render({**context, **values} if context else values)
        except Exception as error:
            add_line(error)
            raise

    def stream(self, name: str, context: Values | None = None, /, **values: Any) -> Iterator[str]:
        """Yield the text of a template in small pieces, as it is rendered.

        The template is loaded at once, so that an error in its name is raised by this call.

        Raises:
            TemplateNotFound: It does not exist.
            TemplateError: It cannot be compiled, or uses a value that is missing.
        """
        template = self.template(name)
        return _generated(template, {**context, **values} if context else values)

    def names(self) -> Sequence[str]:
        """Return the names of all templates, in order."""
        return sorted(self.loader.list_templates())


def _generated(template: jinja2.Template, values: Values) -> Iterator[str]:
    try:
        yield from template.generate(values)
    except Exception as error:
        add_line(error)
        raise
