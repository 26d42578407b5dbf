"""What a streamed page needs of the session, before its response begins.

A session is sent with the header fields, and a page is rendered after them. So the templates that a
page consists of are looked at first: if they show messages, these are taken, and if they have a
token, the session gets its secret. Templates whose names are computed are not known here: they show
no messages, and a token in them is an error.
"""

from __future__ import annotations

from typing import Any, Final

from photon_runtime.http import Request

from .templates import Templates

STREAM_STATE: Final = "photon_templates.stream"
"""The key in `Request.state` of the functions that a streamed page has prepared, by name."""
_FUNCTIONS: Final = ("csrf_field", "csrf_headers", "csrf_token", "flashes", "locale")


def prepare_stream(request: Request, templates: Templates, name: str) -> None:
    """Call the functions of a page that change the session, and keep their results."""
    used = _functions(templates, name.partition("#")[0])
    functions: dict[str, Any] = templates.environment.globals
    if "t" in used:
        used.add("locale")
    request.state[STREAM_STATE] = {
        name: functions[name]() for name in _FUNCTIONS if name in used and name in functions
    }


def _functions(templates: Templates, name: str) -> set[str]:
    """Return the names of the functions that a template and those that it names call."""
    found: set[str] = set()
    names, seen = [name], {name}
    while names:
        file = names.pop()
        if file not in templates.loader.list_templates():
            continue  # an `include` of several names, of which one exists
        facts = templates.loader.facts(templates.environment, file)
        found.update(function for function, _ in facts.functions)
        for reference in facts.references:
            new = {each.partition("#")[0] for each in reference.names} - seen
            seen |= new
            names += new
    return found
