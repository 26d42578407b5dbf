"""`add_pages`: the handlers of the pages about jobs, and what their buttons do.

Theory of operation. The pages exist in development only. Each request reads a bounded part of the
store within a time limit. The page asks to be loaded again after a time that grows with the effort
of reading it, so that an open page costs the store a tenth of one connection at most.

A button sends a form, and the response is a redirect to the page with a code for what was done: a
text in the URL could be anybody's.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache, partial
from importlib import resources
from typing import Final
from urllib.parse import parse_qsl, urlencode

import photon_runtime as rt
from photon_runtime.forms import CsrfProtection
from photon_runtime.http import Handler, HttpError, Request, Response
from photon_runtime.logs import REPEATED_STATE
from photon_runtime.parts import Host

from .._tasks_settings import TasksSettings
from ..current import Tasks, current_tasks
from ..errors import NoTasks, StoreUnavailable
from ..records import JobFilter
from ._access import refusal
from ._job import job_page
from ._markup import Frame, text
from ._overview import Choice, Overview, overview_page

_REPEATED: Final = b"x-photon-refresh"
"""The header field of requests of the script; pages of other sites cannot send it."""
_HTML: Final = "text/html; charset=utf-8"
_POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_HEADERS: Final = {
    "content-security-policy": _POLICY,
    "cache-control": "no-store",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
}
_ASSETS: Final = {
    "jobs.css": "text/css; charset=utf-8",
    "jobs.js": "text/javascript; charset=utf-8",
}
_TIMEOUT: Final = 5.0
_SHORTEST_REFRESH: Final = 2.0
_REFRESH_SHARE: Final = 10
_MOST_FIELDS: Final = 20
_MOST_BODY: Final = 16 * 1024
_NOTICES: Final = {
    "requeued": "queued again",
    "purged": "removed",
    "cancelled": "cancelled",
}


def add_pages(host: Host, settings: TasksSettings) -> None:
    """Serve the pages at the path of the settings.

    Args:
        host: Host of the application's parts, in development mode.
        settings: The section ``[tasks]``.
    """
    base = settings.page
    csrf = cache(lambda: host.find_middleware(CsrfProtection))  # type: ignore[type-abstract]
    guard = partial(_guarded, allows_all=settings.page_clients == "all", csrf=csrf)
    host.page(base, guard(_overview))
    host.page(base, guard(_change_jobs, changes=True), methods=("POST",))
    host.page(f"{base}/{{job}}", guard(_job))
    host.page(f"{base}/{{job}}", guard(_change_job, changes=True), methods=("POST",))
    for name, kind in _ASSETS.items():
        host.page(f"{base}/{name}", partial(_asset, name, kind))


def _asset(name: str, kind: str, request: Request) -> Response:
    headers = {"cache-control": "no-cache", "x-content-type-options": "nosniff"}
    return Response(body=_file(name), content_type=kind, headers=headers)


@cache
def _file(name: str) -> bytes:
    return resources.files(__package__).joinpath(name).read_bytes()


def _guarded(
    page: Callable[[Request, Tasks, Frame], Response],
    *,
    allows_all: bool,
    csrf: Callable[[], CsrfProtection | None],
    changes: bool = False,
) -> Handler:
    """Return a handler that checks the access, and gives the page what it needs."""

    def handle(request: Request) -> Response:
        reason = refusal(request, allows_all=allows_all, changes=changes)
        if reason is not None:
            raise HttpError(403, reason)
        if request.raw_header(_REPEATED) is not None:
            request.state[REPEATED_STATE] = True
        frame = Frame(_base_of(request), _token(request, csrf()))
        try:
            tasks = current_tasks()
        except NoTasks:
            content = '<p class="empty">This application has no tasks yet.</p>\n'
            return _page(frame.page("Jobs", content))
        try:
            with rt.deadline(_TIMEOUT):
                return page(request, tasks, frame)
        except (StoreUnavailable, rt.DeadlineExceeded) as error:
            content = f'<p class="bad">The store of jobs does not respond: {text(error)}</p>\n'
            return _page(frame.page("Jobs", content), 503)

    return handle


def _base_of(request: Request) -> str:
    path = request.root_path + request.path
    return path.rpartition("/")[0] if request.path_values else path


def _token(request: Request, protection: CsrfProtection | None) -> tuple[str, str] | None:
    """Return the field that forms need if the application has protection against forgery."""
    if protection is None or not protection.enabled:
        return None
    try:
        return protection.field, protection.csrf_token(request)
    except RuntimeError:  # without sessions, whose middleware may be that of some routes only
        return None


def _page(body: str, status: int = 200) -> Response:
    return Response(status, body=body, content_type=_HTML, headers=_HEADERS)


# -- reading ------------------------------------------------------------------------------------


def _overview(request: Request, tasks: Tasks, frame: Frame) -> Response:
    values = _query(request)
    choice = Choice.of(values)
    begun = time.monotonic()
    found = Overview.read(tasks, choice)
    frame = _refreshed(frame, begun)
    return _page(overview_page(frame, tasks, found, choice, _notice(values)))


def _job(request: Request, tasks: Tasks, frame: Frame) -> Response:
    begun = time.monotonic()
    id_ = request.path_values[0]
    job = tasks.store.job(id_)
    if job is None:
        content = (
            f'<p class="empty">The job <code>{text(id_)}</code> does not exist, or is not kept any '
            "more.</p>\n"
        )
        return _page(frame.page("Jobs", content, notice=_notice(_query(request))), 404)
    steps = tasks.store.steps(id_)
    now = tasks.store.clock()
    return _page(job_page(_refreshed(frame, begun), job, steps, now, _notice(_query(request))))


def _refreshed(frame: Frame, begun: float) -> Frame:
    taken = time.monotonic() - begun
    return Frame(frame.base, frame.csrf, max(_SHORTEST_REFRESH, _REFRESH_SHARE * taken))


def _query(request: Request) -> dict[str, str]:
    return {name: values[-1] for name in request.query if (values := request.query.getlist(name))}


def _notice(values: dict[str, str]) -> str:
    for name, words in _NOTICES.items():
        count = values.get(name, "")
        if count.isascii() and count.isdecimal() and len(count) < 10:
            return f"{count} job{'' if count == '1' else 's'} {words}."
    return ""


# -- changing -----------------------------------------------------------------------------------


def _change_jobs(request: Request, tasks: Tasks, frame: Frame) -> Response:
    values = _form(request)
    choice = Choice.of(values)
    if choice.state is None:
        raise HttpError(400, "the form does not name the state of the jobs")
    return _changed(frame.base, tasks, values.get("action", ""), choice.filter(), choice.fields())


def _change_job(request: Request, tasks: Tasks, frame: Frame) -> Response:
    id_, action = request.path_values[0], _form(request).get("action", "")
    if action == "cancel":
        record = tasks.store.cancel(id_)
        return _redirect(f"{frame.base}/{id_}", cancelled=str(int(record is not None)))
    back = frame.base if action == "purge" else f"{frame.base}/{id_}"
    return _changed(back, tasks, action, JobFilter(ids=[id_]), {})


def _changed(
    back: str, tasks: Tasks, action: str, choice: JobFilter, fields: dict[str, str]
) -> Response:
    if action == "requeue":
        count = tasks.store.requeue(choice)
        tasks.note_delivery()
        return _redirect(back, **fields, requeued=str(count))
    if action == "purge":
        return _redirect(back, **fields, purged=str(tasks.store.purge(choice)))
    raise HttpError(400, f"the form has an unknown action: {action!r}")


def _redirect(path: str, **values: str) -> Response:
    return Response(303, headers={"location": f"{path}?{urlencode(values)}", **_HEADERS})


def _form(request: Request) -> dict[str, str]:
    """Return the fields of a form.

    Raises:
        HttpError: It is not one, or too large.

    Blocks: the calling task, until the body has been received.
    """
    kind = (request.headers.get("content-type") or "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise HttpError(415, "the page about jobs takes forms only")
    body = request.body
    if len(body) > _MOST_BODY:
        raise HttpError(413, "the form is too large")
    try:
        fields = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError as error:
        raise HttpError(400, "the form is invalid") from error
    return dict(fields)
