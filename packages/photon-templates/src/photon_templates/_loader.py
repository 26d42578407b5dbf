"""The loader: from the name of a template to compiled code.

Theory of operation. In production the sources are read once (`TemplateLoader.freeze`), and from
then on a name is looked up in memory: no file is read or looked at for a request, and a name that
did not exist at start does not exist. In development the file is looked up for each use, and a
template is current as long as its name leads to the same version of the same file.

Fragments are loaded like templates, see `_fragments`. A block must be defined by the template or by
a parent with a constant name: so names that users choose cannot fill the memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import Any

import attrs
import jinja2
from jinja2 import BaseLoader, TemplateNotFound

from ._compiled import Compiled, CompiledCache, source_digest
from ._facts import Facts, facts_of
from ._folders import Source, TemplateFolders, read_source, version_of
from ._fragments import fragment_tree
from ._jinja_internals import StatefulTemplate
from ._names import TemplateName, parse_name
from .errors import BlockNotFound

_MAX_PARENTS = 50


@attrs.define(eq=False)
class TemplateLoader(BaseLoader):
    """Loads the templates of one environment.

    Attributes:
        folders: The folders of the templates.
        cache: The compiled templates.
        is_shared: True if modules without state are shared by all renders. In development they
            are not: they would keep macros of files that have changed.
    """

    folders: TemplateFolders
    cache: CompiledCache
    is_shared: bool
    _sources: Mapping[str, Source] | None = attrs.field(default=None, init=False)
    _just_read: Mapping[str, Source] = attrs.field(factory=dict, init=False)
    _facts: dict[str, tuple[tuple[int, ...], Facts]] = attrs.field(factory=dict, init=False)

    def freeze(self, sources: Mapping[str, Source]) -> None:
        """Load templates from these sources alone from now on."""
        self._sources = sources

    @contextmanager
    def having_read(self, sources: Mapping[str, Source]) -> Iterator[None]:
        """Read no file again within the block that was read just before it."""
        self._just_read = sources
        try:
            yield
        finally:
            self._just_read = {}

    def list_templates(self) -> list[str]:
        """Return the names of all templates."""
        return list(self.folders.list_all() if self._sources is None else self._sources)

    def get_source(
        self, environment: jinja2.Environment, template: str
    ) -> tuple[str, str | None, Callable[[], bool] | None]:
        """Return the source of a template, its path, and whether it is current."""
        source = self.source(template)
        return source.text, source.path, self._currency(template, source)

    def load(
        self,
        environment: jinja2.Environment,
        name: str,
        globals: MutableMapping[str, Any] | None = None,
    ) -> jinja2.Template:
        """Return a template, or a fragment of one."""
        parts = parse_name(name)
        if parts is None:
            raise TemplateNotFound(name)
        source = self.source(parts.file)
        if parts.block and not parts.is_inherited:
            self._require_block(environment, parts)
        compiled = self.compiled(environment, name, parts, source)
        template = environment.template_class.from_code(
            environment, compiled.code, globals or {}, self._currency(parts.file, source)
        )
        if isinstance(template, StatefulTemplate):
            template.is_shareable = self.is_shared and compiled.facts.is_shareable
        return template

    def source(self, name: str) -> Source:
        """Return the source of a file.

        Raises:
            TemplateNotFound: The file does not exist.
        """
        if self._sources is not None:
            try:
                return self._sources[name]
            except KeyError:
                raise TemplateNotFound(name) from None
        if name in self._just_read:
            return self._just_read[name]
        path = self.folders.find(name) if parse_name(name) == (name, "", False) else None
        if path is None:
            raise TemplateNotFound(name)
        return read_source(path)

    def facts(self, environment: jinja2.Environment, name: str) -> Facts:
        """Return what is known of a file.

        Raises:
            TemplateNotFound: The file does not exist.
            TemplateSyntaxError: It cannot be parsed.
        """
        source = self.source(name)
        known = self._facts.get(name)
        if known is not None and known[0] == source.version:
            return known[1]
        return self.compiled(environment, name, TemplateName(name), source).facts

    def compiled(
        self, environment: jinja2.Environment, name: str, parts: TemplateName, source: Source
    ) -> Compiled:
        """Return the compiled template of a name.

        Raises:
            TemplateSyntaxError: It cannot be compiled.
        """
        digest = source_digest(source.path, source.text)
        compiled = self.cache.get(name, digest)
        if compiled is None:
            tree = environment.parse(source.text, name, source.path)
            facts = facts_of(tree)
            self._note_facts(parts, source, facts)
            if parts.block:
                tree = fragment_tree(tree, parts.block, environment)
            code = environment.compile(tree, name, source.path)
            compiled = Compiled(code, facts)
            self.cache.put(name, digest, compiled)
        self._note_facts(parts, source, compiled.facts)
        return compiled

    def known_facts(self, name: str) -> Facts | None:
        """Return what is known of a file that was parsed, even if it could not be compiled."""
        known = self._facts.get(name)
        return None if known is None else known[1]

    def _note_facts(self, parts: TemplateName, source: Source, facts: Facts) -> None:
        self._facts[parts.file] = source.version, facts

    def _currency(self, file: str, source: Source) -> Callable[[], bool] | None:
        if self._sources is not None:
            return None

        def is_current() -> bool:
            return self.folders.find(file) == source.path and (
                version_of(source.path) == source.version
            )

        return is_current

    def _require_block(self, environment: jinja2.Environment, parts: TemplateName) -> None:
        """Check that a template or one of its parents defines a block.

        Raises:
            BlockNotFound: None of them does.
        """
        names, seen = [parts.file], 0
        while names and seen < _MAX_PARENTS:
            facts = self.facts(environment, names.pop())
            if parts.block in facts.blocks:
                return
            names += facts.parents
            seen += 1
        name = f"{parts.file}#{parts.block}"
        raise BlockNotFound(name, f"the template {parts.file} has no block {parts.block!r}")
