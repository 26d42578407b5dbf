"""``.env``: variables of this machine, in a file beside photon.toml that git ignores.

A line is ``NAME=value``; a value may be in quotes, and nothing in it is replaced, so that the file
has the same meaning for ``docker run --env-file`` as long as it has no quotes. Lines that are empty
or begin with ``#`` are comments.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

_LINE = re.compile(
    r"(?:export\s+)?(?P<name>[A-Za-z_]\w*)\s*=\s*"
    r"(?:'(?P<single>[^']*)'|\"(?P<double>[^\"]*)\"|(?P<plain>[^'\"\s].*?)?)\s*",
    re.ASCII,
)


def read_env_file(path: Path) -> dict[str, str]:
    """Return the variables of a file; none if it does not exist.

    Raises:
        SettingsError: A line is not ``NAME=value``, or the file cannot be read; the message does
            not show values.
    """
    try:
        lines = path.read_text("utf-8").splitlines()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} cannot be read: {error}") from error
    variables: dict[str, str] = {}
    for number, line in enumerate(map(str.strip, lines), 1):
        if not line or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise SettingsError(
                f"{path}:{number}: a line is NAME=value, NAME='value' or a comment after #"
            )
        variables[match["name"]] = match["single"] or match["double"] or match["plain"] or ""
    return variables
