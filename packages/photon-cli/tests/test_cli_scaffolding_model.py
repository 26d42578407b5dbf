from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from photon_cli.generation import Plan, apply_edits, undo_edits, write_changes
from photon_cli.project_creation import Choices, ProjectName, project_files
from photon_cli.scaffolding.model import ModelGenerator
from photon_runtime.generators import Arguments, GeneratorError, UpdateFile
from photon_runtime.project import Project
from photon_runtime.revision_files import read_revisions

EVERY_TYPE = """
uuid string text small_unsigned big_unsigned unsigned small_int int big_int float double decimal
decimal_len:24:8 bool tstz date date_time datetime time json jsonb blob money binary_len:16
var_binary:300 email uri array:string array:int array:big_int array:float array:double array:bool
enum:draft,in-progress
"""
Generate = Callable[..., Plan]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A new project."""
    name = ProjectName.parse("blog", directory=tmp_path)
    write(tmp_path, project_files(name, Choices("api", "sqlite")))
    return tmp_path


def write(root: Path, files: dict[str, bytes]) -> None:
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)


def arguments(name: str, *words: str, **options: bool | str | None) -> Arguments:
    defaults = {option.name: option.default for option in ModelGenerator.options}
    return Arguments(name, words, options=defaults | options)


def generate(root: Path, name: str, *words: str, **options: bool | str | None) -> Plan:
    """Generate a model, and return the plan that was carried out."""
    edits = ModelGenerator().plan(Project(root, root), arguments(name, *words, **options))
    plan = apply_edits(root, edits)
    assert plan.conflicts == []
    write_changes(plan.root, plan.changes)
    return plan


def files_of(root: Path) -> dict[str, bytes]:
    paths = (path for path in root.rglob("*") if path.is_file() and ".photon" not in path.parts)
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}


def refusal(root: Path, name: str, *words: str, **options: bool | str | None) -> str:
    before = files_of(root)
    with pytest.raises(GeneratorError) as caught:
        generate(root, name, *words, **options)
    assert files_of(root) == before
    return str(caught.value)


def test_a_model_has_a_module_a_migration_a_factory_and_a_test(project: Path) -> None:
    plan = generate(project, "post", "title:string")
    (migration,) = (project / "db/migrations").glob("*.py")
    assert [str(result) for result in plan.results] == [
        "added: blog/models/post.py",
        "injected: blog/models/__init__.py",
        f"added: db/migrations/{migration.name}",
        "added: tests/factories/__init__.py",
        "added: tests/factories/post.py",
        "injected: tests/factories/__init__.py",
        "added: tests/test_post_model.py",
    ]
    init = (project / "blog/models/__init__.py").read_text()
    assert "from .post import Post as Post\n" in init


def test_running_again_changes_nothing(project: Path) -> None:
    generate(project, "post", "title:string")
    generate(project, "author", "name:string")
    before = files_of(project)
    for name, word in (("post", "title:string"), ("author", "name:string")):
        assert generate(project, name, word).changes == []
    assert files_of(project) == before


def test_a_further_field_is_refused_with_the_command_for_it(project: Path) -> None:
    generate(project, "post", "title:string")
    message = refusal(project, "post", "title:string", "age:int", "note:text?")
    assert "photon generate migration AddAgeAndNoteToPost age:int 'note:text?'" in message


def test_a_destroyed_model_leaves_the_project_as_before(project: Path) -> None:
    generate(project, "author", "name:string")
    before = files_of(project)
    generate(project, "post", "title:string", "author:references")
    edits = ModelGenerator().plan(
        Project(project, project), arguments("post", "title:string", "author:references")
    )
    plan = undo_edits(project, edits)
    assert plan.conflicts == []
    write_changes(plan.root, plan.changes)
    assert files_of(project) == before


def test_a_model_that_another_refers_to_is_not_destroyed(project: Path) -> None:
    generate(project, "author", "name:string")
    generate(project, "post", "author:references")
    blockers = ModelGenerator().blockers(Project(project, project), arguments("author", "name"))
    assert any("blog/models/post.py refers to authors" in each for each in blockers)
    assert any("create_posts.py builds on" in each for each in blockers)


def test_migrations_that_only_come_later_are_joined_to_what_a_destroyed_one_followed(
    project: Path,
) -> None:
    for name in ("author", "post", "tag"):
        generate(project, name, "name:string")
    here = Project(project, project)
    blockers = ModelGenerator().blockers(here, arguments("post", "name"))
    assert not any("builds on" in each for each in blockers)
    (repair,) = ModelGenerator().repairs(here, arguments("post", "name"))
    assert isinstance(repair, UpdateFile)
    assert repair.path.endswith("_create_tags.py")
    folder = project / "db/migrations"
    (author,) = [
        revision
        for revision, each in read_revisions(folder).items()
        if each.path.name.endswith("_create_authors.py")
    ]
    (project / repair.path).write_text(repair.content)
    (tag,) = [
        each for each in read_revisions(folder).values() if each.path == project / repair.path
    ]
    assert tag.parents == (author,)
    assert f"Revises: {author}" in repair.content


def test_a_reference_to_a_missing_model_names_the_command_for_it(project: Path) -> None:
    message = refusal(project, "post", "author:references")
    assert "photon generate model author name:string" in message
    generate(project, "user", "name:string")
    assert "do you mean author:references:User" in refusal(project, "post", "author:references:usr")


def test_a_model_of_a_similar_name_is_not_taken_for_it(project: Path) -> None:
    generate(project, "my_test", "title:string")
    generate(project, "test", "title:string")
    assert (project / "blog/models/test.py").is_file()
    message = refusal(project, "run", "est:references")
    assert "the model Est does not exist" in message


def test_a_table_belongs_to_one_model(project: Path) -> None:
    generate(project, "datum", "value:int")
    assert "the table data is that of Datum" in refusal(project, "data", "value:int")


def test_several_last_migrations_are_refused(project: Path) -> None:
    generate(project, "post", "title:string")
    (first,) = (project / "db/migrations").glob("*.py")
    text = first.read_text()
    revision = text.split('revision = "')[1][:12]
    first.with_name("other.py").write_text(text.replace(revision, "0123456789ab"))
    message = refusal(project, "author", "name:string")
    assert "photon db merge" in message


def test_a_migration_follows_the_last_one_and_its_time(project: Path) -> None:
    for name in ("post", "author", "comment"):
        generate(project, name, "title:string")
    files = sorted((project / "db/migrations").glob("*.py"))
    assert [path.stem.split("_", 1)[1] for path in files] == [
        "create_posts",
        "create_authors",
        "create_comments",
    ]


def test_code_of_all_types_is_as_ruff_leaves_it(project: Path) -> None:
    generate(project, "user", "name:string")
    words = [f"field{number}:{word}" for number, word in enumerate(EVERY_TYPE.split())]
    optional = [f"optional{number}:{word}?" for number, word in enumerate(EVERY_TYPE.split())]
    generate(project, "post", *words, *optional, "author:references:users", "slug^")
    long_name = "a_field_with_a_name_of_forty_characters_x"
    generate(project, "a_model_with_a_long_name", f"{long_name}:string", f"b{long_name}:json?")
    generate(project, "other_model", f"{long_name}:tstz", "b_field_with_a_long_name:enum:a,b?")
    for command in (["check", "."], ["format", "--diff", "."]):
        done = subprocess.run(
            [Path(sys.executable).with_name("ruff"), *command, "--no-cache"],
            cwd=project,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_model_without_timestamps_does_not_have_them(project: Path) -> None:
    generate(project, "post", "created_at:tstz", without_timestamps=True)
    text = (project / "blog/models/post.py").read_text()
    assert "Timestamps" not in text
    assert "created_at" in text


def test_pytest_does_not_collect_a_model_whose_name_begins_with_test(project: Path) -> None:
    generate(project, "testimonial", "text:text")
    assert "__test__ = False" in (project / "blog/models/testimonial.py").read_text()


def test_the_package_may_be_in_src(project: Path) -> None:
    (project / "src").mkdir()
    (project / "blog").rename(project / "src/blog")
    generate(project, "post", "title:string")
    assert (project / "src/blog/models/post.py").is_file()
    assert "from blog.models.post import Post" in (project / "tests/factories/post.py").read_text()


def test_moved_models_are_found_by_the_settings(project: Path) -> None:
    (project / "blog/models").rename(project / "blog/tables")
    assert "blog.models do not exist (searched blog/models and src/blog/models" in refusal(
        project, "post", "title:string"
    )
    toml = project / "photon.toml"
    toml.write_text(toml.read_text().replace("blog.models:Base", "blog.tables:Base"))
    generate(project, "post", "title:string")
    assert (project / "blog/tables/post.py").is_file()


def test_models_in_one_module_are_refused_with_the_folder_to_make(project: Path) -> None:
    base = (project / "blog/models/base.py").read_text()
    for path in (project / "blog/models").glob("*"):
        path.unlink()
    (project / "blog/models").rmdir()
    (project / "blog/models.py").write_text(base)
    message = refusal(project, "post", "title:string")
    assert "blog/models.py is one module" in message
    assert "blog/models/base.py" in message


def test_without_a_project_or_its_models_the_refusal_names_them(tmp_path: Path) -> None:
    with pytest.raises(GeneratorError, match="photon new"):
        ModelGenerator().plan(Project(tmp_path, None), arguments("post", "title:string"))
    (tmp_path / "photon.toml").write_text('[project]\napp = "shop.app:app"\n')
    assert "such as shop.models:Base" in refusal(tmp_path, "post", "title:string")


def test_a_factory_that_a_reference_needs_is_required(project: Path) -> None:
    generate(project, "user", "name:string")
    (project / "tests/factories/__init__.py").write_text("")
    assert "does not have make_user" in refusal(project, "post", "author:references:users")


def test_a_generator_loads_neither_sqlalchemy_nor_a_parser_of_code(project: Path) -> None:
    code = """
import sys
from pathlib import Path
from photon_cli.generation import apply_edits, write_changes
from photon_cli.scaffolding.model import ModelGenerator
from photon_runtime.generators import Arguments
from photon_runtime.project import Project
from photon_runtime.revision_files import read_revisions
here = Path.cwd()
plan = apply_edits(here, ModelGenerator().plan(Project(here, here), Arguments("post", ("title",))))
write_changes(plan.root, plan.changes)
print(*{"sqlalchemy", "alembic", "libcst", "jsonschema", "photon_lifeguard"} & set(sys.modules))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=project, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""
    assert (project / "blog/models/post.py").is_file()
    ast.parse((project / "blog/models/post.py").read_text())
