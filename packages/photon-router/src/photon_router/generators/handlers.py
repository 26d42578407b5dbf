"""``photon generate handlers``: an OpenAPI document to handlers, classes and tests.

Theory of operation. The document is checked as a start checks it, and becomes modules in memory
(`_handler_source`, `_class_source`, `_security_source`, `_test_source`). A module that exists is
merged with its new version (`_module_merging`). For that, ``.photon/handlers`` has a record of what
was generated last. An operation whose handler is in another module than its tag names stays there.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

import attrs

from photon_openapi.document import Document, bundled, read_file, upgraded
from photon_openapi.errors import DocumentError
from photon_runtime.generators import (
    Arguments,
    Edit,
    GeneratorError,
    InsertArgument,
    InsertCall,
    InsertCode,
    Option,
    UpdateFile,
)
from photon_runtime.project import Project

from ._application_code import ApplicationCode
from ._class_source import class_definitions
from ._discriminators import discriminator_tags
from ._handler_source import HandlerCode, handlers_of
from ._module_code import Definition, ModuleCode
from ._module_merging import MergedModule, merge_module, new_module
from ._names import snake_name
from ._schema_types import SchemaTypes
from ._security_source import VERIFIERS, required_schemes, security_definitions
from ._test_source import test_definitions

_OPERATION = re.compile(r"""\.operation\(\s*(["'])(.+?)\1""")
_VERIFIER = re.compile(r"""\.security\(\s*(["'])(.+?)\1""")
_MODULE: Final = "handlers"
_ROUTER: Final = Definition("router", "router = Router()")


class HandlersGenerator:
    """Generate handlers, classes and tests for an OpenAPI document, such as openapi.yaml.

    Each operation gets a typed handler that responds with 501 until it is written. When the
    document has changed, run it again: new operations and members are added, your code stays, and
    the changes that it must follow are reported.
    """

    options: ClassVar[Sequence[Option]] = (
        Option(
            "module",
            "The name of the package with the handlers, inside the application's package.",
            default=_MODULE,
        ),
    )
    default_name: ClassVar[str] = "openapi.yaml"

    def plan(self, project: Project, arguments: Arguments) -> Sequence[Edit]:
        """Describe the modules of a document.

        Raises:
            GeneratorError: The document has errors, or the application cannot be found.
        """
        return list(_Plan.of(project, arguments).edits())

    def next_steps(self, project: Project, arguments: Arguments) -> Sequence[str]:
        """Return what is left to people."""
        plan = _Plan.of(project, arguments)
        folder = plan.folder
        steps = [f"Write the handlers in {folder}: each responds with 501 until then."]
        if plan.schemes:
            steps.append(f"Write the functions in {folder}/security.py: they refuse all clients.")
        base = plan.document.base_path
        if base:
            steps.append(
                f"The servers of {plan.source} are below {base}, and so are all routes, also those "
                "of your code."
            )
        if not plan.application.is_found:
            steps.append(
                f"Pass spec={plan.spec} to Photon(...), and include {plan.import_name}.router."
            )
        return steps


@attrs.define
class _Plan:
    root: Path
    source: str
    document: Document
    application: ApplicationCode
    module: str
    types: SchemaTypes
    handlers: Sequence[HandlerCode]
    schemes: dict[str, Any]

    @classmethod
    def of(cls, project: Project, arguments: Arguments) -> _Plan:
        root = (project.root or project.directory).resolve()
        if arguments.words:
            raise GeneratorError(
                f"`{' '.join(arguments.words)}` has no meaning here: write the document only, as "
                "in `photon generate handlers openapi.yaml`"
            )
        module = str(arguments.options.get("module") or _MODULE)
        if not module.isidentifier() or module != snake_name(module):
            raise GeneratorError(
                f"`{module}` cannot be the name of a module: write one such as {snake_name(module)}"
            )
        path = (project.directory / arguments.name).resolve()
        if not path.is_relative_to(root):
            raise GeneratorError(f"{arguments.name} is outside of the project: copy it into {root}")
        document = _load(path, arguments.name)
        application = ApplicationCode.of(project)
        types = SchemaTypes(document.definitions, discriminator_tags(document.definitions))
        try:
            handlers = handlers_of(document, types)
        except RecursionError:
            raise GeneratorError(f"the schemas of {arguments.name} are nested too deeply") from None
        if not handlers:
            raise GeneratorError(f"{arguments.name} has no operations to handle")
        source = path.relative_to(root).as_posix()
        schemes = required_schemes(document)
        plan = cls(root, source, document, application, module, types, handlers, schemes)
        plan._find_earlier_module()
        plan._refuse_another_document()
        plan._leave_out_other_verifiers()
        return plan

    @property
    def folder(self) -> str:
        """The folder of the handlers, from the project's folder."""
        return f"{self.application.package}/{self.module}".lstrip("/")

    @property
    def import_name(self) -> str:
        """The package of the handlers, as it is imported."""
        return f"{self.application.module}.{self.module}".lstrip(".")

    @property
    def spec(self) -> str:
        """The expression of the document in the module of the application."""
        depth = self.application.path.count("/")
        folder = "Path(__file__).parent" if depth == 0 else f"Path(__file__).parents[{depth}]"
        inside = f"{self.application.package}/"
        if depth and self.source.startswith(inside):
            folder, rest = "Path(__file__).parent", self.source.removeprefix(inside)
        else:
            rest = self.source
        return f'{folder} / "{rest}"'

    @property
    def record_path(self) -> str:
        """The file of the record."""
        return f".photon/handlers/{self.source.replace('/', '.')}.json"

    def _find_earlier_module(self) -> None:
        """Continue in the package of the last run; it is chosen once.

        Raises:
            GeneratorError: The option names another one.
        """
        packages = [path for path in self._old_record() if path.endswith("/__init__.py")]
        if not packages or packages == [f"{self.folder}/__init__.py"]:
            return
        earlier = Path(packages[0]).parent
        if self.module != _MODULE:
            raise GeneratorError(
                f"the handlers of {self.source} are in {earlier.as_posix()}: leave --module out, "
                f"or remove them first by `photon destroy handlers {self.source}`"
            )
        self.module = earlier.name

    def _refuse_another_document(self) -> None:
        spec = self.application.spec
        name = Path(self.source).name
        if (
            spec is not None
            and self.application.constants
            and not any(each.endswith(name) for each in self.application.constants)
        ):
            raise GeneratorError(
                f"{self.application.path} has the document {spec} already, and an application has "
                f"one: add the operations of {self.source} to it"
            )

    def _leave_out_other_verifiers(self) -> None:
        """Leave out the schemes that code outside of the handlers verifies."""
        for path, text in self._modules():
            if not path.startswith(f"{self.folder}/"):
                for match in _VERIFIER.finditer(text):
                    self.schemes.pop(match[2], None)

    def _modules(self) -> Iterator[tuple[str, str]]:
        """Yield the modules of the application's package: path and text."""
        folder = self.root / (self.application.package or self.folder)
        for path in sorted(folder.rglob("*.py")):
            text = self._read(path.relative_to(self.root).as_posix())
            if text is not None:
                yield path.relative_to(self.root).as_posix(), text

    def _read(self, path: str) -> str | None:
        try:
            return (self.root / path).read_bytes().decode()
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise GeneratorError(f"{path} cannot be read: {error}") from None

    # -- edits --------------------------------------------------------------------------------

    def edits(self) -> Iterator[Edit]:
        """Yield the edits."""
        old = self._old_record()
        record: dict[str, Any] = {}
        placed, initial = self._code(self._places()), self._code({})
        fresh = {module.path: module for module in initial}
        for module in placed:
            text = self._read(module.path)
            known = old.get(module.path, {})
            merged = new_module(module) if text is None else merge_module(module, text, known)
            record[module.path] = merged.record
            yield _update(module.path, merged, text, fresh.get(module.path, module))
        present = {module.path for module in placed}
        for path, known in old.items():
            text = None if path in present else self._read(path)
            if text is not None:
                yield self._emptied(path, text, known)
        yield from self._wiring()
        yield UpdateFile(self.record_path, _encode(record), before=self._read(self.record_path))

    def _emptied(self, path: str, text: str, known: dict[str, Any]) -> UpdateFile:
        """Return the update of a module that the document has no operations for any more."""
        kept = [_ROUTER] if _ROUTER.key in known.get("definitions", {}) else []
        module = ModuleCode(path, "", kept)
        merged = merge_module(module, text, known)
        merged.changed.append("it has no handlers of the document any more: remove it if unused")
        return _update(path, merged, text, module)

    def _old_record(self) -> dict[str, Any]:
        text = self._read(self.record_path)
        try:
            loaded = json.loads(text or "{}")
            return dict(loaded["modules"]) if text else {}
        except (ValueError, KeyError, TypeError):
            raise GeneratorError(
                f"{self.record_path} is not a record of this generator: restore it, or remove it, "
                "which makes all code that differs from the document count as edited"
            ) from None

    def _places(self) -> dict[str, str]:
        """Return the modules of handlers that exist, by operation."""
        return {
            match[2]: path for path, text in self._modules() for match in _OPERATION.finditer(text)
        }

    def _code(self, places: dict[str, str]) -> list[ModuleCode]:
        """Return all modules; handlers are in the modules where they are already."""
        origins = dict.fromkeys({**self.types.classes, **self.types.aliases}, ".schemas")
        own: dict[str, list[HandlerCode]] = {}
        for handler in self.handlers:
            path = f"{self.folder}/{handler.module}.py"
            place = places.get(handler.operation.name, path)
            if place.startswith(f"{self.folder}/"):
                own.setdefault(place, []).append(handler)
        modules = []
        if not self.types.is_empty():
            definitions = list(class_definitions(self.types))
            summary = f"The classes of {self.source}."
            modules.append(ModuleCode(f"{self.folder}/schemas.py", summary, definitions))
        if self.schemes:
            summary = f"The verifiers of the security schemes of {self.source}."
            definitions = list(security_definitions(self.schemes))
            modules.append(ModuleCode(f"{self.folder}/security.py", summary, definitions))
        for path, handlers in own.items():
            definitions = [_ROUTER, *(each.definition() for each in handlers)]
            name = Path(path).stem.replace("_", " ").strip()
            summary = f"The handlers of {self.source}: {name}."
            modules.append(ModuleCode(path, summary, definitions, origins))
        modules.append(self._package(sorted(Path(path).stem for path in own)))
        modules += self._tests()
        return modules

    def _package(self, names: Sequence[str]) -> ModuleCode:
        includes = [f"router.include({name}.router)" for name in names]
        definitions = [_ROUTER, *(Definition(each, each) for each in includes)]
        origins = dict.fromkeys(names, ".")
        if self.schemes:
            head = f"for name, verifier in {VERIFIERS}.items():"
            loop = f"{head}\n    router.security(name, verifier)"
            definitions.append(Definition(head, loop))
            origins[VERIFIERS] = ".security"
        summary = f"The handlers of {self.source}, one module for each tag."
        return ModuleCode(f"{self.folder}/__init__.py", summary, definitions, origins)

    def _tests(self) -> Iterator[ModuleCode]:
        by_module: dict[str, list[HandlerCode]] = {}
        for handler in self.handlers:
            by_module.setdefault(handler.module, []).append(handler)
        for name, handlers in by_module.items():
            definitions = list(test_definitions(self.document, handlers))
            if definitions:
                subject = name.replace("_", " ").strip()
                summary = (
                    f"Tests of the handlers of {self.source}: {subject}.\n\n"
                    "A handler that is not written yet responds with 501."
                )
                yield ModuleCode(f"tests/test_{self.module}_{name}.py", summary, definitions)

    def _wiring(self) -> Iterator[Edit]:
        """Yield the edits of the application's module."""
        application, name = self.application, f"{self.module}_router"
        if not application.is_found:
            return
        own = f".{self.module}" if application.module else self.module
        lines = [f"from {own} import router as {name}"]
        is_own = application.spec in (None, ast.unparse(ast.parse(self.spec)))
        if is_own:
            lines.append("from pathlib import Path")
        # The imports first: undone in the reverse order, nothing uses them any more.
        yield InsertCode(application.path, "\n".join(lines), place="imports")
        if is_own:
            yield InsertArgument(application.path, f"spec={self.spec}", on="Photon")
        yield InsertCall(application.path, f"include({name})", on="Photon")


def _update(path: str, merged: MergedModule, text: str | None, fresh: ModuleCode) -> UpdateFile:
    conflicts = (merged.conflict,) if merged.conflict else ()
    return UpdateFile(
        path,
        merged.text,
        initial=fresh.text(),
        before=text,
        changed=tuple(merged.changed),
        conflicts=conflicts,
    )


def _encode(modules: dict[str, Any]) -> str:
    text = "The generator compares your code with these digests; keep the file with the code."
    return json.dumps({"about": text, "modules": modules}, indent=1, sort_keys=True) + "\n"


def _load(path: Path, name: str) -> Document:
    """Load a document, and check it as a start does.

    Raises:
        GeneratorError: It cannot be read, or has errors, which the message lists.
    """
    if not path.is_file():
        raise GeneratorError(f"the document {name} does not exist; looked for {path}")
    try:
        data = read_file(path)
        if not isinstance(data, dict):
            raise GeneratorError(f"{name} is not an OpenAPI document: it must be an object")
        data, _ = upgraded(bundled(data, path, read_file))
    except DocumentError as error:
        raise GeneratorError("\n".join(error.problems)) from None
    document = Document(data)
    problems = document.problems()
    if problems:
        listed = "".join(f"\n  {problem}" for problem in problems)
        raise GeneratorError(f"{name} has errors, and nothing was written:{listed}")
    return document
