"""`Layout`: where the parts of a project are, found from its settings and its files.

Generators write beside what exists. So nothing is taken for granted but ``photon.toml``: the
package is that of ``[database] models`` or of ``[project] app``, below the project's folder or its
``src``; models may be a folder or one module; the migrations are where ``[database]`` has them. A
part that is missing is an error that names what was searched, and how to set it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Self

import attrs

from photon_runtime.errors import GeneratorError
from photon_runtime.project import Project

_MIGRATIONS: Final = "db/migrations"


def required_root(project: Project) -> Path:
    """Return the folder of ``photon.toml``.

    Raises:
        GeneratorError: The calling command does not run in a project.
    """
    if project.root is None:
        raise GeneratorError(
            f"there is no photon.toml in {project.directory} or above: go to the folder of "
            "your project, or make one by `photon new blog`"
        )
    return project.root


def module_files(root: Path, module: str) -> Iterator[tuple[Path, Path]]:
    """Yield the files that a module may be in, each with the folder that it is imported from."""
    relative = Path(*module.split("."))
    for source in (root, root / "src"):
        yield source, (source / relative).with_suffix(".py")
        yield source, source / relative / "__init__.py"


@attrs.frozen
class WrittenModel:
    """A model, as its module has it.

    Attributes:
        class_name: Its class.
        table: Its table.
        module: Its module, as it is imported.
        path: The file of the module.
        attributes: The names of its class, in their order.
        bases: The names of the classes that it is derived from.
        line: The first line of its class, with its decorators.
    """

    class_name: str
    table: str
    module: str
    path: Path
    attributes: tuple[str, ...]
    bases: tuple[str, ...]
    line: str


@attrs.frozen
class Layout:
    """The folders of a project.

    Attributes:
        root: Folder of ``photon.toml``.
        source: Folder that the package is in: `root`, or ``src`` below it.
        package: The package: ``blog``.
        models_module: Module that has the base class and imports the models: ``blog.models``.
        base: Name of the base class.
        migrations: Folder of the migrations.
    """

    root: Path
    source: Path
    package: str
    models_module: str
    base: str
    migrations: Path

    @classmethod
    def of(cls, project: Project) -> Self:
        """Find the parts of a project.

        Raises:
            GeneratorError: The project, its package or its models cannot be found.
        """
        root = required_root(project)
        settings = {entry.path: entry.value for entry in project.settings.entries({})}
        named = settings.get(("database", "models"))
        if not isinstance(named, str) or ":" not in named:
            raise GeneratorError(
                f"{root / 'photon.toml'} does not name the models: add `models` to [database], "
                f"as module:base class, such as {_guessed_package(project)}.models:Base"
            )
        module, _, base = named.partition(":")
        source = _source_folder(root, module)
        folder = settings.get(("database", "migrations"), _MIGRATIONS)
        return cls(root, source, module.split(".", 1)[0], module, base, root / str(folder))

    @property
    def models_folder(self) -> Path:
        """The folder of the models.

        Raises:
            GeneratorError: The models are one module.
        """
        folder = self.source.joinpath(*self.models_module.split("."))
        if not (folder / "__init__.py").is_file():
            raise GeneratorError(
                f"{self.name_of(folder.with_suffix('.py'))} is one module, and generators write a "
                f"module for each model: move it to {self.name_of(folder / 'base.py')}, and import "
                f"its classes in {self.name_of(folder / '__init__.py')}"
            )
        return folder

    @property
    def base_module(self) -> str:
        """The module below the models that defines the base class; empty for the package itself."""
        for path in sorted(self.models_folder.glob("*.py")):
            if any(each.name == self.base for each in _classes(path)):
                return "" if path.stem == "__init__" else path.stem
        raise GeneratorError(
            f"the base class {self.base} of photon.toml ([database] models) is not defined in "
            f"{self.name_of(self.models_folder)}"
        )

    def name_of(self, path: Path) -> str:
        """Return a path from the project's folder, with ``/``."""
        return path.relative_to(self.root).as_posix()

    def module_of(self, path: Path) -> str:
        """Return the module of a file, as it is imported."""
        parts = path.relative_to(self.source).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    def models(self) -> dict[str, WrittenModel]:
        """Return the models by their classes, from the text of the files."""
        found = {}
        for path in sorted(self.models_folder.rglob("*.py")):
            for node in _classes(path):
                table = _table_name(node)
                if table is not None:
                    found[node.name] = self._written(path, node, table)
        return found

    def _written(self, path: Path, node: ast.ClassDef, table: str) -> WrittenModel:
        first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
        return WrittenModel(
            node.name,
            table,
            self.module_of(path),
            path,
            tuple(_attributes(node)),
            tuple(ast.unparse(base).rpartition(".")[2] for base in node.bases),
            path.read_text(encoding="utf-8-sig").splitlines()[first - 1].strip(),
        )

    def files_that_mention(self, text: str) -> list[Path]:
        """Return the modules of models that have a text."""
        return [
            path
            for path in sorted(self.models_folder.rglob("*.py"))
            if text in path.read_text(encoding="utf-8")
        ]

    def tables(self) -> dict[str, str]:
        """Return the tables of the models by their classes."""
        return {name: model.table for name, model in self.models().items()}


def _source_folder(root: Path, module: str) -> Path:
    for folder, file in module_files(root, module):
        if file.is_file():
            return folder
    relative = Path(*module.split("."))
    searched = f"{relative} and {'src' / relative}"
    raise GeneratorError(
        f"the models {module} do not exist (searched {searched}, as a folder with __init__.py or a "
        f"module): correct `models` under [database] in {root / 'photon.toml'}"
    )


def _guessed_package(project: Project) -> str:
    app = project.own_settings.app or ""
    return app.split(":")[0].split(".")[0] or "blog"


def _classes(path: Path) -> Iterator[ast.ClassDef]:
    try:
        body = ast.parse(path.read_bytes()).body
    except SyntaxError as error:
        raise GeneratorError(f"{path}:{error.lineno}: {error.msg}; correct it first") from error
    yield from (node for node in body if isinstance(node, ast.ClassDef))


def _table_name(node: ast.ClassDef) -> str | None:
    for statement in node.body:
        match statement:
            case ast.Assign(
                targets=[ast.Name(id="__tablename__")], value=ast.Constant(value=str(table))
            ):
                return table
            case ast.AnnAssign(
                target=ast.Name(id="__tablename__"), value=ast.Constant(value=str(table))
            ):
                return table
    return None


def _attributes(node: ast.ClassDef) -> Iterator[str]:
    for statement in node.body:
        match statement:
            case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
                yield name
