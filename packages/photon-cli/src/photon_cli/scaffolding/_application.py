"""`ApplicationLayout`: the application of a project, and the modules beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Self

import attrs

from photon_runtime.generators import CreateFile, Edit, GeneratorError, InsertCall, InsertCode
from photon_runtime.project import Project

from ._layout import module_files, required_root

_KINDS_OF_PROJECTS: Final = "`photon new NAME --api` or --html makes a project with a package"


@attrs.frozen
class ApplicationLayout:
    """The application of a project.

    Attributes:
        root: Folder of ``photon.toml``.
        source: Folder that the package is in: `root`, or ``src`` below it.
        module: Module of the application: ``blog.app``.
        variable: The application in it, or the function that makes it.
        path: The file of that module, from the project's folder.
        templates: The folder of the templates, from the project's folder.
    """

    root: Path
    source: Path
    module: str
    variable: str
    path: str
    templates: str

    @classmethod
    def of(cls, project: Project, *, may_be_module: bool = False) -> Self:
        """Find the application of a project.

        Args:
            project: The project.
            may_be_module: Whether the application may be a module on its own.

        Raises:
            GeneratorError: photon.toml or the application does not exist, or it is not in a
                package.
        """
        root = required_root(project)
        module, _, variable = project.target().partition(":")
        source, path = _find(root, module)
        if "." not in module and not may_be_module:
            raise GeneratorError(
                f"the application {path} is one module, and generators write modules beside it: "
                f"move it into a package, and correct `app` under [project] in photon.toml; "
                f"{_KINDS_OF_PROJECTS}"
            )
        settings = {entry.path: entry.value for entry in project.settings.entries({})}
        templates = str(settings.get(("templates", "folder"), "templates"))
        return cls(root, source, module, variable, path, templates)

    @property
    def has_package(self) -> bool:
        """Whether the application is in a package, and not a module on its own."""
        return "." in self.module or self.path.endswith("/__init__.py")

    @property
    def package(self) -> str:
        """The package of the application: ``blog``."""
        return self.module.partition(".")[0]

    @property
    def package_path(self) -> str:
        """The folder of the package, from the project's folder."""
        return (self.source / self.package).relative_to(self.root).as_posix()

    def exists(self, path: str) -> bool:
        """Whether a file of the project exists."""
        return (self.root / path).is_file()

    def text_of(self, path: str) -> str:
        """Return the text of a file of the project; empty if it does not exist."""
        file = self.root / path
        return file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""

    @property
    def has_templates(self) -> bool:
        """Whether the application has templates, with a frame for pages."""
        has_part = "TemplatesPart" in self.text_of(self.path)
        return has_part and self.exists(f"{self.templates}/base.html")

    def check_templates(self) -> None:
        """Refuse pages for an application without templates.

        Raises:
            GeneratorError: The message has what is missing.
        """
        if not self.has_templates:
            raise GeneratorError(
                f"pages need templates: {self.path} must add TemplatesPart() of photon_templates,"
                f" and {self.templates}/base.html must exist, as in a project of `photon new"
                " --html`; or generate the API alone: --api"
            )

    def package_edits(self, folder: str, docstring: str) -> list[Edit]:
        """Return what makes a package of a folder below the project's package."""
        path = f"{self.package_path}/{folder}/__init__.py"
        return [] if self.exists(path) else [CreateFile(path, f'"""{docstring}"""\n')]

    def include_edits(self, folder: str, module: str, *, alias: str = "") -> list[Edit]:
        """Return what includes the router of a module in the application.

        Args:
            folder: The package of the module, below that of the project.
            module: The module.
            alias: The name of the router in the application's module; by default it is an attribute
                of the module.
        """
        source = self.relative(f"{self.package}.{folder}", to=self.module)
        line, router = f"from {source} import {module}", f"{module}.router"
        if alias:
            line, router = f"from {source}.{module} import router as {alias}", alias
        return [
            InsertCode(self.path, line, place="imports"),
            InsertCall(self.path, f"include({router})", on="Photon", variable=self.variable),
        ]

    def relative(self, module: str, *, to: str) -> str:
        """Return the name of a module of the package for an import in another one."""
        package, dots = to.rpartition(".")[0], "."
        while package and not module.startswith(f"{package}."):
            package = package.rpartition(".")[0]
            dots += "."
        return f"{dots}{module.removeprefix(f'{package}.')}" if package else module


def _find(root: Path, module: str) -> tuple[Path, str]:
    """Return the folder that a module is imported from, and its file from the project's folder."""
    searched = []
    for source, file in module_files(root, module):
        path = file.relative_to(root).as_posix()
        if file.is_file():
            return source, path
        searched.append(path)
    raise GeneratorError(
        f"the application {module} does not exist (searched {', '.join(searched)}): correct `app`"
        f" under [project] in {root / 'photon.toml'}"
    )
