"""``photon generate model``: a model, its migration, its factory and its test."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from photon_runtime.generators import Arguments, CreateFile, Edit, Option
from photon_runtime.project import Project

from ._applied import blockers_of, join_followers
from ._fields import parse_fields
from ._layout import Layout
from ._migration_code import create_table
from ._model_checks import check_new_model
from ._model_files import ModelFiles
from ._names import ModelName
from ._revisions import plan_migration

OPTIONS: Final = (
    Option("without_timestamps", "Leave out created_at and updated_at."),
    Option("owner", "The reference to the owner of a row, which clients never set.", default=None),
)


class ModelGenerator:
    """A model with its table: `photon generate model post title:string body:text`."""

    options: Sequence[Option] = OPTIONS

    def plan(self, project: Project, arguments: Arguments) -> Sequence[Edit]:
        """Return the module, the migration, the factory and the test of a model.

        Raises:
            GeneratorError: The name or a field is invalid, the model exists with other fields, or
                a model that it refers to does not exist.
        """
        files, words = self._files(project, arguments)
        check_new_model(files, words)
        return [*files.model_edits(), self._migration(files), *files.test_edits()]

    def blockers(self, project: Project, arguments: Arguments) -> Sequence[str]:
        """Return why the model cannot be destroyed now: its table exists, or others refer to it."""
        layout = Layout.of(project)
        model = ModelName.parse(arguments.name, package=layout.package)
        return [
            *blockers_of(project, layout, f"create {model.table}"),
            *(
                f"{layout.name_of(path)} refers to {model.table}: destroy or change it first"
                for path in layout.files_that_mention(f'"{model.table}.id"')
                if path.stem != model.singular
            ),
        ]

    def repairs(self, project: Project, arguments: Arguments) -> Sequence[Edit]:
        """Return the changes of migrations that follow the one that is destroyed."""
        layout = Layout.of(project)
        model = ModelName.parse(arguments.name, package=layout.package)
        return join_followers(layout, f"create {model.table}")

    def next_steps(self, project: Project, arguments: Arguments) -> Sequence[str]:
        """Return the commands that follow."""
        return ["next: photon db migrate", "      photon test"]

    def _files(self, project: Project, arguments: Arguments) -> tuple[ModelFiles, Sequence[str]]:
        layout = Layout.of(project)
        model = ModelName.parse(arguments.name, package=layout.package)
        words = arguments.words
        if not words and arguments.earlier is not None:
            words = arguments.earlier.words
        has_timestamps = not arguments.options.get("without_timestamps")
        owner = arguments.options.get("owner")
        fields = parse_fields(
            model,
            words,
            tables=layout.tables(),
            owner=owner if isinstance(owner, str) else None,
            has_timestamps=has_timestamps,
        )
        return ModelFiles(layout, model, fields, has_timestamps), words

    def _migration(self, files: ModelFiles) -> CreateFile:
        code = create_table(files.model, files.fields, has_timestamps=files.has_timestamps)
        return plan_migration(files.layout, f"create {files.model.table}", code)
