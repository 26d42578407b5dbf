"""Links in the documentation lead to what is there; what it tells of proxies holds."""

import json
import re
from http.client import HTTPConnection
from pathlib import Path

import pytest

from photon import Photon, Request
from photon_runtime.http import ServerSettings
from photon_runtime.testing import live_server

ROOT = Path(__file__).resolve().parent.parent
PAGES = [
    *ROOT.glob("*.md"),
    *ROOT.glob("docs/**/*.md"),
    *ROOT.glob("packages/*/README.md"),
    *ROOT.glob("demo/README.md"),
    *ROOT.glob("tools/*/README.md"),
]

FENCE = re.compile(r"^ *(`{3,}|~{3,}).*?^ *\1[`~]* *$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"(`+)[^`].*?\1")
LINK = re.compile(
    r"""
    \]\(\s*<?([^)\s>]+)[^)]*\)       # [text](target "title")
    | ^\[[^\]]+\]:\s*(\S+)            # [name]: target
    | (?:src|href)="([^"]+)"          # <img src="target">
    """,
    re.MULTILINE | re.VERBOSE,
)
ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:|//", re.IGNORECASE)


def prose(page: Path) -> str:
    return FENCE.sub("", page.read_text())


def links(page: Path) -> list[str]:
    found = ["".join(groups) for groups in LINK.findall(CODE.sub("", prose(page)))]
    return [link for link in found if not ELSEWHERE.match(link)]


def anchors(page: Path) -> set[str]:
    """The fragment of each heading, as GitHub names it: lower case, no punctuation, dashes."""
    found: set[str] = set()
    for heading in re.findall(r"^#{1,6} +(.+?) *#* *$", prose(page), re.MULTILINE):
        words = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        times = sum(re.fullmatch(rf"{re.escape(words)}(-\d+)?", each) is not None for each in found)
        found.add(f"{words}-{times}" if times else words)
    return found


def fault(page: Path, link: str) -> str | None:
    """What is wrong with a link, or nothing."""
    path, _, fragment = link.partition("#")
    base = ROOT if path.startswith("/") else page.parent
    target = (base / path.lstrip("/")).resolve() if path else page
    if not target.is_relative_to(ROOT):
        return f"{link}: leads out of the repository"
    if not target.exists():
        return f"{link}: there is no {target.relative_to(ROOT)}"
    if fragment and target.suffix == ".md" and fragment not in anchors(target):
        return f"{link}: {target.relative_to(ROOT)} has no heading for #{fragment}"
    return None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    assert [wrong for link in links(page) if (wrong := fault(page, link))] == []


def test_a_link_to_nothing_is_found(tmp_path: Path) -> None:
    page = ROOT / "README.md"
    assert fault(page, "docs/no-such-page.md") == (
        "docs/no-such-page.md: there is no docs/no-such-page.md"
    )
    assert fault(page, "#no-such-heading") is not None
    assert fault(page, f"../{tmp_path.name}") is not None


def test_links_in_code_are_text(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("[a](x.md) `[b](y.md)`\n\n```markdown\n[c](z.md)\n```\n\n[d]: w.md#part\n")
    assert links(page) == ["x.md", "w.md#part"]


def test_the_proxy_of_the_deployment_page_lets_no_client_say_that_it_is_somebody_else() -> None:
    page = (ROOT / "docs" / "deployment.md").read_text()
    known = {"$remote_addr": "192.0.2.1", "$scheme": "https", "$http_host": "board.example"}
    lie = {
        "forwarded": "for=203.0.113.9;proto=http;host=evil.example",  # not read at all
        "x-forwarded-for": "203.0.113.9",
        "x-forwarded-proto": "http",
        "x-forwarded-host": "evil.example",
    }
    sent = lie | {
        name.lower(): known.get(value, value.strip('"'))
        for name, value in re.findall(r"proxy_set_header +(\S+) +(\S+);", page)
    }
    app = Photon()

    @app.get("/")
    def caller(request: Request) -> list[str]:
        assert isinstance(request.client, tuple)
        return [request.client[0], request.scheme, request.host]

    settings = ServerSettings(trusted_proxies=("127.0.0.1",))
    with live_server(app, settings=settings) as server:
        connection = HTTPConnection(server.host, server.port, timeout=10)
        connection.request(
            "GET", "/", headers={name: value for name, value in sent.items() if value}
        )
        said = json.loads(connection.getresponse().read())
        connection.close()
    assert said == ["192.0.2.1", "https", "board.example"]
