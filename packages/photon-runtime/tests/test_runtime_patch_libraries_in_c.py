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


def test_oracledb_is_warned_of_in_its_thick_mode_only(caplog: pytest.LogCaptureFixture) -> None:
    module: Any = types.ModuleType("oracledb")
    module.init_oracle_client = lambda lib_dir: lib_dir
    _libraries_in_c.hooks()["oracledb"](module)
    assert not caplog.records
    assert module.init_oracle_client(lib_dir="/opt") == "/opt"
    assert "thick mode" in caplog.text
