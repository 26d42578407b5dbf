"""``photon generate migration``: a migration, inferred from its name, and the model with it."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from photon_runtime.generators import (
    Arguments,
    CreateFile,
    Edit,
    GeneratorError,
    InsertCode,
    Option,
    RenderFile,
)
from photon_runtime.project import Project
from photon_runtime.revision_files import WrittenRevision

from ._applied import blockers_of, join_followers
from ._fields import Field, parse_fields
from ._layout import Layout, WrittenModel
from ._migration_code import (
    MigrationCode,
    add_columns,
    create_join_table,
    drop_columns,
    rename_column,
)
from ._migration_names import MigrationName
from ._model_changes import ModelChanges
from ._names import LONGEST_IDENTIFIER, ModelName
from ._revisions import FoundRevision, plan_migration
from ._written_fields import field_of_column
from .model import ModelGenerator


class MigrationGenerator:
    """A migration, and the change of its model: `photon generate migration AddAgeToPost age:int`.

    CreatePosts, CreateJoinTablePostsAndTags, AddAgeToPost, AddAuthorRefToPost and RemoveAgeFromPost
    are understood; every other name gives an empty migration.
    """

    options = (
        Option("empty", "Write an empty migration, whatever its name."),
        *ModelGenerator.options,
    )

    def plan(self, project: Project, arguments: Arguments) -> Sequence[Edit]:
        """Return the migration, and the edits of the model that belong to it.

        Raises:
            GeneratorError: The name, a model or a field is invalid.
        """
        run = _Run.of(project, arguments)
        return run.edits()

    def blockers(self, project: Project, arguments: Arguments) -> Sequence[str]:
        """Return why the migration cannot be destroyed now: it is applied, or others follow it."""
        run = _Run.of(project, arguments)
        if run.name.kind == "create":
            return ModelGenerator().blockers(project, run.model_arguments)
        return blockers_of(project, run.layout, run.name.message)

    def repairs(self, project: Project, arguments: Arguments) -> Sequence[Edit]:
        """Return the changes of migrations that follow the one that is destroyed."""
        run = _Run.of(project, arguments)
        if run.name.kind == "create":
            return ModelGenerator().repairs(project, run.model_arguments)
        return join_followers(run.layout, run.name.message)

    def next_steps(self, project: Project, arguments: Arguments) -> Sequence[str]:
        """Return the commands that follow."""
        return [*_Run.of(project, arguments).hints(), "next: photon db migrate"]


@attrs.frozen
class _Run:
    """One run of the generator."""

    project: Project
    arguments: Arguments
    layout: Layout
    name: MigrationName

    @classmethod
    def of(cls, project: Project, arguments: Arguments) -> _Run:
        layout = Layout.of(project)
        if not arguments.words and arguments.earlier is not None:
            arguments = attrs.evolve(arguments, words=arguments.earlier.words)
        is_empty = bool(arguments.options.get("empty"))
        name = MigrationName.parse(arguments.name, layout.models(), is_empty=is_empty)
        return cls(project, arguments, layout, name)

    @property
    def model_arguments(self) -> Arguments:
        return attrs.evolve(self.arguments, name=self.name.models[0].singular)

    def edits(self) -> list[Edit]:
        if self.name.kind == "create":
            return [*ModelGenerator().plan(self.project, self.model_arguments)]
        existing = FoundRevision.of(self.layout, self.name.message).existing
        if existing is not None and self._is_done():
            source = existing.path.read_text(encoding="utf-8")
            return [CreateFile(self.layout.name_of(existing.path), source, once=True)]
        if self.name.kind == "add":
            self._check_columns(existing)
        elif self.name.kind == "remove":
            self._check_removed()
        return [self.migration(), *self._model_edits()]

    def _model_edits(self) -> list[Edit]:
        """Return the edits of the models, which belong to the migration."""
        match self.name.kind:
            case "add":
                return self._changes.added(self._fields)
            case "remove":
                return self._changes.removed(self._fields)
            case "rename":
                old, new = self._renamed
                return [*self._changes.removed([old]), *self._changes.added([new])]
            case "join":
                return self._join_table_edits()
        return []

    def _is_done(self) -> bool:
        """Whether the columns that the migration drops or renames are gone from the model."""
        if self.name.kind not in ("remove", "rename"):
            return False
        return not any(
            each in self._written.attributes
            for name in self._old_names
            for each in (name, f"{name}_id")
        )

    @property
    def _old_names(self) -> list[str]:
        """The names of the columns that are dropped or renamed."""
        if self.name.kind == "rename":
            return [self.name.fields[0]]
        return [word.split(":")[0].rstrip("?!^") for word in self.arguments.words] or [
            *self.name.fields
        ]

    def migration(self) -> CreateFile:
        return plan_migration(self.layout, self.name.message, self._code())

    def hints(self) -> list[str]:
        if self.name.kind == "join":
            _, second = self.name.models
            return [
                f"to {self._written.path.name}, you may add: {second.plural}: "
                f"Mapped[list[{second.class_name}]] = relationship(secondary={self._join_name})"
            ]
        if self.name.kind in ("remove", "rename"):
            names = self._old_names
            places = self._changes.mentions([*names, *(f"{name}_id" for name in names)])
            return [f"{', '.join(names)}: change by hand {place}" for place in places]
        return []

    def _code(self) -> MigrationCode:
        if self.name.kind == "empty":
            if self.arguments.words:
                raise GeneratorError(
                    f"{self.arguments.name} does not name what to do with "
                    f"{' '.join(self.arguments.words)}; write AddAgeToPost age:int, "
                    "RemoveAgeFromPost age:int or CreatePosts title:string"
                )
            return MigrationCode("", "")
        if self.name.kind == "join":
            if self.arguments.words:
                raise GeneratorError(
                    "a join table has two references and nothing else; generate a model with two "
                    f"references instead: photon generate model {self._membership}"
                )
            return create_join_table(self._join_name, *self._with_tables())
        if self.name.kind == "rename":
            return rename_column(self._written.table, *self._renamed)
        change = add_columns if self.name.kind == "add" else drop_columns
        return change(self._written.table, self._fields)

    @property
    def _written(self) -> WrittenModel:
        return self.layout.models()[self.name.models[0].class_name]

    @property
    def _changes(self) -> ModelChanges:
        return ModelChanges(self.layout, self._written)

    @property
    def _fields(self) -> tuple[Field, ...]:
        written = self._written
        model = attrs.evolve(self.name.models[0], table=written.table)
        words = self.arguments.words
        if not words and self.name.is_reference:
            words = (f"{self.name.fields[0]}:references",)
        if self.name.kind == "remove" and not any(":" in word for word in words):
            return tuple(self._recognised(word) for word in words or self.name.fields)
        if not words:
            field = self.name.fields[0]
            raise GeneratorError(
                f"{self.arguments.name} does not name the type of {field}: write "
                f"photon generate migration {self.arguments.name} {field}:string"
            )
        owner = self.arguments.options.get("owner")
        return parse_fields(
            model,
            words,
            tables=self.layout.tables(),
            owner=owner if isinstance(owner, str) else None,
            has_timestamps="Timestamps" in written.bases,
        )

    @property
    def _renamed(self) -> tuple[Field, Field]:
        """The field before and after."""
        if self.arguments.words:
            raise GeneratorError(
                f"{self.arguments.name} names both columns; leave out "
                f"{' '.join(self.arguments.words)}"
            )
        old, new = self.name.fields
        before = self._recognised(old)
        if before.enum_class:
            raise GeneratorError(
                f"{old} is an enumeration, whose class and check are named after it; write the "
                f"migration by hand: photon generate migration {self.arguments.name} --empty"
            )
        return before, self._checked(attrs.evolve(before, name=new.removesuffix("_id")))

    def _checked(self, field: Field) -> Field:
        """See that a field could be generated under its name."""
        target = f"references:{field.reference.table}" if field.reference else field.type.name
        word = f"{field.name}:{'string' if '_' in field.type.name else target}"
        parse_fields(field.model, [word], tables=None, has_timestamps=True)
        if field.column in self._written.attributes:
            raise GeneratorError(f"{self._written.class_name} has {field.column} already")
        return field

    def _recognised(self, name: str) -> Field:
        """Return the field of a column, as the model has it."""
        model = attrs.evolve(self.name.models[0], table=self._written.table)
        field = field_of_column(model, self._written, name, self.layout.tables())
        if field is None:
            where = self.layout.name_of(self._written.path)
            raise GeneratorError(
                f"{name} of {self._written.class_name} in {where} is not there, or not as a field "
                f"of a generator; name its type, as in {self.arguments.name} {name}:string, or "
                "write the migration by hand with --empty"
            )
        return field

    def _check_columns(self, existing: WrittenRevision | None) -> None:
        """See that the migration is new, or is the one that added these columns."""
        written = self._written
        columns = [field.column for field in self._fields]
        present = [each for each in columns if each in written.attributes]
        if existing is None:
            if present:
                raise GeneratorError(
                    f"{written.class_name} has {' and '.join(present)} already, in "
                    f"{self.layout.name_of(written.path)}"
                )
            return
        text = existing.path.read_text(encoding="utf-8")
        if len(present) < len(columns) or not all(f'"{each}"' in text for each in columns):
            raise GeneratorError(
                f"the migration {self.arguments.name} exists in "
                f"{self.layout.name_of(existing.path)}; use another name for this one, such as "
                f"{self.arguments.name.replace('Add', 'AddNew', 1)}"
            )

    def _check_removed(self) -> None:
        """See that the model has the columns."""
        written = self._written
        missing = [each.column for each in self._fields if each.column not in written.attributes]
        if missing:
            raise GeneratorError(
                f"{written.class_name} in {self.layout.name_of(written.path)} does not have "
                f"{' and '.join(missing)}; it has {', '.join(written.attributes)}"
            )

    # Join tables

    @property
    def _join_name(self) -> str:
        return "_".join(model.table for model in self.name.models)

    @property
    def _membership(self) -> str:
        first, second = self.name.models
        words = f"{first.singular}:references {second.singular}:references"
        return f"{first.singular}_{second.singular} {words}"

    def _with_tables(self) -> tuple[ModelName, ModelName]:
        tables = self.layout.tables()
        first, second = (
            attrs.evolve(each, table=tables[each.class_name]) for each in self.name.models
        )
        if first == second:
            raise GeneratorError(
                "a join table is between two different models; generate a model with two "
                f"references: photon generate model {first.singular}_link "
                f"{first.singular}:references other:references:{first.table}"
            )
        longest = f"fk_{self._join_name}_{second.singular}_id_{second.table}"
        if len(longest) > LONGEST_IDENTIFIER:
            raise GeneratorError(
                f"the name {longest} has {len(longest)} bytes, and PostgreSQL permits "
                f"{LONGEST_IDENTIFIER}; generate a model with two references and a shorter name"
            )
        return first, second

    def _join_table_edits(self) -> list[Edit]:
        first, second = self._with_tables()
        name = self._join_name
        folder = self.layout.name_of(self.layout.models_folder)
        context = {
            "table": name,
            "first": first,
            "second": second,
            "base": self.layout.base_module,
        }
        return [
            RenderFile(
                f"{folder}/{name}.py",
                "migration/join_table.py.jinja",
                context,
                package="photon_cli",
            ),
            InsertCode(
                f"{folder}/__init__.py", f"from .{name} import {name} as {name}", place="imports"
            ),
        ]
