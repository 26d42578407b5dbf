"""The whole suite in two processes: nothing is left out, and either can fail it."""

import os
import sys
import tomllib
from pathlib import Path

import pytest

import suite
from environments import ROOT


def test_the_parts_are_the_whole() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]
    assert sorted(path for part in suite.PARTS for path in part) == sorted(settings["testpaths"])


@pytest.mark.slow
@pytest.mark.parametrize("failing", [None, "packages", "integration-tests"])
def test_a_failure_of_either_part_is_a_failure(
    failing: str | None, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for part in suite.PARTS:
        for name in part:
            folder = tmp_path / name
            folder.mkdir()
            word = name.partition(".")[0].replace("-", "_")
            (folder / f"test_{word}.py").write_text(
                f"def test_{word}():\n    assert {name != failing}\n"
            )
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    status = suite.run_suite(
        Path(sys.executable), ["-p", "no:cacheprovider"], folder=tmp_path, variables=os.environ
    )
    assert (status != 0) is (failing is not None)
    printed = capfd.readouterr().out
    assert "packages/test_packages.py" in printed
    assert "integration-tests/test_integration_tests.py" in printed
