"""The application that hostile input is sent to: that of ``varied.py`` with what it does not have.

Which is typed JSON, patterns that backtracking never finishes, and static files.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

from code_first import Application, Item, Leaf
from varied import create_app as create_varied

from photon import Cookie, Form, Header, Json, Param, Photon, StaticFiles, UploadFile

_SLOW = "^(a+)+$"


def create_app() -> Photon:
    """Make the application; its paths are below those of the document's server."""
    app = create_varied()
    folder = Path(tempfile.mkdtemp(prefix="photon-hostile-"))
    (folder / "page.txt").write_text("0123456789" * 100)
    app.mount("/static", StaticFiles(folder))

    @app.post("/typed")
    def typed(item: Json[Item]) -> str:
        """Take an object."""
        return item.name

    @app.post("/leaves")
    def leaves(found: Json[list[Leaf]]) -> int:
        """Take many objects."""
        return len(found)

    @app.get("/numbers/{number}")
    def number(
        number: int,
        more: list[int] | None = None,
        x_number: Header[int] = 0,
        visits: Cookie[int] = 0,
    ) -> int:
        """Take numbers from everywhere."""
        return number

    @app.get("/slow")
    def slow(text: Annotated[str, Param(pattern=_SLOW)]) -> int:
        """Take what backtracks in other hands."""
        return len(text)

    @app.post("/slow")
    def slow_body(text: Json[Annotated[str, Param(pattern=_SLOW)]]) -> int:
        """Take it as a body."""
        return len(text)

    @app.post("/form")
    def form(form: Form[Application]) -> str:
        """Take a form."""
        return form.applicant

    @app.post("/upload")
    def upload(file: UploadFile, title: Form[str] = "") -> int:
        """Take a file."""
        return len(file.read())

    return app
