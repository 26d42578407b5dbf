"""Paths in the style of other frameworks are refused; paths of a URL are not."""

import pytest

from photon_router import Application, Router, SignatureError, photon_route
from photon_router.handlers import path_problem


@pytest.mark.parametrize(
    ("path", "remedy"),
    [
        ("/<int:n>", "write {n}"),
        ("/a/<path:rest>", "write {rest}"),
        ("/:n", "write {n}"),
        ("/a/:user_id/b", "write {user_id}"),
        ("/{n", "not closed"),
        ("/n}", "not closed or not opened"),
        ("/{{n}}", "not closed"),
        ("/{}", "write a name"),
        ("/{n:int}", "`n: int`"),
        ("/{int:n}", "`n: int`"),
        ("/{id:uuid}", "`id: UUID`"),
        (r"/{n:\d+}", "pattern"),
        ("/{n?}", "is not a parameter"),
        ("/{*rest}", "{rest:path}"),
        ("/{rest:path*}", "{rest:path}"),
        ("/*", "{name:path}"),
        ("/files/*rest", "{name:path}"),
        ("/{rest:path}/edit", "whole last segment"),
        ("/v{rest:path}", "whole last segment"),
        ("/{a}/{b}/{a}", "two parameters with the name 'a'"),
        ("/{a}/{a:path}", "two parameters with the name 'a'"),
        ("/items?page={page}", "query"),
        ("/items#top", "'#'"),
        ("/my items", "' '"),
        ("/items ", "' '"),
        (" /items", "begin with a slash"),
        ("items", "begin with a slash"),
        ("", "begin with a slash"),
        ("https://shop.example/items", "leave scheme and host out"),
        (r"^/items/$", "begin with a slash"),
        (r"/items\.json", "not a character"),
        ("/[id]", "not a character"),
        ("/a/../b", "'..'"),
    ],
)
def test_a_path_of_another_framework_is_refused_with_the_form_of_photon(
    path: str, remedy: str
) -> None:
    def handler() -> None: ...

    for register in (
        Application().get(path),
        Router(prefix="/api").post(path) if path else Application().get(path),
    ):
        with pytest.raises(SignatureError) as caught:
            register(handler)
        assert remedy in str(caught.value)
        assert f"handler ({__file__}:" in str(caught.value)
    with pytest.raises(SignatureError):
        photon_route(method="GET", path=path)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/items/",
        "/items/{id}:cancel",
        "/v{major}.{minor}",
        "/Products({id})",
        "/$metadata",
        "/@{name}",
        "/größe",
        "/my%20items",
        "/.well-known/security.txt",
        "/{item-id}/{a.b}",
        "/{class}",
        "/a,b;c=1/~x",
        "/files/{rest:path}",
    ],
)
def test_a_path_of_a_url_is_accepted(path: str) -> None:
    assert path_problem(path) is None


@pytest.mark.parametrize("prefix", ["api", "/api/", "/:tenant", "/{rest:path}", "/", "/a b"])
def test_a_prefix_is_checked_wherever_it_is_written(prefix: str) -> None:
    with pytest.raises(ValueError, match="a prefix must begin with a slash and end without one"):
        Router(prefix=prefix)
    with pytest.raises(ValueError, match="a prefix must begin with a slash and end without one"):
        Application().include(Router(), prefix=prefix)


def test_a_parameter_of_the_prefix_is_not_one_of_the_path_again() -> None:
    router = Router(prefix="/{tenant}")
    with pytest.raises(SignatureError, match="two parameters with the name 'tenant'"):
        router.get("/users/{tenant}")(lambda tenant: tenant)


@pytest.mark.parametrize("option", ["docs_url", "openapi_url"])
def test_the_paths_of_the_documentation_are_checked(option: str) -> None:
    with pytest.raises(ValueError, match=f"{option}: a path must begin with a slash"):
        Application(**{option: "docs"})  # type: ignore[arg-type]
