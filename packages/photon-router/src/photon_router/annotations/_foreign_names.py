"""Names of other packages in annotations, where Photon has one of the same meaning.

Theory of operation. An editor that completes ``Path`` or ``Request`` imports the one of `pathlib`
or of another framework as readily. Such a class is a value to the schema, or, if it is a mapping, a
JSON object; and ``Annotated[..., Depends(...)]`` of another framework means nothing to the router,
so the argument would become a parameter that clients set. So the names are refused where a value
comes from the request, with the name to import in their place. Values of dependencies may be of any
class.
"""

from __future__ import annotations

import typing
from collections.abc import Iterator, Mapping
from typing import Final

from photon_openapi.annotations import origin_of
from photon_openapi.schema import members_of
from photon_runtime.http import DescribedResponse

from ._types import Marker

_FRAMEWORKS: Final = frozenset(
    {
        *("aiohttp", "blacksheep", "bottle", "cherrypy", "connexion", "django", "falcon"),
        *("fastapi", "flask", "http", "httpx", "httpx2", "litestar", "ninja", "pathlib", "pyramid"),
        *("quart", "requests", "rest_framework", "robyn", "sanic", "starlette", "tornado"),
        *("urllib", "urllib3", "webob", "werkzeug"),
    }
)
"""Packages whose names are known; those of the standard library included."""

_WORDS: Final = frozenset(
    {"bottle", "falcon", "ninja", "pyramid", "quart", "requests", "sanic", "tornado"}
)
"""Those whose names a project may give to its own package; none of them has classes of values."""

_REQUEST: Final = "from photon import Request"
_RESPONSE: Final = "from photon import Response"
_UPLOAD: Final = "from photon import UploadFile"
_COOKIE: Final = "from photon import Cookie, and annotate it as Cookie[str]"

_NAMES: Final = {
    **dict.fromkeys(
        ("ASGIRequest", "BaseRequest", "HTTPConnection", "HttpRequest", "LocalRequest", "Request"),
        _REQUEST,
    ),
    **dict.fromkeys(("WSGIRequest",), _REQUEST),
    **dict.fromkeys(("BaseResponse", "HTTPResponse", "HttpResponse", "Response"), _RESPONSE),
    **dict.fromkeys(
        ("JSONResponse", "JsonResponse", "ORJSONResponse", "UJSONResponse"),
        "return the value itself, with its class as the annotation of the result",
    ),
    "HTMLResponse": "from photon import Html",
    "PlainTextResponse": "from photon import Text",
    "FileResponse": "from photon import File",
    **dict.fromkeys(
        ("RedirectResponse", "HttpResponseRedirect", "HttpResponsePermanentRedirect"),
        "from photon import Redirect",
    ),
    **dict.fromkeys(
        ("StreamingResponse", "StreamingHttpResponse", "StreamResponse"),
        "from photon import Stream",
    ),
    "EventSourceResponse": "from photon import EventStream",
    **dict.fromkeys(("FileField", "FileStorage", "UploadFile", "UploadedFile"), _UPLOAD),
    **dict.fromkeys(("BackgroundTask", "BackgroundTasks"), "from photon import BackgroundTasks"),
    **dict.fromkeys(
        ("WebSocket", "WebSocketResponse"), "from photon import WebSocket, for app.websocket"
    ),
    **dict.fromkeys(("BaseCookie", "Morsel", "SimpleCookie"), _COOKIE),
    **dict.fromkeys(("Headers", "HTTPMessage"), "use Request.headers, or Header[str] for one"),
    **dict.fromkeys(("FormData", "MultiDict"), "annotate each field as Form[str]"),
    "QueryParams": "annotate each parameter as Query[str]",
    "OAuth2PasswordRequestForm": "annotate the fields as Form[str]: username, password",
    "HTTPAuthorizationCredentials": "use security=[...] and CurrentUser[...]",
    "HTTPBasicCredentials": "use security=[...] and CurrentUser[...]",
    "SecurityScopes": "use security=[verifier.needs(...)]",
    "Session": "use app.provide, or the session middleware of photon_router.middleware",
    **{
        name: f"from photon import {name}, and annotate it as {name}[...]"
        for name in ("Body", "Cookie", "Form", "Header", "Path", "Query")
    },
    "Param": "from photon import Param",
    "File": _UPLOAD,
    "Depends": "from photon import Depends",
    "Security": "use security=[...] and CurrentUser[...], or photon's Depends",
}
"""What to write in place of a name of another framework."""

_PATHS: Final = frozenset(
    {"Path", "PosixPath", "PurePath", "PurePosixPath", "PureWindowsPath", "WindowsPath"}
)
_FILES: Final = frozenset(
    {
        *("BinaryIO", "BufferedReader", "BytesIO", "FileIO", "IO", "IOBase", "StringIO", "TextIO"),
        *("BufferedIOBase", "RawIOBase", "SpooledTemporaryFile", "TextIOBase", "TextIOWrapper"),
    }
)
_FILE_PACKAGES: Final = frozenset({"_io", "io", "tempfile", "typing"})
_MARKERS: Final = frozenset(
    {"Body", "Cookie", "Depends", "File", "Form", "Header", "Param", "Path", "Query", "Security"}
)


def foreign_marker(values: tuple[object, ...]) -> str | None:
    """Return the error of metadata or a default that only another framework knows."""
    for each in values:
        package, name = _origin(each)
        if package in _FRAMEWORKS - {"pathlib"} and name in _MARKERS:
            return _refusal(package, name)
    return None


def foreign_argument(type_: object) -> str | None:
    """Return the error of an argument that is annotated with a name of another package."""
    for each in _objects((type_,)):
        package, name = _origin(each)
        if package == "pathlib" and name in _PATHS:
            return (
                f"this {name} is pathlib's: for a parameter of the path, write from photon import "
                "Path and Path[...]; for a name of a file, take a str and check it"
            )
        if package in _FILE_PACKAGES and name in _FILES:
            return (
                f"a request has no {name}: write UploadFile for a file in a form, Body[bytes] for "
                "the body"
            )
        if _is_foreign(package, name, each):
            return _refusal(package, name)
        if isinstance(each, type) and issubclass(each, DescribedResponse):
            return _misplaced_response(name)
    return None


def _misplaced_response(name: str) -> str:
    if name == "File":
        return "a File is a response; an uploaded file is an UploadFile"
    return f"a handler returns a {name} and cannot take one as an argument"


def foreign_result(result: object) -> str | None:
    """Return the error of a result that is annotated with a name of another package."""
    for each in _objects((result,)):
        package, name = _origin(each)
        if package == "pathlib" and name in _PATHS:
            return (
                f"a {name} is not a response: for the content of the file, write -> File and "
                "return File(path), with the File of photon; for its name, return a str"
            )
        if package in _FILE_PACKAGES and name in _FILES:
            return f"{name} is not a response: write -> File, or -> Stream, of photon"
        if isinstance(each, Marker):
            return f"{each.name} is a source of arguments, not a result"
        if _is_foreign(package, name, each):
            return _refusal(package, name)
    return None


def _is_foreign(package: str, name: str, value: object) -> bool:
    if package == "email":
        return name in ("Header", "Message", "EmailMessage")
    if package in _WORDS and members_of(value) is not None:
        return False
    is_mapping = isinstance(value, type) and issubclass(value, Mapping)
    return package in _FRAMEWORKS and (name in _NAMES or is_mapping)


def _refusal(package: str, name: str) -> str:
    remedy = _NAMES.get(name)
    if remedy is None:
        return f"this {name} is of {package}, which has no meaning here"
    return f"this {name} is of {package}; in its place: {remedy}"


def _objects(parts: tuple[object, ...]) -> Iterator[object]:
    """Yield objects, the origins of types, and the arguments of types with their metadata."""
    for part in parts:
        yield origin_of(part) or part
        yield from _objects(typing.get_args(part))


def _origin(value: object) -> tuple[str, str]:
    """Return the first package and the name of a class or function, or of the class of a value."""
    named = value if isinstance(getattr(value, "__name__", None), str) else type(value)
    module = getattr(named, "__module__", None)
    package = module.partition(".")[0] if isinstance(module, str) else ""
    return package, str(getattr(named, "__name__", ""))
