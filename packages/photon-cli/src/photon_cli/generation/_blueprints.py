"""Code templates: of packages, and of the project, which override them.

A package has its templates in its folder ``blueprints``, one folder for each generator; a project
overrides a template by a file of the same name in ``.photon/templates``. What is written in them is
Jinja2 with delimiters of its own, because much of the generated code is templates of Jinja2 itself.
The template of a package is found without importing the package.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from photon_runtime.generators import GeneratorError

from ._line_length import line_length
from ._long_lines import wrap_long_lines

if TYPE_CHECKING:
    from collections.abc import Mapping

    import jinja2

OVERRIDES = ".photon/templates"
SUFFIX = ".jinja"
_REFERENCE = re.compile(rb"""\[%[-+]?\s*(?:include|import|extends|from)\s+["']([^"']+)["']""")
PYTHON_SUFFIX = ".py.jinja"


def blueprint_folder(package: str) -> Path:
    """Return the folder of the templates of a package.

    Raises:
        GeneratorError: The package is not installed.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise GeneratorError(f"the templates of `{package}` are missing: it is not installed")
    return Path(next(iter(spec.submodule_search_locations))) / "blueprints"


@attrs.frozen
class Blueprints:
    """The templates of a package, as a project sees them.

    Attributes:
        root: The folder of the project.
        package: The package, as it is imported.
    """

    root: Path
    package: str

    def find(self, template: str) -> Path:
        """Return the file of a template: that of the project, or else that of the package.

        Raises:
            GeneratorError: Neither exists.
        """
        files = [self.root / OVERRIDES / template, blueprint_folder(self.package) / template]
        for file in files:
            if file.is_file():
                return file
        raise GeneratorError(f"the template `{template}` of {self.package} does not exist")

    def render(self, template: str, context: Mapping[str, object]) -> bytes:
        """Return the content of a file from its template.

        Raises:
            GeneratorError: The template does not exist, is not Jinja2, or uses a missing name.
        """
        file = self.find(template)
        if not template.endswith(SUFFIX):
            return file.read_bytes()
        import jinja2

        try:
            text = self._environment().get_template(template).render(context)
        except jinja2.TemplateSyntaxError as error:
            raise GeneratorError(f"{error.filename or file}:{error.lineno}: {error}") from error
        except jinja2.TemplateError as error:
            raise GeneratorError(f"{_position(error, file)}: {error}") from error
        if template.endswith(PYTHON_SUFFIX):
            text = wrap_long_lines(text, line_length(self.root))
        return text.encode()

    def digest(self, template: str) -> str:
        """Return the hash of a template with all that it includes.

        Raises:
            GeneratorError: It does not exist.
        """
        contents = hashlib.sha256()
        pending, seen = [template], set[str]()
        while pending:
            name = pending.pop()
            if name not in seen:
                seen.add(name)
                source = self.find(name).read_bytes()
                contents.update(source)
                pending += sorted(_references(name, source))
        return contents.hexdigest()

    def _environment(self) -> jinja2.Environment:
        import jinja2

        folders = [self.root / OVERRIDES, blueprint_folder(self.package)]
        environment = jinja2.Environment(  # it writes code, not HTML
            loader=jinja2.FileSystemLoader(folders),
            block_start_string="[%",
            block_end_string="%]",
            variable_start_string="[[",
            variable_end_string="]]",
            comment_start_string="[#",
            comment_end_string="#]",
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            undefined=jinja2.StrictUndefined,
            autoescape=False,
            optimized=False,  # each template is rendered once
        )
        environment.filters["literal"] = literal
        return environment


def _references(template: str, source: bytes) -> set[str]:
    """Return the templates that a template names; found without parsing it, which is slow."""
    if not template.endswith(SUFFIX):
        return set()
    return {match[1].decode() for match in _REFERENCE.finditer(source)}


def literal(value: object) -> str:
    """Write a value as Python code; strings in double quotes, as formatters do."""
    if not isinstance(value, str):
        return repr(value)
    if '"' in value and "'" not in value:
        return repr(value)
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\x7f")


def _position(error: Exception, file: Path) -> str:
    """Return the file and the line of the template in which an error was raised."""
    traceback, position = error.__traceback__, str(file)
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if code.co_filename.endswith(SUFFIX):
            position = f"{code.co_filename}:{traceback.tb_lineno}"
        traceback = traceback.tb_next
    return position
