"""Every relative link in the documentation leads to a file, and to a heading that is there."""

import re
from pathlib import Path

import pytest

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
