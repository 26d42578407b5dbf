"""The OpenAPI document of the demo, as `photon openapi export` writes it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from board.app import create_app

DEMO = Path(__file__).parent.parent


def export(form: str, *, seed: str) -> bytes:
    command = [sys.executable, "-m", "photon_cli", "openapi", "export", "--format", form]
    environment = os.environ | {"PYTHONHASHSEED": seed}
    return subprocess.run(
        command, cwd=DEMO, env=environment, capture_output=True, check=True
    ).stdout


def test_it_is_a_valid_openapi_document() -> None:
    OpenAPIV31SpecValidator(create_app().document()).validate()


@pytest.mark.slow
@pytest.mark.parametrize("form", ["yaml", "json"])
def test_every_export_is_the_same(form: str) -> None:
    assert export(form, seed="1") == export(form, seed="2")


@pytest.mark.slow
def test_the_export_is_the_document() -> None:
    document = json.loads(export("json", seed="0"))
    assert document == create_app().document()


def test_it_holds_the_contract_and_the_routes_of_the_code() -> None:
    paths = create_app().document()["paths"]
    assert paths["/api/cards/{card_id}/move"]["post"]["operationId"] == "moveCard"
    assert paths["/admin/boards"]["post"]["operationId"] == "open_board"
    assert "/" not in paths
