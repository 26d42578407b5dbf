from __future__ import annotations

from typing import TYPE_CHECKING, Self

import attrs

from photon_runtime.settings import SettingEntry, load_settings, section

if TYPE_CHECKING:
    from pathlib import Path


@attrs.frozen
class Sessions:
    secret: str = attrs.field(default="", repr=False)
    max_age: int = 60


@section("shop", named=True)
@attrs.frozen
class ShopSettings:
    name: str = "shop"
    url: str = "http://localhost"
    sessions: Sessions | None = None
    api_token: str = ""

    def with_environment(self) -> Self:
        return attrs.evolve(self, name="from outside") if self.name == "outside" else self


def entries(folder: Path, text: str, **environ: str) -> dict[str, SettingEntry]:
    (folder / "photon.toml").write_text(text)
    settings = load_settings(folder, environment="test", environ=environ)
    return {each.name: each for each in settings.entries({"shop": ShopSettings})}


def test_each_setting_has_the_source_that_decided(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "test.toml").write_text("\n[shop]\nurl = 'http://test'\n")
    found = entries(
        tmp_path,
        "[shop]\nname = 'mine'\nurl = 'x'\n[shop.sessions]\nmax_age = 1\n",
        PHOTON__SHOP__SESSIONS__MAX_AGE="5",
    )
    assert found["shop.name"].source == "photon.toml:2"
    assert (found["shop.url"].shown, found["shop.url"].source) == (
        "http://test",
        "config/test.toml:3",
    )
    assert found["shop.sessions.max_age"].shown == 5
    assert found["shop.sessions.max_age"].source == "PHOTON__SHOP__SESSIONS__MAX_AGE"
    assert found["shop.api_token"].source == "default"


def test_secrets_are_masked_by_class_by_name_and_in_urls(tmp_path: Path) -> None:
    found = entries(
        tmp_path,
        "[shop]\napi_token = 'hunter2'\nurl = 'http://u:hunter2@h'\n"
        "[shop.sessions]\nsecret = 'hunter2'\n"
        "[app]\npassword = 'hunter2'\nlinks = ['http://u:hunter2@h', {token = 'hunter2'}]\n",
    )
    assert "hunter2" not in repr([each.shown for each in found.values()])
    assert "hunter2" not in repr(found)
    assert found["shop.sessions.secret"].is_secret
    assert found["app.password"].value == "hunter2"


def test_an_invalid_section_is_listed_as_it_is_written(tmp_path: Path) -> None:
    found = entries(tmp_path, "[shop]\nname = 1\n[other]\nkey = true\n")
    assert found["shop.name"].shown == 1
    assert found["other.key"].source == "photon.toml:4"


def test_further_sections_are_listed_with_their_defaults(tmp_path: Path) -> None:
    found = entries(tmp_path, "[shop.second]\nname = 'b'\n")
    assert found["shop.second.name"].source == "photon.toml:2"
    assert found["shop.second.url"].source == "default"


def test_a_variable_that_a_class_reads_itself_is_a_source(tmp_path: Path) -> None:
    found = entries(tmp_path, "[shop]\nname = 'outside'\n")
    assert found["shop.name"].shown == "from outside"
    assert found["shop.name"].source == "a variable of the environment"
