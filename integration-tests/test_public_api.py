"""The public interface of every package is written down, and changes on purpose only."""

import difflib
from pathlib import Path

import pytest

from public_api import PublicApi

ROOT = Path(__file__).resolve().parent.parent
FOLDER = Path(__file__).parent / "public_api"
SOURCES = sorted(path.parent for path in ROOT.glob("packages/*/src/*/__init__.py"))
RENEW = "python3 tools/dev.py test integration-tests/test_public_api.py --renew"


@pytest.fixture(scope="module")
def api() -> PublicApi:
    return PublicApi(SOURCES)


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_the_public_interface_is_the_one_written_down(
    api: PublicApi, source: Path, request: pytest.FixtureRequest
) -> None:
    path = FOLDER / f"{source.name}.txt"
    lines = api.lines(source.name)
    if request.config.getoption("renew"):
        path.write_text("\n".join([*lines, ""]), encoding="utf-8")
    written = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    difference = list(difflib.unified_diff(written, lines, "written down", "now", "", "", 0, ""))
    if difference:
        pytest.fail(
            "\n".join([f"the public interface of {source.name} has changed:", *difference])
            + f"\n\nIf that is intended, add a line to CHANGELOG.md and run\n    {RENEW}",
            pytrace=False,
        )


def test_an_interface_is_read_from_sources(tmp_path: Path) -> None:
    package = tmp_path / "shop"
    package.mkdir()
    (package / "__init__.py").write_text(
        "from ._item import Item as Item\nfrom ._item import hidden\nfrom os import sep as sep\n"
    )
    (package / "_item.py").write_text(
        "class _Base:\n    def save(self, *, now: bool = True) -> None: ...\n"
        "class Item(_Base):\n    name: str = ''\n    _secret: int\n"
        "    @property\n    def price(self) -> float: ...\n    def __repr__(self): ...\n"
        "def hidden(): ...\n"
    )
    (package / "tools.py").write_text(
        "from typing import TypeVar\nfrom . import Item as Item\nT = TypeVar('T')\n"
        "LIMIT: int = 7\ndef sell(item: Item, /, count: int = 1) -> T: ...\ndef _no(): ...\n"
    )
    assert PublicApi([package]).lines("shop") == [
        "shop.Item.name: str = ''",
        "shop.Item.price: @property (self) -> float",
        "shop.Item.save: (self, *, now: bool=True) -> None",
        "shop.Item: class(_Base)",
        "shop.sep: defined elsewhere",
        "shop.tools.Item: = shop.Item",
        "shop.tools.LIMIT: int = 7",
        "shop.tools.sell: (item: Item, /, count: int=1) -> T",
    ]
