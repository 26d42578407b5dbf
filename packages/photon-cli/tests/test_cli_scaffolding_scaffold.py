from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from photon_cli.generation import Plan, apply_edits, write_changes
from photon_cli.project_creation import Choices, ProjectName, project_files
from photon_cli.scaffolding.scaffold import ScaffoldGenerator
from photon_runtime.generators import Arguments, GeneratorError
from photon_runtime.project import Project


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A new project with pages."""
    return new_project(tmp_path, "html")


def new_project(root: Path, kind: str) -> Path:
    name = ProjectName.parse("blog", directory=root)
    for path, content in project_files(name, Choices(kind, "sqlite")).items():  # type: ignore[arg-type]
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
    return root


def arguments(name: str, *words: str, **options: bool | str | None) -> Arguments:
    defaults = {option.name: option.default for option in ScaffoldGenerator.options}
    return Arguments(name, words, options=defaults | options)


def generate(root: Path, name: str, *words: str, **options: bool | str | None) -> Plan:
    """Generate a scaffold, and return the plan that was carried out."""
    edits = ScaffoldGenerator().plan(Project(root, root), arguments(name, *words, **options))
    plan = apply_edits(root, edits)
    assert plan.conflicts == []
    write_changes(plan.root, plan.changes)
    return plan


def paths_of(plan: Plan) -> list[str]:
    return [result.path for result in plan.results if result.verb == "added"]


def refusal(root: Path, name: str, *words: str, **options: bool | str | None) -> str:
    with pytest.raises(GeneratorError) as caught:
        generate(root, name, *words, **options)
    return str(caught.value)


def check(root: Path) -> None:
    """Check the code of a project with ruff."""
    for command in (["check"], ["format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--no-cache", "."],
            cwd=root,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_scaffold_has_an_api_and_pages_where_the_project_has_pages(project: Path) -> None:
    added = paths_of(generate(project, "post", "title:string"))
    assert [path for path in added if "migrations" not in path] == [
        "blog/models/post.py",
        "tests/factories/__init__.py",
        "tests/factories/post.py",
        "tests/test_post_model.py",
        "blog/schemas/post.py",
        "blog/routes/posts.py",
        "tests/test_posts.py",
        "blog/pages/posts.py",
        "templates/posts/index.html",
        "templates/posts/_row.html",
        "templates/posts/show.html",
        "templates/posts/new.html",
        "templates/posts/edit.html",
        "templates/posts/delete.html",
        "templates/posts/_form.html",
        "tests/test_posts_pages.py",
    ]
    app = (project / "blog/app.py").read_text()
    assert "app.include(posts.router)\napp.include(post_pages)\n" in app
    assert '<li><a href="/posts"' in (project / "templates/_navigation.html").read_text()


def test_a_scaffold_has_no_pages_where_the_project_has_none(tmp_path: Path) -> None:
    root = new_project(tmp_path, "api")
    added = paths_of(generate(root, "post", "title:string"))
    assert "blog/routes/posts.py" in added
    assert not [path for path in added if "pages" in path or path.endswith(".html")]


def test_running_again_changes_nothing(project: Path) -> None:
    generate(project, "user", "name:string")
    generate(project, "post", "title:string", "owner:references:users")
    assert generate(project, "post", "title:string", "owner:references:users").changes == []
    assert generate(project, "user", "name:string").changes == []


def test_options_decide_about_pages_of_one_scaffold(project: Path) -> None:
    added = paths_of(generate(project, "post", "title:string", api=True))
    assert not [path for path in added if path.endswith(".html")]
    message = refusal(project, "note", "text", api=True, html=True)
    assert message == "--html and --api exclude each other: pages are added to the API"


def test_pages_need_templates(tmp_path: Path) -> None:
    root = new_project(tmp_path, "api")
    message = refusal(root, "post", "title:string", html=True)
    assert "blog/app.py must add TemplatesPart()" in message
    assert "--api" in message


@pytest.mark.parametrize("kind", ["blob", "json"])
def test_a_form_cannot_have_a_required_field_without_an_input(project: Path, kind: str) -> None:
    message = refusal(project, "post", f"data:{kind}")
    assert f"write data:{kind}? or generate the API alone: --api" in message
    generate(project, "post", "title:string", f"data:{kind}?")
    schemas = (project / "blog/schemas/post.py").read_text()
    form = schemas.partition("class PostForm:")[2].partition("class PostOut")[0]
    assert "title: " in form
    assert "data: " not in form


def test_clients_never_set_the_owner(project: Path) -> None:
    generate(project, "user", "name:string")
    plan = generate(project, "post", "title:string", "author:references:users", owner="author")
    assert "blog/dependencies.py" in paths_of(plan)
    schemas = (project / "blog/schemas/post.py").read_text()
    sent, _, shown = schemas.partition("class PostOut")
    assert "author_id" not in sent
    assert "author_id: int" in shown
    routes = (project / "blog/routes/posts.py").read_text()
    assert "assign(Post(author_id=user_id), new)" in routes


def test_scaffolds_with_owners_share_the_module_of_the_current_user(project: Path) -> None:
    generate(project, "user", "name:string")
    generate(project, "post", "title:string", "owner:references:users")
    again = generate(project, "note", "text", "owner:references:users")
    assert "skipped: blog/dependencies.py" in map(str, again.results)
    path = project / "blog/dependencies.py"
    path.write_text("def current_user_id() -> int: ...\n\n\nCurrentUserId = int\n")
    own = generate(project, "card", "text", "owner:references:users")
    assert path.name not in " ".join(map(str, own.results))


def test_the_next_step_of_rows_with_an_owner_is_authentication(project: Path) -> None:
    generate(project, "user", "name:string")
    generator, of_project = ScaffoldGenerator(), Project(project, project)
    plain = generator.next_steps(of_project, arguments("post", "title:string"))
    owned = generator.next_steps(of_project, arguments("post", "owner:references:users"))
    assert owned[: len(plain)] == plain
    assert "blog/dependencies.py" in owned[-1]


@pytest.mark.slow
def test_long_and_difficult_names_are_formatted(project: Path) -> None:
    name = "customer_ticket_group"
    generate(project, "news", "text:text", "website:uri?", "table:string^")
    generate(
        project,
        name,
        "a_rather_long_name:string^",
        "homepage_of_the_company:uri?",
        "another_address:email^",
        "reported_in:references:news",
        f"parent:references:{name}?",
        "state:enum:open,in-progress,closed",
        "amount_of_money:money?",
        "begins_at:date_time",
        "tags:array:string",
    )
    check(project)


@pytest.mark.slow
def test_lines_follow_the_length_that_the_project_has_set(project: Path) -> None:
    path = project / "pyproject.toml"
    path.write_text(path.read_text().replace("line-length = 100", "line-length = 88"))
    generate(project, "author", "name:string")
    generate(project, "post", "title:string", "author:references", "website:uri?", api=True)
    files = ["blog/routes/posts.py", "blog/schemas/post.py", "tests/test_posts.py"]
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "format", "--diff", "--no-cache", *files],
        cwd=project,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
