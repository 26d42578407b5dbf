"""What all tests share: examples in the documentation are tests, and chance is the same everywhere.

Every ``python`` fence of README.md, docs/ and the packages' READMEs runs, page by page from top to
bottom in one namespace; ``<!-- skip: next -->`` above a fence leaves it out. Fences of other
languages are text. In the packages' sources the ``>>>`` examples of docstrings run.
"""

import os

import pytest
from hypothesis import settings
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser
from sybil.parsers.rest import DocTestParser

pages = Sybil(
    name="pages",
    parsers=[PythonCodeBlockParser(), SkipParser()],
    patterns=["README.md", "docs/*.md", "packages/*/README.md"],
)
docstrings = Sybil(
    name="docstrings",
    parsers=[DocTestParser()],
    patterns=["packages/*/src/**/*.py"],
)

pytest_collect_file = (pages + docstrings).pytest()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that renews what is written down; see test_public_api.py."""
    parser.addoption("--renew", action="store_true", help="write the public interfaces anew")


settings.register_profile("person", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "person")
