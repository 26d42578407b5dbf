"""The warning when a library is imported that waits in C."""

from __future__ import annotations

import logging
import types
from typing import Any

import pytest

from photon_runtime.patch import _libraries_in_c
from photon_runtime.patch._on_import import when_imported


def test_the_import_of_a_known_library_is_logged_with_the_remedy(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.meta_path", [])
    monkeypatch.setitem(__import__("sys").modules, "pyodbc", types.ModuleType("pyodbc"))
    with caplog.at_level(logging.WARNING, logger="photon.runtime.patch"):
        when_imported(_libraries_in_c.hooks())
    messages = [record.getMessage() for record in caplog.records]
    assert any(message.startswith("pyodbc waits in C") for message in messages)
    assert all("offload" in message for message in messages)


def test_a_part_that_waits_in_c_is_warned_of_at_its_first_use(
    caplog: pytest.LogCaptureFixture,
) -> None:
    module: Any = types.ModuleType("oracledb")
    module.init_oracle_client = lambda lib_dir: lib_dir
    _libraries_in_c.hooks()["oracledb"](module)
    assert not caplog.records
    for _ in range(2):
        assert module.init_oracle_client(lib_dir="/opt") == "/opt"
    [record] = caplog.records
    assert record.getMessage().startswith("the thick mode of oracledb waits in C")


def test_a_method_of_a_class_is_watched_too(caplog: pytest.LogCaptureFixture) -> None:
    class Misc:
        def mainloop(self) -> str:
            return "ended"

    module: Any = types.ModuleType("tkinter")
    module.Misc = Misc
    _libraries_in_c.hooks()["tkinter"](module)
    assert Misc().mainloop() == "ended"
    assert "update()" in caplog.text
