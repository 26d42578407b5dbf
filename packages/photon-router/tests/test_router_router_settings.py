from __future__ import annotations

from pathlib import Path

import pytest

from photon_router import Application
from photon_runtime.errors import SettingsError
from photon_runtime.settings import load_settings
from photon_runtime.testing import live_server

SPEC = {
    "openapi": "3.1.0",
    "info": {"title": "A", "version": "1"},
    "paths": {
        "/when": {
            "get": {
                "operationId": "when",
                "parameters": [
                    {"name": "day", "in": "query", "schema": {"type": "string", "format": "date"}}
                ],
                "responses": {"200": {"description": "Good."}},
            }
        }
    },
}


def status(
    folder: Path,
    target: str,
    section: str,
    *,
    strict_query: bool | None = None,
    assert_formats: bool | None = None,
) -> int:
    (folder / "photon.toml").write_text(f"[router]\n{section}\n")
    router = Application(spec=SPEC, strict_query=strict_query, assert_formats=assert_formats)

    @router.operation("when")
    def when(day: str = "") -> str:
        return day

    router.use_settings(load_settings(folder, environment="production", environ={}))
    with live_server(router) as server:
        return server.request("GET", target).status


@pytest.mark.parametrize(
    ("section", "code", "refused"),
    [
        ("", None, False),
        ("strict_query = true", None, True),
        ("strict_query = true", False, False),
        ("", True, True),
        ("strict_query = false", True, True),
    ],
)
def test_unknown_parameters_are_refused_as_the_code_says_else_the_settings(
    tmp_path: Path, section: str, code: bool | None, refused: bool
) -> None:
    found = status(tmp_path, "/when?dya=1", section, strict_query=code)
    assert found == (422 if refused else 200)


@pytest.mark.parametrize(
    ("section", "code", "refused"),
    [
        ("", None, False),
        ("assert_formats = true", None, True),
        ("assert_formats = true", False, False),
        ("", True, True),
    ],
)
def test_formats_are_asserted_as_the_code_says_else_the_settings(
    tmp_path: Path, section: str, code: bool | None, refused: bool
) -> None:
    found = status(tmp_path, "/when?day=soon", section, assert_formats=code)
    assert found == (422 if refused else 200)


@pytest.mark.parametrize("target", ["/docs", "/docs/openapi.json", "/openapi.json"])
def test_the_settings_take_the_pages_away(tmp_path: Path, target: str) -> None:
    assert status(tmp_path, target, "") == 200
    assert status(tmp_path, target, "docs = false") == 404


def test_the_paths_of_the_pages_are_reported_only_where_they_are_served(tmp_path: Path) -> None:
    (tmp_path / "photon.toml").write_text("[router]\ndocs = false\n")
    router = Application(docs_url="/help")
    assert (router.docs_url, router.openapi_url) == ("/help", "/openapi")
    assert Application(openapi_url=None).docs_url is None
    router.use_settings(load_settings(tmp_path, environment="production", environ={}))
    assert (router.docs_url, router.openapi_url) == (None, None)


def test_a_switch_that_does_not_exist_is_reported_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"photon.toml:2: .*strict_queries.*strict_query"):
        status(tmp_path, "/when", "strict_queries = true")
