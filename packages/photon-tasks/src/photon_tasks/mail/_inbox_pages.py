"""The pages of development that show mails: a list, and a page for each mail.

They are plain HTML with one style sheet, and have no script. The HTML of a mail is not trusted: it
is a document of its own in a frame, and both the frame and a header of its response put it into a
sandbox without scripts, forms and access to the application. Links of a mail open in another tab.
"""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Callable, Sequence
from importlib import resources
from typing import Final

from photon_runtime.http import Handler, Request, Response
from photon_runtime.parts import Host

from ._inbox_access import refusal
from ._kept_mails import MAX_MAILS, KeptMails
from .addresses import Address
from .outgoing import OutgoingMail

_HTML: Final = "text/html; charset=utf-8"
_TEXT: Final = "text/plain; charset=utf-8"
_POLICY: Final = (
    "default-src 'none'; style-src 'self'; frame-src 'self'; frame-ancestors 'none'; "
    "base-uri 'none'; form-action 'none'"
)
_SANDBOX: Final = "allow-popups allow-popups-to-escape-sandbox"
_MAIL_POLICY: Final = (
    f"sandbox {_SANDBOX}; default-src 'none'; img-src * data:; font-src * data:; "
    "style-src * 'unsafe-inline'; form-action 'none'; frame-ancestors 'self'"
)
_PRIVATE: Final = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
_HEAD: Final = re.compile(r"<head[^>]*>", re.IGNORECASE)

PageOfMail = Callable[[str, OutgoingMail], Response]


def add_pages(host: Host, path: str, kept: KeptMails, *, allows_all: bool = False) -> None:
    """Serve the mails at a path, and below it.

    Args:
        host: The application.
        path: The path of the list.
        kept: The mails.
        allows_all: True if clients on other machines may see them.
    """

    def guarded(page: Handler) -> Handler:
        def handler(request: Request) -> Response:
            reason = refusal(request, allows_all=allows_all)
            return page(request) if reason is None else _response(reason, _TEXT, status=403)

        return handler

    name = path.rpartition("/")[2]
    css = resources.files(__package__).joinpath("inbox.css").read_bytes()
    host.page(f"{path}/inbox.css", lambda _: Response(body=css, content_type="text/css"))
    host.page(path, guarded(lambda _: _list(name, kept.mails())))
    pages: dict[str, PageOfMail] = {
        "": lambda key, mail: _page(_mail(name, key, mail), mail.subject),
        "/html": lambda key, mail: _content(mail),
        "/source": lambda key, mail: _response(mail.source(), _TEXT),
    }
    for ending, page in pages.items():
        host.page(f"{path}/{{key}}{ending}", guarded(_of_mail(kept, page)))
    host.page(f"{path}/{{key}}/files/{{number}}", guarded(lambda request: _file(request, kept)))


def _of_mail(kept: KeptMails, page: PageOfMail) -> Handler:
    def handler(request: Request) -> Response:
        key = request.path_values[0]
        mail = kept.find(key)
        return _missing() if mail is None else page(key, mail)

    return handler


def _file(request: Request, kept: KeptMails) -> Response:
    """Respond with an attachment, as a download."""
    key, number = request.path_values
    mail = kept.find(key)
    if mail is None or not number.isdecimal() or int(number) >= len(mail.attachments):
        return _missing()
    headers = {**_PRIVATE, "content-disposition": "attachment"}
    content = mail.attachments[int(number)].content
    return Response(body=content, content_type="application/octet-stream", headers=headers)


def _missing() -> Response:
    return _response("the mail is not kept any more", _TEXT, status=404)


def _response(body: str | bytes, content_type: str, *, status: int = 200) -> Response:
    return Response(status, body=body, content_type=content_type, headers=_PRIVATE)


def _page(content: str, title: str, *, below: str = "") -> Response:
    page = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{_escaped(title)}</title>
<link rel="stylesheet" href="{below}inbox.css">
</head>
<body>
{content}</body>
</html>
"""
    headers = {**_PRIVATE, "content-security-policy": _POLICY}
    return Response(body=page, content_type=_HTML, headers=headers)


def _list(name: str, mails: Sequence[tuple[str, OutgoingMail]]) -> Response:
    rows = "".join(
        f'<tr><td><a href="{name}/{key}">{_escaped(mail.subject) or "(no subject)"}</a></td>'
        f"<td>{_addresses((*mail.to, *mail.cc, *mail.bcc))}</td>"
        f"<td>{mail.date:%Y-%m-%d %H:%M:%S} UTC</td></tr>\n"
        for key, mail in mails
    )
    table = (
        "<table>\n<thead><tr><th>Subject</th><th>To</th><th>Date</th></tr></thead>\n"
        f"<tbody>\n{rows}</tbody>\n</table>\n"
    )
    content = table if rows else "<p>The application has not sent a mail yet.</p>\n"
    return _page(
        "<header><h1>Mails</h1>\n<p>In development, mails stay on this machine. These are the last "
        f"{MAX_MAILS}.</p></header>\n<main>\n{content}</main>\n",
        "Mails",
        below=f"{name}/",
    )


def _mail(name: str, key: str, mail: OutgoingMail) -> str:
    rows = [
        ("From", _addresses([mail.sender])),
        ("To", _addresses(mail.to)),
        ("Cc", _addresses(mail.cc)),
        ("Bcc", _addresses(mail.bcc)),
        ("Reply-To", _addresses(mail.reply_to)),
        ("Date", f"{mail.date:%Y-%m-%d %H:%M:%S} UTC"),
        ("Message-ID", _escaped(mail.message_id)),
        ("Return path", _escaped(mail.return_path)),
        ("Templates", _escaped(mail.template)),
        ("List-Unsubscribe", _escaped(mail.unsubscribe)),
        *((_escaped(each), _escaped(value)) for each, value in mail.headers.items()),
        ("Files", _files(key, mail)),
    ]
    facts = "".join(f"<dt>{label}</dt><dd>{value}</dd>\n" for label, value in rows if value)
    parts = [
        f'<header><p><a href="../{name}">All mails</a></p>\n'
        f"<h1>{_escaped(mail.subject) or '(no subject)'}</h1>\n<dl>\n{facts}</dl></header>\n",
        "<main>\n",
    ]
    if mail.html is not None:
        parts.append(
            f'<section><h2>HTML</h2>\n<iframe title="The HTML of the mail" src="{key}/html" '
            f'sandbox="{_SANDBOX}"></iframe></section>\n'
        )
    parts.append(f"<section><h2>Text</h2>\n<pre>{_escaped(mail.text)}</pre></section>\n")
    parts.append(f'<p><a href="{key}/source">Source</a></p>\n</main>\n')
    return "".join(parts)


def _files(key: str, mail: OutgoingMail) -> str:
    return ", ".join(
        f'<a href="{key}/files/{number}" download="{_escaped(each.name)}">{_escaped(each.name)}</a>'
        f" ({_escaped(each.media_type)}, {len(each.content)} bytes)"
        for number, each in enumerate(mail.attachments)
    )


def _content(mail: OutgoingMail) -> Response:
    """Respond with the HTML of a mail, in its sandbox."""
    page = mail.html or ""
    for each in mail.attachments:  # the document in the sandbox cannot load them
        if each.content_id and each.media_type.startswith("image/"):
            image = f"data:{each.media_type};base64,{base64.b64encode(each.content).decode()}"
            page = page.replace(f"cid:{each.content_id}", image)
    base = '<base target="_blank">'
    head = _HEAD.search(page)
    page = base + page if head is None else page[: head.end()] + base + page[head.end() :]
    headers = {**_PRIVATE, "content-security-policy": _MAIL_POLICY}
    return Response(body=page, content_type=_HTML, headers=headers)


def _addresses(addresses: Sequence[Address]) -> str:
    return ", ".join(
        f"{_escaped(each.name)} &lt;{_escaped(each.address)}&gt;"
        if each.name
        else _escaped(each.address)
        for each in addresses
    )


def _escaped(text: str) -> str:
    return html.escape(text)
