from __future__ import annotations

import re

from click.testing import CliRunner

from photon_cli._secret import secret


def test_each_secret_is_new_and_needs_no_quotes() -> None:
    outputs = {CliRunner().invoke(secret).output for _ in range(20)}
    assert len(outputs) == 20
    assert all(re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{63}\n", output) for output in outputs)


def test_its_length_can_be_chosen_and_is_at_least_that_of_a_session_secret() -> None:
    assert len(CliRunner().invoke(secret, ["--length", "100"]).output) == 101
    assert CliRunner().invoke(secret, ["--length", "31"]).exit_code == 2
