"""The choices of a new project: its kind and its database."""

from __future__ import annotations

from typing import Literal

import attrs

Kind = Literal["api", "html", "minimal"]
Database = Literal["sqlite", "postgresql", "none"]


@attrs.frozen
class Choices:
    """What a new project has.

    Attributes:
        kind: ``api``: a JSON API; ``html``: the same with pages; ``minimal``: one module.
        database: The database of the project.
    """

    kind: Kind
    database: Database

    @property
    def has_database(self) -> bool:
        """True unless the database is ``none``."""
        return self.database != "none"

    @property
    def has_first_model(self) -> bool:
        """True for a project whose models are in a package of their own."""
        return self.has_database and self.kind != "minimal"

    @property
    def has_pages(self) -> bool:
        """True for a project with templates."""
        return self.kind == "html"

    @property
    def layers(self) -> tuple[str, ...]:
        """The folders of ``blueprints/new`` that the project is made of."""
        if self.kind == "minimal":
            return ("common", "minimal")
        chosen = {"database": self.has_database, "html": self.has_pages}
        return ("common", "application", *(name for name, is_used in chosen.items() if is_used))
