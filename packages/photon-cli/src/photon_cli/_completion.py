"""``photon completion``: the script that completes commands and options in a shell."""

from __future__ import annotations

import click

_VARIABLE = "_PHOTON_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print a script that completes commands and options in a shell.

    Append it to ~/.bashrc or ~/.zshrc, or write it to ~/.config/fish/completions/photon.fish.

    Completing imports neither the application nor the settings.
    """
    from click.shell_completion import BashComplete, get_completion_class

    kind = get_completion_class(shell)
    if kind is None:
        raise click.ClickException(f"click has no completion for {shell}")
    script = kind(ctx.find_root().command, {}, "photon", _VARIABLE)
    if isinstance(script, BashComplete):  # its source() runs bash to see its version
        click.echo(script.source_template % script.source_vars())
    else:
        click.echo(script.source())
