"""What `dev.py servers` installs, when it does nothing, and what it says when it cannot."""

import os
import shutil
from pathlib import Path

import pytest

import system_servers
from environments import Failure
from system_servers import install_servers

Calls = list[tuple[str, ...]]


@pytest.fixture
def calls(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> Calls:
    """The commands that would be run, on a system with nothing but apt-get."""
    commands: Calls = []
    installed = {"apt-get": "/usr/bin/apt-get"}
    includes = tmp_path_factory.mktemp("include")

    def run(*command: str) -> None:
        commands.append(command)
        assert (tmp_path / "policy-rc.d").exists() == (command[0] == "apt-get")
        if command[1] == "install":
            installed.update(dict.fromkeys(system_servers.PROGRAMS, "/usr/sbin/it"))
            for header in system_servers.HEADERS:
                (includes / header).touch()

    monkeypatch.setattr(system_servers, "_run", run)
    monkeypatch.setattr(system_servers, "_POLICY", tmp_path / "policy-rc.d")
    monkeypatch.setattr(system_servers, "_INCLUDES", (includes,))
    monkeypatch.setattr(shutil, "which", lambda name, path=None: installed.get(name))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    return commands


def test_root_installs_what_is_missing_and_no_service_starts(calls: Calls, tmp_path: Path) -> None:
    install_servers()
    assert [command[:2] for command in calls] == [
        ("apt-get", "update"),
        ("apt-get", "install"),
        ("update-rc.d", "pgbouncer"),
        ("update-rc.d", "rabbitmq-server"),
    ]
    assert calls[1][-8:] == (
        "chromium", "chromium-driver", "libev-dev", "mariadb-client-core", "mariadb-server-core",
        "pgbouncer", "rabbitmq-server", "wrk",
    )  # fmt: skip
    assert not list(tmp_path.iterdir())
    calls.clear()
    install_servers()
    assert calls == []


def test_a_missing_header_is_installed_like_a_program(
    calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name, path=None: name)
    install_servers()
    assert calls[1][-1] == "libev-dev"
    assert len(calls) == 2


def test_chrome_counts_as_a_browser(calls: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system_servers, "HEADERS", {})
    installed = {*system_servers.PROGRAMS, "google-chrome"} - {"chromium"}
    monkeypatch.setattr(
        shutil, "which", lambda name, path=None: name if name in installed else None
    )
    install_servers()
    assert calls == []


def test_other_users_are_given_the_command(calls: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(Failure, match=r"run `sudo apt-get install .* rabbitmq-server wrk`"):
        install_servers()
    assert calls == []


def test_other_systems_are_given_the_programs(
    calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name, path=None: None)
    with pytest.raises(
        Failure,
        match=r"mariadbd, .*chromium, chromedriver, rabbitmq-server, wrk, ev.h\nWhat to do: .*PATH",
    ):
        install_servers()
    assert calls == []


def test_packages_without_the_programs_are_a_failure(
    calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(system_servers, "_run", lambda *command: calls.append(command))
    with pytest.raises(Failure, match="lack mariadbd"):
        install_servers()
