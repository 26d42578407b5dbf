"""The functions that handlers call: `render_template`, `stream_template`, `render_mail`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from photon_runtime.http import Html, Request
from photon_runtime.observability import span

from ._before_stream import prepare_stream
from ._current import current_request, current_templates
from ._names import content_type_of
from ._streaming import TemplateBody
from .flash import restore_flashes, taken_count
from .negotiation import wants_fragment
from .templates import Templates

Headers: TypeAlias = Mapping[str, str] | Iterable[tuple[str, str]]


def render_template(
    name: str,
    context: Mapping[str, Any] | None = None,
    /,
    *,
    status: int = 200,
    fragment: str | None = None,
    headers: Headers = (),
    **values: Any,
) -> Html:
    """Render a template of the application.

    The result is a response; ``str()`` of it is the text, for code other than a handler.

    Args:
        name: Name of the template, such as ``posts/index.html``, or of a block of it,
            ``posts/index.html#rows``.
        context: The values that it uses, by name.
        status: The status code.
        fragment: Name of the block that is rendered in place of the page for requests of htmx that
            replace a part of a page.
        headers: Further header fields.
        values: Further values. Those with the name of an argument, such as ``status``, go into
            ``context``.

    Raises:
        TemplatesMissing: The calling code does not belong to an application with a `TemplatesPart`.
        TemplateNotFound: The template or the block does not exist.
        ValueError: ``name`` is a block, and there is a ``fragment``, too.
        TemplateError: It uses a value that is missing, or cannot be compiled.

    Blocks: not by itself; filters and values that the template uses may.
    """
    request = current_request()
    count = 0 if request is None else taken_count(request)
    try:
        with span("render", template=name):
            templates = current_templates()
            chosen = name if fragment is None else _chosen(templates, request, name, fragment)
            text = templates.render(chosen, context, **values)
    except Exception:
        if request is not None:
            restore_flashes(request, count)
        raise
    return Html(text, status=status, headers=headers, content_type=content_type_of(name))


def stream_template(
    name: str,
    context: Mapping[str, Any] | None = None,
    /,
    *,
    status: int = 200,
    headers: Headers = (),
    **values: Any,
) -> Html:
    """Render a template while the response is sent.

    Use it for long pages, and for pages whose beginning is useful before their end is known:
    ``{{ flush() }}`` sends what there is. The status and the header fields are sent before the
    template is rendered, so an error in the middle cannot change them: it is logged, and the
    connection is closed, so that the client sees an incomplete response.

    Args:
        name: Name of the template.
        context: The values that it uses, by name.
        status: The status code.
        headers: Further header fields.
        values: Further values.

    Raises:
        TemplatesMissing: The calling code does not belong to an application with a `TemplatesPart`.
        TemplateNotFound: The template does not exist.
    """
    templates, request = current_templates(), current_request()
    body = TemplateBody(templates, name, {**(context or {}), **values})
    if request is not None:
        prepare_stream(request, templates, name)
    return Html(body, status=status, headers=headers, content_type=content_type_of(name))


def _chosen(templates: Templates, request: Request | None, name: str, fragment: str) -> str:
    """Return the name of the page, or of the fragment that the current request wants.

    The fragment is loaded for both, so that an error in its name is found by the first client.
    """
    if "#" in name:
        raise ValueError(f"{name!r} is a block already: name the page beside `fragment`")
    block = f"{name}#{fragment}"
    templates.template(block)
    return name if request is None or not wants_fragment(request) else block
