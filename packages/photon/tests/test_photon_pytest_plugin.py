"""The environment of tests, also for an application that a test imports first."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

APPLICATION = """
import dataclasses, os
from photon import Photon
from photon_router.security import hash_password
from photon_runtime.project import Project

@dataclasses.dataclass(frozen=True)
class ShopSettings:
    currency: str

project = Project.here(environment=os.environ.get("PHOTON_ENV"))
AT_IMPORT = project.settings.section("app", ShopSettings)
app = Photon(title="Shop", version="1")
app.provide_settings(ShopSettings)

@app.get("/currency")
def show(settings: ShopSettings) -> str:
    return settings.currency
"""
TESTS = """
from main import AT_IMPORT, app as imported
from photon.testing import Client
from photon_router.security import hash_password

def test_settings(client):
    assert AT_IMPORT.currency == "TEST"
    assert client.get("/currency").json() == "TEST"
    assert "m=8," in hash_password("x")

def test_own_client(app):
    with Client(imported) as client:
        assert client.get("/currency").json() == "TEST"
"""


@pytest.mark.parametrize("environment", [None, "production"])
def test_an_application_that_a_test_imports_first_has_the_settings_of_tests(
    tmp_path: Path, environment: str | None
) -> None:
    (tmp_path / "photon.toml").write_text(
        '[project]\napp = "main:app"\n[app]\ncurrency = "DEVELOPMENT"\n'
    )
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "test.toml").write_text('[app]\ncurrency = "TEST"\n')
    (tmp_path / "main.py").write_text(APPLICATION)
    (tmp_path / "test_shop.py").write_text(TESTS)
    environ = {name: value for name, value in os.environ.items() if name != "PHOTON_ENV"}
    if environment is not None:
        environ["PHOTON_ENV"] = environment
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
