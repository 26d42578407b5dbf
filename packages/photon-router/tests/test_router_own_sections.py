"""The application's own settings, as arguments."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Any

import attrs
import msgspec
import pytest

from photon_router import Application
from photon_runtime.errors import SettingsError
from photon_runtime.settings import load_settings, section
from photon_runtime.testing import send_request


@attrs.frozen
class AttrsSettings:
    currency: str = "EUR"
    limit: int = attrs.field(default=3, validator=attrs.validators.ge(1))
    key: str = attrs.field(default="", repr=False)


@dataclasses.dataclass(frozen=True)
class DataclassSettings:
    currency: str = "EUR"
    limit: Annotated[int, msgspec.Meta(ge=1)] = 3
    key: str = dataclasses.field(default="", repr=False)


class StructSettings(msgspec.Struct, frozen=True):
    currency: str = "EUR"
    limit: Annotated[int, msgspec.Meta(ge=1)] = 3
    key: str = ""


@dataclasses.dataclass
class Mail:
    host: str
    port: int = 25


@section("mail-of-shop")
@attrs.frozen
class Outer:
    mail: Mail
    others: list[Mail] = attrs.Factory(list)


KINDS = [AttrsSettings, DataclassSettings, StructSettings]


def _application(
    cls: Any, folder: Path, text: str = "", environ: dict[str, str] | None = None
) -> Application:
    (folder / "photon.toml").write_text(text)
    app = Application(title="Shop", version="1")
    app.provide_settings(cls)

    def show(settings):  # type: ignore[no-untyped-def]
        return str(getattr(settings, "currency", settings))

    show.__annotations__ = {"settings": cls, "return": str}
    app.get("/currency")(show)
    app.use_settings(load_settings(folder, environment="test", environ=environ or {}))
    return app


@pytest.mark.parametrize("cls", KINDS)
def test_they_are_injected_by_their_class(cls: Any, tmp_path: Path) -> None:
    app = _application(cls, tmp_path, '[app]\ncurrency = "CHF"\n')
    assert send_request(app, "GET", "/currency").json() == "CHF"
    app = _application(cls, tmp_path, '[app]\ncurrency = "CHF"\n', {"PHOTON__APP__CURRENCY": "USD"})
    assert send_request(app, "GET", "/currency").json() == "USD"
    with app.overrides({cls: lambda: cls(currency="JPY")}):
        assert send_request(app, "GET", "/currency").json() == "JPY"


@pytest.mark.parametrize("cls", KINDS)
def test_all_errors_are_reported_at_start_with_their_places(cls: Any, tmp_path: Path) -> None:
    text = "[app]\nlimit = '3'\ncurency = 'CHF'\n"
    app = _application(cls, tmp_path, text, {"PHOTON__APP__CURRENCY": "USD"})
    with pytest.raises(SettingsError) as raised, app.start():
        pass
    message = str(raised.value)
    assert "photon.toml:2: `app.limit`: expected `int`" in message
    assert "photon.toml:3: [app] has no key `curency`; did you mean `currency`?" in message


@pytest.mark.parametrize("cls", KINDS)
def test_constraints_are_checked(cls: Any, tmp_path: Path) -> None:
    app = _application(cls, tmp_path, "[app]\nlimit = 0\n")
    with pytest.raises(SettingsError, match=r"app\.limit.*>= 1"), app.start():
        pass


def test_tables_of_tables_are_checked_too(tmp_path: Path) -> None:
    text = "[mail-of-shop.mail]\nprt = 1\n[[mail-of-shop.others]]\nhost = 'a'\nport = 'b'\n"
    app = _application(Outer, tmp_path, text)
    with pytest.raises(SettingsError) as raised, app.start():
        pass
    message = str(raised.value)
    assert "[mail-of-shop.mail] has no key `prt`; did you mean `port`?" in message
    assert "needs the key `host`" in message
    assert "port`: expected `int`" in message


def test_an_error_of_a_class_does_not_show_secrets(tmp_path: Path) -> None:
    @dataclasses.dataclass
    class Settings:
        key: str = dataclasses.field(default="", repr=False)

        def __post_init__(self) -> None:
            raise ValueError(f"{self.key} is too short")

    app = _application(Settings, tmp_path, "[app]\nkey = 'hunter2'\n")
    with pytest.raises(SettingsError) as raised, app.start():
        pass
    assert "hunter2" not in str(raised.value)


def test_without_settings_the_defaults_count_and_required_keys_are_named() -> None:
    app = Application(title="Shop", version="1")
    app.provide_settings(AttrsSettings)

    @app.get("/currency")
    def show(settings: AttrsSettings) -> str:
        return settings.currency

    assert send_request(app, "GET", "/currency").json() == "EUR"
    app.provide_settings(Mail)
    with pytest.raises(SettingsError, match="needs the key `host`"), app.start():
        pass


@pytest.mark.parametrize("cls", [dict, int, type("Plain", (), {})])
def test_other_classes_are_refused(cls: type) -> None:
    app = Application(title="Shop", version="1")
    with pytest.raises(TypeError, match="attrs class"):
        app.provide_settings(cls)
