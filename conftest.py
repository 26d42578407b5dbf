"""Configuration of all tests: documentation examples are tests, and random values are repeatable.

Every ``python`` fence of README.md, docs/ and the packages' READMEs runs, page by page from top to
bottom in one namespace; ``<!-- skip: next -->`` above a fence leaves it out. Fences of other
languages are text. In the packages' sources the ``>>>`` examples of docstrings run.
"""

import gc
import os
from collections.abc import Callable, Generator, Iterator
from typing import Any

import pytest
from hypothesis import settings
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser
from sybil.parsers.rest import DocTestParser

from photon_runtime.drivers import sqlite


def name_module(namespace: dict[str, object]) -> None:
    """Give the classes of a page a module of their own; without one it would be ``builtins``."""
    namespace["__name__"] = "page"


pages = Sybil(
    name="pages",
    parsers=[PythonCodeBlockParser(), SkipParser()],
    patterns=["README.md", "docs/*.md", "packages/*/README.md"],
    setup=name_module,
)
docstrings = Sybil(
    name="docstrings",
    parsers=[DocTestParser()],
    patterns=["packages/*/src/**/*.py"],
)

pytest_plugins = ["servers", "shared_files"]
"""The fixtures of tools/servers, real databases that are started when a test asks for one, and the
options with which two processes share the test files."""

pytest_collect_file = (pages + docstrings).pytest()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that renews the recorded public interfaces; see test_public_api.py."""
    parser.addoption("--renew", action="store_true", help="record the public interfaces anew")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect the tests without the garbage collector, and keep what they are out of its sight.

    Fifteen thousand tests are millions of objects that live to the end. Looking through them again
    and again takes half of the time of the collection, and each `gc.collect()` of a test a second.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="session", autouse=True)
def cheaper_programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Spare pytest and mypy, which tests run in projects of their own, work that is done already.

    Each pytest would load the plugins of this environment, which takes two seconds; the projects
    do not use them. mypy reads the types of the libraries once.
    """
    blocked = ["schemathesis", "hypothesispytest", "anyio", "valkey", "xdist", "xdist.looponfail"]
    options = [os.environ.get("PYTEST_ADDOPTS", ""), *(f"-p no:{name}" for name in blocked)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTEST_ADDOPTS", " ".join(options).strip())
        patch.setenv("MYPY_CACHE_DIR", str(tmp_path_factory.mktemp("mypy")))
        yield


@pytest.fixture
def connect_sqlite() -> Iterator[Callable[..., sqlite.Connection]]:
    """Open connections like ``photon_runtime.drivers.sqlite.connect``, and close them at the end.

    From Python 3.13 on a connection that is not closed is reported, which fails a later test.
    """
    connections: list[sqlite.Connection] = []

    def connect(*args: Any, **kwargs: Any) -> sqlite.Connection:
        connections.append(sqlite.connect(*args, **kwargs))
        return connections[-1]

    yield connect
    for connection in connections:
        connection.close()


settings.register_profile("person", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "person")
