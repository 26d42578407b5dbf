from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from photon_runtime.code_formatting import formatted

STATEMENTS = """
op.create_table("x", sa.Column("meta", sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql"), nullable=True), sa.Column("at", sa.DateTime().with_variant(sa.DateTime(timezone=True), "postgresql").with_variant(mysql.DATETIME(fsp=6), "mysql")))
op.alter_column("posts", "at", existing_type=sa.DateTime().with_variant(sa.DateTime(timezone=True), "postgresql").with_variant(mysql.DATETIME(fsp=6), "mysql"), existing_nullable=False, server_default=None)
op.create_check_constraint(op.f("ck_posts_order"), "posts", '"order" IN (\\'draft\\', \\'done\\')')
x(r"\\w", "it's", 'a "quoted" word', "\\\\", ("one",), [1, 2], {"a": 1})
"""  # noqa: E501  long lines are what is formatted
DECLARATIONS = [
    ("Annotated[str, Param(max_length=2000, pattern=r'^\\w+:\\S+$')] | None", " = None"),
    ("Annotated[str, Param(min_length=1, max_length=2000)]", ""),
    ("Mapped[PostStatus | None]", " = mapped_column(enum_type(PostStatus, name='status'))"),
    ("Mapped[int | None]", " = mapped_column(sa.ForeignKey('users.id', ondelete='SET NULL'))"),
    ("Mapped[User | None]", " = relationship(foreign_keys=[editor_id])"),
    ("dict[str, Any] | None", " = None"),
    ("Mapped[str]", ""),
]


def ruff_formatted(source: str) -> str:
    ruff = Path(sys.executable).with_name("ruff")
    options = ["format", "--isolated", "--line-length", "100", "-"]
    done = subprocess.run(
        [ruff, *options], input=source, capture_output=True, text=True, check=True
    )
    return done.stdout


def test_ruff_does_not_change_calls() -> None:
    source = formatted(STATEMENTS) + "\n"
    assert ruff_formatted(source) == source


@pytest.mark.parametrize(("annotation", "value"), DECLARATIONS)
def test_ruff_does_not_change_declarations_of_any_length(annotation: str, value: str) -> None:
    statements = [
        formatted(f"{'a' * length}: {annotation}{value}", indent=4) for length in range(1, 64)
    ]
    source = "class Post:\n" + textwrap.indent("\n".join(statements), "    ") + "\n"
    assert ruff_formatted(source) == source
