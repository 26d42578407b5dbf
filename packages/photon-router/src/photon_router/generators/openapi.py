"""``photon generate openapi``: the document of the application as a file, and a test of it.

The file is for clients and for reviews: a change of the API is a change of the file in the same
commit. The test compares the file with the document of the application, and shows the difference
and the command that renews the file.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import ClassVar, Final, Literal

from photon_openapi.document import encode_document
from photon_openapi.sources import application_document
from photon_runtime.generators import Arguments, Edit, GeneratorError, UpdateFile
from photon_runtime.project import Project

from ._application_code import ApplicationCode
from ._code_layout import quoted

_FORMS: Final[dict[str, Literal["json", "yaml"]]] = {
    ".json": "json",
    ".yaml": "yaml",
    ".yml": "yaml",
}
_TEST: Final = '''"""The document of the application is the published one, in {path}."""

from __future__ import annotations

import difflib
from pathlib import Path

from photon import Photon
from photon_openapi.document import encode_document

PUBLISHED = Path(__file__).parents[1] / {quoted}


def test_the_document_is_the_published_one(app: Photon) -> None:
    published = PUBLISHED.read_text(encoding="utf-8").splitlines()
    current = encode_document(app.document(), form="{form}").decode().splitlines()
    difference = "\\n".join(difflib.unified_diff(published, current, "published", "current"))
    assert not difference, (
        "the document of the application has changed. If that is intended, renew the file by "
        f"`{command}`:\\n{{difference}}"
    )
'''


class OpenApiGenerator:
    """Generate a file with the document of the application, and a test that compares them.

    NAME is its path, by default openapi.yaml; .json is JSON. Run it again to renew the file.
    """

    default_name: ClassVar[str] = "openapi.yaml"

    def plan(self, project: Project, arguments: Arguments) -> Sequence[Edit]:
        """Describe the file and its test.

        Raises:
            GeneratorError: The path cannot be written, or is the document that the application
                loads.
            PhotonError: The application cannot be loaded, or has no document.
        """
        root = (project.root or project.directory).resolve()
        path = _path(root, project, arguments)
        form = _FORMS[PurePosixPath(path).suffix]
        _refuse_source(project, path)
        document = application_document(project, None)
        if document is None:
            raise GeneratorError("the application has no OpenAPI document")
        test = "tests/test_openapi.py"
        text, code = encode_document(document, form=form).decode(), _test(path, form)
        existing = _read(root / test)
        return [
            UpdateFile(path, text, before=_read(root / path)),
            UpdateFile(test, code if existing is None else existing, initial=code, before=existing),
        ]


def _path(root: Path, project: Project, arguments: Arguments) -> str:
    """Return the file from the project's folder.

    Raises:
        GeneratorError: It is outside of the project, or neither YAML nor JSON.
    """
    path = (project.directory / arguments.name).resolve()
    if arguments.words:
        raise GeneratorError("write one path only, as in `photon generate openapi openapi.json`")
    if not path.is_relative_to(root):
        raise GeneratorError(f"{arguments.name} is outside of the project, which is {root}")
    if path.suffix not in _FORMS:
        raise GeneratorError(f"{arguments.name} ends in neither {', '.join(_FORMS)}: choose one")
    return path.relative_to(root).as_posix()


def _refuse_source(project: Project, path: str) -> None:
    """Refuse the document that the application loads: the exported one would replace it.

    Raises:
        GeneratorError: The application loads it.
    """
    application = ApplicationCode.of(project)
    name = PurePosixPath(path).name
    if any(PurePosixPath(each).name == name for each in application.constants):
        raise GeneratorError(
            f"{application.path} loads {name} (spec={application.spec}), and the exported document "
            f"must not replace it: name another file, as in `photon generate openapi docs/{name}`"
        )


def _test(path: str, form: str) -> str:
    command = "photon generate openapi" + ("" if path == "openapi.yaml" else f" {path}")
    return _TEST.format(path=path, quoted=quoted(path), form=form, command=command)


def _read(path: Path) -> str | None:
    try:
        return path.read_bytes().decode()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise GeneratorError(f"{path} cannot be read: {error}") from None
