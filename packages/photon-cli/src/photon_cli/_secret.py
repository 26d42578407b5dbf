"""``photon secret``: a new random secret."""

from __future__ import annotations

import secrets
import string

import click

_CHARACTERS = string.ascii_letters + string.digits + "-_"
"""Letters that need no quotes in TOML, shells, URLs and YAML; 6 bits each."""


@click.command()
@click.option(
    "--length",
    type=click.IntRange(32, 4096),
    default=64,
    show_default=True,
    help="Number of characters; each has 6 bits.",
)
def secret(length: int) -> None:
    """Print a new random secret, such as [middleware.sessions] requires."""
    first = secrets.choice(string.ascii_letters)  # a leading dash would be an option
    click.echo(first + "".join(secrets.choice(_CHARACTERS) for _ in range(length - 1)))
