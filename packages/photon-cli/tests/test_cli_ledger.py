from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import attrs
import pytest

from photon_cli.generation import (
    LEDGER,
    InstalledGenerator,
    Plan,
    plan_destruction,
    plan_generation,
    write_changes,
)
from photon_runtime.generators import (
    Arguments,
    CreateFile,
    Edit,
    Generation,
    GeneratorError,
    InsertAttribute,
    InsertCall,
    InsertCode,
    InsertItem,
    Option,
    SetToml,
    UpdateFile,
)
from photon_runtime.project import Project

APP = """\
from photon import Photon

from blog.routes import home

app = Photon()
app.include(home.router)
"""
MODELS = '__all__ = ["Base"]\n'
PAGE = "<ul>\n    <!-- navigation -->\n</ul>\n"
SETTINGS = "[project]  # ours\nname = 'blog'\n"


def resource(arguments: Arguments) -> Sequence[Edit]:
    """The edits of a generator that uses insertions of every kind."""
    name = arguments.name
    earlier = arguments.earlier
    dated = [each for each in earlier.files if "_create_" in each] if earlier else []
    return [
        CreateFile(f"blog/routes/{name}.py", f"WORDS = {arguments.words!r}\n"),
        CreateFile("blog/routes/_shared.py", "SHARED = 1\n"),
        CreateFile(
            dated[0] if dated else f"db/{len(list_versions())}_create_{name}.py",
            f"after = {list_versions()}\n",
            once=True,
        ),
        InsertCode("blog/app.py", f"from blog.routes import {name}", place="imports"),
        InsertCode("blog/app.py", "from photon import Router", place="imports"),
        InsertCall("blog/app.py", f"include({name}.router)", on="Photon"),
        InsertItem("blog/models.py", f'"{name.title()}"', to="__all__"),
        InsertCode("page.html", f"<li>{name}</li>", before="<!-- navigation -->"),
        SetToml("photon.toml", ("app", name), value=True),
    ]


VERSIONS: list[int] = []


def list_versions() -> list[int]:
    """Stand for what depends on the time: it is different at each run."""
    VERSIONS.append(len(VERSIONS))
    return VERSIONS[:]


@attrs.frozen
class Stub:
    """A generator whose edits a function makes."""

    edits: Callable[[Arguments], Sequence[Edit]] = resource
    reasons: tuple[str, ...] = ()
    others: tuple[Edit, ...] = ()

    def plan(self, project: Project, arguments: Arguments) -> Sequence[Edit]:
        return self.edits(arguments)

    def blockers(self, project: Project, arguments: Arguments) -> Sequence[str]:
        return self.reasons

    def repairs(self, project: Project, arguments: Arguments) -> Sequence[Edit]:
        return self.others


@attrs.frozen
class Blog:
    """A project with a generator."""

    root: Path
    stub: Stub = Stub()

    @property
    def project(self) -> Project:
        return Project(self.root, self.root)

    @property
    def installed(self) -> InstalledGenerator:
        return InstalledGenerator("resource", self.stub, "photon-cli", "0.1.0")

    def generate(self, name: str, *words: str, force: bool = False, **options: bool) -> Plan:
        arguments = Arguments(name, words, options=options)
        plan = plan_generation(self.project, self.installed, arguments, force=force)
        if not plan.conflicts:
            write_changes(self.root, plan.changes)
        return plan

    def destroy(self, name: str, *, force: bool = False) -> Plan:
        plan = plan_destruction(self.project, self.installed, name, force=force)
        if not plan.conflicts:
            write_changes(self.root, plan.changes)
        return plan

    def tree(self) -> dict[str, str]:
        files = (path for path in self.root.rglob("*") if path.is_file())
        return {str(path.relative_to(self.root)): path.read_text() for path in files}

    def edit(self, name: str, old: str, new: str) -> None:
        text = (self.root / name).read_text()
        assert old in text
        (self.root / name).write_text(text.replace(old, new))


def make(root: Path, stub: Stub | None = None) -> Blog:
    (root / "blog" / "routes").mkdir(parents=True)
    (root / "blog" / "app.py").write_text(APP)
    (root / "blog" / "models.py").write_text(MODELS)
    (root / "page.html").write_text(PAGE)
    (root / "photon.toml").write_text(SETTINGS)
    (root / "blog" / "routes" / "home.py").touch()
    return Blog(root, stub or Stub())


@pytest.fixture
def blog(tmp_path: Path) -> Blog:
    return make(tmp_path / "blog-project")


def verbs(plan: Plan) -> set[str]:
    return {result.verb for result in plan.results}


def kept(plan: Plan) -> list[str]:
    return [str(result) for result in plan.missing]


def test_what_was_generated_is_destroyed_without_a_trace(blog: Blog) -> None:
    before = blog.tree()
    blog.generate("posts", "title:string")
    assert blog.tree()["blog/app.py"] == (
        "from photon import Photon, Router\n\nfrom blog.routes import home, posts\n\n"
        "app = Photon()\napp.include(home.router)\napp.include(posts.router)\n"
    )
    assert verbs(blog.destroy("posts")) == {"removed"}
    assert blog.tree() == before


def test_running_again_changes_nothing(blog: Blog) -> None:
    blog.generate("posts", "title:string", html=True)
    after = blog.tree()
    again = blog.generate("posts", "title:string", html=True)
    assert verbs(again) == {"skipped"}
    assert again.changes == []
    assert blog.tree() == after


def test_other_words_are_a_conflict_that_names_the_earlier_ones(blog: Blog) -> None:
    blog.generate("posts", "title:string")
    after = blog.tree()
    [conflict] = blog.generate("posts", "title:string", "body:text").conflicts
    assert conflict.reason == (
        "it was generated by `resource posts title:string`, and would be different now"
    )
    assert blog.tree() == after
    blog.edit("blog/routes/posts.py", "WORDS", "words")
    [conflict] = blog.generate("posts", "body:text").conflicts
    assert conflict.reason == "it was edited since it was generated"
    blog.generate("posts", "body:text", force=True)
    assert verbs(blog.destroy("posts")) == {"removed"}


@pytest.mark.parametrize("middle", ["comments", "posts", "tags"])
def test_one_of_three_generations_is_destroyed_as_if_it_had_never_been(
    tmp_path: Path, middle: str
) -> None:
    blog, other = make(tmp_path / "a"), make(tmp_path / "b")
    for name in ("comments", "posts", "tags"):
        blog.generate(name)
    rest = [name for name in ("comments", "posts", "tags") if name != middle]
    for name in rest:
        other.generate(name)
    blog.destroy(middle)

    def without_versions(tree: dict[str, str]) -> list[tuple[str, str]]:
        return [(name, text) for name, text in tree.items() if name[:3] not in {"db/", ".ph"}]

    assert sorted(without_versions(blog.tree())) == sorted(without_versions(other.tree()))
    for name in rest:
        assert verbs(blog.destroy(name)) <= {"removed", "skipped"}
    assert blog.tree() == make(tmp_path / "c").tree()


def test_code_that_was_moved_or_laid_out_anew_is_still_removed(blog: Blog) -> None:
    blog.generate("posts")
    (blog.root / "blog" / "app.py").write_text(
        "from photon import (\n    Photon,\n    Router,\n)\n\n"
        "from blog.routes import (\n    home,  # ours\n    posts,\n)\n\n\n"
        "def make():\n    web = Photon()\n    web.include(\n        posts.router,\n    )\n"
        "    web.include(home.router)\n    return web\n"
    )
    (blog.root / "page.html").write_text("<ul>\n<li>home</li>\n<li>posts</li>\n</ul>\n")
    assert verbs(blog.destroy("posts")) == {"removed"}
    assert blog.tree()["blog/app.py"] == (
        "from photon import (\n    Photon,\n)\n\n"
        "from blog.routes import (\n    home,  # ours\n)\n\n\n"
        "def make():\n    web = Photon()\n    web.include(home.router)\n    return web\n"
    )
    assert blog.tree()["page.html"] == "<ul>\n<li>home</li>\n</ul>\n"


def test_edited_code_is_kept_and_named(blog: Blog) -> None:
    blog.generate("posts")
    blog.edit("blog/routes/posts.py", "WORDS", "words")
    blog.edit("blog/app.py", "include(posts.router)", "include(posts.router, prefix='/x')")
    blog.edit("page.html", "<li>posts</li>", "<li class='x'>posts</li>")
    blog.edit("photon.toml", "posts = true", "posts = false")
    plan = blog.destroy("posts")
    assert kept(plan) == [
        "kept: photon.toml (`app.posts` is False now)",
        "kept: page.html (`<li>posts</li>` was changed to `<li class='x'>posts</li>`)",
        "kept: blog/app.py (`app.include(posts.router)` was changed to"
        " `app.include(posts.router, prefix='/x')`)",
        "kept: blog/app.py (`from blog.routes import posts` is still used)",
        "kept: blog/routes/posts.py (it was edited since it was generated)",
    ]
    assert not list((blog.root / "db").rglob("*.py"))
    assert "blog/routes/_shared.py" not in blog.tree()
    forced = blog.destroy("posts", force=True)
    assert "blog/routes/posts.py" not in blog.tree()
    assert [each.path for each in forced.missing] == ["page.html", "blog/app.py", "blog/app.py"]


def test_code_that_people_removed_themselves_is_skipped(blog: Blog) -> None:
    blog.generate("posts")
    blog.edit("blog/app.py", "app.include(posts.router)\n", "")
    (blog.root / "blog" / "routes" / "posts.py").unlink()
    (blog.root / "page.html").unlink()
    plan = blog.destroy("posts")
    assert plan.missing == []
    assert verbs(plan) == {"removed", "skipped"}
    assert LEDGER not in blog.tree()


def test_code_that_was_there_before_stays(blog: Blog) -> None:
    blog.edit("blog/app.py", "Photon\n\nfrom", "Photon, Router\n\nfrom")
    (blog.root / "blog" / "routes" / "_shared.py").write_text("SHARED = 1\n")
    before = blog.tree()
    blog.generate("posts")
    blog.destroy("posts")
    assert blog.tree() == before


def test_a_ledger_that_was_lost_is_recorded_again(blog: Blog) -> None:
    before = blog.tree()

    def edits(arguments: Arguments) -> Sequence[Edit]:
        return [each for each in resource(arguments) if not getattr(each, "once", False)]

    blog = Blog(blog.root, Stub(edits))
    blog.generate("posts")
    (blog.root / LEDGER).unlink()
    with pytest.raises(GeneratorError, match=r"`resource posts` is not recorded.*records it again"):
        blog.destroy("posts")
    assert verbs(blog.generate("posts")) == {"skipped"}
    blog.destroy("posts")
    assert blog.tree() == before


def test_what_another_generation_adds_to_a_file_does_not_count_as_an_edit(tmp_path: Path) -> None:
    def edits(arguments: Arguments) -> Sequence[Edit]:
        if arguments.name == "column":
            return [InsertAttribute("post.py", "age: int", of="Post")]
        return [CreateFile("post.py", "class Post:\n    title: str\n")]

    blog = make(tmp_path / "a", Stub(edits))
    before = blog.tree()
    blog.generate("post")
    created = blog.tree()
    blog.generate("column")
    blog.destroy("column")
    assert blog.tree() == created
    blog.generate("column")
    assert verbs(blog.destroy("post")) == {"removed"}
    assert verbs(blog.destroy("column")) == {"skipped"}
    assert blog.tree() == before


def test_a_file_that_others_have_code_in_is_destroyed_with_the_last(tmp_path: Path) -> None:
    blog = make(tmp_path / "a")

    def edits(arguments: Arguments) -> Sequence[Edit]:
        is_first = not (blog.root / "all.py").exists()
        return [
            *([CreateFile("all.py", "")] if is_first else []),
            InsertCode("all.py", f"import {arguments.name}", place="imports"),
        ]

    blog = Blog(blog.root, Stub(edits))
    before = blog.tree()
    for name in ("a", "b", "c"):
        blog.generate(name)
    for name, rest in (("a", "import b\nimport c\n"), ("c", "import b\n")):
        assert blog.destroy(name).missing == []
        assert blog.tree()["all.py"] == rest
    assert verbs(blog.destroy("b")) == {"removed"}
    assert blog.tree() == before


def test_a_generator_sees_its_earlier_run_and_all_of_its_options(blog: Blog) -> None:
    seen = []

    def edits(arguments: Arguments) -> Sequence[Edit]:
        seen.append(arguments)
        return [CreateFile("x.txt", "x")]

    @attrs.frozen
    class Optional(Stub):
        options: tuple[Option, ...] = (Option("owner", "", default=None), Option("html", ""))

        def blockers(self, project: Project, arguments: Arguments) -> Sequence[str]:
            seen.append(arguments)
            return ()

    blog = Blog(blog.root, Optional(edits))
    for words in ("a", "a", "b"):
        arguments = Arguments("x", (words,), options={"owner": None, "html": False})
        plan = plan_generation(blog.project, blog.installed, arguments)
        write_changes(blog.root, plan.changes)
    blog.destroy("x")
    assert [each.is_repeated for each in seen[:3]] == [False, True, False]
    assert seen[1].earlier == Generation(("a",), {"html": False}, ("x.txt",))
    assert seen[3].options == {"owner": None, "html": False}


def test_what_the_rest_of_the_project_needs_is_repaired_together(blog: Blog) -> None:
    blog.generate("comments")
    blog.generate("posts")
    blog.generate("tags")
    migration = next(iter((blog.root / "db").glob("*_tags.py"))).relative_to(blog.root).as_posix()
    before = blog.tree()[migration]
    repair = UpdateFile(migration, "after = 'comments'\n", before=before)
    Blog(blog.root, Stub(others=(repair,))).destroy("posts")
    assert blog.tree()[migration] == "after = 'comments'\n"
    assert verbs(blog.destroy("tags")) == {"removed", "skipped"}  # it does not count as an edit
    wrong = Blog(blog.root, Stub(others=(UpdateFile("page.html", "", before="else"),)))
    after = blog.tree()
    assert wrong.destroy("comments").conflicts
    assert blog.tree() == after


def test_reasons_of_the_generator_prevent_destroying(blog: Blog) -> None:
    blog.generate("posts")
    after = blog.tree()
    blocked = Blog(blog.root, Stub(reasons=("run `photon db rollback` first",)))
    with pytest.raises(GeneratorError, match=r"cannot be destroyed now:\n    run `photon db roll"):
        blocked.destroy("posts")
    assert blog.tree() == after
    assert verbs(blocked.destroy("posts", force=True)) == {"removed"}


def test_line_ends_that_version_control_changes_are_not_edits(blog: Blog) -> None:
    blog.generate("posts")
    file = blog.root / "blog" / "routes" / "posts.py"
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    assert verbs(blog.destroy("posts")) == {"removed"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("version = 1\n<<<<<<< HEAD\n", r"toml:2: it has the conflict markers of a merge; keep"),
        ("version = 2\n", r"written by a newer version of photon-cli \(format 2, not 1\)"),
        ("version = [\n", r"is damaged: .*Restore it from version control"),
        ("", "is damaged: `version` is missing"),
        ("version = 1\n[[generation]]\nname = 'x'\n", "is damaged: 'generator'"),
        ("version = 1\n[[generation]]\ngenerator = 1\nname = 'x'\n", "damaged: 1 is not a string"),
        (
            "version = 1\n[[generation]]\ngenerator = 'x'\nname = 'x'\n"
            "files = [{path = '../x', digest = ''}]\n",
            "is damaged: `path` is a file below the project's folder",
        ),
        (
            "version = 1\n[[generation]]\ngenerator = 'x'\nname = 'x'\n"
            "insertions = [{kind = 'y'}]\n",
            "is damaged: 'y' is not a kind of insertion",
        ),
        ("version = 1\ngeneration = 1\n", "is damaged: "),
        ("version = 1\n[[generation]]\ngenerator = 'x'\nname = 'x'\nwords = 1\n", "is damaged: "),
    ],
)
def test_a_ledger_that_cannot_be_read_is_an_error_that_says_what_to_do(
    blog: Blog, content: str, message: str
) -> None:
    (blog.root / LEDGER).parent.mkdir()
    (blog.root / LEDGER).write_text(content)
    before = blog.tree()
    for attempt in (blog.generate, blog.destroy):
        with pytest.raises(GeneratorError, match=message):
            attempt("posts")
    assert blog.tree() == before


def test_two_branches_that_generate_different_things_merge(blog: Blog) -> None:
    blog.generate("comments")
    first = blog.tree()[LEDGER]
    blog.generate("tags")
    second = blog.tree()[LEDGER]
    assert second.startswith(first)
    blog.generate("posts")
    third = blog.tree()[LEDGER]
    assert third.startswith(first)
    assert third.endswith(second.removeprefix(first))
