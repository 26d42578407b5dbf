from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from photon_cli.generation import Plan, apply_edits, undo_edits, write_changes
from photon_cli.project_creation import Choices, ProjectName, project_files
from photon_cli.scaffolding import MigrationName
from photon_cli.scaffolding.migration import MigrationGenerator
from photon_cli.scaffolding.model import ModelGenerator
from photon_runtime.generators import Arguments, GeneratorError
from photon_runtime.project import Project

MODELS = ("Post", "User", "Message", "BlogPost")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with the models User and Post."""
    name = ProjectName.parse("blog", directory=tmp_path)
    for path, content in project_files(name, Choices("api", "sqlite")).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    generate(tmp_path, "user", "name:string", generator=ModelGenerator())
    generate(tmp_path, "post", "title", "slug^", generator=ModelGenerator())
    return tmp_path


def generate(
    root: Path,
    name: str,
    *words: str,
    generator: ModelGenerator | MigrationGenerator | None = None,
    **options: bool,
) -> Plan:
    edits = (generator or MigrationGenerator()).plan(
        Project(root, root), Arguments(name, words, options=options)
    )
    plan = apply_edits(root, edits)
    assert plan.conflicts == []
    write_changes(plan.root, plan.changes)
    return plan


def refusal(root: Path, name: str, *words: str) -> str:
    with pytest.raises(GeneratorError) as caught:
        generate(root, name, *words)
    return str(caught.value)


def newest(root: Path) -> str:
    return max((root / "db/migrations").glob("*.py")).read_text()


def model(root: Path) -> str:
    return (root / "blog/models/post.py").read_text()


@pytest.mark.parametrize(
    ("name", "kind", "models", "fields"),
    [
        ("AddAgeToPost", "add", ["Post"], ("age",)),
        ("add_age_to_posts", "add", ["Post"], ("age",)),
        ("AddReplyToToMessage", "add", ["Message"], ("reply_to",)),
        ("AddAgeToBlogPost", "add", ["BlogPost"], ("age",)),
        ("AddAuthorRefToPost", "add", ["Post"], ("author",)),
        ("RemoveAgeFromPost", "remove", ["Post"], ("age",)),
        ("RemoveMailFromFromMessages", "remove", ["Message"], ("mail_from",)),
        ("RenameTitleToHeadlineInPost", "rename", ["Post"], ("title", "headline")),
        ("CreateComments", "create", ["Comment"], ()),
        ("CreateJoinTablePostsAndUsers", "join", ["Post", "User"], ()),
        ("CleanUp", "empty", [], ()),
        ("BackfillSlugs", "empty", [], ()),
    ],
)
def test_names_say_what_a_migration_does(
    name: str, kind: str, models: list[str], fields: tuple[str, ...]
) -> None:
    meaning = MigrationName.parse(name, MODELS)
    assert meaning.kind == kind
    assert [each.class_name for each in meaning.models] == models
    assert meaning.fields == fields


def test_a_migration_of_a_missing_model_is_refused(project: Path) -> None:
    assert "the models are Post, User" in refusal(project, "AddAgeToPots", "age:int")
    assert "--empty" in refusal(project, "RemoveAgeFromPots")
    assert "two models" in refusal(project, "CreateJoinTablePostsAndTags")
    assert "cannot be the name" in refusal(project, "add age!")
    assert "does not name what to do" in refusal(project, "CleanUp", "age:int")
    assert "does not name the type" in refusal(project, "AddAgeToPost")
    generate(project, "AddAgeToPots", empty=True)
    assert "pass" in newest(project)


def test_a_column_is_added_to_the_table_the_model_and_the_factory(project: Path) -> None:
    generate(project, "AddPriceToPost", "price:decimal", "status:enum:draft,done")
    assert 'op.add_column(\n        "posts",\n        sa.Column("price"' in newest(project)
    assert "price: Mapped[Decimal]" in model(project)
    assert "from decimal import Decimal" in model(project)
    assert "class PostStatus(StrEnum):" in model(project)
    factory = (project / "tests/factories/post.py").read_text()
    assert 'values.setdefault("price", ' in factory
    assert "from blog.models.post import Post, PostStatus" in factory


def test_running_a_migration_again_changes_nothing(project: Path) -> None:
    commands = [
        ("AddPriceToPost", "price:decimal"),
        ("AddAuthorRefToPost", "author:references?:users"),
        ("RenameTitleToHeadlineInPost",),
        ("CreateJoinTablePostsAndUsers",),
        ("CleanUp",),
    ]
    for command in commands:
        generate(project, *command)
    for command in commands:
        assert generate(project, *command).changes == [], command


def test_a_name_is_used_once(project: Path) -> None:
    generate(project, "AddPriceToPost", "price:decimal")
    assert "exists in db/migrations" in refusal(project, "AddPriceToPost", "cost:int")
    assert "Post has price already" in refusal(project, "AddOtherToPost", "price:int")


def test_an_added_column_is_taken_back_with_its_imports(project: Path) -> None:
    before = model(project)
    words = ("price:decimal", "author:references?:users", "at:tstz", "status:enum:a,b")
    edits = MigrationGenerator().plan(
        Project(project, project), Arguments("AddManyToPost", words, options={})
    )
    plan = apply_edits(project, edits)
    write_changes(plan.root, plan.changes)
    assert model(project) != before
    plan = undo_edits(project, edits)
    write_changes(plan.root, plan.changes)
    assert model(project) == before


def test_a_removed_column_needs_no_type(project: Path) -> None:
    generate(project, "AddPriceToPost", "price:decimal_len:10:2?")
    generate(project, "RemovePriceFromPost")
    assert "price" not in model(project)
    assert "Decimal" not in model(project)
    assert "sa.Numeric(precision=10, scale=2), nullable=True" in newest(project)
    assert "does not have age" in refusal(project, "RemoveAgeFromPost", "age:int")
    assert "is not there" in refusal(project, "RemoveAgeFromPost")


def test_a_renamed_column_keeps_its_constraints(project: Path) -> None:
    generate(project, "RenameSlugToHandleInPost")
    assert "handle: Mapped[str] = mapped_column(sa.String(255), unique=True)" in model(project)
    assert 'op.drop_constraint(op.f("uq_posts_slug")' in newest(project)
    assert 'op.create_unique_constraint(op.f("uq_posts_handle")' in newest(project)
    assert "has title already" in refusal(project, "RenameHandleToTitleInPost")
    assert "keyword" in refusal(project, "RenameHandleToClassInPost")


def test_places_that_name_a_removed_column_are_listed(project: Path) -> None:
    generate(project, "RemoveTitleFromPost")
    steps = MigrationGenerator().next_steps(
        Project(project, project), Arguments("RemoveTitleFromPost", ("title:string",), options={})
    )
    assert any("tests/factories/post.py:" in step for step in steps)


def test_changed_models_are_as_ruff_leaves_them(project: Path) -> None:
    generate(project, "AddPriceToPost", "price:decimal", "at:tstz", "status:enum:a,b")
    generate(project, "AddAuthorRefToPost", "author:references:users")
    generate(project, "CreateTags", "name")
    generate(project, "AddTagRefToPost", "tag:references?")
    generate(project, "AddCodeToPost", "code^", "data:blob")
    generate(project, "CreateJoinTablePostsAndUsers")
    for command in (["check", "."], ["format", "--diff", "."]):
        done = subprocess.run(
            [Path(sys.executable).with_name("ruff"), *command, "--no-cache"],
            cwd=project,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
