from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, TypeVar

import pytest

from photon_lifeguard import DatabasePart
from photon_runtime.parts import ConsolePart
from photon_runtime.settings import Settings, load_settings
from photon_runtime.testing import in_hub

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

T = TypeVar("T")

MODELS = """
    from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

    class ConsoleBase(DeclarativeBase): pass

    class ConsolePost(ConsoleBase):
        __tablename__ = "posts"
        id: Mapped[int] = mapped_column(primary_key=True)
"""


class Application:
    """An application, as far as its settings are concerned."""

    def __init__(self, folder: Path) -> None:
        (folder / "console_models.py").write_text(textwrap.dedent(MODELS))
        (folder / "photon.toml").write_text(
            f"[database]\nurl = 'sqlite:///{folder}/app.db'\n"
            "models = 'console_models:ConsoleBase'\n"
        )
        self.settings: Settings | None = load_settings(folder, environment="test", environ={})

    def read_settings(self, cls: type[T]) -> T:
        assert self.settings is not None
        return self.settings.read(cls)

    def named_settings(self, cls: type[T]) -> Mapping[str, T]:
        assert self.settings is not None
        return self.settings.read_named(cls)


@in_hub
def test_a_console_has_a_session_and_the_models_by_their_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    part = DatabasePart()
    assert isinstance(part, ConsolePart)
    application = Application(tmp_path)
    with part.console_values(application) as values:
        names: dict[str, object] = dict(values)
        code = "ConsoleBase.metadata.create_all(databases.default.engine)\ndb.add(ConsolePost())\n"
        exec(code, names)
        exec("db.commit()\n", names)
    assert caplog.records == []
    with part.console_values(application) as values:
        names = dict(values)
        exec("count = db.query(ConsolePost).count()\ndb.add(ConsolePost())", names)
    assert names["count"] == 1
    assert "db.commit() commits them" in caplog.text
