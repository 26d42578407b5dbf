"""The tests of a scaffold pass as they are generated, and fail for each handler that is broken.

A project with two scaffolds is generated once. Each case breaks one line of the application, runs
the generated tests until the first failure, and restores the line.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import attrs
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
PACKAGE = "blog"


def run(*arguments: str, cwd: Path, status: int = 0) -> str:
    """Run a module of Python; return its output."""
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=150,
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new project with authors and posts, and their pages."""
    folder = tmp_path_factory.mktemp("generated")
    run("photon_cli", "new", PACKAGE, "--html", "--no-git", cwd=folder)
    root = folder / PACKAGE
    fields = ["title:string", "body:text", "slug:string^", "author:references"]
    run("photon_cli", "generate", "scaffold", "author", "name:string", cwd=root)
    run("photon_cli", "generate", "scaffold", "post", *fields, cwd=root)
    return root


@attrs.frozen
class Mutation:
    """A line of the application that is broken.

    Attributes:
        name: Name of the mutation.
        path: The file.
        old: The code that is replaced.
        new: The code instead of it.
        at: Which of several occurrences is replaced, from 0; from -1 for the last.
    """

    name: str
    path: str
    old: str
    new: str
    at: int = 0

    def apply(self, text: str) -> str:
        """Return the text with the broken line."""
        parts = text.split(self.old)
        assert len(parts) > 1, f"{self.path} does not have: {self.old}"
        at = self.at % (len(parts) - 1) + 1
        return self.old.join(parts[:at]) + self.new + self.old.join(parts[at:])


ROUTES = f"{PACKAGE}/routes/posts.py"
SCHEMAS = f"{PACKAGE}/schemas/post.py"
PAGES = f"{PACKAGE}/pages/posts.py"
TITLE = "title: Annotated[str, Param(min_length=1, max_length=255)]"
AUTHOR = "author_id: Annotated[int, Param(ge=1, le=2147483647)]"
CREATED = 'return Created(PostOut.from_model(post), location=f"/posts/{post.id}")'

API = [
    Mutation("the validation of a new row is dropped", SCHEMAS, TITLE, "title: str", 0),
    Mutation("the validation of a change is dropped", SCHEMAS, TITLE, "title: str", 1),
    Mutation("a required member is optional", SCHEMAS, AUTHOR, f"{AUTHOR} | None = None"),
    Mutation("unknown members are ignored", SCHEMAS, "@closed\n@attrs.frozen", "@attrs.frozen"),
    Mutation(
        "the client chooses the id",
        SCHEMAS,
        "\n\n\n@closed\nclass PostChanges",
        "\n    id: int | None = None\n\n\n@closed\nclass PostChanges",
    ),
    Mutation(
        "the status is wrong", ROUTES, CREATED, "return Created(PostOut.from_model(post), 200)"
    ),
    Mutation("Location is missing", ROUTES, ', location=f"/posts/{post.id}"', ""),
    Mutation(
        "the commit is skipped",
        ROUTES,
        CREATED,
        f"created = {CREATED[7:]}\n    db.rollback()\n    return created",
    ),
    Mutation("the limit of a page is removed", ROUTES, "Query[PageParameters]", "Query[Unlimited]"),
    Mutation("the order of the list is reversed", ROUTES, ".desc()", ".asc()"),
    Mutation(
        "the list reads each row again",
        ROUTES,
        ".map(PostOut.from_model)",
        ".map(lambda each: (db.refresh(each), PostOut.from_model(each))[1])",
    ),
    Mutation("a missing row is not a 404", ROUTES, "HttpError(404,", "HttpError(400,"),
    Mutation(
        "another row is shown", ROUTES, "db.get(Post, id)", "db.scalars(select(Post)).first()"
    ),
    Mutation(
        "only a part is replaced",
        ROUTES,
        "assign(post, new)",
        'assign(post, {"title": new.title})',
        -1,
    ),
    Mutation("nothing is changed", ROUTES, "assign(post, changes)", "assign(post, {})"),
    Mutation(
        "a change resets other members",
        ROUTES,
        "assign(post, changes)",
        'assign(post, {"body": "reset", **changes})',
    ),
    Mutation("nothing is deleted", ROUTES, "db.delete(post)", "db.refresh(post)"),
    Mutation(
        "conflicts of a new row are not checked", ROUTES, "refuse_conflicts(db, Post, new)", "pass"
    ),
    Mutation("a row is replaced unchecked", ROUTES, "refuse_conflicts(db, post, new)", "pass"),
]
HTML = [
    Mutation(
        "the errors of a form are not shown",
        PAGES,
        "form = post_form(db, submitted)",
        "form = post_form(db)",
        0,
    ),
    Mutation(
        "what was typed is not kept",
        PAGES,
        "form = post_form(db, submitted)",
        "form = post_form(db, Submitted(None, submitted.errors))",
        0,
    ),
    Mutation("an invalid form is a success", PAGES, ", status=422", "", 0),
    Mutation(
        "a taken value is not an error of its field",
        PAGES,
        "submitted.add_error(conflict.member",
        'submitted.add_error("title"',
    ),
    Mutation("the form stores nothing", PAGES, "db.add(post)\n    db.flush()", "post.id = 1"),
    Mutation(
        "the form does not show what is stored",
        PAGES,
        "form = post_form(db, values=post)",
        "form = post_form(db)",
    ),
    Mutation("the form changes nothing", PAGES, "assign(post, changes)", "assign(post, {})"),
    Mutation(
        "the question deletes",
        PAGES,
        'return render_template("posts/delete.html"',
        'db.delete(post)\n    return render_template("posts/delete.html"',
    ),
    Mutation("the form deletes nothing", PAGES, "db.delete(post)", "pass"),
    Mutation(
        "the success is not reported", PAGES, 'flash("The post was created.", "success")', "pass"
    ),
    Mutation(
        "a change is not reported", PAGES, 'flash("The post was changed.", "success")', "pass"
    ),
    Mutation("the page leads to no question", "templates/posts/show.html", "/delete", "/remove"),
    Mutation("htmx gets the whole page", ROUTES, ', fragment="rows"', ""),
    Mutation(
        "the list does not load its references",
        ROUTES,
        "posts = posts.options(selectinload(Post.author))",
        "pass",
    ),
]


def generated_tests(project: Path, *names: str, status: int) -> str:
    files = [f"tests/{name}.py" for name in names]
    return run("pytest", "-q", "-x", "-p", "no:cacheprovider", *files, cwd=project, status=status)


def test_generated_tests_pass(project: Path) -> None:
    generated_tests(project, "test_authors", "test_posts", "test_posts_pages", status=0)


def test_a_row_that_others_refer_to_is_not_deleted(project: Path) -> None:
    path = project / "tests/test_in_use.py"
    path.write_text(IN_USE)
    generated_tests(project, path.stem, status=0)


@pytest.mark.parametrize("mutation", API, ids=lambda mutation: mutation.name)
def test_generated_tests_of_an_api_fail_if(project: Path, mutation: Mutation) -> None:
    _break(project, mutation, "test_posts")


@pytest.mark.parametrize("mutation", HTML, ids=lambda mutation: mutation.name)
def test_generated_tests_of_pages_fail_if(project: Path, mutation: Mutation) -> None:
    _break(project, mutation, "test_posts_pages")


def _break(project: Path, mutation: Mutation, tests: str) -> None:
    path = project / mutation.path
    text = path.read_text()
    broken = mutation.apply(text)
    if "Unlimited" in broken:
        broken = broken.replace("\n\n\ndef find_post", UNLIMITED + "\n\n\ndef find_post", 1)
    if "db.delete(post)\n    return render_template" in broken:
        broken = broken.replace(
            "confirm_delete_post(post: FoundPost)",
            "confirm_delete_post(post: FoundPost, db: Session)",
        )
    path.write_text(broken)
    try:
        output = generated_tests(project, tests, status=1)
    finally:
        path.write_text(text)
    assert "1 failed" in output, output  # not an error while the tests are collected


UNLIMITED = """


import attrs


@attrs.frozen
class Unlimited(PageParameters):
    per_page: int = 20
""".rstrip()

IN_USE = """
from photon.testing import Client, submit_form
from sqlalchemy.orm import Session

from tests.factories import make_post


def test_a_row_in_use(client: Client, db: Session) -> None:
    path = f"/authors/{make_post(db).author_id}"
    assert client.delete(path).status_code == 409
    response = submit_form(client, f"{path}/delete")
    assert (response.status_code, response.headers["location"]) == (303, path)
    assert "still in use" in client.get(path, headers={"accept": "text/html"}).text
"""
