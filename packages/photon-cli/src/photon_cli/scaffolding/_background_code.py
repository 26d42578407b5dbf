"""`BackgroundCode`: where the code of a task or of a mailer goes, with its test.

In a package, each has a module of its own, such as ``blog/tasks/send_receipt.py``: the application
finds what is in ``tasks`` by itself. Of an application that is one module, the tasks are in this
module: the code goes to its end, and the test to that of the application. Both come from the same
templates, which begin with the head of a module if ``is_module`` is true.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import attrs

from photon_runtime.generators import CreateFile, Edit, GeneratorError, InsertCode, RenderFile
from photon_runtime.project import Project

from ..generation import Blueprints
from ._application import ApplicationLayout
from ._handler_names import HandlerName
from ._imports import import_block
from ._resource import PACKAGE
from ._word_lists import words

# Names that the generated code and its tests use: of an application that is one module, all of them
# are in one file.
_USED: Final = words(
    """
    arguments begin definition deliveries dt first job jobs mail mailer message read_arguments
    schedule task time
    """
)
_CLIENT: Final = "from photon.testing import Client"
_FOLDERS: Final = {
    "tasks": "The tasks, which the application finds by themselves.",
    "mailers": "The functions that write mails.",
}


@attrs.frozen(kw_only=True)
class BackgroundCode:
    """The code of a task or of a mailer, and its test.

    Attributes:
        application: The application.
        name: The function.
        templates: Folder of its templates in ``blueprints``: ``worker``, with ``worker.py.jinja``
            and ``test.py.jinja``.
        folder: The package of the module, in that of the application: ``tasks``.
        context: The values of the templates.
        imports: The imports of the code.
        test_imports: The imports of the test, besides the client and the function.
    """

    application: ApplicationLayout
    name: HandlerName
    templates: str
    folder: str
    context: Mapping[str, object]
    imports: frozenset[str]
    test_imports: frozenset[str] = frozenset()

    @property
    def module(self) -> str:
        """The module of the function, as it is imported."""
        application = self.application
        if application.has_package:
            return f"{application.package}.{self.folder}.{self.name.module}"
        return application.module

    def edits(self) -> list[Edit]:
        """Return the function and its test.

        Raises:
            GeneratorError: Another file is in the way, or the module has the name already.
        """
        code, test = (
            f"{self.templates}/{self.templates}.py.jinja",
            f"{self.templates}/test.py.jinja",
        )
        application, name = self.application, self.name.module
        test_imports = self.test_imports | {_CLIENT, f"from {self.module} import {name}"}
        if application.has_package:
            self._check_folder()
            path = f"{application.package_path}/{self.folder}/{name}.py"
            return [
                *self._package(),
                self._file(path, code, self.imports),
                self._file(f"tests/test_{name}.py", test, test_imports),
            ]
        return [
            *self._insertions(application.path, code, self.imports),
            *self._insertions(f"test_{application.module}.py", test, test_imports),
        ]

    def _package(self) -> list[Edit]:
        """Return the file of the package: the same for each of its modules, which share it."""
        path = f"{self.application.package_path}/{self.folder}/__init__.py"
        text = f'"""{_FOLDERS[self.folder]}"""\n'
        is_there = self.application.exists(path) and self.application.text_of(path) != text
        return [] if is_there else [CreateFile(path, text)]

    def _file(self, path: str, template: str, imports: frozenset[str]) -> RenderFile:
        block = import_block(imports, own=(self.application.package, "tests"))
        context = {**self.context, "name": self.name, "is_module": True, "imports": block}
        return RenderFile(path, template, context, package=PACKAGE)

    def _insertions(self, path: str, template: str, imports: frozenset[str]) -> list[Edit]:
        context = {**self.context, "name": self.name, "is_module": False, "imports": ""}
        code = Blueprints(self.application.root, PACKAGE).render(template, context).decode()
        self._check_name(path, code)
        return [
            *(InsertCode(path, line, place="imports") for line in sorted(imports)),
            InsertCode(path, f"\n\n{code}", place="end"),
        ]

    def _check_folder(self) -> None:
        application, folder = self.application, self.folder
        path = f"{application.package_path}/{folder}"
        if application.exists(f"{path}.py"):
            raise GeneratorError(
                f"{path}.py is a module, and generators write a package of modules: move it to"
                f" {path}/__init__.py, whose names are imported in the same way"
            )
        if not application.exists(f"{application.package_path}/__init__.py"):
            raise GeneratorError(
                f"{application.package_path} does not have an __init__.py, and so the application"
                " would not find what is in it: create the file, which may be empty"
            )

    def _check_name(self, path: str, code: str) -> None:
        text = self.application.text_of(path)
        names = re.findall(r"^(?:def|class) (\w+)", code, re.MULTILINE)
        for name in names:
            is_taken = re.search(rf"^(?:(?:def|class) {name}\b|{name}\s*[:=])", text, re.MULTILINE)
            if is_taken and code.strip() not in text:
                raise GeneratorError(
                    f"{path} has a {name} already, with other code: use another name, or remove it"
                )


def background_application(project: Project) -> ApplicationLayout:
    """Return the application of a project; it may be one module.

    Raises:
        GeneratorError: It cannot be found.
    """
    return ApplicationLayout.of(project, may_be_module=True)


def background_name(word: str, *, suffix: str) -> HandlerName:
    """Return the name of a task or of a mailer; see `HandlerName.parse`.

    Raises:
        GeneratorError: It cannot be used.
    """
    return HandlerName.parse(word, used=_USED, suffix=suffix)
