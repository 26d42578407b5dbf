"""The start: every template is compiled and checked, and all errors are reported at once.

Theory of operation. Reading and compiling are off the hub, on a thread, because a large project
needs a second for it. Each template is looked at on its own, so that an error in one does not hide
those of the others. What has not changed since the last start comes from `_compiled`, with its
facts, and only the checks are made anew: they depend on the application, not on the file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import attrs
from jinja2 import TemplateSyntaxError

import photon_runtime as rt

from ._facts import Facts
from ._folders import Source, read_source
from ._globals import Check, Requirement
from ._names import TemplateName, parse_name
from .errors import TemplateErrors
from .mail import missing_texts
from .templates import Templates


def preload(
    templates: Templates,
    checks: Mapping[str, Check],
    root: Path | None,
    requirements: Mapping[str, Requirement] | None = None,
) -> None:
    """Load all templates.

    Args:
        templates: The templates.
        checks: Checks of calls of global functions.
        root: The folder that files are named relative to in messages; ``None`` for whole paths.
        requirements: Checks of the application, by the global functions that need them.

    Raises:
        TemplateErrors: Templates are wrong; lists every error.

    Blocks: the calling task, while a thread reads and compiles.
    """
    rt.offload(_Preload(templates, checks, root, requirements or {}).run)


@attrs.define
class _Preload:
    """One preload."""

    templates: Templates
    checks: Mapping[str, Check]
    root: Path | None
    requirements: Mapping[str, Requirement]
    names: frozenset[str] = frozenset()
    errors: list[tuple[str, int, str]] = attrs.field(factory=list)
    refused: list[tuple[str, int, str]] = attrs.field(factory=list)
    facts: dict[str, Facts] = attrs.field(factory=dict)

    def run(self) -> None:
        loader = self.templates.loader
        paths = loader.folders.list_all()
        self.names = frozenset(paths)
        sources = dict(self._sources(paths))
        if not self.templates.options.reload:
            loader.freeze(sources)
        for name, source in sources.items():
            self._compile(name, source)
        for name, facts in self.facts.items():
            path = sources[name].path
            self.errors += [(path, *error) for error in self._found(name, facts)]
        for name in missing_texts(sources):
            text = "the mail has no text: write one beside its subject"
            self.errors.append((sources[name].path, 1, text))
        known = {(path, line) for path, line, _ in self.errors}
        self.errors += [error for error in self.refused if error[:2] not in known]
        if self.errors:
            ordered = sorted(set(self.errors))
            raise TemplateErrors([self._shown(*error) for error in ordered])
        with loader.having_read(sources):
            for name in [*sources, *self._fragments()]:
                self.templates.template(name)
        loader.cache.save()

    def _fragments(self) -> Iterator[str]:
        """Yield the fragments that templates name; those that code names are unknown."""
        for facts in self.facts.values():
            for reference in facts.references:
                yield from (name for name in reference.names if "#" in name and self._exists(name))

    def _sources(self, paths: Mapping[str, str]) -> Iterator[tuple[str, Source]]:
        for name, path in paths.items():
            try:
                yield name, read_source(path)
            except UnicodeDecodeError as error:
                line = error.object[: error.start].count(b"\n") + 1
                self.errors.append((path, line, "is not UTF-8"))
            except OSError as error:
                self.errors.append((path, 1, f"cannot be read: {error.strerror}"))

    def _compile(self, name: str, source: Source) -> None:
        loader, environment = self.templates.loader, self.templates.environment
        try:
            loader.compiled(environment, name, TemplateName(name), source)
        except TemplateSyntaxError as error:
            self.refused.append((source.path, error.lineno, error.message or "is invalid"))
        except Exception as error:  # of an extension, or for an expression that is too deep
            text = f"cannot be compiled: {type(error).__name__}: {error}"
            self.refused.append((source.path, 1, text))
        facts = loader.known_facts(name)
        if facts is not None:
            self.facts[name] = facts

    def _found(self, name: str, facts: Facts) -> Iterator[tuple[int, str]]:
        yield from self._references(name, facts)
        environment = self.templates.environment
        for kind, used, known in (
            ("filter", facts.filters, environment.filters),
            ("test", facts.tests, environment.tests),
        ):
            for each, line in used:
                if each not in known:
                    yield line, f"the {kind} {each!r} does not exist"
        for function, line in facts.functions:
            requirement = self.requirements.get(function)
            error = None if requirement is None else requirement()
            if error is not None:
                yield line, f"{function}: {error}"
        for call in facts.calls:
            check = self.checks.get(call.function)
            error = None if check is None else check(call)
            if error is not None:
                yield call.line, error

    def _references(self, name: str, facts: Facts) -> Iterator[tuple[int, str]]:
        for line, names, tag in facts.references:
            existing = [each for each in names if self._exists(each)]
            if len(names) == 1 and not existing:
                yield line, f"{tag}: the template {names[0]!r} does not exist"
            elif not existing:
                yield line, f"{tag}: none of the templates {', '.join(map(repr, names))} exists"
            if tag == "extends" and len(names) == 1 and self._extends(names[0], name, frozenset()):
                yield line, f"extends: {name} extends itself, by way of its parents"
            for each in existing:
                problem = self.templates.environment.mixing_problem(each, name)
                if problem is not None:
                    yield line, f"{tag}: {problem}"

    def _extends(self, file: str, ancestor: str, seen: frozenset[str]) -> bool:
        """Return whether a file is another one, or extends it by constant names."""
        facts = self.facts.get(file)
        if file == ancestor or facts is None or file in seen:
            return file == ancestor
        return any(self._extends(each, ancestor, seen | {file}) for each in facts.parents)

    def _exists(self, name: str) -> bool:
        parts = parse_name(name)
        if parts is None or parts.is_inherited:
            return False
        if parts.file not in self.facts:  # unless the file itself is reported
            return parts.file in self.names
        return not parts.block or self._has_block(parts.file, parts.block, frozenset())

    def _has_block(self, file: str, block: str, seen: frozenset[str]) -> bool:
        facts = self.facts.get(file)
        if facts is None or file in seen:
            return False
        return block in facts.blocks or any(
            self._has_block(parent, block, seen | {file}) for parent in facts.parents
        )

    def _shown(self, path: str, line: int, text: str) -> str:
        file = Path(path)
        if self.root is not None and file.is_relative_to(self.root):
            file = file.relative_to(self.root)
        return f"{file}:{line}: {text}"
