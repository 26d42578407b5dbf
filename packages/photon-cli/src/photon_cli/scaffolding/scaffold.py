"""``photon generate scaffold``: a model with its JSON API, its pages, and their tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from photon_runtime.generators import Arguments, Edit, GeneratorError, Option
from photon_runtime.project import Project

from ._api_files import ApiFiles
from ._page_files import PageFiles
from ._resource import Resource
from .model import OPTIONS as MODEL_OPTIONS
from .model import ModelGenerator

_PAGES: Final = "html"


class ScaffoldGenerator(ModelGenerator):
    """A model with its API, pages and tests: `photon generate scaffold post title:string`."""

    options = (
        *MODEL_OPTIONS,
        Option("html", "With pages, also where the kind of the project is not html."),
        Option("api", "Without pages, also where the kind of the project is html."),
    )

    def plan(self, project: Project, arguments: Arguments) -> Sequence[Edit]:
        """Return the files of the model, of its API and of its pages.

        Raises:
            GeneratorError: As for a model; or the application or its templates cannot be found.
        """
        resource = self._resource(project, arguments)
        edits = [*super().plan(project, arguments), *ApiFiles(resource).edits()]
        if resource.has_pages:
            edits += PageFiles(resource).edits()
        return edits

    def next_steps(self, project: Project, arguments: Arguments) -> Sequence[str]:
        """Return the commands that follow, and what the owner of rows needs."""
        resource = self._resource(project, arguments)
        steps = list(super().next_steps(project, arguments))
        if resource.owner is not None:
            package = resource.application.package_path
            steps.append(
                f"then connect your authentication in {package}/dependencies.py:"
                " until then, changes are answered by 401"
            )
        return steps

    def _resource(self, project: Project, arguments: Arguments) -> Resource:
        files, _ = self._files(project, arguments)
        return Resource.of(project, files, has_pages=_has_pages(project, arguments))


def _has_pages(project: Project, arguments: Arguments) -> bool:
    wants_pages, wants_none = arguments.options.get("html"), arguments.options.get("api")
    if wants_pages and wants_none:
        raise GeneratorError("--html and --api exclude each other: pages are added to the API")
    return bool(wants_pages) or (project.own_settings.kind == _PAGES and not wants_none)
