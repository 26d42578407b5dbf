"""The commands of docs/tutorial.md run one after another, and its files are created.

A line of output in the tutorial is a part of the real output; `...` stands for any text.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

TUTORIAL = Path(__file__).resolve().parents[2] / "docs" / "tutorial.md"
BLOCK = re.compile(
    r"(?:<!-- file: (?P<file>\S+) -->\n)?(?:<!-- skip: next -->\n)?```(?P<language>\w+)\n"
    r"(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
MODULES = {"photon": "photon_cli", "ruff": "ruff", "mypy": "mypy"}


@attrs.frozen
class Step:
    """A command with its output, or a file with its text.

    Attributes:
        line: Its line in the tutorial.
    """

    line: int
    command: str = ""
    expected: tuple[str, ...] = ()
    file: str = ""
    text: str = ""


def steps(page: str) -> Iterator[Step]:
    for block in BLOCK.finditer(page):
        line = page.count("\n", 0, block.start("text")) + 1
        if block["file"]:
            yield Step(line, file=block["file"], text=block["text"])
        elif block["language"] == "console":
            commands = re.split(r"^\$ ", block["text"], flags=re.MULTILINE)
            for command, *output in map(str.splitlines, commands[1:]):
                yield Step(line, command, tuple(output))


def run(command: str, folder: Path) -> str:
    program, *arguments = shlex.split(command)
    done = subprocess.run(
        [sys.executable, "-m", MODULES[program], *arguments],
        cwd=folder,
        env=os.environ | {"NO_COLOR": "1", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    output = done.stdout + done.stderr
    assert done.returncode == 0, f"{command}\n{output}"
    return output


def missing_line(expected: tuple[str, ...], output: str) -> str | None:
    """Return the first line that the output does not have, in this order."""
    position = 0
    for line in expected:
        pattern = ".*?".join(map(re.escape, line.split("...")))
        found = re.compile(pattern).search(output, position)
        if found is None:
            return line
        position = found.end()
    return None


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_tutorial_works_as_it_is_written(tmp_path: Path) -> None:
    folder = tmp_path
    for step in steps(TUTORIAL.read_text()):
        if step.file:
            target = folder / step.file
            assert target.exists() or target.parent.exists(), f"{TUTORIAL}:{step.line}"
            target.write_text(step.text)
        elif step.command.startswith("cd "):
            folder /= step.command.removeprefix("cd ")
        else:
            output = run(step.command, folder)
            missing = missing_line(step.expected, output)
            assert missing is None, f"{TUTORIAL}:{step.line}: {missing}\n\n{output}"


def test_commands_and_files_of_a_page_are_found() -> None:
    commands = "```console\n$ photon new a\nadded: a\n$ cd a\n```\n"
    page = f"{commands}\n<!-- file: a.py -->\n```python\n1\n```\n"
    assert [(step.command, step.expected, step.file, step.text) for step in steps(page)] == [
        ("photon new a", ("added: a",), "", ""),
        ("cd a", (), "", ""),
        ("", (), "a.py", "1\n"),
    ]
    assert missing_line(("b", "... passed"), "a\nb\n12 passed in 3 s") is None
    assert missing_line(("b", "a"), "a\nb\n") == "a"
