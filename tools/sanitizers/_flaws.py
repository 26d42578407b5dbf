"""Flaws: changes of the sources, each of which one of the checks must find."""

from __future__ import annotations

from pathlib import Path

import attrs

from environments import Failure

TESTS = "integration-tests/speedups"


@attrs.frozen
class Flaw:
    """A change of one place in one file.

    Attributes:
        name: What is wrong then.
        file: The file.
        text: What is there, once.
        replacement: What is there with the flaw.
        tests: The tests that meet it.
    """

    name: str
    file: str
    text: str
    replacement: str
    tests: tuple[str, ...]

    def apply(self, folder: Path) -> None:
        """Change the file in a copy of the sources.

        Raises:
            Failure: The place is not there any more.
        """
        path = folder / self.file
        text = path.read_text()
        if text.count(self.text) != 1:
            raise Failure(
                f"the flaw {self.name!r} does not fit {self.file}: {self.text!r} is not there once",
                advice="write it anew in tools/sanitizers/_flaws.py",
            )
        path.write_text(text.replace(self.text, self.replacement))


_PATH = f"{TESTS}/test_references_in_c.py::test_path_leaves_nothing_behind"
OVERFLOWS = (
    Flaw(
        "a write behind an allocated block",
        "native.h",
        "char output[OUTPUT_SIZE];",
        "char output[OUTPUT_SIZE / 8];",
        (f"{_PATH}[large body]",),
    ),
    Flaw(
        "a write behind a variable on the stack",
        "head.c",
        "char text[LONGEST_NAME]",
        "char text[LONGEST_NAME / 8]",
        (f"{_PATH}[new values]",),
    ),
    Flaw(
        "an index outside of an array",
        "native.h",
        "*names[NAME_CACHE];",
        "*names[1];",
        (f"{_PATH}[get]",),
    ),
)
LEAKS = (
    Flaw(
        "a request that is kept",
        "connection.c",
        "    Py_DECREF(with->request);\n",
        "",
        (f"{_PATH}[get]",),
    ),
    Flaw(
        "an error that is kept",
        "native.c",
        "    Py_DECREF(error);\n",
        "",
        (f"{_PATH}[error]",),
    ),
)
