"""From nothing to a blog in a browser: a new project, a scaffold, and its pages.

Each command is one that a developer types. The pages do the same with and without JavaScript.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from browsing import Window
from project_folder import Folder
from selenium.webdriver import Chrome

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def blog_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a blog whose tests pass, in production."""
    folder = Folder(tmp_path_factory.mktemp("empty"))
    folder.photon("new", "blog", "--html")
    blog = Folder(folder.path / "blog")
    blog.photon("generate", "scaffold", "post", "title:string", "body:text")
    blog.photon("db", "migrate")
    assert " passed" in blog.photon("test", "-q")
    with blog.serving() as url:
        yield url


@pytest.mark.parametrize("fixture", ["browser", "browser_without_scripts"])
def test_posts_are_listed_created_changed_and_deleted(
    blog_url: str, fixture: str, request: pytest.FixtureRequest
) -> None:
    window = Window(request.getfixturevalue(fixture))
    window.open(f"{blog_url}/posts")
    window.wait_for("main h2", "There are no posts yet")

    window.follow("New post")
    window.wait_for("h1", "New post")
    window.fill("body", "It needs eight minutes.")
    window.follow("Save")
    window.wait_for(".form-error-summary", "Title")
    assert window.has("[name=title][aria-invalid=true][aria-describedby]")
    assert window.value("body") == "It needs eight minutes."

    window.fill("title", "First <light>")
    window.follow("Save")
    window.wait_for(".flash-success", "created")
    window.wait_for("dl.details", "First <light>")

    window.open(f"{blog_url}/posts")
    assert not window.has(".flash")  # shown once
    window.wait_for("tbody tr", "First <light>")
    window.follow("Edit")
    window.wait_for("h1", "Edit post")
    assert window.value("title") == "First <light>"
    window.fill("title", "Second")
    window.follow("Save")
    window.wait_for(".flash-success", "changed")
    window.wait_for("dl.details", "Second")

    window.follow("Delete")
    window.wait_for("h1", "Delete this post?")
    window.follow("Delete")
    window.wait_for(".flash-success", "deleted")
    window.wait_for("main h2", "There are no posts yet")
    assert window.errors() == []


@pytest.mark.parametrize("width", [390, 1280])
def test_pages_have_names_for_all_controls_and_fit(
    blog_url: str, width: int, browser: Chrome
) -> None:
    window = Window(browser)
    window.resize(width)
    for path in ("/", "/posts", "/posts/new", "/posts/0", "/greetings", "/unknown"):
        window.open(blog_url + path)
        assert window.unnamed_controls() == [], path
        assert window.overflow() <= 0, path
        assert_structure(window)
        assert window.errors() == [], path


def assert_structure(window: Window) -> None:
    """One heading of the first level, one main part, a language, and a link to the content."""
    assert len(window.driver.find_elements("css selector", "h1")) == 1
    assert len(window.driver.find_elements("css selector", "main#content")) == 1
    assert window.has("html[lang]")
    assert window.has("body > a.skip-link:first-child[href='#content']")
