from __future__ import annotations

import subprocess
import sys

import pytest

from photon_cli.generation._long_lines import wrap_long_lines

LONG = "customer_support_ticket"
CLASS = "CustomerSupportTicket"
STATEMENTS = f"""
from ..schemas.{LONG}_with_a_long_name import New{CLASS}WithALongName, {CLASS}Changes
from ..schemas.{LONG} import {CLASS}Changes, {CLASS}Out, New{CLASS}, Other{CLASS}, Further{CLASS}


def replace_{LONG}({LONG}: Found{CLASS}, new: Json[New{CLASS}], db: Session) -> {CLASS}Out:
    pass


def list_{LONG}s(db: Session, page: Query[PageParameters], user_id: Id) -> Page[{CLASS}Out]:
    pass


@router.put("/{{id}}", responses={{404: "The {CLASS} does not exist.", 409: "A value is taken."}})
def f() -> None:
    {LONG}_list = paginate(db, select({CLASS}).order_by({CLASS}.id.desc()), page)
    return Created({CLASS}Out.from_model({LONG}), location=f"/customer-tickets/{{{LONG}.id}}")
    values = {{"a_title_of_some_length": "Title 1", "author_id": make_author(db).id, "x": "text("}}


class A:
    website: Annotated[str, Param(max_length=2000, pattern=r"^[A-Z][A-Za-z]*:\\S+$")] | None = None
    a_website: Annotated[str, Param(max_length=2000, pattern=r"^[A-Za-z][A-Za-z0-9+.-]*:\\S+$")] = 3
    another_website: Annotated[str, Param(max_length=2000, pattern=r"^[A-Z][A-Z0-9+.-]*:\\S+$")]
    the_second_page: Annotated[str, Param(max_length=200, pattern=r"^[A-Z]:\\S+$")] | None = None


A{CLASS}WithALongName: TypeAlias = {CLASS}Changes | New{CLASS}WithALongName | Other
{CLASS}Message: TypeAlias = {CLASS}Changes | New{CLASS} | Further{CLASS} | Other{CLASS} | Gap
""".lstrip()


def formatted(source: str, length: int) -> str:
    command = [sys.executable, "-m", "ruff", "format", "--isolated", "--line-length", str(length)]
    done = subprocess.run(
        [*command, "--stdin-filename", "code.py", "-"],
        input=source,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


@pytest.mark.parametrize("length", [72, 79, 88, 100, 120])
def test_long_lines_are_divided_as_ruff_divides_them(length: int) -> None:
    statements = [each for each in STATEMENTS.split("\n\n\n") if each]
    for statement in statements:
        ours = wrap_long_lines(statement, length)
        assert ours.strip() == formatted(statement, length).strip()


def test_comments_texts_and_short_lines_stay() -> None:
    source = (
        '"""A text, (long)."""\n\nx = """\nf(aaaaaaaa, bbbbbbbb)\n"""\n# g(aaaaaaaaa, bbbbbbbb)\n'
    )
    assert wrap_long_lines(source, 10) == source
